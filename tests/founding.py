"""A gateway in which four organisations take part: real policy, real keys, a clock that stands.

``founded()`` fills the Ports over a borrowed SQLite database, or over any store given, and makes
the organisations of the founding story through the administrators' own actions. The story is told
once in a process: later gateways begin with what it left. ``check_log`` proves afterwards that the
log holds exactly what was handed out.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache, partial
from typing import Any, Protocol, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import Table, select

from gateway.cedar import policy_folder
from gateway.cedar.policy import CedarPolicy
from gateway.changes import CHANGES
from gateway.client.own_stream import ToldStream
from gateway.domain import revision
from gateway.domain.audit_event import Operation
from gateway.domain.case import GROUPS, case_from_claims
from gateway.domain.duty import DutyKind, HandoffDuty
from gateway.domain.organisation import SCOPES, Administrator
from gateway.domain.refusals import Refusal
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.domain.staff import WORKING, StaffEntry, StaffPasskey
from gateway.evidence import canonical, declarations, event, receipt, sd_jwt, signature
from gateway.evidence.handoff_documents import Heading
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.case import submissions
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.exchange.handoffs import offers, package_consultation, updates, views
from gateway.exchange.handoffs.offering import OfferRequest, UpdateRequest
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel import changes, events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.authentication import authenticate_person
from gateway.kernel.changes import HERE, Bearer, Change
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult, transact
from gateway.kernel.values import (
    HOST,
    Caller,
    HandoffFilter,
    LoggedEvent,
    PersonCredentials,
    ReferenceDate,
    RetryKey,
    TreeHead,
)
from gateway.keys import (
    DecryptionKey,
    KeyPurpose,
    SigningKey,
    generate_encryption_key,
    generate_key,
    jwk_set,
)
from gateway.ledger import tiles, tree
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.registry import keys as registry_keys
from gateway.registry import staff
from gateway.registry.change_table import STEPS
from gateway.registry.rebuild import Rebuild
from gateway.store import registry_proof, tables
from gateway.store.handoff_proof import HandoffComparison
from gateway.store.proved import Proved, RowsProof
from gateway.store.registry_proof import RegistryComparison, compare_registry
from gateway.store.transaction import Transaction
from gateway.store.unit_of_work import SqlUnitOfWork
from tests import answers
from tests.authenticator import Authenticator
from tests.evidence.ingredients import chance
from tests.lent import LentStore, MemoryKeys

ISSUER = "https://gateway.example.org"
SHORT_NAME = "example"
ORIGIN = "gateway.example.org/log"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")
FINGERPRINT_KEY = bytes(range(32))

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


@cache
def policy() -> CedarPolicy:
    """The product's own policies; they never change while tests run."""
    return CedarPolicy.load(policy_folder())


@cache
def key_of(name: str) -> SigningKey:
    """A key for each role, made once for all tests."""
    purpose = {
        "attest": KeyPurpose.ATTEST,
        "notification": KeyPurpose.NOTIFICATION,
        "log": KeyPurpose.LOG,
    }.get(name, KeyPurpose.PERSON)
    return generate_key(purpose)


@cache
def document_key(name: str) -> SigningKey:
    """A document key by any name, made once for all tests."""
    return generate_key(KeyPurpose.DOCUMENT)


@cache
def encryption_key(name: str) -> DecryptionKey:
    """An encryption key by any name, made once for all tests."""
    return generate_encryption_key()


def note_signer(origin: str = ORIGIN) -> NoteSigner:
    """The log's key, as signer of notes."""
    private: Any = load_pem_private_key(key_of("log").pem(), None)
    return NoteSigner(origin, private)


class Clock:
    """A clock that moves by a millisecond each time it is read, and otherwise when told."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.reads = 0

    def __call__(self) -> datetime:
        self.reads += 1
        return self._start + timedelta(milliseconds=self.reads - 1)

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._start += by


class Ids:
    """UUIDv7 (RFC 9562 5.7) whose time is a counter: unique, in order, the same each run."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> UUID:
        self.made += 1
        moment = int(START.timestamp() * 1000) + self.made
        return UUID(int=(moment << 80) | (7 << 76) | (2 << 62) | self.made)


