"""The cart story in real time: `shoal serve` fires two seconds after the cart was left; so does the backtest."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import httpx
import polars as pl

from shoal.cli import run
from shoal.model.firing import Firing, Outcome
from shoal.model.time import to_milliseconds
from shoal.runtime.acting import open_outbox
from shoal.runtime.moments import now_ms
from shoal.runtime.places import LIVE_STATE
from shoal.triggers.outbox import Wanted
from tests.functional.test_serve_live import PATIENCE_S, serving, wait_until

FILES = {
    "shoal.yaml": "name: shop\nsources:\n  web: {write_key: key}\n",
    "segments/carts.yaml": """
segment: left_a_cart
purpose: personalisation
when: |
  count("Product Viewed", within="1 hour") >= 3
  and time_since("Product Added") >= "2 seconds"
  and not happened("Order Completed", after=time_of_last("Product Added"))
""",
    "triggers/carts.yaml": """
trigger: discount
on: {enter: left_a_cart}
do:
  - page: {offer: discount, title: Still thinking, code: SAVE10}
    price: 2.5
goal: {event: Order Completed, within: 1 hour}
""",
}


def workspace_in(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def firings(folder: Path) -> list[Firing]:
    """What has fired so far."""
    if not (folder / LIVE_STATE).exists():
        return []
    with closing(open_outbox(folder)) as outbox:
        return outbox.find_firings(Wanted(), 100)


def sends(url: str, who: str, *events: str) -> None:
    """What somebody has just done, one thing after the other."""
    began = now_ms() - len(events)
    batch = [
        {"type": "track", "userId": who, "event": each, "messageId": f"{who}-{place}", "timestamp": began + place}
        for place, each in enumerate(events)
    ]
    answer = httpx.post(f"{url}/v1/batch", json={"batch": batch}, auth=("key", ""), timeout=20)
    assert answer.status_code == 200


def looked_back(folder: Path) -> pl.DataFrame:
    """Every firing that `shoal backtest` finds in the archive. The one of ann is later than any event."""
    out = str(folder / "look-back")
    assert run(["backtest", "discount", "--workspace", str(folder), "--to", "now", "--out", out]) == 0
    return pl.read_parquet(folder / "look-back" / "firings.parquet")


def test_a_cart_that_is_left_fires_in_real_time_and_in_the_backtest(tmp_path: Path) -> None:
    """Ann looks at three products, fills a cart and waits; bob orders. Only ann fires, live and looking back."""
    folder = workspace_in(tmp_path / "shop")
    with serving(folder) as (url, server):
        sends(url, "ann", *["Product Viewed"] * 3, "Product Added")
        sends(url, "bob", *["Product Viewed"] * 3, "Product Added", "Order Completed")
        wait_until(lambda: firings(folder))
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0
    [fired] = firings(folder)
    assert (fired.profile, fired.outcome) == ("user_id:ann", Outcome.FIRED)
    [found] = looked_back(folder).iter_rows(named=True)
    assert (found["firing"], found["profile"], found["outcome"]) == (fired.id, "user_id:ann", "fired")
    assert to_milliseconds(found["at"]) == fired.effective_at
    with closing(open_outbox(folder)) as outbox:
        [delivery] = outbox.find(Wanted(), 10)
    assert delivery.content["code"] == "SAVE10"
    assert pl.read_parquet(folder / "look-back" / "deliveries.parquet")["delivery"].to_list() == [delivery.id]
