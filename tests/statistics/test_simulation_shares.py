"""Simulated shares: duplicates, lateness, skew, intents and treatment effects are what was set.

Everything is seeded, so a test either always passes or always fails; the intervals say how rare a false alarm
would have been when the seed was chosen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from math import sqrt
from typing import Any

import msgspec
import pytest

from shoal.model.time import MINUTE, parse_moment
from shoal.simulation import BUSINESSES, Intent, Simulation, Truth
from shoal.simulation.behaviour import EXPERIMENT_OF
from shoal.simulation.chance import Chance
from shoal.simulation.experiments import DISCOUNT, REMINDER, Experiment
from shoal.simulation.intents import SHARES
from shoal.simulation.lives import Lived, live
from shoal.simulation.person import draw_person

Z_OF_999 = 3.29
"""Two-sided 99.9 % of a normal distribution."""

NUMBERS = 12_000


def close(share: float, expected: float, count: int) -> bool:
    """Whether a share of `count` independent draws lies in the 99.9 % interval around what is expected."""
    return abs(share - expected) <= Z_OF_999 * sqrt(expected * (1 - expected) / count)


def messages_of(simulation: Simulation, people: int) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for number in range(people) for _, line in live(simulation, number).lines]


def draw_intent(simulation: Simulation, number: int) -> Intent:
    place = list(BUSINESSES).index(simulation.business)
    return draw_person(simulation, number, Chance(simulation.seed, place, number)).intent


@cache
def numbers_of(intent: Intent) -> list[int]:
    """The people of an intent: who they are does not depend on effects."""
    return [number for number in range(NUMBERS) if draw_intent(Simulation(people=1), number) is intent]


def lives_in(experiment: Experiment, simulation: Simulation) -> list[Lived]:
    """Those of the first people who were in an experiment."""
    intent = next(intent for intent, each in EXPERIMENT_OF.items() if each is experiment)
    lived = [live(simulation, number) for number in numbers_of(intent)]
    return [each for each in lived if each.truth.experiment == experiment.key]


def measured_effect(lives: list[Lived]) -> tuple[float, float]:
    """The difference of the shares that order after the exposure, from events alone, and its standard error."""
    exposed: Counter[bool] = Counter()
    ordered: Counter[bool] = Counter()
    for lived in lives:
        messages = sorted(
            (msgspec.json.decode(line) for _, line in lived.lines), key=lambda each: each["timestamp"]
        )
        names = [message.get("event") for message in messages]
        seen = names.index("Experiment Viewed")
        is_treated = messages[seen]["properties"]["variation_id"] != "control"
        exposed[is_treated] += 1
        ordered[is_treated] += "Order Completed" in names[seen:]
    shares = {arm: ordered[arm] / exposed[arm] for arm in (True, False)}
    variance = sum(share * (1 - share) / exposed[arm] for arm, share in shares.items())
    return shares[True] - shares[False], sqrt(variance)


# Untidiness


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_duplicates_come_as_often_as_set(share: float) -> None:
    """Of the messages, the set share comes a second time, with the same id and later."""
    messages = messages_of(Simulation(people=1, duplicates=share, late=0), 250)
    times = Counter(message["messageId"] for message in messages)

    assert set(times.values()) <= {1, 2}
    assert close(sum(count == 2 for count in times.values()) / len(times), share, len(times))


def test_duplicates_say_the_same() -> None:
    """Both copies of a message are alike but for when they were sent and arrived."""
    copies: dict[str, list[dict[str, Any]]] = {}
    for message in messages_of(Simulation(people=1, duplicates=1.0), 20):
        copies.setdefault(message["messageId"], []).append(message)

    for one, two in copies.values():
        assert one["receivedAt"] != two["receivedAt"]
        for key in ("receivedAt", "sentAt"):
            del one[key], two[key]
        assert one == two


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5])
def test_late_messages_come_as_often_as_set(share: float) -> None:
    """Of the messages, the set share arrives more than five minutes after it happened, at most 36 hours."""
    messages = messages_of(Simulation(people=1, late=share, duplicates=0), 250)
    waits = [parse_moment(message["receivedAt"]) - parse_moment(message["timestamp"]) for message in messages]

    assert close(sum(wait >= 5 * MINUTE for wait in waits) / len(waits), share, len(waits))
    assert all(wait == 0 or 5 * MINUTE <= wait <= 36 * 60 * MINUTE for wait in waits)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.4])
def test_skewed_clocks_come_as_often_as_set(share: float) -> None:
    """Of the devices that nobody shares, the set share has a clock that is off by two minutes or more."""
    simulation = Simulation(people=1, skewed=share, family=0, kiosk=0, duplicates=0)
    skews: dict[str, int] = {}
    for message in messages_of(simulation, 500):
        skew = parse_moment(message["originalTimestamp"]) - parse_moment(message["timestamp"])
        skews[message["anonymousId"]] = skew

    assert all(abs(skew) < 1000 or abs(skew) > 2 * MINUTE - 1000 for skew in skews.values())
    assert close(sum(abs(skew) > 1000 for skew in skews.values()) / len(skews), share, len(skews))


def test_skew_is_corrected_by_the_usual_formula() -> None:
    """The timestamp is when it arrived, less how long the device says that it kept the message."""
    for message in messages_of(Simulation(people=1, skewed=1.0, late=0.2), 60):
        kept = parse_moment(message["sentAt"]) - parse_moment(message["originalTimestamp"])
        assert parse_moment(message["timestamp"]) == parse_moment(message["receivedAt"]) - kept


@pytest.mark.parametrize("business", BUSINESSES)
def test_intents_come_as_often_as_set(business: str) -> None:
    """Of 4,000 people each intent has its share of the business."""
    simulation = Simulation(business=business, people=1)
    found = Counter(draw_intent(simulation, number) for number in range(4000))

    assert all(close(found[intent] / 4000, share / 100, 4000) for intent, share in SHARES[business].items())


@pytest.mark.parametrize("business", BUSINESSES)
def test_intents_are_shares_of_a_hundred(business: str) -> None:
    """The shares of a business add up, and every intent has one."""
    assert sum(SHARES[business].values()) == 100
    assert set(SHARES[business]) == set(Intent)


# Treatments


@pytest.mark.parametrize("effect", [0.0, 0.2, 0.5])
def test_measured_discount_effect_is_the_set_one(effect: float) -> None:
    """The set effect is in the 99.9 % interval of the difference that exposures and orders show."""
    lives = lives_in(DISCOUNT, Simulation(people=1, discount_effect=effect))
    found, error = measured_effect(lives)

    assert len(lives) > 1_000
    assert error < 0.03
    assert abs(found - effect) <= Z_OF_999 * error


def test_reminder_does_nothing_unless_it_is_set_to() -> None:
    """The reminder is there to see whether an analysis finds an effect where there is none."""
    found, error = measured_effect(lives_in(REMINDER, Simulation(people=1)))

    assert abs(found) <= Z_OF_999 * error


def test_control_lives_the_same_life_whatever_the_effect() -> None:
    """A set effect changes what treated people do, and nothing else: not one byte of anybody in the other arm."""
    none = Simulation(people=1, discount_effect=0.0)
    some = replace(none, discount_effect=0.4)
    before = lives_in(DISCOUNT, none)[:400]
    after = [live(some, lived.truth.person) for lived in before]

    for one, two in zip(before, after, strict=True):
        if one.truth.arm == "control":
            assert one.lines == two.lines
        else:
            assert bool(one.truth.converted) <= bool(two.truth.converted)
    won = sum(two.truth.orders - one.truth.orders for one, two in zip(before, after, strict=True))
    treated = sum(lived.truth.arm != "control" for lived in before)
    assert close(won / treated, 0.4, treated)


def test_arms_are_of_one_size_and_alike() -> None:
    """Half of the people are in each arm, and their probabilities without treatment are the same on average."""
    truths = [lived.truth for lived in lives_in(DISCOUNT, Simulation(people=1))]
    treated = [truth for truth in truths if truth.arm == DISCOUNT.treatment]
    control = [truth for truth in truths if truth.arm == "control"]

    assert close(len(treated) / len(truths), 0.5, len(truths))
    assert mean_base(treated) == pytest.approx(mean_base(control), abs=0.01)
    assert {truth.set_effect for truth in truths} == {0.2}


def mean_base(truths: list[Truth]) -> float:
    return sum(truth.base_probability or 0.0 for truth in truths) / len(truths)
