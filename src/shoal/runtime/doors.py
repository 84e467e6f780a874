"""The door of a workspace, and what reads requests through it: every way in uses these."""

from __future__ import annotations

from shoal.collect.door import Door
from shoal.collect.http import Decoder
from shoal.collect.suppression import Suppression
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.identity import read_rules
from shoal.runtime.places import SUPPRESSION_FOLDER


def suppression_of(workspace: Workspace) -> Suppression:
    """Who was erased from a workspace."""
    rules = read_rules(workspace.identity, SETTINGS_FILE)
    kinds = [kind.name for kind in rules.people if kind.name != "user_id"]
    return Suppression(workspace.folder / SUPPRESSION_FOLDER, kinds)


def door_of(workspace: Workspace) -> Door:
    """What may come into a workspace."""
    return Door(suppression_of(workspace), workspace.collecting.without_consent)


def decoder_of(workspace: Workspace) -> Decoder:
    """Reads the requests that a workspace was sent."""
    return Decoder(workspace.settings, workspace.collecting, door=door_of(workspace))
