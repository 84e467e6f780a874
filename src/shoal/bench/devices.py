"""`shoal bench devices`: user agents against what they are known to be, and how many a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from ua_parser import Parser
from ua_parser.basic import Resolver
from ua_parser.loaders import load_lazy_builtins

from shoal.bench.job import measure
from shoal.bench.measured import Measured
from shoal.bench.real_data import ABSENT, find_data
from shoal.bench.report import Report, Row, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.definitions.enriching import Enriching
from shoal.enrich import Enricher
from shoal.enrich.device import BOT, MOBILE, OTHER, TABLET, device_of, parser

AGENTS = 2_000
IN_PYTHON = 200
"""So many are read by the rules in Python, which take long."""

NEW, KNOWN, PYTHON = "agents not seen before", "agents seen before", "agents not seen before, in Python"

SETS = {"test_device.yaml": "device", "test_ua.yaml": "user_agent", "test_os.yaml": "os"}
TYPES = {
    "Spider": BOT,
    "iPhone": MOBILE,
    "iPod": MOBILE,
    "Generic Smartphone": MOBILE,
    "Generic Feature Phone": MOBILE,
    "iPad": TABLET,
    "Kindle": TABLET,
    "Kindle Fire": TABLET,
    "Generic Tablet": TABLET,
    "AppleTV": OTHER,
    "Apple Watch": OTHER,
    "Chromecast": OTHER,
    "PlayStation 4": OTHER,
    "Roku": OTHER,
}
"""Families of devices whose name says of which type they are. The data states no types."""


def read_cases(path: Path) -> list[dict[str, Any]]:
    """Each with its `user_agent_string` and the family that it is of."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    cases: list[dict[str, Any]] = yaml.load(path.read_text("utf-8"), loader)["test_cases"]  # noqa: S506  (is safe)
    return cases


def judged(folder: Path, *, every: int = 1) -> dict[str, float]:
    """The share of families found as stated, of each set; and of types, where the family says it.

    With `every` only that part of the strings is read.
    """
    found = {}
    for name, part in SETS.items():
        cases = read_cases(folder / name)[::every]
        found[f"{name}: strings"] = float(len(cases))
        right = sum(_is_as_stated(case, part) for case in cases)
        found[f"{name}: share of families as stated"] = right / len(cases)
    cases = [case for case in read_cases(folder / "test_device.yaml") if case["family"] in TYPES][::every]
    right = sum(_type_of(case) == TYPES[case["family"]] for case in cases)
    return found | {
        "devices named by their type": float(len(cases)),
        "share of types as named": right / len(cases),
    }


def types_of(folder: Path) -> Counter[str]:
    """How many of the devices are of each type."""
    return Counter(_type_of(case) for case in read_cases(folder / "test_device.yaml"))


def _type_of(case: dict[str, Any]) -> str:
    device = device_of(case["user_agent_string"])
    assert device is not None, "every string of the data says something"
    return device.type


def _is_as_stated(case: dict[str, Any], part: str) -> bool:
    found = getattr(parser().parse(case["user_agent_string"]), part)
    return bool((found.family if found else "Other") == case["family"])


def run(sizes: Sizes, told: Told) -> Report:
    """Shares when the strings are there, and the speed on them."""
    folder = find_data("user_agents")
    if folder is None:
        return _report([], {}, {"devices": ABSENT})
    told("reading user agents")
    figures = judged(folder) | {f"devices: {kind}": float(count) for kind, count in types_of(folder).most_common()}
    runs = []
    for repeat in range(sizes.repeats):
        told(f"timing user agents, {repeat + 1} of {sizes.repeats}")
        runs.append(measure("shoal.bench.devices:measure_speed", threads=1, folder=str(folder)))
    return _report(
        runs, figures, {} if find_spec("ua_parser_rs") else {"compiled rules": "ua-parser-rs is not installed"}
    )


def _report(runs: list[Measured], figures: dict[str, float], skipped: dict[str, str]) -> Report:
    rows = list(_rows(runs)) if runs else []
    return begin_report(
        "devices", f"{AGENTS:,} user agents", agreed=[], rows=rows, ratios=[], figures=figures, skipped=skipped
    )


def _rows(runs: list[Measured]) -> Iterator[Row]:
    counts = {NEW: AGENTS, KNOWN: AGENTS, PYTHON: IN_PYTHON}
    for step, count in counts.items():
        for row in rows_of("shoal", 1, runs, unit="agents", count=count):
            if row.step == step:
                yield row


def measure_speed(folder: str) -> Measured:
    """A frame of distinct user agents, enriched twice; and some by the rules in Python."""
    cases = read_cases(Path(folder) / "test_device.yaml")
    agents = [case["user_agent_string"] for case in cases[:: len(cases) // AGENTS]][:AGENTS]
    frame = pl.DataFrame({"name": ["Page Viewed"] * AGENTS, "context.userAgent:text": agents})
    enricher, watch = Enricher(Enriching(bots="include")), Stopwatch()
    parser().parse(agents[0])
    with watch(NEW):
        enricher.enrich(frame)
    with watch(KNOWN):
        enricher.enrich(frame)
    slow = Parser(Resolver(load_lazy_builtins()))
    with watch(PYTHON):
        for agent in agents[:: AGENTS // IN_PYTHON]:
            slow.parse(agent)
    return watch.measured()
