"""Content: templates with the values of a person filled in, as in `Hello {{ first_name }}`."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from shoal.model.firing import Fact

PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
"""Where a value is filled in, by its name."""

HTML_PARTS = frozenset({"html"})
"""Parts of content that are HTML: what is filled into them is text, and stays text."""


def filled(content: Mapping[str, str], facts: Mapping[str, Fact]) -> dict[str, object]:
    """The content with all values in their places; nothing where a person does not have one.

    Values are put in once: one that looks like a template is not read as one.
    """
    return {part: _filled_part(part, template, facts) for part, template in content.items()}


def _filled_part(part: str, template: str, facts: Mapping[str, Fact]) -> str:
    escape = html.escape if part in HTML_PARTS else str
    return PLACE.sub(lambda place: escape(fact_text(facts.get(place[1]))), template)


def fact_text(fact: Fact) -> str:
    """A value as people write it: whole numbers without a point, nothing for what is missing."""
    if fact is None:
        return ""
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, str):
        return fact
    return str(int(fact)) if fact.is_integer() else str(round(fact, 10))
