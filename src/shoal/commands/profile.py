"""shoal profile"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from shoal.commands import options
from shoal.commands.screen import bar, moment, print_json, screen, table, working
from shoal.definitions.kinds import Kind
from shoal.definitions.workspace import load_workspace
from shoal.evaluate.wording import worded, worded_duration, worded_number
from shoal.model.time import format_moment
from shoal.model.value import Items, is_number
from shoal.runtime.moments import as_of_or_last
from shoal.runtime.portrait import FeatureValue, Portrait, portray

PART_WIDTH = 12


def command(
    *,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="ann, or with its kind: email:ann@example.org")],
    workspace: options.Workspace = options.HERE,
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Shows everything about one person: identifiers, consent, segments, scores, features and the last sessions.

    Without `--as-of` it is the moment of the last run.
    """
    read = load_workspace(workspace)
    at = as_of_or_last(as_of, read)
    with working(quiet=json) as told:
        portrait = portray(read, identifier, at, told=told)
    if json:
        print_json(_as_json(portrait))
    else:
        _show(portrait)


def _as_json(portrait: Portrait) -> dict[str, Any]:
    return {
        "profile": portrait.person.id,
        "as_of": format_moment(portrait.as_of),
        "identifiers": list(portrait.person.identifiers),
        "events": len(portrait.person.events),
        "consent": {
            each.purpose: {"granted": each.is_granted, "stated": each.is_stated} for each in portrait.consents
        },
        "segments": list(portrait.segments),
        "scores": {
            each.name: {"value": each.value, "parts": {part.name: part.value for part in each.parts}}
            for each in portrait.scores
        },
        "features": {each.name: {"kind": each.kind, "value": _plain(each)} for each in portrait.features},
        "sessions": [
            {
                "began": format_moment(each.began),
                "duration_ms": each.duration,
                "events": each.events,
                "names": list(each.names),
            }
            for each in portrait.sessions
        ],
    }


def _plain(feature: FeatureValue) -> object:
    """As JSON has it: moments as texts, lists as lists."""
    if feature.kind is Kind.MOMENT and is_number(feature.value):
        return format_moment(int(feature.value))
    return feature.value.decoded() if isinstance(feature.value, Items) else feature.value


def _show(portrait: Portrait) -> None:
    console = screen()
    console.print(Text.assemble((portrait.person.id, "bold"), f"  as of {moment(portrait.as_of)}"))
    others = [each for each in portrait.person.identifiers if each != portrait.person.id]
    if others:
        console.print(f"also known as {escape(', '.join(others))}", style="dim")
    _show_consent(portrait)
    segments = ", ".join(f"[bold cyan]{escape(name)}[/]" for name in portrait.segments)
    console.print(f"\n[bold]Segments[/]  {segments or 'none'}")
    if portrait.scores:
        _show_scores(portrait)
    if portrait.features:
        console.print("\n[bold]Features[/]")
        shown = table("feature", "value")
        for feature in portrait.features:
            shown.add_row(escape(feature.name), escape(worded(feature.value, feature.kind)))
        console.print(shown)
    _show_sessions(portrait)


def _show_consent(portrait: Portrait) -> None:
    words = []
    for each in portrait.consents:
        colour = "green" if each.is_granted else "red"
        word = "granted" if each.is_granted else "refused"
        words.append(f"{each.purpose} [{colour}]{word}[/]{'' if each.is_stated else ' [dim](default)[/]'}")
    screen().print("\n[bold]Consent[/]  " + ", ".join(words))


def _show_scores(portrait: Portrait) -> None:
    shown = table("score", "part", "value", "", "points", numbers=("value", "points"))
    for score in portrait.scores:
        total = "missing" if score.value is None else worded_number(round(score.value, 1))
        shown.add_row(f"[bold]{escape(score.name)}[/]", "", "", "", f"[bold]{total}[/]")
        for part in score.parts:
            if part.value is None:
                shown.add_row("", escape(part.name), "–", "[dim]left out[/]", "–")
                continue
            drawn = f"[cyan]{bar(part.value, 1, PART_WIDTH)}[/]"
            shown.add_row(
                "", escape(part.name), f"{part.value:.2f}", drawn, f"{part.points:.1f} of {part.most:.1f}"
            )
    screen().print("\n[bold]Scores[/]", shown, sep="\n")


def _show_sessions(portrait: Portrait) -> None:
    console = screen()
    if not portrait.sessions:
        console.print("\nNo sessions yet.")
        return
    shown = table("began (UTC)", "lasted", "events", "what", numbers=("events",))
    for session in portrait.sessions:
        what = ", ".join(session.names[:4]) + (" …" if len(session.names) > 4 else "")
        shown.add_row(
            worded(float(session.began), Kind.MOMENT),
            worded_duration(session.duration) if session.duration else "a moment",
            f"{session.events:,}",
            escape(what),
        )
    console.print("\n[bold]Last sessions[/]", shown, sep="\n")
