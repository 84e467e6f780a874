"""Enrichment as a workspace asks for it: settings, files, bots."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from shoal.definitions.enriching import Enriching
from shoal.definitions.settings_file import read_settings
from shoal.definitions.workspace import load_workspace
from shoal.enrich import Enricher, check_enriching, enricher_of
from shoal.errors import DefinitionError
from shoal.model.frame import STORED_ENVELOPE

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0"


def workspace(folder: Path, settings: str, **files: bytes | str) -> Path:
    """A workspace with these settings and files."""
    (folder / "shoal.yaml").write_text(settings)
    for name, content in files.items():
        (folder / f"{name}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_the_settings_are_read() -> None:
    """All of them; a property may be written with or without its root."""
    file, problems = read_settings(
        "enrich:\n  bots: include\n  place_database: city.mmdb\n  keep_address: true\n  keep_texts: true\n"
        "  motives: motives.yaml\n  texts:\n    Message Sent: properties.body\n    Product Reviewed: review.text\n"
    )

    assert problems == []
    assert file.enriching == Enriching(
        bots="include",
        place_database="city.mmdb",
        keep_address=True,
        keep_texts=True,
        motives="motives.yaml",
        texts={"Message Sent": "body", "Product Reviewed": "review.text"},
    )


def test_nothing_said_is_as_shipped() -> None:
    """Bots are kept out, addresses and named texts are not kept."""
    assert read_settings("name: Shop\n")[0].enriching == read_settings("enrich:\n")[0].enriching == Enriching()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("enrich: yes\n", "shoal.yaml:1: SH023 enrich of shoal.yaml holds keys and values"),
        ("enrich:\n  bot: include\n", "shoal.yaml:2: SH023 enrich has no key bot (did you mean bots?)"),
        ("enrich:\n  bots: maybe\n", 'shoal.yaml:2: SH023 bots of enrich cannot be "maybe"'),
        ("enrich:\n  keep_texts: often\n", "shoal.yaml:2: SH023 keep_texts of enrich is true or false"),
        ("enrich:\n  texts: body\n", "shoal.yaml:2: SH023 texts of enrich holds keys and values"),
        ("enrich:\n  texts: {Message Sent: [a]}\n", "shoal.yaml:2: SH023 Message Sent of texts is a text"),
        ("enrich:\n  texts: {Message Sent: ''}\n", "shoal.yaml:2: SH023 texts names no property of Message Sent"),
        ("enrich:\n  place_database: [a]\n", "shoal.yaml:2: SH023 place_database of enrich is a text"),
    ],
)
def test_a_wrong_setting_says_where(settings: str, problem: str) -> None:
    """And keeps what is shipped."""
    file, problems = read_settings(settings)

    assert [str(each)[: len(problem)] for each in problems] == [problem]
    assert file.enriching == Enriching()


@pytest.mark.parametrize(
    ("settings", "files", "problem"),
    [
        ("  motives: none.yaml\n", {}, "shoal.yaml:2: SH081"),
        ("  motives: mine.yaml\n", {"mine": b"\xff\xfe\x00"}, "shoal.yaml:2: SH081"),
        ("  motives: mine.yaml\n", {"mine": b"#" * 1_000_001}, "shoal.yaml:2: SH081"),
        ("  motives: mine.yaml\n", {"mine": "price: cheap\n"}, "mine.yaml:1: SH080"),
        ('  motives: "a\\0b"\n', {}, "shoal.yaml:2: SH081"),
        ("  bots: include\n  place_database: none.mmdb\n", {}, "shoal.yaml:3: SH081"),
        ("  place_database: mine.yaml\n", {"mine": "no database"}, "shoal.yaml:2: SH081"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem(
    tmp_path: Path, settings: str, files: dict[str, bytes | str], problem: str
) -> None:
    """`shoal check` tells it, and the enricher of the workspace is refused for the same reason."""
    loaded = load_workspace(workspace(tmp_path, f"enrich:\n{settings}", **files))

    assert [str(each)[: len(problem)] for each in check_enriching(loaded)] == [problem]
    with pytest.raises(DefinitionError) as caught:
        enricher_of(loaded)
    assert list(caught.value.problems) == check_enriching(loaded)


def test_the_enricher_of_a_workspace_does_what_it_says(tmp_path: Path) -> None:
    """Its own motives, and its own websites as internal."""
    settings = (
        "sources:\n  site: {write_key: a, origins: ['https://blog.example']}\n"
        "enrich:\n  motives: mine.yaml\n  texts: {Message Sent: body}\n"
    )
    loaded = load_workspace(workspace(tmp_path, settings, mine="colour:\n  - red*\n"))
    frame = pl.DataFrame(
        {
            "name": ["Message Sent"],
            "properties.body:text": ["Something reddish, at a good price"],
            "context.page.url:text": ["https://shop.example/"],
            "context.page.referrer:text": ["https://blog.example/post"],
        }
    )
    assert check_enriching(loaded) == []
    enriched = enricher_of(loaded).enrich(frame)

    assert enriched["properties.motive:text"].to_list() == ["colour"]
    assert enriched["context.referrer.type:text"].to_list() == ["internal"]


def visits() -> pl.DataFrame:
    """A person, a bot, one that says that it is no bot, and one of which nothing is known."""
    return pl.DataFrame(
        {
            "name": ["Page Viewed"] * 4,
            "context.userAgent:text": [EDGE, GOOGLEBOT, GOOGLEBOT, None],
            "context.is_bot:truth": [None, None, False, None],
        }
    )


def test_bots_are_kept_out() -> None:
    """What the frame is shorter by are the events of bots; the sender's own word stands."""
    enriched = Enricher().enrich(visits())

    assert enriched["context.userAgent:text"].to_list() == [EDGE, GOOGLEBOT, None]
    assert enriched["context.device.type:text"].to_list() == ["desktop", "bot", None]


def test_bots_are_marked_when_the_workspace_includes_them() -> None:
    """So that a definition can tell them."""
    enriched = Enricher(Enriching(bots="include")).enrich(visits())

    assert enriched["context.is_bot:truth"].to_list() == [None, True, False, None]


def test_a_frame_without_anything_to_know_stays_as_it_is() -> None:
    """Also one without events."""
    frame = pl.DataFrame({"name": ["Order Completed"], "properties.revenue:number": [3.0]})
    empty = pl.DataFrame(
        schema={**STORED_ENVELOPE, "context.userAgent:text": pl.String, "context.ip:text": pl.String}
    )

    assert Enricher(Enriching(texts={"Order Completed": "note"})).enrich(frame).equals(frame)
    assert Enricher(Enriching(texts={"Order Completed": "note"})).enrich(empty).is_empty()


def test_the_fingerprint_follows_what_is_asked() -> None:
    """Equal for equal settings, another for others."""
    stated = (Enriching(), Enriching(bots="include"), Enriching(texts={"A": "b"}), Enriching(keep_texts=True))
    fingerprints = [Enricher(each).fingerprint for each in stated]

    assert len(set(fingerprints)) == len(fingerprints)
    assert Enricher().fingerprint == fingerprints[0]
