"""OpenFeature's web provider, unmodified, in a real Chromium, on a page of another origin than the shop's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shoal.decide import Rates
from tests.functional.collecting import KEY, SETTINGS, wait_until
from tests.functional.deciding import ANN, SERVER_KEY, STRANGER, DecidingShop, deciding_shop

FAST = Rates(per_address=0, per_key=0)


@contextmanager
def opened(browser: Any, address: str) -> Iterator[tuple[Any, list[Any]]]:
    """A page whose provider has begun, and the statuses of what it asked."""
    context = browser.new_context()
    page = context.new_page()
    answered: list[Any] = []
    page.on("response", lambda response: answered.append((response.request.method, response.status, response.url)))
    page.goto(address)
    page.wait_for_function("window.done === true", timeout=60_000)
    yield page, answered
    context.close()


def address(pages: str, shop: DecidingShop, *, key: str = KEY, who: str = ANN, poll: int = 0) -> str:
    return f"{pages}/openfeature.html?url={shop.url}&key={key}&who={who}&poll={poll}"


def details(page: Any, kind: str, key: str, otherwise: object) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        f"([key, other]) => window.details('{kind}', key, other)", [key, otherwise]
    )
    return found


def posts(answered: list[Any]) -> list[int]:
    """The statuses of evaluations, preflights left out."""
    return [status for method, status, url in answered if method == "POST" and "/ofrep/" in url]


def test_flags_are_those_of_the_person(tmp_path: Path, browser: Any, pages: str) -> None:
    """By type, with variant and reason; another context is another evaluation."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN)
        with opened(browser, address(pages, shop)) as (page, _):
            assert page.evaluate("window.failure") == ""
            whole = details(page, "Object", "hero", {})
            assert whole["value"] == {"title": "10 % off", "percent": 10, "urgent": True}
            assert (whole["variant"], whole["reason"]) == ("discount", "TARGETING_MATCH")
            assert details(page, "String", "hero.title", "code")["value"] == "10 % off"
            assert details(page, "Number", "hero.percent", 1)["value"] == 10
            assert details(page, "Boolean", "hero.urgent", False)["value"] is True
            assert details(page, "Boolean", "segment.viewers", False)["errorCode"] == "FLAG_NOT_FOUND"
            page.evaluate(f"window.setContext({{targetingKey: '{STRANGER}', device: 'desktop'}})")
            assert details(page, "String", "hero.title", "code")["value"] == "Welcome"
            absent = details(page, "Number", "hero.percent", 1)
            assert (absent["value"], absent["variant"], absent.get("errorCode")) == (1, "default", None)


def test_what_did_not_change_is_not_sent_again(tmp_path: Path, browser: Any, pages: str) -> None:
    """A page that polls is answered 304; when something changed for the person, it hears which flags."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN, times=1)
        with opened(browser, address(pages, shop, poll=100)) as (page, answered):
            wait_until(lambda: page.wait_for_timeout(50) or 304 in posts(answered))
            assert set(posts(answered)) == {200, 304}
            assert details(page, "String", "hero.title", "code")["variant"] == "default"
            shop.send({"type": "track", "event": "Product Viewed", "anonymousId": ANN, "messageId": "second"})
            wait_until(lambda: page.wait_for_timeout(50) or page.evaluate("window.changes.length") > 0)
            assert "hero.title" in page.evaluate("window.changes[0]")
            assert details(page, "String", "hero.title", "code")["value"] == "10 % off"


def test_a_page_hears_at_once_that_something_changed(tmp_path: Path, browser: Any, pages: str) -> None:
    """Without asking again and again: over the stream that the answer names."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN, times=1)
        with opened(browser, address(pages, shop)) as (page, answered):
            wait_until(lambda: page.wait_for_timeout(50) or any("/hints/" in url for _, _, url in answered))
            shop.send({"type": "track", "event": "Product Viewed", "anonymousId": ANN, "messageId": "second"})
            wait_until(lambda: page.wait_for_timeout(50) or page.evaluate("window.changes.length") > 0)
            assert details(page, "String", "hero.title", "code")["value"] == "10 % off"
            assert len(posts(answered)) == 2


def test_other_origins_and_secrets_in_pages_get_nothing(tmp_path: Path, browser: Any, pages: str) -> None:
    """A page of no source is stopped by its browser; one with a server key, or nobody's, by the server."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        for key, status in ((SERVER_KEY, 403), ("nobody", 401)):
            with opened(browser, address(pages, shop, key=key)) as (page, answered):
                assert posts(answered) == [status]
                assert page.evaluate("window.failure") != ""
                assert details(page, "String", "hero.title", "code")["value"] == "code"
    settings = SETTINGS.replace('origins: "*"', "origins: [https://shop.example]")
    strict = deciding_shop(tmp_path / "strict", settings=settings, rates=FAST)
    with strict as shop, opened(browser, address(pages, shop)) as (page, answered):
        assert 200 not in posts(answered)
        assert page.evaluate("window.failure") != ""
        assert details(page, "String", "hero.title", "code")["value"] == "code"
