"""Experiments: treatments with effects that are set, so that any measurement of them can be judged."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.simulation.config import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Two arms, a half of the people in each. `base` is the range of the probabilities without treatment.

    Every person has a probability of their own; the effect adds the same to all of them.
    """

    key: str
    name: str
    treatment: str
    setting: str
    base: tuple[float, float]

    def effect_of(self, simulation: Simulation) -> float:
        """What the treatment adds to the probability to order."""
        return float(getattr(simulation, self.setting))

    def exposure(self, arm: str) -> dict[str, str]:
        """The properties of `Experiment Viewed`, which both arms leave."""
        return {
            "experiment_id": self.key,
            "experiment_name": self.name,
            "variation_id": arm,
            "variation_name": arm.capitalize(),
        }


DISCOUNT = Experiment(
    key="cart_discount",
    name="Discount for left carts",
    treatment="discount",
    setting="discount_effect",
    base=(0.10, 0.25),
)
REMINDER = Experiment(
    key="checkout_reminder",
    name="Reminder of a left checkout",
    treatment="reminder",
    setting="reminder_effect",
    base=(0.10, 0.20),
)
EXPERIMENTS = (DISCOUNT, REMINDER)
