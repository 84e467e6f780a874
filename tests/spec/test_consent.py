"""Consent: who may be used for which purpose."""

from __future__ import annotations

from shoal.definitions.definition import PartDefinition, ScoreDefinition, SegmentDefinition
from shoal.definitions.settings import Settings
from shoal.model.consent import GRANTED_BY_DEFAULT, Purpose

VISITORS = [
    SegmentDefinition(name="visitors", when='happened("Page Viewed")', purpose=Purpose.ANALYTICS),
    SegmentDefinition(name="letter_readers", when='happened("Page Viewed")', purpose=Purpose.EMAIL),
]


def test_the_defaults_of_the_purposes(spec):
    """Who has stated nothing has what the workspace's default says: analytics and personalisation only."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        """,
        """
        expression                     | ann
        consents("analytics")          | true
        consents("personalisation")    | true
        consents("email")              | false
        consents("ads")                | false
        consents("sharing")            | false
        """,
        now="11:00",
    )


def test_the_defaults_are_settings(spec):
    """A workspace may state its own defaults; what a person has stated stands above them."""
    spec(
        'consents("analytics")',
        """
        who | at    | name        | kind    | consent.analytics
        ann | 10:00 | Page Viewed |         |
        bob | 10:00 |             | consent | true
        """,
        """
        ann   | bob
        false | true
        """,
        now="11:00",
        settings=Settings(consent={**GRANTED_BY_DEFAULT, Purpose.ANALYTICS: False}),
    )


def test_a_segment_holds_only_who_allows_its_purpose(spec):
    """A segment names its purpose (analytics when it does not); who does not allow it is not a member."""
    spec(
        None,
        """
        who | at    | name        | kind    | consent.email
        ann | 10:00 | Page Viewed |         |
        bob | 10:00 | Page Viewed |         |
        bob | 10:01 |             | consent | true
        """,
        """
        expression                       | ann   | bob
        in_segment("visitors")           | true  | true
        in_segment("letter_readers")     | false | true
        """,
        now="11:00",
        definitions=VISITORS,
    )


def test_withdrawal_takes_effect_at_once(spec):
    """The latest statement counts, from its very millisecond on."""
    spec(
        None,
        """
        who | at    | name        | kind    | consent.email
        ann | 09:00 | Page Viewed |         |
        ann | 10:00 |             | consent | true
        ann | 11:00 |             | consent | false
        ann | 12:00 |             | consent | true
        """,
        """
        now          | expression                   | ann
        09:59:59.999 | in_segment("letter_readers") | false
        10:00        | in_segment("letter_readers") | true
        10:59:59.999 | in_segment("letter_readers") | true
        11:00        | in_segment("letter_readers") | false
        12:00        | in_segment("letter_readers") | true
        """,
        definitions=VISITORS,
    )


def test_across_devices_refusal_wins(spec):
    """For each device the latest statement counts; when devices differ, one refusal is enough."""
    spec(
        'consents("email")',
        """
        who | at    | name | kind    | device | consent.email
        ann | 10:00 |      | consent | phone  | false
        ann | 11:00 |      | consent | laptop | true
        ann | 12:00 |      | consent | phone  | true
        """,
        """
        now   | ann
        10:30 | false
        11:30 | false
        12:30 | true
        """,
    )


def test_a_statement_without_a_device_belongs_to_the_user(spec):
    """A statement from a server or a file has no device: it stands under the user id, beside the devices'."""
    spec(
        'consents("email")',
        """
        who | at    | name | kind    | user | device | consent.email
        ann | 10:00 |      | consent | u1   |        | true
        ann | 11:00 |      | consent | u1   | phone  | false
        ann | 12:00 |      | consent | u1   |        | true
        ann | 13:00 |      | consent |      | phone  | true
        """,
        """
        now   | ann
        10:30 | true
        11:30 | false
        12:30 | false
        13:30 | true
        """,
    )


def test_global_privacy_control_refuses_ads_and_sharing(spec):
    """An event sent with Global Privacy Control states a refusal of ads and sharing for its device."""
    spec(
        None,
        """
        who | at    | name        | kind    | device | consent.ads | context.gpc
        ann | 10:00 |             | consent | phone  | true        |
        ann | 11:00 | Page Viewed |         | phone  |             | true
        ann | 12:00 |             | consent | phone  | true        | true
        ann | 13:00 |             | consent | phone  | true        | false
        """,
        """
        now   | expression               | ann
        10:30 | consents("ads")          | true
        11:30 | consents("ads")          | false
        11:30 | consents("sharing")      | false
        11:30 | consents("analytics")    | true
        12:30 | consents("ads")          | false
        13:30 | consents("ads")          | true
        """,
    )


def test_only_true_and_false_are_statements(spec):
    """A text such as "true" is no statement: consent is not guessed."""
    spec(
        'consents("email")',
        """
        who | at    | name | kind    | consent.email
        ann | 10:00 |      | consent | "true"
        bob | 10:00 |      | consent | true
        bob | 11:00 |      | consent | "no"
        """,
        """
        ann   | bob
        false | true
        """,
        now="12:00",
    )


def test_any_event_may_state_consent(spec):
    """Consent may be stated on any event, not only by a consent call."""
    spec(
        'consents("email")',
        """
        who | at    | name      | consent.email
        ann | 10:00 | Signed Up | true
        """,
        """
        ann
        true
        """,
        now="12:00",
    )


def test_tone_and_motive_need_personalisation(spec):
    """A segment that looks at tone or motive, itself or through a score, also needs consent to personalisation."""
    spec(
        None,
        """
        who | at    | name    | kind    | tone | consent.personalisation
        ann | 10:00 | Message |         | -0.5 |
        bob | 10:00 | Message |         | -0.5 |
        bob | 10:01 |         | consent |      | false
        """,
        """
        expression              | ann  | bob
        in_segment("unhappy")   | true | false
        in_segment("at_risk")   | true | false
        in_segment("writers")   | true | true
        tone()                  | -0.5 | -0.5
        """,
        now="11:00",
        definitions=[
            SegmentDefinition(name="unhappy", when="tone() < 0"),
            ScoreDefinition(
                name="risk", parts=(PartDefinition(name="tone", weight=100, value="scale(tone(), 1, -1)"),)
            ),
            SegmentDefinition(name="at_risk", when='score("risk") > 50'),
            SegmentDefinition(name="writers", when='happened("Message")'),
        ],
    )
