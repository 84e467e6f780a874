"""Trying failed events again, after a fix of the settings, of Shoal, or of the messages themselves."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.collect.http.decode import Decoder
from shoal.collect.http.failed_store import FailedStore
from shoal.journal.journal import Entry, Journal

SECONDS_TO_KEEP = 60


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many are events now, and how many failed again."""

    events: int
    failed: int


def replay_wanted(store: FailedStore, journal: Journal, decoder: Decoder) -> Replayed:
    """Tries those that are asked for. What is an event now goes into the journal; what is none is open again.

    After a crash some may go into the journal a second time: they have the same message ids.
    """
    events = failed_again = 0
    for failed, arrival in store.wanted():
        tried = decoder.decode([Entry(position=failed.position, arrival=arrival)])
        if tried.failed:
            store.reopen(failed, tried.failed[0].reason)
            failed_again += 1
            continue
        if tried.events.is_empty():  # it is of somebody who was erased
            store.remove([failed])
            continue
        journal.append(arrival).result(SECONDS_TO_KEEP)
        store.mark_replayed([failed])
        events += 1
    return Replayed(events, failed_again)
