"""Streams of offers over HTTP: who gets one, what comes over it, and what becomes of an offer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shoal.model.consent import Purpose
from shoal.model.firing import Status
from shoal.runtime.live_loop import wall_clock_ms
from shoal.web import StreamLimits
from tests.functional.collecting import SETTINGS, wait_until
from tests.functional.offering import Offering, Page, offering

LIMITS = StreamLimits(streams=8, of_source=6, of_network=5, of_device=2, heartbeat_s=0.2, shown_s=1.0)

ANN, BOB = "0f7a4d1e-3c52-4a7b-9d10-2f6f3f6b9a01", "6b1df3c2-8a44-4f0e-b7c9-90d2a7f1c702"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offering]:
    settings = f"{SETTINGS}\nconsent: {{ads: granted}}\n"
    with offering(tmp_path_factory.mktemp("offers") / "shop", settings=settings, limits=LIMITS) as found:
        yield found


@pytest.fixture
def ann(served: Offering) -> str:
    """The anonymous id of somebody new whom the engine knows."""
    device = str(uuid.uuid4())
    served.see(device)
    return device


def ask(served: Offering, **query: str) -> httpx.Response:
    headers = {"origin": query.pop("origin")} if "origin" in query else {}
    with httpx.stream("GET", f"{served.url}/v1/stream", params=query, headers=headers, timeout=20) as response:
        if response.status_code != 200:
            response.read()
        return response


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"anonymousId": ANN}, 401, "missing_write_key"),
        ({"writeKey": "nobody", "anonymousId": ANN}, 401, "invalid_write_key"),
        ({"writeKey": "old", "anonymousId": ANN}, 404, "source_disabled"),
        ({"writeKey": "partner", "anonymousId": ANN, "origin": "https://evil.example"}, 403, "origin_not_allowed"),
        ({"writeKey": "web"}, 400, "missing_id"),
        ({"writeKey": "web", "anonymousId": "1"}, 403, "guessable_id"),
        ({"writeKey": "web", "anonymousId": "ann@shop.example"}, 403, "guessable_id"),
        ({"writeKey": "web", "anonymousId": "00000000-0000-1000-8000-000000000000"}, 403, "guessable_id"),
    ],
)
def test_who_gets_no_stream(served: Offering, query: dict[str, str], status: int, code: str) -> None:
    """Without a key, from elsewhere, with an id that can be guessed; and nobody is asked for a password."""
    answer = ask(served, **query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "www-authenticate" not in answer.headers


def test_a_stream_can_be_read_by_the_pages_of_its_source(served: Offering) -> None:
    """And nothing between keeps it back or keeps a copy."""
    page = Page(served, ANN, key="partner", headers={"origin": "https://partner.example"})
    headers = page.response.headers
    assert headers["access-control-allow-origin"] == "https://partner.example"
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store, no-transform"
    assert headers["x-accel-buffering"] == "no"
    wait_until(lambda: page.lines.count(": still here") > 1)
    page.close()


def test_only_reading_is_answered(served: Offering) -> None:
    """There is nothing to post to."""
    assert served.post("/v1/stream", {}).status_code == 405


def test_an_offer_comes_and_counts_as_delivered_when_it_was_shown(served: Offering, ann: str) -> None:
    """Not before: until the event comes it is handed out again, under the same id."""
    page = Page(served, ann)
    id_ = served.offer(f"anonymous_id:{ann}", text="<b>now</b>", code="SAVE10")
    wait_until(lambda: len(page.offers) >= 2)
    assert page.offers[0] == page.offers[1]
    assert page.offers[0] == {
        "id": id_,
        "trigger": "cart_abandoned",
        "offer": "discount",
        "title": "Ten percent off",
        "text": "<b>now</b>",
        "code": "SAVE10",
    }
    assert served.standing_of(id_).status is Status.READY
    served.shown(ann, id_)
    assert served.wait_for(id_, Status.DELIVERED).attempts == 1
    page.close()


def test_who_has_no_page_open_is_waited_for(served: Offering, ann: str) -> None:
    """As long as the offer is valid; then it ends, and says why."""
    id_ = served.offer(f"anonymous_id:{ann}")
    late = served.offer(f"anonymous_id:{ann}", expires_at=wall_clock_ms() + 2_500)
    page = Page(served, ann)
    wait_until(lambda: bool(page.offers))
    page.close()
    served.shown(ann, id_)
    again = Page(served, ann)
    served.wait_for(id_, Status.DELIVERED)
    again.close()
    expired = served.wait_for(late, Status.EXPIRED)
    assert expired.reason


def test_a_closed_page_gives_its_offer_back_at_once(served: Offering, ann: str) -> None:
    """To the other page of the person."""
    first = Page(served, ann)
    second = Page(served, ann)
    id_ = served.offer(f"anonymous_id:{ann}")
    wait_until(lambda: bool(second.offers))
    assert first.offers == []
    second.close()
    wait_until(lambda: bool(first.offers))
    assert first.offers[0]["id"] == id_
    served.shown(ann, id_)
    served.wait_for(id_, Status.DELIVERED)
    first.close()


def test_offers_follow_people_through_merges(served: Offering, ann: str) -> None:
    """Whoever signs in on a device gets what is meant for the account, there."""
    user = f"user-{ann[:8]}"
    page = Page(served, ann)
    served.see(ann, type="identify", userId=user)
    wait_until(lambda: served.hub.find_person(ann) == f"user_id:{user}")
    id_ = served.offer(f"user_id:{user}")
    wait_until(lambda: bool(page.offers))
    served.shown(ann, id_)
    served.wait_for(id_, Status.DELIVERED)
    page.close()


def test_nobody_gets_the_offers_of_others(served: Offering, ann: str) -> None:
    """Whatever else is open."""
    other = str(uuid.uuid4())
    served.see(other)
    page, theirs = Page(served, ann), Page(served, other)
    id_ = served.offer(f"anonymous_id:{ann}")
    wait_until(lambda: len(page.offers) >= 2)
    assert theirs.offers == []
    served.shown(ann, id_)
    served.wait_for(id_, Status.DELIVERED)
    page.close()
    theirs.close()


def test_what_a_page_has_is_not_sent_to_it_again(served: Offering, ann: str) -> None:
    """A page that was cut off says which offer came last."""
    page = Page(served, ann)
    id_ = served.offer(f"anonymous_id:{ann}")
    wait_until(lambda: bool(page.offers))
    page.close()
    again = Page(served, ann, headers={"last-event-id": id_})
    wait_until(lambda: again.lines.count(": still here") > 10)
    assert again.offers == []
    served.shown(ann, id_)
    served.wait_for(id_, Status.DELIVERED)
    again.close()


def test_a_browser_that_refuses_ads_gets_none(served: Offering, ann: str) -> None:
    """By Global Privacy Control: what is an ad waits for another page."""
    page = Page(served, ann, headers={"sec-gpc": "1"})
    ad = served.offer(f"anonymous_id:{ann}", purpose=Purpose.ADS)
    wait_until(lambda: "Global Privacy Control" in served.standing_of(ad).reason)
    assert page.offers == []
    page.close()
    other = Page(served, ann)
    wait_until(lambda: bool(other.offers))
    served.shown(ann, ad)
    served.wait_for(ad, Status.DELIVERED)
    other.close()


def test_streams_are_limited(served: Offering) -> None:
    """By address; a device that opens more than its share closes its own oldest one."""
    wait_until(lambda: len(served.hub) == 0)
    device = str(uuid.uuid4())
    pages = [Page(served, device) for _ in range(3)]
    wait_until(lambda: len(served.hub) == 2)
    others = [Page(served, str(uuid.uuid4())) for _ in range(3)]
    refused = ask(served, writeKey="web", anonymousId=BOB)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert int(refused.headers["retry-after"]) > 0
    for page in (*pages, *others):
        page.close()
    wait_until(lambda: len(served.hub) == 0)
    assert ask(served, writeKey="web", anonymousId=BOB).status_code == 200


def test_the_address_is_the_one_that_trusted_proxies_saw(tmp_path: Path) -> None:
    """What a sender claims itself counts for nothing; of IPv6 a whole network counts as one."""
    settings = f"{SETTINGS}\ncollect: {{trusted_proxies: 1}}"
    limits = StreamLimits(of_network=1)
    with offering(tmp_path / "shop", settings=settings, limits=limits) as served:
        pages = [
            Page(served, str(uuid.uuid4()), headers={"x-forwarded-for": "9.9.9.9, 1.1.1.1"}),
            Page(served, str(uuid.uuid4()), headers={"x-forwarded-for": "9.9.9.9, 1.1.1.2"}),
            Page(served, str(uuid.uuid4()), headers={"x-forwarded-for": "8.8.8.8, 1.1.1.1"}),
            Page(served, str(uuid.uuid4()), headers={"x-forwarded-for": "2001:db8:1:2::7"}),
            Page(served, str(uuid.uuid4()), headers={"x-forwarded-for": "2001:db8:1:2:ffff::8"}),
        ]
        assert [page.response.status_code for page in pages] == [200, 200, 429, 200, 429]
        for page in pages:
            page.close()
