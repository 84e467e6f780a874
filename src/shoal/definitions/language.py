"""The words of the language as Python functions. The text form calls the same functions, so both mean the same.

    from shoal.definitions.language import count, happened, property
    eager = (count("Product Viewed", within="7 days") >= 3) & ~happened("Order Completed", within="7 days")

Combine conditions with `&`, `|` and `~` in Python, and with `and`, `or` and `not` in text.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal as OneOf
from typing import Unpack

from shoal.definitions import nodes
from shoal.definitions.expression import (
    Constant,
    Expression,
    LanguageError,
    Operand,
    PeriodWords,
    StepLike,
    WindowWords,
    condition_of,
    duration,
    event_names,
    event_path,
    moment_text,
    node_of,
    optional_duration,
    positive_duration,
    text_match,
    text_of,
    unbroken,
    value_of,
    whole_number,
    window_of,
)
from shoal.model.consent import Purpose

__all__ = [
    "absent",
    "active_days",
    "ago",
    "any_item",
    "average",
    "bounce_rate",
    "consents",
    "contains",
    "context",
    "count",
    "customer_value",
    "decay",
    "default",
    "distinct",
    "ends_with",
    "event_hour",
    "event_weekday",
    "everyone",
    "expected_orders",
    "feature",
    "first",
    "first_time",
    "funnel",
    "happened",
    "has",
    "in_list",
    "in_segment",
    "item",
    "last",
    "local_hour",
    "local_weekday",
    "matches",
    "maximum",
    "mean",
    "minimum",
    "moment",
    "most_frequent",
    "motive",
    "pages_per_session",
    "probability_alive",
    "property",
    "rank",
    "regularly",
    "restarted",
    "scale",
    "score",
    "sequence",
    "session",
    "session_average",
    "session_field",
    "session_maximum",
    "session_minimum",
    "session_sum",
    "sessions",
    "share",
    "starts_with",
    "step",
    "stopped",
    "sum",
    "time_of_first",
    "time_of_last",
    "time_since",
    "time_since_any",
    "time_since_first",
    "tone",
    "trait",
]
"""The words of `vocabulary`, and three that text writes otherwise: fields of sessions, the clock of an event."""


def contains(value: Expression, text: str) -> Expression:
    """Whether a text contains another, upper and lower case apart."""
    return text_match("contains", value, text)


def starts_with(value: Expression, text: str) -> Expression:
    """Whether a text starts with another."""
    return text_match("starts_with", value, text)


def ends_with(value: Expression, text: str) -> Expression:
    """Whether a text ends with another."""
    return text_match("ends_with", value, text)


def matches(value: Expression, pattern: str) -> Expression:
    """Whether a regular expression is found in a text, in linear time (no look-around, no back-references)."""
    return text_match("matches", value, pattern)


def has(value: Expression) -> Expression:
    """Whether a value is present."""
    return Expression(nodes.Has(value_of(value).node))


def default(value: Expression, fallback: Constant) -> Expression:
    """The value, or `fallback` when it is missing."""
    return Expression(nodes.Default(value_of(value).node, node_of(fallback)))


# Inside `where`


def property(path: str) -> Expression:
    """A property of the event; in text a bare name does the same. `context.` and `traits.` paths work too."""
    return Expression(nodes.Property(event_path(text_of(path, "a property"))))


def any_item(items: Expression | str, where: Expression) -> Expression:
    """Whether some thing in a list property fulfils a condition: `any_item(products, where=price > 100)`."""
    listed = property(items) if isinstance(items, str) else items
    if not isinstance(listed.node, nodes.Property):
        raise LanguageError(
            "any_item looks into a property that holds a list", "any_item(products, where=price > 100)"
        )
    return Expression(nodes.AnyItem(listed.node, condition_of(where)))


def item(path: str = "") -> Expression:
    """A field of the thing that `any_item` looks at, or the thing itself; in text a bare name, or `item()`."""
    if not isinstance(path, str):
        raise LanguageError("a field of a thing is named by a text in quotes")
    return Expression(nodes.ItemField(unbroken(path)))


def event_hour() -> Expression:
    """The hour (0-23) of the event on its own local clock; in text `local_hour()` inside `where`."""
    return Expression(nodes.EventLocalTime("hour"))


def event_weekday() -> Expression:
    """The weekday (Monday 1 to Sunday 7) of the event on its own clock; in text `local_weekday()` in `where`."""
    return Expression(nodes.EventLocalTime("weekday"))


# Events


def count(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """How many such events happened; with no name, how many events of any name."""
    return _aggregate("count", events, where, window)


def happened(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """Whether such an event happened."""
    return _aggregate("happened", events, where, window)


def active_days(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """On how many days of the events' own local calendar such events happened."""
    return _aggregate("active_days", events, where, window)


