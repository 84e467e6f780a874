"""Identity by the book, slow and obvious: the judge of `resolve` and of the live stream.

It shares with them only what an identifier is (`rules`), and keeps plain sets of identifiers.
"""

from __future__ import annotations

from collections.abc import Iterable

from shoal.identity.rules import DEVICE, SHARED, IdentityRules
from shoal.model.event import Event, EventKind
from shoal.model.identifier import Identifier


def owners(
    events: Iterable[Event], rules: IdentityRules | None = None, as_of: int | None = None
) -> dict[str, list[Event]]:
    """The events of every profile in order, by its id, as the events up to and including `as_of` tell it.

    Events without a usable identifier are in no profile.
    """
    replay = Replay(rules or IdentityRules())
    for event in sorted(events, key=lambda event: event.order):
        if as_of is None or event.occurred_at <= as_of:
            replay.apply(event)
    return replay.profiles()


class Replay:
    """Everything the rules speak of: who is together, whose a device is, and what each identifier did."""

    def __init__(self, rules: IdentityRules) -> None:
        self.rules = rules
        self.together: dict[Identifier, set[Identifier]] = {}
        self.first_stated: dict[Identifier, int] = {}
        self.owner: dict[Identifier, Identifier] = {}
        self.past_owners: dict[Identifier, list[Identifier]] = {}
        self.shared: set[Identifier] = set()
        self.did: list[tuple[Identifier, Event]] = []
        self.separate = list(rules.kept_apart())

    def apply(self, event: Event) -> None:
        """Takes the next event in order."""
        stated = [self.rules.usable(identifier) for identifier in self.rules.stated(event)]
        identifiers = self.rules.in_priority(identifier for identifier in stated if identifier is not None)
        former_user = self._former_user(event)
        for identifier in identifiers:
            self._meet(identifier)
        people = [identifier for identifier in identifiers if identifier.kind != DEVICE]
        devices = [identifier for identifier in identifiers if identifier.kind == DEVICE]
        if people:
            self._hear_of_person(people, devices, event, former_user)
            self.did.append((people[0], event))
        elif devices:
            self.did.append((self._present_owner(devices[0]), event))

    def profiles(self) -> dict[str, list[Event]]:
        """The events of each profile that has any, by profile id."""
        found: dict[str, list[Event]] = {}
        for identifier, event in self.did:
            found.setdefault(self.profile_id(identifier), []).append(event)
        return found

    def profile_id(self, identifier: Identifier) -> str:
        """The identifier of highest priority, then the one stated first, of those that are together."""
        if identifier.value.endswith(SHARED):
            return str(identifier)
        best = min(
            self.together[identifier], key=lambda each: (self.rules.priority[each.kind], self.first_stated[each])
        )
        return str(best)

    def _former_user(self, event: Event) -> Identifier | None:
        """The former id of an alias, when an earlier event stated it as a user id."""
        if event.kind is not EventKind.ALIAS or event.previous_id is None:
            return None
        former = Identifier("user_id", event.previous_id)
        return former if former in self.together else None

    def _meet(self, identifier: Identifier) -> None:
        self.together.setdefault(identifier, {identifier})
        self.first_stated.setdefault(identifier, len(self.first_stated))

    def _hear_of_person(
        self, people: list[Identifier], devices: list[Identifier], event: Event, former_user: Identifier | None
    ) -> None:
        person = people[0]
        for other in people[1:]:
            self._put_together(person, other)
        if former_user is not None:
            self._put_together(person, former_user)
        for device in devices:
            self._identify(device, person)
        if event.kind is EventKind.ALIAS and former_user is None and event.previous_id not in (None, person.value):
            former_device = self.rules.usable(Identifier(DEVICE, str(event.previous_id)))
            if former_device is not None:
                self._meet(former_device)
                self._identify(former_device, person)

    def _put_together(self, one: Identifier, other: Identifier) -> bool:
        """Makes two profiles one, unless that would break a limit or bring a separate pair together."""
        union = self.together[one] | self.together[other]
        if self.together[one] is self.together[other]:
            return True
        for kind in self.rules.kinds:
            if kind.limit is not None and sum(each.kind == kind.name for each in union) > kind.limit:
                return False
        if any(left in union and right in union for left, right in self.separate):
            return False
        for identifier in union:
            self.together[identifier] = union
        return True

    def _identify(self, device: Identifier, person: Identifier) -> None:
        """The device is the person's from here on; its past only when nobody had it before."""
        if device in self.shared:
            return
        if device not in self.owner:
            if self._put_together(person, device):
                self.owner[device] = person
                self.past_owners[device] = [person]
            return
        profile = self.together[person]
        if any((left == device and right in profile) or (right == device and left in profile)
               for left, right in self.separate):  # fmt: skip
            return
        self.owner[device] = person
        self.past_owners[device].append(person)
        if len({id(self.together[each]) for each in self.past_owners[device]}) > self.rules.shared_device_owners:
            self.shared.add(device)

    def _present_owner(self, device: Identifier) -> Identifier:
        if device in self.shared:
            return Identifier(DEVICE, device.value + SHARED)
        return self.owner.get(device, device)
