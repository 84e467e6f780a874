"""What keeps answers waiting when a server works on events in the same process, and how that is kept short.

Two things stop every thread of a Python process. A thread that works keeps the interpreter's lock for the switch
interval before another gets a turn, 5 ms unless told otherwise; an answer needs a few turns. And the garbage
collector looks at every object that it knows, a tenth of a second for what modules and a loaded engine hold.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL_S = 0.001
"""Measured at 20 thousand events a second: shorter turns cost more than they give, longer ones double the p99."""

THRESHOLDS = (10_000, 20, 50)
"""When the collector looks: at young objects rarely enough to cost nothing, at all of them hardly ever."""


@contextmanager
def short_pauses() -> Iterator[None]:
    """Short turns and rare collections for this process, until the end."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def set_aside() -> None:
    """Takes what there is now out of the collector's sight: it stays, so there is nothing to look for in it.

    Called when everything is loaded, and again when it was loaded anew: it is looked through once, at that time.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
