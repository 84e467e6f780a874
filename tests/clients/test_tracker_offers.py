"""Offers on pages in a real Chromium: they come, are shown as text, acknowledged once, and not lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shoal.model.firing import Status
from shoal.web import StreamLimits
from tests.clients.tracked import Site, Visitor, values, website
from tests.functional.collecting import wait_until
from tests.functional.offering import Offering, offering

Visit = Callable[..., Visitor]

BOX = "shoal-offer"
HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offering]:
    """A workspace that is served with its streams and deliveries."""
    limits = StreamLimits(heartbeat_s=1.0, shown_s=1.0)
    with offering(tmp_path_factory.mktemp("acting") / "shop", limits=limits) as found:
        yield found


@pytest.fixture
def shop(acting: Offering) -> Iterator[Site]:
    """A website whose tracker talks to it."""
    with website(acting.url) as found:
        yield found


def opened(visitor: Visitor, acting: Offering, address: str) -> str:
    """Opens a page and waits until the engine knows whose it is: the person."""
    page = visitor.goto(address)
    device = page.evaluate("() => shoal.anonymousId()")
    wait_until(lambda: acting.hub.find_person(device) is not None)
    return f"anonymous_id:{device}"


def told(acting: Offering, name: str, id_: str) -> list[tuple[Any, ...]]:
    """What events of a name said of an offer, each event once."""
    found = values(acting.events(), name, "offer_id", "trigger", "offer")
    return [each for each in found if each[0] == id_]


def test_an_offer_is_shown_and_acknowledged_once(acting: Offering, shop: Site, visit: Visit) -> None:
    """In a box that says what it is; clicking it is told, too."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/"))
    page = visitor.page
    id_ = acting.offer(person, text="For what is in your cart.", code="SAVE10", button="Use it")
    page.get_by_role("dialog", name="Ten percent off").wait_for()
    assert page.locator(f"{BOX} p").all_inner_texts() == ["For what is in your cart.", "SAVE10"]
    delivered = acting.wait_for(id_, Status.DELIVERED)
    assert delivered.attempts == 1
    page.get_by_role("button", name="Use it").click()
    assert page.locator(BOX).count() == 0
    wait_until(lambda: told(acting, "Offer Clicked", id_) != [])
    assert told(acting, "Offer Clicked", id_) == [(id_, "cart_abandoned", "discount")]
    assert told(acting, "Offer Shown", id_) == [(id_, "cart_abandoned", "discount")]
    assert told(acting, "Offer Dismissed", id_) == []
    assert visitor.complaints == []


def test_hostile_content_is_text(acting: Offering, shop: Site, visit: Visit) -> None:
    """Markup is shown as it was written, an address that is a script is no link, and nothing runs."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/"))
    page = visitor.page
    acting.offer(
        person,
        title=HOSTILE,
        text=HOSTILE,
        code=HOSTILE,
        button=HOSTILE,
        dismiss=HOSTILE,
        url="javascript:alert(3)",
    )
    page.locator(f"{BOX} code").wait_for()
    assert page.locator(f"{BOX} h2").inner_text() == HOSTILE
    assert page.locator(f"{BOX} code").inner_text() == HOSTILE
    assert page.locator(f"{BOX} p").last.inner_text() == "javascript:alert(3)"
    assert page.locator(f"{BOX} a, {BOX} img, {BOX} script").count() == 0
    page.locator(f"{BOX} .main").click()
    page.wait_for_timeout(300)
    assert visitor.complaints == []
    assert [url for url in visitor.asked if not url.startswith((shop.url, acting.url))] == []


@pytest.mark.parametrize("url", ["/cart?from=offer", "https://127.0.0.1:1/elsewhere"])
def test_an_address_is_a_link(acting: Offering, shop: Site, visit: Visit, url: str) -> None:
    """To a page of the site or elsewhere on the web."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/"))
    acting.offer(person, url=url)
    link = visitor.page.get_by_role("link", name="Have a look")
    link.wait_for()
    assert link.evaluate("(link) => link.href") == (shop.url + url if url.startswith("/") else url)


def test_a_page_that_was_reloaded_gets_what_it_did_not_show(acting: Offering, shop: Site, visit: Visit) -> None:
    """What was on its way is handed out again; what was shown is not shown again, however often it comes."""
    visitor = visit()
    stop = "document.addEventListener('shoal:offer', (event) => { seen.push(event.detail.id); });"
    counting = f"window.seen = []; {stop}"
    person = opened(visitor, acting, shop.page("/", after=counting))
    page = visitor.page
    # The acknowledgement does not get through: the offer is shown, and comes again and again.
    page.route("**/v1/batch", lambda route: route.abort())
    id_ = acting.offer(person)
    page.locator(BOX).wait_for()
    page.wait_for_timeout(4_000)
    assert page.evaluate("() => seen") == [id_]
    assert acting.standing_of(id_).status is Status.READY
    page.unroute("**/v1/batch")
    page.reload()
    acting.wait_for(id_, Status.DELIVERED)
    page.wait_for_timeout(500)
    assert page.evaluate("() => seen") == []
    assert page.locator(BOX).count() == 0
    assert len(told(acting, "Offer Shown", id_)) == 1


