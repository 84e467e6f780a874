"""What people read: words for outcomes, statuses and contexts, and the sentences about the goal and the cost."""

from __future__ import annotations

from collections.abc import Iterator

from shoal.definitions.trigger import Goal
from shoal.evaluate.wording import worded_duration
from shoal.model.firing import Outcome, Status
from shoal.runtime.backtest.result import Backtest, Group

OUTCOMES: dict[str, tuple[str, str]] = {
    Outcome.FIRED: ("fired", "The trigger does what it says, within caps and quiet hours."),
    Outcome.DRY_RUN: ("dry run", "It is only noted."),
    Outcome.HELD_OUT: ("held out", "The person is in the hold-out of the workspace: nothing is ever done."),
    Outcome.COOLING_DOWN: ("cooling down", "It fired for this person not long before."),
    Outcome.NO_CONSENT: ("no consent", "The person does not allow its purpose."),
    Outcome.NO_LONGER: ("no longer so", "At the same moment it was not so any more: two profiles became one."),
    Outcome.TOO_LATE: ("too late", "It was known only after the time for which it is valid."),
}
"""Each outcome in words, and what it means."""

STATUSES: dict[str, str] = {
    Status.DELIVERED: "sent",
    Status.HELD: "held at the end",
    Status.CAPPED: "capped",
    Status.NO_CONSENT: "no consent",
    Status.NO_LONGER: "no longer so",
    Status.EXPIRED: "expired",
    Status.UNREACHABLE: "no address",
}

CONTEXTS = {
    "device": "Device",
    "country": "Country",
    "local_hour": "Hour of the day on their clock",
    "local_weekday": "Day of the week on their clock",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

NO_EXPERIMENT = (
    "This is no experiment. It says how often the goal is reached anyway, not what the trigger changes: for that,"
    " set a hold-out, switch it on, and compare with those who were held out."
)


def worded_outcome(outcome: str) -> str:
    return OUTCOMES[outcome][0]


def worded_status(status: str) -> str:
    return STATUSES.get(status, status)


def worded_goal(goal: Goal) -> str:
    """`Order Completed within 1 d`."""
    return f"{goal.event} within {worded_duration(goal.within)}"


def percent(share: float) -> str:
    """With one digit after the point, as shares of small groups deserve."""
    return f"{100 * share:.1f} %"


def share_of(group: Group) -> str:
    """`31 of 198 (15.7 %)`, or that it is too early."""
    if group.share is None:
        return "too early to say"
    return f"{group.reached:,} of {group.decided:,} ({percent(group.share)})"


def worded_amount(amount: float) -> str:
    return f"{amount:,.2f}"


def on_the_goal(backtest: Backtest) -> Iterator[str]:
    """What is to say about those who reached the goal with nothing sent to them."""
    fired = next((each for each in backtest.outcomes() if each.name == Outcome.FIRED), None)
    goal = worded_goal(backtest.goal)
    if fired is None:
        return
    if fired.share is None or fired.likely is None:
        yield f"It is too early to say how many reach the goal anyway: {goal} is not over for any of them."
        return
    low, high = fired.likely
    yield (
        f"{fired.reached:,} of {fired.decided:,} firings ({percent(fired.share)}) were followed by {goal} anyway;"
        f" the true share lies between {percent(low)} and {percent(high)}, 95 times in 100."
    )
    wait = backtest.typical_wait()
    if wait is not None:
        yield f"Half of them needed no more than {worded_duration(wait)}."
    still_open = fired.occasions - fired.decided
    if still_open:
        yield f"For {still_open:,} more that time is not over at the newest event; they are not counted."


def on_the_pages(backtest: Backtest) -> Iterator[str]:
    """Who can see what is shown on a page: whoever comes back before it expires, and who is still there."""
    sent, back = backtest.pages()
    if sent:
        yield (
            f"Of {sent:,} pages, {back:,} go to people who do something again before the offer expires;"
            " whether the others still have the page open is not known."
        )


def on_the_cost(backtest: Backtest) -> Iterator[str]:
    """What is sent costs, and which part of it is given away."""
    cost = backtest.cost()
    if not cost.whole:
        return
    yield f"What is sent costs {worded_amount(cost.whole)}."
    if cost.decided:
        yield (
            f"Of {worded_amount(cost.decided)} for which it can be said, {worded_amount(cost.anyway)}"
            f" ({percent(cost.anyway / cost.decided)}) went to people who reached the goal anyway."
        )
