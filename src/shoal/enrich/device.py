"""Devices: what a user agent says of device, browser and system, and whether a program is behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

import msgspec
from ua_parser import Parser

AGENTS_REMEMBERED = 20_000
LONGEST_AGENT = 1_000
"""Of a longer user agent only so many characters are read."""

MOBILE, TABLET, DESKTOP, BOT, OTHER = "mobile", "tablet", "desktop", "bot", "other"

_AUTOMATED = re.compile(r"headless|phantomjs|chrome-lighthouse|ptst/|splash/")
_DESKTOP_SYSTEMS = frozenset(
    {
        "Windows",
        "Mac OS X",
        "Mac OS",
        "Linux",
        "Ubuntu",
        "Kubuntu",
        "Xubuntu",
        "Debian",
        "Fedora",
        "Red Hat",
        "CentOS",
        "SUSE",
        "Mint",
        "Gentoo",
        "Arch Linux",
        "Mandriva",
        "Slackware",
        "PCLinuxOS",
        "VRE",
        "Solaris",
        "FreeBSD",
        "OpenBSD",
        "NetBSD",
        "Chrome OS",
        "BeOS",
    }
)
_MOBILE_SYSTEMS = frozenset(
    {
        "iOS",
        "Windows Phone",
        "Windows Mobile",
        "Windows CE",
        "BlackBerry OS",
        "Symbian OS",
        "Symbian^3",
        "Symbian^3 Anna",
        "Symbian^3 Belle",
        "Firefox OS",
        "KaiOS",
        "Bada",
        "MeeGo",
        "Maemo",
        "webOS",
        "Series 40",
        "Series 60",
        "Nokia Series 40",
        "Brew MP",
        "BREW",
        "Palm OS",
        "Tizen",
        "HarmonyOS",
        "Android",
    }
)
_NOT_HELD = re.compile(
    r"smart-?tv|hbbtv|\btv\b|appletv|apple tv|googletv|\baft[a-z]+\b|\bbravia"
    r"|roku|playstation|\bxbox|nintendo|crkey"
    r"|watchos|apple watch|\bwear os|netcast|web0s|lg browser|philipstv|viera|qtcarbrowser"
)
_TABLET = re.compile(
    r"ipad|tablet(?! pc)|kindle|silk/|playbook|touchpad|nexus (?:7|9|10)\b|\bsm-[tpx]\d"
    r"|\bgt-[pn](?:10|31|51|6[28]|7[345]|80)\d*"
    r"|\bxoom\b|\blenovo tb|\bkf[a-z]{2,5}wi?\b|\bnook\b|mediapad|matepad|\bpixel c\b"
)
_PHONE = re.compile(
    r"\bmobi|iphone|ipod|phone|midp|j2me|wap\d?\.|up\.browser|opera mini|\bnokia"
    r"|symbian|blackberry|\bbb10\b|docomo|kddi"
    r"|windows ce|iemobile|\bppc; |palmos"
)
_PHONE_MAKERS = frozenset(
    {"Alcatel", "BenQ", "BlackBerry", "Ericsson", "HTC", "Huawei", "Lenovo", "LG", "Motorola", "Nokia", "Palm"}
    | {"Panasonic", "Pantech", "Philips", "Sagem", "Samsung", "Sharp", "Siemens", "Sony", "SonyEricsson", "ZTE"}
)
_NO_BRANDS = re.compile(r"generic|spider|other|unknown", re.IGNORECASE)
_PLACEHOLDER_BRAND = re.compile(r"not.*brand|chromium", re.IGNORECASE)

_SYSTEM_OF_PLATFORM = {"macOS": "Mac OS X", "Chromium OS": "Chrome OS", "Chrome OS": "Chrome OS"}
_BROWSER_OF_BRAND = {"Google Chrome": "Chrome", "Microsoft Edge": "Edge"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What is known of a device. `type` is mobile, tablet, desktop, bot or other; the rest may be missing."""

    type: str
    brand: str | None = None
    browser: str | None = None
    system: str | None = None

    @property
    def is_bot(self) -> bool:
        return self.type == BOT


