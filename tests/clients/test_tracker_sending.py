"""That what the tracker captured arrives: when pages go, the collector refuses, and the network is away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.clients.refusing import refusing_first
from tests.clients.tracked import Site, Visitor, arrived, batches, names, values, website
from tests.functional.collecting import Served, serving, wait_until

Visit = Callable[..., Visitor]


def test_what_is_left_goes_with_the_page(served: Served, site: Site, visit: Visit) -> None:
    """A page that is closed at once has sent everything, and what is being sent goes on."""
    page = visit().goto(site.page("/"))
    page.evaluate("() => { for (let n = 0; n < 40; n++) shoal.track('Product Viewed', {n}); }")
    page.close(run_before_unload=True)
    events = arrived(served, 42)
    assert names(events) == {"Page Engaged": 1, "Page Viewed": 1, "Product Viewed": 40}
    assert values(events, "Page Engaged", "leaving", "pings") == [(True, 1)]
    assert [n for (n,) in values(events, "Product Viewed", "n")] == list(range(40))


def test_what_is_too_much_for_a_leaving_page_comes_with_the_next(served: Served, site: Site, visit: Visit) -> None:
    """Browsers let 64 KB go with a page; the rest is kept on the device until another page opens."""
    visitor = visit()
    page = visitor.goto(site.page("/"))
    arrived(served, 1)
    site.page("/next")
    page.evaluate(
        "() => { for (let n = 0; n < 90; n++) shoal.track('Large', {n, text: 'x'.repeat(1500)}); "
        "location = '/next'; }"
    )
    events = arrived(served, 93)
    assert names(events)["Large"] == 90
    assert max(len(entry.arrival.body) for entry in served.entries()) < 64 * 1024
    wait_until(lambda: not any(key.startswith("shoal.queue") for key in visitor.stored()))


def test_what_was_refused_is_sent_again(tmp_path: Path, visit: Visit) -> None:
    """After 503 and 429, not before Retry-After has passed, by the same ids, and nothing twice."""
    with (
        serving(tmp_path / "shop") as served,
        refusing_first(served, (503, 429)) as between,
        website(between.url) as site,
    ):
        page = visit().goto(site.page("/"))
        page.evaluate("() => { for (let n = 0; n < 5; n++) shoal.track('Product Viewed', {n}); }")
        page.wait_for_timeout(900)
        assert between.refused == 1
        events = arrived(served, 6)
        assert between.refused == 2
        assert names(events) == {"Page Viewed": 1, "Product Viewed": 5}
        assert len(served.message_ids()) == 6


def test_what_was_refused_for_good_is_dropped(served: Served, site: Site, visit: Visit) -> None:
    """A wrong key is no reason to try for ever; the console says what the collector said."""
    visitor = visit()
    address = site.page("/")
    site.pages["/"] = site.pages["/"].replace('data-write-key="web"', 'data-write-key="old"')
    page = visitor.goto(address)
    visitor.wait_until(lambda: any("source_disabled" in each for each in visitor.complaints))
    page.wait_for_timeout(1500)
    assert sum(url.endswith("/v1/batch") for url in visitor.asked) == 1


def test_what_happens_without_a_network_waits_for_it(served: Served, site: Site, visit: Visit) -> None:
    """On the device, over the end of the page and of the browser's page after it, until the network is back."""
    visitor = visit()
    page = visitor.goto(site.page("/"))
    arrived(served, 1)
    visitor.context.set_offline(True)
    page.evaluate("() => { for (let n = 0; n < 5; n++) shoal.track('Product Viewed', {n}); }")
    wait_until(lambda: any(key.startswith("shoal.queue") for key in visitor.stored()))
    visitor.page = visitor.open()
    page.close(run_before_unload=True)
    visitor.wait_until(page.is_closed)
    visitor.context.set_offline(False)
    visitor.goto(site.page("/next"))
    events = arrived(served, 8)
    assert names(events) == {"Page Engaged": 1, "Page Viewed": 2, "Product Viewed": 5}
    wait_until(lambda: set(visitor.stored()) == {"shoal.id"})


def test_the_network_comes_back_to_an_open_page(served: Served, site: Site, visit: Visit) -> None:
    """What waited goes at once, whatever pause was due."""
    visitor = visit()
    page = visitor.goto(site.page("/"))
    arrived(served, 1)
    visitor.context.set_offline(True)
    for n in range(4):
        page.evaluate(f"() => shoal.track('Product Viewed', {{n: {n}}})")
        page.wait_for_timeout(500)
    visitor.context.set_offline(False)
    assert names(arrived(served, 5)) == {"Page Viewed": 1, "Product Viewed": 4}


def test_the_queue_is_bounded(served: Served, site: Site, visit: Visit) -> None:
    """Without a network the newest 500 events stay, in 240 KB at most."""
    visitor = visit()
    page = visitor.goto(site.page("/"))
    arrived(served, 1)
    visitor.context.set_offline(True)
    page.evaluate("() => { for (let n = 0; n < 700; n++) shoal.track('Product Viewed', {n}); }")
    wait_until(lambda: any(key.startswith("shoal.queue") for key in visitor.stored()))
    (kept,) = (value for key, value in visitor.stored().items() if key.startswith("shoal.queue"))
    assert len(kept) <= 250_000
    visitor.context.set_offline(False)
    events = arrived(served, 500)
    assert sorted(n for (n,) in values(events, "Product Viewed", "n")) == list(range(200, 700))


def test_clocks_that_are_wrong_are_corrected(served: Served, site: Site, visit: Visit) -> None:
    """Each batch says when it was sent by the same clock."""
    visitor = visit()
    visitor.page.clock.install(time="2031-05-01T12:00:00Z")
    visitor.page.goto(site.page("/"))
    events = arrived(served, 1)
    assert abs(events["occurred_at"][0] - events["received_at"][0]) < 10_000
    assert batches(served)[0]["sentAt"].startswith("2031-05-01")


def test_requests_need_no_preflight(tmp_path: Path, visit: Visit) -> None:
    """Text to another origin is sent at once."""
    with serving(tmp_path / "shop") as served, refusing_first(served, ()) as between, website(between.url) as site:
        visit().goto(site.page("/"))
        arrived(served, 1)
        assert [path for path in between.paths if path.startswith("OPTIONS")] == []