@dataclass
class Calendar:
    """The legal day: that of the zone, unless one is simulated."""

    simulated: date | None

    def __call__(self, now: datetime) -> ReferenceDate:
        if self.simulated is not None:
            return ReferenceDate(self.simulated, simulated=True)
        return ReferenceDate(now.astimezone(ZONE).date())


class Store(Protocol):
    """What a store must offer here."""

    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> UnitOfWork:
        """One transaction."""


class _Open(threading.local):
    works = 0


class _Watched:
    """A unit of work that tells whether this thread has one open."""

    def __init__(self, work: UnitOfWork, opened: _Open) -> None:
        self._work, self._open = work, opened

    def __enter__(self) -> UnitOfWork:
        entered = self._work.__enter__()
        self._open.works += 1
        return entered

    def __exit__(self, *error: Any) -> None:
        self._open.works -= 1
        self._work.__exit__(*error)


@dataclass
class WatchedSigner:
    """The key of notifications; it refuses to sign while a transaction is open."""

    key: SigningKey
    opened: _Open

    @property
    def kid(self) -> str:
        return self.key.kid

    @property
    def alg(self) -> str:
        return self.key.alg

    def sign(self, message: bytes) -> bytes:
        assert not self.opened.works, "a notification is signed while a transaction is open"
        return self.key.sign(message)


@dataclass
class RememberingSigner:
    """Signs heads and remembers them, so that check_log can find one that never was."""

    signer: NoteSigner
    opened: _Open
    signed: dict[int, bytes] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return self.signer.name

    @property
    def verifier_keys(self) -> list[str]:
        return [self.signer.vkey]

    def sign(self, head: TreeHead) -> str:
        assert not self.opened.works, "a checkpoint is signed while a transaction is open"
        assert self.signed.setdefault(head.size, head.root) == head.root, "the log has forked"
        return sign_checkpoint(Checkpoint(self.signer.name, head.size, head.root), self.signer)


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
        unchanged = self.compared == _registry_rows(self.store)
        self.beside.add(organisation)
        with self.ports.begin(TransactionMode.REGISTRY) as work:
            yield work
            work.commit()
        if unchanged:
            self.compared = _registry_rows(self.store)

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


def founded(
    store: Callable[..., Store] | None = None,
    simulated_reference_date: date | None = None,
    keys: Any = None,
) -> Founded:
    """A gateway in which the four organisations take part.

    ``store`` makes a store from origin, policy revision, clock and source of randomness: on it all
    is done again. ``keys`` are those of its cases.
    """
    if store is not None:
        gateway = unfounded(store, simulated_reference_date, keys)
        _tell_the_story(gateway)
        return gateway
    return retold(*_told(simulated_reference_date), simulated_reference_date, keys)


def retold(
    told: Founded, copy: bytes, simulated_reference_date: date | None = None, keys: Any = None
) -> Founded:
    """A gateway to which all happened that did to another one, whose database is the copy."""
    keys = keys or MemoryKeys()
    keys.made = told.ports.keys.made  # type: ignore[attr-defined]
    gateway = unfounded(
        partial(LentStore, keys=keys, held=copy),
        simulated_reference_date,
        keys,
        issuer=told.ports.issuer,
        origin=told.origin,
    )
    _go_on_from(told, gateway)
    gateway.compared = told.compared
    return gateway


def founded_at(place: Any) -> Founded:
    """A gateway in which they take part, on an empty database of `tests.store.places`."""
    told, copy = _told(None)
    gateway = unfounded(
        lambda origin, _, now, random: place.open(origin=origin, now=now, random=random)
    )
    with gateway.store.begin(TransactionMode.REGISTRY) as work:
        for table, rows in _rows_of(copy).items():
            _transaction_of(work).run(table.delete(), {})
            _transaction_of(work).run(table.insert(), *rows)
        work.commit()
    _go_on_from(told, gateway)
    return gateway


