"""What can be benchmarked, by the name that is typed."""

from __future__ import annotations

import importlib

from shoal.bench.report import Report
from shoal.bench.reporting import Told
from shoal.bench.sizes import Sizes
from shoal.errors import NotFound

SUBJECTS = {
    "act": "Deliveries a second to a webhook, alone and while another destination is down.",
    "backtest": "Looking back at a trigger, beside the live engine that finds the same occasions.",
    "batch": "Features and segments of everyone, beside Polars, DuckDB, chDB and Spark.",
    "collect": "Events a second over HTTP, answered when they survive a loss of power.",
    "decide": "How soon a page hears what it shows, while 20 thousand events a second come in.",
    "devices": "User agents against what they are known to be.",
    "identity": "Who is who among a million rows with polluted identifiers.",
    "import": "Rows a second from CSV and NDJSON, beside Polars.",
    "live": "Events a second through the live engine, beside hand-written counters, and how exact deadlines are.",
    "models": "Fitting purchase models to a million customers, beside lifetimes.",
    "simulate": "Messages a second of the simulated shop.",
    "sockets": "Good requests beside a thousand idle and slow connections.",
    "tone": "Tones of texts against what people said of them.",
}
"""Each subject with what it measures; its module has the same name."""

MODULES = {"import": "imports"}
"""Where a module cannot have the name of its subject."""


def run_subject(name: str, sizes: Sizes, told: Told = lambda _: None) -> Report:
    """Measures one subject. Raises NotFound for a name that is none, Disagreement when answers differ."""
    if name not in SUBJECTS:
        raise NotFound(f'there is no benchmark "{name}"', hint=", ".join(SUBJECTS))
    module = importlib.import_module(f"shoal.bench.{MODULES.get(name, name)}")
    report: Report = module.run(sizes, told)
    return report
