"""Triggers and slots from files: what they say, and every problem with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.docs.problem_examples import SEEN

from shoal.definitions.check import check
from shoal.definitions.implied import ADDRESS_FEATURE, ZONE_FEATURE
from shoal.definitions.slot import ChoiceDefinition
from shoal.definitions.slot_files import read_slots
from shoal.definitions.trigger import (
    ActionDefinition,
    Becomes,
    Changes,
    Enters,
    Goal,
    Happens,
    Leaves,
    Occasion,
    RunsOut,
    SessionEnds,
    TriggerDefinition,
)
from shoal.definitions.trigger_files import read_triggers
from shoal.definitions.workspace import load_workspace
from shoal.errors import DefinitionError, Problem
from shoal.model.consent import Purpose
from shoal.model.firing import Channel
from shoal.model.time import DAY, HOUR, MINUTE

FULL = """\
trigger: cart
name: Cart
description: A cart is left.
on: {enter: eager}
if: |
  context("device.type") == "mobile"
purpose: email
valid_for: 2 hours
cooldown: 7 days
include_present: true
dry_run: yes
transactional: true
do:
  - page: {offer: discount, title: 'Hi {{ first_name }}', code: SAVE10}
    values: {first_name: trait("first_name")}
    price: 2.5
  - webhook: crm
  - email: mail
    content:
      subject: Hello
      html: |
        <p>Hello</p>
goal: {event: Subscribed, within: 3 days}
"""


def test_a_trigger_says_all_that_a_file_can() -> None:
    """Every key of one trigger."""
    (trigger,), problems = read_triggers(FULL, "triggers/cart.yaml")
    assert problems == []
    assert trigger == TriggerDefinition(
        name="cart",
        title="Cart",
        description="A cart is left.",
        on=Enters("eager"),
        condition='context("device.type") == "mobile"\n',
        purpose=Purpose.EMAIL,
        valid_for=2 * HOUR,
        cooldown=7 * DAY,
        include_present=True,
        is_dry_run=True,
        is_transactional=True,
        goal=Goal(event="Subscribed", within=3 * DAY),
        actions=(
            ActionDefinition(
                channel=Channel.PAGE,
                content={"offer": "discount", "title": "Hi {{ first_name }}", "code": "SAVE10"},
                values={"first_name": 'trait("first_name")'},
                price=2.5,
            ),
            ActionDefinition(channel=Channel.WEBHOOK, destination="crm"),
            ActionDefinition(
                channel=Channel.EMAIL,
                destination="mail",
                content={"subject": "Hello", "html": "<p>Hello</p>"},
            ),
        ),
    )


def test_what_is_left_out_is_as_shipped() -> None:
    """A trigger needs a name, an occasion and an action."""
    (trigger,), problems = read_triggers("trigger: t\non: {leave: eager}\ndo:\n  webhook: crm\n", "t.yaml")
    assert problems == []
    action = ActionDefinition(channel=Channel.WEBHOOK, destination="crm")
    assert trigger == TriggerDefinition(name="t", on=Leaves("eager"), actions=(action,))


@pytest.mark.parametrize(
    ("text", "occasion"),
    [
        ("{enter: eager}", Enters("eager")),
        ("{leave: eager}", Leaves("eager")),
        ("{change: eager}", Changes("eager")),
        ("{event: Signed Up}", Happens("Signed Up")),
        ("{event: Signed *, where: price > 3}", Happens("Signed *", "price > 3")),
        ("{after: A, without: B, within: 30 minutes}", RunsOut(Happens("A"), Happens("B"), 30 * MINUTE)),
        (
            "{after: {event: A, where: price > 3}, without: {event: B}, within: 1 hour}",
            RunsOut(Happens("A", "price > 3"), Happens("B"), HOUR),
        ),
        ("{session_ends: true}", SessionEnds()),
        ("{when: count() > 3}", Becomes("count() > 3")),
    ],
)
def test_every_occasion(text: str, occasion: Occasion) -> None:
    """One key below `on` says which it is."""
    (trigger,), problems = read_triggers(f"trigger: t\non: {text}\ndo: [{{webhook: crm}}]\n", "t.yaml")
    assert problems == []
    assert trigger.on == occasion


def test_a_slot_says_all_that_a_file_can() -> None:
    """Choices in order, with conditions, contexts and contents; NO is a country."""
    text = """\
