"""Tones against what people said of the same texts: never worse than plain VADER is known to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shoal.bench.tone import FLOORS, SETS, judged
from shoal.enrich import Vader

Data = Callable[[str], Path]

LEAST = {
    "amazon": {"accuracy": FLOORS["amazon"], "share with a tone": 0.78, "accuracy of those with a tone": 0.89},
    "imdb": {"accuracy": FLOORS["imdb"], "share with a tone": 0.83, "accuracy of those with a tone": 0.84},
    "goemotions": {"macro F1": 0.43, "macro F1 of the three it can name": 0.57},
    "senti4sd": {"accuracy": 0.72, "macro F1": 0.71},
}


@pytest.mark.parametrize("name", SETS)
def test_tones_agree_with_people(name: str, shared_data: Data) -> None:
    """As well as when this was written; nothing here was tuned to these texts."""
    place, read = SETS[name]
    found = judged(read(shared_data("tone") / place), Vader())

    assert {what: found[what] for what, least in LEAST[name].items() if found[what] < least} == {}


@pytest.mark.parametrize("name", SETS)
def test_english_is_taken_for_english(name: str, shared_data: Data) -> None:
    """All of these texts are English; at most one in a thousand is left without a tone for its language."""
    place, read = SETS[name]

    assert judged(read(shared_data("tone") / place), Vader())["share taken for another language"] <= 0.001
