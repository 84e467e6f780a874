"""Limits by key and address: buckets of tokens."""

from __future__ import annotations

from shoal.decide.throttle import Throttle, network_of


def test_a_burst_and_then_so_many_a_second() -> None:
    """Who asks more often is told how long it is until there is a token."""
    throttle = Throttle(2.0, burst=3)
    assert [throttle.take("ann", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert throttle.take("ann", 0.4) == 1
    assert throttle.take("ann", 0.5) == 0
    assert throttle.take("ann", 0.5) == 1


def test_names_do_not_concern_each_other() -> None:
    """One who asks too often keeps nobody else out."""
    throttle = Throttle(1.0, burst=1)
    assert throttle.take("ann", 0.0) == 0
    assert throttle.take("ann", 0.0) == 1
    assert throttle.take("bob", 0.0) == 0


def test_waiting_is_told_in_whole_seconds() -> None:
    """Of a slow bucket it is long."""
    throttle = Throttle(0.2, burst=1)
    assert throttle.take("ann", 0.0) == 0
    assert throttle.must_wait("ann", 0.0) == 5
    assert throttle.must_wait("ann", 2.5) == 3
    assert throttle.must_wait("ann", 5.0) == 0
    assert throttle.must_wait("bob", 0.0) == 0


def test_asking_how_long_takes_nothing() -> None:
    """Also not of somebody who has never come."""
    throttle = Throttle(1.0, burst=1)
    assert [throttle.must_wait("ann", 0.0) for _ in range(5)] == [0] * 5
    assert throttle.take("ann", 0.0) == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """And takes nothing."""
    throttle = Throttle(1.0, burst=1)
    assert throttle.take("ann", 10.0) == 0
    assert throttle.take("ann", 5.0) == 1
    assert throttle.take("ann", 6.0) == 0


def test_no_limit() -> None:
    """0 a second lets everything pass and remembers nobody."""
    throttle = Throttle(0.0)
    assert not any(throttle.take("ann", 0.0) for _ in range(1000))


def test_so_many_are_remembered() -> None:
    """Strangers fill no memory: who has not come for longest is forgotten."""
    throttle = Throttle(1.0, burst=1, most=100)
    for number in range(1000):
        assert throttle.take(f"{number}", 0.0) == 0
    assert len(throttle._buckets) == 100
    assert throttle.take("999", 0.0) == 1
    assert throttle.take("0", 0.0) == 0


def test_addresses_that_one_subscriber_has_count_together() -> None:
    """All of an IPv6 /64; an IPv4 address by itself, however it is written."""
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") == network_of("::ffff:192.0.2.1") != network_of("192.0.2.2")
    assert network_of("no address") == "no address"
