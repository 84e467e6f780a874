"""Deliver: deliveries from the outbox in, what became of them out. Next is whoever they are for.

`Worker` sends, through a `Sender` for each destination; `open_all` makes these of what is written. Nothing goes
to an address that a `Guard` does not let through.
"""

from shoal.deliver.addresses import Blocked, Guard
from shoal.deliver.destinations import Opened, Surroundings, open_all
from shoal.deliver.sender import PageHub, Result, Sender, Sent
from shoal.deliver.unsubscribe import Links
from shoal.deliver.worker import Worker

__all__ = [
    "Blocked",
    "Guard",
    "Links",
    "Opened",
    "PageHub",
    "Result",
    "Sender",
    "Sent",
    "Surroundings",
    "Worker",
    "open_all",
]
