"""Enrichment: device, place, campaign, referrer, tone and motive. In: events. Out: more of each. Next: history.

One meaning: the live engine and imports call the same `Enricher.enrich`.
"""

from shoal.enrich.enricher import Enricher
from shoal.enrich.motives import Lexicon, read_lexicon, shipped_lexicon
from shoal.enrich.of_workspace import check_enriching, enricher_of
from shoal.enrich.place import Places
from shoal.enrich.tone import ToneModel, Vader

__all__ = [
    "Enricher",
    "Lexicon",
    "Places",
    "ToneModel",
    "Vader",
    "check_enriching",
    "enricher_of",
    "read_lexicon",
    "shipped_lexicon",
]