@lru_cache(1)
def _rows_of(copy: bytes) -> dict[Table, list[dict[str, Any]]]:
    """What each table of a copy holds, as any database takes it."""
    store = unfounded(partial(LentStore, held=copy)).store
    with store.begin(TransactionMode.READ) as work:
        ask = cast(SqlUnitOfWork, work).rows
        every = tables.metadata.sorted_tables
        return {one: [row._asdict() for row in ask(select(one), {})] for one in every}


def _go_on_from(told: Founded, gateway: Founded) -> None:
    gateway.ports = replace(gateway.ports, attester=told.ports.attester)
    gateway.clock._start = told.clock._start
    gateway.beside |= told.beside
    gateway.clock.reads = told.clock.reads
    gateway.ports.new_id.made = told.ports.new_id.made  # type: ignore[attr-defined]
    gateway.ports.random.calls = told.ports.random.calls  # type: ignore[attr-defined]
    gateway.checkpoint_signer.signed |= told.checkpoint_signer.signed
    gateway.receipts += told.receipts
    gateway.registered |= told.registered
    gateway.checked, gateway.made_again = told.checked, told.made_again
    gateway._confirmed |= told._confirmed
    gateway._keys = told._keys


def unfounded(
    store: Callable[..., Store] | None = None,
    simulated_reference_date: date | None = None,
    keys: Any = None,
    *,
    issuer: str = ISSUER,
    origin: str = ORIGIN,
) -> Founded:
    """A gateway whose registry and log are empty; see ``founded``."""
    clock, random, opened = Clock(), chance("founding"), _Open()
    keys = keys or MemoryKeys()
    revision = policy().revision
    made: Any = partial(LentStore, keys=keys) if store is None else store
    kept = made(origin, lambda: revision, clock, random)
    checkpoint_signer, calendar = (
        RememberingSigner(note_signer(origin), opened),
        Calendar(simulated_reference_date),
    )
    ports = Ports(
        issuer=issuer,
        gateway=SHORT_NAME,
        begin=lambda *asked: _Watched(kept.begin(*asked), opened),  # type: ignore[arg-type,return-value]
        policy=policy(),
        attester=key_of("attest"),
        notifier=WatchedSigner(key_of("notification"), opened),
        checkpoint_signer=checkpoint_signer,
        keys=keys,
        now=clock,
        reference_date=calendar,
        new_id=Ids(),
        random=random,
        fingerprint_key=FINGERPRINT_KEY,
        emergency_numbers=("17", "112"),
        child_numbers=("119",),
    )
    return Founded(ports, kept, clock, checkpoint_signer, calendar)


@cache
def _told(simulated_reference_date: date | None) -> tuple[Founded, bytes]:
    """The story told once, its log found sound, and what the database holds then."""
    gateway = unfounded(None, simulated_reference_date)
    _tell_the_story(gateway)
    return settled(gateway)


