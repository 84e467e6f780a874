"""A workspace: a folder of text files with settings, features, scores, segments, lists, triggers and slots."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from shoal.definitions.acting import Acting
from shoal.definitions.acting_checks import problems_of_acting
from shoal.definitions.definition import Definition, Definitions
from shoal.definitions.definition_files import read_definitions
from shoal.definitions.enriching import Enriching
from shoal.definitions.implied import with_implied_readable
from shoal.definitions.list_files import KNOWN_KINDS, ListProblem, read_list
from shoal.definitions.resolve import Resolved, resolve_readable
from shoal.definitions.settings import Settings
from shoal.definitions.settings_file import SETTINGS_FILE, SettingsFile, read_settings
from shoal.definitions.slot import SlotDefinition
from shoal.definitions.slot_files import read_slots
from shoal.definitions.sources import Collecting
from shoal.definitions.trigger import TriggerDefinition
from shoal.definitions.trigger_files import read_triggers
from shoal.errors import DefinitionError, InputError, Problem, Severity

T = TypeVar("T")

DEFINITION_FOLDERS = ("features", "scores", "segments")
TRIGGER_FOLDER, SLOT_FOLDER, LIST_FOLDER = "triggers", "slots", "lists"
ALL_FOLDERS = (*DEFINITION_FOLDERS, TRIGGER_FOLDER, SLOT_FOLDER, LIST_FOLDER)
"""The folders whose files say what a workspace means, beside its settings."""

YAML_SUFFIXES = (".yaml", ".yml")
LIST_SUFFIXES = (".csv", ".txt")
MAXIMUM_BYTES = {**dict.fromkeys(YAML_SUFFIXES, 1_000_000), **dict.fromkeys(LIST_SUFFIXES, 1_000_000_000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What a folder defines, as far as its files can be read, and the problems of those that cannot."""

    folder: Path
    name: str = ""
    definitions: Definitions = field(default_factory=Definitions)
    settings: Settings = field(default_factory=Settings)
    collecting: Collecting = field(default_factory=Collecting)
    enriching: Enriching = field(default_factory=Enriching)
    identity: Mapping[str, Any] = field(default_factory=dict)
    triggers: tuple[TriggerDefinition, ...] = ()
    slots: tuple[SlotDefinition, ...] = ()
    acting: Acting = field(default_factory=Acting)
    problems: tuple[Problem, ...] = ()

    def resolve(self) -> Resolved:
        """The definitions with one meaning. Raises DefinitionError with every problem of files and meaning."""
        resolved, problems = resolve_readable(self.definitions, self.settings)
        return self._without_errors(resolved, problems)

    def resolve_acting(self) -> Resolved:
        """The same, with the segments and features that triggers and slots imply: what is kept true to act on it.

        Raises DefinitionError with every problem of files and meaning, those of triggers and slots included.
        """
        resolved, problems = self.resolve_acting_readable()
        return self._without_errors(resolved, problems)

    def resolve_acting_readable(self) -> tuple[Resolved, list[Problem]]:
        """What has a meaning of all that is kept true to act on it, and every problem of what has none."""
        definitions, unreadable = self._with_implied()
        resolved, problems = resolve_readable(definitions, self.settings)
        of_acting = problems_of_acting(self.triggers, self.slots, self.acting)
        return resolved, [*of_acting, *unreadable, *problems]

    def acting_definitions(self) -> Definitions:
        """The definitions with those that triggers and slots imply, as far as they can be read."""
        return self._with_implied()[0]

    def _with_implied(self) -> tuple[Definitions, list[Problem]]:
        return with_implied_readable(self.definitions, triggers=self.triggers, slots=self.slots)

    def _without_errors(self, resolved: Resolved, problems: list[Problem]) -> Resolved:
        errors = [each for each in (*self.problems, *problems) if each.severity is Severity.ERROR]
        if errors:
            raise DefinitionError(errors)
        return resolved


