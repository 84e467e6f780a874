"""Decisions over HTTP, of a shop that is served: who may ask, what is shown, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from shoal.decide import Rates
from tests.functional.collecting import KEY, SETTINGS, wait_until
from tests.functional.deciding import (
    ANN,
    BOB,
    PHONE,
    SERVER_KEY,
    SLOTS,
    STRANGER,
    DecidingShop,
    deciding_shop,
    track,
)

SECRET = {"authorization": f"Bearer {SERVER_KEY}"}
CHANGED = """
slot: banner
choices:
  - choice: viewer
    when: happened("Product Viewed")
    content: {text: Hello again}
default: {text: Hello}
"""
FAST = Rates(per_address=0, per_key=0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecidingShop]:
    """Ann looked at two products, and Bob at one."""
    with deciding_shop(tmp_path_factory.mktemp("shop"), rates=FAST) as shop:
        shop.view(ANN)
        shop.view(BOB, times=1)
        yield shop


def test_a_person_sees_what_is_meant_for_them(shop: DecidingShop) -> None:
    """Content, choice and cause for programs, a reason for people."""
    assert shop.slot(anonymousId=ANN) == {
        "choice": "discount",
        "content": {"title": "10 % off", "percent": 10, "urgent": True},
        "cause": "audience",
        "reason": '"discount" is for this person',
    }
    bob = shop.slot(anonymousId=BOB)
    assert (bob["choice"], bob["content"], bob["cause"]) == (None, {"title": "Welcome"}, "none_fits")
    assert bob["reason"].startswith('"discount" is for others; "app" asks for device')


def test_a_stranger_sees_what_is_for_everybody(shop: DecidingShop) -> None:
    """The default where all choices are for some; a choice of the context where there is one."""
    assert shop.slot(anonymousId=STRANGER)["cause"] == "none_fits"
    phone = shop.slot(anonymousId=STRANGER, headers={"user-agent": PHONE})
    assert (phone["choice"], phone["cause"]) == ("app", "context")
    stated = shop.slot(anonymousId=STRANGER, headers={"user-agent": PHONE}, context={"device": "desktop"})
    assert stated["choice"] is None


def test_several_slots_at_once(shop: DecidingShop) -> None:
    """Named ones, or all; one that there is not shows nothing and fails no other."""
    every = shop.ask(anonymousId=ANN).json()["slots"]
    assert list(every) == ["hero", "ad"]
    some = shop.ask(anonymousId=ANN, slots=["hero", "footer"]).json()["slots"]
    assert some["hero"]["choice"] == "discount"
    assert (some["footer"]["content"], some["footer"]["cause"]) == ({}, "unknown_slot")
    assert shop.ask(anonymousId=ANN, slots=[]).json() == {"slots": {}}


def test_consent_comes_first(tmp_path: Path) -> None:
    """Ads need it before anything is shown; who takes it back sees the default at the next step."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN)
        assert shop.slot("ad", anonymousId=ANN)["cause"] == "no_consent"
        granted = {"context": {"consent": {"categoryPreferences": {"ads": True}}}}
        shop.send(track("Consent", ANN, "c1", **granted))
        assert shop.slot("ad", anonymousId=ANN)["choice"] == "shoes"
        refused = {"context": {"consent": {"categoryPreferences": {"ads": False, "personalisation": False}}}}
        shop.send(track("Consent", ANN, "c2", **refused))
        hero = shop.slot(anonymousId=ANN)
        assert (hero["content"], hero["cause"]) == ({"title": "Welcome"}, "no_consent")
        assert hero["reason"] == "there is no consent to personalisation"


