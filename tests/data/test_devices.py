"""User agents against what they are known to be: 18,213 strings with their device, browser or system."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from shoal.bench.devices import judged, read_cases
from shoal.enrich.device import device_of

Data = Callable[[str], Path]

EVERY = 1 if find_spec("ua_parser_rs") else 40
"""Without `ua-parser-rs` all of these strings take minutes."""


def test_families_are_found_as_stated(shared_data: Data) -> None:
    """Every device, browser and system; and the type of nearly every device whose name says it."""
    found = judged(shared_data("user_agents"), every=EVERY)

    assert {what: share for what, share in found.items() if what.endswith("as stated") and share < 1} == {}
    assert found["share of types as named"] > 0.99


def test_every_spider_is_a_bot_and_nothing_else_is(shared_data: Data) -> None:
    """Of the devices; people are not kept out for the sake of bots."""
    cases = read_cases(shared_data("user_agents") / "test_device.yaml")[::EVERY]
    devices = [(case["family"] == "Spider", device_of(case["user_agent_string"])) for case in cases]

    assert [device for is_spider, device in devices if device is None or device.is_bot != is_spider] == []
