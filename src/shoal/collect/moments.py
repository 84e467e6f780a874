"""Moments read from texts, a whole column at a time: ISO 8601, numbers since 1970, and patterns."""

from __future__ import annotations

from datetime import UTC, tzinfo

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.model.time import EARLIEST_MOMENT, LATEST_MOMENT, parse_moment
from shoal.model.zone import load_zone, zone_table

Moments = NDArray[np.int64]
Flags = NDArray[np.bool_]

# How many make a millisecond, or milliseconds in one.
_PER_UNIT = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000)}

_CLOCK_MARKS = ("%H", "%I", "%T", "%R", "%X", "%c", "%k", "%l", "%s")
"""Patterns with one of these say a time of day, the others a day."""

_BAD, _UTC, _LOCAL = 0, 1, 2

_compiled = numba.njit(cache=True, nogil=True)


def read_moments(texts: pl.Series, written: str, zone: str) -> pl.Series:
    """UTC milliseconds, null where a text is missing or is not a moment of the years 1 to 9999.

    A clock time without an offset is read in `zone`. One that the clock shows twice is the first of the two;
    one that it skips is read with the offset from before the change. Parts of a millisecond are cut off.
    """
    if written == "iso":
        return _iso(texts, zone)
    if written in _PER_UNIT:
        return _within(_counted(texts, *_PER_UNIT[written]))
    return _patterned(texts, written, zone)


def _within(moments: pl.Series) -> pl.Series:
    return moments.set(~moments.is_between(EARLIEST_MOMENT, LATEST_MOMENT), None)


def _counted(texts: pl.Series, times: int, parts: int) -> pl.Series:
    clean = texts.str.strip_chars()
    whole = clean.cast(pl.Int64, strict=False)
    furthest = min(LATEST_MOMENT // times * parts, 2**63 - 1)
    fits = whole.is_between(-furthest, furthest)
    exact = whole.set(~fits, None) * times // parts
    if exact.null_count() == texts.null_count():
        return exact
    # 1458354239.5 and 1.458354239e9 are numbers too.
    doubles = clean.cast(pl.Float64, strict=False) * times / parts
    fits = doubles.is_finite() & doubles.is_between(EARLIEST_MOMENT, LATEST_MOMENT) & whole.is_null()
    return exact.fill_null(doubles.set(~fits, None).floor().cast(pl.Int64))


def _patterned(texts: pl.Series, pattern: str, zone: str) -> pl.Series:
    clean = texts.str.strip_chars()
    if "%z" in pattern or "%Z" in pattern or "%:z" in pattern:
        aware = clean.str.to_datetime(pattern, time_unit="ms", time_zone="UTC", strict=False)
        return _within(aware.dt.epoch("ms"))
    if any(mark in pattern for mark in _CLOCK_MARKS):
        local = clean.str.to_datetime(pattern, time_unit="ms", strict=False)
    else:
        local = clean.str.to_date(pattern, strict=False).cast(pl.Datetime("ms"))
    return _within(_zoned(local.dt.epoch("ms"), zone))


def _zoned(local: pl.Series, zone: str) -> pl.Series:
    if zone == "UTC":
        return local
    moments = zone_table(zone).to_utc(local.fill_null(0).to_numpy())
    return pl.Series(moments).set(local.is_null(), None)


def _iso(texts: pl.Series, zone: str) -> pl.Series:
    moments, kinds = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int8)
    letters, offsets = letters_of(texts)
    _read_iso(letters, offsets, moments, kinds)
    known = pl.Series(moments).set(pl.Series(kinds == _BAD), None)
    if zone != "UTC" and (kinds == _LOCAL).any():
        known = known.set(pl.Series(kinds == _LOCAL), None).fill_null(_zoned(known, zone))
        known = known.set(pl.Series(kinds == _BAD), None)
    unread = np.flatnonzero((kinds == _BAD) & texts.is_not_null().to_numpy())
    return _within(_with_rare_forms(known, texts, unread, load_zone(zone) if zone != "UTC" else UTC))


