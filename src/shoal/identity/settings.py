"""The `identity` part of a workspace's settings, read strictly: every problem at once.

identity:
  priority: [user_id, loyalty_card, email, phone]
  kinds:
    loyalty_card: {limit: 2, blocked: ["0000-0000"], blocked_patterns: ["^test"]}
    anonymous_id: {limit: 50}
  shared_device_owners: 5
  separate:
    - ["user_id:ann", "email:office@example.org"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from shoal.errors import DefinitionError, Problem
from shoal.identity.blocked import pattern_fault
from shoal.identity.rules import DEVICE, SHIPPED_KINDS, IdentityRules, KindRule
from shoal.model.identifier import Identifier

UNKNOWN_SETTING = "SH040"
WRONG_VALUE = "SH041"

_KIND_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_RULE_SETTINGS = ("limit", "blocked", "blocked_patterns")
_SETTINGS = ("priority", "kinds", "shared_device_owners", "separate")


def read_rules(written: Mapping[str, object], path: str = "") -> IdentityRules:
    """The rules that the `identity` settings state, the rest as shipped.

    Raises DefinitionError with every problem found; `path` is the file they are in.
    """
    reading = _Reading(path)
    rules = reading.rules(written)
    if reading.problems:
        raise DefinitionError(reading.problems)
    return rules


def check_rules(written: Mapping[str, object], path: str = "") -> list[Problem]:
    """Every problem of the `identity` settings."""
    reading = _Reading(path)
    reading.rules(written)
    return reading.problems


class _Reading:
    """One reading of the settings; what is wrong is noted and left as shipped."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def rules(self, written: Mapping[str, object]) -> IdentityRules:
        self._refuse_unknown("identity", written, _SETTINGS)
        kinds = self._kinds(written.get("kinds", {}))
        device = kinds.pop(DEVICE)
        rules = IdentityRules(people=self._in_priority(kinds, written.get("priority")), device=device)
        most = written.get("shared_device_owners", rules.shared_device_owners)
        if not _is_count(most):
            self._note("shared_device_owners must be a whole number from 1")
            most = rules.shared_device_owners
        assert isinstance(most, int)
        return replace(
            rules, shared_device_owners=most, separate=self._separate(written.get("separate", []), rules)
        )

    def _kinds(self, written: object) -> dict[str, KindRule]:
        kinds = {kind.name: kind for kind in (*SHIPPED_KINDS, KindRule(name=DEVICE))}
        if not isinstance(written, Mapping):
            self._note("kinds must map each kind of identifier to its rule")
            return kinds
        for name, rule in written.items():
            if not isinstance(name, str) or not _KIND_NAME.fullmatch(name):
                self._note(
                    f'"{name}" is not a kind of identifier', "write a small letter, then letters, digits or _"
                )
            else:
                kinds[name] = self._kind(kinds.get(name, KindRule(name=name)), rule)
        return kinds

    def _kind(self, shipped: KindRule, written: object) -> KindRule:
        place = f"kinds.{shipped.name}"
        if not isinstance(written, Mapping):
            self._note(f"{place} must be a rule", "for example {limit: 5}")
            return shipped
        self._refuse_unknown(place, written, _RULE_SETTINGS)
        limit = written.get("limit", shipped.limit)
        if limit is not None and not _is_count(limit):
            self._note(f"{place}.limit must be a whole number from 1", "null for no limit")
            limit = shipped.limit
        assert limit is None or isinstance(limit, int)
        blocked = self._texts(f"{place}.blocked", written.get("blocked", []))
        patterns = self._texts(f"{place}.blocked_patterns", written.get("blocked_patterns", []))
        return KindRule(
            name=shipped.name,
            limit=limit,
            blocked=frozenset(value.strip().lower() for value in blocked),
            blocked_patterns=tuple(each for each in patterns if self._is_readable(place, each)),
        )

    def _is_readable(self, place: str, pattern: str) -> bool:
        fault = pattern_fault(pattern)
        if fault is not None:
            self._note(f'{place}.blocked_patterns: "{pattern}" cannot be read', fault)
        return fault is None

    def _in_priority(self, kinds: dict[str, KindRule], written: object) -> tuple[KindRule, ...]:
        if written is None:
            return tuple(kinds.values())
        names = self._texts("priority", written)
        if sorted(names) != sorted(kinds) or names[0] != "user_id":
            self._note(
                "priority must name every kind of person-level identifier once, user_id first",
                f"the kinds are {', '.join(kinds)}",
            )
            return tuple(kinds.values())
        return tuple(kinds[name] for name in names)

    def _separate(self, written: object, rules: IdentityRules) -> tuple[tuple[Identifier, Identifier], ...]:
        if not _is_list(written):
            self._note("separate must be a list of pairs of identifiers")
            return ()
        pairs = [self._pair(pair, rules) for pair in written]
        return tuple(pair for pair in pairs if pair is not None)

    def _pair(self, written: object, rules: IdentityRules) -> tuple[Identifier, Identifier] | None:
        texts = self._texts("separate", written)
        identifiers = [self._identifier(text, rules) for text in texts]
        if len(identifiers) != 2:
            self._note("each entry of separate is a pair of identifiers", '["user_id:ann", "email:b@x.org"]')
            return None
        left, right = identifiers
        if left is None or right is None:
            return None
        if left == right:
            self._note(f"{left} cannot be kept apart from itself")
            return None
        return left, right

    def _identifier(self, text: str, rules: IdentityRules) -> Identifier | None:
        try:
            stated = Identifier.parse(text)
        except ValueError as error:
            self._note(str(error))
            return None
        if stated.kind not in rules.priority:
            self._note(f"{stated.kind} is not a kind of identifier", f"one of {', '.join(rules.priority)}")
            return None
        if (usable := rules.usable(stated)) is None:
            self._note(f"{stated} is blocked, so it is in no profile")
        return usable

    def _texts(self, place: str, written: object) -> list[str]:
        if not _is_list(written) or not all(isinstance(each, str) for each in written):
            self._note(f"{place} must be a list of texts", "numbers need quotes")
            return []
        return [str(each) for each in written]

    def _refuse_unknown(self, place: str, written: Mapping[str, object], known: Sequence[str]) -> None:
        for name in written:
            if name not in known:
                hint = f"one of {', '.join(known)}"
                self._note(f"{place} has no setting {name}", hint, code=UNKNOWN_SETTING)

    def _note(self, message: str, hint: str = "", code: str = WRONG_VALUE) -> None:
        self.problems.append(Problem(code=code, message=message, hint=hint, path=self.path))


def _is_count(written: object) -> bool:
    return isinstance(written, int) and not isinstance(written, bool) and written >= 1


def _is_list(written: object) -> TypeGuard[Sequence[object]]:
    return isinstance(written, Sequence) and not isinstance(written, str)
