"""Collecting over HTTP: requests of tracking SDKs are kept, answered, and read. In: requests. Out: events.

`collector.py` answers, `decode.py` reads what the journal kept, `failed_store.py` keeps what could not be read.
"""

from shoal.collect.http.collector import Collector
from shoal.collect.http.decode import Decoded, Decoder
from shoal.collect.http.failed_event import FailedEvent
from shoal.collect.http.failed_store import FailedStore

__all__ = ["Collector", "Decoded", "Decoder", "FailedEvent", "FailedStore"]
