"""Places: where a workspace keeps what Shoal makes. Everything under `.shoal` can be looked at, none need be."""

from __future__ import annotations

from dataclasses import dataclass

SHOAL_FOLDER = ".shoal"
ARCHIVE_FOLDER = f"{SHOAL_FOLDER}/archive"
FROZEN_FOLDER = f"{SHOAL_FOLDER}/frozen"
RUNS_FOLDER = f"{SHOAL_FOLDER}/runs"
LIVE_STATE = f"{SHOAL_FOLDER}/live.sqlite"
FAILED_EVENTS = f"{SHOAL_FOLDER}/failed-events.ndjson"
JOURNAL_FOLDER = f"{SHOAL_FOLDER}/journal"
FAILED_FOLDER = f"{SHOAL_FOLDER}/failed"
ERASURES_FOLDER = f"{SHOAL_FOLDER}/erasures"
SIGNING_KEY = f"{SHOAL_FOLDER}/signing.key"
"""Signs the links by which people refuse e-mail. Only its owner can read it."""
REQUESTS_FOLDER = f"{SHOAL_FOLDER}/requests"
SUPPRESSION_FOLDER = f"{SHOAL_FOLDER}/suppression"
WRITTEN_FILES = f"{SHOAL_FOLDER}/written.txt"
DEMO_MARK = f"{SHOAL_FOLDER}/demo"
OUT_FOLDER = "out"
"""Where `shoal run` writes when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place, what it holds, and what an erasure does there. `runtime/erasing/steps.py` does it."""

    path: str
    holds: str
    erased: str


PLACES = (
    Place(
        ARCHIVE_FOLDER,
        "events by day, the index against duplicates, the names of events and properties",
        "the person's events go, also from the index; their identifiers go from the events of others",
    ),
    Place(
        LIVE_STATE, "changes, memberships, firings, deliveries", "rows of the person go; texts of others lose them"
    ),
    Place(JOURNAL_FOLDER, "requests whose events are not archived yet", "all is archived, and its files go"),
    Place(FAILED_FOLDER, "messages that are no events", "those that name the person go"),
    Place(FAILED_EVENTS, "rows of files that are no events", "those that name the person go"),
    Place(REQUESTS_FOLDER, "what commands ask of the server that runs", "those that name the person go"),
    Place(
        WRITTEN_FILES,
        "the names of files that commands wrote",
        "the files lose the person; names of files that are gone go",
    ),
    Place(SUPPRESSION_FOLDER, "salted hashes of who was erased", "the person is added"),
    Place(
        ERASURES_FOLDER,
        "plans of erasures that are going on, records of all",
        "the plan goes; the record names nobody",
    ),
    Place(FROZEN_FOLDER, "reference distributions and purchase models: numbers", "nothing: it names nobody"),
    Place(RUNS_FOLDER, "sizes of segments at each run: numbers", "nothing: it names nobody"),
    Place(SIGNING_KEY, "the key that signs links in e-mails", "nothing: it names nobody"),
    Place(DEMO_MARK, "that the demo made this workspace", "nothing: it names nobody"),
)
"""Everything under `.shoal`. Whoever adds a place says here how a person is taken out of it."""
