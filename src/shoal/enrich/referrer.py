"""Referrers: the host that a visitor came from, and what kind of host it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

SEARCH, SOCIAL, EMAIL, INTERNAL, OTHER = "search", "social", "email", "internal", "other"

KINDS = {
    SEARCH: (
        "google.* bing.com duckduckgo.com yahoo.* search.yahoo.* yandex.* ya.ru baidu.com ecosia.org "
        "qwant.com startpage.com search.brave.com kagi.com naver.com daum.net seznam.cz sogou.com so.com "
        "ask.com aol.com mojeek.com swisscows.com metager.org metager.de lite.duckduckgo.com "
        "com.google.android.googlequicksearchbox"
    ),
    SOCIAL: (
        "facebook.com fb.com fb.me instagram.com threads.net threads.com twitter.com x.com t.co linkedin.com "
        "lnkd.in pinterest.* pin.it reddit.com tiktok.com snapchat.com youtube.com youtu.be vk.com ok.ru "
        "weibo.com tumblr.com quora.com discord.com t.me telegram.org whatsapp.com wa.me messenger.com "
        "news.ycombinator.com mastodon.social bsky.app xing.com line.me twitch.tv groups.google.com "
        "plus.google.com com.facebook.katana com.linkedin.android com.reddit.frontpage org.telegram.messenger "
        "com.slack"
    ),
    EMAIL: (
        "mail.google.com mail.yahoo.* outlook.live.com outlook.office.com outlook.office365.com outlook.com "
        "hotmail.com mail.aol.com mail.ru mail.yandex.* mail.proton.me mail.protonmail.com gmx.net gmx.de "
        "web.de mail.qq.com mail.163.com icloud.com fastmail.com zoho.com mail.zoho.com com.google.android.gm"
    ),
}
"""Hosts by kind. A host stands for all below it, the longest entry counts; `*` is any ending of a country."""

LONGEST_HOST = 253
"""No name of a host is longer."""


@dataclass(frozen=True, slots=True)
class Referrer:
    host: str
    kind: str


def referrer_of(referrer: str, page: str | None = None, own_hosts: Collection[str] = ()) -> Referrer | None:
    """Where a visitor came from; None for an address without a host.

    Internal is the page's own host, one above or below it, and those of the workspace's own websites.
    """
    host = host_of(referrer)
    if host is None:
        return None
    own = [*own_hosts, host_of(page) if page else None]
    if any(each is not None and _are_related(host, each) for each in own):
        return Referrer(host, INTERNAL)
    return Referrer(host, _kind_of(host))


def host_of(address: str) -> str | None:
    """The host of an address, in lower case and without `www.`; None when there is none."""
    try:
        host = urlsplit(address.strip()).hostname
    except ValueError:
        return None
    if not host or len(host) > LONGEST_HOST:
        return None
    return host.rstrip(".").removeprefix("www.") or None


def _are_related(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _kind_of(host: str) -> str:
    labels = host.split(".")
    for begin in range(len(labels)):
        kind = _KIND_OF_ENTRY.get(".".join(labels[begin:])) or _kind_of_anywhere(labels[begin:])
        if kind is not None:
            return kind
    return OTHER


def _kind_of_anywhere(labels: list[str]) -> str | None:
    """`google.de` and `google.co.uk` are entries `google.*`: an ending has at most two short labels."""
    for endings in (1, 2):
        name, ending = labels[:-endings], labels[-endings:]
        if name and all(len(label) <= 3 for label in ending):
            kind = _KIND_OF_ENTRY.get(".".join([*name, "*"]))
            if kind is not None:
                return kind
    return None


_KIND_OF_ENTRY = {entry: kind for kind, entries in KINDS.items() for entry in entries.split()}
