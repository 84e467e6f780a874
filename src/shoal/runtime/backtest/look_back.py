"""Looking back: the archive and a trigger in, the backtest out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from shoal.definitions.definition import Definitions, FeatureDefinition
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.trigger import ActionDefinition, Goal, TriggerDefinition
from shoal.definitions.workspace import Workspace
from shoal.errors import InputError, NotFound
from shoal.evaluate.frozen import meanings_of
from shoal.evaluate.past import Past
from shoal.evaluate.plan import compile_plan
from shoal.identity import read_rules
from shoal.model.firing import Channel, Delivery, Firing, Status
from shoal.model.time import EARLIEST_MOMENT, LATEST_MOMENT, format_moment
from shoal.runtime.acting import count_fired
from shoal.runtime.backtest.goals import attainment, goal_events
from shoal.runtime.backtest.replay import Replay, followed_by, keys_of
from shoal.runtime.backtest.result import ACTIONS, OCCASIONS, Backtest
from shoal.runtime.backtest.then import Then
from shoal.runtime.batch import archive_of
from shoal.runtime.freezing import kept_values
from shoal.runtime.population import Population, read_population

CONTEXT: Mapping[str, str] = {
    "device": 'context("device.type")',
    "country": 'context("location.country")',
    "local_hour": "local_hour()",
    "local_weekday": "local_weekday()",
}
"""In which context a trigger fired, as expressions: what was last known of the person at that moment."""

Prices = Mapping[Channel, float]


@dataclass(frozen=True, slots=True)
class Progress:
    """Who hears how it goes: what is being done, and which share of all is done, 0 to 1."""

    heard: Callable[[str, float], None] = lambda _what, _share: None

    def part(self, what: str, begins: float, ends: float) -> Callable[[float], None]:
        """For a part of the work: it hears the share of that part."""
        self.heard(what, begins)
        return lambda share: self.heard(what, begins + share * (ends - begins))


def find_trigger(workspace: Workspace, name: str) -> TriggerDefinition:
    """The trigger of a name. Raises NotFound, with what was meant; DefinitionError when files are unreadable."""
    names = [each.name for each in workspace.triggers]
    for trigger in workspace.triggers:
        if trigger.name == name:
            return trigger
    workspace.resolve_acting()
    close = difflib.get_close_matches(name, names, 1)
    known = (
        f"there are {', '.join(names)}" if names else "none is defined yet; write one: triggers/my_trigger.yaml"
    )
    raise NotFound(f"there is no trigger named {name[:80]}", hint=f"did you mean {close[0]}?" if close else known)


def sharing_a_cap(workspace: Workspace, trigger: TriggerDefinition) -> list[TriggerDefinition]:
    """The other triggers whose deliveries count for a cap that those of this one count for, too."""
    if trigger.is_transactional:
        return []
    capped = {each.channel for each in trigger.actions} & workspace.acting.caps.keys()
    return [
        each
        for each in workspace.triggers
        if each.name != trigger.name
        and not each.is_dry_run
        and not each.is_transactional
        and capped & {action.channel for action in each.actions}
    ]


def look_back(
    workspace: Workspace,
    name: str,
    since: int | None,
    until: int | None,
    *,
    goal: Goal | None = None,
    prices: Prices | float | None = None,
    is_alone: bool = False,
    progress: Progress | None = None,
) -> Backtest:
    """What the trigger of a name would have done after `since` and up to `until`, as if switched on at `since`.

    Without them, everything that is archived is looked at. `goal` and `prices` stand before those that the trigger
    states; a single price is that of every action. Triggers that share a cap run along, unless it `is_alone`.
    Raises NotFound, InputError for a stretch that is empty, and DefinitionError for definitions that have no
    meaning.
    """
    progress = progress or Progress()
    trigger = replace(find_trigger(workspace, name), is_dry_run=False)
    beside = [] if is_alone else sharing_a_cap(workspace, trigger)
    triggers = [_without_contents(each) for each in (trigger, *beside)]
    keys = [*keys_of(triggers), *(("feature", _context_name(each)) for each in CONTEXT)]
    resolved = _with_context(workspace).resolve_acting()
    plan = compile_plan(resolved, [*keys, *(("segment", each) for each in followed_by(triggers))])
    progress.heard("Reading events", 0.0)
    population = _everybody(workspace, sorted(plan.columns))
    since, until, newest = _stretch(population, since, until)
    progress.heard("Laying out histories", 0.2)
    past = Past(
        plan,
        population.events,
        population.resolution,
        since=since,
        until=until,
        frozen=kept_values(workspace.folder, plan),
    )
    replay = Replay(past, triggers, workspace.acting, keys=keys, zone=workspace.settings.time_zone)
    then = replay.run(heard=progress.part("Following people through time", 0.3, 0.95))
    progress.heard("Finding out who reached the goal", 0.95)
    own = [firing for firing, _ in replay.memory.firings if firing.trigger == name]
    chosen_goal = goal or trigger.goal
    profiles = population.resolution.profile_ids()
    goals = goal_events(population.events, profiles, chosen_goal)
    persons = _persons(population, [each.profile for each in own])
    activity = goal_events(population.events, profiles, Goal(event="*"))
    occasions = attainment(_occasions(own, persons, then), goals, within=chosen_goal.within, known_until=newest)
    return Backtest(
        trigger=trigger,
        since=since,
        until=until,
        known_until=newest,
        goal=chosen_goal,
        beside=tuple(each.name for each in beside),
        events=int((population.events["occurred_at"] <= until).sum()),
        profiles=len(set(past.lives.profile.tolist()) - set(past.lives.ended.tolist())),
        occasions=occasions.select(OCCASIONS.keys()),
        actions=_with_returns(_actions(replay.memory.deliveries, own, trigger, prices), occasions, activity),
        notes=tuple(_notes(workspace, find_trigger(workspace, name), past, newest)),
    )


# Reading


def _without_contents(trigger: TriggerDefinition) -> TriggerDefinition:
    """The trigger with actions that say nothing: filling templates in takes time, and nobody reads it."""
    return replace(trigger, actions=tuple(replace(each, content={}, values={}) for each in trigger.actions))


def _with_context(workspace: Workspace) -> Workspace:
    """The workspace with one feature more for each part of the context."""
    features = [
        FeatureDefinition(name=_context_name(name), value=written, is_implied=True)
        for name, written in CONTEXT.items()
    ]
    return replace(workspace, definitions=Definitions.of(*workspace.definitions, *features))


def _context_name(name: str) -> str:
    return f"context:{name}"


def _everybody(workspace: Workspace, columns: Sequence[str]) -> Population:
    """Everyone, with all events: those after the stretch say who people are by now, and who reached the goal."""
    archive = archive_of(workspace)
    rules = read_rules(workspace.identity, SETTINGS_FILE)
    kept = [column for column in columns if column in archive.columns()]
    return read_population(archive, rules, kept, LATEST_MOMENT)


def _stretch(population: Population, since: int | None, until: int | None) -> tuple[int, int, int]:
    """From when to when to look, and the moment of the newest event."""
    times = population.events["occurred_at"]
    if not len(times):
        raise InputError("there are no events to look back at yet", hint="shoal import FILES --map MAPPING")
    oldest, newest = int(times[0]), int(times[-1])
    begins = max(oldest - 1, EARLIEST_MOMENT) if since is None else since
    ends = newest if until is None else until
    if begins >= ends:
        hint = f"there are events from {format_moment(oldest)} to {format_moment(newest)}"
        raise InputError("--from is not before --to: nothing lies between them", hint=hint)
    return begins, ends, newest


def _notes(workspace: Workspace, trigger: TriggerDefinition, past: Past, newest: int) -> Iterator[str]:
    """What is otherwise than it would be in life, and is no rule of the backtest."""
    if fired := count_fired(workspace.folder, trigger.name, past.since, past.until):
        times = "once" if fired == 1 else f"{fired:,} times"
        yield f"It really fired {times} in this time: who reached the goal may have done so because of it."
    if trigger.is_dry_run:
        yield "The trigger is in a dry run; it is looked at as if it were not."
    if past.until > newest:
        yield f"The newest event is of {format_moment(newest)}: after it only time passes."
    if meanings_of(past.plan.roots):
        if past.frozen.as_of is None:
            yield "Ranks and purchase models were never refreshed, so nobody has any: shoal run --refresh."
        else:
            refreshed = format_moment(past.frozen.as_of)
            yield f"Ranks and purchase models are those of {refreshed}, also for the moments before."


# Telling


def _persons(population: Population, profiles: Sequence[str]) -> list[str]:
    """Who profiles are at present."""
    names = population.resolution.node_ids
    known = pl.DataFrame({"profile": names, "person": names.gather(population.roots)})
    asked = pl.DataFrame({"profile": profiles}, schema={"profile": pl.String})
    found: list[str] = asked.join(known, on="profile", how="left", maintain_order="left")["person"].to_list()
    return found


def _occasions(firings: Sequence[Firing], persons: Sequence[str], then: Then) -> pl.DataFrame:
    """A row for each firing, with its context."""
    asked = [(firing.profile, firing.effective_at) for firing in firings]
    contexts = then.features_of_persons(asked, [_context_name(each) for each in CONTEXT])
    rows = [
        (
            firing.id,
            firing.effective_at,
            firing.profile,
            person,
            firing.direction.value,
            firing.outcome.value,
            firing.reason,
            *(context[_context_name(each)] for each in CONTEXT),
        )
        for firing, person, context in zip(firings, persons, contexts, strict=True)
    ]
    schema = {name: kind for name, kind in OCCASIONS.items() if not name.startswith("goal")}
    return pl.DataFrame(rows, schema=schema, orient="row", strict=False)


def _actions(
    deliveries: Sequence[Delivery],
    firings: Sequence[Firing],
    trigger: TriggerDefinition,
    prices: Prices | float | None,
) -> pl.DataFrame:
    """A row for each delivery of the trigger."""
    fired_at = {firing.id: firing.effective_at for firing in firings}
    price_of = {number: _price(action, prices) for number, action in enumerate(trigger.actions, start=1)}
    rows = [
        (
            each.id,
            each.firing,
            fired_at[each.firing],
            each.channel.value,
            each.destination,
            each.status.value,
            each.reason,
            each.not_before,
            each.expires_at,
            price_of[int(each.id.rpartition("_")[2])] if each.status is Status.DELIVERED else 0.0,
        )
        for each in deliveries
        if each.trigger == trigger.name
    ]
    schema = {name: kind for name, kind in ACTIONS.items() if name != "back_at"}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _with_returns(actions: pl.DataFrame, occasions: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """The same with `back_at`: for pages that are sent, when the person is active next, before they expire."""
    persons = actions.join(occasions.select("firing", "person"), on="firing", maintain_order="left")
    found = persons.with_row_index("place").sort("not_before")
    found = found.join_asof(
        activity.rename({"goal_at": "back_at"}),
        left_on="not_before",
        right_on="back_at",
        by="person",
        strategy="forward",
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    is_page = (pl.col("channel") == Channel.PAGE.value) & (pl.col("status") == Status.DELIVERED.value)
    is_back = is_page & (pl.col("back_at") < pl.col("expires_at"))
    return found.with_columns(pl.when(is_back).then("back_at")).sort("place").select(ACTIONS.keys())


def _price(action: ActionDefinition, prices: Prices | float | None) -> float:
    """What one such action costs: as asked, or else as the trigger states."""
    if prices is None:
        return action.price
    return prices.get(action.channel, action.price) if isinstance(prices, Mapping) else prices
