"""Consent of one person: what holds for each purpose, by which statement, and everything that was ever stated.

Events are the ledger. A statement is recorded as one more event, and nothing that was stated is ever changed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.collect.consents import CONSENT_UPDATED, STATED_BY_PATH, VERSION_PATH
from shoal.definitions.workspace import Workspace
from shoal.enrich import enricher_of
from shoal.errors import InputError, StoreError
from shoal.evaluate.reference import consent_statement
from shoal.identity.rules import DEVICE
from shoal.journal.journal import Entry, JournalInUse
from shoal.model.consent import REFUSED_BY_GPC, Purpose
from shoal.model.event import Event, EventKind
from shoal.runtime.batch import Told, archive_of
from shoal.runtime.doors import decoder_of
from shoal.runtime.people import Person, find_person
from shoal.runtime.present import Present
from shoal.runtime.requests import CONSENT, Requests
from shoal.runtime.serve import open_journal
from shoal.runtime.statements import SECONDS_TO_KEEP, arrival_of

_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one event states about one purpose.

    `source` is the device that stated it, or else the user: the latest statement of each counts. `by_signal` means
    Global Privacy Control, `version` the policy that it is about, and `by` who wrote it down.
    """

    at: int
    received_at: int
    purpose: Purpose
    is_granted: bool
    source: str
    message_id: str
    event: str
    by_signal: bool = False
    version: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What holds for one purpose. `since` is None while the default always has.

    Of several statements that refuse, `decided_by` is the one that has stood longest; of several that grant, the
    latest. None: the default of the workspace decides.
    """

    purpose: Purpose
    is_granted: bool
    since: int | None
    decided_by: Statement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The consent of one person at a moment: what holds, and the whole history in its order."""

    person: Person
    as_of: int
    holdings: tuple[Holding, ...]
    statements: tuple[Statement, ...]


def read_ledger(workspace: Workspace, identifier: str, as_of: int, *, told: Told = lambda _: None) -> Ledger:
    """The consent of the person with an identifier, by everything that came, the last minute included.

    Raises NotFound when nobody has it.
    """
    person = find_person(workspace, identifier, as_of, events=Present(workspace), told=told)
    return ledger_of(person, as_of, workspace.settings.consent)


def ledger_of(person: Person, as_of: int, defaults: Mapping[Purpose, bool]) -> Ledger:
    """The ledger of a person whose events are known."""
    statements = tuple(each for event in person.events for each in _statements(event))
    holdings = tuple(
        _holding(purpose, [each for each in statements if each.purpose is purpose], defaults[purpose])
        for purpose in Purpose
    )
    return Ledger(person=person, as_of=as_of, holdings=holdings, statements=statements)


def _statements(event: Event) -> Iterator[Statement]:
    by_signal = event.fields.get("context.gpc") is True
    for purpose in Purpose:
        granted = consent_statement(event, purpose)
        if granted is not None:
            device = event.anonymous_id
            yield Statement(
                at=event.occurred_at,
                received_at=event.received_at,
                purpose=purpose,
                is_granted=granted,
                source=f"anonymous_id:{device}" if device else f"user_id:{event.user_id or ''}",
                message_id=event.message_id,
                event="consent" if event.kind is EventKind.CONSENT else event.name or event.kind.value,
                by_signal=by_signal and purpose in REFUSED_BY_GPC,
                version=_text(event, VERSION_PATH),
                by=_text(event, STATED_BY_PATH),
            )


def _text(event: Event, path: str) -> str | None:
    value = event.fields.get(path)
    return value if isinstance(value, str) else None


def _holding(purpose: Purpose, statements: Sequence[Statement], default: bool) -> Holding:
    latest: dict[str, Statement] = {}
    is_granted, is_stated, since = default, False, None
    for each in statements:
        latest.pop(each.source, None)  # so that they stand in the order of their statements
        latest[each.source] = each
        answer = all(standing.is_granted for standing in latest.values())
        if answer is not is_granted or not is_stated:
            is_granted, is_stated, since = answer, True, each.at
    refusing = [each for each in latest.values() if not each.is_granted]
    deciding = refusing[0] if refusing else next(reversed(latest.values()), None)
    return Holding(purpose=purpose, is_granted=is_granted, since=since, decided_by=deciding)


# Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be recorded: purposes granted and refused, about which policy, and who writes it down."""

    granted: frozenset[Purpose] = frozenset()
    refused: frozenset[Purpose] = frozenset()
    policy: str = ""
    by: str = ""

    def __post_init__(self) -> None:
        if both := self.granted & self.refused:
            raise InputError(f"{', '.join(sorted(both))} cannot be granted and refused at once")

    @property
    def purposes(self) -> dict[str, bool]:
        stated = {purpose.value: True for purpose in self.granted}
        return stated | {purpose.value: False for purpose in self.refused}


def record(workspace: Workspace, ledger: Ledger, wish: Wish, *, now: int) -> None:
    """Records what a person wants; it holds, in the archive or with the server that runs, when this returns.

    A refusal is one statement of the user. A grant is also stated in the place of each device that refuses, where
    the device is the person's at present: it would stand against it otherwise.
    """
    messages = list(_messages(ledger, wish, now))
    request = Requests(workspace.folder).add(CONSENT, {"batch": messages, "received_at": now}, now=now)
    ends = time.monotonic() + SECONDS_TO_KEEP
    while request.is_waiting():
        if time.monotonic() > ends:
            raise StoreError(
                "nobody has taken the statement in yet; it is kept, and will be by the server or the next command",
                hint="look at what the server says of itself at /readyz",
            )
        if not _take_in_here(workspace):
            time.sleep(_LOOK_AGAIN_S)


def _take_in_here(workspace: Workspace) -> bool:
    """Adds waiting statements to the archive in this process. False when a server runs, which takes them in."""
    try:
        journal = open_journal(workspace)
    except JournalInUse:
        return False
    try:
        decoder, enricher, archive = decoder_of(workspace), enricher_of(workspace), archive_of(workspace)
        for number, request in enumerate(Requests(workspace.folder).waiting(CONSENT)):
            entry = Entry(position=number, arrival=arrival_of(request.content))
            archive.append(enricher.enrich(decoder.decode([entry]).events))
            request.done()
        return True
    finally:
        journal.close()


def _messages(ledger: Ledger, wish: Wish, now: int) -> Iterator[dict[str, Any]]:
    users = [each for each in ledger.person.identifiers if each.startswith("user_id:")]
    own = {"userId": users[0].removeprefix("user_id:")} if users else {}
    devices = ledger.person.devices
    if own:
        yield _message(own, wish.purposes, wish, now)
    elif devices:
        own = {"anonymousId": devices[0]}
        yield _message(own, wish.purposes, wish, now)
    else:
        raise InputError("this profile has no user and no device under which a statement could stand")
    for device in devices:
        opposed = {purpose.value: True for purpose in wish.granted if _refuses(ledger, device, purpose)}
        if opposed and own.get("anonymousId") != device:
            yield _message({**own, "anonymousId": device}, opposed, wish, now)


def _message(whom: dict[str, str], purposes: dict[str, bool], wish: Wish, now: int) -> dict[str, Any]:
    said = {"purposes": purposes, "version": wish.policy or None, "by": wish.by or None}
    consent = {key: value for key, value in said.items() if value is not None}
    message_id = f"consent-{uuid.uuid4().hex[:16]}"
    called = {"type": "track", "event": CONSENT_UPDATED, "messageId": message_id, "timestamp": now}
    return {**called, **whom, "context": {"consent": consent}}


def _refuses(ledger: Ledger, device: str, purpose: Purpose) -> bool:
    of_device = [
        each for each in ledger.statements if each.purpose is purpose and each.source == f"{DEVICE}:{device}"
    ]
    return bool(of_device) and not of_device[-1].is_granted
