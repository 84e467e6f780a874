"""Decisions: what the slots of a page show to whom, and why. In: questions over HTTP. Out: content with a reason.

`decision.py` is the rule. `question.py` answers pages and servers, `ofrep.py` every client of OpenFeature.
"""

from shoal.decide.access import ServerKeys
from shoal.decide.context import Context, ContextReader
from shoal.decide.decider import Decider, Terms
from shoal.decide.decision import Cause, Chooser, Decision, Person
from shoal.decide.gate import Gate, Rates
from shoal.decide.hints import Hints
from shoal.decide.ofrep import OfrepEndpoint
from shoal.decide.question import DecideEndpoint

__all__ = [
    "Cause",
    "Chooser",
    "Context",
    "ContextReader",
    "DecideEndpoint",
    "Decider",
    "Decision",
    "Gate",
    "Hints",
    "OfrepEndpoint",
    "Person",
    "Rates",
    "ServerKeys",
    "Terms",
]
