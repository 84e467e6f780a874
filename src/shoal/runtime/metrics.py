"""What a server tells those who watch it: figures under stable names, in the format of Prometheus.

In: counters that the collector and the live engine keep while they work. Out: the text of `/metrics`. Nothing here
names a person or a write key.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector as Collecting

from shoal import __version__
from shoal.collect.door import OF_ERASED, WITHOUT_CONSENT
from shoal.collect.http import Collector, FailedStore
from shoal.decide import Decider, Gate
from shoal.definitions.implied import is_implied
from shoal.deliver.figures import SECONDS as ATTEMPT_SECONDS
from shoal.deliver.figures import DeliveryFigures
from shoal.errors import StoreError
from shoal.journal import Archive
from shoal.journal.journal import Journal
from shoal.model.change import Direction, MembershipChanged
from shoal.model.firing import Firing, Status
from shoal.model.time import NEVER
from shoal.runtime.live import LiveEngine

CONTENT_TYPE = CONTENT_TYPE_LATEST

TICK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the classes of the durations of ticks."""

MOST_KINDS = 50
"""Kinds of failures that are told apart; the rarer ones are counted together as `other`."""

LEFT_OUT = {OF_ERASED: "erased", WITHOUT_CONSENT: "without_consent"}
"""Why events are kept outside, and how figures call it."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Described:
    """A metric: what kind it is, what it says, and by what it is told apart."""

    kind: str
    summary: str
    labels: tuple[str, ...] = ()


METRICS: Mapping[str, Described] = {
    "shoal_info": Described("info", "the version that runs", ("version",)),
    "shoal_ready": Described("gauge", "1 when /readyz answers 200, else 0"),
    "shoal_requests_accepted_total": Described("counter", "requests answered 200 after they were kept"),
    "shoal_events_accepted_total": Described("counter", "messages in these requests, before any was read"),
    "shoal_requests_refused_total": Described(
        "counter", "requests not kept, by the code of their answer", ("reason",)
    ),
    "shoal_failed_events": Described("gauge", "failed events that are open, by the kind of failure", ("kind",)),
    "shoal_duplicate_events_total": Described("counter", "events left out because they had come before"),
    "shoal_events_left_out_total": Described(
        "counter", "events kept outside: of people who were erased, or allowing nothing", ("reason",)
    ),
    "shoal_journal_position": Described("gauge", "the last entry of the journal that certainly lasts"),
    "shoal_live_position": Described("gauge", "the last entry that the live engine has taken in"),
    "shoal_live_lag_entries": Described("gauge", "entries kept and not taken in yet"),
    "shoal_live_ticks_total": Described("counter", "steps of the live engine"),
    "shoal_live_tick_duration_seconds": Described("histogram", "how long a step took, with its commit"),
    "shoal_membership_changes_total": Described(
        "counter", "changes of membership that were told", ("segment", "direction")
    ),
    "shoal_profiles": Described("gauge", "profiles that have events"),
    "shoal_segment_members": Described("gauge", "members of a segment now", ("segment",)),
    "shoal_next_moment_wait_seconds": Described(
        "gauge", "until something changes by itself; +Inf when nothing will, below 0 when it is overdue"
    ),
    "shoal_archive_events": Described("gauge", "events in the archive"),
    "shoal_definitions_refused": Described(
        "gauge", "1 when the definitions in the files cannot be used and those before them stay, else 0"
    ),
    "shoal_firings_total": Described(
        "counter", "occasions of triggers, by what became of them", ("trigger", "outcome")
    ),
    "shoal_deliveries": Described(
        "gauge", "deliveries that are kept, by where they stand", ("trigger", "destination", "status")
    ),
    "shoal_delivery_attempts_total": Described(
        "counter", "attempts at deliveries, by how they went", ("destination", "result")
    ),
    "shoal_delivery_attempt_duration_seconds": Described(
        "histogram", "how long an attempt took, until its answer", ("destination",)
    ),
    "shoal_destination_trouble": Described(
        "gauge", "1 for a destination that gets nothing at present; /readyz says why", ("destination",)
    ),
    "shoal_decisions_total": Described(
        "counter", "what slots showed; the choice is default where none fitted", ("slot", "choice")
    ),
    "shoal_questions_refused_total": Described(
        "counter", "questions for decisions not answered, by the code of their answer", ("reason",)
    ),
}
"""Every metric of ours. The reference documents each of them."""


class LiveFigures:
    """What the live engine has done in this process. Its own thread writes, whoever asks may read."""

    def __init__(self) -> None:
        self.ticks, self.seconds = 0, 0.0
        self.durations = [0] * (len(TICK_SECONDS) + 1)
        self.changes, self.firings = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        self.members, self.left_out = Counter[str](), Counter[str]()
        self.duplicates, self.position, self.next_moment = 0, 0, NEVER
        self.engine: LiveEngine | None = None

    def begin(self, engine: LiveEngine, position: int, members: Mapping[str, int]) -> None:
        """The engine is true at a position, with so many members of each segment."""
        segments = [name for name in engine.segments if not is_implied(name)]
        self.members = Counter({name: members.get(name, 0) for name in segments})
        for key in product(segments, Direction):
            self.changes.setdefault((key[0], key[1].value), 0)
        self.engine, self.position, self.next_moment = engine, position, engine.next_moment

    def end(self) -> None:
        """There is no engine at present; what was counted stays."""
        self.engine, self.next_moment = None, NEVER

    def told(self, changes: Iterable[MembershipChanged]) -> None:
        """Counts changes of membership."""
        for change in changes:
            self.changes[change.segment, change.direction.value] += 1
            self.members[change.segment] += 1 if change.direction is Direction.ENTERED else -1

    def fired(self, firings: Iterable[Firing]) -> None:
        """Counts what became of occasions of triggers."""
        self.firings.update((each.trigger, each.outcome.value) for each in firings)

    def ticked(self, engine: LiveEngine, position: int, *, seconds: float, duplicates: int) -> None:
        """Counts a tick."""
        self.ticks += 1
        self.seconds += seconds
        self.durations[bisect_left(TICK_SECONDS, seconds)] += 1
        self.duplicates += duplicates
        self.engine, self.position = engine, position


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What there is to tell of. `live`, `decider` and `gate` are None when only the collector runs."""

    collector: Collector
    journal: Journal
    failed: FailedStore
    archive: Archive
    is_ready: Callable[[], bool]
    now: Callable[[], int]
    deliveries: Callable[[], Mapping[tuple[str, str, Status], int]]
    """How many there are, by trigger, destination and status."""
    are_definitions_refused: Callable[[], bool] = lambda: False
    live: LiveFigures | None = None
    attempts: DeliveryFigures | None = None
    troubled_destinations: Callable[[], Mapping[str, str]] = dict
    decider: Decider | None = None
    gate: Gate | None = None


