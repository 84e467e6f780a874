"""The shapes of meaning: every expression of the language is a tree of these frozen nodes.

`language` builds them, `parse` reads them from text, `render` writes them back, `resolve` fills in references
and units, and the evaluators give them their values. A node compares by meaning: its `place` does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import NamedTuple


class Place(NamedTuple):
    """Where in a definition's text a node begins; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of an expression."""

    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)

    def children(self) -> Iterator[Node]:
        """The nodes directly below this one, in the order in which they are written."""
        for item in fields(self):
            yield from _nodes_in(getattr(self, item.name))

    def walk(self) -> Iterator[Node]:
        """This node and every node below it."""
        yield self
        for child in self.children():
            yield from child.walk()


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


# Constants


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a text or a truth."""

    value: float | str | bool

    def __eq__(self, other: object) -> bool:  # 1 and True are one value in Python, two in the language
        return isinstance(other, Literal) and (type(self.value), self.value) == (type(other.value), other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Duration(Node):
    """A length of time in milliseconds."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Moment(Node):
    """A fixed moment, in UTC milliseconds."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class LocalMoment(Node):
    """A date or moment written without an offset: read in the workspace's time zone when resolved."""

    text: str


@dataclass(frozen=True, slots=True)
class Ago(Node):
    """The moment a fixed time before now. It moves with now."""

    milliseconds: int


# Logic, comparison, arithmetic


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """`operator` is one of < <= > >= ==; a missing side makes it false."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    """Whether a value equals one of several constants."""

    operand: Node
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """`operator` is one of + - * /; a missing side, or a division by zero, is missing."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Has(Node):
    """Whether a value is present."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Default(Node):
    """The value, or a constant when it is missing."""

    operand: Node
    fallback: Node


# One event, inside `where`


@dataclass(frozen=True, slots=True)
class Property(Node):
    """A field of the event, by its full path: `properties.price`, `context.device.type`, `traits.plan`."""

    path: str


@dataclass(frozen=True, slots=True)
class ItemField(Node):
    """A field of one thing in a list, inside `any_item`; the empty path is the thing itself."""

    path: str


@dataclass(frozen=True, slots=True)
class SessionField(Node):
    """A field of one session, inside `sessions(where=...)`."""

    name: str


@dataclass(frozen=True, slots=True)
class TextMatch(Node):
    """`operator` is one of contains, starts_with, ends_with, matches; false unless the value is a text."""

    operator: str
    operand: Node
    text: str


@dataclass(frozen=True, slots=True)
class AnyItem(Node):
    """Whether some thing in the event's list fulfils a condition."""

    items: Property
    where: Node


@dataclass(frozen=True, slots=True)
class EventLocalTime(Node):
    """`hour` (0-23) or `weekday` (Monday 1 to Sunday 7) of the event on its own local clock."""

    part: str


# Which events


@dataclass(frozen=True, slots=True)
class Window(Node):
    """Limits on time and number of a selection. All that are given hold together.

    `within`: the last so many milliseconds. `calendar`: today, this week, this month, this year.
    `since` and `until` are moments (included, excluded); `after` is a moment, strictly later in order.
    `latest`: only the last so many of the events that all the other limits leave.
    """

    within: int | None = None
    calendar: str | None = None
    since: Node | None = None
    after: Node | None = None
    until: Node | None = None
    latest: int | None = None


@dataclass(frozen=True, slots=True)
class Selection(Node):
    """Activity events by name (`*` at the end of a name stands for any ending; no names: every one of them)."""

    names: tuple[str, ...]
    where: Node | None = None
    window: Window = Window()


# Values of a profile


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """One value of the selected events; `word` says which (see AGGREGATE_WORDS), `path` of which field."""

    word: str
    selection: Selection
    path: str | None = None


COUNTING_WORDS = ("count", "happened", "active_days")
MOMENT_WORDS = ("time_of_first", "time_of_last")
DURATION_WORDS = ("time_since", "time_since_first")
NUMBER_WORDS = ("sum", "average", "minimum", "maximum", "distinct")
VALUE_WORDS = ("first", "last", "most_frequent")
AGGREGATE_WORDS = COUNTING_WORDS + MOMENT_WORDS + DURATION_WORDS + NUMBER_WORDS + VALUE_WORDS


