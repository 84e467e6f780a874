"""Decisions of a workspace that is served: its slots, who stands where at present, places and keys, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from shoal.decide import Chooser, ContextReader, DecideEndpoint, Decider, Gate, OfrepEndpoint, Rates, ServerKeys
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


def deciding(
    workspace: Workspace, live: LiveLoop, *, server_keys: ServerKeys | None = None, rates: Rates | None = None
) -> Deciding:
    """Decisions for whoever asks over HTTP. Raises InputError for a server key that is none."""
    decider = Decider(_chooser(workspace), lambda: live.standings)

    def redefined(workspace: Workspace) -> None:
        decider.chooser = _chooser(workspace)

    live.on_redefined.append(redefined)
    gate = Gate(workspace.collecting, server_keys, rates=rates)
    contexts = ContextReader(
        enricher_of(workspace).places,
        time_zone=workspace.settings.time_zone,
        words={word for slot in workspace.slots for choice in slot.choices for word in choice.context},
    )
    decide = DecideEndpoint(decider, gate, contexts, live.clock)
    ofrep = OfrepEndpoint(
        decider,
        gate,
        contexts,
        live.clock,
        segments=[segment.name for segment in workspace.definitions.segments],
        kinds=[kind.name for kind in read_rules(workspace.identity).kinds],
    )
    routes = [Route(DECIDE_PATH, decide), Route(FLAGS_PATH, ofrep), Route(f"{FLAGS_PATH}/{{key:path}}", ofrep)]
    return Deciding(routes, decider, gate)


def _chooser(workspace: Workspace) -> Chooser:
    return Chooser(slots={slot.name: slot for slot in workspace.slots}, consent=workspace.settings.consent)
