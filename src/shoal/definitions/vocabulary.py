"""The table of words: what may be called, where, and in which scope its `where` is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shoal.definitions import language


class Scope(StrEnum):
    """What an expression speaks about; it decides what a bare name means."""

    PROFILE = "profile"
    EVENT = "event"
    ITEM = "item"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Word:
    """One word: the function that builds it, the scopes it may stand in, the scope of its `where`."""

    name: str
    build: Callable[..., Any]
    scopes: frozenset[Scope]
    where: Scope = Scope.EVENT
    group: str = ""

    @property
    def summary(self) -> str:
        return (self.build.__doc__ or "").splitlines()[0]


_PROFILE = frozenset({Scope.PROFILE})
_EVENT = frozenset({Scope.EVENT})
_ITEM = frozenset({Scope.ITEM})
_EVERYWHERE = frozenset(Scope)


def _words(
    group: str, scopes: frozenset[Scope], *builders: Callable[..., Any], where: Scope = Scope.EVENT
) -> list[Word]:
    return [Word(build.__name__, build, scopes, where, group) for build in builders]


_TABLE: list[Word] = [
    *_words(
        "Events",
        _PROFILE,
        language.count,
        language.happened,
        language.sum,
        language.average,
        language.minimum,
        language.maximum,
        language.first,
        language.last,
        language.distinct,
        language.most_frequent,
        language.share,
        language.active_days,
        language.time_since,
        language.time_since_any,
        language.time_since_first,
        language.time_of_last,
        language.time_of_first,
        language.first_time,
        language.regularly,
        language.stopped,
        language.restarted,
    ),
    *_words("Sequences", _PROFILE, language.sequence, language.step, language.absent, language.funnel),
    *_words(
        "Sessions",
        _PROFILE,
        language.sessions,
        language.session,
        language.session_average,
        language.session_sum,
        language.session_maximum,
        language.session_minimum,
        language.pages_per_session,
        language.bounce_rate,
        where=Scope.SESSION,
    ),
    *_words(
        "Person and context",
        _PROFILE,
        language.trait,
        language.context,
        language.local_hour,
        language.local_weekday,
        language.in_list,
        language.everyone,
        language.consents,
        language.feature,
        language.score,
        language.in_segment,
        language.tone,
        language.motive,
        language.moment,
        language.ago,
    ),
    *_words(
        "Shaping values",
        _PROFILE,
        language.decay,
        language.scale,
        language.mean,
        language.rank,
        language.expected_orders,
        language.probability_alive,
        language.customer_value,
    ),
    *_words("Any value", _EVERYWHERE, language.has, language.default),
    *_words(
        "Texts",
        _EVERYWHERE,
        language.contains,
        language.starts_with,
        language.ends_with,
        language.matches,
    ),
    *_words("Inside where", _EVENT, language.property, language.any_item, where=Scope.ITEM),
    *_words("Inside any_item", _ITEM, language.item),
]

VOCABULARY: dict[str, Word] = {word.name: word for word in _TABLE}
"""Every word, by name, in the order of the reference documentation."""

EVENT_CLOCK = {"local_hour": language.event_hour, "local_weekday": language.event_weekday}
"""Inside `where` these two speak of the event's moment instead of now."""
