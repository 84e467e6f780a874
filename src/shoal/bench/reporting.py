"""What every subject's report begins with: when and where it was measured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from shoal.bench.machine import describe_machine, load_average
from shoal.bench.report import Report

Told = Callable[[str], None]
"""Hears what is being done now."""


def begin_report(subject: str, size: str, **found: Any) -> Report:
    """A report of this machine and this day."""
    return Report(
        subject=subject,
        size=size,
        machine=describe_machine(),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        load=load_average(),
        **found,
    )
