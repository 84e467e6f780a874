"""What is frozen: made in dependency order, kept whole, and read only as long as it means the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from shoal.definitions.definition import (
    Definitions,
    FeatureDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
)
from shoal.definitions.resolve import Resolved, resolve
from shoal.errors import NotFound, StoreError
from shoal.evaluate.build import build_history
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.frozen_store import KEPT_VERSIONS, FrozenStore
from shoal.evaluate.kernel import evaluate
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.purchases import PurchaseModel, Purchases
from shoal.evaluate.ranks import ReferenceDistribution
from shoal.evaluate.reference import Reference, ReferenceProfile
from shoal.evaluate.refresh import refresh_from_history
from shoal.model.event import Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.model.time import DAY

TODAY = 200
NOW = TODAY * DAY + 1000
VALUE = 'customer_value(horizon="90 days")'
ORDERS = 'pareto_nbd of count("Order Completed")'
BY_REVENUE = f"{ORDERS} by properties.revenue"


def resolved_of(**features: str) -> Resolved:
    return resolve(
        Definitions.of(*(FeatureDefinition(name=name, value=value) for name, value in features.items()))
    )


def order(day: int, revenue: float, position: int) -> Event:
    return Event(
        occurred_at=day * DAY + position % 1000,
        received_at=day * DAY + position % 1000,
        position=position,
        message_id=str(position),
        kind=EventKind.TRACK,
        name="Order Completed",
        fields={"properties.revenue": revenue},
    )


def shoppers(count: int) -> list[list[Event]]:
    """Each with some orders, a rate of their own, and gone at some day."""
    chance = np.random.default_rng(7)
    people = []
    for person in range(count):
        first, last = sorted(chance.integers(0, TODAY, 2).tolist())
        days = [first, *chance.integers(first, last + 1, chance.poisson(chance.gamma(1.0, 2.0))).tolist()]
        people.append(
            [order(day, float(chance.gamma(6, 5)), person * 100 + n) for n, day in enumerate(sorted(days))]
        )
    return people


PEOPLE = shoppers(200)


def refreshed(resolved: Resolved, people: list[list[Event]] = PEOPLE, now: int = NOW) -> Frozen:
    plan = compile_plan(resolved)
    owners = np.repeat(np.arange(len(people)), [len(events) for events in people]).astype(np.int32)
    frame = frame_of_events([event for events in people for event in events])
    return refresh_from_history(plan, build_history(plan, frame, owners, len(people)), now)


def kernel_values(resolved: Resolved, frozen: Frozen, name: str) -> np.ndarray:
    plan = compile_plan(resolved)
    owners = np.repeat(np.arange(len(PEOPLE)), [len(events) for events in PEOPLE]).astype(np.int32)
    frame = frame_of_events([event for events in PEOPLE for event in events])
    history = build_history(plan, frame, owners, len(PEOPLE))
    return evaluate(plan, history, NOW, frozen=frozen).values["feature", name].amounts


# Refresh


def test_everybodys_values_are_the_distribution():
    """The number of orders of all profiles, each once."""
    frozen = refreshed(resolved_of(much=('rank(count("Order Completed"), into=5)')))

    distribution = frozen.distributions['count("Order Completed")']

    counts = np.unique([len(events) for events in PEOPLE], return_counts=True)
    assert distribution.values.tolist() == counts[0].tolist()
    assert distribution.counts.tolist() == counts[1].tolist()
    assert frozen.as_of == NOW
    assert not frozen.reasons


def test_rank_of_a_rank_is_made_after_it():
    """A value that reads a rank, by a score and a feature in between, has a distribution like any other."""
    definitions = Definitions.of(
        FeatureDefinition(name="orders", value='count("Order Completed")'),
        ScoreDefinition(name="worth", parts=(PartDefinition(name="much", weight=1, value="rank(orders)"),)),
        FeatureDefinition(name="place", value='rank(score("worth") * 2, into=3)'),
    )
    frozen = refreshed(resolve(definitions))

    assert set(frozen.distributions) == {'feature("orders")', 'score("worth") * 2'}
    ranks = frozen.distributions['feature("orders")'].percentile(np.array([len(each) for each in PEOPLE], float))
    assert frozen.distributions['score("worth") * 2'].values == pytest.approx(np.unique(2 * ranks))


def test_rank_of_a_forecast_reads_the_model_of_the_same_refresh():
    """Models come before distributions, and every customer's value is ranked."""
    frozen = refreshed(resolved_of(best=f"rank({VALUE})"))

    assert list(frozen.forecasters) == [BY_REVENUE]
    (distribution,) = frozen.distributions.values()
    assert distribution.size == len(PEOPLE)