def test_what_the_request_refuses_holds_at_once(tmp_path: Path) -> None:
    """By Global Privacy Control, or by the consent in its context, before any event says so."""
    with deciding_shop(tmp_path / "shop", settings=f"{SETTINGS}\nconsent: {{ads: true}}\n", rates=FAST) as shop:
        shop.view(ANN)
        assert shop.slot("ad", anonymousId=ANN)["choice"] == "shoes"
        by_browser = shop.slot("ad", anonymousId=ANN, headers={"sec-gpc": "1"})
        assert (by_browser["cause"], by_browser["content"]) == ("no_consent", {"product": "none"})
        assert shop.slot(anonymousId=ANN, headers={"sec-gpc": "1"})["choice"] == "discount"
        context = {"consent": {"categoryPreferences": {"personalisation": False}}}
        assert shop.slot(anonymousId=ANN, context=context)["cause"] == "no_consent"
        grant = {"consent": {"categoryPreferences": {"personalisation": True}}}
        assert shop.slot(anonymousId=STRANGER, context=grant)["cause"] == "none_fits"


def test_devices_have_the_memberships_of_their_person(tmp_path: Path) -> None:
    """Once somebody signs in, what a device did counts for the person, on every device."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN, times=1)
        shop.view(BOB, times=1)
        assert shop.slot(anonymousId=ANN)["choice"] is None
        shop.send(
            {"type": "identify", "userId": "ann", "anonymousId": ANN, "messageId": "i1"},
            {"type": "identify", "userId": "ann", "anonymousId": BOB, "messageId": "i2"},
        )
        assert shop.slot(anonymousId=ANN)["choice"] == "discount"
        assert shop.slot(anonymousId=BOB)["choice"] == "discount"
        assert shop.slot(key=None, headers=SECRET, userId="ann")["choice"] == "discount"


def test_memberships_run_out_with_no_event(tmp_path: Path) -> None:
    """What is shown changes when a window ends, although nothing happened."""
    [hero, ad] = SLOTS
    soon = replace(hero.choices[0], when='count("Product Viewed", within="2 seconds") >= 1')
    with deciding_shop(tmp_path / "shop", slots=(replace(hero, choices=(soon,)), ad), rates=FAST) as shop:
        shop.view(ANN, times=1)
        assert shop.slot(anonymousId=ANN)["choice"] == "discount"
        wait_until(lambda: shop.slot(anonymousId=ANN)["choice"] is None)


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({"key": None, "anonymousId": ANN}, 401, "missing_write_key"),
        ({"key": "nobody", "anonymousId": ANN}, 401, "invalid_write_key"),
        ({"key": "old", "anonymousId": ANN}, 404, "source_disabled"),
        ({"key": None, "anonymousId": ANN, "headers": {"x-api-key": "nobody"}}, 401, "invalid_key"),
        ({"key": None, "anonymousId": ANN, "headers": {"authorization": "Bearer x"}}, 401, "invalid_key"),
        ({"userId": "ann"}, 403, "server_key_needed"),
        ({"userId": "ann", "anonymousId": ANN}, 403, "server_key_needed"),
        ({"anonymousId": "visitor-17"}, 403, "guessable_id"),
        ({}, 400, "missing_id"),
        ({"anonymousId": ""}, 400, "missing_id"),
        ({"anonymousId": 5}, 400, "invalid_question"),
        ({"anonymousId": ANN, "slots": "hero"}, 400, "invalid_question"),
        ({"anonymousId": ANN, "context": {"local_hour": 99}}, 400, "invalid_context"),
        ({"anonymousId": ANN, "slots": ["hero"] * 101}, 400, "too_many_slots"),
        ({"anonymousId": ANN, "context": {"x": "y" * 70_000}}, 413, "too_large"),
        ({"key": "partner", "anonymousId": ANN, "headers": {"origin": "https://evil.example"}}, 403, None),
        ({"key": None, "userId": "ann", "headers": {**SECRET, "origin": "https://shop.example"}}, 403, None),
    ],
)
def test_who_may_not_ask_hears_why(
    shop: DecidingShop, question: dict[str, Any], status: int, code: str | None
) -> None:
    """With a code for programs and words for people; no answer holds anything of anybody."""
    answered = shop.ask(**question)
    assert answered.status_code == status
    if code is not None:
        assert answered.json()["code"] == code
    assert "Basic" not in answered.headers.get("www-authenticate", "")
    assert "slots" not in answered.json()


def test_a_server_asks_about_anybody(shop: DecidingShop) -> None:
    """As a Bearer token or an API key; its own user agent is not the person's."""
    for headers in (SECRET, {"x-api-key": SERVER_KEY}):
        assert shop.slot(key=None, headers=headers, anonymousId=ANN)["choice"] == "discount"
    browser = shop.slot(key=None, headers=SECRET, anonymousId=STRANGER, context={"userAgent": PHONE})
    assert browser["choice"] == "app"
    assert shop.slot(key=None, headers=SECRET, anonymousId="visitor-17")["cause"] == "none_fits"


