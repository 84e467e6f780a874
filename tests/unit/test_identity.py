"""Who owns which event: the rules one by one, told by batch and by the replay."""

from __future__ import annotations

from collections import defaultdict

from shoal.identity import IdentityRules, KindRule, owners, resolve
from shoal.model.event import Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.model.identifier import Identifier

Owned = dict[str, list[int]]


def story(*lines: str) -> list[Event]:
    """Events at moments 0, 1, 2…, each written as `user=ann device=d1 email=a@x.com` or `was=old user=ann`."""
    return [_event(place, dict(part.split("=", 1) for part in line.split())) for place, line in enumerate(lines)]


def _event(place: int, words: dict[str, str]) -> Event:
    traits = {f"traits.{kind}": words[kind] for kind in ("email", "phone", "card") if kind in words}
    kind = EventKind.ALIAS if "was" in words else EventKind.IDENTIFY if traits else EventKind.TRACK
    return Event(
        position=place,
        message_id=f"m{place}",
        kind=kind,
        name="",
        occurred_at=place,
        received_at=place,
        user_id=words.get("user"),
        anonymous_id=words.get("device"),
        previous_id=words.get("was"),
        fields=traits,
    )


def owned(events: list[Event], rules: IdentityRules | None = None, as_of: int | None = None) -> Owned:
    """The moments of each profile's events, when batch and replay agree on them."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place, profile in enumerate(resolve(frame_of_events(events), rules).profile_ids(as_of)):
        if profile is not None and (as_of is None or place <= as_of):
            found[profile].append(place)
    told = owners(events, rules, as_of)
    assert found == {profile: [event.occurred_at for event in its] for profile, its in told.items()}
    return dict(found)


def test_first_identify_gives_the_anonymous_past_to_that_user() -> None:
    events = story("device=d1", "user=ann device=d1", "device=d1")
    assert owned(events, as_of=0) == {"anonymous_id:d1": [0]}
    assert owned(events) == {"user_id:ann": [0, 1, 2]}


def test_second_user_of_a_device_gets_its_later_anonymous_events_and_never_the_first_user() -> None:
    events = story("device=d1", "user=ann device=d1", "device=d1", "user=bob device=d1", "device=d1")
    assert owned(events) == {"user_id:ann": [0, 1, 2], "user_id:bob": [3, 4]}


def test_owner_who_comes_back_to_a_device_owns_it_again() -> None:
    events = story("user=ann device=d1", "user=bob device=d1", "user=ann device=d1", "device=d1")
    assert owned(events) == {"user_id:ann": [0, 2, 3], "user_id:bob": [1]}


def test_email_becomes_part_of_the_user_who_states_it() -> None:
    events = story("email=a@x.com device=d1", "device=d1", "user=ann email=A@X.com")
    assert owned(events, as_of=1) == {"email:a@x.com": [0, 1]}
    assert owned(events) == {"user_id:ann": [0, 1, 2]}


def test_email_of_another_user_is_left_out_and_the_rest_is_linked() -> None:
    """The phone has done no harm, so it is linked although it comes after the refused address."""
    events = story("user=ann email=a@x.com", "user=bob email=a@x.com phone=+4917100001", "phone=+4917100001")
    assert owned(events) == {"user_id:ann": [0], "user_id:bob": [1, 2]}
    refused = resolve(frame_of_events(events)).refused
    assert refused.rows() == [(1, 1, "m1", "email:a@x.com", "user_id:bob", "more than 1 user_id in one profile")]


def test_refused_identifier_that_was_new_is_a_profile_of_its_own_from_its_next_statement() -> None:
    rules = IdentityRules(people=(KindRule(name="user_id", limit=1), KindRule(name="email", limit=1)))
    events = story("user=ann email=a@x.com", "user=ann email=b@x.com", "email=b@x.com")
    assert owned(events, rules) == {"user_id:ann": [0, 1], "email:b@x.com": [2]}


def test_sixth_email_is_refused() -> None:
    events = story(*(f"user=ann email=a{number}@x.com" for number in range(6)), "email=a4@x.com", "email=a5@x.com")
    assert owned(events) == {"user_id:ann": [0, 1, 2, 3, 4, 5, 6], "email:a5@x.com": [7]}


def test_limit_on_devices_keeps_a_further_device_to_itself() -> None:
    rules = IdentityRules(device=KindRule(name="anonymous_id", limit=1))
    events = story("user=ann device=d1", "user=ann device=d2", "device=d2", "device=d1")
    assert owned(events, rules) == {"user_id:ann": [0, 1, 3], "anonymous_id:d2": [2]}


def test_device_of_more_than_five_owners_is_shared_from_the_sixth_on() -> None:
    visits = [line for number in range(6) for line in (f"user=u{number} device=kiosk", "device=kiosk")]
    events = story(*visits, "user=u0 device=kiosk", "device=kiosk")
    found = owned(events)
    assert found["user_id:u4"] == [8, 9]
    assert found["user_id:u5"] == [10]
    assert found["anonymous_id:kiosk#shared"] == [11, 13]
    assert resolve(frame_of_events(events)).shared_devices["at"].to_list() == [10]


def test_owners_who_are_one_person_do_not_make_a_device_shared() -> None:
    rules = IdentityRules(shared_device_owners=1)
    events = story("email=a@x.com device=d1", "user=ann email=a@x.com", "user=ann device=d1", "device=d1")
    assert owned(events, rules) == {"user_id:ann": [0, 1, 2, 3]}


def test_alias_of_an_unknown_id_identifies_a_device() -> None:
    events = story("device=d1", "was=d1 user=ann", "device=d1")
    assert owned(events) == {"user_id:ann": [0, 1, 2]}


def test_alias_of_a_known_user_is_refused_unless_the_limit_allows_it() -> None:
    events = story("user=old", "was=old user=ann")
    assert owned(events) == {"user_id:old": [0], "user_id:ann": [1]}
    rules = IdentityRules(people=(KindRule(name="user_id", limit=2),))
    assert owned(events, rules) == {"user_id:old": [0, 1]}


def test_blocked_identifiers_are_as_if_not_stated_and_counted() -> None:
    events = story("user=null device=d1", "user=Undefined", "email=noreply@x.com user=ann", "device=0000-0000")
    assert owned(events) == {"anonymous_id:d1": [0], "user_id:ann": [2]}
    resolution = resolve(frame_of_events(events))
    assert resolution.unowned == 2
    assert resolution.blocked.rows() == [
        ("user_id", "null", 1),
        ("user_id", "Undefined", 1),
        ("email", "noreply@x.com", 1),
        ("anonymous_id", "0000-0000", 1),
    ]


def test_kind_of_the_workspace_links_like_any_other() -> None:
    rules = IdentityRules(people=(KindRule(name="user_id", limit=1), KindRule(name="card", limit=1)))
    events = story("card=c1 device=d1", "user=ann card=c1", "user=bob card=c1", "device=d1")
    assert owned(events, rules) == {"user_id:ann": [0, 1, 3], "user_id:bob": [2]}


def test_unmerging_is_replaying_with_the_pair_kept_apart() -> None:
    """The history splits as if the link had never been stated."""
    linked = story("email=a@x.com", "user=ann", "user=ann email=a@x.com", "email=a@x.com", "user=ann")
    never = [linked[0], linked[1], _event(2, {"user": "ann"}), linked[3], linked[4]]
    apart = IdentityRules(separate=((Identifier("user_id", "ann"), Identifier("email", "A@x.com")),))
    assert owned(linked) == {"user_id:ann": [0, 1, 2, 3, 4]}
    assert owned(linked, apart) == owned(never) == {"email:a@x.com": [0, 3], "user_id:ann": [1, 2, 4]}
    assert resolve(frame_of_events(linked), apart).refused["reason"].to_list() == ["the rules keep them apart"]


def test_unmerging_a_device_gives_back_its_anonymous_events() -> None:
    events = story("device=d1", "user=ann device=d1", "device=d1")
    apart = IdentityRules(separate=((Identifier("user_id", "ann"), Identifier("anonymous_id", "d1")),))
    assert owned(events, apart) == {"anonymous_id:d1": [0, 2], "user_id:ann": [1]}


def test_pair_kept_apart_is_kept_apart_through_others_too() -> None:
    events = story("user=ann email=a@x.com", "email=a@x.com phone=+4917100001", "phone=+4917100001")
    apart = IdentityRules(separate=((Identifier("user_id", "ann"), Identifier("phone", "+49 171 00001")),))
    assert owned(events, apart) == {"user_id:ann": [0, 1], "phone:+4917100001": [2]}


def test_merge_log_says_when_what_and_because_of_which_identifiers() -> None:
    events = story("device=d1", "email=a@x.com device=d1", "user=ann email=a@x.com")
    assert resolve(frame_of_events(events)).merges.rows() == [
        (1, 1, "m1", "anonymous_id:d1", "email:a@x.com", "anonymous_id:d1", "email:a@x.com"),
        (2, 2, "m2", "email:a@x.com", "user_id:ann", "email:a@x.com", "user_id:ann"),
    ]


def test_nothing_at_all_has_an_answer() -> None:
    resolution = resolve(frame_of_events([]))
    assert resolution.profile_ids().is_empty()
    assert resolution.merges.is_empty()
