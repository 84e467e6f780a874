"""Values that name nobody: what sources send when they have no identifier. They would join strangers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

# fmt: off
BLOCKED_WORDS = frozenset({
    "null", "(null)", "none", "nil", "nan", "undefined", "unknown", "anonymous", "anon",
    "guest", "visitor", "default", "empty", "missing", "blank", "n/a", "na", "notset",
    "not_set", "not-set", "unset", "-1", "true", "false", "{}", "[]", "invalid",
    "deleted", "redacted", "not set", "(not set)", "[object object]", "not available",
})
# fmt: on
"""Blocked for every kind, whatever the case, with spaces around them cut off."""

BLOCKED_MAILBOXES = frozenset(
    {"test", "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "nobody", "example"}
)
"""Blocked before the @ of an e-mail address, besides the blocked words."""

LONGEST_IDENTIFIER = 512
"""Characters. Longer values are mistakes of the sender (a token, a whole record) and are blocked."""

FEWEST_DIGITS = 5
"""A phone number with fewer is a placeholder."""


def is_blocked_word(value: str, more: Collection[str] = ()) -> bool:
    """Whether a value is one of the blocked words, or nothing but zeros and dashes."""
    word = value.strip().lower()
    return word in BLOCKED_WORDS or word in more or not word.strip("0-")


def is_blocked_email(value: str, more: Collection[str] = ()) -> bool:
    """Whether a normalised address cannot be anyone's: not one @ with both sides, or a mailbox of nobody."""
    mailbox, _, domain = value.partition("@")
    return not domain or "@" in domain or mailbox in BLOCKED_MAILBOXES or is_blocked_word(mailbox, more)


def is_blocked_phone(value: str) -> bool:
    """Whether a normalised phone number has too few digits, or only zeros."""
    digits = [character for character in value if character.isdigit()]
    return len(digits) < FEWEST_DIGITS or set(digits) == {"0"}


def matches_any(values: Sequence[str], patterns: Sequence[str]) -> list[bool]:
    """For each value whether any of the patterns is found in it, whatever the case.

    RE2 runs in linear time: a pattern of a workspace meets values chosen by anyone on the web.
    """
    found = pa.array([False] * len(values), type=pa.bool_())
    texts = pa.array(values, type=pa.string())
    for pattern in patterns:
        found = pc.or_(found, pc.match_substring_regex(texts, pattern, ignore_case=True))
    answers: list[bool] = found.to_pylist()
    return answers


def pattern_fault(pattern: str) -> str | None:
    """Why RE2 cannot read a pattern; None when it can."""
    try:
        matches_any([""], [pattern])
    except pa.ArrowInvalid as error:
        return str(error)
    return None