slot: hero
name: Hero
description: The top.
purpose: ads
choices:
  - choice: deal
    when: in_segment("eager")
    context: {device: mobile, country: [DE, NO], local_hour: 22-1, local_weekday: [6, 7], path: /shop*}
    content: {title: "10", seats: 12, ratio: 0.5, open: true}
  - choice: rest
    content: {title: Hello}
default: {title: Hi}
"""
    (slot,), problems = read_slots(text, "slots/hero.yaml")
    assert problems == []
    assert (slot.name, slot.title, slot.description, slot.purpose) == ("hero", "Hero", "The top.", Purpose.ADS)
    assert slot.default == {"title": "Hi"}
    assert slot.choices == (
        ChoiceDefinition(
            name="deal",
            when='in_segment("eager")',
            context={
                "device": ("mobile",),
                "country": ("DE", "NO"),
                "path": ("/shop*",),
                "local_hour": (22, 23, 0, 1),
                "local_weekday": (6, 7),
            },
            content={"title": "10", "seats": 12.0, "ratio": 0.5, "open": True},
        ),
        ChoiceDefinition(name="rest", content={"title": "Hello"}),
    )


# Problems

SETTINGS = """\
retention: 30 days
destinations:
  crm: {webhook: "https://crm.example/hook", secrets: [CRM_SECRET]}
  mail: {smtp: "smtp://mail.example:587", from: "Shop <hello@shop.example>"}
  team: {slack: SLACK_HOOK_URL}
  ads: {audience: "https://ads.example/track"}
