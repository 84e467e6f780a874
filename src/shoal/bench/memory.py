"""The most memory that a process, and those that it started, have held."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PROCESSES = Path("/proc")


def peak_bytes() -> int | None:
    """The peak of this process and of its living children; None where the system does not tell."""
    if _PROCESSES.joinpath("self/status").exists():
        return sum(_peak(process) for process in [os.getpid(), *_descendants(os.getpid())])
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  (there is none on Windows)

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def held_bytes() -> int | None:
    """What this process holds now; None where the system does not tell."""
    try:
        pages = int(_PROCESSES.joinpath("self/statm").read_text(encoding="utf-8").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak(process: int) -> int:
    """Unlike `getrusage`, this begins anew when a process becomes another program."""
    try:
        status = _PROCESSES.joinpath(str(process), "status").read_text(encoding="utf-8")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return 1024 * int(line.split()[1])


def _descendants(process: int) -> list[int]:
    try:
        text = _PROCESSES.joinpath(str(process), "task", str(process), "children").read_text(encoding="utf-8")
    except OSError:
        return []
    children = [int(each) for each in text.split()]
    return children + [further for child in children for further in _descendants(child)]
