"""Figures for those who watch: counted as they happen, told in the format of Prometheus, every one documented."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shoal.deliver.figures import DeliveryFigures
from shoal.deliver.sender import Result
from shoal.errors import StoreError
from shoal.model.change import Direction, MembershipChanged
from shoal.model.firing import Firing, Outcome, Status
from shoal.model.time import NEVER
from shoal.runtime.metrics import METRICS, MOST_KINDS, TICK_SECONDS, LiveFigures, Metrics, Watched

NOW = 1_000_000
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "operations.md"


def engine(*sizes: int) -> SimpleNamespace:
    """As much of an engine as figures read: two segments, and so many events of each profile."""
    arena = SimpleNamespace(profile_count=sum(size > 0 for size in sizes))
    return SimpleNamespace(segments=["buyers", "idle"], arena=arena, next_moment=NEVER)


def watched(live: LiveFigures | None = None, *, failures=(), archive=None) -> Watched:
    """A server that kept three requests and refused four."""
    refused = Counter({"too_large": 3, "invalid_write_key": 1})
    return Watched(
        collector=SimpleNamespace(requests=3, events=7, refused=refused),
        journal=SimpleNamespace(position=12),
        failed=SimpleNamespace(reasons=lambda: list(failures)),
        archive=archive or SimpleNamespace(event_count=40),
        is_ready=lambda: True,
        now=lambda: NOW,
        deliveries=lambda: {("cart", "crm", Status.DEAD): 3},
        are_definitions_refused=lambda: True,
        live=live,
        attempts=attempts(),
        troubled_destinations=lambda: {"mail": "it answered 503"},
        decider=SimpleNamespace(decided=Counter({("hero", "discount"): 2, ("hero", ""): 5})),
        gate=SimpleNamespace(refused=Counter({"guessable_id": 1})),
    )


def attempts() -> DeliveryFigures:
    """One destination took two deliveries, and another failed."""
    figures = DeliveryFigures()
    for destination, result, seconds in (
        ("crm", Result.DELIVERED, 0.03),
        ("crm", Result.DELIVERED, 40.0),
        ("mail", Result.AGAIN, 0.2),
    ):
        figures.attempted(destination, result, seconds)
    return figures


def samples(figures: Watched) -> dict[tuple[str, ...], float]:
    """(name, values of labels by their names...) and the value, as Prometheus reads them."""
    text = Metrics(figures).text().decode()
    families = text_string_to_metric_families(text)
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in families
        for each in family.samples
    }


def test_the_collector_counts_what_it_keeps_and_refuses() -> None:
    """Requests, events, and refusals by reason."""
    told = samples(watched())
    assert told["shoal_requests_accepted_total",] == 3
    assert told["shoal_events_accepted_total",] == 7
    assert told["shoal_requests_refused_total", "too_large"] == 3
    assert (told["shoal_journal_position",], told["shoal_archive_events",], told["shoal_ready",]) == (12, 40, 1)


def test_decisions_are_counted_by_what_was_shown() -> None:
    """The default of a slot under this word; questions that were refused by the code of their answer."""
    told = samples(watched())
    assert told["shoal_decisions_total", "discount", "hero"] == 2
    assert told["shoal_decisions_total", "default", "hero"] == 5
    assert told["shoal_questions_refused_total", "guessable_id"] == 1


def test_attempts_at_deliveries_are_counted_by_destination() -> None:
    """How they went and how long they took; and which destinations get nothing."""
    told = samples(watched())
    assert told["shoal_delivery_attempts_total", "crm", "delivered"] == 2
    assert told["shoal_delivery_attempts_total", "mail", "again"] == 1
    assert told["shoal_delivery_attempt_duration_seconds_bucket", "crm", "0.025"] == 0
    assert told["shoal_delivery_attempt_duration_seconds_bucket", "crm", "0.05"] == 1
    assert told["shoal_delivery_attempt_duration_seconds_bucket", "crm", "+Inf"] == 2
    assert told["shoal_delivery_attempt_duration_seconds_sum", "crm"] == 40.03
    assert [key for key in told if key[0] == "shoal_destination_trouble"] == [
        ("shoal_destination_trouble", "mail")
    ]


def test_the_live_engine_counts_ticks_changes_and_members() -> None:
    """A change moves somebody in or out; a tick has a duration and a place."""
    live, one = LiveFigures(), engine(3, 0, 1)
    live.begin(one, 8, {"buyers": 2})
    live.told([MembershipChanged(1, "user_id:ann", "buyers", Direction.LEFT)])
    live.told([MembershipChanged(1, "user_id:bob", "idle", Direction.ENTERED)])
    live.ticked(one, 10, seconds=0.003, duplicates=2)
    live.next_moment = NOW + 1500
    told = samples(watched(live))
    assert told["shoal_live_ticks_total",] == 1
    assert (told["shoal_live_position",], told["shoal_live_lag_entries",]) == (10, 2)
    assert told["shoal_membership_changes_total", "left", "buyers"] == 1
    assert told["shoal_membership_changes_total", "entered", "buyers"] == 0
    assert (told["shoal_segment_members", "buyers"], told["shoal_segment_members", "idle"]) == (1, 1)
    assert (told["shoal_profiles",], told["shoal_duplicate_events_total",]) == (2, 2)
    assert told["shoal_next_moment_wait_seconds",] == 1.5
    assert told["shoal_live_tick_duration_seconds_bucket", "0.0025"] == 0
    assert told["shoal_live_tick_duration_seconds_bucket", "0.005"] == 1
    assert told["shoal_live_tick_duration_seconds_count",] == 1


def test_a_tick_as_long_as_the_end_of_a_class_belongs_to_it() -> None:
    """Upper ends are included, as Prometheus means `le`."""
    live = LiveFigures()
    for seconds in TICK_SECONDS:
        live.ticked(engine(), 0, seconds=seconds, duplicates=0)
    assert live.durations == [1] * len(TICK_SECONDS) + [0]


def test_an_engine_that_loads_says_nothing_of_what_it_does_not_know() -> None:
    """Counters stay, present values are absent."""
    live = LiveFigures()
    live.begin(engine(1), 8, {})
    live.end()
    names = {key[0] for key in samples(watched(live))}
    assert "shoal_live_ticks_total" in names
    assert not names & {"shoal_live_position", "shoal_profiles", "shoal_segment_members"}


def test_nothing_to_wait_for_is_infinite() -> None:
    """When nothing changes by itself."""
    live = LiveFigures()
    live.begin(engine(1), 8, {})
    assert samples(watched(live))["shoal_next_moment_wait_seconds",] == float("inf")


def test_rare_kinds_of_failures_are_counted_together() -> None:
    """So that made-up messages do not make series without end."""
    failures = [SimpleNamespace(reason=f"kind {number}", count=2) for number in range(MOST_KINDS + 3)]
    told = samples(watched(failures=failures))
    assert sum(key[0] == "shoal_failed_events" for key in told) == MOST_KINDS + 1
    assert told["shoal_failed_events", "other"] == 6


def test_what_cannot_be_read_is_absent(caplog: pytest.LogCaptureFixture) -> None:
    """A disk that fails does not take the other figures along."""

    class Unreadable:
        @property
        def event_count(self) -> int:
            raise StoreError("the disk fails")

    told = samples(watched(archive=Unreadable()))
    assert ("shoal_archive_events",) not in told
    assert ("shoal_journal_position",) in told
    assert "the disk fails" in caplog.text


def test_every_metric_is_told_and_documented() -> None:
    """By the names of the table, with its labels; and nothing else is."""
    live = LiveFigures()
    live.begin(engine(1), 8, {})
    live.firings["cart", "fired"] += 1
    failures = [SimpleNamespace(reason="it has no type", count=1)]
    told = {key[0] for key in samples(watched(live, failures=failures)) if key[0].startswith("shoal_")}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in told} == set(METRICS)
    page = PAGE.read_text("utf-8")
    rows = dict(re.findall(r"^\| `(shoal_\w+)` \| (.+?) \|", page, re.MULTILINE))
    assert set(rows) == set(METRICS)
    for name, described in METRICS.items():
        assert rows[name].split(", ")[0] == described.kind
        assert re.findall(r"`(\w+)`", rows[name]) == list(described.labels)


def test_names_follow_the_conventions() -> None:
    """Counters end in _total, nothing else does, and units are whole: seconds, not milliseconds."""
    for name, described in METRICS.items():
        assert re.fullmatch(r"shoal_[a-z_]+", name)
        assert (described.kind == "counter") == name.endswith("_total")
        assert not name.endswith(("_ms", "_milliseconds"))


def test_what_triggers_did_is_told_by_outcome_and_where_deliveries_stand() -> None:
    """Firings as they happen, deliveries as they are kept, and whether the files' definitions are refused."""
    live = LiveFigures()
    live.begin(engine(1), 0, {})
    fired = Firing(
        trigger="cart",
        profile="user_id:ann",
        effective_at=NOW,
        direction=Direction.ENTERED,
        seen_at=NOW,
        outcome=Outcome.FIRED,
    )
    live.fired([fired, replace(fired, outcome=Outcome.TOO_LATE), fired])
    told = samples(watched(live))
    assert told["shoal_firings_total", "fired", "cart"] == 2
    assert told["shoal_firings_total", "too_late", "cart"] == 1
    assert told["shoal_deliveries", "crm", "dead", "cart"] == 3
    assert told["shoal_definitions_refused",] == 1
