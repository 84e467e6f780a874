"""Benchmarks: Shoal side by side with what people use today. In: sizes. Out: a report of times, memory and ratios.

Answers are compared before times are, every contender runs in a process of its own, and what is not installed is
named as skipped. Imported by the command line only.
"""

from shoal.bench.report import Report
from shoal.bench.sizes import Sizes
from shoal.bench.subjects import SUBJECTS, run_subject

__all__ = ["SUBJECTS", "Report", "Sizes", "run_subject"]