@dataclass(frozen=True, slots=True)
class FirstTime(Node):
    """Whether the first such event ever lies in the window."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class Share(Node):
    """Events selected by `part` for each event selected by `whole`; missing when there are none of these."""

    part: Selection
    whole: Selection


@dataclass(frozen=True, slots=True)
class Regularly(Node):
    """Whether at least `periods` of the last `of` periods of `each` milliseconds hold such an event."""

    selection: Selection
    periods: int
    of: int
    each: int


@dataclass(frozen=True, slots=True)
class Stopped(Node):
    """Whether such events happened in the `active` ms that ended `idle` ms ago, and none since."""

    selection: Selection
    active: int
    idle: int


@dataclass(frozen=True, slots=True)
class Restarted(Node):
    """Whether such an event came in the last `back` ms, at least `idle` ms after the one before it."""

    selection: Selection
    idle: int
    back: int


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One step of a sequence; an absent step must not happen between its neighbours."""

    names: tuple[str, ...]
    where: Node | None = None
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """Whether the steps happened in order, `span` ms from first to last, `gap` ms between neighbours at most."""

    steps: tuple[Step, ...]
    span: int | None = None
    gap: int | None = None
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class Funnel(Node):
    """How many of the steps were reached in order: 0 to the number of steps."""

    steps: tuple[Step, ...]
    span: int | None = None
    window: Window = Window()


SESSION_FIELDS = ("events", "pages", "duration", "engaged_time", "max_scroll", "bounced")


@dataclass(frozen=True, slots=True)
class SessionCount(Node):
    """How many sessions that began in the window fulfil a condition."""

    where: Node | None = None
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class SessionValue(Node):
    """A field of the `current` or the `last` session; missing when there is none."""

    name: str
    of: str


@dataclass(frozen=True, slots=True)
class SessionAggregate(Node):
    """The average, sum, minimum or maximum of a field over the sessions that began in the window."""

    word: str
    name: str
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class LastStated(Node):
    """The last present value of a trait (`traits.plan`) or of context (`context.device.type`)."""

    path: str


@dataclass(frozen=True, slots=True)
class LocalTime(Node):
    """`hour` (0-23) or `weekday` (Monday 1 to Sunday 7) now, on the profile's local clock."""

    part: str


@dataclass(frozen=True, slots=True)
class InList(Node):
    """Whether one of the profile's identifiers stands in a list."""

    name: str


@dataclass(frozen=True, slots=True)
class Everyone(Node):
    """True for every profile that has an event or a record."""


@dataclass(frozen=True, slots=True)
class Consents(Node):
    """Whether the profile may be used for a purpose now."""

    purpose: str


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """Another definition by name: kind is feature, score, segment, or any (a bare name)."""

    kind: str
    name: str


# Shaping values


@dataclass(frozen=True, slots=True)
class Decay(Node):
    """1 at age 0, a half at `half_life` ms and so on; falls once every `step` ms."""

    operand: Node
    half_life: int
    step: int


@dataclass(frozen=True, slots=True)
class Scale(Node):
    """`low` to `high` becomes 0 to 1; what lies outside is clipped."""

    operand: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Mean(Node):
    """The mean of the values that are present."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Rank(Node):
    """Where a value stands in its frozen reference distribution: a percentile 0..1, or a group 1..`into`."""

    operand: Node
    into: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class PurchaseForecast(Node):
    """What a frozen purchase model expects of the profile.

    `word` is expected_orders, probability_alive or customer_value; `model` bg_nbd, mbg_nbd or pareto_nbd.
    """

    word: str
    model: str
    selection: Selection
    path: str | None = None
    horizon: int | None = None


@dataclass(frozen=True, slots=True)
class ScorePart(Node):
    """One weighted part of a score. `missing` is what stands in for an absent value; None leaves the part out."""

    name: str
    weight: float
    value: Node
    missing: float | None = None


@dataclass(frozen=True, slots=True)
class ScoreTotal(Node):
    """Sum of weight x value over the present parts, with their weights renormalised to the sum of all weights."""

    parts: tuple[ScorePart, ...]
