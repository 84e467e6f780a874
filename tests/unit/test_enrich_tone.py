"""Tone and motive of texts, and texts that are not English."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from shoal.definitions.enriching import Enriching
from shoal.enrich import Enricher, Lexicon, ToneModel, Vader, read_lexicon, shipped_lexicon
from shoal.enrich.english import is_clearly_not_english
from shoal.enrich.motives import Found
from shoal.errors import DefinitionError

CHATS = Enriching(texts={"Message Sent": "body", "Product Reviewed": "review.text"})

NOT_ENGLISH = (
    "Das ist wirklich sehr gut, ich bin zufrieden.",
    "Die Lieferung war zu spät und die Qualität ist schlecht.",
    "C'est vraiment très bien, je suis content.",
    "Je ne recommande pas ce produit.",
    "Es muy bueno y estoy contento con la compra.",
    "È davvero un ottimo prodotto, sono contento.",
    "O produto não é bom.",
    "Het is een heel goed product en ik ben blij.",
    "Jag är inte nöjd.",
    "Nie jestem zadowolony.",
    "Hiç memnun değilim, berbat.",
    "Ez egy nagyon jó termék.",
    "Очень хороший продукт",
    "很好的产品",
    "とても良い",
    "منتج جيد جدا",
)
ENGLISH = (
    "A great film by a great director.",
    "Barney is definitely super DE duper.",
    "Oh la la",
    "The café in São Paulo was lovely.",
    "lol",
    "👍👍",
    "",
    "12345 !!!",
    "Five star Plus, plus.",
)


@pytest.mark.parametrize("text", NOT_ENGLISH)
def test_a_text_in_another_language_has_no_tone(text: str) -> None:
    """VADER would read `die` and `war` as English; unknown is missing, not 0."""
    assert is_clearly_not_english(text)
    assert Vader().tones([text]) == [None]


@pytest.mark.parametrize("text", ENGLISH)
def test_names_and_short_words_do_not_make_a_text_foreign(text: str) -> None:
    """What is not clearly another language is read."""
    assert not is_clearly_not_english(text)


def test_tone_is_from_bad_to_good() -> None:
    """Emoji and negation are read."""
    tones = Vader().tones(["I love it!", "This is terrible.", "not good", "🙁"])

    assert [tone is not None and (-1 <= tone <= 1) and (tone > 0) for tone in tones] == [True, False, False, False]


def test_a_text_without_any_known_word_has_no_tone() -> None:
    """VADER's 0 for it means that it says nothing. A balance of good and bad is a tone of about 0."""
    silent, empty, balanced = Vader().tones(["What is it made of?", "", "It was good, it was bad."])

    assert silent is None
    assert empty is None
    assert balanced is not None
    assert abs(balanced) < 0.3


def test_a_long_text_is_read_in_its_beginning() -> None:
    """Also one that is made to take long."""
    assert Vader().tones(["good word " * 100_000]) == Vader().tones([("good word " * 300)[:2000]])


def test_a_motive_has_its_evidence() -> None:
    """The motive with most words, each once; of equal ones the first that is named."""
    lexicon = shipped_lexicon()

    assert lexicon.find("Too expensive, EXPENSIVE, and hidden fees") == Found("price", ("expensive", "fees"))
    assert lexicon.find("Poor quality at that price") == Found("quality", ("quality",))
    assert lexicon.find("Is it good   value?") == Found("price", ("good value",))
    assert lexicon.find("Nice colour") is None
    assert lexicon.find("") is None


def test_a_word_counts_only_whole() -> None:
    """Unless it ends in a star."""
    lexicon = Lexicon({"price": ("fee", "cheap*")})

    assert lexicon.find("coffee and feeling") is None
    assert lexicon.find("the cheapest one") == Found("price", ("cheapest",))


