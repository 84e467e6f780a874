"""One measurement in a process of its own: `python -m shoal.bench.job REQUEST ANSWER`, both JSON files."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from shoal.bench.measured import Measured
from shoal.bench.memory import peak_bytes
from shoal.errors import Error

SECONDS_AT_MOST = 3600
THREAD_VARIABLES = ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class BenchmarkFailed(Error):
    """A measurement did not end well."""


class Request(msgspec.Struct, frozen=True):
    """A function `module:name` that gives Measured, and its arguments, which JSON can hold."""

    function: str
    arguments: dict[str, Any]


def measure(function: str, *, threads: int, **arguments: Any) -> Measured:
    """Runs a function in a fresh process that may use so many threads."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        request, answer = Path(folder, "request.json"), Path(folder, "answer.json")
        request.write_bytes(msgspec.json.encode(Request(function, arguments)))
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        try:
            done = subprocess.run(  # noqa: S603  (our own module)
                [sys.executable, "-m", "shoal.bench.job", str(request), str(answer)],
                env=environment, capture_output=True, text=True, timeout=SECONDS_AT_MOST, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise BenchmarkFailed(f"{function} took more than {SECONDS_AT_MOST} s") from None
        if done.returncode or not answer.exists():
            last_lines = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise BenchmarkFailed(f"{function} ended with exit code {done.returncode}: {last_lines}")
        return msgspec.json.decode(answer.read_bytes(), type=Measured)


def main(request_path: Path, answer_path: Path) -> None:
    """Runs the function of a request, and writes what it measured."""
    request = msgspec.json.decode(request_path.read_bytes(), type=Request)
    module, name = request.function.split(":")
    measured: Measured = getattr(importlib.import_module(module), name)(**request.arguments)
    answer_path.write_bytes(msgspec.json.encode(msgspec.structs.replace(measured, peak_bytes=peak_bytes())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
