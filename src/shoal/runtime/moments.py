"""The moment at which to look: what a person writes after `--as-of`, and what holds when they write nothing."""

from __future__ import annotations

import time
from datetime import tzinfo

from shoal.definitions.workspace import Workspace
from shoal.errors import InputError
from shoal.journal import Archive
from shoal.model.time import EARLIEST_MOMENT, parse_moment
from shoal.model.zone import load_zone
from shoal.runtime.places import ARCHIVE_FOLDER, RUNS_FOLDER
from shoal.runtime.run_log import RunLog

NOW, NEWEST = "now", "newest"


def now_ms() -> int:
    """The present, in UTC milliseconds."""
    return time.time_ns() // 1_000_000


def read_moment(text: str, zone: tzinfo, *, option: str = "--as-of") -> int:
    """The moment of a text; a date is the beginning of its day in `zone`. InputError when it is none."""
    if text == NOW:
        return now_ms()
    try:
        return parse_moment(text, zone)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{option}: {error}", hint=f'"{NOW}" is also understood') from None


def as_of_moment(text: str | None, archive: Archive, zone: tzinfo) -> int:
    """The moment to evaluate at: `now` unless something else is said; `newest` is the newest event's moment."""
    if text == NEWEST:
        newest = newest_event(archive)
        if newest is None:
            raise InputError("--as-of newest: there are no events yet", hint="shoal import FILES --map MAPPING")
        return newest
    return read_moment(NOW if text is None else text, zone)


def as_of_or_now(text: str | None, workspace: Workspace) -> int:
    """The present unless something is said."""
    return as_of_moment(text, Archive(workspace.folder / ARCHIVE_FOLDER), load_zone(workspace.settings.time_zone))


def as_of_or_last(text: str | None, workspace: Workspace) -> int:
    """The moment of the last run unless something is said: what is explained is what was shown."""
    archive = Archive(workspace.folder / ARCHIVE_FOLDER)
    if text is None:
        last = RunLog(workspace.folder / RUNS_FOLDER).last()
        if last is not None:
            return last.as_of
    return as_of_moment(text, archive, load_zone(workspace.settings.time_zone))


def newest_event(archive: Archive) -> int | None:
    """The moment of the newest event; None while there is none."""
    days = archive.days()
    if not days:
        return None
    since = parse_moment(days[-1].date.isoformat())
    newest = [frame["occurred_at"].max() for frame in archive.read(["occurred_at"], since_ms=since)]
    moments = [moment for moment in newest if isinstance(moment, int)]
    return max(moments, default=EARLIEST_MOMENT)
