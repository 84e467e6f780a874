"""Devices: what people hold in their hands, and the anonymous id that each of them carries."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.simulation.chance import Weighted

_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0"


@dataclass(frozen=True, slots=True)
class Make:
    """A kind of device: `type` is mobile, desktop or tablet, `channel` is web or app."""

    type: str
    user_agent: str
    channel: str = "web"

    @property
    def is_app(self) -> bool:
        return self.channel == "app"


_IPHONE = Make(
    "mobile",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_SAFARI} Version/18.6 Mobile/15E148 Safari/604.1",
)
_ANDROID = Make("mobile", f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36")
_WINDOWS = Make("desktop", f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36")
_MAC = Make("desktop", f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Version/18.6 Safari/605.1.15")
_FIREFOX = Make("desktop", "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0")
_IPAD = Make(
    "tablet", f"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) {_SAFARI} Version/18.6 Mobile/15E148 Safari/604.1"
)
_IOS_APP = Make("mobile", "Shop/4.2 (iPhone; iOS 18.6)", "app")
_ANDROID_APP = Make("mobile", "Shop/4.2 (Linux; Android 15)", "app")

MOBILE: Weighted[Make] = Weighted([(_IPHONE, 5), (_ANDROID, 5)])
STATIONARY: Weighted[Make] = Weighted([(_WINDOWS, 5), (_MAC, 3), (_FIREFOX, 1), (_IPAD, 2)])
APP: Weighted[Make] = Weighted([(_IOS_APP, 1), (_ANDROID_APP, 1)])
KIOSK = _WINDOWS


@dataclass(slots=True)
class Device:
    """One device in one person's hands.

    `shared` is "family" or "kiosk" when other people leave events under the same anonymous id.
    `skew_ms` is how far its clock is ahead. `signed_in` changes as its owner lives.
    """

    make: Make
    anonymous_id: str
    shared: str | None = None
    skew_ms: int = 0
    signed_in: bool = False
