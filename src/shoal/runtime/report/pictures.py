"""Pictures: SVG that takes its colours from the page, so that it follows light and dark, and holds no style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from markupsafe import Markup

from shoal.model.time import to_datetime
from shoal.runtime.report.facts import ScoreFact, Trend

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 52, 14, 34
COLOURS = 6
"""So many colours for parts are in the style sheet: part-1 to part-6."""


def trend_picture(trend: Trend) -> Markup:
    """The members of a segment day by day, as a line over its area."""
    ticks = nice_ticks(max(members for _, members in trend.days))
    scale = _Scale(len(trend.days) - 1, ticks[-1])
    points = [(scale.x(place), scale.y(members)) for place, (_, members) in enumerate(trend.days)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    base = scale.y(0)
    body = [*_grid(ticks, scale)]
    body.append(f'<polygon class="area" points="{points[0][0]:.1f},{base} {line} {points[-1][0]:.1f},{base}"/>')
    body.append(f'<polyline class="line" points="{line}"/>')
    step = max(1, math.ceil(len(trend.days) / 8))
    for place in range(0, len(trend.days), step):
        body.append(_text(scale.x(place), HEIGHT - 12, _day(trend.days[place][0] - 1), "middle"))
    for (at, members), (x, y) in zip(trend.days, points, strict=True):
        body.append(
            _hover(f'<circle class="spot" cx="{x:.1f}" cy="{y:.1f}" r="7"/>', f"{_day(at - 1)}: {members:,}")
        )
    x, y = points[-1]
    body.append(f'<circle class="end" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    body.append(_text(x + 10, y + 5, f"{trend.days[-1][1]:,}", "start", "value"))
    return _svg(body, f"{trend.title}: members at the end of each day")


def score_picture(score: ScoreFact) -> Markup:
    """How many people have which score; each bar is coloured by the parts that their points come from."""
    ticks = nice_ticks(max(score.counts))
    scale = _Scale(len(score.counts), ticks[-1])
    body = [*_grid(ticks, scale)]
    for place, count in enumerate(score.counts):
        if count:
            body += _bar(score, place, scale)
    for place in range(0, len(score.edges), 4):
        body.append(_text(scale.x(place), HEIGHT - 12, f"{score.edges[place]:g}", "middle"))
    return _svg(body, f"How many people have which {score.name} score, and which parts it comes from")


def _bar(score: ScoreFact, place: int, scale: _Scale) -> Iterator[str]:
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
    yield _hover("".join(pieces), says)


class _Scale:
    """From values to places on the picture."""

    def __init__(self, steps: int, highest: float) -> None:
        self.steps = max(steps, 1)
        self.highest = max(highest, 1)

    def x(self, step: float) -> float:
        return LEFT + step / self.steps * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.highest * (HEIGHT - TOP - BOTTOM)


def nice_ticks(highest: float, count: int = 4) -> list[int]:
    """Round numbers from 0 to at least the highest, about `count` steps."""
    rough = max(highest, 1) / count
    power = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
    step = next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough and factor * power % 1 == 0
    )
    return [int(step * place) for place in range(math.ceil(highest / step) + 1)] if highest else [0, 1]


def _grid(ticks: Sequence[int], scale: _Scale) -> Iterator[str]:
    for tick in ticks:
        y = scale.y(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 8, y + 4, f"{tick:,}", "end")


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _hover(shape: str, says: str) -> str:
    return f"<g><title>{escape(says)}</title>{shape}</g>"


def _day(at: int) -> str:
    day = to_datetime(at)
    return f"{day.day} {day:%b}"


def _svg(body: Sequence[str], says: str) -> Markup:
    head = f'<svg class="picture" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label={quoteattr(says)}>'
    return Markup(head + "".join(body) + "</svg>")  # noqa: S704  (every text in it went through escape)
