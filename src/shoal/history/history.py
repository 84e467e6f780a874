"""History: every profile's events as columns, each profile one contiguous run in order of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.history.dictionary import Codes, Dictionary

Indices = NDArray[np.int64]
Moments = NDArray[np.int64]
Numbers = NDArray[np.float64]
Words = NDArray[np.uint64]
Statements = NDArray[np.int8]

NO_NUMBERS: Numbers = np.empty(0, np.float64)
NO_CODES: Codes = np.empty(0, np.int32)
"""The columns of what no event has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Profile p has the events `begin[p]` to `end[p]` (excluded), sorted by moment and position.

    `words[w, i]` holds 64 matchers of event i as bits. `numbers` and `codes` hold what definitions read of the
    events by path: the number, and the code in `dictionary` of a value that is none. `days` is the event's
    local day since 1970, `zones` the code of the name of the zone it states (-1: none that is known).
    `consents` has per purpose 1 (granted), 0 (refused) or -1 (nothing stated); `sources` codes who stated it.
    """

    begin: Indices
    end: Indices
    times: Moments
    words: Words
    dictionary: Dictionary
    numbers: Mapping[str, Numbers]
    codes: Mapping[str, Codes]
    days: Codes
    zones: Codes
    consents: Mapping[str, Statements]
    sources: Codes

    @property
    def profile_count(self) -> int:
        return len(self.begin)

    @property
    def event_count(self) -> int:
        return len(self.times)

    def numbers_of(self, path: str) -> Numbers:
        """The numbers of a path; empty when no event has one."""
        return self.numbers.get(path, NO_NUMBERS)

    def codes_of(self, path: str) -> Codes:
        """The codes of a path; empty when no event has a value that is no number."""
        return self.codes.get(path, NO_CODES)
