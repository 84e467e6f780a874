"""Looking back: the archive and a trigger in, the backtest out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from shoal.definitions.definition import Definitions, FeatureDefinition
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.trigger import Goal, TriggerDefinition
from shoal.definitions.workspace import Workspace
from shoal.errors import InputError, NotFound
from shoal.evaluate.frozen import meanings_of
from shoal.evaluate.past import Past
from shoal.evaluate.plan import compile_plan
from shoal.identity import read_rules
from shoal.model.time import EARLIEST_MOMENT, LATEST_MOMENT, format_moment
from shoal.runtime.acting import count_fired
from shoal.runtime.backtest.goals import attainment, goal_events
from shoal.runtime.backtest.replay import Replay, followed_by, keys_of
from shoal.runtime.backtest.result import OCCASIONS, Backtest
from shoal.runtime.backtest.tables import (
    CONTEXT,
    Prices,
    actions_of,
    context_feature,
    occasions_of,
    present_names,
    with_returns,
)
from shoal.runtime.batch import archive_of
from shoal.runtime.freezing import kept_values
from shoal.runtime.population import Population, read_population


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
    keys = [*keys_of(triggers), *(("feature", context_feature(each)) for each in CONTEXT)]
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
    persons = present_names(population, [each.profile for each in own])
    activity = goal_events(population.events, profiles, Goal(event="*"))
    occasions = attainment(occasions_of(own, persons, then), goals, within=chosen_goal.within, known_until=newest)
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
        actions=with_returns(actions_of(replay.memory.deliveries, own, trigger, prices), occasions, activity),
        notes=tuple(_notes(workspace, find_trigger(workspace, name), past, newest)),
    )


# Reading


def _without_contents(trigger: TriggerDefinition) -> TriggerDefinition:
    """The trigger with actions that say nothing: filling templates in takes time, and nobody reads it."""
    return replace(trigger, actions=tuple(replace(each, content={}, values={}) for each in trigger.actions))


def _with_context(workspace: Workspace) -> Workspace:
    """The workspace with one feature more for each part of the context."""
    features = [
        FeatureDefinition(name=context_feature(name), value=written, is_implied=True)
        for name, written in CONTEXT.items()
    ]
    return replace(workspace, definitions=Definitions.of(*workspace.definitions, *features))


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
