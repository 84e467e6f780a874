"""The door: what of the events that came a workspace takes in, whichever way they came.

Events of people who were erased stay outside. Of an event that refuses analytics and allows nothing else, only the
refusal comes in, unless the settings say otherwise: nothing may be done with the rest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from shoal.collect.consents import STATED_BY_PATH, VERSION_PATH
from shoal.collect.suppression import Suppression
from shoal.definitions.sources import WithoutConsent
from shoal.model.consent import Purpose, consent_path
from shoal.model.event import EventKind
from shoal.model.frame import field_column, split_field_column

OF_ERASED = "an event of somebody who was erased"
WITHOUT_CONSENT = "an event that allows nothing: only its refusal was kept"

_STATEMENTS = frozenset(
    {*(consent_path(purpose) for purpose in Purpose), VERSION_PATH, STATED_BY_PATH, "context.gpc"}
)
"""What is kept of an event that allows nothing, beside whose it is and when."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The events that came in, and how many stayed outside or lost what they said, by reason."""

    events: pl.DataFrame
    left_out: Counter[str] = field(default_factory=Counter)


class Door:
    """What every way in asks. Without a suppression list nobody was erased."""

    def __init__(
        self,
        suppression: Suppression | None = None,
        without_consent: WithoutConsent = WithoutConsent.DROP,
    ) -> None:
        self.suppression, self.without_consent = suppression, without_consent

    def admit(self, events: pl.DataFrame) -> Admitted:
        """The events in their order. The same events give the same ones, until somebody else is erased."""
        left_out = Counter[str]()
        if self.suppression is not None:
            erased = self.suppression.named(events)
            if erased.any():
                left_out[OF_ERASED] = int(erased.sum())
                events = events.filter(pl.Series(~erased))
        if self.without_consent is WithoutConsent.DROP:
            refused = allow_nothing(events)
            if refused.any():
                is_more = events["kind"] != EventKind.CONSENT.value
                left_out[WITHOUT_CONSENT] = int((refused & is_more).sum())
                events = _reduced(events, refused)
        return Admitted(events, +left_out)

    def keeps_out(self, raw: bytes) -> bool:
        """Whether bytes that are no event name somebody who was erased, so that they are not to be kept either."""
        return self.suppression is not None and self.suppression.is_named_in(raw)


def allow_nothing(events: pl.DataFrame) -> pl.Series:
    """The events that refuse analytics and allow no other purpose."""
    nobody = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(events))
    analytics = field_column(consent_path(Purpose.ANALYTICS), "truth")
    if analytics not in events.columns:
        return nobody
    refused = (~events[analytics]).fill_null(value=False)
    if not refused.any():
        return nobody
    for purpose in Purpose:
        column = field_column(consent_path(purpose), "truth")
        if column in events.columns:
            refused &= ~events[column].fill_null(value=False)
    return refused


def _reduced(events: pl.DataFrame, refused: pl.Series) -> pl.DataFrame:
    """The events, those that allow nothing as statements of consent. An alias stays one: it says who is who."""
    kept = (events["kind"] == EventKind.ALIAS.value).to_list()
    kinds = [
        EventKind.CONSENT.value if is_refused and not is_kept else kind
        for kind, is_refused, is_kept in zip(events["kind"], refused, kept, strict=True)
    ]
    names = events["name"].set(refused, "")
    said = [events[column].set(refused, None) for column in _said(events)]
    return events.with_columns(pl.Series("kind", kinds, dtype=pl.String), names, *said)


def _said(events: pl.DataFrame) -> list[str]:
    """The columns of everything but whose an event is, when, and what it states about consent."""
    fields = ((column, split_field_column(column)) for column in events.columns)
    return [column for column, field in fields if field is not None and field[0] not in _STATEMENTS]
