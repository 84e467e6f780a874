"""shoal failed"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from shoal.collect.http import FailedEvent, FailedStore
from shoal.collect.http.replay import Replayed, replay_wanted
from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, table
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.errors import InputError, StoreError
from shoal.journal.journal import JournalInUse
from shoal.runtime.doors import decoder_of
from shoal.runtime.places import FAILED_FOLDER
from shoal.runtime.serve import open_journal
from shoal.runtime.written import WrittenFiles

SHOWN = 160
"""Letters of a message in the table."""


def command(
    *,
    reason: Annotated[str, typer.Option(help="Only those with this in their reason.")] = "",
    search: Annotated[str, typer.Option(help="Only those with this in what was sent.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
    replay: Annotated[bool, typer.Option("--replay", help="Try them again: all that are chosen.")] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them to a file, one line of JSON each.")
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Try those of such a file again, corrected."),
    ] = None,
    workspace: options.Workspace = options.HERE,
    json: options.Json = False,
) -> None:
    """What came in over HTTP and is no event: why, what it was, and trying it again after a fix.

    To correct messages by hand, write them to a file, change what stands under `message`, and try them from there.
    """
    read = load_workspace(workspace)
    store = FailedStore(workspace / FAILED_FOLDER)
    if corrected is not None:
        _replay(read, store, list(_from_file(store, corrected)), json=json)
    elif replay:
        chosen = store.find(reason=reason, text=search, limit=2**62)
        _replay(read, store, [(each, None) for each in chosen], json=json)
    elif write is not None:
        found = store.find(reason=reason, text=search, limit=2**62)
        WrittenFiles(workspace).note([write])
        _write(write, found)
        _say(f"{len(found):,} failed events written to {write}", {"written": len(found)}, json=json)
    else:
        _show(store, store.find(reason=reason, text=search, limit=limit), json=json)


def _show(store: FailedStore, found: Sequence[FailedEvent], *, json: bool) -> None:
    reasons = store.reasons()
    if json:
        kinds = [{"reason": each.reason, "count": each.count, "last_at": each.last_at} for each in reasons]
        print_json({"reasons": kinds, "failed": [_told(each) for each in found]})
        return
    console = screen()
    if not reasons:
        console.print("Nothing has failed: everything that came in is an event")
        return
    counted = table("reason", "failed", "last", numbers=("failed",))
    for each in reasons:
        counted.add_row(escape(each.reason), f"{each.count:,}", moment(each.last_at))
    listed = table("key", "received", "reason", "message")
    for failed in found:
        shown = failed.message[:SHOWN].decode(errors="replace")
        listed.add_row(failed.key, moment(failed.arrival.received_at), escape(failed.reason), escape(shown))
    console.print(counted, listed, sep="\n")


def _told(failed: FailedEvent) -> dict[str, Any]:
    return {
        "key": failed.key,
        "reason": failed.reason,
        "received_at": failed.arrival.received_at,
        "path": failed.arrival.path,
        "message": failed.message.decode(errors="replace"),
    }


def _write(path: Path, found: Sequence[FailedEvent]) -> None:
    """A message that is JSON stands there as it is; one that is none, as a text."""
    try:
        path.write_bytes(b"".join(msgspec.json.encode(_line(each)) + b"\n" for each in found))
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}", hint="name another file") from error


def _line(failed: FailedEvent) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(failed.message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = failed.message.decode(errors="replace")
    return {"key": failed.key, "reason": failed.reason, "message": message}


def _from_file(store: FailedStore, path: Path) -> Iterator[tuple[FailedEvent, bytes | None]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                told = msgspec.json.decode(line)
                key, message = str(told["key"]), told["message"]
            except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
                hint = "write such a file with shoal failed --write"
                raise InputError(f"{path} line {number} is no failed event: {error}", hint=hint) from None
            written = message.encode() if isinstance(message, str) else msgspec.json.encode(message)
            yield store.get(key), written


def _replay(
    workspace: Workspace, store: FailedStore, chosen: Sequence[tuple[FailedEvent, bytes | None]], *, json: bool
) -> None:
    for failed, message in chosen:
        store.want_again(failed, message)
    replayed = _now(workspace, store)
    if replayed is None:
        _say(
            f"{len(chosen):,} failed events are tried again by the server that is running",
            {"wanted": len(chosen)},
            json=json,
        )
        return
    told = f"{replayed.events:,} are events now, {replayed.failed:,} failed again"
    _say(told, {"events": replayed.events, "failed": replayed.failed}, json=json)


def _now(workspace: Workspace, store: FailedStore) -> Replayed | None:
    """Tries them in this process; None when a server is running, which will do it."""
    try:
        journal = open_journal(workspace)
    except JournalInUse:
        return None
    try:
        total = Replayed(0, 0)
        decoder = decoder_of(workspace)
        while (done := replay_wanted(store, journal, decoder)) != Replayed(0, 0):
            total = Replayed(total.events + done.events, total.failed + done.failed)
        return total
    finally:
        journal.close()


def _say(words: str, answer: dict[str, int], *, json: bool) -> None:
    if json:
        print_json(answer)
    else:
        screen().print(words, markup=False)
