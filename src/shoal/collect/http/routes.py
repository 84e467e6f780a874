"""The paths of the tracking protocols, and what each of them is for."""

from __future__ import annotations

import re

BATCH = "batch"
"""What is sent here holds many messages, each with its own type."""

_WORDS = ("identify", "track", "page", "screen", "group", "alias")
_LETTERS = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": BATCH}

KIND_OF_PATH = {
    **{f"/v1/{word}": word for word in _WORDS},
    **{f"/v1/{letter}": word for letter, word in _LETTERS.items()},
    "/v1/batch": BATCH,
    "/v1/import": BATCH,
    "/beacon/v1/batch": BATCH,
}
"""The type of a message that does not say one, by the path it was sent to."""

METRICS_PATH = "/v1/m"
"""Where browsers report how their own library is doing. It is answered and not kept."""

SETTINGS_PATH = re.compile(r"/(?:v1/projects|analytics\.js/v1)/([^/]{1,200})/settings/?")
SOURCE_CONFIG_PATH = "/sourceConfig"
LIBRARY_PATH = re.compile(r"/analytics\.js/v1/[^/]{1,200}/analytics(?:\.min)?\.js")


def kind_of(path: str) -> str | None:
    """What a path takes; None when it is none of ours."""
    return KIND_OF_PATH.get(path) or KIND_OF_PATH.get(path.rstrip("/"))
