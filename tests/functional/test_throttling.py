"""How often one may ask: by address, by key, with wrong keys, and with addresses that one made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shoal.decide import Rates
from tests.functional.collecting import SETTINGS
from tests.functional.deciding import ANN, SERVER_KEY, STRANGER, DecidingShop, deciding_shop

BEHIND_ONE_PROXY = f"{SETTINGS}\ncollect: {{trusted_proxies: 1}}\n"
SLOW = Rates(per_address=0.02, per_key=0)
"""Two at once, and then one in fifty seconds. With less than one a second, one may come at once."""


def statuses(shop: DecidingShop, forwarded: list[str | None], *, key: str = "web") -> list[int]:
    """What questions are answered that say to come from these addresses, one after the other."""
    found = []
    for told in forwarded:
        headers = {"x-api-key": key} | ({} if told is None else {"x-forwarded-for": told})
        found.append(httpx.post(f"{shop.url}/v1/decide", json={"anonymousId": ANN}, headers=headers).status_code)
    return found


def test_one_address_is_slowed_down(tmp_path: Path) -> None:
    """With the seconds to wait, which pages of other origins can read."""
    with deciding_shop(tmp_path / "shop", rates=SLOW) as shop:
        assert shop.ask(anonymousId=ANN).status_code == 200
        refused = shop.ask(anonymousId=STRANGER, headers={"origin": "https://shop.example"})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert refused.headers["retry-after"] == "50"
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        assert httpx.post(f"{shop.url}/v1/batch", json={"batch": []}, auth=("web", "")).status_code == 200


def test_made_up_addresses_help_nobody(tmp_path: Path) -> None:
    """Without proxies, X-Forwarded-For is what anybody can write, and is not read."""
    with deciding_shop(tmp_path / "shop", rates=SLOW) as shop:
        assert statuses(shop, [f"198.51.100.{number}" for number in range(4)]) == [200, 429, 429, 429]


def test_behind_a_proxy_the_address_is_the_one_that_it_saw(tmp_path: Path) -> None:
    """The last one: what stands before it came from the client. Two clients of one proxy are two."""
    with deciding_shop(tmp_path / "shop", settings=BEHIND_ONE_PROXY, rates=SLOW) as shop:
        assert statuses(shop, [f"198.51.100.{number}, 192.0.2.7" for number in range(3)]) == [200, 429, 429]
        assert statuses(shop, ["192.0.2.8", "192.0.2.8", "192.0.2.7"]) == [200, 429, 429]
        assert statuses(shop, ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]) == [200, 429, 200]


def test_one_key_is_slowed_down(tmp_path: Path) -> None:
    """Wherever it comes from; other keys go on."""
    rates = Rates(per_address=0, per_key=0.02)
    with deciding_shop(tmp_path / "shop", settings=BEHIND_ONE_PROXY, rates=rates) as shop:
        assert statuses(shop, ["192.0.2.1", "192.0.2.2"]) == [200, 429]
        assert statuses(shop, ["192.0.2.1"], key="partner") == [200]
        assert statuses(shop, ["192.0.2.1"], key=SERVER_KEY) == [200]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[DecidingShop]:
    """No limit but that on wrong keys."""
    fast = Rates(per_address=0, per_key=0)
    with deciding_shop(tmp_path / "shop", settings=BEHIND_ONE_PROXY, rates=fast) as shop:
        yield shop


def test_guessing_keys_is_slow(guarded: DecidingShop) -> None:
    """After ten wrong ones an address has to wait, even when it then finds the right one. Its pages need not."""
    for number in range(10):
        assert statuses(guarded, ["192.0.2.7"], key=f"guess {number}") == [401]
    assert statuses(guarded, ["192.0.2.7"], key="guess") == [429]
    assert statuses(guarded, ["192.0.2.7"], key=SERVER_KEY) == [429]
    assert statuses(guarded, ["192.0.2.7"], key="web") == [200]
    assert statuses(guarded, ["192.0.2.8"], key=SERVER_KEY) == [200]
    text = httpx.get(f"{guarded.url}/metrics").text
    assert 'shoal_questions_refused_total{reason="invalid_key"} 10.0' in text
    assert 'shoal_questions_refused_total{reason="too_many_requests"} 2.0' in text


def test_guessing_through_made_up_addresses_is_as_slow(guarded: DecidingShop) -> None:
    """What a client writes into X-Forwarded-For changes nothing."""
    tries = [f"198.51.100.{number}, 192.0.2.7" for number in range(12)]
    assert statuses(guarded, tries, key="guess") == [401] * 10 + [429] * 2


def test_right_keys_are_no_failures(guarded: DecidingShop) -> None:
    """Nor is what else is refused: an old page locks no server out."""
    assert statuses(guarded, ["192.0.2.7"] * 30) == [200] * 30
    for _ in range(20):
        asked = guarded.ask(userId="ann", headers={"x-forwarded-for": "192.0.2.7"})
        assert asked.status_code == 403
        asked = guarded.ask(key="nobody", anonymousId=ANN, headers={"x-forwarded-for": "192.0.2.7"})
        assert asked.status_code == 401
    assert statuses(guarded, ["192.0.2.7"], key=SERVER_KEY) == [200]
