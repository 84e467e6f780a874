"""`shoal firings` and `shoal deliveries`: what was done and what was not, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shoal.cli import run
from shoal.definitions.workspace import load_workspace
from shoal.model.firing import Status
from shoal.model.time import MINUTE
from shoal.runtime.acting import open_outbox
from shoal.runtime.places import LIVE_STATE
from shoal.triggers.outbox import Settlement
from tests.functional.live_shop import LiveShop, moment

NOON = moment("2026-03-10T12:00Z")
TRIGGERS = """
trigger: welcome
on: {event: Signed Up}
do:
  - page: {offer: content, title: "Hello {{ name }}"}
    values: {name: trait("name")}
  - webhook: crm
---
trigger: rare
on: {event: Product Viewed}
cooldown: 1 day
do:
  - webhook: crm
"""
Ask = Callable[..., Any]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LiveShop]:
    """Ann signed up on a device and then by name; she and bob looked at products, she twice."""
    (tmp_path / "triggers").mkdir()
    (tmp_path / "triggers" / "all.yaml").write_text(TRIGGERS)
    (tmp_path / "shoal.yaml").write_text(
        'destinations: {crm: {webhook: "https://crm.example/hook", secrets: [CRM_SECRET]}}\n'
    )
    shop = LiveShop(load_workspace(tmp_path), NOON)
    shop.hears(NOON, "identify", anonymousId="x", traits={"name": "[bold]Ann[/bold]"})
    shop.hears(NOON, anonymousId="x", event="Signed Up")
    shop.waits_until(NOON + MINUTE)
    shop.hears(NOON + MINUTE, "identify", userId="ann", anonymousId="x", traits={"email": "ann@shop.example"})
    for who in ("ann", "bob", "ann"):
        shop.sees(shop.now + MINUTE, who, "Product Viewed")
    yield shop
    shop.close()


@pytest.fixture
def ask(shop: LiveShop, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(*arguments: str) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--workspace", str(shop.workspace.folder), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return asked


def settle(shop: LiveShop, status: Status, destination: str = "crm") -> list[str]:
    """Somebody has tried to send what is due."""
    with closing(open_outbox(shop.workspace.folder)) as outbox:
        due = [each.id for each in outbox.due(destination, shop.now, 100)]
        outbox.settle(
            Settlement(id=id_, status=status, at=shop.now, attempts=8, reason="it answered 503") for id_ in due
        )
    return due


def test_firings_are_counted_and_listed(ask: Ask) -> None:
    """By trigger and outcome; the latest first, with the name of that moment, the reason and the values."""
    told = ask("firings")
    assert told["triggers"] == {"rare": {"cooling_down": 1, "fired": 2}, "welcome": {"fired": 1}}
    newest, *_, oldest = told["firings"]
    assert (newest["profile"], newest["outcome"]) == ("user_id:ann", "cooling_down")
    assert newest["reason"].startswith("fired at 2026-03-10")
    assert (oldest["profile"], oldest["facts"]) == ("anonymous_id:x", {"name": "[bold]Ann[/bold]"})
    assert oldest["effective_at"] == "2026-03-10T12:00:00.000Z"


@pytest.mark.parametrize("person", ["ann", "user_id:ann", "x", "anonymous_id:x", "ann@shop.example"])
def test_a_person_is_found_by_any_name(shop: LiveShop, ask: Ask, person: str) -> None:
    """Of then and of now: what was done for the device was done for her."""
    shop.live.archive_events()
    assert len(ask("firings", "--person", person)["firings"]) == 3
    assert len(ask("deliveries", "--person", person)["deliveries"]) == 3


def test_firings_are_chosen(ask: Ask) -> None:
    """By trigger, outcome and number."""
    assert len(ask("firings", "--trigger", "rare")["firings"]) == 3
    assert len(ask("firings", "--outcome", "fired")["firings"]) == 3
    assert len(ask("firings", "--trigger", "rare", "--outcome", "fired", "--limit", "1")["firings"]) == 1


def test_deliveries_are_counted_and_listed(ask: Ask) -> None:
    """By destination and status; each with everything that is known of it."""
    told = ask("deliveries")
    assert told["destinations"] == {"crm": {"ready": 3}, "page": {"ready": 1}}
    [page] = ask("deliveries", "--destination", "page")["deliveries"]
    assert page["content"] == {"offer": "content", "title": "Hello [bold]Ann[/bold]"}
    assert (page["person"], page["expires_at"]) == ("user_id:ann", "2026-03-10T12:15:00.000Z")


def test_dead_ones_are_found_and_tried_again(shop: LiveShop, ask: Ask) -> None:
    """All that are chosen, or one by its id; under the same id, as if never tried."""
    dead = settle(shop, Status.DEAD)
    assert len(dead) == 2
    assert {each["id"] for each in ask("deliveries", "--dead")["deliveries"]} == set(dead)
    [one, _] = ask("deliveries", "--status", "dead")["deliveries"]
    assert (one["reason"], one["attempts"]) == ("it answered 503", 8)
    assert ask("deliveries", "--replay", one["id"]) == {"replayed": 1}
    assert ask("deliveries", "--replay", "--trigger", "none") == {"replayed": 0}
    assert ask("deliveries", "--replay", "--destination", "crm") == {"replayed": 1}
    assert ask("deliveries", "--dead")["deliveries"] == []
    assert {each["attempts"] for each in ask("deliveries")["deliveries"]} == {0}


def test_what_people_read(shop: LiveShop, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables, in words, and what somebody calls themselves is no markup."""
    settle(shop, Status.DEAD)
    for command, words in (
        ("firings", ("cooling down", "fired", "user_id:bob", "for the same person")),
        ("deliveries", ("dead", "it answered 503", "after 8 attempts", "crm", "page")),
    ):
        capsys.readouterr()
        assert run([command, "--workspace", str(shop.workspace.folder)]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert [word for word in words if word not in shown] == []
    assert run(["deliveries", "--replay", "--workspace", str(shop.workspace.folder)]) == 0
    assert "2 deliveries are tried again" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("deliveries", "fir_1"), "ids are for --replay"),
        (("deliveries", "--dead", "--status", "ready"), "exclude each other"),
        (("deliveries", "--replay", "fir_none_1"), "1 of these are no dead deliveries"),
        (("firings", "--person", "nobody"), "no profile has this identifier"),
    ],
)
def test_mistakes_are_told_in_words(
    shop: LiveShop, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    """With the exit code of what was asked for and is not there."""
    assert run([*arguments, "--workspace", str(shop.workspace.folder)]) == 2
    assert told in capsys.readouterr().err


def test_a_workspace_that_was_never_served_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says how there will be some, and writes nothing."""
    (tmp_path / "shoal.yaml").write_text("")
    for command in ("firings", "deliveries"):
        assert run([command, "--workspace", str(tmp_path)]) == 0
        assert "shoal serve" in capsys.readouterr().out
    assert not (tmp_path / LIVE_STATE).exists()