"""
EAGER = 'segment: eager\nwhen: count("Product Viewed") > 3\n'
DO = "do:\n  - webhook: crm\n"
SLOT = "slot: hero\nchoices:\n  - choice: a\n    content: {title: Hi}\n"


def workspace(folder: Path, **files: str) -> Path:
    """A workspace with destinations, a segment, a slot, and these files: `triggers__t="..."`."""
    written = {"shoal": SETTINGS, "segments__eager": EAGER, "slots__hero": SLOT, **files}
    for name, text in written.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def problems(folder: Path) -> list[Problem]:
    return check(load_workspace(folder))


def with_action(action: str) -> str:
    """A trigger with this action."""
    return f"trigger: t\non: {{enter: eager}}\ndo:\n{action}"


TRIGGERS = {
    "whole": (FULL, []),
    "two": (f"trigger: t\non: {{enter: eager}}\n{DO}---\ntrigger: u\non: {{leave: eager}}\n{DO}", []),
    "not_a_mapping": ("- 3\n", ["1 SH023"]),
    "no_name": (f"on: {{enter: eager}}\n{DO}", ["1 SH023"]),
    "no_occasion": (f"trigger: t\n{DO}", ["1 SH023"]),
    "no_action": ("trigger: t\non: {enter: eager}\n", ["1 SH023"]),
    "empty_actions": ("trigger: t\non: {enter: eager}\ndo: []\n", ["3 SH023"]),
    "misspelled": (f"trigger: t\non: {{enter: eager}}\ncooldwn: 1 day\n{DO}", ["3 SH023"]),
    "two_occasions": (f"trigger: t\non: {{enter: eager, leave: eager}}\n{DO}", ["2 SH023"]),
    "unknown_occasion": (f"trigger: t\non: {{entr: eager}}\n{DO}", ["2 SH023", "2 SH023"]),
    "text_occasion": (f"trigger: t\non: eager\n{DO}", ["2 SH023", "2 SH023"]),
    "foreign_key": (f"trigger: t\non: {{enter: eager, where: price > 3}}\n{DO}", ["2 SH023"]),
    "half_a_deadline": (f"trigger: t\non: {{after: A, within: 1 hour}}\n{DO}", ["2 SH023"]),
    "no_span": (f"trigger: t\non: {{after: A, without: B, within: 0 days}}\n{DO}", ["2 SH006"]),
    "not_ended": (f"trigger: t\non: {{session_ends: false}}\n{DO}", ["2 SH023"]),
    "star": (f"trigger: t\non: {{event: A*b}}\n{DO}", ["2 SH004"]),
    "duration": (f"trigger: t\non: {{enter: eager}}\nvalid_for: 2 hourz\n{DO}", ["3 SH006"]),
    "purpose": (f"trigger: t\non: {{enter: eager}}\npurpose: fun\n{DO}", ["3 SH023"]),
    "bad_name": (f"trigger: A b\non: {{enter: eager}}\n{DO}", ["1 SH020"]),
    "twice": (f"trigger: t\non: {{enter: eager}}\n{DO}---\ntrigger: t\non: {{leave: eager}}\n{DO}", ["6 SH010"]),
    "no_segment": (f"trigger: t\non: {{enter: eagre}}\n{DO}", ["2:13 SH009"]),
    "if": (f"trigger: t\non: {{enter: eager}}\nif: |\n  everyone()\n  and cuont()\n{DO}", ["5:7 SH003"]),
    "if_value": (f'trigger: t\non: {{enter: eager}}\nif: count("A")\n{DO}', ["3:5 SH008"]),
    "when": (f"trigger: t\non:\n  when: everyone() and cuont()\n{DO}", ["3:24 SH003"]),
    "where": (f"trigger: t\non:\n  event: A\n  where: price > cheap(1)\n{DO}", ["4:18 SH003"]),
    "where_kind": (f"trigger: t\non:\n  event: A\n  where: price < 'x'\n{DO}", ["4:10 SH007"]),
    "first_where": (
        "trigger: t\non:\n  after:\n    event: A\n    where: |\n      price > 3\n      and plan > 'x'\n"
        f"  without:\n    event: B\n    where: |\n      has(plan)\n      and price < 'x'\n  within: 1 hour\n{DO}",
        ["7:11 SH007"],
    ),
    "second_where": (
        "trigger: t\non:\n  after:\n    event: A\n    where: |\n      price > 3\n      and has(plan)\n"
        f"  without:\n    event: B\n    where: |\n      has(plan)\n      and price < 'x'\n  within: 1 hour\n{DO}",
        ["12:11 SH007"],
    ),
    "no_channel": (with_action("  - values: {a: count()}\n"), ["4 SH023"]),
    "two_channels": (with_action("  - webhook: crm\n    email: mail\n"), ["4 SH023"]),
    "not_an_action": (with_action("  - 3\n"), ["4 SH023"]),
    "no_destination": (with_action("  - webhook:\n"), ["4 SH023", "4 SH023"]),
    "unknown_destination": (with_action("  - webhook: crmm\n"), ["4:14 SH009"]),
    "other_channel": (with_action("  - webhook: team\n"), ["4:14 SH100"]),
    "no_content": (with_action("  - slack: team\n"), ["4 SH023"]),
    "no_subject": (with_action("  - email: mail\n    content: {text: Hi}\n"), ["5 SH023", "4:12 SH102"]),
    "no_text": (with_action("  - email: mail\n    content: {subject: Hi}\n"), ["5 SH023", "4:12 SH102"]),
    "content_of_a_webhook": (with_action("  - webhook: crm\n    content: {text: Hi}\n"), ["5 SH023"]),
    "page_and_content": (with_action("  - page: {offer: chat}\n    content: {title: Hi}\n"), ["5 SH023"]),
    "unknown_content": (with_action("  - page: {offer: chat, titel: Hi}\n"), ["4 SH023"]),
    "unknown_offer": (with_action("  - page: {offer: free_money, title: Hi}\n"), ["4 SH023"]),
    "unknown_slot": (with_action("  - page: {offer: chat, title: Hi, slot: hreo}\n"), ["4:42 SH009"]),
    "known_slot": (with_action("  - page: {offer: chat, title: Hi, slot: hero}\n"), []),
    "negative_price": (with_action("  - webhook: crm\n    price: -1\n"), ["5 SH023"]),
    "value": (with_action("  - webhook: crm\n    values:\n      a: cuont()\n"), ["6:10 SH003"]),
    "value_name": (with_action("  - webhook: crm\n    values: {if: count()}\n"), ["5:18 SH020"]),
    "value_known": (with_action("  - webhook: crm\n    values: {profile: count()}\n"), ["5:23 SH010"]),
    "template": (
        with_action("  - slack: team\n    content:\n      text: |\n        Hello\n        {{ nobody }}\n"),
        ["8:9 SH101"],
    ),
    "two_lines": (with_action('  - page: {offer: chat, title: "a\\nb"}\n'), ["4:33 SH101"]),
    "script_address": (with_action("  - page: {offer: chat, url: 'javascript:alert(1)'}\n"), ["4:31 SH101"]),
    "script": (
        with_action("  - email: mail\n    content: {subject: Hi, html: <script>x</script>}\n"),
        ["5:34 SH101", "4:12 SH102"],
    ),
    "audience": (with_action("  - audience: ads\n"), ["4:15 SH102", "4:15 SH105"]),
    "long_deadline": (
        f"trigger: t\non: {{after: A, without: B, within: 40 days}}\n{DO}",
        ["2:13 SH018"],
    ),
    "never": (f'trigger: t\non: {{when: count("A") > 3 and count("A") < 2}}\n{DO}', ["2:12 SH015"]),
    "always": (f"trigger: t\non: {{enter: eager}}\nif: count() >= 0\n{DO}", ["3:5 SH015"]),
}
"""Files of triggers, with the place and code of every problem that they have."""


@pytest.mark.parametrize("name", TRIGGERS)
def test_every_problem_of_a_trigger_has_a_place(name: str, tmp_path: Path) -> None:
    """In the trigger's own file, and nothing else is found."""
    text, expected = TRIGGERS[name]
    found = problems(workspace(tmp_path, triggers__t=text))
    assert [f"{each.place} {each.code}" for each in found] == [f"triggers/t.yaml:{each}" for each in expected], (
        found
    )
    assert not any("trigger:" in each.message + each.hint for each in found if each.code != "SH023")