def test_a_lexicon_of_ones_own_may_be_in_any_language() -> None:
    """Its words are read in every text, English or not."""
    lexicon = read_lexicon("preis:\n  - günstig*\n  - zu teuer\n", "motives.yaml")

    assert lexicon.find("Das ist mir ZU TEUER") == Found("preis", ("zu teuer",))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "motives.yaml:1 SH080 motives.yaml is no lexicon"),
        ("- price\n- quality\n", "motives.yaml:1 SH080 motives.yaml is no lexicon"),
        ("price: expensive\n", "motives.yaml:1 SH080 motive price is no list"),
        ("price:\n  - 'a|b'\n", 'motives.yaml:2 SH080 "a|b" of motive price is no word'),
        ("price:\n  - '*'\n", 'motives.yaml:2 SH080 "*" of motive price is no word'),
        ("price:\n  - deal\nquality:\n  - Deal\n", 'motives.yaml:4 SH080 "deal" belongs to motive price already'),
        ("price:\n  - [deal]\n", "motives.yaml:2 SH080 motive price lists what is no word"),
        ("price: [deal\n", "motives.yaml:2 SH012"),
    ],
)
def test_a_lexicon_that_cannot_be_read_says_where(text: str, place: str) -> None:
    """Every problem with its line."""
    with pytest.raises(DefinitionError) as caught:
        read_lexicon(text, "motives.yaml")

    assert str(caught.value.problems[0]).replace(": SH", " SH").startswith(place)


def frame(**fields: list[object]) -> pl.DataFrame:
    """Messages, reviews and other events with the same property."""
    names = ["Message Sent", "Note Taken", "Message Sent", "Message Sent"]
    texts = ["I love the quality!", "I love it", "Ich bin nicht zufrieden mit dem Service", None]
    columns = {"name": names, "properties.body:text": texts, **fields}
    return pl.DataFrame(columns, schema_overrides={"properties.body:text": pl.String})


def test_named_texts_have_tone_and_motive() -> None:
    """Only those of the events that the workspace names; the text itself goes."""
    enriched = Enricher(CHATS).enrich(frame())

    assert enriched["properties.tone:number"].is_not_null().to_list() == [True, False, False, False]
    assert enriched["properties.motive:text"].to_list() == ["quality", None, "service", None]
    assert enriched["properties.motive_evidence:items"].to_list() == ['["quality"]', None, '["service"]', None]
    assert enriched["properties.body:text"].to_list() == [None, "I love it", None, None]


def test_a_text_stays_when_the_workspace_says_so() -> None:
    """`keep_texts: true`"""
    kept = Enricher(Enriching(texts=CHATS.texts, keep_texts=True)).enrich(frame())

    assert kept["properties.body:text"].to_list() == frame()["properties.body:text"].to_list()


def test_a_stated_tone_and_motive_stand() -> None:
    """Also one of another type; evidence is only added to a motive of ours."""
    stated = frame(
        **{
            "properties.tone:text": ["warm", None, None, None],
            "properties.motive:text": ["trust", None, None, None],
        }
    )
    enriched = Enricher(CHATS).enrich(stated)

    assert "properties.tone:number" not in enriched.columns
    assert enriched["properties.motive:text"].to_list() == ["trust", None, "service", None]
    assert enriched["properties.motive_evidence:items"].to_list() == [None, None, '["service"]', None]


def test_another_model_can_read_the_tone() -> None:
    """Anything with `tones` and a version; it is given each text once."""

    class Shouting:
        version = "shouting 1"

        def __init__(self) -> None:
            self.asked: list[str] = []

        def tones(self, texts: Sequence[str]) -> list[float | None]:
            self.asked += texts
            return [1.0 if text.isupper() else None for text in texts]

    model = Shouting()
    as_protocol: ToneModel = model
    texts = pl.DataFrame({"name": ["Message Sent"] * 3, "properties.body:text": ["HEY", "HEY", "hey"]})
    enricher = Enricher(CHATS, tone_model=as_protocol)
    enriched = enricher.enrich(texts)

    assert enriched["properties.tone:number"].to_list() == [1.0, 1.0, None]
    assert model.asked == ["HEY", "hey"]
    assert enricher.fingerprint != Enricher(CHATS).fingerprint
