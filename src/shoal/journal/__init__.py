"""The journal: the durable, ordered record of what arrived. In: frames of events. Out: each once. Next: identity.

`Archive` keeps imported events as Parquet by day; its layout and its promises are told in `archive.py`.
"""

from shoal.journal.archive import Appended, Archive, Day
from shoal.journal.catalog import Catalog, EventSeen
from shoal.journal.deduplication import DEDUPLICATION_WINDOW

__all__ = ["DEDUPLICATION_WINDOW", "Appended", "Archive", "Catalog", "Day", "EventSeen"]