SLOTS = {
    "nothing": ("slot: s\n", ["1 SH023"]),
    "misspelled": ("slot: s\nchoises: []\n", ["1 SH023", "2 SH023"]),
    "no_content": ("slot: s\nchoices:\n  - choice: a\n", ["3 SH023"]),
    "no_choice": ("slot: s\nchoices:\n  - content: {a: b}\n", ["3 SH023"]),
    "list_content": ("slot: s\nchoices:\n  - choice: a\n    content: {a: [1]}\n", ["4 SH023"]),
    "name": ("slot: s\nchoices:\n  - choice: A\n    content: {a: b}\n", ["3:13 SH020"]),
    "default": ("slot: s\nchoices:\n  - choice: default\n    content: {a: b}\n", ["3:13 SH010"]),
    "same_slot": ("slot: hero\nchoices:\n  - choice: a\n    content: {a: b}\n", ["1 SH010"]),
    "when": ("slot: s\nchoices:\n  - choice: a\n    when: in_segment('x')\n    content: {a: b}\n", ["4:11 SH009"]),
    "context": (
        "slot: s\nchoices:\n  - choice: a\n    context: {devise: mobile}\n    content: {a: b}\n",
        ["4 SH023"],
    ),
    "hour": (
        "slot: s\nchoices:\n  - choice: a\n    context: {local_hour: 24}\n    content: {a: b}\n",
        ["4 SH023"],
    ),
    "weekday": (
        "slot: s\nchoices:\n  - choice: a\n    context: {local_weekday: [monday]}\n    content: {a: b}\n",
        ["4 SH023"],
    ),
    "script": (
        "slot: s\nchoices:\n  - choice: a\n    content: {url: ' JavaScript:alert(1)'}\n",
        ["4:22 SH101"],
    ),
    "script_in_default": (
        "slot: s\nchoices:\n  - choice: a\n    content: {a: b}\ndefault: {a: '<img src=x onerror=alert(1)>'}\n",
        ["5:15 SH101"],
    ),
    "twice": (
        "slot: s\nchoices:\n"
        "  - {choice: a, when: count() > 1, content: {a: b}}\n  - {choice: a, content: {a: b}}\n",
        ["4:14 SH010"],
    ),
    "shadowed": (
        "slot: s\nchoices:\n  - {choice: a, content: {a: b}}\n  - {choice: c, content: {a: b}}\n",
        ["3:14 SH106"],
    ),
}
"""Files of slots, with the place and code of every problem that they have."""


