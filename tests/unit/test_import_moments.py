"""Moments read from texts."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.collect.moments import read_moments
from shoal.model.time import parse_moment


def read(text: str, written: str = "iso", zone: str = "UTC") -> int | None:
    found = read_moments(pl.Series([text]), written, zone)[0]
    return None if found is None else int(found)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2010-12-01 08:26:00", "2010-12-01T08:26:00Z"),
        ("2010-12-01 08:26", "2010-12-01T08:26:00Z"),
        ("2010-12-01", "2010-12-01T00:00:00Z"),
        (" 2022-11-20 11:53:06.352000 UTC ", "2022-11-20T11:53:06.352Z"),
        ("2022-11-20T11:53:06,9999+05:30", "2022-11-20T06:23:06.999Z"),
        ("2022-11-20T11:53:06-0330", "2022-11-20T15:23:06Z"),
        ("2022-11-20T11:53:06+01", "2022-11-20T10:53:06Z"),
        ("2021-W01-1", "2021-01-04T00:00:00Z"),
        ("20210101T000000Z", "2021-01-01T00:00:00Z"),
        ("0001-01-01", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_iso_moments_are_read(text: str, same: str) -> None:
    """Every way to write a moment that the standard allows and exports use."""
    assert read(text) == parse_moment(same)


@pytest.mark.parametrize(
    "text",
    [
        *("0000-01-01", "10000-01-01", "2021-02-29", "2021-13-01", "2021-01-01T24:00:01", "2021-01-01T00:60"),
        *(
            "0001-01-01T00:00+01:00",
            "9999-12-31T23:59-01:00",
            "2021-01-01T00:00:00.",
            "x",
            "",
            "2021-01-01T00:00+1",
        ),
        *("2021-01-01T00:00:00+24:00", "２０２１-01-01", "2021/01/01"),
    ],
)
def test_what_is_no_moment_is_missing(text: str) -> None:
    """Days that do not exist, and years beyond 1 to 9999."""
    assert read(text) is None


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)))
def test_the_fast_way_agrees_with_the_library(moment: datetime) -> None:
    """For any moment that Python can write."""
    assert read(moment.isoformat()) == parse_moment(moment.replace(tzinfo=UTC).isoformat())


@pytest.mark.parametrize(
    ("text", "unit", "moment"),
    [
        ("1458354239000", "ms", 1458354239000),
        ("1458354239", "s", 1458354239000),
        ("1458354239.75", "s", 1458354239750),
        ("1458354239123456", "us", 1458354239123),
        ("1458354239123456789", "ns", 1458354239123),
        ("-1", "ms", -1),
        ("1e3", "ms", 1000),
        ("-62135596800", "s", -62135596800000),
        ("-62135596801", "s", None),
        ("253402300799", "s", 253402300799000),
        ("253402300800", "s", None),
        ("9" * 30, "ms", None),
        ("nan", "ms", None),
        ("inf", "s", None),
        ("12 o'clock", "ms", None),
    ],
)
def test_counted_moments_are_exact(text: str, unit: str, moment: int | None) -> None:
    """Whole numbers are not rounded on the way, and nothing beyond the years 1 to 9999 is a moment."""
    assert read(text, unit) == moment


def test_patterns_are_read_in_their_zone() -> None:
    """A pattern without an offset is a local clock."""
    assert read("31/12/2020 10:00", "%d/%m/%Y %H:%M", "Europe/Paris") == parse_moment("2020-12-31T09:00Z")
    assert read("31.12.2020", "%d.%m.%Y") == parse_moment("2020-12-31")
    assert read("31/12/2020 10:00 +0100", "%d/%m/%Y %H:%M %z") == parse_moment("2020-12-31T09:00Z")
    assert read("tomorrow", "%d/%m/%Y") is None


def test_a_time_shown_twice_is_the_first_of_the_two() -> None:
    """When the clock goes back, half past two comes twice."""
    assert read("2021-10-31 02:30", zone="Europe/Paris") == parse_moment("2021-10-31T00:30Z")


def test_a_skipped_time_is_read_as_if_it_were_not() -> None:
    """When the clock goes forward, half past two does not come: it is 90 minutes after one o'clock."""
    assert read("2021-03-28 02:30", zone="Europe/Paris") == parse_moment("2021-03-28T01:30Z")
