"""People: who somebody is, drawn from the seed and the person's number alone."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.model.time import DAY, MINUTE
from shoal.simulation.chance import Chance, stable_share, stable_tag
from shoal.simulation.config import Simulation
from shoal.simulation.devices import APP, KIOSK, MOBILE, STATIONARY, Device, Make
from shoal.simulation.intents import INTENTS_OF, RHYTHMS, Intent, Rhythm
from shoal.simulation.places import PLACES, Place
from shoal.simulation.texts import MOTIVES

_FIRST_NAMES = (
    "Ada",
    "Ben",
    "Cleo",
    "Dan",
    "Eva",
    "Finn",
    "Gia",
    "Hugo",
    "Ines",
    "Jon",
    "Kira",
    "Leo",
    "Mia",
    "Noah",
)
_LAST_NAMES = ("Abe", "Berg", "Costa", "Diaz", "Evans", "Fox", "Garcia", "Hall", "Ito", "Jones", "Khan", "Lopez")

_APP_USERS = 0.15
_SECOND_DEVICES = 0.25
_NUMBERS_PER_KIOSK = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person. `devices` begins with the one that is used most; `user_id` is None for who never signs in."""

    number: int
    intent: Intent
    place: Place
    first_name: str
    last_name: str
    email: str
    user_id: str | None
    devices: list[Device]
    tone: float
    motive: str

    @property
    def shared(self) -> str | None:
        """ "family" or "kiosk" when other people leave events on one of the devices."""
        return next((device.shared for device in self.devices if device.shared), None)


def draw_person(simulation: Simulation, number: int, chance: Chance) -> Person:
    """The person of this number."""
    intent = INTENTS_OF[simulation.business].pick(chance)
    rhythm = RHYTHMS[intent]
    first_name, last_name = chance.pick(_FIRST_NAMES), chance.pick(_LAST_NAMES)
    has_account = chance.happens(rhythm.account)
    return Person(
        number=number,
        intent=intent,
        place=PLACES.pick(chance),
        first_name=first_name,
        last_name=last_name,
        email=f"{first_name}.{last_name}.{number}@example.com".lower(),
        user_id=f"u_{_tag(simulation, 'user', number)[:12]}" if has_account else None,
        devices=_devices(simulation, number, rhythm, chance),
        tone=round(max(-1.0, min(1.0, rhythm.tone + chance.between(-0.25, 0.25))), 2),
        motive="price" if intent is Intent.PRICE_SENSITIVE else chance.pick(MOTIVES),
    )


def _devices(simulation: Simulation, number: int, rhythm: Rhythm, chance: Chance) -> list[Device]:
    is_mobile = chance.happens(rhythm.mobile)
    make = (MOBILE if is_mobile else STATIONARY).pick(chance)
    if is_mobile and rhythm.apps and chance.happens(_APP_USERS):
        make = APP.pick(chance)
    devices = [_device(simulation, number, 0, make, chance)]
    family, draw = number // 2, stable_share(simulation.business, simulation.seed, "family", number // 2)
    if draw < simulation.family:
        shared_id = _anonymous_id(simulation, "family", family)
        devices.append(Device(STATIONARY.pick(chance), shared_id, shared="family"))
    elif chance.happens(simulation.kiosk):
        devices.append(Device(KIOSK, f"kiosk-{number // _NUMBERS_PER_KIOSK:04d}", shared="kiosk"))
    elif chance.happens(_SECOND_DEVICES) and rhythm.mobile < 1:
        devices.append(_device(simulation, number, 1, (STATIONARY if is_mobile else MOBILE).pick(chance), chance))
    return devices


def _device(simulation: Simulation, number: int, place: int, make: Make, chance: Chance) -> Device:
    device = Device(make, _anonymous_id(simulation, number, place))
    if chance.happens(simulation.skewed):
        # Some clocks are minutes off, some stand on another day.
        size = chance.whole(2 * MINUTE, 3 * DAY) if chance.happens(0.3) else chance.whole(2 * MINUTE, 90 * MINUTE)
        device.skew_ms = size if chance.happens(0.5) else -size
    return device


def _anonymous_id(simulation: Simulation, *whose: object) -> str:
    """In the form of a UUID, as browsers make them."""
    digits = _tag(simulation, "device", *whose) + _tag(simulation, "rest", *whose)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _tag(simulation: Simulation, *whose: object) -> str:
    return stable_tag(simulation.business, simulation.seed, *whose)
