"""`sources` and `collect` of shoal.yaml: who may send, and what is said about mistakes."""

from __future__ import annotations

import pytest

from shoal.definitions.settings_file import read_settings
from shoal.definitions.sources import Collecting, Source
from shoal.model.consent import Purpose


def read(text: str) -> Collecting:
    file, problems = read_settings(text)
    assert problems == []
    return file.collecting


def test_a_workspace_that_names_no_sources_has_one() -> None:
    """So that a first event can be sent at once."""
    assert read("name: Shop").sources == (Source(name="default", write_key="shoal"),)


def test_sources_are_read() -> None:
    """With origins as browsers write them."""
    site, server = read(
        """
        sources:
          site: {write_key: wk_1, origins: [https://Shop.example/, "http://localhost:3000"]}
          server: {write_key: wk_2, enabled: false}
        """
    ).sources
    assert site.origins == ("https://shop.example", "http://localhost:3000")
    assert site.allows("https://SHOP.example")
    assert not site.allows("https://shop.example.evil")
    assert not server.is_enabled
    assert server.allows("https://anywhere.example")


def test_what_is_kept_is_read() -> None:
    """And categories of a consent banner, whatever their capitals."""
    collecting = read("collect: {client_ip: none, trusted_proxies: 2, consent_categories: {C0004: ads}}")
    assert (collecting.client_ip, collecting.trusted_proxies) == ("none", 2)
    assert collecting.consent_categories == {"c0004": Purpose.ADS}


MISTAKES = {
    "sources: 5": "sources of shoal.yaml holds keys and values",
    "sources: {site: wk}": "source site holds keys and values",
    "sources: {site: {origins: '*'}}": "needs the key write_key",
    "sources: {site: {write_key: 'two words'}}": "a write key is 1 to 128 letters",
    "sources: {a: {write_key: k}, b: {write_key: k}}": "source b has the write key of source a",
    "sources: {a: {write_key: k, origins: shop}}": '"shop" is no origin',
    "sources: {a: {write_key: k, orgins: x}}": "has no key orgins",
    "sources: {a: {write_key: k, enabled: maybe}}": "enabled of source a is true or false",
    "collect: {client_ip: some}": 'client_ip of collect cannot be "some"',
    "collect: {trusted_proxies: -1}": "trusted_proxies is a whole number",
    "collect: {trusted_proxies: 1.5}": "trusted_proxies is a whole number",
    "collect: {consent_categories: {x: spam}}": 'cannot be "spam"',
    "collect: {ip: none}": "collect has no key ip",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_are_told(text: str) -> None:
    """Where they stand, and what may stand there."""
    file, problems = read_settings(text)
    assert MISTAKES[text] in "\n".join(str(problem) for problem in problems)
    assert isinstance(file.collecting, Collecting)
