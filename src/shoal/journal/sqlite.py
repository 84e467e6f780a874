"""The embedded journal: SQLite files by size and day, one writer thread, many requests to a flush."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from shoal.errors import StoreError
from shoal.journal.durable import failures_told, make_folder
from shoal.journal.journal import Arrival, Entry, JournalFull, JournalInUse
from shoal.journal.sqlite_segment import (
    SegmentWriter,
    first_position_of,
    is_sealed,
    last_position_in,
    next_segment_path,
    read_segment,
    remove_segment,
    seal_segment,
    segment_paths,
)
from shoal.model.time import DAY

NO_MORE = 2**62
"""Beyond every position."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLimits:
    """Sizes, in bytes of request bodies. `commit_bytes` bounds what one flush to the disk takes along."""

    segment_bytes: int = 128 * 2**20
    waiting_bytes: int = 64 * 2**20
    waiting_arrivals: int = 50_000
    commit_bytes: int = 8 * 2**20


class _Waiting:
    """Arrivals that are not yet written, each with the future that its sender waits for."""

    def __init__(self, limits: JournalLimits) -> None:
        self.limits, self.bytes, self.is_closed = limits, 0, False
        self._queue = deque[tuple[Arrival, Future[int]]]()
        self._changed = threading.Condition()

    def put(self, arrival: Arrival) -> Future[int]:
        future: Future[int] = Future()
        with self._changed:
            if self.is_closed:
                raise StoreError("the journal is closed", hint="start Shoal again and send it again")
            is_full = self.bytes + len(arrival.body) > self.limits.waiting_bytes
            if is_full or len(self._queue) >= self.limits.waiting_arrivals:
                raise JournalFull
            self._queue.append((arrival, future))
            self.bytes += len(arrival.body)
            self._changed.notify()
        return future

    def take(self) -> list[tuple[Arrival, Future[int]]]:
        """Waits for arrivals and takes as many as one commit holds. Empty only when closed and none is left."""
        with self._changed:
            while not self._queue and not self.is_closed:
                self._changed.wait()
            taken, size = list[tuple[Arrival, Future[int]]](), 0
            while self._queue and size < self.limits.commit_bytes:
                taken.append(self._queue.popleft())
                size += len(taken[-1][0].body)
            self.bytes -= size
            return taken

    def close(self) -> None:
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()


