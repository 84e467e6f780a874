"""`shoal bench import`: rows a second from CSV and NDJSON into the archive, beside Polars that only reads them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import polars as pl

from shoal.bench.agreement import Disagreement
from shoal.bench.job import measure
from shoal.bench.machine import core_count
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, Row, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.shop import draw_events
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.collect import import_files, load_mapping, parse_mapping
from shoal.journal import Archive

SHARE = 10
FEW_BYTES = 10_000
PRICE = "properties.price:number"

MAPPING = """
mapping: bench
format: csv
kind: track
name: event
user_id: user
anonymous_id: device
message_id: id
occurred_at: {column: at, unit: ms}
properties:
  price: {column: price, type: number}
  product_id: product
context:
  device.type: device_type
"""


def run(sizes: Sizes, told: Told) -> Report:
    """A tenth of the events in both formats; what was kept is compared with what Polars read."""
    count, cores = max(sizes.events // SHARE, 100), core_count()
    drawn = replace(sizes, events=count, profiles=min(sizes.profiles, count))
    rows: list[Row] = []
    ratios: list[Ratio] = []
    agreed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        for kind, write in WRITERS.items():
            path = Path(folder, f"events.{kind}")
            told(f"writing {count:,} rows of {kind}")
            write(draw_events(drawn), path)
            runs: dict[str, list[Measured]] = {"shoal": [], "polars": []}
            for repeat in range(sizes.repeats):
                told(f"{kind}, {repeat + 1} of {sizes.repeats}")
                for who, done in runs.items():
                    done.append(measure(f"shoal.bench.imports:measure_{who}", threads=cores, path=str(path)))
            agreed.append(_compare(kind, count, runs))
            rows += _rows(runs, kind, count, cores)
            ratios.append(_ratio(runs, kind))
    return begin_report("import", f"{count:,} rows of each format", agreed=agreed, rows=rows, ratios=ratios)


def measure_shoal(path: str) -> Measured:
    """From the file to Parquet by day: parsed, checked, mapped, looked for duplicates, kept safely on disk.

    A few rows are imported before, so that all loops are compiled.
    """
    is_csv, watch = path.endswith(".csv"), Stopwatch()
    mapping = parse_mapping(MAPPING, "bench.yaml") if is_csv else load_mapping("segment")
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        archive, few = Archive(Path(folder, "archive")), Path(folder, f"few{Path(path).suffix}")
        with Path(path).open("rb") as file:
            few.write_bytes(b"".join(file.readlines(FEW_BYTES)))
        import_files([few], mapping, Archive(Path(folder, "few")), failed=Path(folder, "failed.ndjson"))
        with watch("import"):
            imported = import_files([Path(path)], mapping, archive, failed=Path(folder, "failed.ndjson"))
        total = sum(frame[PRICE].sum() for frame in archive.read([PRICE]))
    return watch.measured(rows=float(imported.added), total=float(total))


def measure_polars(path: str) -> Measured:
    """Only read into memory."""
    watch = Stopwatch()
    with watch("read"):
        frame = pl.read_csv(path) if path.endswith(".csv") else pl.read_ndjson(path)
    prices = frame["price"] if path.endswith(".csv") else frame["properties"].struct.field("price")
    return watch.measured(rows=float(len(frame)), total=float(prices.sum()))


def write_csv(events: pl.DataFrame, path: Path) -> None:
    """The columns that MAPPING reads."""
    events.select(
        id="message_id",
        event="name",
        user="user_id",
        device="anonymous_id",
        at="occurred_at",
        price=PRICE,
        product="properties.product_id:text",
        device_type="context.device.type:text",
    ).write_csv(path)


def write_ndjson(events: pl.DataFrame, path: Path) -> None:
    """Calls as a Segment source sends them."""
    moment = pl.from_epoch("occurred_at", time_unit="ms").dt.to_string("iso:strict") + "Z"
    price, product = pl.col(PRICE), pl.col("properties.product_id:text")
    device = pl.struct(type="context.device.type:text")
    events.select(
        type=pl.lit("track"),
        event="name",
        messageId="message_id",
        userId="user_id",
        anonymousId="anonymous_id",
        timestamp=moment,
        properties=pl.struct(price=price, product_id=product),
        context=pl.struct(device=device),
    ).write_ndjson(path)


WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {"csv": write_csv, "ndjson": write_ndjson}


def _compare(kind: str, count: int, runs: dict[str, list[Measured]]) -> str:
    """Every row was kept, and so was every price (quarters, whose sums are exact)."""
    ours, theirs = runs["shoal"][0].figures, runs["polars"][0].figures
    if ours != theirs or ours["rows"] != count:
        raise Disagreement(f"{kind}: shoal kept {ours}, polars read {theirs}, {count} were written")
    return f"{kind}: {count:,} rows, with prices of {ours['total']:,.2f}"


def _rows(runs: dict[str, list[Measured]], kind: str, count: int, threads: int) -> list[Row]:
    found = [row for who, done in runs.items() for row in rows_of(who, threads, done, unit="rows", count=count)]
    return [row.renamed(f"{row.step} {kind}") for row in found]


def _ratio(runs: dict[str, list[Measured]], kind: str) -> Ratio:
    ours = median(run.seconds["import"] for run in runs["shoal"])
    theirs = median(run.seconds["read"] for run in runs["polars"])
    return Ratio(what=f"{kind}: shoal import / polars read", value=ours / theirs)
