"""Shoal: real-time micro-audience segmentation. One definition, one meaning, live and in batch.

The words of the language as functions, what definitions are made of, and how a workspace is opened:

    from shoal import Definitions, SegmentDefinition, count, happened, resolve
    eager = (count("Product Viewed", within="7 days") >= 3) & ~happened("Order Completed", within="7 days")
    resolve(Definitions.of(SegmentDefinition(name="eager", when=eager)))

And what a workspace says of its people at a moment, in milliseconds:

    from shoal import changes_between, evaluate_workspace, explain_membership, load_workspace
    evaluate_workspace(load_workspace(Path("shop")), as_of=1_772_402_808_603).memberships

Each name is loaded when it is first asked for, so `import shoal` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.definitions.check import check as check
    from shoal.definitions.definition import Definitions as Definitions
    from shoal.definitions.definition import FeatureDefinition as FeatureDefinition
    from shoal.definitions.definition import ListDefinition as ListDefinition
    from shoal.definitions.definition import PartDefinition as PartDefinition
    from shoal.definitions.definition import ScoreDefinition as ScoreDefinition
    from shoal.definitions.definition import SegmentDefinition as SegmentDefinition
    from shoal.definitions.language import *  # noqa: F403
    from shoal.definitions.resolve import resolve as resolve
    from shoal.definitions.settings import Settings as Settings
    from shoal.definitions.workspace import load_workspace as load_workspace
    from shoal.definitions.write import write_definitions as write_definitions
    from shoal.errors import DefinitionError as DefinitionError
    from shoal.errors import Error as Error
    from shoal.errors import InputError as InputError
    from shoal.errors import Problem as Problem
    from shoal.model.consent import Purpose as Purpose
    from shoal.model.identifier import Identifier as Identifier
    from shoal.runtime.batch import evaluate_workspace as evaluate_workspace
    from shoal.runtime.changes import changes_between as changes_between
    from shoal.runtime.explaining import explain_membership as explain_membership
    from shoal.templates import init_workspace as init_workspace

__version__ = "0.1.0"

_PLACES = {
    "check": "definitions.check",
    "Definitions": "definitions.definition",
    "FeatureDefinition": "definitions.definition",
    "ListDefinition": "definitions.definition",
    "PartDefinition": "definitions.definition",
    "ScoreDefinition": "definitions.definition",
    "SegmentDefinition": "definitions.definition",
    "resolve": "definitions.resolve",
    "Settings": "definitions.settings",
    "load_workspace": "definitions.workspace",
    "write_definitions": "definitions.write",
    "DefinitionError": "errors",
    "Error": "errors",
    "InputError": "errors",
    "Problem": "errors",
    "Purpose": "model.consent",
    "Identifier": "model.identifier",
    "changes_between": "runtime.changes",
    "evaluate_workspace": "runtime.batch",
    "explain_membership": "runtime.explaining",
    "init_workspace": "templates",
}
"""Where the names of this package are, beside the words of the language."""

_LANGUAGE = "definitions.language"


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return [*_PLACES, *_language().__all__]
    if name in _PLACES:
        found = getattr(importlib.import_module(f"shoal.{_PLACES[name]}"), name)
    elif not name.startswith("_") and name in _language().__all__:
        found = getattr(_language(), name)
    else:
        raise AttributeError(f"module 'shoal' has no attribute '{name}'")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES, *_language().__all__])


def _language() -> Any:
    return importlib.import_module(f"shoal.{_LANGUAGE}")
