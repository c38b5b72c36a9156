"""The staff register: an organisation's persons by pseudonym, roles and days; never by name."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from gateway.domain.answers import PARTIES_ANSWERS
from gateway.domain.organisation import AUDIT_SCOPE, HEALTH_SCOPE, STAFF_SCOPE


class RegisterRole(StrEnum):
    """What a person does for their organisation; one person may have several roles."""

    ANALYST = "analyst"
    APPROVER = "approver"
    LIAISON = "liaison"
    OFFICER = "officer"
    HEAD = "head"
    DPO = "dpo"
    DUTY = "duty"
    OPERATOR = "operator"


REGISTER_PASSKEY = "staff.register_passkey"
"""The one action of a person who has an invitation and no passkey yet."""

ALL_ROLES = frozenset(RegisterRole)
OF_MEMBERS = ALL_ROLES - {RegisterRole.OPERATOR}
"""Roles in the work of a member; whoever operates the gateway has no part in it."""

WORKING = OF_MEMBERS - {RegisterRole.DPO}
"""Roles that decide something: a data protection officer has no part in it (GDPR Art. 38(6))."""

APPROVING = frozenset({RegisterRole.APPROVER, RegisterRole.HEAD})
"""Roles that count as one of two persons; two of them enter another one (R10)."""

ENTERING = APPROVING | {RegisterRole.LIAISON}
"""Who keeps the register."""

ENTERING_TEMPORARILY = frozenset({RegisterRole.HEAD, RegisterRole.LIAISON, RegisterRole.DUTY})
TEMPORARY = timedelta(hours=24)
"""How long a temporary entry holds: what is needed at night is confirmed by day, or ends."""

ROLES_OF: Mapping[str, frozenset[RegisterRole]] = {
    "case.submit": WORKING,
    "case.revise": WORKING,
    "case.assess": frozenset({RegisterRole.ANALYST}),
    "case.clear": APPROVING,
    "case.close": WORKING,
    "case.consult": OF_MEMBERS,
    "case.advance_erasure": WORKING,
    "case.embargo": WORKING,
    "case.restrict": WORKING,
    "case.end_measure": WORKING,
    "case.recall": APPROVING,
    "case.approve_recall": APPROVING,
    "handoff.offer": WORKING,
    "handoff.review": OF_MEMBERS,  # a dpo reviews a derogation, and nothing else
    "handoff.mark_seen": WORKING,
    "handoff.take": WORKING,
    "handoff.refer": WORKING,
    "notification.replay": WORKING,
    "handoff.update": WORKING,
    **{kind.action: WORKING for kind in PARTIES_ANSWERS},
    "succession.approve": APPROVING,
    "conformance.start": OF_MEMBERS,
    "conformance.submit": OF_MEMBERS,
    "audit.search": OF_MEMBERS,
    "item.search": OF_MEMBERS,
    "events.search": frozenset({RegisterRole.DPO, RegisterRole.HEAD}),
    "staff.add": ENTERING | ENTERING_TEMPORARILY,
    "staff.end": ENTERING,
    "staff.invite": ENTERING,
    REGISTER_PASSKEY: ALL_ROLES,
    "staff.revoke_passkey": ALL_ROLES,
}
"""For each action that names a person, the roles of which the person has one."""

_READING = frozenset(
    {"directory.read", "cases.read", "handoffs.read", "handoffs.answer", "events.read"}
    | {AUDIT_SCOPE, STAFF_SCOPE}
)
"""Scopes of every person of a member: a dpo answers nothing but a review. Everybody has the scope
to revoke own passkeys."""


def scopes_of(roles: Collection[str]) -> frozenset[str]:
    """The scopes of a person in a browser, by their roles.

    Nobody is kept from both halves of SEPARATE_SCOPES, as a system is: each acts as themselves
    alone. That of an operator counts in an organisation of the operator's alone
    (`kernel.authentication`).
    """
    held = frozenset({STAFF_SCOPE})
    if OF_MEMBERS.intersection(roles):
        held |= _READING
    if WORKING.intersection(roles):
        held |= {"cases.write", "handoffs.offer"}
    return held | {HEALTH_SCOPE} if RegisterRole.OPERATOR in roles else held


@dataclass(frozen=True)
class StaffEntry:
    """One person of an organisation, under a pseudonym that is never used again.

    The entry holds from ``start`` until ``end`` (days; None: no end yet), and in no case from
    ``ends_at`` on: the moment at which it was ended, or a temporary one ends by itself. ``event``
    recorded it. ``salt`` is random, so that nobody guesses an entry from its `commitment`.
    """

    organisation: str
    pseudonym: str
    roles: frozenset[str]
    start: date
    end: date | None
    temporary: bool
    ends_at: datetime | None
    event: UUID
    salt: str

    def commitment(self) -> str:
        """Return what its events say of it for good: a digest that names nobody, and from which
        nothing of the entry can be changed."""
        days = [self.start.isoformat(), self.end and self.end.isoformat(), self.temporary]
        said = [self.salt, self.organisation, self.pseudonym, sorted(self.roles), *days]
        return sha256(json.dumps(said).encode()).hexdigest()

    def commits(self, beside: "StaffPasskey | StaffInvitation") -> str:
        """Likewise of a passkey of the person, or an invitation to register one."""
        if isinstance(beside, StaffPasskey):
            said = [beside.kid, beside.jwk]
        else:
            said = [beside.token_sha256, beside.expires_at.isoformat()]
        return sha256(json.dumps([self.salt, *said]).encode()).hexdigest()

    def in_force(self, day: date, now: datetime) -> bool:
        """Tell whether the person acts for the organisation at the moment ``now`` of a civil
        day."""
        return (
            self.start <= day
            and (self.end is None or day < self.end)
            and (self.ends_at is None or now < self.ends_at)
        )


@dataclass(frozen=True)
class StaffPasskey:
    """A passkey of one person of a staff register: its JWK, the event that registered it, and that
    of its revocation."""

    organisation: str
    pseudonym: str
    kid: str
    jwk: str
    event: UUID
    revocation_event: UUID | None = None

    @property
    def in_force(self) -> bool:
        """Tell whether it was not revoked."""
        return self.revocation_event is None


@dataclass(frozen=True)
class StaffInvitation:
    """The newest invitation of a person to register a passkey, by whoever has its token, whose
    SHA-256 alone is here. ``event`` recorded it; it is gone once used."""

    organisation: str
    pseudonym: str
    token_sha256: str
    expires_at: datetime
    event: UUID


INVITATION = timedelta(hours=72)
"""How long an invitation to register a passkey can be used, once."""


@dataclass
class _Committed:
    parties: frozenset[str]
    event: UUID
    ends_at: datetime | None
    invitation: tuple[str, UUID] | None = None
    passkeys: dict[str, tuple[UUID, UUID | None]] = field(default_factory=dict)


class CommittedStaff:
    """The staff registers as far as their events name no person: by each entry's commitment."""

    def __init__(self) -> None:
        """Nobody is entered."""
        self._entries: dict[str, _Committed] = {}

    def enter(
        self, commitment: str, parties: frozenset[str], event: UUID, ends_at: datetime | None
    ) -> None:
        """Take in an entry that an event made, in the streams of these organisations."""
        self._entries.setdefault(commitment, _Committed(parties, event, ends_at))

    def end(self, commitment: str, parties: frozenset[str], ends_at: datetime) -> None:
        """Take in its end; nothing for an entry that these organisations do not know."""
        found = self._entries.get(commitment)
        if found is not None and not found.parties.isdisjoint(parties):
            found.ends_at = ends_at

    def invite(
        self, commitment: str, parties: frozenset[str], invitation: str, event: UUID
    ) -> None:
        """Take in the newest invitation of a person to register a passkey."""
        self._known(commitment, parties).invitation = (invitation, event)

    def register(
        self, commitment: str, parties: frozenset[str], passkey: str, event: UUID, invited: UUID
    ) -> None:
        """Take in a passkey of a person; ValueError where no such invitation is open."""
        found = self._known(commitment, parties)
        if found.invitation is None or found.invitation[1] != invited:
            raise ValueError("a passkey was registered without an open invitation")
        found.invitation = None
        found.passkeys[passkey] = (event, None)

    def revoke(self, commitment: str, parties: frozenset[str], passkey: str, event: UUID) -> None:
        """Take in that a passkey of a person counts no more; KeyError for one that there is not."""
        passkeys = self._known(commitment, parties).passkeys
        passkeys[passkey] = (passkeys[passkey][0], event)

    def _known(self, commitment: str, parties: frozenset[str]) -> _Committed:
        found = self._entries[commitment]
        if found.parties.isdisjoint(parties):
            raise ValueError("an event is about a person of another organisation")
        return found

    def knows(self, entry: StaffEntry, beside: StaffPasskey | StaffInvitation) -> bool:
        """Tell whether events made exactly this passkey, or this invitation, of a person."""
        found = self._entries.get(entry.commitment())
        if found is None:
            return False
        commitment = entry.commits(beside)
        if isinstance(beside, StaffInvitation):
            return found.invitation == (commitment, beside.event)
        return found.passkeys.get(commitment) == (beside.event, beside.revocation_event)

    def has(self, entry: StaffEntry) -> bool:
        """Tell whether events made exactly this entry, with this end."""
        found = self._entries.get(entry.commitment())
        if found is None or entry.organisation not in found.parties:
            return False
        return (found.event, found.ends_at) == (entry.event, entry.ends_at)


