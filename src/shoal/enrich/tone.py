"""Tone: how positive or negative a text is, from -1 to 1, by whichever model reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from shoal.enrich.english import is_clearly_not_english

LONGEST_TEXT = 2_000
"""So many characters of a text are read: a longer one would take time with the square of its length."""


class ToneModel(Protocol):
    """Reads the tone of texts. `version` is another when the same text may get another tone."""

    @property
    def version(self) -> str: ...

    def tones(self, texts: Sequence[str]) -> list[float | None]:
        """The tone of each text, -1 to 1; None where the model cannot say. The same texts get the same tones."""
        ...


class Vader:
    """VADER: a lexicon of English words with rules for negation, degree, capitals and emoji. Light and quick.

    A text without any word of the lexicon has no tone: VADER would say 0, but it says nothing. A text in which
    good and bad words balance has a tone of 0. A text that is clearly not English has none.

    Hutto and Gilbert: VADER, A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text (2014).
    """

    version = "vader 3.3.2"

    def tones(self, texts: Sequence[str]) -> list[float | None]:
        return [self._tone(text[:LONGEST_TEXT]) for text in texts]

    @staticmethod
    def _tone(text: str) -> float | None:
        if is_clearly_not_english(text):
            return None
        scores = _analyzer().polarity_scores(text)
        is_silent = scores["compound"] == scores["pos"] == scores["neg"] == 0
        return None if is_silent else float(scores["compound"])


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
