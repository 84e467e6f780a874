"""What an identifier is: normal forms, blocked values, and the settings of a workspace."""

from __future__ import annotations

import pytest

from shoal.errors import DefinitionError
from shoal.identity import IdentityRules, check_rules, read_rules
from shoal.model.identifier import Identifier

SHIPPED = IdentityRules()


def usable(text: str, rules: IdentityRules = SHIPPED) -> str | None:
    answer = rules.usable(Identifier.parse(text))
    return None if answer is None else answer.value


@pytest.mark.parametrize(
    ("stated", "normal"),
    [
        ("email: Ann@Example.ORG ", "ann@example.org"),
        ("phone:+49 171 / 123-45.67", "+491711234567"),
        ("user_id:Ann ", "Ann "),
        ("user_id:10", "10"),
        ("anonymous_id:7F3-a", "7F3-a"),
    ],
)
def test_normal_form(stated: str, normal: str) -> None:
    assert usable(stated) == normal


@pytest.mark.parametrize(
    "value", ["", "0", "-", "000-000", "-1", "NULL", " none ", "[object Object]", "n/a", "guest"]
)
def test_values_that_name_nobody_are_blocked_for_every_kind(value: str) -> None:
    assert usable(f"user_id:{value}") is None
    assert usable(f"anonymous_id:{value}") is None
    assert usable(f"email:{value}@example.org") is None


@pytest.mark.parametrize("value", ["ann", "a@", "@x.com", "a@b@c", "noreply@x.com", "test@x.com", "Null@x.com"])
def test_addresses_of_nobody_are_blocked(value: str) -> None:
    assert usable(f"email:{value}") is None


@pytest.mark.parametrize("value", ["0000000", "123", "unknown", "+00 000 000"])
def test_phone_numbers_of_nobody_are_blocked(value: str) -> None:
    assert usable(f"phone:{value}") is None


def test_very_long_values_are_blocked() -> None:
    assert usable("user_id:" + "a" * 512) is not None
    assert usable("user_id:" + "a" * 513) is None


def test_a_device_cannot_take_the_id_of_a_shared_one() -> None:
    assert usable("anonymous_id:kiosk#shared") is None


def test_workspace_adds_kinds_limits_and_blocked_values() -> None:
    rules = read_rules(
        {
            "priority": ["user_id", "card", "email", "phone"],
            "kinds": {
                "card": {"limit": 2, "blocked": [" Staff "], "blocked_patterns": ["^test-"]},
                "email": {"limit": None},
                "anonymous_id": {"limit": 50},
            },
            "shared_device_owners": 3,
            "separate": [["user_id:ann", "email:Ann@x.com"]],
        }
    )
    assert [(kind.name, kind.limit) for kind in rules.kinds] == [
        ("user_id", 1),
        ("card", 2),
        ("email", None),
        ("phone", 5),
        ("anonymous_id", 50),
    ]
    assert rules.shared_device_owners == 3
    assert rules.separate == ((Identifier("user_id", "ann"), Identifier("email", "ann@x.com")),)
    assert [usable(f"card:{value}", rules) for value in ("staff", "TEST-1", "a-test-1")] == [
        None,
        None,
        "a-test-1",
    ]


def test_nothing_written_is_as_shipped() -> None:
    assert read_rules({}) == SHIPPED


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"limits": {}}, "identity has no setting limits"),
        ({"kinds": {"email": {"max": 3}}}, "kinds.email has no setting max"),
        ({"kinds": []}, "kinds must map"),
        ({"kinds": {"Card No": {}}}, '"Card No" is not a kind'),
        ({"kinds": {"email": 5}}, "kinds.email must be a rule"),
        ({"kinds": {"email": {"limit": 0}}}, "kinds.email.limit must be"),
        ({"kinds": {"email": {"limit": True}}}, "kinds.email.limit must be"),
        ({"kinds": {"email": {"blocked": [1]}}}, "kinds.email.blocked must be a list of texts"),
        ({"kinds": {"email": {"blocked_patterns": ["("]}}}, '"(" cannot be read'),
        ({"priority": ["email", "user_id", "phone"]}, "priority must name"),
        ({"priority": ["user_id", "email"]}, "priority must name"),
        ({"priority": []}, "priority must name"),
        ({"shared_device_owners": 0}, "shared_device_owners must be"),
        ({"separate": "ann"}, "separate must be a list"),
        ({"separate": [["user_id:ann"]]}, "each entry of separate is a pair"),
        ({"separate": [["ann", "user_id:bob"]]}, '"ann" is not an identifier'),
        ({"separate": [["cookie:1", "user_id:bob"]]}, "cookie is not a kind"),
        ({"separate": [["user_id:null", "user_id:bob"]]}, "user_id:null is blocked"),
        ({"separate": [["email:A@x.com", "email:a@X.com"]]}, "kept apart from itself"),
    ],
)
def test_says_what_is_wrong_with_settings(written: dict[str, object], message: str) -> None:
    problems = check_rules(written, "shoal.yaml")
    assert any(message in problem.message for problem in problems)
    assert {problem.path for problem in problems} == {"shoal.yaml"}


def test_all_problems_come_at_once() -> None:
    with pytest.raises(DefinitionError) as raised:
        read_rules({"limits": {}, "shared_device_owners": "five", "separate": 1})
    assert [problem.code for problem in raised.value.problems] == ["SH040", "SH041", "SH041"]