@pytest.mark.parametrize("name", SLOTS)
def test_every_problem_of_a_slot_has_a_place(name: str, tmp_path: Path) -> None:
    """In the slot's own file, and nothing else is found."""
    text, expected = SLOTS[name]
    found = problems(workspace(tmp_path, slots__s=text))
    assert [f"{each.place} {each.code}" for each in found] == [f"slots/s.yaml:{each}" for each in expected], found


def test_a_name_close_to_the_one_that_is_meant_is_a_hint(tmp_path: Path) -> None:
    """Of segments, destinations, slots, keys and values; never an implied one."""
    text = with_action(
        "  - webhook: crmm\n  - page: {offer: discont, slot: hreo, title: '{{ first_nam }}'}\n"
        "    values: {first_name: count()}\n"
    ).replace("enter: eager", "enter: eagre")
    hints = {each.hint for each in problems(workspace(tmp_path, triggers__t=text))}
    assert hints == {
        "did you mean eager?",
        'did you mean "crm"?',
        'did you mean "hero"?',
        'did you mean "first_name"?',
        "did you mean discount?",
    }


def test_acting_needs_what_evaluating_does_not(tmp_path: Path) -> None:
    """A destination that is not there stops the triggers, and no evaluation of segments."""
    read = load_workspace(workspace(tmp_path, triggers__t=with_action("  - webhook: crmm\n")))
    assert [each.name for each in read.resolve().segments] == ["eager"]
    with pytest.raises(DefinitionError, match="there is no destination named crmm"):
        read.resolve_acting()


def test_what_is_kept_to_act_on_it(tmp_path: Path) -> None:
    """The named definitions, and what the triggers and slots need."""
    read = load_workspace(workspace(tmp_path, triggers__t=FULL))
    assert [each.name for each in read.resolve().segments] == ["eager"]
    assert {each.name for each in read.resolve_acting().segments} == {
        "eager",
        "trigger:cart",
        "trigger:cart:if",
        "slot:hero:a",
        "consent:email",
        "consent:personalisation",
    }
    features = {each.name for each in read.resolve_acting().features}
    assert features == {"trigger:cart:1:first_name", ZONE_FEATURE, ADDRESS_FEATURE}


def test_names_are_compared_with_what_was_seen(tmp_path: Path) -> None:
    """Events, properties and goals of triggers and slots, each at its place; never of what is implied."""
    trigger = """\
trigger: t
on:
  event: Product Viewd
  where: prise > 3
if: count("Product Viewed", where=prise > 3) > 1
do:
  - webhook: crm
    values:
      price: last("prise", of="Product Viewed")
goal: {event: Order Completd, within: 1 day}
---
trigger: u
on: {after: Product Viewed, without: Product Viewd, within: 1 hour}
do: [{webhook: crm}]
"""
    slot = 'slot: s\nchoices:\n  - choice: a\n    when: happened("Product Viewd")\n    content: {a: b}\n'
    folder = workspace(tmp_path, triggers__t=trigger, slots__s=slot)
    found = check(load_workspace(folder), SEEN)
    assert [f"{each.place} {each.code} {each.hint}" for each in found] == [
        'slots/s.yaml:4:11 SH013 did you mean "Product Viewed"?',
        'triggers/t.yaml:3:10 SH013 did you mean "Product Viewed"?',
        'triggers/t.yaml:5:5 SH014 did you mean "price"?',
        'triggers/t.yaml:9:14 SH014 did you mean "price"?',
        "triggers/t.yaml:10:15 SH013 ",
        'triggers/t.yaml:13:38 SH013 did you mean "Product Viewed"?',
    ]