def test_what_is_no_question_is_no_mistake_of_ours(shop: DecidingShop) -> None:
    """Bytes that are no JSON, other methods, odd shapes."""
    url = f"{shop.url}/v1/decide"
    for body in (b"", b"{", b"[]", b"null", b'{"anonymousId": "\xff"}', b"[" * 100_000, b'{"slots": {}}'):
        answered = httpx.post(url, content=body, headers={"x-api-key": KEY})
        assert answered.status_code in (400, 413), body
        assert set(answered.json()) == {"code", "message"}
    assert httpx.get(url).status_code == 405
    assert httpx.put(url, content=b"{}").status_code == 405


def test_pages_of_a_source_may_ask(shop: DecidingShop) -> None:
    """Preflights and answers name the origin; pages of no source hear that they may not."""
    url, origin = f"{shop.url}/v1/decide", "https://partner.example"
    asked = {"origin": origin, "access-control-request-headers": "content-type,x-api-key"}
    preflight = httpx.options(url, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-headers"] == "content-type,x-api-key"
    answered = shop.ask(key="partner", anonymousId=ANN, headers={"origin": origin})
    assert answered.headers["access-control-allow-origin"] == origin
    assert answered.headers["cache-control"] == "no-store"


def test_pages_of_no_source_may_not(tmp_path: Path) -> None:
    """Neither the preflight nor the question."""
    settings = "name: Shop\nsources:\n  web: {write_key: web, origins: [https://shop.example]}\n"
    with deciding_shop(tmp_path / "shop", settings=settings) as shop:
        evil = {"origin": "https://evil.example"}
        assert httpx.options(f"{shop.url}/v1/decide", headers=evil).status_code == 403
        assert shop.ask(anonymousId=ANN, headers=evil).json()["code"] == "origin_not_allowed"


def test_decisions_are_counted(shop: DecidingShop) -> None:
    """By slot and choice, and questions that were refused by their code. Nobody is named."""
    shop.slot(anonymousId=ANN)
    shop.slot(anonymousId=STRANGER)
    shop.ask(userId="ann")
    text = httpx.get(f"{shop.url}/metrics").text
    assert 'shoal_decisions_total{choice="discount",slot="hero"}' in text
    assert 'shoal_decisions_total{choice="default",slot="hero"}' in text
    assert 'shoal_questions_refused_total{reason="server_key_needed"}' in text
    assert ANN not in text


def test_changed_definitions_are_taken_on(tmp_path: Path) -> None:
    """Other slots, without a restart; a page that asks meanwhile is answered by the old ones."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN)
        (tmp_path / "shop" / "slots").mkdir()
        (tmp_path / "shop" / "slots" / "page.yaml").write_text(CHANGED)
        wait_until(lambda: "banner" in shop.ask(anonymousId=ANN).json()["slots"], 60)
        assert shop.slot("banner", anonymousId=ANN)["choice"] == "viewer"
        assert shop.slot("hero", anonymousId=ANN)["cause"] == "unknown_slot"


def test_until_segments_are_loaded_the_default_is_shown(tmp_path: Path) -> None:
    """A page never waits for a server that starts."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN)
        shop.live.figures.end()
        hero = shop.slot(anonymousId=ANN)
        assert (hero["content"], hero["cause"]) == ({"title": "Welcome"}, "not_ready")
