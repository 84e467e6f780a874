"""Decisions of a workspace that is served: its slots, who stands where at present, places and keys, joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from shoal.decide import (
    Chooser,
    ContextReader,
    DecideEndpoint,
    Decider,
    Gate,
    Hints,
    OfrepEndpoint,
    Rates,
    ServerKeys,
    Terms,
)
from shoal.decide.hints import HINTS_PATH
from shoal.decide.ofrep import FLAGS_PATH
from shoal.decide.question import DECIDE_PATH
from shoal.definitions.workspace import Workspace
from shoal.enrich import enricher_of
from shoal.identity import read_rules
from shoal.runtime.live_loop import LiveLoop


@dataclass(frozen=True, slots=True)
class Deciding:
    """The routes of decisions, and what counts them."""

    routes: Sequence[BaseRoute]
    decider: Decider
    gate: Gate
    end_streams: Callable[[], None]
    """Called when the server is told to stop: what would never end by itself ends then."""


def deciding(
    workspace: Workspace, live: LiveLoop, *, server_keys: ServerKeys | None = None, rates: Rates | None = None
) -> Deciding:
    """Decisions for whoever asks over HTTP. They follow the definitions that the live engine takes on.

    Raises InputError for a server key that is none.
    """
    decider = Decider(terms_of(workspace), lambda: live.standings)
    gate = Gate(workspace.collecting, server_keys, rates=rates)
    hints = Hints(decider, gate)
    decide, ofrep = DecideEndpoint(decider, gate, live.clock), OfrepEndpoint(decider, gate, live.clock, hints)

    def take_on(changed: Workspace) -> None:
        decider.terms = terms_of(changed)

    live.on_redefined.append(take_on)
    routes = [
        Route(DECIDE_PATH, decide),
        Route(FLAGS_PATH, ofrep),
        Route(f"{FLAGS_PATH}/{{key:path}}", ofrep),
        Route(f"{HINTS_PATH}/{{handle}}", hints),
    ]
    return Deciding(routes, decider, gate, hints.end)


def terms_of(workspace: Workspace) -> Terms:
    """What the definitions of a workspace say about decisions."""
    settings = workspace.settings
    asked_for = {word for slot in workspace.slots for choice in slot.choices for word in choice.context}
    return Terms(
        chooser=Chooser(slots={slot.name: slot for slot in workspace.slots}, consent=settings.consent),
        contexts=ContextReader(enricher_of(workspace).places, time_zone=settings.time_zone, words=asked_for),
        segments=tuple(segment.name for segment in workspace.definitions.segments),
        kinds=frozenset(kind.name for kind in read_rules(workspace.identity).kinds),
    )
