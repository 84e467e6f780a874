"""The two browser SDKs, unmodified, in a real Chromium, on a page of another origin than the collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.journey import CALLS, check_journey
from tests.clients.refusing import refusing_first
from tests.functional.collecting import KEY, Served, serving, wait_until

PAGES = pytest.mark.parametrize("page", ["segment.html", "rudder.html"])


def send(browser: Any, address: str, served: Served) -> tuple[list[str], list[str], Any]:
    """Opens the page and waits for its five calls: the message ids sent, what was asked, the open context."""
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_function("window.done === true", timeout=60_000)
    sent = page.evaluate("window.sent")
    wait_until(lambda: len(set(served.message_ids())) >= CALLS, within_s=60)
    return sent, asked, context


@PAGES
@pytest.mark.parametrize("batching", ["", "&batching=1"], ids=["single", "batches"])
def test_every_call_arrives_once(tmp_path: Path, browser: Any, pages: str, page: str, batching: str) -> None:
    """As many as were sent, by the same ids, with the browser's user agent, and nothing is asked elsewhere."""
    with serving(tmp_path / "shop") as served:
        sent, asked, context = send(browser, f"{pages}/{page}?url={served.url}&key={KEY}{batching}", served)
        context.close()
        events = check_journey(served)
    assert len(sent) == CALLS
    assert sorted(events["message_id"].to_list()) == sorted(sent)
    assert all("Chrome/" in agent for agent in events["context.userAgent:text"])
    assert set(events["context.ip:text"]) == {"127.0.0.1"}
    assert [each for each in asked if not each.startswith((served.url, pages))] == []


@PAGES
def test_what_was_refused_is_sent_again(tmp_path: Path, browser: Any, pages: str, page: str) -> None:
    """After 503 the page comes back with the same message ids, and nothing is lost."""
    with serving(tmp_path / "shop") as served, refusing_first(served, (503,)) as between:
        sent, _, context = send(browser, f"{pages}/{page}?url={between.url}&key={KEY}", served)
        events = check_journey(served)
        context.close()
    assert between.refused == 1
    assert sorted(events["message_id"].to_list()) == sorted(sent)


def test_beacons_arrive_once(tmp_path: Path, browser: Any, pages: str) -> None:
    """RudderStack's way to send while a page goes away: no headers, the key in the query."""
    with serving(tmp_path / "shop") as served:
        sent, asked, context = send(browser, f"{pages}/rudder.html?url={served.url}&key={KEY}&beacon=1", served)
        context.close()
        events = check_journey(served)
    assert any("/beacon/v1/batch" in each for each in asked)
    assert sorted(events["message_id"].to_list()) == sorted(sent)