def test_an_offer_waits_for_the_next_page(acting: Offering, shop: Site, visit: Visit) -> None:
    """Nobody has to be there when it is made."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/"))
    visitor.page.goto("about:blank")
    wait_until(lambda: person not in acting.hub.persons())
    id_ = acting.offer(person)
    visitor.page.goto(shop.page("/later"))
    visitor.page.locator(BOX).wait_for()
    acting.wait_for(id_, Status.DELIVERED)


def test_the_server_comes_back_and_goes_on(tmp_path: Path, visit: Visit) -> None:
    """A stream that was cut off is opened again by the page itself."""
    visitor = visit()
    with offering(tmp_path / "shop") as acting, website(acting.url) as shop:
        person = opened(visitor, acting, shop.page("/"))
        device = person.removeprefix("anonymous_id:")
        wait_until(lambda: person in acting.hub.persons())
        for streams in list(acting.hub._streams.values()):
            for stream in streams:
                stream.push(None)
        wait_until(lambda: person not in acting.hub.persons())
        wait_until(lambda: person in acting.hub.persons())
        assert acting.hub.find_person(device) == person
        id_ = acting.offer(person)
        visitor.page.locator(BOX).wait_for()
        acting.wait_for(id_, Status.DELIVERED)


def test_a_site_shows_offers_itself(acting: Offering, shop: Site, visit: Visit) -> None:
    """It hears of them by an event, and what it prevents is not shown by us; it counts as shown."""
    visitor = visit()
    own = (
        "window.heard = []; shoal.on('offer', (offer) => { heard.push(offer.title, offer.stock); return false; });"
    )
    person = opened(visitor, acting, shop.page("/", after=own))
    id_ = acting.offer(person, title="Yours", stock=3)
    acting.wait_for(id_, Status.DELIVERED)
    assert visitor.page.evaluate("() => heard") == ["Yours", 3]
    assert visitor.page.locator(BOX).count() == 0


@pytest.mark.parametrize("opens", [True, False])
def test_chats_are_opened_by_the_site(acting: Offering, shop: Site, visit: Visit, opens: bool) -> None:
    """A site that has one hears of it; on others the box asks."""
    visitor = visit()
    answer = "false" if opens else "undefined"
    own = f"window.heard = []; shoal.on('chat', (offer) => {{ heard.push(offer.offer); return {answer}; }});"
    person = opened(visitor, acting, shop.page("/", after=own))
    id_ = acting.offer(person, offer="chat", title="May we help?")
    acting.wait_for(id_, Status.DELIVERED)
    assert visitor.page.evaluate("() => heard") == ["chat"]
    visitor.page.wait_for_timeout(200)
    assert visitor.page.get_by_role("button", name="Chat with us").count() == (0 if opens else 1)


def test_content_goes_into_its_slot(acting: Offering, shop: Site, visit: Visit) -> None:
    """A place that the page names takes it, as text."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/", '<div data-shoal-slot="hero"><h2>Hello</h2></div>'))
    acting.offer(person, offer="content", slot="hero", title=HOSTILE, text="Guides for beginners", url="/guides")
    slot = visitor.page.locator("[data-shoal-slot=hero]")
    visitor.page.get_by_text("Guides for beginners").wait_for()
    assert slot.locator("h2").inner_text() == HOSTILE
    assert visitor.page.locator(BOX).count() == 0
    assert visitor.complaints == []


def test_offers_come_one_after_the_other(acting: Offering, shop: Site, visit: Visit) -> None:
    """The second waits until the first is closed; the keyboard closes it, and closing is told."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/"))
    page = visitor.page
    first = acting.offer(person, title="First")
    second = acting.offer(person, title="Second")
    page.get_by_role("dialog", name="First").wait_for()
    page.wait_for_timeout(1500)
    assert page.locator(BOX).count() == 1
    page.get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Second").wait_for()
    page.get_by_role("button", name="No, thanks").click()
    for id_ in (first, second):
        acting.wait_for(id_, Status.DELIVERED)
        wait_until(lambda id_=id_: len(told(acting, "Offer Dismissed", id_)) == 1)  # type: ignore[misc]


def test_hidden_pages_have_no_stream(acting: Offering, shop: Site, visit: Visit) -> None:
    """Browsers allow six connections to a server: only what is looked at holds one."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/"))
    wait_until(lambda: person in acting.hub.persons())
    visitor.page.evaluate(
        "() => { Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange')); }"
    )
    wait_until(lambda: person not in acting.hub.persons())


def test_refused_analytics_closes_the_stream(acting: Offering, shop: Site, visit: Visit) -> None:
    """And without consent none is opened."""
    visitor = visit()
    person = opened(visitor, acting, shop.page("/"))
    wait_until(lambda: person in acting.hub.persons())
    visitor.page.evaluate("() => shoal.consent({analytics: false})")
    wait_until(lambda: person not in acting.hub.persons())
    asked = len(visitor.asked)
    visitor.page.goto(shop.page("/required", tag='data-consent="required"'))
    visitor.page.wait_for_timeout(500)
    assert [url for url in visitor.asked[asked:] if "/v1/stream" in url] == []