class SqliteJournal:
    """A journal in a folder. One process writes; it and others may read.

    After any failure to write, the file at hand is left alone and the next arrivals go to a new one that begins
    where the certain entries end: what a failed flush may have left in the old file beyond that is not read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: JournalLimits | None = None,
        open_segment: Callable[[Path], SegmentWriter] = SegmentWriter,
    ) -> None:
        self.folder, self.limits, self._open_segment = folder, limits or JournalLimits(), open_segment
        with failures_told("Opening the journal", folder):
            make_folder(folder)
            self._lock = (folder / "writing.lock").open("ab")
        self._become_writer()
        try:
            self._position = _last_position(folder)
        except StoreError:
            self._lock.close()
            raise
        self._trouble: str | None = None
        self._segment: SegmentWriter | None = None
        self._day, self._failures = 0, 0
        self._at_the_segment = threading.Lock()
        self._grown = threading.Condition()
        self._sealing = ThreadPoolExecutor(1, "journal-sealing")
        for path in segment_paths(folder):
            if not is_sealed(path):
                self._sealing.submit(seal_segment, path)
        self._waiting = _Waiting(self.limits)
        self._writer = threading.Thread(target=self._write_until_closed, name="journal-writer", daemon=True)
        self._writer.start()

    def _become_writer(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise JournalInUse(
                f"another process is collecting into {self.folder}", hint="stop it, or serve another workspace"
            ) from None

    # What everyone may ask

    @property
    def position(self) -> int:
        return self._position

    @property
    def trouble(self) -> str | None:
        return self._trouble

    def append(self, arrival: Arrival) -> Future[int]:
        return self._waiting.put(arrival)

    def read(self, after: int, limit: int) -> Iterator[Entry]:
        return read_journal(self.folder, after, limit, through=self._position)

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        with self._grown:
            return self._grown.wait_for(lambda: self._position > position or self._waiting.is_closed, timeout_s)

    def forget(self, through: int) -> None:
        """Removes every file without a later entry, and begins a new one when the last holds any of these.

        So a file goes at the latest with the second call after its entries: requests lie no longer than they must.
        """
        with failures_told("Removing old entries", self.folder):
            left = self._begin_anew(through)
            removed = set[Path]()
            for path, following in pairwise(segment_paths(self.folder)):
                if first_position_of(following) - 1 <= min(through, self._position):
                    remove_segment(path)
                    removed.add(path)
        if left is not None:
            self._sealing.submit(left.close if left.path in removed else partial(_close_and_seal, left))

    def _begin_anew(self, through: int) -> SegmentWriter | None:
        """Goes on in a new file when the last one holds entries up to `through`; the writer of the old one."""
        with self._at_the_segment:
            paths = segment_paths(self.folder)
            if not paths or first_position_of(paths[-1]) > min(through, self._position):
                return None
            place = next_segment_path(self.folder, self._position + 1, self._failures)
            try:
                new = self._open_segment(place)
            except (sqlite3.Error, OSError) as error:
                _LOG.warning("a new file of the journal could not be begun: %s", error)
                return None
            left, self._segment = self._segment, new
            return left

    def close(self) -> None:
        self._waiting.close()
        self._writer.join()
        self._sealing.shutdown()
        self._lock.close()
        with self._grown:
            self._grown.notify_all()

    # The writer's thread

    def _write_until_closed(self) -> None:
        while taken := self._waiting.take():
            with self._at_the_segment:
                self._commit([arrival for arrival, _ in taken], [future for _, future in taken])
        with self._at_the_segment:
            self._leave_segment()

    def _commit(self, arrivals: Sequence[Arrival], futures: Sequence[Future[int]]) -> None:
        first = self._position + 1
        try:
            self._segment_for(arrivals[0], first).write(first, arrivals)
        except Exception as error:
            self._give_up_segment(first)
            self._tell_trouble(error)
            failure = StoreError(f"the journal cannot be written: {self._trouble}", hint="send it again later")
            for future in futures:
                _fail(future, failure)
            return
        self._trouble = None
        with self._grown:
            self._position += len(arrivals)
            self._grown.notify_all()
        for position, future in enumerate(futures, first):
            _give(future, position)

    def _segment_for(self, arrival: Arrival, first: int) -> SegmentWriter:
        day = arrival.received_at // DAY
        segment = self._segment
        if segment is not None and segment.bytes_written:
            if segment.bytes_written < self.limits.segment_bytes and day == self._day:
                return segment
            self._leave_segment()
            segment = None
        if segment is None:
            segment = self._open_segment(next_segment_path(self.folder, first, self._failures))
        self._segment, self._day = segment, day
        return segment

    def _leave_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            self._sealing.submit(_close_and_seal, segment)

    def _give_up_segment(self, first: int) -> None:
        """Closes a file that cannot be trusted any more, at once, and removes it when nothing certain is in it.

        The only file stays: its name says up to where positions are taken.
        """
        segment, self._segment = self._segment, None
        self._failures += 1
        if segment is not None:
            segment.close()
            if first_position_of(segment.path) == first and segment_paths(self.folder)[:1] != [segment.path]:
                with suppress(OSError):
                    remove_segment(segment.path)

    def _tell_trouble(self, error: Exception) -> None:
        was_well, self._trouble = self._trouble is None, str(error)
        if not isinstance(error, (sqlite3.Error, OSError)):  # a mistake of ours: senders must not wait for ever
            _LOG.error("the writer of the journal met what it does not know", exc_info=error)
        elif was_well:
            _LOG.error("the journal in %s cannot be written: %s", self.folder, error)


def read_journal(folder: Path, after: int, limit: int, *, through: int = NO_MORE) -> Iterator[Entry]:
    """At most `limit` entries of the journal in a folder with after < position <= through, in order.

    What a file holds beyond the beginning of the next one was never certain, and is left out.
    """
    paths = segment_paths(folder)
    ends = [first_position_of(path) for path in paths[1:]] + [through + 1] * bool(paths)
    left = limit
    for path, end in zip(paths, ends, strict=True):
        before = min(end, through + 1)
        if left > 0 and before - 1 > after and first_position_of(path) < before:
            with _failures_of(path):
                for entry in read_segment(path, after, before, left):
                    left -= 1
                    yield entry


def _last_position(folder: Path) -> int:
    before = NO_MORE
    for path in reversed(segment_paths(folder)):
        with _failures_of(path):
            last = last_position_in(path, before)
        if last is not None:
            return last
        before = first_position_of(path)
    return before - 1 if before != NO_MORE else 0


@contextmanager
def _failures_of(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        hint = "bring this file back from a copy, or set it aside"
        raise StoreError(f"{path} cannot be read: {error}", hint=hint) from error


def _close_and_seal(segment: SegmentWriter) -> None:
    segment.close()
    seal_segment(segment.path)


def _give(future: Future[int], position: int) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(position)


def _fail(future: Future[int], error: BaseException) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
