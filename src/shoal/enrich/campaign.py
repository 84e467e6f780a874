"""Campaigns: what the address of a page says of the campaign that led to it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

PARTS = {
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_campaign": "name",
    "utm_term": "term",
    "utm_content": "content",
}
"""Parameters of an address, and what each is of a campaign."""

MOST_PARAMETERS = 200


def campaign_of(search: str | None, url: str | None) -> dict[str, str]:
    """The parts of a campaign, by name. `search` is the query of the page's address, `url` the whole of it.

    Of a parameter that stands there twice the first counts. An empty one is missing.
    """
    query = search or (_query_of(url) if url else "")
    if "utm_" not in query.lower():
        return {}
    found: dict[str, str] = {}
    for key, value in _parameters(query.lstrip("?")):
        part = PARTS.get(key.lower())
        if part is not None and value.strip():
            found.setdefault(part, value.strip())
    return found


def _query_of(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:  # such as half an IPv6 address
        return ""


def _parameters(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, max_num_fields=MOST_PARAMETERS)
    except ValueError:  # more parameters than anybody's campaign has
        return []
