"""A founded gateway: what is done at it, what it refuses, and who takes part."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.changes import CHANGES
from gateway.domain.duty import DutyKind, HandoffDuty
from gateway.domain.organisation import SCOPES, Administrator
from gateway.domain.refusals import Refusal
from gateway.domain.staff import WORKING, StaffEntry, StaffPasskey
from gateway.evidence import canonical, declarations, event, receipt, sd_jwt, signature
from gateway.evidence.handoff_documents import Heading
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.case import submissions
from gateway.exchange.handoffs import offers, updates, views
from gateway.kernel import changes, events
from gateway.kernel.authentication import authenticate_person
from gateway.kernel.changes import HERE, Bearer, Change
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult, transact
from gateway.kernel.values import HOST, Caller, LoggedEvent, PersonCredentials
from gateway.keys import DecryptionKey, SigningKey, jwk_set
from gateway.registry import staff
from gateway.registry.change_table import STEPS
from gateway.store import registry_proof
from tests import answers
from tests.authenticator import Authenticator
from tests.lent import LentStore
from tests.ports import ISSUER, Calendar, Clock, RememberingSigner, Store, key_of

HOTLINE, ABROAD, OCRVP, OFMIN = "point-de-contact", "hotline-abroad", "ocrvp", "ofmin"
ORGANISATIONS = (HOTLINE, ABROAD, OCRVP, OFMIN)
DESK = "desk"
ALICE, BENOIT = "a-martin", "b-dubois"
"""The two administrators; people of nowhere."""

CSAM_FR = "receive/csam/FR"

STAFF = (
    *(
        f"{who}-{number}"
        for who in ("analyst", "approver", "intake", "liaison", "officer", "pdc", "ofmin")
        for number in (1, 2, 3)
    ),
    *("a-1", "agent-1", "auditor-1", "be-1", "be-74", "ocrvp-1", "ocrvp-2", "officer-7"),
    *("officer-9", "ofmin-73", "pdc-71", "pdc-72", "somebody-1", "staff-1", "x-1", "x1"),
)
"""Persons of every organisation here, each with all the roles that decide something."""

UNRECORDED = UUID(int=0)
"""The event of what a test enters past the log, which no comparison counts."""


def enter_staff(
    begin: Callable[[TransactionMode], AbstractContextManager[UnitOfWork]],
    organisation: str,
    pseudonyms: Iterable[str] = STAFF,
    roles: frozenset[str] = WORKING,
    event: UUID = UNRECORDED,
) -> None:
    """Enter persons in an organisation's staff register, past its drawn pseudonyms, and past its
    events, too, unless there is an id for one."""
    with begin(TransactionMode.REGISTRY) as work:
        days = (date(2000, 1, 1), None, False, None)
        made = [StaffEntry(organisation, one, roles, *days, event, one) for one in pseudonyms]
        for one in made:
            work.staff.add(one)
        if event != UNRECORDED:
            parties = events.gateway_and(organisation)
            said = json.dumps([{"ends_at": None, "entry": one.commitment()} for one in made])
            kept = events.shared(staff.ENTRIES, said, parties)
            events.record(
                work,
                "staff.establish",
                parties,
                event=event,
                simulated_date=None,
                by=(ALICE, BENOIT),
                details=[kept],
            )
        work.commit()


def signed_in(
    ports: Ports, organisation: str, person: str, key: Authenticator, session: str = "session"
) -> Caller:
    """A person of a member in a browser, with a passkey that is registered past its event."""
    jwk = canonical.encode(key.jwk).decode()
    made = StaffPasskey(organisation, person, key.jwk["kid"], jwk, UNRECORDED)
    with ports.begin(TransactionMode.REGISTRY) as work:
        work.staff.add_passkey(made)
        work.commit()
    return authenticate_person(ports, organisation, PersonCredentials(session, made.kid, person))


@dataclass
class Founded:
    """A founded gateway. ``receipts`` are all that ``do`` saw; ``day`` may be set by a test."""

    ports: Ports
    store: Store
    clock: Clock
    checkpoint_signer: RememberingSigner
    calendar: "Calendar"
    receipts: list[Receipt] = field(default_factory=list)
    registered: dict[str, UUID] = field(default_factory=dict)
    _keys: int = 0
    _confirmed: dict[Receipt, VerifiedReceipt] = field(default_factory=dict)
    checked: dict[UUID, LoggedEvent] = field(default_factory=dict)
    """Events of the story that was told, found sound when it was."""
    compared: dict[str, list[Any]] | None = None
    """The registry's rows at its end, compared with those events, and what `past_events` made."""
    made_again: bytes = b""
    """The registry's rows that those events make, as a database."""
    beside: set[str] = field(default_factory=set)
    """Organisations of whose entries a test wrote something itself, without an event."""

    @property
    def origin(self) -> str:
        """The name of its log."""
        return self.checkpoint_signer.signer.name

    @property
    def day(self) -> date | None:
        """The legal day that is simulated, if one is."""
        return self.calendar.simulated

    @day.setter
    def day(self, day: date | None) -> None:
        self.calendar.simulated = day

    def do(self, action: Callable[..., WriteResult], *args: Any, **kwargs: Any) -> WriteResult:
        """Do a write and keep its receipt, also that of a refusal (which is raised on).

        The result is what the interface tells of it.
        """
        try:
            written = perform(self.ports, action, *args, **kwargs)
        except RecordedRefusal as refused:
            self.receipts.append(refused.receipt)
            raise
        self.receipts.append(written.receipt)
        for change in (one for one in args if isinstance(one, Change)):
            if change.action in ("organisation.admit", "organisation.apply"):
                enter_staff(self.ports.begin, change.organisation)
        return replace(written, result=to_json(written.result))

    def refusal(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> RecordedRefusal:
        """The recorded refusal of an action that must be refused as an event."""
        try:
            perform(self.ports, action, *args, **kwargs)
        except RecordedRefusal as refused:
            self.receipts.append(refused.receipt)
            return refused
        raise AssertionError(f"{action.__name__} was not refused")

    def act(
        self, party: str, action: Callable[..., WriteResult], *asked: Any, key: str | None = None
    ) -> WriteResult:
        """What a party's desk asks for, with an idempotency key that was never used."""
        return self.do(action, caller(party), key or self.key(), *asked)

    def answer(
        self,
        party: str,
        answer: Callable[..., WriteResult],
        handoff: UUID,
        reason: str | None = None,
        by: str = "officer-1",
        **fields: Any,
    ) -> WriteResult:
        """What a party answers to a handoff, by one of `tests.answers`."""
        return self.act(party, answer, handoff, answers.said(by, reason, **fields))

    def refused(
        self, kind: type[Refusal], party: str, action: Callable[..., Any], *asked: Any
    ) -> Any:
        """The refusal of what a party's desk asks for: of this kind, and recorded."""
        found = self.refusal(action, caller(party), self.key(), *asked).refusal
        assert isinstance(found, kind), found
        return found

    def denied(
        self, rule: str, party: str, action: Callable[..., Any], *asked: Any
    ) -> RecordedRefusal:
        """What policy refuses a party's desk, by one rule and on record."""
        found = self.refusal(action, caller(party), self.key(), *asked)
        assert getattr(found.refusal, "rules", None) == (rule,), found.refusal
        return found

    def unheard(
        self, kind: type[Refusal], party: str, action: Callable[..., Any], *asked: Any
    ) -> Any:
        """The refusal of what a party's desk asks for: of this kind, and no event."""
        return refused_without_event(self, kind, action, caller(party), self.key(), *asked)

    def unmade(self, kind: type[Refusal], change: Change, *people: str) -> Any:
        """The refusal of a change that people approve, by default both: of this kind, recorded."""
        return refused_on_record(self, kind, make_change, change, self.approve(change, *people))

    def view(self, party: str, handoff: UUID) -> Any:
        """A handoff as one of its parties reads it."""
        return to_json(views.look_up(self.ports, caller(party), handoff))

    def duties(self, handoff: UUID, *, open_only: bool = True) -> Sequence[HandoffDuty]:
        """What is owed about a handoff now, the oldest first."""
        with self.ports.begin(TransactionMode.READ) as work:
            found = work.duties.of(handoff, open_only=open_only)
        return [one for one in found if one.arrived is None]

    def arrived(self, handoff: UUID, *, open_only: bool = True) -> dict[str, list[str]]:
        """What arrived about a handoff and waits, by organisation: the types of its events."""
        with self.ports.begin(TransactionMode.READ) as work:
            found = work.duties.of(handoff, open_only=open_only)
        by: dict[str, list[str]] = {}
        for one in found:
            if one.arrived is not None:
                by.setdefault(one.organisation, []).append(one.arrived)
        return by

    def owed(self, handoff: UUID) -> list[DutyKind]:
        """Its kinds."""
        return [one.kind for one in self.duties(handoff)]

    def mandate(
        self, slug: str, competence: str = CSAM_FR, start: str = "2026-01-01", act: str = "an act"
    ) -> WriteResult:
        """Grant a mandate from a day on."""
        function, matter, territory = competence.split("/")
        what = {"function": function, "matter": matter, "territory": territory}
        return self.administer("mandate.grant", slug, **what, legal_act=act, start=start)

    def interest(self, slug: str, subject: str = "example.org", **changes: Any) -> UUID:
        """Declare an interest: of who is funded by a provider, unless told otherwise."""
        values = {"scope": "provider", "subject": subject, "kind": "funder", **changes}
        written = self.administer("interest.declare", slug, **values, start="2020-01-01")
        return UUID(written.result["interest"])

    def key(self) -> str:
        """An idempotency key that was never used."""
        self._keys += 1
        return f"key-{self._keys:05}"

    @contextmanager
    def past_events(self, organisation: str) -> Iterator[UnitOfWork]:
        """A unit of work for entries of an organisation that a test makes without an event."""
        unchanged = self.compared == registry_rows(self.store)
        self.beside.add(organisation)
        with self.ports.begin(TransactionMode.REGISTRY) as work:
            yield work
            work.commit()
        if unchanged:
            self.compared = registry_rows(self.store)

    def new_id(self) -> UUID:
        """An id as a partner would make it."""
        return self.ports.new_id()

    def attestation_keys(self) -> dict[str, signature.PublicKey]:
        """The gateway's public keys for attested documents."""
        return signature.public_keys(jwk_set([key_of("attest")]))

    def verified(self, document: str, typ: str) -> VerifiedSdJwt:
        """A document that the gateway attested, verified."""
        keys = self.attestation_keys()
        return sd_jwt.verify(document, typ=typ, keys=keys, audience=ISSUER, issuer=ISSUER)

    def confirm(self, one: Receipt) -> VerifiedReceipt:
        """Verify a receipt offline, as anybody can; the same one costs nothing the next time."""
        if one not in self._confirmed:
            self._confirmed[one] = receipt.verify(
                one, [self.checkpoint_signer.signer.key], self.origin
            )
        return self._confirmed[one]

    def approve(self, change: Change, *people: str) -> list[str]:
        """Signed approvals of a change, by both administrators unless others are named."""
        asked = {
            "action": change.action,
            "organisation": change.organisation,
            "change": change.values,
        }
        return [
            declarations.issue_approval(self._heading(of, key_of(person)), **asked).compact()
            for person in people or (ALICE, BENOIT)
            for of in [declarations.person_uri(self.ports.issuer, person)]
        ]

    def _heading(self, issuer: str, signer: SigningKey) -> Heading:
        of = self.ports
        return Heading(issuer, of.issuer, self.clock(), self.new_id(), signer, of.random)

    def administer(self, action: str, organisation: str, **values: Any) -> WriteResult:
        """Make a change of the registry with two approvals; ``start`` stands for ``from``."""
        if "start" in values:
            values["from"] = values.pop("start")
        change = Change(action, organisation, values)
        return self.do(make_change, change, self.approve(change))

    def word(
        self, organisation: str, says: str, about: SigningKey | DecryptionKey, by: SigningKey
    ) -> str:
        """What an organisation says with a document key about its keys."""
        heading = self._heading(f"{self.ports.issuer}/organisations/{organisation}", by)
        return declarations.issue_declaration(heading, says=says, kid=about.kid).compact()

    def newcomer(
        self, person: str, key: SigningKey | None = None, /, **changes: Any
    ) -> dict[str, Any]:
        """The values by which a person becomes an administrator, proof of their key included."""
        key = key or key_of(person)
        heading = self._heading(declarations.person_uri(self.ports.issuer, person), key)
        says = declarations.POSSESSION
        proof = declarations.issue_declaration(heading, says=says, kid=key.kid).compact()
        named = {"person": person, "name": person.title(), "jwk": key.public_jwk(), "proof": proof}
        return named | changes

    def register_key(
        self, organisation: str, key: SigningKey, before: SigningKey | None = None
    ) -> WriteResult:
        """Register a document key, countersigned by the one before when there is one."""
        values: dict[str, Any] = {
            "jwk": key.public_jwk(),
            "proof": self.word(organisation, declarations.POSSESSION, key, key),
        }
        if before is not None:
            said = self.word(organisation, declarations.KEY_SUCCESSION, key, before)
            values["countersignature"] = said
        return self.administer("key.register", organisation, **values)

    def register_encryption_key(
        self, organisation: str, key: DecryptionKey, signer: SigningKey | None = None
    ) -> WriteResult:
        """Register an encryption key; a document key says whose it is, where there is one."""
        values: dict[str, Any] = {
            "jwk": key.public_jwk(),
            "proof": self.word(organisation, declarations.ENCRYPTION, key, key.prover),
        }
        if signer is not None:
            said = self.word(organisation, declarations.ENCRYPTION, key, signer)
            values["countersignature"] = said
        return self.administer("key.register", organisation, **values)

    def organisation(self, slug: str) -> Any:
        """An organisation as stored."""
        with self.ports.begin(TransactionMode.READ) as work:
            return work.organisations.get(slug)

    def handoff(self, handoff: UUID) -> Any:
        """A handoff as stored."""
        with self.ports.begin(TransactionMode.READ) as work:
            return work.handoffs.get(handoff)

    def case(self, case: UUID, originator: str = HOTLINE) -> Any:
        """A case as stored."""
        with self.ports.begin(TransactionMode.READ) as work:
            return work.cases.get(originator, case)

    def stream(self, organisation: str) -> list[LoggedEvent]:
        """The events that an organisation hears of, in order."""
        with self.ports.begin(TransactionMode.READ) as work:
            found = work.log.stream(organisation, 0, work.log.head().size)
            return [work.log.logged(one) for _, one in found]

    def types(self, organisation: str) -> list[str]:
        """The types of these events."""
        return [event.read(one.event.document)["type"] for one in self.stream(organisation)]

    def size(self) -> int:
        """How many events the log has."""
        with self.ports.begin(TransactionMode.READ) as work:
            return work.log.head().size


def make_change(
    ports: Ports, change: Change, approvals: Sequence[str], bearer: Bearer = HERE
) -> WriteResult:
    """Make a change now, of all that there are."""
    return changes.make(ports, CHANGES, change, approvals, bearer)


def submit_change(ports: Ports, change: Change, *approvals: str) -> WriteResult:
    """Make a change, or let it wait for a second person."""
    return changes.submit(ports, CHANGES, change, approvals)


def approve_change(ports: Ports, proposal: UUID, approval: str) -> WriteResult:
    """Make a change that waits."""
    return changes.approve(ports, CHANGES, proposal, approval)


def record_step(ports: Ports, change: Change, approvals: Sequence[str]) -> WriteResult:
    """Record a step of the gateway's own keys."""
    return changes.make(ports, STEPS, change, approvals)


def caller(organisation: str) -> Caller:
    """The desk of an organisation, as an authenticated caller."""
    return Caller(organisation, DESK, frozenset(SCOPES), HOST)


def administrator(person: str, name: str) -> Administrator:
    """A named administrator with a key of their own."""
    return Administrator(person, name, json.dumps(key_of(person).public_jwk()))


def registry_rows(store: Any) -> dict[str, list[Any]] | None:
    """All that the comparison looks at; None of a store that no copy is put into."""
    if not isinstance(store, LentStore):
        return None
    compared = (table.name for table in registry_proof._TABLES)
    return store.tables("organisation", "competence", *compared)


def shown(one: Receipt) -> dict[str, Any]:
    """The disclosures of a receipt by kind, those of parties as a list under ``party``."""
    opened = event.open_disclosures(one.document, one.disclosures)
    by_kind: dict[str, Any] = {"party": []}
    for kind, value in opened.shown:
        if kind == event.PARTY:
            by_kind["party"].append(value)
        else:
            by_kind[kind] = value
    return by_kind


def fields_of(one: Receipt) -> dict[str, Any]:
    """What stands in clear in a receipt's document."""
    return event.read(one.document)


def same_document(first: Receipt, second: Receipt) -> bool:
    """Whether two receipts are of one event, shown alike; their proofs may differ."""
    return (first.document, first.nonce, first.disclosures) == (
        second.document,
        second.nonce,
        second.disclosures,
    )


def perform(ports: Ports, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do what is asked; of what makes a write that may be one of several, that write."""
    if action not in (submissions.submit, offers.offer, updates.update):
        return action(ports, *args, **kwargs)
    caller, *asked = args
    return transact(ports, caller, *action(*asked))


def refused_without_event(
    gateway: Founded, kind: type[Refusal], action: Callable[..., Any], *args: Any
) -> Refusal:
    """The refusal of an action that must leave nothing in the log."""
    before = gateway.size()
    try:
        perform(gateway.ports, action, *args)
    except kind as refusal:
        assert gateway.size() == before, "the refusal is in the log"
        return refusal
    raise AssertionError(f"{action.__name__} was not refused")


def refused_on_record(
    gateway: Founded, kind: type[Refusal], action: Callable[..., Any], *args: Any
) -> Refusal:
    """The refusal of an action that must leave one event in the log, and nothing else."""
    before = gateway.size()
    refused = gateway.refusal(action, *args)
    assert isinstance(refused.refusal, kind), refused.refusal
    assert gateway.size() == before + 1
    return refused.refusal


def canonical_text(value: Any) -> str:
    """A value in its one spelling, to compare whole results."""
    return canonical.encode(value).decode()
