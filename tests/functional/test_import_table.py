"""Importing tables by a mapping: what rows become."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shoal.collect import Imported, Progress, import_files, parse_mapping
from shoal.errors import DefinitionError, InputError, NotFound
from shoal.journal import Archive
from shoal.model.frame import events_of_frame

MAPPING = """
mapping: shop
user_id: who
occurred_at: when
name: {column: what, values: {v: Product Viewed, b: Order Completed}}
properties:
  price: {column: price, type: number}
"""

ROWS = "who,when,what,price\nann,2026-01-01,v,1.5\nbob,2026-01-02T10:00Z,b,20\n"


class Shop:
    """A folder with an archive, into which files are imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = Archive(folder / "archive")
        self.failed = folder / "failed.ndjson"

    def file(self, content: str | bytes, name: str = "rows.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self, content: str | bytes | Path, mapping: str = MAPPING, name: str = "rows.csv") -> Imported:
        path = content if isinstance(content, Path) else self.file(content, name)
        return import_files([path], parse_mapping(mapping, "map.yaml"), self.archive, failed=self.failed)

    def events(self, *columns: str) -> list[tuple[Any, ...]]:
        asked = columns or ("user_id", "occurred_at", "name")
        known = self.archive.columns()
        days = [day.select(asked) for day in self.archive.read([column for column in asked if column in known])]
        return [row for day in days for row in day.rows()]

    def fields(self) -> list[dict[str, Any]]:
        return [dict(event.fields) for day in self.archive.read() for event in events_of_frame(day)]

    def failures(self) -> list[dict[str, Any]]:
        if not self.failed.exists():
            return []
        return [msgspec.json.decode(line) for line in self.failed.read_bytes().splitlines()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_rows_become_events(shop: Shop) -> None:
    """Whom, what and when are read from the columns that the mapping names."""
    done = shop.load(ROWS)

    assert (done.rows, done.added, done.duplicates, sum(done.failed.values())) == (2, 2, 0, 0)
    assert shop.events() == [
        ("ann", 1767225600000, "Product Viewed"),
        ("bob", 1767348000000, "Order Completed"),
    ]
    assert shop.fields() == [{"properties.price": 1.5}, {"properties.price": 20.0}]


def as_parquet(rows: str, path: Path) -> Path:
    pl.read_csv(rows.encode()).write_parquet(path)
    return path


def as_ndjson(rows: str) -> bytes:
    return pl.read_csv(rows.encode()).write_ndjson().encode()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("kind", ["csv", "ndjson", "tsv"])
def test_formats_and_packings_give_the_same_events(shop: Shop, kind: str, packed: str) -> None:
    """A mapping does not depend on how a file is written or packed."""
    content = {"csv": ROWS.encode(), "tsv": ROWS.replace(",", "\t").encode(), "ndjson": as_ndjson(ROWS)}[kind]

    shop.load(PACKED[packed](content), name=f"rows.{kind}{packed}")

    assert [row[2] for row in shop.events()] == ["Product Viewed", "Order Completed"]
    assert shop.fields() == [{"properties.price": 1.5}, {"properties.price": 20.0}]


def test_parquet_gives_the_same_events(shop: Shop) -> None:
    """Typed columns are read by the same mapping."""
    shop.load(as_parquet(ROWS, shop.folder / "rows.parquet"))

    assert [row[2] for row in shop.events()] == ["Product Viewed", "Order Completed"]
    assert shop.fields() == [{"properties.price": 1.5}, {"properties.price": 20.0}]


def test_parquet_moments_numbers_and_lists(shop: Shop) -> None:
    """A column with a zone is a moment, one without is a clock in the mapping's zone."""
    table = pa.table(
        {
            "who": pa.array(["ann", "bob"]).dictionary_encode(),
            "when": pa.array([1_767_225_600_000_001] * 2, pa.timestamp("us", "Asia/Tokyo")),
            "local": pa.array([1_767_225_600] * 2, pa.timestamp("s")),
            "id": pa.array([2**60, None], pa.int64()),
            "tags": pa.array([["b", "a"], None]),
            "yes": pa.array([True, None]),
        }
    )
    pq.write_table(table, shop.folder / "rows.parquet")
    shop.load(
        shop.folder / "rows.parquet",
        "mapping: shop\nuser_id: who\noccurred_at: when\nname: {value: X}\ntime_zone: Asia/Tokyo\n"
        "received_at: local\n"
        "properties: {id: id, tags: {column: tags, type: items}, yes: {column: yes, type: truth}}\n",
    )

    assert shop.events("occurred_at", "received_at")[0] == (1767225600000, 1767225600000 - 9 * 3600 * 1000)
    assert [set(fields) for fields in shop.fields()] == [
        {"properties.id", "properties.tags", "properties.yes"},
        set(),
    ]
    assert shop.fields()[0]["properties.id"] == str(2**60)


def test_a_row_gives_several_events(shop: Shop) -> None:
    """An identify and an event from one row, in the order of the mapping, with ids of their own."""
    mapping = """
mapping: shop
user_id: who
occurred_at: when
events:
  - {kind: identify, traits: {email: mail}, where: {column: mail, has: true}}
  - {name: {value: Signed Up}}
"""
    shop.load("who,when,mail\nann,2026-01-01,ann@x.org\nbob,2026-01-01,\n", mapping)

    assert shop.events("user_id", "kind", "name") == [
        ("ann", "identify", ""),
        ("ann", "track", "Signed Up"),
        ("bob", "track", "Signed Up"),
    ]
    assert len({row[0] for row in shop.events("message_id")}) == 3


def test_skipped_rows_are_counted_by_reason(shop: Shop) -> None:
    """Rows left out on purpose are not failed rows."""
    mapping = MAPPING + "skip:\n- {where: {column: who, starts_with: test}, reason: a test user}\n"

    done = shop.load(ROWS + "test1,2026-01-01,v,1\ntest2,broken,v,1\n", mapping)

    assert (done.added, done.skipped, sum(done.failed.values())) == (2, {"a test user": 2}, 0)


def test_equal_rows_count_once_or_each(shop: Shop) -> None:
    """Whether two equal rows are two events is for the mapping to say."""
    twice = ROWS + "ann,2026-01-01,v,1.5\n" * 2

    assert shop.load(twice).added == 2
    other = MAPPING.replace("mapping: shop", "mapping: till") + "duplicates: keep\n"
    assert shop.load(twice, other).added == 4
    assert shop.load(twice, other + "# read it again\n").added == 0


def test_importing_twice_changes_nothing(shop: Shop) -> None:
    """Neither the same file nor a copy of it adds anything."""
    shop.load(ROWS)
    before = shop.archive.fingerprint()

    again = shop.load(ROWS)
    copy = shop.load(ROWS + "\n", name="copy.csv")

    assert again.files[0].was_done
    assert (again.rows, copy.added, copy.duplicates) == (0, 0, 2)
    assert shop.archive.fingerprint() == before


def test_a_changed_file_adds_only_what_is_new(shop: Shop) -> None:
    """A row in the middle of a file that was imported before."""
    shop.load(ROWS)
    lines = ROWS.splitlines()

    done = shop.load("\n".join([lines[0], "eve,2026-01-05,v,3", *lines[1:]]))

    assert (done.added, done.duplicates) == (1, 2)


def test_ids_of_one_source_are_not_those_of_another(shop: Shop) -> None:
    """Two tables that both count from 1 do not swallow each other's rows."""
    rows = "id,who,when\n1,ann,2026-01-01\n"
    base = "user_id: who\noccurred_at: when\nname: {value: X}\nmessage_id: id\n"

    assert shop.load(rows, "mapping: a\n" + base).added == 1
    assert shop.load(rows, "mapping: b\n" + base).added == 1
    assert shop.load(rows + "1,bob,2026-01-02\n", "mapping: a\n" + base).added == 0


def test_values_are_converted(shop: Shop) -> None:
    """Numbers with units and commas, amounts, truths, lists, and what stands for nothing."""
    mapping = """
mapping: shop
user_id: who
occurred_at: {columns: [day, time], join: " ", format: "%d.%m.%Y %H:%M", time_zone: Europe/Berlin}
name: {value: X}
null_values: ["-", NULL]
csv: {separator: ";"}
consent: {email: granted, ads: refused}
properties:
  cents: {column: cents, type: number, factor: 0.01}
  amount: {column: amount, type: number, decimal: comma, currency: EUR}
  total: {column: cents, type: number, times: count}
  yes: {column: yes, type: truth}
  tags: {column: tags, type: items, split: "|"}
  size: {column: size, values: {S: small}, default: other}
  code: {column: code, extract: "-(\\\\d+)$", prefix: "#"}
  note: note
"""
    shop.load(
        "who;day;time;cents;count;amount;yes;tags;size;code;note\n"
        'ann;31.01.2026;08:30;250;3;"1.234,50 €";Yes;b|a;S;x-12;NULL\n'
        "bob;31.01.2026;08:30;-;3;-;0;;XL;x;\n",
        mapping,
    )

    assert shop.events("occurred_at")[0] == (1769844600000,)
    first, second = shop.fields()
    consent = {"consent.email": True, "consent.ads": False}
    assert first["properties.tags"].json == '["b","a"]'
    assert {**first, "properties.tags": 0} == {
        **consent,
        "properties.cents": 2.5,
        "properties.amount": 1234.5,
        "properties.total": 750.0,
        "properties.yes": True,
        "properties.tags": 0,
        "properties.size": "small",
        "properties.code": "#12",
    }
    assert second == {**consent, "properties.yes": False, "properties.size": "other"}


def test_long_integers_become_texts(shop: Shop) -> None:
    """A double would change their digits, so they are ids."""
    shop.load(ROWS.replace("1.5", "123456789012345678901234567890"))

    assert shop.fields()[0] == {"properties.price": "123456789012345678901234567890"}


def test_nan_is_missing_and_infinity_fails(shop: Shop) -> None:
    """NaN says that there is no number; an infinite number cannot be kept."""
    done = shop.load("who,when,what,price\nann,2026-01-01,v,NaN\nbob,2026-01-01,v,inf\ncid,2026-01-01,v,1e999\n")

    assert (done.added, shop.fields()) == (1, [{}])
    assert [entry["line"] for entry in shop.failures()] == [3, 4]


BAD_ROWS = {
    "eve,2026-01-01,x,1": "name has no value in the mapping for",
    "eve,yesterday,v,1": "occurred_at is not a moment",
    "eve,10000-01-01,v,1": "of the years 1 to 9999",
    "eve,,v,1": "does not say when",
    ",2026-01-01,v,1": "does not say whom",
    "eve,2026-01-01,,1": "no name for its event",
    "eve,2026-01-01,v,cheap": "properties.price is not a number",
    "eve,2026-01-01,v": "it has 3 cells; the header has 4",
    "eve,2026-01-01,v,1,2": "it has 5 cells",
    '"eve"x,2026-01-01,v,1': "text follows a closing quote",
    "e\0ve,2026-01-01,v,1": "NUL",
}


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS.items())
def test_a_bad_row_fails_alone(shop: Shop, row: str, reason: str) -> None:
    """It goes to the failed-events file with its line, its reason and itself; the others are imported."""
    done = shop.load(f"{ROWS}{row}\nlast,2026-01-03,v,1\n")

    assert (done.rows, done.added, sum(done.failed.values())) == (4, 3, 1)
    (entry,) = shop.failures()
    assert (entry["line"], entry["row"]) == (4, row)
    assert reason in entry["reason"]


def test_every_bad_row_is_told_once(shop: Shop) -> None:
    """Also when the file comes again, changed or not."""
    bad = ROWS + "".join(f"{row}\n" for row in BAD_ROWS)

    shop.load(bad)
    shop.load(bad)
    shop.load(bad + "new,2026-01-01,x,1\n")

    rows = [entry["row"] for entry in shop.failures()]
    assert sorted(rows) == sorted([*BAD_ROWS, "new,2026-01-01,x,1"])


def test_failed_rows_can_be_replayed(shop: Shop) -> None:
    """Put under the header again and imported by a mapping that knows the value, they become events."""
    shop.load(ROWS + "eve,2026-01-04,x,1\n")
    rows = "\n".join(["who,when,what,price", *(entry["row"] for entry in shop.failures())])

    done = shop.load(rows, MAPPING.replace("values: {", "values: {x: Product Shared, "), "replay.csv")

    assert done.added == 1


def test_an_unclosed_quote_takes_only_its_line(shop: Shop) -> None:
    """What looks like a cell without an end is one failed row, and the lines after it are rows again."""
    done = shop.load(f'{ROWS}"eve,2026-01-01,v,1\n' + "dan,2026-01-03,v,1\n" * 3)

    assert (done.rows, done.added, done.duplicates) == (6, 3, 2)
    assert [(entry["line"], entry["reason"]) for entry in shop.failures()] == [
        (4, "a quote is opened and not closed")
    ]


def test_cells_may_hold_separators_quotes_and_lines(shop: Shop) -> None:
    """As RFC 4180 says; lines are counted as an editor counts them."""
    done = shop.load('who,when,what,price\r\n"a,""b""\r\nc",2026-01-01,v,1\r\n\r\nx,2026-01-01,v,bad\r\n')

    assert done.added == 1
    assert shop.events("user_id") == [('a,"b"\r\nc',)]
    assert shop.failures()[0]["line"] == 5


def test_a_byte_order_mark_is_not_part_of_the_header(shop: Shop) -> None:
    """Spreadsheets write one."""
    assert shop.load(b"\xef\xbb\xbf" + ROWS.encode()).added == 2


def test_other_encodings_are_read(shop: Shop) -> None:
    """When the mapping says so."""
    rows = ROWS.replace("ann", "Zoë")

    assert shop.load(rows.encode("windows-1252"), MAPPING + "csv: {encoding: windows-1252}\n").added == 2
    assert shop.load(rows.encode("utf-16"), MAPPING + "csv: {encoding: utf-16}\n", "u16.csv").duplicates == 2
    assert shop.events("user_id")[0] == ("Zoë",)


def test_bytes_that_are_no_text_fail_one_row(shop: Shop) -> None:
    """They are kept in base64, so that nothing is lost."""
    done = shop.load(ROWS.encode() + b"caf\xe9,2026-01-01,v,1\n")

    assert done.added == 2
    assert shop.failures()[0]["reason"] == "it is not valid UTF-8"
    assert shop.failures()[0]["row_base64"] == "Y2Fm6SwyMDI2LTAxLTAxLHYsMQ=="


def test_a_line_of_ten_million_letters_fails_alone(shop: Shop) -> None:
    """Its beginning is kept, and how long it was."""
    done = shop.load(ROWS + "x" * 10_000_000 + ",2026-01-01,v,1\nlast,2026-01-03,v,1\n")

    assert (done.added, sum(done.failed.values())) == (3, 1)
    (entry,) = shop.failures()
    assert entry["row_is_cut"]
    assert "10000015 bytes long" in entry["reason"]
    assert len(entry["row"]) < 100_000


@pytest.mark.parametrize("name", ["rows.csv", "rows.ndjson"])
def test_a_line_longer_than_memory_is_passed_over(shop: Shop, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that never ends is not held in memory."""
    monkeypatch.setattr("shoal.collect.source.CHUNK", 2**16)
    monkeypatch.setattr("shoal.collect.blocks.LONGEST_BLOCK", 2**18)
    long = '"' + "x" * 3_000_000
    rows = ROWS if name.endswith("csv") else as_ndjson(ROWS).decode()

    done = shop.load(f"{rows}{long}\n{rows.splitlines()[-1].replace('bob', 'last')}\n", name=name)

    assert done.added == 3
    assert sum(done.failed.values()) == 1


def test_truncated_archives_keep_what_came_before(shop: Shop) -> None:
    """A file that breaks off is an error, after its whole rows are imported; the whole file then adds the rest."""
    rows = ROWS + "".join(f"u{i},2026-01-01T00:00:00.{i % 1000:03d}Z,v,{i}\n" for i in range(20_000))
    whole = gzip.compress(rows.encode())

    with pytest.raises(InputError, match="cut off"):
        shop.load(whole[: len(whole) // 2], name="rows.csv.gz")
    before = shop.archive.event_count
    shop.load(whole, name="rows.csv.gz")

    assert 0 < before < 20_002
    assert shop.archive.event_count == 20_002


def test_damaged_archives_are_told(shop: Shop) -> None:
    """Garbage inside a packed file is an error, not rows."""
    whole = bytearray(gzip.compress(ROWS.encode() * 1000))
    whole[len(whole) // 2 :] = bytes(len(whole) - len(whole) // 2)

    with pytest.raises(InputError, match=r"damaged|cut off"):
        shop.load(bytes(whole), name="rows.csv.gz")


def test_files_that_cannot_be_read_are_told(shop: Shop) -> None:
    """Each in its own words, before anything is imported."""
    with pytest.raises(NotFound, match="there is no file"):
        shop.load(shop.folder / "nowhere.csv")
    with pytest.raises(InputError, match="is a folder"):
        shop.load(shop.folder)
    with pytest.raises(InputError, match="is empty"):
        shop.load(b"")
    with pytest.raises(InputError, match="not packed that way"):
        shop.load(ROWS, name="rows.csv.gz")
    with pytest.raises(InputError, match="not clear what it holds"):
        shop.load(ROWS, name="rows.dat")
    with pytest.raises(InputError, match="UTF-16"):
        shop.load(ROWS.encode("utf-16"))


@pytest.mark.parametrize("name", ["rows.csv", "rows.ndjson"])
def test_binary_garbage_is_refused(shop: Shop, name: str) -> None:
    """A picture is not a table."""
    garbage = bytes(range(256)) * 100

    with pytest.raises((InputError, DefinitionError)):
        shop.load(garbage, name=name)
    assert shop.archive.event_count == 0


def test_garbage_that_looks_like_parquet_is_refused(shop: Shop) -> None:
    """A file is taken for Parquet by its first letters, and told when it is not whole."""
    with pytest.raises(InputError, match="not a whole Parquet file"):
        shop.load(b"PAR1" + bytes(100), name="rows.parquet")


def test_a_header_alone_is_no_rows(shop: Shop) -> None:
    """Nothing to import is not an error."""
    assert shop.load("who,when,what,price\n").rows == 0


def test_every_unknown_column_is_told(shop: Shop) -> None:
    """With the line of the mapping that names it, and what it may have meant."""
    with pytest.raises(DefinitionError) as caught:
        shop.load("user,when,what,prices\n")

    assert [(problem.code, problem.line) for problem in caught.value.problems] == [("SH061", 3), ("SH061", 7)]
    assert [problem.hint for problem in caught.value.problems][1] == "did you mean prices?"


def test_a_column_that_is_there_twice_is_told(shop: Shop) -> None:
    """Nobody can know which one is meant."""
    with pytest.raises(DefinitionError, match="2 columns named who"):
        shop.load("who,who,when,what,price\n")


def test_tables_without_a_header(shop: Shop) -> None:
    """The mapping names the columns."""
    done = shop.load(ROWS.partition("\n")[2], MAPPING + "csv: {header: [who, when, what, price]}\n")

    assert done.added == 2


def test_ndjson_of_every_shape(shop: Shop) -> None:
    """Dotted paths look into objects; what is no object, too deep or no JSON fails alone."""
    mapping = (
        "mapping: j\nuser_id: u.id\noccurred_at: {column: t, unit: ms}\nname: {value: X}\nproperties: {a: u.a}\n"
    )
    lines = [
        '{"u":{"id":"ann","a":"h\\u00e9\\ud83d\\ude00\\n"},"t":1}',
        '{"t":2,"u":{"id":123456789012345678901234567890,"a":[1,{"b":2}]}}',
        '{"u.id":"bob","t":3}',
        '{"u":{"id":"old","id":"new"},"t":4}',
        '{"u":{"id":"x","a":true},"t":5}   ',
        "   ",
        "[1]",
        '{"u":',
        '{"u":{"id":"d"},"t":' + "[" * 3000 + "]" * 3000 + "}",
        '{"a":' * 40 + "1" + "}" * 40,
        '{"u":{"id":null},"t":6}',
        '{"u":{"id":"n"},"t":01}',
    ]
    done = shop.load("\n".join(lines), mapping, "rows.ndjson")

    assert shop.events("user_id", "occurred_at", "properties.a:text") == [
        ("ann", 1, "hé😀\n"),
        ("123456789012345678901234567890", 2, '[1,{"b":2}]'),
        ("bob", 3, None),
        ("new", 4, None),
        ("x", 5, "true"),
    ]
    assert [entry["line"] for entry in shop.failures()] == [7, 8, 9, 10, 11, 12]
    assert done.rows == 11


def test_progress_is_told_in_bytes(shop: Shop) -> None:
    """It never goes back, and ends at the size of the file as it lies on the disk."""
    path = shop.file(gzip.compress(ROWS.encode()), "rows.csv.gz")
    told: list[Progress] = []

    import_files([path], parse_mapping(MAPPING, "m"), shop.archive, failed=shop.failed, progress=told.append)

    done = [progress.bytes_done for progress in told]
    assert done == sorted(done)
    assert done[-1] == path.stat().st_size == told[-1].bytes_total


def test_a_file_of_something_else_is_not_overwritten(shop: Shop) -> None:
    """The failed-events file must be one, or not be there."""
    shop.failed.write_text("my notes\n")

    with pytest.raises(InputError, match="not a file of failed events"):
        shop.load(ROWS)
    assert shop.failed.read_text() == "my notes\n"


def test_failed_rows_of_another_archive_stay(shop: Shop) -> None:
    """Two archives may tell their failed rows in one file."""
    shop.load(ROWS + "eve,2026-01-04,x,1\n")
    other = Shop(shop.folder / "other")
    other.folder.mkdir()
    other.failed = shop.failed

    other.load(ROWS + "dan,2026-01-04,x,1\n")
    other.load(shop.file(ROWS + "eve,2026-01-04,x,1\n"))

    assert [entry["row"] for entry in shop.failures()] == ["dan,2026-01-04,x,1", "eve,2026-01-04,x,1"]


def iter_lines(count: int) -> Iterator[str]:
    yield from (f"u{i % 50},{1767225600000 + i * 1000},v,{i}\n" for i in range(count))


def test_rounds_do_not_show(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small rounds keep the same events, in the same order, as one."""
    rows = "who,when,what,price\n" + "".join(iter_lines(3000))
    mapping = MAPPING.replace("occurred_at: when", "occurred_at: {column: when, unit: ms}")
    shop.load(rows, mapping)
    other = Shop(shop.folder / "other")
    other.folder.mkdir()
    monkeypatch.setattr("shoal.collect.importer.ROWS_OF_A_ROUND", 500)
    monkeypatch.setattr("shoal.collect.source.CHUNK", 5000)
    other.load(rows, mapping)

    columns = ("position", "message_id", "occurred_at", "properties.price:number")
    assert other.events(*columns) == shop.events(*columns)
