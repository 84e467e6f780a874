"""The journal: the durable, ordered record of what arrived. In: frames of events. Out: each once. Next: identity.

`Archive` keeps events as Parquet by day; its layout and its promises are told in `archive.py`. `SqliteJournal`
keeps the requests of live collecting until their events are in the archive.
"""

from shoal.journal.archive import Appended, Archive, Day
from shoal.journal.catalog import Catalog, EventSeen
from shoal.journal.deduplication import DEDUPLICATION_WINDOW
from shoal.journal.journal import Arrival, Entry, Journal
from shoal.journal.sqlite import SqliteJournal

__all__ = [
    "DEDUPLICATION_WINDOW",
    "Appended",
    "Archive",
    "Arrival",
    "Catalog",
    "Day",
    "Entry",
    "EventSeen",
    "Journal",
    "SqliteJournal",
]