@dataclass(frozen=True)
class NamedPerson:
    """A person whom a request names at ``pointer``, and the ``roles`` of which one is needed."""

    pointer: str
    pseudonym: str
    roles: frozenset[RegisterRole]


def second_person(
    pointer: str, pseudonym: str | None, roles: frozenset[RegisterRole] = APPROVING
) -> tuple[NamedPerson, ...]:
    """The second person of a request, by default one who approves, where it names one."""
    return () if pseudonym is None else (NamedPerson(pointer, pseudonym, roles),)


def person_errors(
    persons: Iterable[NamedPerson], held: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, str]]:
    """Return what is wrong with the persons of a request, by JSON pointer.

    ``held`` are the roles of those whose entry is in force, by pseudonym.
    """
    for person in persons:
        roles = held.get(person.pseudonym)
        if roles is None:
            yield (
                person.pointer,
                "is not in force in your staff register: see casegate staff list. At night a head, "
                "liaison or duty person may add somebody for 24 hours: casegate staff add "
                "--temporary",
            )
        elif not roles & person.roles:
            needed = ", ".join(sorted(person.roles))
            yield person.pointer, f"has no role for this in your staff register: needs {needed}"


def entry_error(entry: StaffEntry, today: date) -> str | None:
    """Return what is wrong with a new entry, or None."""
    start, end = entry.start, entry.end
    if len(entry.roles) > 1 and entry.roles & {RegisterRole.DPO, RegisterRole.OPERATOR}:
        return (
            "a dpo decides nothing, so has no other role"
            if RegisterRole.DPO in entry.roles
            else "an operator has no part in the work of a member, so has no other role"
        )
    if entry.temporary and (kept := entry.roles & (ENTERING | ENTERING_TEMPORARILY)):
        return f"a temporary entry keeps no register: leave out {', '.join(sorted(kept))}"
    if entry.temporary and (end is not None or start != today):
        return "a temporary entry begins now and ends after 24 hours: leave its days out"
    if start < today:
        return "must not begin in the past"
    if end is not None and end <= start:
        return "must end after it begins"
    return None


_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
"""32 characters, so that five bits draw one: no 0 and o, no 1 and l."""


def pseudonym(organisation: str, drawn: bytes) -> str:
    """A pseudonym as `pdc-7k3f`: of the organisation's id, then one character for each byte."""
    parts = [part for part in organisation.split("-") if part]
    prefix = parts[0] if len(parts) == 1 else "".join(part[0] for part in parts)
    return f"{prefix[:5]}-{''.join(_ALPHABET[byte & 31] for byte in drawn)}"
