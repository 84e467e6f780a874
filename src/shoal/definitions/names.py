"""What definitions, triggers, slots, choices and destinations can be called."""

from __future__ import annotations

import re

NAME_HINT = "a lower-case letter, then lower-case letters, digits and _; at most 64"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def is_name(name: object) -> bool:
    """Whether something that somebody writes can be called so."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None
