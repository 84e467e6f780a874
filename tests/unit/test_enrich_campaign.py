"""Campaigns and referrers: what addresses say."""

from __future__ import annotations

import polars as pl
import pytest

from shoal.enrich import Enricher
from shoal.enrich.campaign import campaign_of
from shoal.enrich.referrer import Referrer, host_of, referrer_of

TAGGED = "https://shop.example/?utm_source=news&utm_medium=email&utm_campaign=Spring+Sale&utm_content=a%26b&page=2"


@pytest.mark.parametrize(
    ("search", "url", "parts"),
    [
        (None, TAGGED, {"source": "news", "medium": "email", "name": "Spring Sale", "content": "a&b"}),
        ("?utm_source=x&UTM_Term=shoes", TAGGED, {"source": "x", "term": "shoes"}),
        ("?utm_source=&utm_source=second&utm_source=third", None, {"source": "second"}),
        ("?page=2", None, {}),
        ("", TAGGED, {"source": "news", "medium": "email", "name": "Spring Sale", "content": "a&b"}),
        (None, "https://[half?utm_source=x", {}),
        ("?" + "&".join(f"utm_{number}=1" for number in range(500)), None, {}),
        (None, None, {}),
    ],
)
def test_a_campaign_stands_in_the_address(search: str | None, url: str | None, parts: dict[str, str]) -> None:
    """The query counts before the whole address; empty and odd ones say nothing."""
    assert campaign_of(search, url) == parts


def test_a_stated_campaign_stands_whole() -> None:
    """A stated source is not given the medium of the address."""
    frame = pl.DataFrame(
        {
            "name": ["Page Viewed"] * 3,
            "context.page.url:text": [TAGGED, TAGGED, "https://shop.example/"],
            "context.campaign.source:text": ["partner", None, None],
        }
    )
    enriched = Enricher().enrich(frame)

    assert enriched["context.campaign.source:text"].to_list() == ["partner", "news", None]
    assert enriched["context.campaign.medium:text"].to_list() == [None, "email", None]
    assert "context.campaign.term:text" not in enriched.columns


PAGE = "https://www.shop.example/shoes"


@pytest.mark.parametrize(
    ("referrer", "found"),
    [
        ("https://www.google.co.uk/", Referrer("google.co.uk", "search")),
        ("https://duckduckgo.com/?q=shoes", Referrer("duckduckgo.com", "search")),
        ("https://mail.google.com/mail/u/0", Referrer("mail.google.com", "email")),
        ("android-app://com.google.android.gm/", Referrer("com.google.android.gm", "email")),
        ("https://l.facebook.com/l.php", Referrer("l.facebook.com", "social")),
        ("https://t.co/abc", Referrer("t.co", "social")),
        ("https://shop.example/", Referrer("shop.example", "internal")),
        ("https://checkout.shop.example/pay", Referrer("checkout.shop.example", "internal")),
        ("https://blog.example/post", Referrer("blog.example", "internal")),
        ("https://notgoogle.com/", Referrer("notgoogle.com", "other")),
        ("https://google.evil.example/", Referrer("google.evil.example", "other")),
        ("https://EXAMPLE.org:8443/x", Referrer("example.org", "other")),
        ("/relative", None),
        ("about:blank", None),
        ("https://[half", None),
        ("https://" + "a." * 10_000 + "com/", None),
    ],
)
def test_a_referrer_is_of_a_kind(referrer: str, found: Referrer | None) -> None:
    """Of the page's own site, of the workspace's other sites, of a known kind, or of another."""
    assert referrer_of(referrer, PAGE, {"blog.example"}) == found


def test_hosts_are_read_without_www() -> None:
    """In lower case; a name alone is no address."""
    assert host_of("https://WWW.Shop.Example./x") == "shop.example"
    assert host_of("shop.example") is None


def test_a_referrer_becomes_context() -> None:
    """Where the sender says nothing of it; an empty one says nothing either."""
    frame = pl.DataFrame(
        {
            "name": ["Page Viewed"] * 4,
            "context.page.referrer:text": ["https://bing.com/", "", None, "https://bing.com/"],
            "context.referrer.type:text": [None, None, None, "paid"],
        }
    )
    enriched = Enricher().enrich(frame)

    assert enriched["context.referrer.host:text"].to_list() == ["bing.com", None, None, None]
    assert enriched["context.referrer.type:text"].to_list() == ["search", None, None, "paid"]
