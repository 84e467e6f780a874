"""`shoal consent`: what a person allows and why, and what they want now, which holds at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shoal.cli import run
from shoal.definitions.workspace import load_workspace
from shoal.model.time import parse_moment
from shoal.runtime.consenting import read_ledger
from shoal.runtime.live_loop import wall_clock_ms
from shoal.runtime.places import REQUESTS_FOLDER
from shoal.runtime.requests import CONSENT, Requests
from tests.functional.shop import Shop, event
from tests.functional.test_serve_live import members, send, serving, wait_until, workspace_in


def asked(shop: Shop, who: str, *options: str) -> dict[str, Any]:
    ran = shop.shoal("consent", who, "--json", *options)
    assert ran.code == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def granted(answer: dict[str, Any]) -> set[str]:
    return {name for name, each in answer["purposes"].items() if each["granted"]}


@pytest.fixture
def ann(empty_shop: Shop) -> Shop:
    """Ann, who was asked on her laptop and later refuses ads on her telephone; Bob, who was never asked."""
    empty_shop.append(
        [
            event(
                "2026-03-01T10:00:00", "", device="laptop", kind="consent", consent__ads=True, consent__email=True
            ),
            event("2026-03-01T10:01:00", "", user="ann", device="laptop", kind="identify"),
            event(
                "2026-03-01T10:02:00",
                "Product Viewed",
                user="ann",
                device="phone",
                consent__ads=False,
                context__gpc=True,
                context__consent__version="v1",
            ),
            event("2026-03-01T12:00:00", "Product Viewed", user="bob"),
        ]
    )
    return empty_shop


def test_shows_what_holds_and_who_said_so(ann: Shop) -> None:
    """Over devices one refusal wins; the default holds where nothing was said."""
    answer = asked(ann, "ann")

    assert granted(answer) == {"analytics", "personalisation", "email"}
    ads, email = answer["purposes"]["ads"], answer["purposes"]["email"]
    assert (ads["since"], ads["decided_by"]["source"]) == ("2026-03-01T10:02:00.000Z", "anonymous_id:phone")
    assert (ads["decided_by"]["policy"], ads["decided_by"]["global_privacy_control"]) == ("v1", True)
    assert (email["since"], email["decided_by"]["event"]) == ("2026-03-01T10:00:00.000Z", "consent")
    assert answer["purposes"]["analytics"] == {"granted": True, "stated": False, "since": None, "decided_by": None}
    assert [(each["purpose"], each["granted"]) for each in answer["history"]] == [
        ("email", True),
        ("ads", True),
        ("ads", False),
        ("sharing", False),
    ]
    ran = ann.shoal("consent", "ann")
    assert "Global Privacy Control" in ran.out
    assert "default of the workspace" in ran.out


def test_a_past_moment_knows_what_was_stated_by_then(ann: Shop) -> None:
    """As every other answer."""
    answer = asked(ann, "ann", "--as-of", "2026-03-01T10:01:30Z")
    assert granted(answer) == {"analytics", "personalisation", "email", "ads"}


def test_who_said_nothing_has_the_defaults(ann: Shop) -> None:
    """And an empty history."""
    answer = asked(ann, "bob")
    assert (granted(answer), answer["history"]) == ({"analytics", "personalisation"}, [])
    assert "Nothing was ever stated" in ann.shoal("consent", "bob").out


def test_a_refusal_is_recorded_and_holds(ann: Shop) -> None:
    """In the next evaluation the person is in no segment of that purpose; the statement says who wrote it down."""
    evaluate = ["run", "--as-of", "now"]
    assert ann.shoal(*evaluate).code == 0
    before = json.loads(ann.shoal("export", "mailable", "--json").out)
    assert [each["profile"] for each in before] == ["user_id:ann"]
    answer = asked(ann, "ann", "--refuse", "email", "--policy", "v2", "--by", "ticket 7")
    decided = answer["purposes"]["email"]["decided_by"]
    assert (decided["source"], decided["policy"], decided["by"]) == ("user_id:ann", "v2", "ticket 7")
    assert ann.shoal(*evaluate).code == 0
    assert json.loads(ann.shoal("export", "mailable", "--json").out) == []
    assert len(answer["history"]) == 5


def test_a_grant_stands_against_the_devices_that_refused(ann: Shop) -> None:
    """One refusal would be enough otherwise: so it is stated in the place of each of them."""
    answer = asked(ann, "ann", "--grant", "ads,sharing", "--grant", "email")

    assert granted(answer) == {"analytics", "personalisation", "email", "ads", "sharing"}
    new = {(each["source"], each["purpose"]) for each in answer["history"][4:]}
    assert {("user_id:ann", "ads"), ("anonymous_id:phone", "ads"), ("anonymous_id:phone", "sharing")} <= new
    assert ("anonymous_id:laptop", "ads") not in new


def test_a_device_that_is_somebody_elses_now_is_left_alone(ann: Shop) -> None:
    """A statement in its name would take it away from who uses it."""
    ann.append([event("2026-03-02T10:00:00", "Product Viewed", user="bob", device="phone")])
    answer = asked(ann, "ann", "--grant", "ads")

    assert "ads" not in granted(answer)
    ann.append([event("2026-03-03T10:00:00", "Product Viewed", device="phone")])
    found = read_ledger(load_workspace(ann.folder), "bob", wall_clock_ms())
    assert [each.name for each in found.person.events] == ["Product Viewed"] * 3


def test_a_visitor_states_it_as_a_device(ann: Shop) -> None:
    """Who has no user id has a device."""
    ann.append([event("2026-03-02T10:00:00", "Product Viewed", device="tablet")])
    answer = asked(ann, "tablet", "--refuse", "all")

    assert granted(answer) == set()
    assert {each["source"] for each in answer["history"]} == {"anonymous_id:tablet"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--refuse", "adverts"], "is not a purpose"),
        (["--refuse", "ads", "--grant", "ads"], "granted and refused at once"),
        (["--by", "me"], "nothing to record"),
        (["--refuse", "ads", "--as-of", "2026-01-01"], "nothing can be recorded there"),
    ],
)
def test_mistakes_are_told(ann: Shop, options: list[str], words: str) -> None:
    """And nothing is recorded."""
    ran = ann.shoal("consent", "ann", *options)

    assert ran.code == 2
    assert words in ran.err
    assert len(asked(ann, "ann")["history"]) == 4


def test_a_statement_reaches_the_server_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is in force with the live engine at once, and is shown although it is not archived yet."""
    folder = workspace_in(tmp_path / "shop")
    with serving(folder) as (url, _):
        send(url, ("bob", "Order Completed"))
        wait_until(lambda: ("user_id:bob", "buyers") in members(folder))
        capsys.readouterr()
        assert run(["consent", "bob", "--refuse", "analytics", "--json", "-w", str(folder)]) == 0
        answer = json.loads(capsys.readouterr().out)
        wait_until(lambda: ("user_id:bob", "buyers") not in members(folder))
    assert answer["purposes"]["analytics"]["decided_by"]["source"] == "user_id:bob"
    assert not any((folder / REQUESTS_FOLDER).iterdir())


def test_a_statement_that_was_interrupted_is_recorded_by_the_next(ann: Shop) -> None:
    """It lasts from the moment it was written down, and counts once."""
    message = {
        "type": "track",
        "event": "Segment Consent Preference Updated",
        "userId": "ann",
        "messageId": "consent-1",
        "timestamp": parse_moment("2026-03-02T00:00:00Z"),
        "context": {"consent": {"purposes": {"email": False}}},
    }
    now = wall_clock_ms()
    for _ in range(2):
        Requests(ann.folder).add(CONSENT, {"batch": [message], "received_at": now}, now=now)
    answer = asked(ann, "bob", "--refuse", "ads")
    assert [each["purpose"] for each in answer["history"]] == ["ads"]
    assert len(asked(ann, "ann")["history"]) == 5
    assert not any((ann.folder / REQUESTS_FOLDER).iterdir())
