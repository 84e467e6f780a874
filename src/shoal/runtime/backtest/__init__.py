"""Looking back: what a trigger would have done in a stretch of the past.

In: the archive and a trigger. Out: firings with what came of them, figures, a page.
"""

from shoal.runtime.backtest.files import BACKTEST_FILES, write_backtest
from shoal.runtime.backtest.look_back import Progress, find_trigger, look_back
from shoal.runtime.backtest.page import render_backtest
from shoal.runtime.backtest.result import Backtest, Group

__all__ = [
    "BACKTEST_FILES",
    "Backtest",
    "Group",
    "Progress",
    "find_trigger",
    "look_back",
    "render_backtest",
    "write_backtest",
]