def _with_rare_forms(known: pl.Series, texts: pl.Series, rows: NDArray[np.int64], zone: tzinfo) -> pl.Series:
    """Week dates, times without separators and the like: rare, so one at a time."""
    if not len(rows):
        return known
    repeated: dict[str, int | None] = {}
    for text in texts.gather(rows).unique():
        try:
            repeated[text] = parse_moment(text, zone)
        except (ValueError, OverflowError):
            repeated[text] = None
    read = [repeated[text] for text in texts.gather(rows)]
    return known.scatter(rows, read)


def letters_of(texts: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all texts, one after the other, and where each begins and the last ends. Missing: empty."""
    arrow = texts.rechunk().to_arrow()
    _, offsets, content = arrow.buffers()
    ends = np.frombuffer(offsets, np.int64)[arrow.offset : arrow.offset + len(texts) + 1]
    return np.frombuffer(content or b"", np.uint8), ends


@_compiled
def _digits(letters, place, count):  # type: ignore[no-untyped-def]
    """The number that `count` digits make, or -1."""
    number = 0
    for index in range(place, place + count):
        digit = letters[index] - 48
        if digit < 0 or digit > 9:
            return -1
        number = number * 10 + digit
    return number


@_compiled
def _days(year, month, day):  # type: ignore[no-untyped-def]
    """Days from 1970-01-01 in the Gregorian calendar, which is taken to have always been in use."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@_compiled
def _days_in(year, month):  # type: ignore[no-untyped-def]
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@_compiled
def _read_iso(letters, offsets, moments, kinds):  # type: ignore[no-untyped-def]
    for row in range(len(moments)):
        moments[row], kinds[row] = _one_iso(letters, offsets[row], offsets[row + 1])


@_compiled
def _one_iso(letters, start, end):  # type: ignore[no-untyped-def]
    """`2026-01-31`, `2026-01-31 08:30`, `2026-01-31T08:30:00.123456Z`, `... +01:00`, `... UTC`."""
    while start < end and letters[start] == 32:
        start += 1
    while end > start and letters[end - 1] == 32:
        end -= 1
    if end - start < 10 or letters[start + 4] != 45 or letters[start + 7] != 45:
        return 0, _BAD
    year, month, day = _digits(letters, start, 4), _digits(letters, start + 5, 2), _digits(letters, start + 8, 2)
    if year < 1 or month < 1 or month > 12 or day < 1 or day > _days_in(year, month):
        return 0, _BAD
    moment = _days(year, month, day) * 86_400_000
    place = start + 10
    if place == end:
        return moment, _LOCAL
    if end - place < 6 or letters[place] not in (84, 116, 32) or letters[place + 3] != 58:
        return 0, _BAD
    hour, minute = _digits(letters, place + 1, 2), _digits(letters, place + 4, 2)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return 0, _BAD
    moment += hour * 3_600_000 + minute * 60_000
    place += 6
    if end - place >= 3 and letters[place] == 58:
        second = _digits(letters, place + 1, 2)
        if second < 0 or second > 59:
            return 0, _BAD
        moment += second * 1000
        place += 3
        if place < end and letters[place] in (46, 44):
            place += 1
            first, scale = place, 100
            while place < end and 48 <= letters[place] <= 57:
                moment += (letters[place] - 48) * scale
                scale //= 10
                place += 1
            if place == first:
                return 0, _BAD
    while place < end and letters[place] == 32:
        place += 1
    return _with_offset(letters, place, end, moment)


@_compiled
def _with_offset(letters, place, end, moment):  # type: ignore[no-untyped-def]
    if place == end:
        return moment, _LOCAL
    sign = letters[place]
    if end - place == 1:
        return moment, _UTC if sign in (90, 122) else _BAD
    if end - place == 3 and sign == 85 and letters[place + 1] == 84 and letters[place + 2] == 67:
        return moment, _UTC
    if sign not in (43, 45) or end - place not in (3, 5, 6):
        return 0, _BAD
    hours, minutes = _digits(letters, place + 1, 2), 0
    if end - place == 6 and letters[place + 3] != 58:
        return 0, _BAD
    if end - place > 3:
        minutes = _digits(letters, end - 2, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return 0, _BAD
    offset = (hours * 60 + minutes) * 60_000
    return moment - offset if sign == 43 else moment + offset, _UTC
