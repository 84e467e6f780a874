"""Values in words, by their kind: what a person reads where a machine has a number of milliseconds."""

from __future__ import annotations

from shoal.definitions.kinds import Kind
from shoal.model.time import DAY, EARLIEST_MOMENT, HOUR, LATEST_MOMENT, MINUTE, SECOND, to_datetime
from shoal.model.value import Items, Value, is_number

_STEPS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))


def worded(value: Value | None, kind: Kind) -> str:
    """The value for people: `2 d 3 h`, `2026-01-31 08:30:00`, `yes`, `0.25`, `"pro"`, `missing`."""
    if value is None:
        return "missing"
    if kind is Kind.DURATION and is_number(value):
        return worded_duration(value)
    if kind is Kind.MOMENT and is_number(value):
        return worded_moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Items):
        return value.json
    return f'"{value}"' if isinstance(value, str) else worded_number(value)


def worded_number(value: float) -> str:
    """Whole numbers whole, others with at most four digits after the point."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4f}".rstrip("0").rstrip(".")


def worded_duration(milliseconds: float) -> str:
    """The two largest units that say anything: `2 d 3 h`, `45 s`, `120 ms`."""
    sign, rest = ("-" if milliseconds < 0 else ""), abs(milliseconds)
    if rest < SECOND:
        return f"{sign}{rest:g} ms"
    first = next(place for place, (length, _) in enumerate(_STEPS) if rest >= length)
    words = []
    for length, unit in _STEPS[first : first + 2]:
        count, rest = divmod(rest, length)
        words += [f"{count:g} {unit}"] if count else []
    return sign + " ".join(words)


def worded_moment(moment_ms: float) -> str:
    """Date and time in UTC, to the second unless there are milliseconds."""
    if not EARLIEST_MOMENT <= moment_ms <= LATEST_MOMENT:
        return "beyond the years 1 to 9999"
    at = to_datetime(int(moment_ms))
    spec = "milliseconds" if at.microsecond else "seconds"
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec=spec)