def test_kernel_and_reference_forecast_the_same_from_what_is_frozen():
    """A forecast and its rank, for every shopper, by both evaluators."""
    resolved = resolved_of(value=VALUE, place="rank(value, into=5)", alive="probability_alive()")
    frozen = refreshed(resolved)
    reference = Reference(resolved, frozen)
    answers = [reference.evaluate(events, NOW) for events in PEOPLE]

    for name in ("value", "place", "alive"):
        expected = [answer["feature", name] for answer in answers]
        assert kernel_values(resolved, frozen, name) == pytest.approx(np.array(expected, float), rel=1e-9)


def test_purchases_of_a_history_are_those_of_its_orders():
    """What the models are fitted on are the summaries that any list of orders has."""
    resolved = resolved_of(value=VALUE)
    who = np.repeat(np.arange(len(PEOPLE)), [len(events) for events in PEOPLE])
    events = [event for person in PEOPLE for event in person]
    days, amounts = (
        [event.occurred_at // DAY for event in events],
        [e.fields["properties.revenue"] for e in events],
    )
    summary = Purchases.of_orders(who, days, amounts, TODAY)
    model = PurchaseModel.fit("pareto_nbd", summary, with_spend=True)

    found = refreshed(resolved).forecasters[BY_REVENUE]

    assert isinstance(found, PurchaseModel)
    assert found.orders == model.orders
    assert astuple(found.spend) == pytest.approx(astuple(model.spend), rel=1e-4)


def test_events_after_the_moment_are_not_seen():
    """A refresh as of an earlier day sees fewer people, and only what they had done by then."""
    frozen = refreshed(resolved_of(much='rank(count("Order Completed"))'), now=50 * DAY)

    seen = [count for events in PEOPLE if (count := sum(event.occurred_at <= 50 * DAY for event in events))]
    distribution = frozen.distributions['count("Order Completed")']
    assert distribution.size == len(seen) < len(PEOPLE)
    assert (distribution.values @ distribution.counts) == sum(seen)


def test_too_little_data_is_a_reason_and_a_missing_value():
    """With ten customers there is no model, so the forecast is missing and so is its rank; others are there."""
    resolved = resolved_of(best=f"rank({VALUE})", much='rank(count("Order Completed"))')
    frozen = refreshed(resolved, PEOPLE[:10])

    assert not frozen.forecasters
    assert "at least 30 are needed" in frozen.reasons[BY_REVENUE]
    assert list(frozen.reasons.values())[1:] == ["nobody has a value to rank"]
    assert list(frozen.distributions) == ['count("Order Completed")']
    assert ReferenceProfile(Reference(resolved, frozen), PEOPLE[0], NOW).of_definition(("feature", "best")) is None


def test_revenue_nobody_has_leaves_orders_forecast():
    """Without revenues the value of customers is missing, with the reason; their orders are still expected."""
    resolved = resolved_of(
        value='customer_value(horizon="90 days", revenue="price")', soon='expected_orders(horizon="9 days")'
    )
    frozen = refreshed(resolved)

    assert list(frozen.forecasters) == [ORDERS]
    assert "0 customers spent something" in frozen.reasons[f"{ORDERS} by properties.price"]


def test_nobody_at_all_can_be_refreshed():
    """An empty workspace has a reason for everything."""
    frozen = refreshed(resolved_of(best=f"rank({VALUE})"), [])

    assert len(frozen.reasons) == 2
    assert not frozen.distributions


# Meaning


def test_what_a_definition_reads_is_read_while_it_means_the_same():
    """Nothing is left out, and nothing is missing."""
    resolved = resolved_of(orders='count("Order Completed")', much="rank(orders)", value=VALUE)
    frozen = refreshed(resolved)

    found = frozen.for_roots(dict(resolved.roots()))

    assert found.distributions == frozen.distributions
    assert found.forecasters == frozen.forecasters
    assert not found.reasons


def test_changed_feature_no_longer_reads_its_old_distribution():
    """The rank is still called `rank(orders)`, but orders are counted anew: until a refresh it is missing."""
    before = resolved_of(orders='count("Order Completed")', much="rank(orders)", value=VALUE)
    after = resolved_of(orders='count("Order Completed", within="90 days")', much="rank(orders)", value=VALUE)

    found = refreshed(before).for_roots(dict(after.roots()))

    assert not found.distributions
    assert list(found.forecasters) == [BY_REVENUE]
    assert found.reasons == {'feature("orders")': "its definition has changed since the last refresh"}


def test_new_rank_says_that_a_refresh_is_needed():
    """Before the first refresh and after one that did not know of it."""
    resolved = resolved_of(much='rank(count("Order Completed"))')
    roots, key = dict(resolved.roots()), 'count("Order Completed")'

    assert Frozen().for_roots(roots).reasons == {key: "there was no refresh yet"}
    other = refreshed(resolved_of(last='rank(time_since("Order Completed"))'))
    assert other.for_roots(roots).reasons == {key: "it was not asked for at the last refresh"}


def test_segments_ask_as_features_do():
    """A rank in a segment's condition is refreshed."""
    segment = SegmentDefinition(name="best", when='rank(sum("revenue", of="Order Completed")) >= 0.9')

    frozen = refreshed(resolve(Definitions.of(segment)))

    assert list(frozen.distributions) == ['sum("revenue", of="Order Completed")']


# Store


@pytest.fixture(scope="module")
def made() -> Frozen:
    return refreshed(
        resolved_of(best=f"rank({VALUE})", alive='probability_alive(model="bg_nbd")', other='rank(sum("x"))')
    )


def same(left: Frozen, right: Frozen) -> bool:
    def arrays(frozen: Frozen) -> Mapping[str, tuple[list[float], list[int]]]:
        return {key: (each.values.tolist(), each.counts.tolist()) for key, each in frozen.distributions.items()}

    return arrays(left) == arrays(right) and replace(left, distributions={}) == replace(right, distributions={})


def test_nothing_is_frozen_before_the_first_version(tmp_path: Path):
    """An empty or absent folder is no error."""
    store = FrozenStore(tmp_path / "frozen")

    assert store.load() == Frozen()
    assert store.versions() == []


def test_what_is_kept_comes_back_to_the_last_digit(tmp_path: Path, made: Frozen):
    """Distributions, models, reasons, meanings and the moment, under the next number."""
    store = FrozenStore(tmp_path)
    first, second = store.save(made), store.save(made)

    assert (first.version, second.version) == (1, 2)
    assert same(store.load(), second)
    assert same(store.load(1), first)
    assert store.versions() == [1, 2]


def test_large_distribution_is_kept_in_a_small_file(tmp_path: Path):
    """A million different values take less than two megabytes and come back as they were."""
    values = np.random.default_rng(1).normal(size=1_000_000)
    made = Frozen({"x": ReferenceDistribution.of(values)}, as_of=1)
    store = FrozenStore(tmp_path)

    assert same(store.load(store.save(made).version), replace(made, version=1))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_000_000


def test_old_versions_are_forgotten(tmp_path: Path):
    """As many as are promised stay, the last ones."""
    store = FrozenStore(tmp_path)
    for _ in range(KEPT_VERSIONS + 2):
        store.save(Frozen(as_of=1))

    assert store.versions() == list(range(3, KEPT_VERSIONS + 3))
    with pytest.raises(NotFound, match="version 1 "):
        store.load(1)


def test_any_damaged_byte_is_noticed(tmp_path: Path, made: Frozen):
    """A file with one changed byte is refused, wherever it is."""
    store = FrozenStore(tmp_path)
    store.save(made)
    (path,) = tmp_path.glob("*.bin")
    content = path.read_bytes()

    for place in np.random.default_rng(3).integers(0, len(content), 300).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="is damaged"):
            store.load()


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all", b"\x80\x04N."])
def test_other_files_are_refused(tmp_path: Path, content: bytes):
    """What is no file of ours is called damaged, with what to do."""
    (tmp_path / "frozen-000000001.bin").write_bytes(content)

    with pytest.raises(StoreError, match="is damaged") as caught:
        FrozenStore(tmp_path).load()
    assert "remove this file" in (caught.value.hint or "")


def test_cut_file_is_refused(tmp_path: Path, made: Frozen):
    """Half a file is not half of what is frozen."""
    store = FrozenStore(tmp_path)
    store.save(made)
    (path,) = tmp_path.glob("*.bin")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(StoreError, match="is damaged"):
        store.load()


def test_files_of_a_newer_shoal_are_refused_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is guessed about a format that is not known."""
    store = FrozenStore(tmp_path)
    monkeypatch.setattr("shoal.evaluate.frozen_store.FORMAT", 2)
    store.save(Frozen(as_of=1))
    monkeypatch.undo()

    with pytest.raises(StoreError, match="newer Shoal"):
        store.load()


def test_failed_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A full disk is told, and the version before it is still the last one."""
    store = FrozenStore(tmp_path)
    store.save(Frozen(as_of=1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shoal.journal.durable.os.fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        store.save(Frozen(as_of=2))
    monkeypatch.undo()
    assert (store.load().as_of, store.versions()) == (1, [1])
    assert [path.name for path in tmp_path.iterdir()] == ["frozen-000000001.bin"]
