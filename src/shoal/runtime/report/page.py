"""The page: facts into HTML, with a policy that lets nothing in from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from shoal import __version__
from shoal.definitions.kinds import Kind
from shoal.evaluate.explain import Explanation, Reason
from shoal.evaluate.wording import worded_moment
from shoal.model.time import NEVER, to_datetime
from shoal.runtime.report.drawing import COLOURS
from shoal.runtime.report.facts import Facts, worded_intent
from shoal.runtime.report.pictures import score_picture, trend_picture

HEAT_LEVELS = 10


def render_page(facts: Facts) -> str:
    """The report as one HTML document."""
    return render(
        "shoal.runtime.report",
        facts=facts,
        day=long_day(facts.as_of),
        trend_picture=None if facts.trend is None else trend_picture(facts.trend),
        score_picture=None if facts.score is None else score_picture(facts.score),
        colours=COLOURS,
        lines=[] if facts.example is None else list(_lines(facts.example)),
        outlook="" if facts.example is None else _outlook(facts.example),
    )


def render(package: str, **content: object) -> str:
    """`page.html` of a package, in the style of the house, with the policy that belongs to it."""
    style = resources.files("shoal.runtime.report").joinpath("style.css").read_text("utf-8")
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "heat": heat,
        "moment": worded_moment,
        "intent": worded_intent,
        "number": lambda value: f"{value:,}",
    }
    return environment.get_template("page.html").render(
        **content,
        policy=policy(style),
        style=Markup(style),  # noqa: S704  (our own file)
        version=__version__,
    )


def policy(style: str) -> str:
    """The content security policy: nothing from anywhere, and no style but this one."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def percent(share: float) -> str:
    """A share in percent, whole unless it is small."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"


def heat(share: float) -> int:
    """How strongly a share is coloured: 0 for none, to 10 for all."""
    return 0 if share == 0 else max(1, round(share * HEAT_LEVELS))


def long_day(at: int) -> str:
    """A moment as people say it, in UTC."""
    day = to_datetime(at)
    return f"{day.day} {day:%B %Y, %H:%M} UTC"


def _lines(explanation: Explanation) -> Iterator[dict[str, object]]:
    """The reasons as indented lines; what is true of everyone is left out."""
    for reason in explanation.root.below:
        if reason.text != "everyone()" or not reason.holds:
            yield from _lines_of(reason, 0)


def _lines_of(reason: Reason, depth: int) -> Iterator[dict[str, object]]:
    is_group = reason.joins in ("all", "any") and len(reason.below) > 1
    words = {"all": "all of these", "any": "at least one of these"}
    told = reason.about
    has_value = told.kind is not Kind.TRUTH and not is_group
    yield {
        "depth": min(depth, 8),
        "mark": ("yes" if reason.holds else "no") if reason.kind is Kind.TRUTH else "value",
        "text": words[reason.joins] if is_group else reason.text,
        "is_group": is_group,
        "found": told.found if has_value else "",
        "note": told.note,
        "events": () if told.evidence is None else told.evidence.latest,
        "more": 0 if told.evidence is None else told.evidence.count - len(told.evidence.latest),
    }
    for below in told.below:
        yield from _lines_of(below, depth + 1)


def _outlook(explanation: Explanation) -> str:
    verb = "leaves" if explanation.is_member else "enters"
    if explanation.changes_at is None or explanation.changes_at == NEVER:
        return ""
    return f"Without any new event this person {verb} the segment at {worded_moment(explanation.changes_at)} UTC."
