"""Facts: everything that the report tells, as numbers, before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.definitions.resolve import Score
from shoal.definitions.workspace import Workspace
from shoal.evaluate.explain import Explanation
from shoal.evaluate.timeline import timeline
from shoal.model.time import DAY
from shoal.runtime.batch import Prepared, Results

Matrix = NDArray[np.float64]

BINS = 20
"""Into so many bars the range of a score is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFact:
    """One segment with its size; `number` is its place in the tables of the report."""

    number: int
    name: str
    title: str
    purpose: str
    description: str
    text: str
    members: int
    share: float
    is_small: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The members of one segment at the end of each day."""

    title: str
    days: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFact:
    """How many people have a score between each two edges, and how many points of it each part brings them."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    parts: Mapping[str, tuple[float, ...]]
    weights: Mapping[str, float]
    without: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentFacts:
    """Hidden intents against segments: of the people with each intent, which share is in each segment.

    Intents stand in the order of the segments that they are in most.
    """

    intents: tuple[str, ...]
    people: tuple[int, ...]
    shares: Matrix
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the report tells. `overlap[i, j]` is the share of the members of segment i who are in j too."""

    title: str
    as_of: int
    events: int
    people: int
    identifiers: int
    merges: int
    nobodys: int
    segments: tuple[SegmentFact, ...]
    overlap: Matrix
    trend: Trend | None
    score: ScoreFact | None
    intents: IntentFacts | None
    example: Explanation | None
    example_id: str
    commands: tuple[tuple[str, str], ...]


def gather_facts(
    workspace: Workspace,
    prepared: Prepared,
    results: Results,
    *,
    trend_of: str | None,
    score: str | None,
    intents: pl.DataFrame | None = None,
    example: tuple[str, Explanation] | None = None,
    commands: Sequence[tuple[str, str]] = (),
) -> Facts:
    """The facts of one run. `intents` has the true intent of each profile that is known to have one."""
    segments = _segments(workspace, results)
    members = _member_sets(results, segments)
    resolution = prepared.population.resolution
    return Facts(
        title=workspace.name,
        as_of=results.as_of,
        events=results.events,
        people=results.profiles,
        identifiers=len(resolution.node_ids),
        merges=len(resolution.merge_log),
        nobodys=results.nobodys,
        segments=segments,
        overlap=_overlap(members),
        trend=None if trend_of is None else _trend(prepared, results, trend_of),
        score=None if score is None else _score(results, score),
        intents=None if intents is None else _intents(intents, segments, results),
        example=None if example is None else example[1],
        example_id="" if example is None else example[0],
        commands=tuple(commands),
    )


def _segments(workspace: Workspace, results: Results) -> tuple[SegmentFact, ...]:
    """Every segment, the largest first."""
    sizes = results.sizes()
    written = {each.name: str(each.when) for each in workspace.definitions.segments}
    ordered = sorted(results.resolved.segments, key=lambda each: (-sizes[each.name], each.name))
    return tuple(
        SegmentFact(
            number=number,
            name=segment.name,
            title=segment.title or segment.name,
            purpose=segment.purpose,
            description=segment.description,
            text=dedent(written[segment.name]).strip(),
            members=sizes[segment.name],
            share=sizes[segment.name] / max(results.profiles, 1),
            is_small=sizes[segment.name] < workspace.settings.minimum_members,
        )
        for number, segment in enumerate(ordered, start=1)
    )


def _member_sets(results: Results, segments: Sequence[SegmentFact]) -> NDArray[np.bool_]:
    """One row for each segment, one column for each profile."""
    place = {segment.name: row for row, segment in enumerate(segments)}
    profile = results.features["profile"]
    number = pl.DataFrame({"profile": profile, "number": np.arange(len(profile))})
    rows = results.memberships.join(number, on="profile")
    sets = np.zeros((len(segments), len(profile)), np.bool_)
    sets[[place[name] for name in rows["segment"]], rows["number"].to_numpy()] = True
    return sets


def _overlap(members: NDArray[np.bool_]) -> Matrix:
    counts = members.astype(np.float64)
    sizes = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shared: Matrix = counts @ counts.T / sizes
    return shared


def _trend(prepared: Prepared, results: Results, segment: str) -> Trend:
    """Memberships at the end of every UTC day since the first event."""
    population = prepared.population
    times = population.events["occurred_at"]
    first = int(times[0]) // DAY * DAY
    changes = timeline(
        prepared.plan,
        population.events,
        population.resolution,
        since=first - 1,
        until=results.as_of,
        frozen=prepared.frozen,
        segments=[segment],
    )
    steps = np.where(changes["direction"] == "entered", 1, -1)
    running = np.concatenate([[0], np.cumsum(steps)])
    ends = [*range(first + DAY, results.as_of, DAY), results.as_of]
    places = np.searchsorted(changes["effective_at"].to_numpy(), ends, side="right")
    titles = {each.name: each.title or each.name for each in results.resolved.segments}
    return Trend(title=titles[segment], days=tuple(zip(ends, running[places].tolist(), strict=True)))


def _score(results: Results, name: str) -> ScoreFact:
    definition = next(each for each in results.resolved.scores if each.name == name)
    points = _points(results.scores, definition)
    total = results.scores[name].to_numpy()
    present = ~np.isnan(total)
    top = sum(part.weight for part in definition.node.parts)
    edges = np.linspace(0, top, BINS + 1)
    bins = np.clip(np.searchsorted(edges, total[present], side="right") - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    means = {
        part: np.bincount(bins, weights=values[present], minlength=BINS) / np.maximum(counts, 1)
        for part, values in points.items()
    }
    return ScoreFact(
        name=name,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        parts={part: tuple(values.tolist()) for part, values in means.items()},
        weights={part.name: part.weight for part in definition.node.parts},
        without=int((~present).sum()),
    )


def _points(scores: pl.DataFrame, score: Score) -> dict[str, Matrix]:
    """The points that each part brings each profile; 0 where it is left out."""
    parts = score.node.parts
    values = {part.name: scores[f"{score.name}.{part.name}"].to_numpy() for part in parts}
    whole = sum(part.weight for part in parts)
    present = sum(part.weight * ~np.isnan(values[part.name]) for part in parts)
    scale = np.divide(whole, present, out=np.zeros(len(scores)), where=np.asarray(present) > 0)
    return {part.name: np.nan_to_num(values[part.name]) * part.weight * scale for part in parts}


def _intents(intents: pl.DataFrame, segments: Sequence[SegmentFact], results: Results) -> IntentFacts:
    known = intents.unique("profile", keep="none")
    counts = dict(known.group_by("intent").len().sort("intent").iter_rows())
    inside = known.join(results.memberships, on="profile").group_by("intent", "segment").len()
    found = {(intent, segment): count for intent, segment, count in inside.iter_rows()}
    shares = np.array(
        [[found.get((intent, each.name), 0) / counts[intent] for each in segments] for intent in counts]
    ).reshape(len(counts), len(segments))
    order = np.argsort(shares.argmax(axis=1), kind="stable") if len(segments) else np.arange(len(counts))
    names = list(counts)
    return IntentFacts(
        intents=tuple(names[place] for place in order),
        people=tuple(counts[names[place]] for place in order),
        shares=shares[order],
        findings=tuple(_findings(counts, found, segments)),
    )


def _findings(
    counts: Mapping[str, int], found: Mapping[tuple[str, str], int], segments: Sequence[SegmentFact]
) -> list[str]:
    """The segments that find an intent best: how much more frequent it is among their members."""
    whole, ranked = sum(counts.values()), []
    for segment in segments:
        sizes = {intent: found.get((intent, segment.name), 0) for intent in counts}
        size = sum(sizes.values())
        if size < 30:
            continue
        intent = max(sizes, key=lambda each: sizes[each] / counts[each])
        inside, outside = sizes[intent] / size, counts[intent] / whole
        text = f"Of {segment.title}, {inside:.0%} came as {worded_intent(intent)}; of everyone, {outside:.0%}."
        ranked.append((inside / outside, text.replace("%", " %")))
    return [text for _, text in sorted(ranked, reverse=True)[:3]]


def worded_intent(intent: str) -> str:
    """`price_sensitive` as people write it."""
    return intent.replace("_", " ")
