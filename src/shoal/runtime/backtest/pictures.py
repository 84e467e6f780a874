"""Pictures of a backtest: what became of occasions day by day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import tzinfo

from markupsafe import Markup

from shoal.model.firing import Outcome
from shoal.model.time import to_datetime
from shoal.runtime.backtest.stretches import Stretches
from shoal.runtime.backtest.words import worded_outcome
from shoal.runtime.report.drawing import HEIGHT, Scale, grid, hover, nice_ticks, svg, text_at

COLOUR_OF: dict[str, str] = {
    Outcome.FIRED: "part-1",
    Outcome.DRY_RUN: "part-1",
    Outcome.COOLING_DOWN: "part-2",
    Outcome.HELD_OUT: "part-3",
    Outcome.NO_CONSENT: "part-4",
    Outcome.NO_LONGER: "part-5",
    Outcome.TOO_LATE: "part-6",
}
"""The colour of each outcome, fired at the bottom of every bar."""

LABELS = 8


def days_picture(stretches: Stretches, counts: Sequence[Mapping[str, int]], zone: tzinfo) -> Markup:
    """A bar for each stretch, made of its outcomes."""
    highest = max((sum(each.values()) for each in counts), default=0)
    ticks = nice_ticks(highest)
    scale = Scale(len(stretches.starts), ticks[-1])
    body = [*grid(ticks, scale)]
    for place, (start, outcomes) in enumerate(zip(stretches.starts, counts, strict=True)):
        if outcomes:
            body.append(_bar(scale, place, outcomes, f"{_when(start, stretches.unit, zone)}: "))
    for place in range(0, len(stretches.starts), max(1, math.ceil(len(stretches.starts) / LABELS))):
        label = _when(stretches.starts[place], stretches.unit, zone)
        body.append(text_at(scale.x(place + 0.5), HEIGHT - 12, label, "middle"))
    return svg(body, f"What became of the occasions of each {stretches.unit}")


def _bar(scale: Scale, place: int, outcomes: Mapping[str, int], says: str) -> str:
    room = scale.x(1) - scale.x(0)
    width = max(room * 0.8, 1.0)
    left, below, pieces = scale.x(place) + (room - width) / 2, 0, []
    for outcome, colour in COLOUR_OF.items():
        count = outcomes.get(outcome, 0)
        top, bottom = scale.y(below + count), scale.y(below)
        below += count
        if count:
            pieces.append(
                f'<rect class="{colour}" x="{left:.1f}" y="{top:.1f}"'
                f' width="{width:.1f}" height="{bottom - top:.1f}"/>'
            )
    told = ", ".join(f"{worded_outcome(each)} {outcomes[each]:,}" for each in COLOUR_OF if outcomes.get(each))
    return hover("".join(pieces), says + told)


def _when(start: int, unit: str, zone: tzinfo) -> str:
    at = to_datetime(start, zone)
    return f"{at:%H:%M}" if unit == "hour" else f"{at.day} {at:%b}"
