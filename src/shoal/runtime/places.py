"""Places: where a workspace keeps what Shoal makes. Everything under `.shoal` can be looked at, none need be."""

from __future__ import annotations

SHOAL_FOLDER = ".shoal"
ARCHIVE_FOLDER = f"{SHOAL_FOLDER}/archive"
FROZEN_FOLDER = f"{SHOAL_FOLDER}/frozen"
RUNS_FOLDER = f"{SHOAL_FOLDER}/runs"
LIVE_STATE = f"{SHOAL_FOLDER}/live.sqlite"
FAILED_EVENTS = f"{SHOAL_FOLDER}/failed-events.ndjson"
JOURNAL_FOLDER = f"{SHOAL_FOLDER}/journal"
FAILED_FOLDER = f"{SHOAL_FOLDER}/failed"
REQUESTS_FOLDER = f"{SHOAL_FOLDER}/requests"
SUPPRESSION_FOLDER = f"{SHOAL_FOLDER}/suppression"
OUT_FOLDER = "out"
"""Where `shoal run` writes when nothing else is said."""
