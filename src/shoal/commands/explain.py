"""shoal explain"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, working
from shoal.definitions.kinds import Kind
from shoal.definitions.workspace import load_workspace
from shoal.evaluate.explain import Evidence, Explanation, Reason, Share
from shoal.evaluate.wording import worded_moment, worded_number
from shoal.model.time import NEVER, format_moment
from shoal.runtime.explaining import explain_membership
from shoal.runtime.moments import as_of_or_last

GUIDE = "grey50"
JOINED = {"all": "all of these", "any": "at least one of these"}


def command(
    *,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="ann, or with its kind: email:ann@example.org")],
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="The name of the segment.")],
    workspace: options.Workspace = options.HERE,
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Shows why a person is in a segment, or not: each condition, the values found, and the events that decided.

    Without `--as-of` it is the moment of the last run.
    """
    read = load_workspace(workspace)
    at = as_of_or_last(as_of, read)
    with working(quiet=json) as told:
        person, explanation = explain_membership(read, identifier, segment, at, told=told)
    if json:
        print_json({"profile": person.id, **_as_json(explanation)})
    else:
        _show(person.id, explanation)


def _show(profile: str, explanation: Explanation) -> None:
    console = screen()
    is_in = ("is in", "bold green") if explanation.is_member else ("is not in", "bold red")
    head = Text.assemble((profile, "bold"), " ", is_in, " ", (explanation.segment, "bold cyan"))
    head.append(f"  as of {moment(explanation.now)}")
    tree = Tree(head, guide_style=GUIDE)
    for reason in explanation.root.below:
        if reason.text != "everyone()" or not reason.holds:
            _grow(tree, reason)
    console.print(tree)
    console.print(Text(_outlook(explanation), style="dim"))


def _outlook(explanation: Explanation) -> str:
    verb = "Leaves" if explanation.is_member else "Enters"
    match explanation.changes_at:
        case None:
            return "Nothing changes for more than a year without a new event."
        case at if at == NEVER:
            return "Nothing changes without a new event."
        case at:
            return f"{verb} at {moment(at)} if nothing else happens."


def _grow(tree: Tree, reason: Reason) -> None:
    """The branch of a reason. What a comparison or a `not` is about stands on its line, its events under it."""
    branch = tree.add(_line(reason).append(_remark(reason.about), style="dim"))
    if reason.about.evidence is not None:
        for line in _witnesses(reason.about.evidence):
            branch.add(line)
    for below in reason.about.below:
        _grow(branch, below)


def _line(reason: Reason) -> Text:
    line = _mark(reason)
    if reason.share is not None:
        return line.append_text(_share(reason, reason.share))
    if reason.joins in ("all", "any") and len(reason.below) > 1:
        line.append(JOINED[reason.joins], style="bold")
        return line
    line.append(reason.text)
    if reason.joins == "compare" and reason.about is not reason:
        line.append("  found ", style="dim")
        line.append(reason.about.found, style="bold")
    elif reason.kind is not Kind.TRUTH:
        line.append("  = ", style="dim")
        line.append(reason.found, style="bold")
    return line


def _mark(reason: Reason) -> Text:
    if reason.share is not None or reason.kind is not Kind.TRUTH:
        return Text.assemble(("· ", "dim"))
    return Text.assemble(("✓ ", "bold green") if reason.holds else ("✗ ", "bold red"))


def _share(reason: Reason, share: Share) -> Text:
    if share.value is None:
        return Text.assemble((share.name, "bold"), " ", ("missing, left out", "bold"), (f"  {reason.text}", "dim"))
    points, most = (worded_number(round(each, 1)) for each in (share.points, share.most))
    found = (f"{share.value:.2f}", "bold")
    return Text.assemble(
        (share.name, "bold"), " ", found, f"  {points} of {most} points", (f"  {reason.text}", "dim")
    )


def _remark(reason: Reason) -> str:
    """What is said behind a reason: its note, or that there was no event to decide by."""
    nothing = reason.evidence is not None and reason.evidence.count == 0
    note = reason.note or ("no such event" if nothing else "")
    return f"  {note}" if note else ""


def _witnesses(evidence: Evidence) -> Iterator[Text]:
    """The events that decided."""
    hidden = evidence.count - len(evidence.latest)
    if hidden > 0:
        shown = "the latest" if len(evidence.latest) > 1 else "the one that decided"
        yield Text(f"{evidence.count} events; {shown}:", style="dim")
    for event in evidence.latest:
        yield Text.assemble((worded_moment(event.at), "cyan"), "  ", event.name, "  ", (event.message_id, "dim"))


def _as_json(explanation: Explanation) -> dict[str, Any]:
    at = explanation.changes_at
    return {
        "segment": explanation.segment,
        "purpose": explanation.purpose,
        "as_of": format_moment(explanation.now),
        "is_member": explanation.is_member,
        "changes_at": None if at is None or at == NEVER else format_moment(at),
        "reason": _reason_as_json(explanation.root),
    }


def _reason_as_json(reason: Reason) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "text": reason.text,
        "kind": reason.kind,
        "answer": reason.answer,
        "found": reason.found,
    }
    for name in ("joins", "wanted", "note"):
        if getattr(reason, name):
            answer[name] = getattr(reason, name)
    if reason.share is not None:
        part = reason.share
        answer["part"] = {
            "name": part.name,
            "weight": part.weight,
            "value": part.value,
            "points": part.points,
            "most": part.most,
        }
    if reason.evidence is not None:
        answer["evidence"] = {
            "count": reason.evidence.count,
            "latest": [
                {"at": format_moment(each.at), "name": each.name, "message_id": each.message_id}
                for each in reason.evidence.latest
            ],
        }
    if reason.below:
        answer["below"] = [_reason_as_json(each) for each in reason.below]
    return answer
