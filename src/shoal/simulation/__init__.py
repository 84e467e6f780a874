"""Simulated people, whose intents and treatment effects are known. In: a seed. Out: events and the truth.

What they do and how untidy their events are is told in `docs/explanation/simulation.md`. Next: collect.
"""

from shoal.simulation.business import BUSINESSES
from shoal.simulation.config import Simulation
from shoal.simulation.experiments import EXPERIMENTS, Experiment
from shoal.simulation.intents import Intent
from shoal.simulation.simulate import Simulated, simulate, stream, truth_beside
from shoal.simulation.truth import Truth

__all__ = [
    "BUSINESSES",
    "EXPERIMENTS",
    "Experiment",
    "Intent",
    "Simulated",
    "Simulation",
    "Truth",
    "simulate",
    "stream",
    "truth_beside",
]
