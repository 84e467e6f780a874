"""shoal backtest"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import bar, moment, print_json, progressing, screen, share, sparkline, table
from shoal.definitions.trigger import Goal
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.errors import InputError
from shoal.model.firing import Channel, Outcome
from shoal.model.time import format_moment, parse_duration
from shoal.model.zone import load_zone
from shoal.runtime.backtest import (
    BACKTEST_FILES,
    Backtest,
    Group,
    Progress,
    find_trigger,
    look_back,
    write_backtest,
)
from shoal.runtime.backtest.stretches import cut
from shoal.runtime.backtest.words import (
    CONTEXTS,
    NO_EXPERIMENT,
    WEEKDAYS,
    on_the_cost,
    on_the_goal,
    on_the_pages,
    share_of,
    worded_amount,
    worded_goal,
    worded_outcome,
    worded_status,
)
from shoal.runtime.batch import archive_of
from shoal.runtime.moments import NEWEST, newest_event, read_moment
from shoal.runtime.written import WrittenFiles

COURSE = 60
"""At most so many stretches are drawn as small bars."""


def command(
    *,
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help="The name of the trigger.")],
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="MOMENT", help="Switched on at this moment; otherwise before everything."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="MOMENT", help="The last moment; otherwise the newest event's.")
    ] = None,
    workspace: options.Workspace = options.HERE,
    price: Annotated[
        list[str] | None,
        typer.Option(
            "--price",
            metavar="AMOUNT",
            help="What one action costs: 2.5, or of one channel: email=0.02. Repeatable.",
        ),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option("--goal", metavar="EVENT", help="What is hoped for, instead of the trigger's goal."),
    ] = None,
    within: Annotated[
        str | None, typer.Option("--within", metavar="DURATION", help='In which time after it: "24 hours".')
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Without the other triggers that share its caps.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Also write a page, and every firing, to this folder."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Shows what a trigger would have done: when, for whom, at what cost, and who reached the goal anyway.

    It is the trigger as it is written now, over the events that are archived, as if it had been switched on at
    `--from`: with cooldown, caps, quiet hours, consent and the hold-out. Nothing is sent.
    """
    read = load_workspace(workspace)
    written = find_trigger(read, trigger)
    span = _span(read, since, until)
    with progressing(quiet=json) as heard:
        found = look_back(
            read,
            trigger,
            *span,
            goal=_goal(written.goal, goal, within),
            prices=_prices(price or []),
            is_alone=alone,
            progress=Progress(heard),
        )
        if out is not None:
            heard("Drawing the page", 0.97)
            WrittenFiles(workspace).note(out / name for name in BACKTEST_FILES)
            write_backtest(found, out, load_zone(read.settings.time_zone))
    if json:
        print_json(_as_json(found) | ({} if out is None else {"out": str(out)}))
        return
    _show(found, read)
    if out is not None:
        screen().print(f"Written to {escape(str(out))}: open backtest.html in a browser")


def _span(workspace: Workspace, since: str | None, until: str | None) -> tuple[int | None, int | None]:
    zone = load_zone(workspace.settings.time_zone)
    begins = None if since is None else read_moment(since, zone, option="--from")
    if until == NEWEST:
        return begins, newest_event(archive_of(workspace))
    return begins, None if until is None else read_moment(until, zone, option="--to")


def _goal(written: Goal, event: str | None, within: str | None) -> Goal:
    try:
        span = written.within if within is None else parse_duration(within)
    except ValueError as error:
        raise InputError(f"--within: {error}") from None
    if event is not None and not event.strip("* "):
        raise InputError("--goal: name an event", hint='such as "Order Completed"')
    if span <= 0:
        raise InputError("--within: the time after a firing has to be longer than nothing")
    return Goal(event=written.event if event is None else event, within=span)


def _prices(texts: list[str]) -> dict[Channel, float] | float | None:
    """`2.5` for every action, or `email=0.02` for those of a channel."""
    if not texts:
        return None
    found: dict[Channel, float] = {}
    for text in texts:
        name, equals, amount = text.rpartition("=")
        if not equals and len(texts) == 1:
            return _amount(amount)
        found[_channel(name, text)] = _amount(amount)
    return found


def _channel(name: str, text: str) -> Channel:
    try:
        return Channel(name)
    except ValueError:
        hint = f"write CHANNEL=AMOUNT with one of {', '.join(Channel)}"
        raise InputError(f"--price: {text[:80]!r} names no channel", hint=hint) from None


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < 1e12:
        raise InputError(f"--price: {text[:80]!r} is not an amount", hint="such as 2.5")
    return amount


# Showing