def sum(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """The sum of a numeric property; 0 of nothing."""
    return _aggregate("sum", of, where, window, path)


def average(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """The mean of a numeric property over the events that have it; missing of nothing."""
    return _aggregate("average", of, where, window, path)


def minimum(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """The smallest value of a numeric property; missing of nothing."""
    return _aggregate("minimum", of, where, window, path)


def maximum(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """The largest value of a numeric property; missing of nothing."""
    return _aggregate("maximum", of, where, window, path)


def first(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """The property on the first such event; missing when that event lacks it."""
    return _aggregate("first", of, where, window, path)


def last(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """The property on the last such event; missing when that event lacks it."""
    return _aggregate("last", of, where, window, path)


def distinct(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """How many different values of a property were seen."""
    return _aggregate("distinct", of, where, window, path)


def most_frequent(
    path: str, *, of: str | tuple[str, ...] = (), where: Expression | None = None, **window: Unpack[WindowWords]
) -> Expression:
    """The value of a property seen most often; of several, the one seen most recently."""
    return _aggregate("most_frequent", of, where, window, path)


def share(
    *events: str, where: Expression, of: str | tuple[str, ...] = (), **window: Unpack[WindowWords]
) -> Expression:
    """Which part of the events `of` (default: the same events) are such events that fulfil `where`."""
    selected = window_of(window)
    part = nodes.Selection(event_names(events), condition_of(where), selected)
    return Expression(nodes.Share(part, nodes.Selection(event_names(of) or event_names(events), None, selected)))


def time_since(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """How long ago the last such event was; missing when there was none."""
    return _aggregate("time_since", events, where, window)


def time_since_any(**window: Unpack[WindowWords]) -> Expression:
    """How long ago the last event of any name was."""
    return _aggregate("time_since", (), None, window)


def time_since_first(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """How long ago the first such event was; missing when there was none."""
    return _aggregate("time_since_first", events, where, window)


def time_of_last(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """The moment of the last such event; missing when there was none."""
    return _aggregate("time_of_last", events, where, window)


def time_of_first(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """The moment of the first such event; missing when there was none."""
    return _aggregate("time_of_first", events, where, window)


def first_time(*events: str, where: Expression | None = None, **window: Unpack[WindowWords]) -> Expression:
    """Whether the first such event ever lies in the window."""
    return Expression(nodes.FirstTime(_selection(events, where, window)))


def regularly(*events: str, periods: int, of: int, each: str, where: Expression | None = None) -> Expression:
    """Whether at least `periods` of the last `of` periods, `each` so long, hold such an event."""
    whole = whole_number(of, 1, 1000, "of is a whole number of periods from 1 to 1000")
    least = whole_number(periods, 1, whole, "periods is a whole number from 1 to of")
    return Expression(
        nodes.Regularly(_selection(events, where, {}), least, whole, positive_duration(each, "each"))
    )


def stopped(*events: str, active: str, idle: str, where: Expression | None = None) -> Expression:
    """Whether such events happened for a while (`active`), and then not for `idle`, until now."""
    return Expression(nodes.Stopped(_selection(events, where, {}), duration(active), duration(idle)))


def restarted(*events: str, idle: str, back: str, where: Expression | None = None) -> Expression:
    """Whether such an event came in the last `back`, at least `idle` after the one before it."""
    return Expression(nodes.Restarted(_selection(events, where, {}), duration(idle), duration(back)))


# Sequences


def step(*events: str, where: Expression | None = None) -> nodes.Step:
    """One step of a sequence or funnel, with a condition."""
    return nodes.Step(event_names(events), None if where is None else condition_of(where))


def absent(*events: str, where: Expression | None = None) -> nodes.Step:
    """What must not happen between its neighbours; as the last step, not until the span or gap has run out."""
    return nodes.Step(event_names(events), None if where is None else condition_of(where), is_absent=True)


def sequence(
    *steps: StepLike, span: str | None = None, gap: str | None = None, **window: Unpack[PeriodWords]
) -> Expression:
    """Whether the steps happened in this order."""
    made = _steps(steps)
    if not made or made[0].is_absent:
        raise LanguageError("a sequence begins with a step that happens")
    if any(a.is_absent and b.is_absent for a, b in pairwise(made)):
        raise LanguageError("two absent steps in a row", 'name both events in one: absent("A", "B")')
    if made[-1].is_absent and span is None and gap is None:
        raise LanguageError("a closing absent step needs a span or a gap", 'add span="30 minutes"')
    return Expression(nodes.Sequence(made, optional_duration(span), optional_duration(gap), window_of(window)))


def funnel(*steps: StepLike, span: str | None = None, **window: Unpack[PeriodWords]) -> Expression:
    """How many of the steps were reached in this order: 0 to the number of steps."""
    made = _steps(steps)
    if not made or any(each.is_absent for each in made):
        raise LanguageError("a funnel is made of steps that happen")
    return Expression(nodes.Funnel(made, optional_duration(span), window_of(window)))


# Sessions

SessionFieldName = OneOf["events", "pages", "duration", "engaged_time", "max_scroll", "bounced"]


def session_field(name: SessionFieldName) -> Expression:
    """A field of one session, inside `sessions(where=...)`; in text a bare name."""
    return Expression(nodes.SessionField(_session_field(name)))


def sessions(*, where: Expression | None = None, **window: Unpack[PeriodWords]) -> Expression:
    """How many sessions began in the window: `sessions(where=pages >= 3 and duration > "5 minutes")`."""
    condition = None if where is None else condition_of(where)
    return Expression(nodes.SessionCount(condition, window_of(window)))


def session(field: SessionFieldName, *, of: OneOf["current", "last"] = "current") -> Expression:
    """A field of the current session (missing when it is over) or of the last one, over or not."""
    if of not in ("current", "last"):
        raise LanguageError(f'there is no session "{of}"', "current or last")
    return Expression(nodes.SessionValue(_session_field(field), of))


def session_average(field: SessionFieldName, **window: Unpack[PeriodWords]) -> Expression:
    """The mean of a field over the sessions that began in the window."""
    return _session_aggregate("average", field, window)


def session_sum(field: SessionFieldName, **window: Unpack[PeriodWords]) -> Expression:
    """The sum of a field over the sessions that began in the window."""
    return _session_aggregate("sum", field, window)


def session_maximum(field: SessionFieldName, **window: Unpack[PeriodWords]) -> Expression:
    """The largest value of a field over the sessions that began in the window."""
    return _session_aggregate("maximum", field, window)


def session_minimum(field: SessionFieldName, **window: Unpack[PeriodWords]) -> Expression:
    """The smallest value of a field over the sessions that began in the window."""
    return _session_aggregate("minimum", field, window)


def pages_per_session(**window: Unpack[PeriodWords]) -> Expression:
    """The mean number of pages and screens of the sessions that began in the window."""
    return _session_aggregate("average", "pages", window)


def bounce_rate(**window: Unpack[PeriodWords]) -> Expression:
    """Which part of the sessions that began in the window bounced."""
    return _session_aggregate("average", "bounced", window)


# The person and the context


def trait(name: str) -> Expression:
    """The last stated value of a trait, from identify calls and CRM records."""
    return Expression(nodes.LastStated(f"traits.{text_of(name, 'a trait')}"))


def context(path: str) -> Expression:
    """The last seen value of context, such as `context("device.type")`."""
    return Expression(nodes.LastStated(f"context.{text_of(path, 'a context path')}"))


def local_hour() -> Expression:
    """The hour (0-23) now on the profile's local clock."""
    return Expression(nodes.LocalTime("hour"))


def local_weekday() -> Expression:
    """The weekday (Monday 1 to Sunday 7) now on the profile's local clock."""
    return Expression(nodes.LocalTime("weekday"))


def in_list(name: str) -> Expression:
    """Whether one of the profile's identifiers stands in a list of the workspace."""
    return Expression(nodes.InList(text_of(name, "a list")))


def everyone() -> Expression:
    """True for every profile that has an event or a record."""
    return Expression(nodes.Everyone())


def consents(purpose: str) -> Expression:
    """Whether the profile may be used for a purpose now. A segment checks its own purpose by itself."""
    try:
        return Expression(nodes.Consents(Purpose(purpose).value))
    except ValueError:
        raise LanguageError(f'"{purpose}" is not a purpose', ", ".join(Purpose)) from None


def feature(name: str) -> Expression:
    """The value of a feature; in text a bare name does the same."""
    return Expression(nodes.Reference("feature", text_of(name, "a feature")))


def score(name: str) -> Expression:
    """The value of a score."""
    return Expression(nodes.Reference("score", text_of(name, "a score")))


def in_segment(name: str) -> Expression:
    """Whether the profile is a member of another segment, its consent included."""
    return Expression(nodes.Reference("segment", text_of(name, "a segment")))


def tone(**window: Unpack[WindowWords]) -> Expression:
    """The mean tone, -1 to 1, of what the person wrote: of the property `tone` of their events."""
    return _aggregate("average", (), None, window, "tone")


def motive(**window: Unpack[WindowWords]) -> Expression:
    """The motive most often found in what the person wrote: of the property `motive` of their events."""
    return _aggregate("most_frequent", (), None, window, "motive")


def moment(text: str) -> Expression:
    """A fixed moment; without an offset it is read in the workspace's time zone."""
    return Expression(moment_text(text))


def ago(length: str) -> Expression:
    """The moment so long before now."""
    return Expression(nodes.Ago(duration(length)))


# Shaping values


def decay(value: Expression, *, half_life: str, step: str = "1 hour") -> Expression:
    """0.5 ** (age / half_life), where age is a duration cut to whole steps."""
    half_life_ms, step_ms = positive_duration(half_life, "half_life"), positive_duration(step, "step")
    return Expression(nodes.Decay(value_of(value).node, half_life_ms, step_ms))


def scale(value: Expression, low: Operand, high: Operand) -> Expression:
    """The value on a scale where `low` is 0 and `high` is 1, clipped; both are constants."""
    return Expression(nodes.Scale(value_of(value).node, node_of(low), node_of(high)))


def mean(*values: Expression) -> Expression:
    """The mean of the values that are present; missing when none is."""
    if not values:
        raise LanguageError("mean needs at least one value")
    return Expression(nodes.Mean(tuple(value_of(value).node for value in values)))


def rank(value: Expression, *, into: int | None = None, descending: bool = False) -> Expression:
    """The percentile 0..1 among all profiles when the reference was frozen, or the group 1..`into` (5: quintiles).

    `descending` turns the order round: the smallest value ranks highest, as recency does in RFM.
    """
    if not isinstance(descending, bool):
        raise LanguageError("descending is true or false")
    groups = None if into is None else whole_number(into, 2, 1000, "into is a number of groups from 2 to 1000")
    return Expression(nodes.Rank(value_of(value).node, groups, descending))


PurchaseModelName = OneOf["bg_nbd", "mbg_nbd", "pareto_nbd"]


def expected_orders(
    *, horizon: str, of: str | tuple[str, ...] = "Order Completed", model: PurchaseModelName = "pareto_nbd"
) -> Expression:
    """How many orders a frozen purchase model expects in the next `horizon`."""
    return _forecast("expected_orders", of, model, horizon=horizon)


def probability_alive(
    *, of: str | tuple[str, ...] = "Order Completed", model: PurchaseModelName = "pareto_nbd"
) -> Expression:
    """The probability that the person still buys here, by a frozen purchase model."""
    return _forecast("probability_alive", of, model)


def customer_value(
    *,
    horizon: str,
    revenue: str = "revenue",
    of: str | tuple[str, ...] = "Order Completed",
    model: PurchaseModelName = "pareto_nbd",
) -> Expression:
    """The revenue expected in the next `horizon`: orders by a purchase model, spend by Gamma-Gamma."""
    return _forecast("customer_value", of, model, horizon=horizon, path=text_of(revenue, "a property"))


# How words are made


def _selection(events: object, where: object, window: WindowWords) -> nodes.Selection:
    return nodes.Selection(event_names(events), None if where is None else condition_of(where), window_of(window))


def _aggregate(word: str, events: object, where: object, window: WindowWords, path: object = None) -> Expression:
    full = None if path is None else event_path(text_of(path, "a property"))
    return Expression(nodes.Aggregate(word, _selection(events, where, window), full))


def _session_aggregate(word: str, field: str, window: PeriodWords) -> Expression:
    return Expression(nodes.SessionAggregate(word, _session_field(field), window_of(window)))


def _session_field(name: object) -> str:
    if name not in nodes.SESSION_FIELDS:
        raise LanguageError(f'a session has no "{name}"', ", ".join(nodes.SESSION_FIELDS))
    return str(name)


def _steps(steps: Iterable[StepLike]) -> tuple[nodes.Step, ...]:
    made = tuple(step(each) if isinstance(each, str) else each for each in steps)
    if not all(isinstance(each, nodes.Step) for each in made):
        raise LanguageError("a step is an event name, step(...) or absent(...)")
    if len(made) > 32:
        raise LanguageError("more than 32 steps")
    return made


def _forecast(
    word: str, of: object, model: str, *, horizon: str | None = None, path: str | None = None
) -> Expression:
    if model not in ("bg_nbd", "mbg_nbd", "pareto_nbd"):
        raise LanguageError(f'there is no purchase model "{model}"', "bg_nbd, mbg_nbd or pareto_nbd")
    selection = nodes.Selection(event_names(of))
    full = None if path is None else event_path(path)
    return Expression(nodes.PurchaseForecast(word, model, selection, full, optional_duration(horizon)))
