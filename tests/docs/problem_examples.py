"""One example for each problem code: `docs/reference/problems.md` shows them, and a test provokes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shoal.collect.mapping_file import parse_mapping
from shoal.definitions.catalog import Catalog
from shoal.definitions.check import check
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import load_workspace
from shoal.enrich import check_enriching
from shoal.errors import DefinitionError, Problem
from shoal.identity.settings import check_rules

Files = Mapping[str, str]


@dataclass(frozen=True)
class EventSeen:
    """An event name that was seen, with its properties."""

    count: int
    properties: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Seen:
    """A few events, as an archive would report them."""

    events: Mapping[str, EventSeen]
    traits: tuple[str, ...] = ("plan", "email")
    context: tuple[str, ...] = ("device.type",)


SEEN = Seen({"Product Viewed": EventSeen(900, {"price": ("number",), "category": ("text",)})})


def write_files(folder: Path, files: Files) -> None:
    """Makes a folder into a workspace with these files."""
    for path, text in {SETTINGS_FILE: "name: Example\n", **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def problems_of_workspace(folder: Path, files: Files) -> list[Problem]:
    """What `shoal check` finds: with events that were seen, and segments of 12 members."""
    write_files(folder, files)
    workspace = load_workspace(folder)
    sizes = {segment.name: 12 for segment in workspace.definitions.segments if segment.name == "tiny"}
    catalog: Catalog = SEEN
    of_settings = [*check_rules(workspace.identity, SETTINGS_FILE), *check_enriching(workspace)]
    return [*of_settings, *check(workspace, catalog, sizes)]


def problems_of_mapping(_folder: Path, files: Files) -> list[Problem]:
    """What is wrong with a mapping file."""
    ((path, text),) = files.items()
    try:
        parse_mapping(text, path)
    except DefinitionError as error:
        return list(error.problems)
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A problem: what it means, files that have it, and what to do. `find` is None for one that needs data."""

    title: str
    meaning: str
    files: Files
    remedy: str
    find: Callable[[Path, Files], list[Problem]] | None = field(default=problems_of_workspace)


def segment(when: str, name: str = "eager") -> Files:
    """A workspace with one segment."""
    return {f"segments/{name}.yaml": f"segment: {name}\nwhen: {when}\n"}


def trigger(action: str, *, on: str = "{event: Product Viewed}", **more: str) -> Files:
    """A workspace with one trigger that does one thing."""
    rest = "".join(f"    {key}: {value}\n" for key, value in more.items())
    return {"triggers/hello.yaml": f"trigger: hello\non: {on}\ndo:\n  - {action}\n{rest}"}


