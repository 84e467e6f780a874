"""A life: what one person has in the cart, has ordered and has told the business, from visit to visit."""

from __future__ import annotations

from shoal.simulation.business import BUSINESSES, Business, Product
from shoal.simulation.chance import Chance
from shoal.simulation.config import Simulation
from shoal.simulation.devices import Device
from shoal.simulation.outbox import Outbox
from shoal.simulation.person import Person
from shoal.simulation.truth import Truth


class Life:
    """One person's state: what is in the cart, what was ordered, what has been told to the business."""

    __slots__ = (
        "business",
        "cart",
        "chance",
        "favourites",
        "outbox",
        "person",
        "revenue_cents",
        "simulation",
        "tag",
        "truth",
    )

    def __init__(self, simulation: Simulation, person: Person, chance: Chance, outbox: Outbox, tag: str) -> None:
        self.simulation, self.person, self.chance, self.outbox, self.tag = simulation, person, chance, outbox, tag
        self.business: Business = BUSINESSES[simulation.business]
        self.favourites = self._favourites()
        self.cart: list[Product] = []
        self.revenue_cents = 0
        self.truth = Truth(
            person=person.number,
            intent=person.intent.value,
            user_id=person.user_id,
            anonymous_ids=[],
            email=person.email,
            tone=person.tone,
            motive=person.motive,
            timezone=person.place.zone,
            shared=person.shared,
        )

    def _favourites(self) -> list[Product]:
        """Four products that the person thinks of; half of all people want one category only."""
        products = self.chance.some(self.business.products, 4)
        if self.chance.happens(0.5):
            category = products[0].described["category"]
            peers = [each for each in self.business.products if each.described["category"] == category]
            if len(peers) >= len(products):
                return self.chance.some(peers, 4)
        return products

    @property
    def is_known(self) -> bool:
        """Whether the person has signed in on any device so far."""
        return any(device.signed_in for device in self.person.devices)

    def begin_visit(self, device: Device) -> None:
        """A visit on a device begins."""
        truth = self.truth
        truth.visits += 1
        if device.anonymous_id not in truth.anonymous_ids:
            truth.anonymous_ids.append(device.anonymous_id)
        if device.shared:
            device.signed_in = False  # somebody else used it in the meantime
