"""How large a benchmark is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shoal.errors import InputError

QUICK_EVENTS, QUICK_PROFILES = 1_000_000, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Events, profiles, how often everything is measured, and the seed of what is drawn."""

    events: int = 10_000_000
    profiles: int = 200_000
    repeats: int = 3
    seed: int = 1

    def __post_init__(self) -> None:
        if self.profiles < 1 or self.events < self.profiles or self.repeats < 1:
            raise InputError(
                f"a benchmark of {self.events} events of {self.profiles} profiles, {self.repeats} times",
                hint="at least one profile, one event for each profile, and one repeat",
            )

    def quick(self) -> Sizes:
        """A tenth: enough to try a benchmark, too little to judge by."""
        return replace(
            self, events=min(self.events, QUICK_EVENTS), profiles=min(self.profiles, QUICK_PROFILES), repeats=1
        )