EXAMPLES: dict[str, Example] = {
    "SH001": Example(
        title="An expression cannot be read",
        meaning="The text is not an expression: a bracket or a quote is missing, or there is nothing at all.",
        files=segment('count("Product Viewed" >= 3'),
        remedy="Close what was opened. An expression of several lines stands below `|`.",
    ),
    "SH002": Example(
        title="Not part of the language",
        meaning="It is Python, but has no meaning here. Nothing of a definition is ever run as a program.",
        files=segment('"[x for x in products]"'),
        remedy="Use the words of [the language](language.md), `and`, `or`, `not`, comparisons and `+ - * /`.",
    ),
    "SH003": Example(
        title="A word that does not exist",
        meaning="There is no word by this name.",
        files=segment('cuont("Product Viewed") >= 3'),
        remedy="Take the word of the hint, or look it up in [the language](language.md).",
    ),
    "SH004": Example(
        title="A word is used in a way that has no meaning",
        meaning="The word exists, but not with these values, or not in this place.",
        files=segment('count("Product Viewed", wthin="7 days") >= 3'),
        remedy="Compare with the word's line in [the language](language.md).",
    ),
    "SH005": Example(
        title="An expression is too large",
        meaning="At most 20,000 characters, 800 parts and 40 levels are read, so that all stays quick.",
        files=segment("not " * 45 + "everyone()"),
        remedy="Give parts of it a name as features, and put long lists into a list file.",
    ),
    "SH006": Example(
        title="A number, a length of time or a moment cannot be read",
        meaning="Numbers are exact up to 2^53; times are written like `30 minutes` and `2026-01-31T08:30:00Z`.",
        files=segment('count("Product Viewed", within="7 dayz") >= 3'),
        remedy="Write the unit in full, or an id as a text in quotes.",
    ),
    "SH007": Example(
        title="Values that do not go together",
        meaning="A length of time is compared with a number, a number with a text, and the like.",
        files=segment('time_since("Product Viewed") > 30'),
        remedy='Write both sides in the same kind: a length of time as `"30 minutes"`, a number without quotes.',
    ),
    "SH008": Example(
        title="A condition is needed",
        meaning="What stands here is a value, and a condition is true or false.",
        files=segment('count("Product Viewed")'),
        remedy="Compare it: `>= 1`. For a property that is true or false write `== true`.",
    ),
    "SH009": Example(
        title="No such definition",
        meaning="A feature, score, segment, list, destination or slot of this name does not exist.",
        files={
            "features/spent.yaml": 'feature: spent\nvalue: sum("price", of="Product Viewed")\n',
            **segment("spend > 100"),
        },
        remedy="Correct the name. Outside of `where` a bare name is a definition; inside it is a property.",
    ),
    "SH010": Example(
        title="One name for two definitions",
        meaning="A name belongs to one feature, score or segment of a workspace, to one list, trigger or slot.",
        files={
            "features/eager.yaml": 'feature: eager\nvalue: count("Product Viewed")\n',
            **segment('count("Product Viewed") > 3'),
        },
        remedy="Rename one of them.",
    ),
    "SH011": Example(
        title="A cycle",
        meaning="Definitions refer to each other in a circle, so none of them can be first.",
        files={
            "features/a.yaml": "feature: a\nvalue: b + 1\n",
            "features/b.yaml": "feature: b\nvalue: a + 1\n",
        },
        remedy="Take one reference out.",
    ),
    "SH012": Example(
        title="A file cannot be read",
        meaning="It is not YAML, or not UTF-8, or too large, or has a key twice. YAML aliases are not read.",
        files={"segments/eager.yaml": "segment: eager\nsegment: keen\nwhen: everyone()\n"},
        remedy="Save it as UTF-8 text; indent with spaces; write expressions that hold `: ` or ` #` below `|`.",
    ),
    "SH013": Example(
        title="An event that has not been seen",
        meaning="No event of this name has come in. It may be misspelled, or come later.",
        files=segment('count("Product Viewd") > 3'),
        remedy="Correct the name, or leave it when the event is still to come.",
    ),
    "SH014": Example(
        title="A property that has not been seen",
        meaning="No event of this name has come with this property; or no such trait or context was stated.",
        files=segment('maximum("prise", of="Product Viewed") > 100'),
        remedy="Correct the name. Nested properties are written with dots.",
    ),
    "SH015": Example(
        title="Never true, or always true",
        meaning="Whatever people do, the answer is the same.",
        files=segment('count("Product Viewed") > 3 and count("Product Viewed") < 2'),
        remedy="Look at the part that the place points to. If everyone is meant, write `everyone()`.",
    ),
    "SH016": Example(
        title="Also true for people who did nothing",
        meaning="Somebody who is only known by a record, with no event at all, is in this segment.",
        files=segment('not happened("Product Viewed", within="90 days")'),
        remedy="Say what they did before, or `everyone() and ...` when they are meant.",
    ),
    "SH017": Example(
        title="A small segment",
        meaning="With so few members, what is measured about them is mostly chance.",
        files=segment('count("Product Viewed") > 3', "tiny"),
        remedy="Widen it, or set `minimum_members` in [the settings](settings.md).",
    ),
    "SH018": Example(
        title="Looks back further than events are kept",
        meaning="The window is longer than `retention`, so it never holds what it says.",
        files={"shoal.yaml": "retention: 30 days\n", **segment('count("Product Viewed", within="90 days") > 3')},
        remedy="Shorten the window, or keep events longer.",
    ),
    "SH019": Example(
        title="Moves with time in a way that cannot be foreseen",
        meaning="Shoal knows when each answer changes with no new event. Here it could not.",
        files=segment('count(since=ago("1 day") + time_since_any()) > 3'),
        remedy="Let a limit of a window stand still or move as `ago(...)` does; divide by what stands still.",
    ),
    "SH020": Example(
        title="Not a name",
        meaning="Names of definitions are lower-case letters, digits and _; they begin with a letter.",
        files=segment('count("Product Viewed") > 3', "Eager-Ones"),
        remedy="Write the name people see under `name:`.",
    ),
    "SH021": Example(
        title="A pattern that cannot be used",
        meaning="Patterns are found in linear time, so that none can hang: no look-around, no back-references.",
        files=segment('|\n  count("Product Viewed", where=matches(category, "(?=shoes)")) > 3'),
        remedy="Say it with `contains`, `starts_with`, `ends_with`, `and` and `not`.",
    ),
    "SH022": Example(
        title="Weights of a score that add up to nothing",
        meaning="Weights are 0 or more, and at least one of them is more.",
        files={
            "scores/engagement.yaml": "score: engagement\nparts:\n  recency: {weight: 0, value: everyone()}\n",
        },
        remedy="Give at least one part a weight.",
    ),
    "SH023": Example(
        title="A key or a value of a file that has no meaning",
        meaning="The file can be read, but a key is unknown or missing, or its value is of another kind.",
        files={"segments/eager.yaml": "segment: eager\npurpse: ads\nwhen: everyone()\n"},
        remedy="Compare with [the files](definitions.md) and [the settings](settings.md).",
    ),
    "SH100": Example(
        title="A destination of another channel",
        meaning="The action says how it is sent, and the destination that it names is for something else.",
        files={
            "shoal.yaml": "destinations:\n  team: {slack: TEAM_HOOK_URL}\n",
            **trigger("email: team", content="{subject: Hello, text: Hello}"),
        },
        remedy="Name a destination of the action's channel, or change the channel.",
    ),
    "SH101": Example(
        title="A content that cannot be filled in",
        meaning="A template names a value that its action does not have, or holds what templates never do.",
        files=trigger(
            "page: {offer: discount, title: 'Hello {{ first_nam }}'}", values='{first_name: trait("plan")}'
        ),
        remedy="Templates know the `values` of their action and [a few filters](triggers.md#templates).",
    ),
    "SH102": Example(
        title="A purpose that does not fit what is done",
        meaning="People are asked for one thing and get another, such as e-mail because they allow analytics.",
        files={
            "shoal.yaml": 'destinations:\n  mail: {smtp: "smtp://mail.example", from: a@shop.example}\n',
            **trigger("email: mail", content="{subject: Hello, text: Hello}"),
        },
        remedy="Give the trigger the purpose of its channel. Two channels are two triggers.",
    ),
    "SH103": Example(
        title="A secret in a file",
        meaning="Settings are shared and kept under version control, so secrets have no place in them.",
        files={"shoal.yaml": 'destinations:\n  crm: {webhook: "https://crm.example", secrets: [whsec_MfKQ9r8]}\n'},
        remedy="Put it into an environment variable, and name the variable. Replace a secret that was shared.",
    ),
    "SH104": Example(
        title="A bound that lets nothing through",
        meaning="A cap of 0, or a hold-out of everybody.",
        files={"shoal.yaml": "acting:\n  caps: {email: 0}\n"},
        remedy="Raise the bound, or take the triggers out.",
    ),
    "SH105": Example(
        title="Half an audience",
        meaning="The advertising system would hear who enters and never who leaves, or the other way round.",
        files={
            "shoal.yaml": 'destinations:\n  ads: {audience: "https://ads.example"}\n',
            **trigger("audience: ads"),
        },
        remedy="Write `on: {change: ...}`.",
    ),
    "SH106": Example(
        title="What nobody sees",
        meaning="An offer on a page when the session is over; a choice of a slot below one for everybody.",
        files=trigger("page: {offer: chat, title: How can we help}", on="{session_ends: true}"),
        remedy="Act on something that happens while people are there; put the choice for everybody last.",
    ),
    "SH040": Example(
        title="An identity setting that does not exist",
        meaning="The identity rules have no setting of this name.",
        files={"shoal.yaml": "identity:\n  kindz: {}\n"},
        remedy="Compare with [the settings](settings.md#identity).",
    ),
    "SH041": Example(
        title="An identity setting of the wrong kind",
        meaning="A limit is a whole number, a list is a list of texts, a pattern can be read.",
        files={"shoal.yaml": "identity:\n  kinds:\n    email: {limit: many}\n"},
        remedy="Compare with [the settings](settings.md#identity).",
    ),
    "SH060": Example(
        title="A mapping file that has no meaning",
        meaning="`shoal import --map` cannot use this file.",
        files={"mappings/orders.yaml": "- one\n- two\n"},
        remedy="Begin with `format:` and say which column is whom, when and what.",
        find=problems_of_mapping,
    ),
    "SH061": Example(
        title="A mapping names columns that the file does not have",
        meaning="The columns of the data are others than the mapping says.",
        files={"mappings/orders.yaml": "format: csv\nname: {value: Order Completed}\nuser_id: customer\n"},
        remedy="Take the names from the first line of the file; the message lists them.",
        find=None,
    ),
    "SH080": Example(
        title="A lexicon of motives that has no meaning",
        meaning="The file holds motives, each with a list of words; a word belongs to one motive.",
        files={
            "shoal.yaml": "enrich:\n  motives: motives.yaml\n",
            "motives.yaml": "price: [cheap*, deal]\nquality: [sturdy, deal]\n",
        },
        remedy="Compare with [the file that is shipped](enrichment.md#motives).",
    ),
    "SH081": Example(
        title="A file of the enrichment that cannot be used",
        meaning="The place database or the lexicon of motives is not there, or is of another kind.",
        files={"shoal.yaml": "enrich:\n  place_database: GeoLite2-City.mmdb\n"},
        remedy="Put the file where the settings say, relative to the workspace. See [Enrichment](enrichment.md).",
    ),
}