@lru_cache(AGENTS_REMEMBERED)
def device_of(
    agent: str | None, is_mobile: bool | None = None, platform: str | None = None, brands: str | None = None
) -> Device | None:
    """The device of a user agent and of the client hints that may come with it; None when they say nothing.

    The hints (`mobile`, `platform` and `brands`, a JSON list) only say what the user agent does not.
    """
    device = _of_agent(agent[:LONGEST_AGENT]) if agent and agent.strip() else None
    if device is not None and device.is_bot:
        return device
    system, browser = _system_of(platform), _browser_of(brands)
    if device is None and is_mobile is None and system is None and browser is None:
        return None
    known = device or Device(type=OTHER)
    return Device(
        type=known.type if known.type != OTHER else _type_of_hints(is_mobile, system, known.system),
        brand=known.brand,
        browser=known.browser or browser,
        system=known.system or system,
    )


def _of_agent(agent: str) -> Device:
    found = parser().parse(agent)
    family = found.device.family if found.device else ""
    browser = found.user_agent.family if found.user_agent else None
    system = found.os.family if found.os else None
    if family == "Spider" or _AUTOMATED.search(agent.lower()):
        return Device(type=BOT, browser=browser, system=system)
    brand = found.device.brand if found.device else None
    return Device(
        type=_type_of(agent.lower(), family, brand, system),
        brand=brand if brand and not _NO_BRANDS.search(brand) else None,
        browser=browser,
        system=system,
    )


def _type_of(agent: str, family: str, brand: str | None, system: str | None) -> str:
    """Android in a browser that does not call itself mobile is on a tablet: so browsers are told to say it.

    A device by a maker of phones that says nothing of its system is one of the old ones, and a phone.
    """
    if _NOT_HELD.search(agent) or _NOT_HELD.search(family.lower()):
        return OTHER
    if _TABLET.search(agent) or "tablet" in family.lower():
        return TABLET
    if _PHONE.search(agent) or "phone" in family.lower():
        return MOBILE
    if system == "Android" and "mozilla/" in agent:
        return TABLET
    if system in _MOBILE_SYSTEMS or (brand in _PHONE_MAKERS and system in (None, "Linux")):
        return MOBILE
    return DESKTOP if system in _DESKTOP_SYSTEMS else OTHER


def _type_of_hints(is_mobile: bool | None, platform: str | None, system: str | None) -> str:
    if is_mobile:
        return MOBILE
    if platform is None or system not in (None, platform):
        return OTHER
    if platform == "Android":
        return OTHER if is_mobile is None else TABLET
    return DESKTOP if platform in _DESKTOP_SYSTEMS else OTHER


def _system_of(platform: str | None) -> str | None:
    if not platform or platform == "Unknown":
        return None
    return _SYSTEM_OF_PLATFORM.get(platform, platform)


def _browser_of(brands: str | None) -> str | None:
    """The brand that is neither a placeholder nor the engine."""
    if not brands:
        return None
    listed: list[Any] = msgspec.json.decode(brands)
    names = [each.get("brand") for each in listed if isinstance(each, dict)]
    real = [name for name in names if isinstance(name, str) and name and not _PLACEHOLDER_BRAND.search(name)]
    return _BROWSER_OF_BRAND.get(real[0], real[0]) if real else None


@cache
def parser() -> Parser:
    """The reader of user agents: compiled when `ua-parser-rs` is installed, else the same rules in Python."""
    if find_spec("ua_parser_rs"):
        from ua_parser.loaders import load_builtins  # noqa: PLC0415
        from ua_parser.regex import Resolver as Compiled  # noqa: PLC0415

        return Parser(Compiled(load_builtins()))
    from ua_parser.basic import Resolver  # noqa: PLC0415
    from ua_parser.loaders import load_lazy_builtins  # noqa: PLC0415

    return Parser(Resolver(load_lazy_builtins()))