def settled(gateway: Founded) -> tuple[Founded, bytes]:
    """A gateway whose log was found sound, and what its database holds: to be told by `retold`."""
    check_log(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        logged = _all_events(gateway, work, work.log.head(), (GATEWAY, *_slugs(work)))
    gateway.checked = {one.event.id: one for one in logged}
    gateway.compared, gateway.made_again = _registry_rows(gateway.store), _made_again(gateway)
    return gateway, gateway.store.copy()  # type: ignore[attr-defined]


def administrator(person: str, name: str) -> Administrator:
    """A named administrator with a key of their own."""
    return Administrator(person, name, json.dumps(key_of(person).public_jwk()))


def _tell_the_story(gateway: Founded) -> None:
    persons = [administrator(ALICE, "A. Martin"), administrator(BENOIT, "B. Dubois")]
    gateway.do(registry_keys.found, persons, ZONE.key)
    _admit(gateway, HOTLINE, "Point de Contact", kind="hotline")
    _admit(gateway, OCRVP, "OCRVP", kind="police_office", regimes=["gdpr", "led"])
    _admit(gateway, OFMIN, "OFMIN", kind="police_office", regimes=["gdpr", "led"])
    _admit(gateway, ABROAD, "A hotline abroad", kind="hotline", country="BE")
    _grant_membership(gateway, HOTLINE, "full", date(2000, 1, 1), "statutes")
    _grant_membership(gateway, OCRVP, "observer", date(2010, 1, 1), "board 2010-01")
    _grant_membership(gateway, OFMIN, "observer", date(2023, 10, 31), "board 2023-10-31")
    _grant_membership(gateway, ABROAD, "full", date(2000, 1, 1), "statutes")
    _mandate(gateway, OCRVP, date(2006, 5, 6), date(2023, 8, 31), "décret 2006-519")
    _mandate(gateway, OFMIN, date(2023, 8, 31), None, "décret 2023-829")
    for organisation in ORGANISATIONS:
        gateway.administer("system.register", organisation, system=DESK, scopes=sorted(SCOPES))


def _admit(
    gateway: Founded,
    slug: str,
    name: str,
    *,
    kind: str,
    country: str = "FR",
    regimes: Iterable[str] = ("gdpr",),
) -> None:
    gateway.administer(
        "organisation.admit",
        slug,
        name=name,
        kind=kind,
        public_authority=kind == "police_office",
        regimes=list(regimes),
        country=country,
    )


def _grant_membership(
    gateway: Founded, slug: str, membership: str, start: date, reference: str
) -> None:
    gateway.administer(
        "membership.grant",
        slug,
        membership=membership,
        start=start.isoformat(),
        decision_ref=reference,
    )


def _mandate(gateway: Founded, slug: str, start: date, end: date | None, act: str) -> None:
    _, matter, territory = CSAM_FR.split("/")
    until = {} if end is None else {"until": end.isoformat()}
    written = gateway.administer(
        "mandate.grant",
        slug,
        function="receive",
        matter=matter,
        territory=territory,
        legal_act=act,
        start=start.isoformat(),
        **until,
    )
    gateway.registered[slug] = UUID(written.result["event"])


# --- Cases ---------------------------------------------------------------------------------------

_IDS = {
    name: f"018f0000-0000-7000-8000-0000000000{number}"
    for number, name in enumerate(
        ("url", "host", "fact", "assessment", "victim", "code", "match", "reference"), start=11
    )
}


def element_id(name: str) -> str:
    """The id of an element of ``case_content``: url, host, fact, assessment, victim, code..."""
    return _IDS[name]


_MARKING: Mapping[str, Any] = {
    "tlp": "AMBER",
    "handling": [],
    "permitted_actions": "ask_first",
    "attribution": "may",
    "release_to": [],
    "onward": "ask_originator",
    "erase_on": "2027-03-02",
    "purpose": ["identify_victim", "remove"],
}


def case_content(
    case: UUID, *, marking: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """A valid case in version 1 with something in each group; ``changes`` replace fields, those
    in ``marking`` fields of the marking. None leaves a field out."""
    content: dict[str, Any] = {
        "case": str(case),
        "version": 1,
        "originator_ref": f"ref-{case}",
        "references": [
            {"id": element_id("reference"), "scheme": "iccam_report", "value": "1234567"}
        ],
        "received_at": "2026-03-01T20:00:00Z",
        "intake_channel": "web_form",
        "reporter": {"anonymous": True, "feedback_requested": False},
        "matter": ["csam"],
        "urgency": "priority",
        "items": [
            {
                "id": element_id("url"),
                "kind": "url",
                "value": "https://content.example.org/page",
                "is_source": True,
            },
            {"id": element_id("host"), "kind": "host", "value": "content.example.org"},
        ],
        "statements": [
            _statement("fact", text="The page was online when it was checked."),
            _statement("assessment", text="The page is likely a copy.", evaluated=True),
        ],
        "subjects": [
            {
                "id": element_id("victim"),
                "category": "victim",
                "minor": "yes",
                "basis_statement": [element_id("fact")],
            }
        ],
        "classifications": [_classification("code", "human")],
        "marking": {**_MARKING, **(marking or {})},
        "legal_basis": [{"regime": "gdpr", "article": "6(1)(f)"}],
    }
    return {k: deepcopy(v) for k, v in (content | changes).items() if v is not None}


def _statement(kind: str, *, text: str, evaluated: bool = False) -> dict[str, Any]:
    evaluation = {"source_reliability": "A", "information_accuracy": "3"} if evaluated else {}
    return {
        "id": element_id(kind),
        "kind": kind,
        "text": text,
        "language": "en",
        "made_by_role": "analyst",
        "made_at": "2026-03-01T21:00:00Z",
        "content_warning": "none",
        **evaluation,
    }


def _classification(name: str, method: str) -> dict[str, Any]:
    return {
        "id": element_id(name),
        "about": element_id("url"),
        "scheme": "iccam",
        "code": "national-csam",
        "assessor_role": "analyst",
        "assessed_at": "2026-03-01T22:00:00Z",
        "method": method,
    }


def machine_match() -> dict[str, Any]:
    """A classification that rests on a machine alone (R18)."""
    return _classification("match", "hash_match")


CLEARED = Clearance(assessed_by="analyst-1", cleared_by="approver-1")


def submitted(
    gateway: Founded,
    *,
    originator: str = HOTLINE,
    clearance: Clearance | None = CLEARED,
    case: UUID | None = None,
    change: VersionChange | None = None,
    **changes: Any,
) -> WriteResult:
    """Submit a version, cleared unless told otherwise; ``changes`` as for case_content."""
    content = case_content(case or gateway.new_id(), **changes)
    submission = Submission("intake-1", content, clearance, change=change)
    return gateway.do(submissions.submit, caller(originator), gateway.key(), submission)


def revised(gateway: Founded, earlier: WriteResult, **changes: Any) -> WriteResult:
    """Submit the next version of a case of the hotline, cleared; ``changes`` to its content.

    It is called what it is, unless ``change`` says otherwise.
    """
    case, version = UUID(earlier.result["case"]), earlier.result["version"] + 1
    changes = {"clearance": CLEARED, "version": version, **changes}
    changes["previous"] = earlier.result["digest"]
    if "change" not in changes:
        beside = {"clearance", "originator", "change"}
        content = {name: value for name, value in changes.items() if name not in beside}
        before = case_from_claims(sd_jwt.read_unverified(earlier.result["document"]).content)
        changes["change"] = change_of(before, case_content(case, **content))
    return submitted(gateway, case=case, **changes)


def change_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> VersionChange:
    """What one version is to the other, and why."""
    found = revision.compare(before, after)
    corrected = tuple(sorted(found.of_kind(ChangeKind.CORRECTION)))
    return VersionChange(found.kind, "other", "found by a check", corrected)


ADDITION = {"kind": "addition", "reason_code": "new_information", "reason": "seen again"}
"""What a further version is that alters nothing, as a request says it."""


def correction(*pointers: str) -> dict[str, Any]:
    """What a version is that corrects these places, as a request says it."""
    said = {"kind": "correction", "reason_code": "inaccurate", "reason": "found by a check"}
    return {**said, "pointers": list(pointers)}


def updated(
    gateway: Founded, handoff: UUID, originator: str = HOTLINE, **wanted: Any
) -> WriteResult:
    """Send the newest version of a case in a handoff that is there."""
    asked = UpdateRequest("liaison-1", **wanted)
    return gateway.do(updates.update, caller(originator), gateway.key(), handoff, asked)


def acknowledged(gateway: Founded, handoff: UUID, recipient: str = OFMIN) -> WriteResult:
    """Acknowledge the updates of a handoff."""
    said = answers.said("officer-1")
    return gateway.do(answers.acknowledge, caller(recipient), gateway.key(), handoff, said)


def offer_of(gateway: Founded, to: str = CSAM_FR, **changes: Any) -> OfferRequest:
    """An offer of everything, to a competence (its key) or an organisation."""
    address = {"competence" if "/" in to else "organisation": to}
    wanted = {
        "handoff": gateway.new_id(),
        "by": "liaison-1",
        "purpose": ("identify_victim",),
        "groups": GROUPS,
        **address,
    }
    return OfferRequest(**wanted | changes)


def offered(
    gateway: Founded,
    case: WriteResult | None = None,
    *,
    originator: str = HOTLINE,
    to: str = CSAM_FR,
    **changes: Any,
) -> WriteResult:
    """Offer a case (a new one when none is given); ``changes`` are to the Offer."""
    case = case or submitted(gateway, originator=originator)
    wanted = offer_of(gateway, to, **changes)
    at = UUID(case.result["case"])
    return gateway.do(offers.offer, caller(originator), gateway.key(), at, wanted)


def conditions_of(gateway: Founded, handoff: UUID, reader: str) -> dict[str, Any]:
    """The conditions that a handoff shows to its recipient."""
    view = to_json(views.look_up(gateway.ports, caller(reader), handoff))
    return dict(view["conditions"])


def accepted(
    gateway: Founded,
    offer: WriteResult | None = None,
    *,
    recipient: str = OFMIN,
    groups: tuple[str, ...] | None = None,
) -> UUID:
    """Accept an offer (a new one when none is given), all of it unless groups are named."""
    offer = offer or offered(gateway)
    handoff = UUID(offer.result["handoff"])
    conditions = conditions_of(gateway, handoff, recipient)
    newest = gateway.handoff(handoff).offer_digest
    reply = answers.said("officer-1", conditions=conditions, groups=groups, offer=newest)
    gateway.do(answers.accept, caller(recipient), gateway.key(), handoff, reply)
    return handoff


OPENING = ConsultationRequest("officer-1", "investigation", "first look at the report")


def consulted(gateway: Founded, handoff: UUID, reader: str = OFMIN) -> WriteResult:
    """Open the content of an accepted handoff."""
    return gateway.do(package_consultation.consult, caller(reader), gateway.key(), handoff, OPENING)


# --- The log, checked ----------------------------------------------------------------------------


def check_log(gateway: Founded, *strangers: str) -> list[dict[str, Any]]:
    """Rebuild the log from its documents, and hold it against all that was ever handed out.

    Every entry is that of its document and nonce; the tree over them is the head's; its tiles are
    those of the tree; every event proves itself; every party's counter runs from 1 without a gap;
    every head that was signed, and every receipt that was given, is of this very tree. Returns
    the fields of all events, in the log's order. ``strangers`` are parties outside the registry.
    Events of the founding story that were found sound once are held against their entries only.
    """
    with gateway.ports.begin(TransactionMode.READ) as work:
        head = work.log.head()
        entries = work.log.entries(0, head.size)
        logged = _all_events(gateway, work, head, (GATEWAY, *_slugs(work), *strangers))
        _check_tiles(work, head, entries)
        _check_counters(work, logged)
    rebuilt = [tree.entry_commitment(one.event.document, one.event.nonce) for one in logged]
    assert rebuilt == list(entries), "an entry is not that of its document"
    leaves = [tree.leaf_hash(one) for one in rebuilt]
    assert tree.root(leaves) == head.root, "the head is not that of the entries"
    for one, leaf in zip(logged, leaves, strict=True):
        if one.event.id in gateway.checked:
            continue
        tree.verify_inclusion(leaf, one.index, one.head.size, one.proof, one.head.root)
        _check_case(one, gateway)
    for size, root in gateway.checkpoint_signer.signed.items():
        assert tree.root(leaves[:size]) == root, "a head was signed that is not of this log"
    if _may_differ(gateway, logged):
        compared = _compared_since_the_story(gateway)
        assert {name for _, name in compared.differing} <= gateway.beside
        assert gateway.beside or not compared.problems
    assert handoffs_compared(gateway).sentences() == ()
    with gateway.ports.begin(TransactionMode.READ) as work:
        for slug in _slugs(work):
            # What a remote member is told of a handoff is not all that moves it.
            if "@" not in slug:
                assert contradictions(work, slug, logged, gateway.origin) == []
    documents = {one.index: one.event.document for one in logged}
    for given in gateway.receipts:
        confirmed = gateway.confirm(given)
        assert given.document == documents[confirmed.index], "a receipt is of another event"
    return [dict(_read(one.event.document)) for one in logged]


# The events of the story are the same in every test, and each party is shown the same of them.
_read = lru_cache(4096)(event.read)
_opened = lru_cache(4096)(event.open_disclosures)


def _check_case(one: LoggedEvent, gateway: Founded) -> None:
    """What is about a version of a case, or a handoff, names the case, until the log's term; but
    for what an earlier version recorded, under its policies."""
    told = _read(one.event.document)
    earlier = told["policy"] != policy().revision
    if earlier or not {"case_digest", "handoff"} & told.keys():
        return
    details = {detail.kind: detail for detail in one.event.disclosures}
    if "case" in details:
        assert details["case"].readers == {GATEWAY, details["case"].value.split("/")[0]}
    else:
        age = gateway.clock() - datetime.fromisoformat(told["time"])
        assert age > timedelta(days=365), f"{told['type']} names no case"


def contradictions(
    work: UnitOfWork, slug: str, logged: Sequence[LoggedEvent], origin: str = ORIGIN
) -> list[str]:
    """What the rows of a member's handoffs and duties say otherwise than its stream, as its client
    compares them: here all of them, for no interest keeps any back."""
    told, documents = ToldStream(slug, origin, None), {one.event.id: one.event for one in logged}
    for number, event_id in work.log.stream(slug, 0, 10**6):
        document = documents[event_id]
        opened = _opened(document.document, tuple(document.shown_to(slug)))
        proved = VerifiedReceipt(_read(document.document), opened, *[cast(Any, None)] * 4)
        told.take(number, proved)
    told.interested = False
    found = list[str]()
    for box in ("in", "out"):
        rows = work.handoffs.page(slug, box, HandoffFilter(), None, 10**6)
        shown = [
            {
                **vars(one),
                "handoff": str(one.id),
                "case": str(one.case),
                "recalled": one.recall is not None,
                "recipient": one.recipient,
            }
            for one in rows
        ]
        found += told.in_list(shown, box, None)
        owed = [one for row in rows for one in work.duties.of(row.id, open_only=True)]
        duties = [{"handoff": str(one.handoff), "kind": str(one.kind)} for one in owed]
        # Nothing is asked of who has left, and its client reads no more.
        read = box == "in" and not work.organisations.left(slug)
        found += told.in_duties(duties) if read else ()
    return found


def handoffs_compared(gateway: Founded) -> HandoffComparison:
    """Cases, handoffs and what stands beside them, compared with the log and their documents."""
    with gateway.store.begin(TransactionMode.READ) as work:
        return rows_proof(work).handoffs()


def rows_are_whole(work: UnitOfWork) -> None:
    """Require that maintenance would find nothing that differs."""
    assert not rows_proof(work).handoffs().sentences()


def rows_proof(work: UnitOfWork, proved: Proved | None = None) -> RowsProof:
    """The rows of a founded gateway, to be compared with its log."""
    return RowsProof(cast(SqlUnitOfWork, work), _rebuild(), _civil_day, proved)


def _civil_day(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def _may_differ(gateway: Founded, logged: Iterable[LoggedEvent]) -> bool:
    """Whether anything touched the registry since it was compared at the story's end.

    To make every change of the story again costs more than most tests do.
    """
    new = (_read(one.event.document) for one in logged if one.event.id not in gateway.checked)
    changing = {Operation.REGISTRY_CHANGE, Operation.KEY_EVENT}
    if any(one["operation"] in changing for one in new):
        return True
    return gateway.compared != _registry_rows(gateway.store)


def _registry_rows(store: Any) -> dict[str, list[Any]] | None:
    """All that the comparison looks at; None of a store that no copy is put into."""
    if not isinstance(store, LentStore):
        return None
    compared = (table.name for table in registry_proof._TABLES)
    return store.tables("organisation", "competence", *compared)


def registry_compared(gateway: Founded) -> RegistryComparison:
    """The registry, compared with what the log's events make of an empty one."""
    return _compared(gateway, _rebuild(gateway.ports.issuer))


def _rebuild(issuer: str = ISSUER) -> Rebuild:
    return Rebuild(issuer, _civil_day)


_ENTERED = select(tables.staff).where(tables.staff.c.event == UNRECORDED)


def _compared(
    gateway: Founded, redo: Callable[[LoggedEvent, UnitOfWork], None]
) -> RegistryComparison:
    with gateway.store.begin(TransactionMode.READ) as work:
        found = compare_registry(cast(SqlUnitOfWork, work), redo)
        rows = cast(SqlUnitOfWork, work).rows(_ENTERED, {})
        past = {("staff", f"{one.organisation}/{one.pseudonym}") for one in rows}
    return replace(found, differing=found.differing - past)


def _compared_since_the_story(gateway: Founded) -> RegistryComparison:
    """The same, from what the story's own events made when it was told.

    To verify all their approvals again would cost more than most tests do.
    """
    rebuild, begun = _rebuild(gateway.ports.issuer), not gateway.checked

    def redo(logged: LoggedEvent, work: UnitOfWork) -> None:
        nonlocal begun
        if not begun:
            _made_again_in(work).deserialize(gateway.made_again)
            begun = True
        if logged.event.id not in gateway.checked:
            rebuild(logged, work)

    return _compared(gateway, redo)


def _made_again(gateway: Founded) -> bytes:
    """The database in which all changes were made again."""
    rebuild, made = _rebuild(gateway.ports.issuer), b""

    def redo(logged: LoggedEvent, work: UnitOfWork) -> None:
        nonlocal made
        rebuild(logged, work)
        connection = _made_again_in(work)
        connection.commit()
        made = connection.serialize()

    _compared(gateway, redo)
    return made


def _made_again_in(work: UnitOfWork) -> sqlite3.Connection:
    return cast(sqlite3.Connection, _transaction_of(work).driver)


def _transaction_of(work: UnitOfWork) -> Transaction:
    return work.organisations._transaction


def _all_events(
    gateway: Founded, work: UnitOfWork, head: TreeHead, parties: Iterable[str]
) -> list[LoggedEvent]:
    """Every event of the log, found through the streams of its parties."""
    found: dict[int, LoggedEvent] = {}
    for organisation in parties:
        for _, event_id in work.log.stream(organisation, 0, head.size + 1):
            logged = gateway.checked.get(event_id) or work.log.logged(event_id)
            assert logged is not None, "a stream names an event that the log does not have"
            assert logged.event.id == event_id, "the log gives another event than was asked for"
            found[logged.index] = logged
    assert sorted(found) == list(range(head.size)), "an entry belongs to nobody's stream"
    return [found[index] for index in range(head.size)]


def _slugs(work: UnitOfWork) -> list[str]:
    return [one.slug for one in work.organisations.page("", 1000)]


def _check_tiles(work: UnitOfWork, head: TreeHead, entries: Iterable[bytes]) -> None:
    leaves = [tree.leaf_hash(one) for one in entries]
    expected, root = tiles.append(lambda level, n: b"", 0, leaves)
    assert root == head.root
    for (level, n), data in expected.items():
        assert work.log.tile(level, n)[: len(data)] == data, "a tile is not that of the entries"


def _check_counters(work: UnitOfWork, logged: Iterable[LoggedEvent]) -> None:
    counted: dict[str, int] = {}
    for one in logged:
        for disclosure in one.event.disclosures:
            if disclosure.kind != event.PARTY:
                continue
            party = disclosure.value["organisation"]
            counted[party] = counted.get(party, 0) + 1
            assert disclosure.value["stream_number"] == counted[party], "a counter has a gap"
            assert disclosure.readers == {party}, "a party's place is shown to another"
    for party, last in counted.items():
        assert work.log.last_number(party) == last
        stream = work.log.stream(party, 0, last + 1)
        assert [stream_number for stream_number, _ in stream] == list(range(1, last + 1))


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
