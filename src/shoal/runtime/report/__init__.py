"""The report: one HTML file that shows what a workspace found. In: results. Out: a page that needs nothing else.

It asks no other machine for anything, runs no script, and follows the light or dark of whoever looks.
"""

from shoal.runtime.report.facts import Facts, gather_facts
from shoal.runtime.report.page import render_page

__all__ = ["Facts", "gather_facts", "render_page"]
