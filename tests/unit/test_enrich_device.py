"""Devices: what a user agent and client hints say, and who is a bot."""

from __future__ import annotations

import pytest
from ua_parser import Parser
from ua_parser.basic import Resolver
from ua_parser.loaders import load_lazy_builtins

from shoal.enrich.device import Device, device_of, parser

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.1 Mobile/15E148 Safari/604.1"
)
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"
EDGE = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/120.0.0.0"
ANDROID_PHONE = f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36"
ANDROID_TABLET = f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
HEADLESS = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari"
TELEVISION = "Mozilla/5.0 (Linux; Tizen 6.0; SMART-TV) AppleWebKit/537.36"
HINTED_BRANDS = '[{"brand":"Not_A Brand","version":"8"},{"brand":"Chromium"},{"brand":"Google Chrome"}]'

DEVICES = {
    IPHONE: Device(type="mobile", brand="Apple", browser="Mobile Safari", system="iOS"),
    EDGE: Device(type="desktop", browser="Edge", system="Windows"),
    ANDROID_PHONE: Device(type="mobile", browser="Chrome Mobile", system="Android"),
    ANDROID_TABLET: Device(type="tablet", browser="Chrome", system="Android"),
    GOOGLEBOT: Device(type="bot", browser="Googlebot"),
    HEADLESS: Device(type="bot", browser="HeadlessChrome", system="Linux"),
    TELEVISION: Device(type="other", system="Tizen"),
    "curl/8.0": Device(type="other", browser="curl"),
    "nonsense": Device(type="other"),
}


@pytest.mark.parametrize("agent", DEVICES)
def test_a_user_agent_says_what_device_it_is(agent: str) -> None:
    """Type, brand, browser and system; a library that fetches pages is no bot, for its user may be a person."""
    assert device_of(agent) == DEVICES[agent]


@pytest.mark.parametrize("agent", [None, "", "   "])
def test_nothing_says_nothing(agent: str | None) -> None:
    """Without a user agent the device is missing, not other."""
    assert device_of(agent) is None


def test_the_compiled_reader_and_the_one_in_python_agree() -> None:
    """Whether `ua-parser-rs` is installed does not change what is found."""
    slow = Parser(Resolver(load_lazy_builtins()))
    for agent in DEVICES:
        assert parser().parse(agent) == slow.parse(agent)


def test_hints_say_what_the_user_agent_does_not() -> None:
    """Client hints are read in place of a user agent, and its own word stands before them."""
    assert device_of(None, True, "Android", HINTED_BRANDS) == Device(
        type="mobile", browser="Chrome", system="Android"
    )
    assert device_of(None, False, "Android") == Device(type="tablet", system="Android")
    assert device_of(None, False, "macOS") == Device(type="desktop", system="Mac OS X")
    assert device_of(EDGE, True, "Android", HINTED_BRANDS) == DEVICES[EDGE]
    assert device_of(GOOGLEBOT, True, "Android") == DEVICES[GOOGLEBOT]


def test_hints_that_say_nothing_are_no_device() -> None:
    """An unknown platform and a list of placeholders."""
    assert device_of(None, None, "Unknown", '[{"brand":"Not=A?Brand"}, 3]') is None


def test_a_user_agent_without_end_is_cut() -> None:
    """A megabyte takes no longer than its first thousand characters."""
    found = device_of(IPHONE + "x" * 1_000_000)

    assert found is not None
    assert found.type == "mobile"
