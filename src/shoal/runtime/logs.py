"""Logs: what a server says of itself while it runs, for people or, as lines of JSON, for programs.

No line names a person or a write key. Of an error that nobody foresaw, a log tells its type and where it happened,
but not its message: Python puts the value that it stumbled over there, and that may be anybody's.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import msgspec

FORMATS = ("plain", "json")
LEVELS = ("debug", "info", "warning", "error")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""What every record has. Whatever else one has was given with `extra`."""


def write_logs(*, style: str = "plain", level: str = "info", stream: TextIO | None = None) -> None:
    """From here on this process logs to a stream (the error stream) in one of FORMATS, from one of LEVELS on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else PlainLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for chatty in ("asyncio", "numba", "uvicorn"):  # they speak of themselves only
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


class _WithoutValues(logging.Formatter):
    """Tells of an exception what it is and where it happened."""

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  (the name is Python's)
        kind, _, trace = ei
        if kind is None:
            return ""
        frames = [f"{each.filename}:{each.lineno} in {each.name}" for each in traceback.extract_tb(trace)]
        return "\n".join([kind.__name__, *(f"  {frame}" for frame in reversed(frames))])


class PlainLines(_WithoutValues):
    """`2026-01-31T08:30:00.000Z WARNING shoal.runtime.serve: what happened (name=value)`"""

    def format(self, record: logging.LogRecord) -> str:
        given = " ".join(f"{name}={value}" for name, value in _given(record).items())
        line = f"{_moment(record)} {record.levelname} {record.name}: {record.getMessage()}"
        line += f" ({given})" if given else ""
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(_WithoutValues):
    """One JSON object a line: time, level, logger, message, what was given with the message, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_given(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _given(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _KNOWN}