class Metrics(Collecting):
    """The figures of one server, read when somebody asks."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Those of ours. What cannot be read at present is left out, which Prometheus sees as absent."""
        yield _info()
        yield from self._of_collector()
        for read in (self._failed, self._archived, self._deliveries):
            try:
                yield read()
            except StoreError as error:
                _LOG.warning("a figure could not be read: %s", error.message)
        if self.watched.live is not None:
            yield from self._of_live(self.watched.live)
        if self.watched.attempts is not None:
            yield from self._of_deliveries(self.watched.attempts)
        if self.watched.decider is not None:
            yield _by("shoal_decisions_total", _choices(self.watched.decider))
        if self.watched.gate is not None:
            yield _by("shoal_questions_refused_total", _single(self.watched.gate.refused))

    def _of_collector(self) -> Iterator[Metric]:
        collector = self.watched.collector
        yield _of("shoal_ready", int(self.watched.is_ready()))
        yield _of("shoal_definitions_refused", int(self.watched.are_definitions_refused()))
        yield _of("shoal_requests_accepted_total", collector.requests)
        yield _of("shoal_events_accepted_total", collector.events)
        yield _by(
            "shoal_requests_refused_total", {(code,): count for code, count in collector.refused.copy().items()}
        )
        yield _of("shoal_journal_position", self.watched.journal.position)

    def _failed(self) -> Metric:
        reasons = self.watched.failed.reasons()
        counts = {(each.reason,): each.count for each in reasons[:MOST_KINDS]}
        if rest := sum(each.count for each in reasons[MOST_KINDS:]):
            counts["other",] = rest
        return _by("shoal_failed_events", counts)

    def _archived(self) -> Metric:
        return _of("shoal_archive_events", self.watched.archive.event_count)

    def _deliveries(self) -> Metric:
        return _by("shoal_deliveries", self.watched.deliveries())

    def _of_deliveries(self, attempts: DeliveryFigures) -> Iterator[Metric]:
        yield _by("shoal_delivery_attempts_total", attempts.attempts.copy())
        yield _attempt_durations(attempts)
        troubled = self.watched.troubled_destinations()
        yield _by("shoal_destination_trouble", {(name,): 1 for name in troubled})

    def _of_live(self, live: LiveFigures) -> Iterator[Metric]:
        position, engine = live.position, live.engine
        yield _of("shoal_live_ticks_total", live.ticks)
        yield _durations(live)
        yield _of("shoal_duplicate_events_total", live.duplicates)
        left_out = {(label,): live.left_out[reason] for reason, label in LEFT_OUT.items()}
        yield _by("shoal_events_left_out_total", left_out)
        yield _by("shoal_membership_changes_total", live.changes.copy())
        yield _by("shoal_firings_total", live.firings.copy())
        if engine is None:  # it loads: what it would say is not known
            return
        yield _of("shoal_live_position", position)
        yield _of("shoal_live_lag_entries", max(self.watched.journal.position - position, 0))
        yield _of("shoal_profiles", engine.arena.profile_count)
        yield _by("shoal_segment_members", _single(live.members))
        moment = live.next_moment
        wait = math.inf if moment >= NEVER else (moment - self.watched.now()) / 1000
        yield _of("shoal_next_moment_wait_seconds", wait)


