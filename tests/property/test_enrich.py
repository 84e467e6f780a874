"""Enrichment, whatever comes: what is stated stands, and how events are cut into frames does not matter."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.definitions.enriching import Enriching
from shoal.enrich import Enricher
from shoal.model.frame import FIELD_TYPES, split_field_column

AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36",
    "",
    "\x00 {}",
)
ADDRESSES = (
    "https://shop.example/?utm_source=a&utm_medium=b",
    "https://google.com/",
    "//[",
    "",
    "android-app://com.x",
)
TEXTS = ("I love the price", "Das ist nicht gut", "hm", "", "support was awful 🙁")


def field(type_name: str, *values: object) -> st.SearchStrategy[object]:
    """One of these, anything of the type, or nothing."""
    anything = {"text": st.text(max_size=20), "number": st.floats(allow_nan=False), "truth": st.booleans()}
    return st.none() | st.sampled_from(values) | anything[type_name] if values else st.none() | anything[type_name]


COLUMNS = {
    "context.userAgent:text": field("text", *AGENTS),
    "context.userAgentData.mobile:truth": field("truth"),
    "context.userAgentData.platform:text": field("text", "Android", "macOS"),
    "context.userAgentData.brands:items": st.none()
    | st.sampled_from(["[]", '[{"brand":"Opera"}]', '[1,{"brand":2}]']),
    "context.device.type:text": st.none() | st.sampled_from(["ios", ""]),
    "context.device.type:number": st.none() | st.just(1.0),
    "context.is_bot:truth": field("truth"),
    "context.is_bot:text": st.none() | st.just("no"),
    "context.ip:text": field("text", "81.2.69.1"),
    "context.page.url:text": field("text", *ADDRESSES),
    "context.page.search:text": field("text", "?utm_term=x"),
    "context.page.referrer:text": field("text", *ADDRESSES),
    "context.campaign.name:text": st.none() | st.just("stated"),
    "properties.body:text": field("text", *TEXTS),
    "properties.tone:number": st.none() | st.just(0.5),
    "properties.motive:text": st.none() | st.just("stated"),
}
ENRICHER = Enricher(Enriching(texts={"Message Sent": "body", "Product Reviewed": "body"}))
MARKING = Enricher(Enriching(texts=ENRICHER.enriching.texts, bots="include", keep_texts=True, keep_address=True))


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Events with some of the columns; a field has at most one type in each."""
    count = draw(st.integers(0, 6))
    chosen = draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True))
    names = st.sampled_from(["Message Sent", "Product Reviewed", "Page Viewed"])
    data: dict[str, pl.Series] = {
        "position": pl.Series(range(count), dtype=pl.Int64),
        "name": pl.Series([draw(names) for _ in range(count)], dtype=pl.String),
    }
    stated: set[tuple[int, str]] = set()
    for column in chosen:
        path, type_name = split_field_column(column) or ("", "")
        values = [draw(COLUMNS[column]) for _ in range(count)]
        values = [None if (row, path) in stated else value for row, value in enumerate(values)]
        stated |= {(row, path) for row, value in enumerate(values) if value is not None}
        data[column] = pl.Series(values, dtype=FIELD_TYPES[type_name])
    return pl.DataFrame(data)


def as_rows(frame: pl.DataFrame) -> list[dict[str, object]]:
    """What each event says, whatever columns the frame has beside."""
    return [
        {column: value for column, value in row.items() if value is not None}
        for row in frame.iter_rows(named=True)
    ]


@settings(max_examples=60, deadline=None)
@given(frames())
def test_what_is_stated_stands(frame: pl.DataFrame) -> None:
    """Every event keeps its place and every value it had, and no field gets a second type."""
    enriched = MARKING.enrich(frame)

    assert enriched["position"].equals(frame["position"])
    for before, row in zip(as_rows(frame), as_rows(enriched), strict=True):
        assert before.items() <= row.items()
        paths = [(split_field_column(column) or (column, ""))[0] for column in row]
        assert len(paths) == len(set(paths))


@settings(max_examples=60, deadline=None)
@given(frames(), st.integers(0, 6))
def test_frames_may_be_cut_anywhere(frame: pl.DataFrame, at: int) -> None:
    """Two parts enriched one after the other say what the whole says, bots left out."""
    whole = ENRICHER.enrich(frame)
    parts = [ENRICHER.enrich(frame[:at]), ENRICHER.enrich(frame[at:])]

    assert as_rows(whole) == [row for part in parts for row in as_rows(part)]
    assert whole["position"].is_sorted()


@settings(max_examples=40, deadline=None)
@given(frames())
def test_enriching_again_changes_nothing(frame: pl.DataFrame) -> None:
    """What was added stands like what was stated."""
    once = MARKING.enrich(frame)

    assert MARKING.enrich(once).equals(once)
    assert ENRICHER.enrich(ENRICHER.enrich(frame)).equals(ENRICHER.enrich(frame))
