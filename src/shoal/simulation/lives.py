"""Lives: a person from the first visit to the last. In: a simulation and a number. Out: lines and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from shoal.simulation.behaviour import BEHAVIOURS
from shoal.simulation.business import BUSINESSES
from shoal.simulation.chance import Chance, stable_tag
from shoal.simulation.config import Simulation
from shoal.simulation.devices import Device
from shoal.simulation.intents import RHYTHMS
from shoal.simulation.life import Life
from shoal.simulation.outbox import Outbox
from shoal.simulation.person import Person, draw_person
from shoal.simulation.schedule import visit_starts
from shoal.simulation.truth import Truth
from shoal.simulation.visit import Visit

_CHOOSE_CONSENT = 0.6
_WITHDRAW_CONSENT = 0.03
_SIGN_IN_EARLY = 0.35
_CHAT = 0.04
_USE_FEATURE = 0.7


@dataclass(frozen=True, slots=True)
class Lived:
    """What one person left: (moment of arrival, line) of every message, and the truth."""

    lines: list[tuple[int, bytes]]
    truth: Truth


def live(simulation: Simulation, number: int) -> Lived:
    """Everything that the person of this number does. Depends on the simulation's seed and the number alone."""
    business = list(BUSINESSES).index(simulation.business)
    chance = Chance(simulation.seed, business, number)
    person = draw_person(simulation, number, chance)
    tag = f"{_run_tag(simulation)}-{number:x}"
    life = Life(simulation, person, chance, Outbox(simulation, chance, tag), tag)
    starts = visit_starts(RHYTHMS[person.intent], chance, simulation, person.place.zone)
    consents = chance.happens(_CHOOSE_CONSENT)
    for place, start in enumerate(starts):
        _visit(life, start, place, len(starts) - 1 - place, consents=consents)
    return Lived(life.outbox.lines, life.truth)


def _visit(life: Life, start: int, number: int, left: int, *, consents: bool) -> None:
    """What everyone does around what the intent makes of a visit."""
    chance, person = life.chance, life.person
    device = _device(person, chance)
    visit = Visit(life, start, device, number=number, left=left)
    if consents and number == 0:
        visit.choose_consent()
    elif consents and left == 0 and chance.happens(_WITHDRAW_CONSENT):
        visit.choose_consent(withdraw=True)
    signs_in = _SIGN_IN_EARLY if number == 0 else 1.0 if left == 0 else 0.7
    if chance.happens(signs_in):
        visit.sign_in()
    if life.business.features and device.signed_in and chance.happens(_USE_FEATURE):
        visit.track("Feature Used", {"feature": chance.pick(life.business.features)})
    BEHAVIOURS[person.intent](visit)
    if chance.happens(_CHAT) and not device.make.is_app:
        visit.chat()


def _device(person: Person, chance: Chance) -> Device:
    """The second device, which some have, is used for one visit of four."""
    return person.devices[-1] if len(person.devices) > 1 and chance.happens(0.25) else person.devices[0]


@lru_cache(maxsize=64)
def _run_tag(simulation: Simulation) -> str:
    """Begins the message ids of a run, so that those of two runs differ."""
    return stable_tag(simulation.business, simulation.seed)[:8]