def _show(found: Backtest, workspace: Workspace) -> None:
    console = screen()
    title = f"  {escape(found.trigger.title)}" if found.trigger.title else ""
    console.print(f"[bold cyan]{found.trigger.name}[/]{title}")
    console.print(
        f"after [bold]{moment(found.since)}[/] up to [bold]{moment(found.until)}[/]:"
        f" {found.events:,} events of {found.profiles:,} people"
    )
    if found.beside:
        console.print(f"together with {escape(', '.join(found.beside))}, which share a cap with it", style="dim")
    for note in found.notes:
        console.print(escape(note), style="yellow")
    outcomes = found.outcomes()
    if not outcomes:
        console.print("\nNobody gave it an occasion in this time.")
        return
    _show_course(found, workspace)
    _show_outcomes(found, outcomes)
    fired = next((each for each in outcomes if each.name == Outcome.FIRED), None)
    if fired is not None:
        _show_sendings(found)
        for name in ("device", "country"):
            _show_context(found, name, fired.occasions)
        _show_clock(found)
    for sentence in (*on_the_pages(found), *on_the_goal(found), *on_the_cost(found)):
        console.print(escape(sentence))
    if fired is not None:
        console.print(NO_EXPERIMENT, style="dim")


def _show_course(found: Backtest, workspace: Workspace) -> None:
    stretches = cut(found.since + 1, found.until, load_zone(workspace.settings.time_zone))
    fired = [each.get(Outcome.FIRED, 0) for each in found.days(stretches.starts)][-COURSE:]
    if len(fired) > 1:
        most = f"at most {max(fired):,} in one {stretches.unit}"
        screen().print(f"\nfired by {stretches.unit}  [cyan]{sparkline(fired)}[/]  [dim]{most}[/]")


def _show_outcomes(found: Backtest, outcomes: list[Group]) -> None:
    shown = table(
        "outcome",
        "occasions",
        "share",
        "people",
        worded_goal(found.goal),
        numbers=("occasions", "share", "people"),
    )
    for group in outcomes:
        name = worded_outcome(group.name)
        shown.add_row(
            f"[bold]{name}[/]" if group.name == Outcome.FIRED else name,
            f"{group.occasions:,}",
            share(group.occasions, len(found.occasions)),
            f"{group.people:,}",
            share_of(group),
        )
    screen().print(shown)
    repeats = [
        f"{people:,} {'person' if people == 1 else 'people'} {_times(times)}" for times, people in found.repeats()
    ]
    if repeats:
        screen().print(f"It fired for {', '.join(repeats)}.")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _show_sendings(found: Backtest) -> None:
    shown = table("channel", "destination", "sent", "not sent", "cost", numbers=("sent", "cost"))
    for sending in found.sendings():
        others = {each: count for each, count in sending.statuses.items() if worded_status(each) != "sent"}
        shown.add_row(
            sending.channel,
            escape(sending.destination),
            f"{sending.sent:,}",
            ", ".join(f"{count:,} {worded_status(each)}" for each, count in others.items()),
            worded_amount(sending.cost),
        )
    screen().print(shown)


def _show_context(found: Backtest, name: str, whole: int) -> None:
    shown = table(CONTEXTS[name].lower(), "fired", "", worded_goal(found.goal), numbers=("fired",))
    for group in found.by_context(name):
        drawn = f"[cyan]{bar(group.occasions, whole)}[/]"
        shown.add_row(escape(group.name), f"{group.occasions:,}", drawn, share_of(group))
    screen().print(shown)


def _show_clock(found: Backtest) -> None:
    """Hours and weekdays on people's own clocks, as small bars."""
    hours = {each.name: each.occasions for each in found.by_context("local_hour")}
    days = {each.name: each.occasions for each in found.by_context("local_weekday")}
    by_hour = sparkline([hours.get(str(hour), 0) for hour in range(24)])
    by_day = sparkline([days.get(str(day), 0) for day in range(1, 8)])
    names = "".join(day[0] for day in WEEKDAYS)
    screen().print(f"on their clocks  0h [cyan]{by_hour}[/] 23h   {names} [cyan]{by_day}[/]\n")


# JSON


def _as_json(found: Backtest) -> dict[str, Any]:
    cost = found.cost()
    return {
        "trigger": found.trigger.name,
        "from": format_moment(found.since),
        "to": format_moment(found.until),
        "newest_event": format_moment(found.known_until),
        "events": found.events,
        "profiles": found.profiles,
        "beside": list(found.beside),
        "notes": list(found.notes),
        "goal": {"event": found.goal.event, "within_ms": found.goal.within},
        "outcomes": [_group_as_json(each) for each in found.outcomes()],
        "repeats": [{"times": times, "people": people} for times, people in found.repeats()],
        "context": {name: [_group_as_json(each) for each in found.by_context(name)] for name in CONTEXTS},
        "deliveries": [
            {
                "channel": each.channel,
                "destination": each.destination,
                "statuses": each.statuses,
                "cost": each.cost,
            }
            for each in found.sendings()
        ],
        "cost": {"whole": cost.whole, "decided": cost.decided, "anyway": cost.anyway},
        "pages": dict(zip(("sent", "back"), found.pages(), strict=True)),
        "typical_wait_ms": found.typical_wait(),
    }


def _group_as_json(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "occasions": group.occasions,
        "people": group.people,
        "decided": group.decided,
        "reached": group.reached,
        "likely": None if group.likely is None else list(group.likely),
    }
