"""Actions: what a firing does, as deliveries with the person's values filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shoal.definitions.channel_contents import fill_contents
from shoal.definitions.implied import ADDRESS_FEATURE, ZONE_FEATURE, value_feature
from shoal.definitions.trigger import Changes, Enters, Leaves, TriggerDefinition
from shoal.model.change import Direction
from shoal.model.firing import Channel, Delivery, Fact, Firing, Status
from shoal.model.time import NEVER, format_moment
from shoal.triggers.occasions import Occasion


def features_of(trigger: TriggerDefinition) -> Iterator[str]:
    """What has to be known of a person for whom a trigger fires."""
    yield from (ZONE_FEATURE, ADDRESS_FEATURE)
    for number, action in enumerate(trigger.actions, start=1):
        yield from (value_feature(trigger.name, number, name) for name in action.values)


def _facts_of_action(trigger: TriggerDefinition, number: int, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    names = trigger.actions[number - 1].values
    return {name: facts.get(value_feature(trigger.name, number, name)) for name in names}


def facts_of_all(trigger: TriggerDefinition, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The values of all actions. Where two call different ones the same, the first one's is shown."""
    found: dict[str, Fact] = {}
    for number in range(1, len(trigger.actions) + 1):
        found = _facts_of_action(trigger, number, facts) | found
    return found if facts else {}


def delivery_for(occasion: Occasion, firing: Firing, number: int, facts: Mapping[str, Fact]) -> Delivery:
    """An action of a firing, on its way at once unless something is in its way."""
    trigger, action = occasion.trigger, occasion.trigger.actions[number - 1]
    own = _facts_of_action(trigger, number, facts)
    always_known = {
        "profile": occasion.profile,
        "trigger": trigger.name,
        "at": format_moment(occasion.effective_at),
    }
    content: dict[str, object] = {**fill_contents(action.channel, action.content, own | always_known)}
    expires_at = NEVER
    match action.channel:
        case Channel.EMAIL:
            content["to"] = facts.get(ADDRESS_FEATURE)
        case Channel.AUDIENCE:
            content["profile"] = occasion.profile
            content["is_member"] = occasion.direction is Direction.ENTERED
            content.setdefault("audience_key", _audience_key(trigger))
        case Channel.WEBHOOK:
            content["direction"] = occasion.direction.value
            content["effective_at"] = format_moment(occasion.effective_at)
        case Channel.PAGE:
            expires_at = occasion.effective_at + trigger.valid_for
    return Delivery(
        id=f"{firing.id}_{number}",
        firing=firing.id,
        trigger=trigger.name,
        purpose=trigger.purpose,
        person=occasion.person,
        channel=action.channel,
        destination=action.destination,
        status=Status.READY,
        created_at=firing.seen_at,
        not_before=firing.seen_at,
        expires_at=expires_at,
        content=content,
        facts=own,
    )


def _audience_key(trigger: TriggerDefinition) -> str:
    """Under which name another system knows the audience: the segment's, or else the trigger's."""
    return trigger.on.segment if isinstance(trigger.on, Enters | Leaves | Changes) else trigger.name
