"""Pictures of the report: how a segment went day by day, and who has which score."""

from __future__ import annotations

import math
from collections.abc import Iterator

from markupsafe import Markup

from shoal.runtime.report.drawing import COLOURS, HEIGHT, Scale, day_of, grid, hover, nice_ticks, svg, text_at
from shoal.runtime.report.facts import ScoreFact, Trend


def trend_picture(trend: Trend) -> Markup:
    """The members of a segment day by day, as a line over its area."""
    ticks = nice_ticks(max(members for _, members in trend.days))
    scale = Scale(len(trend.days) - 1, ticks[-1])
    points = [(scale.x(place), scale.y(members)) for place, (_, members) in enumerate(trend.days)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    base = scale.y(0)
    body = [*grid(ticks, scale)]
    body.append(f'<polygon class="area" points="{points[0][0]:.1f},{base} {line} {points[-1][0]:.1f},{base}"/>')
    body.append(f'<polyline class="line" points="{line}"/>')
    step = max(1, math.ceil(len(trend.days) / 8))
    for place in range(0, len(trend.days), step):
        body.append(text_at(scale.x(place), HEIGHT - 12, day_of(trend.days[place][0] - 1), "middle"))
    for (at, members), (x, y) in zip(trend.days, points, strict=True):
        body.append(
            hover(f'<circle class="spot" cx="{x:.1f}" cy="{y:.1f}" r="7"/>', f"{day_of(at - 1)}: {members:,}")
        )
    x, y = points[-1]
    body.append(f'<circle class="end" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    body.append(text_at(x + 10, y + 5, f"{trend.days[-1][1]:,}", "start", "value"))
    return svg(body, f"{trend.title}: members at the end of each day")


def score_picture(score: ScoreFact) -> Markup:
    """How many people have which score; each bar is coloured by the parts that their points come from."""
    ticks = nice_ticks(max(score.counts))
    scale = Scale(len(score.counts), ticks[-1])
    body = [*grid(ticks, scale)]
    for place, count in enumerate(score.counts):
        if count:
            body += _bar(score, place, scale)
    for place in range(0, len(score.edges), 4):
        body.append(text_at(scale.x(place), HEIGHT - 12, f"{score.edges[place]:g}", "middle"))
    return svg(body, f"How many people have which {score.name} score, and which parts it comes from")


def _bar(score: ScoreFact, place: int, scale: Scale) -> Iterator[str]:
    """One bar of the score, its parts from the bottom up by what they bring on average."""
    points = {name: means[place] for name, means in score.parts.items()}
    whole, count = sum(points.values()), score.counts[place]
    left, width = scale.x(place) + 2, scale.x(1) - scale.x(0) - 4
    below = 0.0
    told = ", ".join(f"{name} {value:.0f}" for name, value in points.items())
    says = f"{score.edges[place]:g} to {score.edges[place + 1]:g} points: {count:,} people ({told})"
    pieces = []
    for number, value in enumerate(points.values()):
        share = count * value / whole if whole else (count if number == 0 else 0)
        top = scale.y(below + share)
        height = scale.y(below) - top
        below += share
        colour = f"part-{number % COLOURS + 1}" if whole else "part-none"
        if height > 0:
            pieces.append(
                f'<rect class="{colour}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
            )
    yield hover("".join(pieces), says)
