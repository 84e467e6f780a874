"""The enricher of a workspace: its settings, its place database and its lexicon of motives, checked and opened."""

from __future__ import annotations

from pathlib import Path

from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.enrich.enricher import Enricher
from shoal.enrich.motives import Lexicon, read_lexicon
from shoal.enrich.place import Places
from shoal.enrich.referrer import host_of
from shoal.errors import DefinitionError, InputError, Problem

UNUSABLE_FILE = "SH081"
LARGEST_LEXICON = 1_000_000


def enricher_of(workspace: Workspace) -> Enricher:
    """The enricher that a workspace asks for. Raises DefinitionError when a file of it cannot be used."""
    reading = _Reading(workspace)
    places, lexicon = reading.places(), reading.lexicon()
    if reading.problems:
        raise DefinitionError(reading.problems)
    origins = [origin for source in workspace.collecting.sources for origin in source.origins]
    own_hosts = [host for host in map(host_of, origins) if host is not None]
    return Enricher(workspace.enriching, places=places, lexicon=lexicon, own_hosts=own_hosts)


def check_enriching(workspace: Workspace) -> list[Problem]:
    """Every problem of the files that the enrichment of a workspace reads."""
    reading = _Reading(workspace)
    places = reading.places()
    if places is not None:
        places.close()
    reading.lexicon()
    return reading.problems


class _Reading:
    """One reading of the files; what is wrong is noted."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.stated = workspace, workspace.enriching
        self.problems: list[Problem] = []

    def places(self) -> Places | None:
        stated = self.stated.place_database
        if not stated:
            return None
        path = self._path(stated)
        try:
            return Places(path)
        except InputError as error:
            self._note("place_database", error.message.replace(str(path), stated), error.hint or "")
            return None

    def lexicon(self) -> Lexicon | None:
        if not self.stated.motives:
            return None
        text = self._text(self.stated.motives)
        try:
            return None if text is None else read_lexicon(text, self.stated.motives)
        except DefinitionError as error:
            self.problems += error.problems
            return None

    def _path(self, stated: str) -> Path:
        return self.workspace.folder / Path(stated).expanduser()

    def _text(self, stated: str) -> str | None:
        try:
            path = self._path(stated)
            if path.stat().st_size > LARGEST_LEXICON:
                self._note("motives", f"{stated} is larger than {LARGEST_LEXICON:,} bytes")
                return None
            return path.read_text("utf-8-sig")
        except OSError as error:
            self._note("motives", f"{stated} cannot be read: {error.strerror or 'it is not accessible'}")
        except ValueError:  # not UTF-8, or a name that no file can have
            self._note("motives", f"{stated!r} is not a text file in UTF-8")
        return None

    def _note(self, key: str, message: str, hint: str = "") -> None:
        line = self.stated.lines.get(key)
        self.problems.append(
            Problem(code=UNUSABLE_FILE, message=message, hint=hint, path=SETTINGS_FILE, line=line)
        )
