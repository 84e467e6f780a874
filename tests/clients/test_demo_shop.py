"""The demo as people use it: a real `shoal demo`, and a real Chromium in its shop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.tracked import Visitor
from tests.functional.collecting import wait_until

Visit = Callable[..., Visitor]

WAIT_S = 15
BOX = "shoal-offer"


class Demo:
    """A demo that is served by a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "shoal.cli", "demo", str(folder), "--events", "3000", "--port", "0"]
        self.folder = folder
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        wait_until(lambda: self.url != "" or self.process.poll() is not None, within_s=300)
        assert self.url, "\n".join(self.lines)
        wait_until(lambda: httpx.get(f"{self.url}/readyz").status_code == 200, within_s=120)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip())

    @property
    def url(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+(?=/demo/)", "\n".join(self.lines))
        return found[0] if found else ""

    def figure(self, name: str) -> float:
        """A figure of /metrics."""
        found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", httpx.get(f"{self.url}/metrics").text)
        return float(found[1]) if found else 0.0

    def stop(self) -> int:
        """As from the keyboard."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self._thread.join(10)
        return code


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    made = Demo(tmp_path_factory.mktemp("demo") / "shop")
    yield made
    if made.process.poll() is None:
        made.stop()


def fill_cart(visitor: Visitor, demo: Demo, product: str, *, answer: str = "") -> Any:
    """Answers the banner, if wanted, and puts a product into the cart."""
    page = visitor.goto(f"{demo.url}/demo/")
    if answer:
        page.get_by_role("button", name=answer).click()
    page.get_by_role("link", name=product).click()
    page.get_by_role("button", name="Put it into the cart").click()
    return page


def offer_of(page: Any) -> Any:
    """The box with the offer, as soon as it is there."""
    box = page.locator(BOX)
    box.wait_for(timeout=60_000)
    return box


@pytest.mark.parametrize("answer", ["", "Allow"])
def test_a_cart_that_waits_gets_an_offer(demo: Demo, visit: Visit, answer: str) -> None:
    """Whoever fills a cart and waits sees it, takes it, and pays less."""
    visitor = visit()
    page = fill_cart(visitor, demo, "Ember Lantern", answer=answer)
    box = offer_of(page)
    assert "Ember Lantern is yours for 10 % less" in box.locator("p").first.inner_text()
    box.get_by_role("button", name="Take 10 % off").click()
    page.get_by_role("link", name="Cart").click()
    assert page.locator("tfoot tr").all_inner_texts()[-1].split("\t")[-1] == "$37.80"
    assert visitor.complaints == []
    assert [url for url in visitor.asked if not url.startswith(demo.url)] == []


def test_a_valuable_cart_opens_a_chat(demo: Demo, visit: Visit) -> None:
    """Above 150 somebody offers to talk."""
    visitor = visit()
    page = fill_cart(visitor, demo, "Fjord Tent")
    offer_of(page).get_by_role("button", name="Ask a question").click()
    page.get_by_role("textbox", name="Your message").fill("Is it warm?")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("This is a demo").wait_for()
    assert visitor.complaints == []


def test_who_refuses_sees_none_and_sends_nothing(demo: Demo, visit: Visit) -> None:
    """Not on this page and not on the next ones."""
    visitor = visit()
    visitor.goto(f"{demo.url}/demo/").get_by_role("button", name="Refuse").click()
    visitor.page.wait_for_timeout(1000)
    told = len(visitor.sent(demo.url))
    page = fill_cart(visitor, demo, "Ember Lantern")
    page.wait_for_timeout((WAIT_S + 7) * 1000)
    assert page.locator(BOX).count() == 0
    assert [url for url in visitor.sent(demo.url)[told:] if "/v1/" in url] == []
    assert [key for key in visitor.stored() if key.startswith("shoal.")] == []


@pytest.mark.parametrize("answer", ["", "Allow"])
def test_with_global_privacy_control_there_is_none(demo: Demo, visit: Visit, answer: str) -> None:
    """Whatever is chosen: the offers of this shop are ads, and the signal refuses ads."""
    visitor = visit(gpc=True)
    page = fill_cart(visitor, demo, "Ember Lantern", answer=answer)
    page.wait_for_timeout((WAIT_S + 7) * 1000)
    assert page.locator(BOX).count() == 0
    assert visitor.complaints == []


def test_a_checkout_that_has_begun_is_left_alone(demo: Demo, visit: Visit) -> None:
    """Nobody who is about to pay is offered less; what is typed there stays there."""
    visitor = visit()
    page = fill_cart(visitor, demo, "Tarn Mug")
    page.goto(f"{demo.url}/demo/checkout")
    for name, value in (
        ("name", "Ann"),
        ("email", "ann@x.example"),
        ("street", "Road 1"),
        ("card", "4111111111111111"),
    ):
        page.fill(f"[name={name}]", value)
    page.wait_for_timeout((WAIT_S + 3) * 1000)
    assert page.locator(BOX).count() == 0
    page.get_by_role("button", name="Pay").click()
    page.get_by_text("Thank you.").wait_for()
    assert visitor.complaints == []


def test_shoppers_come_meanwhile(demo: Demo) -> None:
    """Simulated ones, who are taken in like everybody."""
    before = demo.figure("shoal_live_position")
    wait_until(lambda: demo.figure("shoal_live_position") > before + 5, within_s=60)


def test_it_ends_when_it_is_told_to(demo: Demo, visit: Visit) -> None:
    """Also while pages are open, and with what was collected in order."""
    visitor = visit()
    visitor.goto(f"{demo.url}/demo/")
    visitor.page.wait_for_timeout(500)
    assert demo.stop() == 0
    assert [line for line in demo.lines if "ERROR" in line or "Traceback" in line] == []
