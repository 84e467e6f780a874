"""The benchmarks of enrichment: how tones are judged, and that they run, with real data and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoal.bench import Sizes, run_subject
from shoal.bench.real_data import VARIABLE, find_data
from shoal.bench.tone import Labelled, classed, comments, f1, judged, posts, sentences
from shoal.enrich import Vader

TINY = Sizes(events=3_000, profiles=60, repeats=1)


def test_a_tone_is_a_word() -> None:
    """From .05 on it is positive; without one a text is neutral."""
    assert [classed(tone) for tone in (0.05, 0.049, -0.05, 0.0, None)] == [
        "positive",
        "neutral",
        "negative",
        "neutral",
        "neutral",
    ]


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    """Two of three said are right, two of four true are found: 2 * (2/3 * 1/2) / (2/3 + 1/2)."""
    labels = [frozenset({each}) for each in ("a", "a", "a", "a", "b")]

    assert f1(labels, ["a", "a", "b", "b", "a"], "a") == pytest.approx(4 / 7)
    assert f1(labels, ["b"] * 5, "c") == 0


def test_without_neutral_texts_what_is_not_positive_is_negative() -> None:
    """A text without a tone, too; it is left out of the accuracy of those with one."""
    data = Labelled(
        ["I love it", "What a waste, terrible", "It stopped after a week", "The chair"],
        [frozenset({label}) for label in ("positive", "negative", "negative", "positive")],
    )
    found = judged(data, Vader())

    assert found["accuracy"] == 0.75
    assert found["share with a tone"] == 0.75
    assert found["accuracy of those with a tone"] == 1.0


def test_texts_are_read_as_they_are_published(tmp_path: Path) -> None:
    """Three formats, labels as words."""
    (tmp_path / "uci.txt").write_text("Good\tor bad. \t1\n\nNo.\t0\n")
    (tmp_path / "labels.txt").write_text("ambiguous\nnegative\n")
    (tmp_path / "dev.tsv").write_text("Hm\t0,1\tid\n")
    (tmp_path / "posts.csv").write_text("t1;positive;Thanks; it works\n")

    assert sentences(tmp_path / "uci.txt") == Labelled(
        ["Good\tor bad.", "No."], [frozenset({"positive"}), frozenset({"negative"})]
    )
    assert comments(tmp_path) == Labelled(["Hm"], [frozenset({"ambiguous", "negative"})])
    assert posts(tmp_path / "posts.csv") == Labelled(["Thanks; it works"], [frozenset({"positive"})])


def test_without_data_only_times_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was skipped, and how to say where it is."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    tone, devices = run_subject("tone", TINY), run_subject("devices", TINY)

    assert [row.step for row in tone.rows] == ["tone", "tone and motive of events"]
    assert (tone.ratios, tone.figures, devices.rows) == ([], {}, [])
    assert VARIABLE in tone.skipped["labelled texts"]
    assert VARIABLE in devices.skipped["devices"]


def test_data_lies_where_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else beside the folder in which one is."""
    (tmp_path / "shared" / "data" / "tone").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path / "project")

    assert find_data("tone") == tmp_path / "shared" / "data" / "tone"
    assert find_data("none") is None