def _info() -> Metric:
    info = InfoMetricFamily("shoal", METRICS["shoal_info"].summary)
    info.add_metric([], {"version": __version__})
    return info


def _of(name: str, value: float) -> Metric:
    return _by(name, {(): value})


def _by(name: str, values: Mapping[Any, float]) -> Metric:
    """A metric with a value for each tuple of labels."""
    described = METRICS[name]
    family = CounterMetricFamily if described.kind == "counter" else GaugeMetricFamily
    metric = family(name, described.summary, labels=described.labels)
    for labels, value in values.items():
        metric.add_metric(labels, value)
    return metric


def _choices(decider: Decider) -> dict[tuple[str, str], int]:
    return {(slot, choice or "default"): count for (slot, choice), count in decider.decided.copy().items()}


def _single(counts: Counter[str]) -> dict[tuple[str], int]:
    """By one label. Another thread may be counting."""
    return {(label,): count for label, count in counts.copy().items()}


def _durations(live: LiveFigures) -> Metric:
    name = "shoal_live_tick_duration_seconds"
    metric = HistogramMetricFamily(name, METRICS[name].summary)
    metric.add_metric([], _classes(TICK_SECONDS, live.durations), live.seconds)
    return metric


def _attempt_durations(attempts: DeliveryFigures) -> Metric:
    name = "shoal_delivery_attempt_duration_seconds"
    metric = HistogramMetricFamily(name, METRICS[name].summary, labels=METRICS[name].labels)
    for destination, counts in attempts.durations.copy().items():
        classes = _classes(ATTEMPT_SECONDS, counts)
        metric.add_metric([destination], classes, attempts.seconds[destination])
    return metric


def _classes(ends: Sequence[float], counts: Iterable[int]) -> list[tuple[str, float]]:
    """Each class by its upper end, with how many were as long at most."""
    return list(zip([*(str(end) for end in ends), "+Inf"], accumulate(counts), strict=True))
