"""Identity: who is who. In: events with their identifiers. Out: whose each event is, at any moment. Next: enrich.

The rules are told in `docs/explanation/identity.md`; `replay.py` is the judge of what they mean.
"""

from shoal.identity.fold import IdentityFold
from shoal.identity.replay import owners
from shoal.identity.resolution import Resolution
from shoal.identity.resolve import resolve
from shoal.identity.rules import IdentityRules, KindRule
from shoal.identity.settings import check_rules, read_rules
from shoal.identity.stream import IdentityStream

__all__ = [
    "IdentityFold",
    "IdentityRules",
    "IdentityStream",
    "KindRule",
    "Resolution",
    "check_rules",
    "owners",
    "read_rules",
    "resolve",
]
