"""The rule of slots: which choice is shown, and the reason that goes with it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shoal.decide import Cause, Chooser, Context, Person
from shoal.definitions.slot import ChoiceDefinition, SlotDefinition
from shoal.model.consent import GRANTED_BY_DEFAULT, Purpose

HERO = SlotDefinition(
    name="hero",
    choices=(
        ChoiceDefinition(name="discount", content={"title": "10 % off"}, when="count() >= 1"),
        ChoiceDefinition(name="app", content={"title": "Get the app"}, context={"device": ("mobile", "tablet")}),
        ChoiceDefinition(
            name="demo",
            content={"title": "See a demo"},
            when="count() >= 2",
            context={"local_hour": (9, 10), "local_weekday": (1,)},
        ),
    ),
    default={"title": "Welcome"},
)
CHOOSER = Chooser(slots={"hero": HERO})
OK, DISCOUNT, DEMO = "consent:personalisation", "slot:hero:discount", "slot:hero:demo"


def choose(memberships: set[str] | None, context: Context | None = None, **named: object) -> tuple[str, str, str]:
    """The choice, the cause and the reason."""
    person = Person(memberships=memberships, **named)  # type: ignore[arg-type]
    decision = CHOOSER.choose(HERO, person, context or Context(device="desktop", local_hour=12, local_weekday=1))
    chosen = {choice.name: choice.content for choice in HERO.choices}
    assert decision.content == chosen.get(decision.choice, HERO.default)
    return decision.choice, decision.cause.value, decision.reason


def test_the_first_that_fits_is_shown() -> None:
    """In the order in which the choices stand."""
    assert choose({OK, DISCOUNT, DEMO}) == ("discount", Cause.AUDIENCE, '"discount" is for this person')


def test_the_reason_says_why_not_the_earlier_ones() -> None:
    """Each with the first thing that was in its way."""
    morning = Context(device="desktop", local_hour=9, local_weekday=1)
    choice, cause, reason = choose({OK, DEMO}, morning)
    assert (choice, cause) == ("demo", "audience")
    assert reason == '"demo" is for this person; "discount" is for others; "app" is not for device desktop'


def test_nobody_fits() -> None:
    """Then the default is shown, and each choice says why it was not."""
    choice, cause, reason = choose({OK, DEMO})
    assert (choice, cause) == ("", "none_fits")
    assert reason.endswith('"demo" is not for local_hour 12')


def test_context_alone_decides_for_everybody() -> None:
    """Also for somebody of whom nothing is known."""
    assert choose(None, Context(device="mobile"))[:2] == ("app", "context")
    assert choose({OK}, Context(device="Tablet"))[:2] == ("app", "context")


def test_what_is_not_known_of_the_context_fits_nothing() -> None:
    """A choice that asks for it is passed over, and the reason says so."""
    choice, cause, reason = choose(None, Context())
    assert (choice, cause) == ("", "none_fits")
    assert '"app" asks for device, which is not known' in reason
    assert '"discount" is for some, and nothing is known of this person' in reason


def test_without_consent_there_is_the_default() -> None:
    """Whatever the person is in, and however the refusal was told."""
    assert choose({DISCOUNT, DEMO}) == ("", "no_consent", "there is no consent to personalisation")
    refused = choose({OK, DISCOUNT}, refuses=frozenset({Purpose.PERSONALISATION}))
    assert refused == ("", "no_consent", "this request refuses personalisation")


def test_strangers_have_the_default_of_the_workspace() -> None:
    """A purpose that needs consent first is refused for who has said nothing."""
    strict = Chooser(slots={}, consent={**GRANTED_BY_DEFAULT, Purpose.PERSONALISATION: False})
    decision = strict.choose(HERO, Person(memberships=None), Context(device="mobile"))
    assert (decision.cause, decision.content) == (Cause.NO_CONSENT, HERO.default)


def test_a_choice_without_conditions_is_for_everybody() -> None:
    """It needs neither an event nor a context."""
    slot = SlotDefinition(name="bar", choices=(ChoiceDefinition(name="news", content={"text": "New"}),))
    decision = CHOOSER.choose(slot, Person(memberships=None), Context())
    assert (decision.choice, decision.cause) == ("news", Cause.EVERYBODY)


def test_paths_may_end_in_a_star() -> None:
    """Everything that begins so; without a star, the path itself."""
    allowed = {"path": ("/pricing*", "/")}
    assert Context(path="/pricing/teams").obstacle(allowed) == ""
    assert Context(path="/").obstacle(allowed) == ""
    assert Context(path="/blog").obstacle(allowed) == "is not for path /blog"


@given(
    st.none() | st.sets(st.sampled_from([OK, DISCOUNT, DEMO])),
    st.sampled_from([None, "mobile", "desktop"]),
    st.sampled_from([None, 9, 12]),
    st.sets(st.sampled_from(list(Purpose))),
)
def test_decisions_are_what_a_plain_reading_says(
    memberships: set[str] | None, device: str | None, hour: int | None, refuses: set[Purpose]
) -> None:
    """The same rule, written as one expression."""
    context = Context(device=device, local_hour=hour, local_weekday=1)
    person = Person(memberships=memberships, refuses=frozenset(refuses))
    allowed = Purpose.PERSONALISATION not in refuses and (memberships is None or OK in memberships)
    known = memberships or set()
    fits = [
        ("discount", DISCOUNT in known),
        ("app", device == "mobile"),
        ("demo", DEMO in known and hour == 9),
    ]
    expected = next((name for name, is_so in fits if is_so), "") if allowed else ""
    decision = CHOOSER.choose(HERO, person, context)
    assert decision.choice == expected
    assert (decision.cause is Cause.NO_CONSENT) is not allowed
    assert decision.reason
