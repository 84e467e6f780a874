"""Drawing: what every picture is made of. SVG that takes its colours from the page, and holds no style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from markupsafe import Markup

from shoal.model.time import to_datetime

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 52, 14, 34
COLOURS = 6
"""So many colours for parts are in the style sheet: part-1 to part-6."""


class Scale:
    """From values to places on the picture."""

    def __init__(self, steps: int, highest: float) -> None:
        self.steps = max(steps, 1)
        self.highest = max(highest, 1)

    def x(self, step: float) -> float:
        """The place of a step, from the left."""
        return LEFT + step / self.steps * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """The place of a value, from the top."""
        return HEIGHT - BOTTOM - value / self.highest * (HEIGHT - TOP - BOTTOM)


def nice_ticks(highest: float, count: int = 4) -> list[int]:
    """Round numbers from 0 to at least the highest, about `count` steps."""
    rough = max(highest, 1) / count
    power = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
    step = next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough and factor * power % 1 == 0
    )
    return [int(step * place) for place in range(math.ceil(highest / step) + 1)] if highest else [0, 1]


def grid(ticks: Sequence[int], scale: Scale) -> Iterator[str]:
    """A line for each tick, with its number."""
    for tick in ticks:
        y = scale.y(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield text_at(LEFT - 8, y + 4, f"{tick:,}", "end")


def text_at(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    """A text that begins, is centred or ends at a place."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def hover(shape: str, says: str) -> str:
    """A shape that says something to whoever points at it."""
    return f"<g><title>{escape(says)}</title>{shape}</g>"


def day_of(at: int) -> str:
    """`3 Mar`: the UTC day of a moment."""
    day = to_datetime(at)
    return f"{day.day} {day:%b}"


def svg(body: Sequence[str], says: str) -> Markup:
    """The whole picture; `says` is read aloud to who cannot see it."""
    head = f'<svg class="picture" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label={quoteattr(says)}>'
    return Markup(head + "".join(body) + "</svg>")  # noqa: S704  (every text in it went through escape)
