"""What each channel says: which contents an action has to state, and how they are filled in when it fires."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shoal.definitions.content_templates import render, web_address
from shoal.model.firing import Channel, Fact

OFFERS = ("chat", "discount", "demo", "content")
"""What a page can be told to show: live chat opened, a reduced price, a demonstration, something to read."""


def _as_it_is(filled: str) -> str:
    return filled


def _in_one_line(filled: str) -> str:
    """Without line breaks: what follows one in the head of an e-mail would be a head of its own."""
    return " ".join(filled.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentField:
    """One content of a channel. `finish` makes what was filled in fit for where it goes."""

    is_html: bool = False
    is_one_line: bool = False
    is_fixed: bool = False
    """It is a word, not a template."""
    finish: Callable[[str], str] = _as_it_is


_TEXT = ContentField()
_LINE = ContentField(is_one_line=True, finish=_in_one_line)
_WORD = ContentField(is_fixed=True)

FIELDS: Mapping[Channel, Mapping[str, ContentField]] = {
    Channel.PAGE: {
        "offer": _WORD,
        "slot": _WORD,
        "title": _LINE,
        "text": _TEXT,
        "code": _LINE,
        "url": ContentField(is_one_line=True, finish=web_address),
        "button": _LINE,
        "dismiss": _LINE,
    },
    Channel.EMAIL: {"subject": _LINE, "text": _TEXT, "html": ContentField(is_html=True)},
    Channel.SLACK: {"text": _TEXT},
    Channel.WEBHOOK: {},
    Channel.AUDIENCE: {},
}
"""What can be said on each channel. Pages show texts, never markup; only the HTML of an e-mail is HTML."""

REQUIRED: Mapping[Channel, tuple[str, ...]] = {
    Channel.PAGE: ("offer",),
    Channel.EMAIL: ("subject",),
    Channel.SLACK: ("text",),
    Channel.WEBHOOK: (),
    Channel.AUDIENCE: (),
}


def fill_contents(channel: Channel, content: Mapping[str, str], facts: Mapping[str, Fact]) -> dict[str, str]:
    """The contents of an action with the facts of a firing filled in. What comes out empty is left out.

    `facts` holds the values of the action by name, and `profile`, `trigger` and `at`.
    """
    known = FIELDS[channel]
    filled = {name: _filled(known[name], template, facts) for name, template in content.items() if name in known}
    return {name: text for name, text in filled.items() if text}


def _filled(field: ContentField, template: str, facts: Mapping[str, Fact]) -> str:
    if field.is_fixed:
        return template
    if "{" not in template:
        return field.finish(template)
    return field.finish(render(template, facts, escaped=field.is_html))
