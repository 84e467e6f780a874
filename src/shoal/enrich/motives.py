"""Motives: what a text is about (its price, its quality), by a lexicon that the user can edit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from shoal.definitions.yaml_lines import Fields, Several, Text, read_entries
from shoal.errors import DefinitionError, Problem

WRONG_LEXICON = "SH080"
LONGEST_ENTRY = 100
MOST_ENTRIES = 5_000
SHIPPED_FILE = "motives.yaml"

_ENTRY = re.compile(r"[^\W_](?:[\w'’ -]*[\w'’])?\*?")


@dataclass(frozen=True, slots=True)
class Found:
    """The motive of a text, with the words that speak for it: each once, in their order."""

    motive: str
    evidence: tuple[str, ...]


class Lexicon:
    """Words and phrases of each motive; one that ends in `*` stands for all words that begin so."""

    def __init__(self, entries: Mapping[str, tuple[str, ...]]) -> None:
        self.entries = entries
        self._patterns = {motive: _pattern(words) for motive, words in entries.items() if words}

    @property
    def version(self) -> str:
        return repr(sorted(self.entries.items()))

    def find(self, text: str) -> Found | None:
        """The motive with most words in the text; of equal ones that which is named first. None when none is."""
        found = [self._found(motive, text) for motive in self._patterns]
        spoken = [each for each in found if each is not None]
        if not spoken:
            return None
        count, _, motive, evidence = min(spoken)
        assert count < 0
        return Found(motive, evidence)

    def _found(self, motive: str, text: str) -> tuple[int, int, str, tuple[str, ...]] | None:
        matches = list(self._patterns[motive].finditer(text))
        words = tuple(dict.fromkeys(" ".join(match.group().lower().split()) for match in matches))
        return (-len(words), matches[0].start(), motive, words) if matches else None


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    alternatives = "|".join(
        re.escape(word.removesuffix("*")).replace(r"\ ", r"\s+") + (r"\w*" if word.endswith("*") else "")
        for word in longest_first
    )
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)


def shipped_lexicon() -> Lexicon:
    """The motives that come with Shoal: price, quality, trust, convenience and service, in English."""
    return read_lexicon(resources.files("shoal.enrich").joinpath(SHIPPED_FILE).read_text("utf-8"), SHIPPED_FILE)


def read_lexicon(text: str, path: str) -> Lexicon:
    """The lexicon of a file. Raises DefinitionError with every problem of it."""
    entries, problems = read_entries(text, path)
    if len(entries) == 1 and isinstance(entries[0], Fields):
        reading = _Reading(path, problems)
        lexicon = Lexicon({motive: tuple(reading.words(motive, below)) for motive, below in _each(entries[0])})
    elif not problems:
        message = f"{path} is no lexicon of motives"
        problems.append(_problem(message, path, 1, "write each motive with a list of its words"))
    if problems:
        raise DefinitionError(problems)
    return lexicon


def _each(fields: Fields) -> Iterator[tuple[str, object]]:
    yield from fields.entries.items()


def _problem(message: str, path: str, line: int, hint: str = "") -> Problem:
    return Problem(code=WRONG_LEXICON, message=message, hint=hint, path=path, line=line)


class _Reading:
    """One reading of a lexicon; what is wrong is noted and left out."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self.path, self.problems = path, problems
        self._motive_of: dict[str, str] = {}

    def words(self, motive: str, below: object) -> Iterator[str]:
        if not isinstance(below, Several):
            line = getattr(below, "line", 1)
            self.problems.append(_problem(f"motive {motive[:80]} is no list of words", self.path, line))
            return
        for entry in below.entries:
            if not isinstance(entry, Text) or entry.is_nothing:
                self._note(f"motive {motive[:80]} lists what is no word", entry.line)
                continue
            word = " ".join(entry.text.lower().split())
            if len(word) > LONGEST_ENTRY or not _ENTRY.fullmatch(word):
                hint = "letters, digits, spaces, hyphens and apostrophes, and * at the end of a word"
                self._note(f'"{word[:80]}" of motive {motive[:80]} is no word', entry.line, hint)
            elif word in self._motive_of:
                self._note(f'"{word}" belongs to motive {self._motive_of[word][:80]} already', entry.line)
            elif len(self._motive_of) == MOST_ENTRIES:
                self._note(f"a lexicon has at most {MOST_ENTRIES:,} words", entry.line)
                return
            else:
                self._motive_of[word] = motive
                yield word

    def _note(self, message: str, line: int, hint: str = "") -> None:
        self.problems.append(_problem(message, self.path, line, hint))
