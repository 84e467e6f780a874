"""`shoal bench tone`: tones against what people said of the same texts, and how many texts a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import polars as pl

from shoal.bench.job import measure
from shoal.bench.measured import Measured
from shoal.bench.real_data import ABSENT, find_data
from shoal.bench.report import Ratio, Report, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.definitions.enriching import Enriching
from shoal.enrich import Enricher, ToneModel, Vader
from shoal.enrich.english import is_clearly_not_english
from shoal.simulation.chance import Chance
from shoal.simulation.texts import MOTIVES, text_of

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
CLEARLY = 0.05
"""The authors of VADER take a tone from here on as positive, and from minus it on as negative."""

EVENTS_PER_TEXT = 500
TEXTS_AT_ONCE = 500
TONE, ALL = "tone", "tone and motive of events"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts with what people said of each: one or more of some words."""

    texts: list[str]
    labels: list[frozenset[str]]


def classed(tone: float | None) -> str:
    """A tone in a word. A text without one is neutral."""
    if tone is None or abs(tone) < CLEARLY:
        return NEUTRAL
    return POSITIVE if tone > 0 else NEGATIVE


# Data


def sentences(path: Path) -> Labelled:
    """UCI: a sentence and 1 or 0 on each line."""
    lines = [line.rsplit("\t", 1) for line in path.read_text("utf-8").split("\n") if line.strip()]
    return Labelled(
        [text.strip() for text, _ in lines],
        [frozenset({POSITIVE if label.strip() == "1" else NEGATIVE}) for _, label in lines],
    )


def comments(folder: Path) -> Labelled:
    """GoEmotions in four groups: a comment, the numbers of its groups, an id."""
    groups = (folder / "labels.txt").read_text("utf-8").split()
    rows = [line.split("\t") for line in (folder / "dev.tsv").read_text("utf-8").split("\n") if line]
    labels = [frozenset(groups[int(number)] for number in numbers.split(",")) for _, numbers, _ in rows]
    return Labelled([text for text, _, _ in rows], labels)


def posts(path: Path) -> Labelled:
    """Senti4SD: an id, a word and a post of developers."""
    rows = [line.split(";", 2) for line in path.read_text("utf-8").split("\n") if line]
    return Labelled([text for _, _, text in rows], [frozenset({word}) for _, word, _ in rows])


SETS: dict[str, tuple[str, Callable[[Path], Labelled]]] = {
    "amazon": ("uci_sentences/amazon_cells_labelled.txt", sentences),
    "imdb": ("uci_sentences/imdb_labelled.txt", sentences),
    "goemotions": ("goemotions/sentiment_group", comments),
    "senti4sd": ("senti4sd/train3098itemPOLARITY.csv", posts),
}
FLOORS = {"amazon": 0.845, "imdb": 0.796}
"""Plain VADER, as published with these sets."""

# Judging


def judged(data: Labelled, model: ToneModel) -> dict[str, float]:
    """How a model does on labelled texts.

    `accuracy` where texts have one label: of two classes, what is not positive counts as negative. `macro F1` is
    the mean over the classes; one that a tone cannot name, such as ambiguous, has 0.
    """
    tones = model.tones(data.texts)
    words = [classed(tone) for tone in tones]
    classes = sorted(frozenset.union(*data.labels))
    if NEUTRAL not in classes:
        words = [word if word == POSITIVE else NEGATIVE for word in words]
    spoken = [place for place, tone in enumerate(tones) if tone is not None]
    found = {
        "texts": float(len(tones)),
        "share with a tone": len(spoken) / len(tones),
        "share taken for another language": sum(map(is_clearly_not_english, data.texts)) / len(tones),
        "macro F1": sum(f1(data.labels, words, each) for each in classes) / len(classes),
    }
    if all(len(labels) == 1 for labels in data.labels):
        found["accuracy"] = _accuracy(data.labels, words, range(len(words)))
        found["accuracy of those with a tone"] = _accuracy(data.labels, words, spoken)
    else:
        named = [each for each in classes if each in (POSITIVE, NEUTRAL, NEGATIVE)]
        found["macro F1 of the three it can name"] = sum(f1(data.labels, words, each) for each in named) / 3
    return found


def f1(labels: list[frozenset[str]], words: list[str], each: str) -> float:
    """The harmonic mean of precision and recall of one class."""
    hits = sum(word == each and each in label for label, word in zip(labels, words, strict=True))
    said, true = words.count(each), sum(each in label for label in labels)
    return 2 * hits / (said + true) if said + true else 0.0


def _accuracy(labels: Sequence[frozenset[str]], words: Sequence[str], places: Sequence[int]) -> float:
    return sum(words[place] in labels[place] for place in places) / len(places)


# Measuring


def run(sizes: Sizes, told: Told) -> Report:
    """Every set that is there, and the speed on drawn texts, a 500th as many as there are events."""
    count = max(sizes.events // EVENTS_PER_TEXT, TEXTS_AT_ONCE)
    folder, figures, ratios = find_data("tone"), dict[str, float](), list[Ratio]()
    for name, found in judged_sets(folder, told) if folder else ():
        figures |= {f"{name}: {what}": value for what, value in found.items()}
        if name in FLOORS:
            ratios.append(Ratio(what=f"accuracy on {name}", value=found["accuracy"], target=FLOORS[name]))
    runs = []
    for repeat in range(sizes.repeats):
        told(f"reading texts, {repeat + 1} of {sizes.repeats}")
        runs.append(measure("shoal.bench.tone:measure_speed", threads=1, count=count, seed=sizes.seed))
    return begin_report(
        "tone",
        f"{count:,} texts",
        agreed=[],
        rows=list(rows_of("shoal", 1, runs, unit="texts", count=count)),
        ratios=ratios,
        figures=figures,
        skipped={} if folder else {"labelled texts": ABSENT},
    )


def judged_sets(folder: Path, told: Told = lambda _: None) -> Iterator[tuple[str, dict[str, float]]]:
    """VADER on each set of a folder."""
    for name, (place, read) in SETS.items():
        told(f"reading {name}")
        yield name, judged(read(folder / place), Vader())


def measure_speed(count: int, seed: int) -> Measured:
    """Tones of texts alone, and of events in frames as the live engine has them. No two texts are the same."""
    texts, watch, model = _drawn(count, seed), Stopwatch(), Vader()
    enricher = Enricher(Enriching(texts={"Message Sent": "body"}))
    model.tones(texts[:10])
    with watch(TONE):
        model.tones(texts)
    with watch(ALL):
        for begin in range(0, count, TEXTS_AT_ONCE):
            part = texts[begin : begin + TEXTS_AT_ONCE]
            enricher.enrich(pl.DataFrame({"name": ["Message Sent"] * len(part), "properties.body:text": part}))
    return watch.measured()


def _drawn(count: int, seed: int) -> list[str]:
    chance = Chance(seed)
    motives = islice(cycle(MOTIVES), count)
    return [f"{text_of(chance, each, chance.between(-1, 1))} ({number})" for number, each in enumerate(motives)]