def load_workspace(folder: Path) -> Workspace:
    """The workspace in a folder. Raises InputError when the folder is none."""
    settings_path = folder / SETTINGS_FILE
    try:
        if not settings_path.is_file():
            what = f"there is no {SETTINGS_FILE} in it" if folder.is_dir() else "it is not a folder"
            raise InputError(f"{folder} is not a workspace: {what}", hint=f"shoal init {folder}")
    except (OSError, ValueError) as error:  # no permission, or a name that no folder can have
        raise InputError(f"{str(folder)[:200]!r} cannot be read: {error}") from error
    reader = _Reader(folder)
    file = reader.settings(settings_path)
    kinds = (*KNOWN_KINDS, *_more_kinds(file.identity))
    definitions = [
        *(each for folder in DEFINITION_FOLDERS for each in reader.read_all(folder, read_definitions)),
        *reader.lists(kinds),
    ]
    triggers = tuple(reader.read_all(TRIGGER_FOLDER, read_triggers))
    slots = tuple(reader.read_all(SLOT_FOLDER, read_slots))
    reader.note_misspelled_folders()
    return Workspace(
        folder=folder,
        name=file.name or folder.resolve().name,
        definitions=Definitions.of(*definitions),
        settings=file.settings,
        collecting=file.collecting,
        enriching=file.enriching,
        acting=file.acting,
        identity=file.identity,
        triggers=triggers,
        slots=slots,
        problems=tuple(reader.problems),
    )


def _more_kinds(identity: Mapping[str, Any]) -> list[str]:
    """The kinds of identifiers that the identity rules name beside the known ones."""
    kinds = identity.get("kinds")
    names = kinds if isinstance(kinds, list | dict) else ()
    return [name for name in names if isinstance(name, str) and name not in KNOWN_KINDS]


def _holds_something(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:  # not ours to read
        return False


class _Reader:
    """Reads the files of one folder and notes what cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def settings(self, path: Path) -> SettingsFile:
        text = self._text(path)
        if text is None:
            return SettingsFile()
        file, problems = read_settings(text)
        self.problems.extend(problems)
        return file

    def read_all(self, folder: str, read: Callable[[str, str], tuple[list[T], list[Problem]]]) -> Iterator[T]:
        """What the YAML files of a folder define."""
        for path in self._files(folder, YAML_SUFFIXES):
            text = self._text(path)
            if text is not None:
                found, problems = read(text, self._shown(path))
                self.problems.extend(problems)
                yield from found

    def lists(self, kinds: tuple[str, ...]) -> Iterator[Definition]:
        for path in self._files(LIST_FOLDER, LIST_SUFFIXES):
            text = self._text(path)
            if text is None:
                continue
            try:
                yield read_list(path.stem, text, self._shown(path), kinds)
            except ListProblem as error:
                reason = error.problem
                self._note(path, reason.message, reason.line or 1, hint=reason.hint)

    def note_misspelled_folders(self) -> None:
        """A folder that is nearly one of ours and holds definitions would be left out without a word."""
        known = ALL_FOLDERS
        for path in sorted(self.folder.iterdir()):
            close = difflib.get_close_matches(path.name.lower(), known, 1)
            if path.is_dir() and path.name not in known and close and _holds_something(path):
                self._note(path, "this folder is not read", None, f"did you mean {close[0]}?", Severity.WARNING)

    def _files(self, folder: str, suffixes: tuple[str, ...]) -> list[Path]:
        found = (self.folder / folder).rglob("*")
        return sorted(path for path in found if path.suffix in suffixes and not path.name.startswith("."))

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _text(self, path: Path) -> str | None:
        """The text of a file; None when it cannot be read, which is noted."""
        try:
            size, limit = path.stat().st_size, MAXIMUM_BYTES[path.suffix]
            if size > limit:
                self._note(path, f"a file of {size} bytes; at most {limit} are read")
                return None
            content = path.read_bytes()
        except OSError as error:
            self._note(path, f"cannot be read: {error.strerror or 'the file is not accessible'}")
            return None
        return self._decoded(path, content)

    def _decoded(self, path: Path, content: bytes) -> str | None:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self._note(path, "not a text file in UTF-8", line, "save it as UTF-8")
            return None
        if "\0" in text:
            self._note(path, "not a text file: it holds a NUL character", text[: text.index("\0")].count("\n") + 1)
            return None
        return text

    def _note(
        self,
        path: Path,
        message: str,
        line: int | None = None,
        hint: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        problem = Problem(
            code="SH012", message=message, hint=hint, path=self._shown(path), line=line, severity=severity
        )
        self.problems.append(problem)
