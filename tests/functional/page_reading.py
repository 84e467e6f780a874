"""Reading pages: whether they are whole, ask for nothing, run nothing, and are styled throughout."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser


class Page(HTMLParser):
    """Every tag with its attributes, and whether tags close in order."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_page_stands_alone(html: str) -> None:
    """No script, no style but the one that its policy names, no address anywhere."""
    page = Page(html)
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attributes in page.tags:
        assert not {
            name for name in attributes if name in ("style", "src", "href", "srcset") or name.startswith("on")
        }
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "@import" not in html


def assert_policy_names_the_style(html: str) -> None:
    """The hash in the policy is that of the text between the style tags, so a browser applies it and no other."""
    style = re.search(r"<style>(.*)</style>", html, re.S)
    policy = next(
        attributes["content"]
        for tag, attributes in Page(html).tags
        if tag == "meta" and "http-equiv" in attributes
    )
    assert style is not None
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert b64encode(sha256(style[1].encode()).digest()).decode() in policy


def assert_every_class_has_a_style(html: str) -> None:
    """What is drawn without style would be black on black."""
    style = html.partition("<style>")[2].partition("</style>")[0]
    used = {name for _, attributes in Page(html).tags for name in (attributes.get("class") or "").split()}
    plain = {"name", "reason", "wide", "depth-0", "heat-0", "end", "mark"}
    assert {name for name in used - plain if not re.search(rf"\.{name}\b", style)} == set()
