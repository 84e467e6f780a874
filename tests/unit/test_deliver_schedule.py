"""When deliveries are tried again, and when a destination is left alone: pure rules of the moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.delivering import NOW, delivery

from shoal.deliver.breaker import FAILURES_UNTIL_OPEN, PAUSES, Breaker, Condition
from shoal.deliver.schedule import DELAYS, JITTER, LONGEST_ASKED, next_attempt
from shoal.deliver.sender import Result, Sent
from shoal.deliver.settling import settle_attempt
from shoal.model.firing import Status
from shoal.model.time import HOUR, MINUTE, SECOND

STEPS = st.lists(
    st.tuples(st.integers(0, 10 * MINUTE), st.sampled_from(["succeed", "fail", "rest", "know_nothing"])),
    max_size=60,
)


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    """Ten attempts over more than three days."""
    assert [delay // SECOND for delay in DELAYS] == [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


@given(st.text(min_size=1), st.integers(1, len(DELAYS) - 1), st.integers(0, 2**45))
def test_an_attempt_is_never_early_and_little_later_than_scheduled(id_: str, attempts: int, now: int) -> None:
    """The jitter adds up to a tenth, and is the same for the same delivery."""
    moment = next_attempt(id_, attempts, now)
    assert moment is not None
    assert DELAYS[attempts] <= moment - now <= DELAYS[attempts] * (1 + JITTER)
    assert moment == next_attempt(id_, attempts, now)


def test_what_failed_together_is_not_tried_again_together() -> None:
    """A hundred deliveries that failed at one moment come at many."""
    assert len({next_attempt(f"fir_{number}", 2, NOW) for number in range(100)}) > 90


def test_it_is_given_up_after_the_last_attempt() -> None:
    """There is no eleventh."""
    assert next_attempt("fir", len(DELAYS) - 1, NOW) is not None
    assert next_attempt("fir", len(DELAYS), NOW) is None


@pytest.mark.parametrize(
    ("asked", "least"), [(None, 5 * SECOND), (1, 5 * SECOND), (HOUR, HOUR), (10**12, LONGEST_ASKED)]
)
def test_who_asks_for_rest_gets_at_least_as_much(asked: int | None, least: int) -> None:
    """But no more than a day, and no less than the schedule."""
    moment = next_attempt("fir", 1, NOW, asked_ms=asked)
    assert moment is not None
    assert least <= moment - NOW <= least * (1 + JITTER)


def test_a_result_says_where_a_delivery_stands() -> None:
    """Each result leads to one status; only what was tried counts as an attempt."""
    stands = {
        result: settle_attempt(delivery(attempts=2), Sent(result=result, reason="why"), NOW) for result in Result
    }
    assert {result: (each.status, each.attempts) for result, each in stands.items()} == {
        Result.DELIVERED: (Status.DELIVERED, 3),
        Result.AGAIN: (Status.READY, 3),
        Result.REFUSED: (Status.DEAD, 3),
        Result.GONE: (Status.DEAD, 3),
        Result.AWAY: (Status.READY, 2),
    }
    assert stands[Result.AGAIN].not_before >= NOW + DELAYS[3]


def test_what_is_given_up_says_why() -> None:
    """The last reason, and that it was the last attempt."""
    last = settle_attempt(delivery(attempts=9), Sent.again("it answered 503"), NOW)
    assert (last.status, last.attempts) == (Status.DEAD, 10)
    assert last.reason == "given up after 10 attempts, the last: it answered 503"


def opened(now: int = NOW) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_UNTIL_OPEN):
        assert breaker.lets_through(now)
        breaker.begin()
        breaker.fail(now)
    return breaker


def test_failures_in_a_row_open_the_breaker() -> None:
    """One success among them begins the row again."""
    breaker = Breaker()
    for _ in range(FAILURES_UNTIL_OPEN - 1):
        breaker.fail(NOW)
    breaker.succeed()
    breaker.fail(NOW)
    assert breaker.condition(NOW) is Condition.CLOSED
    assert opened().condition(NOW) is Condition.OPEN


def test_half_open_one_is_tried() -> None:
    """When the pause is over, one delivery goes through; its success closes the breaker."""
    breaker, later = opened(), NOW + PAUSES[0]
    assert not breaker.lets_through(later - 1)
    assert breaker.lets_through(later)
    breaker.begin()
    assert not breaker.lets_through(later)
    breaker.succeed()
    assert breaker.condition(later) is Condition.CLOSED


def test_each_failed_trial_doubles_the_pause() -> None:
    """Up to five minutes."""
    breaker, now, pauses = opened(), NOW, []
    for _ in range(8):
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker.begin()
        breaker.fail(now)
    assert pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]]


def test_what_was_on_its_way_does_not_open_it_further() -> None:
    """Failures of attempts that began before the breaker opened say nothing new."""
    breaker = opened()
    until = breaker.until
    for _ in range(20):
        breaker.fail(NOW + 1)
    assert breaker.until == until


def test_a_rest_that_was_asked_for_outlasts_success() -> None:
    """A late success does not make up for it."""
    breaker = Breaker()
    breaker.rest(NOW + MINUTE)
    breaker.succeed()
    assert not breaker.lets_through(NOW + MINUTE - 1)
    assert breaker.lets_through(NOW + MINUTE)


@given(STEPS)
def test_a_breaker_never_stays_shut(steps: list[tuple[int, str]]) -> None:
    """Whatever happens, there is a moment from which a delivery goes through again, unless one is on its way."""
    breaker, now, is_on_its_way = Breaker(), NOW, False
    for wait, step in steps:
        now += wait
        if breaker.lets_through(now) and not is_on_its_way:
            breaker.begin()
            is_on_its_way = True
        if step == "rest":
            breaker.rest(now + MINUTE)
        elif step == "fail":
            breaker.fail(now)
            is_on_its_way = False
        else:
            getattr(breaker, step)()
            is_on_its_way = False
        assert breaker.until - now <= max(PAUSES[-1], MINUTE)
    assert is_on_its_way or breaker.lets_through(max(now, breaker.until))
