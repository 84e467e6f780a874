"""Slots and segments as OpenFeature's flags."""

from __future__ import annotations

import msgspec

from shoal.decide import Cause, Chooser, Context, Decider, Person, Terms
from shoal.decide.flags import REASONS, Flags
from shoal.definitions.slot import ChoiceDefinition, SlotDefinition

HERO = SlotDefinition(
    name="hero",
    choices=(
        ChoiceDefinition(
            name="discount", content={"title": "Off", "percent": 10, "dark": True}, when="count() >= 1"
        ),
        ChoiceDefinition(name="app", content={"title": "App"}, context={"device": ("mobile",)}),
    ),
    default={"title": "Welcome", "percent": 0.5},
)
CHOOSER = Chooser(slots={"hero": HERO})
MEMBER = Person(memberships={"consent:personalisation", "slot:hero:discount", "buyers"})


def flags(person: Person | None = MEMBER, device: str = "desktop", segments: tuple[str, ...] = ()) -> Flags:
    return Flags(Decider(Terms(chooser=CHOOSER), lambda: None), segments, person, Context(device=device))


def test_a_slot_is_a_flag_of_its_content() -> None:
    """With the choice as the variant, and the reason in words as metadata."""
    assert flags().find("hero") == {
        "key": "hero",
        "reason": "TARGETING_MATCH",
        "variant": "discount",
        "metadata": {"cause": "audience", "reason": '"discount" is for this person'},
        "value": {"title": "Off", "percent": 10.0, "dark": True},
    }


def test_a_field_is_a_flag_of_its_type() -> None:
    """Numbers are floats, written as such: 10 as 10.0."""
    flag = flags().find("hero.percent")
    assert flag is not None
    assert b'"value":10.0' in msgspec.json.encode(flag)
    dark = flags().find("hero.dark")
    assert dark is not None
    assert dark["value"] is True


def test_a_field_that_the_choice_lacks_has_no_value() -> None:
    """The flag is there, and the program's own default holds."""
    flag = flags(device="mobile", person=Person(memberships=None)).find("hero.percent")
    assert flag is not None
    assert flag["variant"] == "app"
    assert "value" not in flag


def test_there_are_no_other_flags() -> None:
    """Neither other slots, nor other fields, nor segments that may not be asked about."""
    for key in ("footer", "hero.colour", "hero.", "hero.title.x", "", ".", "segment.buyers", "segment."):
        assert flags().find(key) is None
    assert flags(segments=("buyers",)).find("segment.sellers") is None


def test_segments_are_truths() -> None:
    """True for members, with a variant and a reason in both cases."""
    buyers = flags(segments=("buyers", "sellers"))
    member, other = buyers.find("segment.buyers"), buyers.find("segment.sellers")
    assert member == {
        "key": "segment.buyers",
        "reason": "TARGETING_MATCH",
        "variant": "member",
        "metadata": {},
        "value": True,
    }
    assert other is not None
    assert (other["value"], other["variant"], other["reason"]) == (False, "not_member", "DEFAULT")


def test_all_flags_decide_each_slot_once() -> None:
    """However many flags a slot has; segments come last."""
    decider = Decider(Terms(chooser=CHOOSER), lambda: None)
    every = list(Flags(decider, ("buyers",), MEMBER, Context()).all())
    assert [flag["key"] for flag in every] == ["hero", "hero.title", "hero.percent", "hero.dark", "segment.buyers"]
    assert decider.decided == {("hero", "discount"): 1}


def test_while_segments_are_loaded() -> None:
    """Slots show their defaults; whether somebody is in a segment cannot be said."""
    loading = flags(person=None, segments=("buyers",))
    slot, segment = loading.find("hero"), loading.find("segment.buyers")
    assert slot is not None
    assert slot["value"] == {"title": "Welcome", "percent": 0.5}
    assert slot["metadata"]["cause"] == "not_ready"
    assert segment is not None
    assert segment["errorCode"] == "GENERAL"


def test_every_cause_has_a_reason() -> None:
    """Of those that OpenFeature knows."""
    assert set(REASONS) == set(Cause)
    assert set(REASONS.values()) <= {"TARGETING_MATCH", "STATIC", "DEFAULT"}
