"""A very small shop to run commands on: people whose memberships can be followed by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from shoal.cli import run
from shoal.journal import Archive
from shoal.model.event import NAME_OF_KIND, Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.model.time import parse_moment
from shoal.model.value import Value
from shoal.runtime.places import ARCHIVE_FOLDER

FILES = {
    "shoal.yaml": """
        name: A very small shop
        minimum_members: 2
    """,
    "segments/shop.yaml": """
        segment: left_cart
        purpose: personalisation
        when: |
          happened("Product Added", within="7 days")
          and not happened("Order Completed", after=time_of_last("Product Added"))
        ---
        segment: viewers
        when: feature("views") >= 1
        ---
        segment: mailable
        purpose: email
        when: count() >= 1
    """,
    "features/shop.yaml": """
        feature: views
        value: count("Product Viewed", within="30 days")
        ---
        feature: last_order
        value: time_of_last("Order Completed")
        ---
        feature: last_seen
        value: time_since_any()
        ---
        feature: plan
        value: trait("plan")
    """,
    "scores/shop.yaml": """
        score: interest
        parts:
          views: {weight: 60, value: 'scale(count("Product Viewed"), 0, 4)'}
          rating: {weight: 40, value: 'scale(average("rating"), 0, 5)'}
    """,
}


@dataclass(frozen=True)
class Ran:
    """What a command left on the screen, and its exit code."""

    code: int
    out: str
    err: str


class Shop:
    """A workspace in a folder, and the command line beside it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))

    def append(self, events: Iterable[Event]) -> None:
        Archive(self.folder / ARCHIVE_FOLDER).append(frame_of_events(events).drop("position"))

    def shoal(self, *arguments: str) -> Ran:
        """Runs a command in this workspace."""
        return self.plain(*arguments, "--workspace", str(self.folder))

    def plain(self, *arguments: str) -> Ran:
        """Runs a command as it is. No mistake may end in a traceback."""
        self._capsys.readouterr()
        code = run(list(arguments))
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return Ran(code, out, err)


def event(
    at: str, name: str, *, user: str | None = None, device: str | None = None, kind: str = "track", **fields: Value
) -> Event:
    """An event; `price=1` is a property, `traits__plan="pro"` a trait."""
    moment = parse_moment(f"{at}Z")
    paths = {
        key.replace("__", ".") if "__" in key else f"properties.{key}": value for key, value in fields.items()
    }
    return Event(
        position=0,
        message_id=f"{at} {name} {user} {device} {kind}",
        kind=EventKind(kind),
        name=name or NAME_OF_KIND.get(EventKind(kind), ""),
        occurred_at=moment,
        received_at=moment,
        user_id=user,
        anonymous_id=device,
        fields=paths,
    )


def shop_events() -> list[Event]:
    """Ann left a cart; bob ordered; a visitor looked around; one event names nobody."""
    return [
        event("2026-03-01T10:00:00", "Product Viewed", device="d1"),
        event("2026-03-01T10:01:00", "Product Viewed", device="d1"),
        event("2026-03-01T10:05:00", "Product Added", device="d1", price=10.0),
        event(
            "2026-03-01T10:06:00",
            "",
            user="ann",
            device="d1",
            kind="identify",
            traits__email="Ann@example.org",
            traits__plan="pro",
        ),
        event("2026-03-01T10:07:00", "", user="ann", device="d1", kind="consent", consent__email=True),
        event("2026-03-01T12:00:00", "Product Viewed", user="bob", device="d2"),
        event("2026-03-01T12:01:00", "Product Added", user="bob", device="d2"),
        event("2026-03-01T12:30:00", "Order Completed", user="bob", device="d2", total=20.0),
        event(
            "2026-03-01T13:00:00", "", user="bob", device="d2", kind="identify", traits__email="=cmd|x@example.org"
        ),
        event("2026-03-02T09:00:00", "Product Viewed", device="null"),
        event("2026-03-02T10:00:00", "", device="d3", kind="page"),
    ]
