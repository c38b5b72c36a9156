"""A store in memory with the contract of the real ones: for tests of everything above the store.

A writing Work changes a copy of the state, and its commit puts the copy in the state's place: so
rolling back is forgetting, and a reading Work keeps the snapshot that it began with.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from gateway.actions.ports import Mode
from gateway.actions.records import (
    CaseVersion,
    Consultation,
    Erasure,
    Found,
    Head,
    Logged,
    LogQuery,
    Proposal,
    Retry,
    Sent,
    SigningRequest,
)
from gateway.domain.audit import CaseName
from gateway.domain.case import Case, CaseState
from gateway.domain.conformance import Run
from gateway.domain.facts import Fact
from gateway.domain.handoff import OPEN, Answer, Handoff
from gateway.domain.invitation import Invitation
from gateway.domain.membership import UNSEEN
from gateway.domain.organisation import (
    Certificate,
    Competence,
    Contact,
    Organisation,
    Person,
    Status,
    System,
)
from gateway.domain.refusals import AlreadyExists, Busy, Erased, Stale
from gateway.domain.succession import Moved, Succession
from gateway.evidence.event import Event, compose
from gateway.ledger import tiles, tree
from gateway.ledger.entry import entry

PATIENCE_SECONDS = 10.0


@dataclass
class State:
    """Everything that is stored; values are frozen, so that copying the containers is enough."""

    organisations: dict[str, Organisation] = field(default_factory=dict)
    systems: dict[tuple[str, str], System] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)
    proposals: dict[UUID, Proposal] = field(default_factory=dict)
    contacts: dict[tuple[str, str], Contact] = field(default_factory=dict)
    cases: dict[tuple[str, UUID], Case] = field(default_factory=dict)
    versions: dict[str, CaseVersion] = field(default_factory=dict)
    handoffs: dict[UUID, Handoff] = field(default_factory=dict)
    answers: dict[tuple[UUID, int], Answer] = field(default_factory=dict)
    consultations: dict[UUID, Consultation] = field(default_factory=dict)
    keys: dict[tuple[str, UUID], UUID] = field(default_factory=dict)
    retries: dict[tuple[str, str], Retry] = field(default_factory=dict)
    budgets: dict[tuple[str, str], int] = field(default_factory=dict)
    client_keys: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    revoked_tokens: dict[str, datetime] = field(default_factory=dict)
    spent_assertions: dict[tuple[str, str], datetime] = field(default_factory=dict)
    signing: dict[UUID, SigningRequest] = field(default_factory=dict)
    invitations: dict[UUID, Invitation] = field(default_factory=dict)
    conformance: dict[UUID, Run] = field(default_factory=dict)
    successions: dict[UUID, Succession] = field(default_factory=dict)
    moved: dict[UUID, Moved] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)
    events: dict[UUID, tuple[int, Event]] = field(default_factory=dict)
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    root: bytes = tree.EMPTY_ROOT
    streams: dict[str, tuple[UUID, ...]] = field(default_factory=dict)

    def copy(self) -> "State":
        """The same state, to be changed apart from this one."""
        return State(**{f.name: copy(getattr(self, f.name)) for f in fields(self)})


class MemoryStore:
    """The store of one test."""

    def __init__(
        self,
        origin: str,
        policy_revision: Callable[[], str],
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self.origin = origin
        self.policy_revision = policy_revision
        self.now = now
        self.random = random
        self.state = State()
        self.writing = threading.Lock()
        self.writer: int | None = None

    def begin(self, mode: Mode) -> "MemoryWork":
        return MemoryWork(self, mode)

    def close(self) -> None:
        """Nothing is held."""


class MemoryWork:
    """A Work; see `gateway.actions.ports.Work`."""

    first = True

    def __init__(self, store: MemoryStore, mode: Mode) -> None:
        self._store = store
        self._mode = mode
        self._held = False

    def __enter__(self) -> Self:
        state = self._store.state
        if self._mode is not Mode.READ:
            self._wait()
            state = self._store.state.copy()
        self._desk = desk = Desk(state, self._mode)
        self.organisations = MemoryOrganisations(desk)
        self.proposals = MemoryProposals(desk)
        self.cases = MemoryCases(desk)
        self.handoffs = MemoryHandoffs(desk)
        self.log = MemoryLog(desk, self._store)
        self.retries = MemoryRetries(desk)
        self.budgets = MemoryBudgets(desk)
        self.revoked_tokens = MemoryRevokedTokens(desk)
        self.replay = MemoryReplay(desk)
        self.signing = MemorySigning(desk)
        self.invitations = MemoryInvitations(desk)
        self.conformance = MemoryConformance(desk)
        self.successions = MemorySuccessions(desk)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._desk.close()
        self._release()

    def commit(self) -> Sequence[Logged]:
        state = self._desk.write()
        try:
            logged = self.log.append()
        finally:
            self._desk.close()
        self._store.state = state
        self._release()
        return logged

    def _wait(self) -> None:
        if self._store.writer == threading.get_ident():
            raise RuntimeError("this thread has a writing Work open already")
        if not self._store.writing.acquire(timeout=PATIENCE_SECONDS):
            raise Busy("the writers before this one take too long: retry after a moment")
        self._held, self._store.writer = True, threading.get_ident()

    def _release(self) -> None:
        if self._held:
            self._held, self._store.writer = False, None
            self._store.writing.release()


class MemoryKeys:
    """See `gateway.actions.ports.CaseKeys`; the memory store encrypts nothing."""

    def __init__(self) -> None:
        self.gone: set[UUID] = set()
        self.lost: set[UUID] = set()
        self.old: set[UUID] = set()

    def destroy(self, keys: Sequence[UUID]) -> int:
        new = set(keys) - self.gone
        self.gone |= new
        return len(new)

    def states(self, keys: Sequence[UUID]) -> dict[UUID, bool]:
        return {key: key not in self.gone for key in keys if key not in self.lost}

    def destroyed(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        return [key for key in sorted(self.gone) if after is None or key > after][:limit]

    def long_made(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        left = sorted(self.old - self.gone)
        return [key for key in left if after is None or key > after][:limit]


class Desk:
    """The state as one Work sees it, and what its mode allows."""

    def __init__(self, state: State, mode: Mode) -> None:
        self._state = state
        self._mode = mode
        self._open = True

    def read(self) -> State:
        if not self._open:
            raise RuntimeError("the Work is over: nothing of it may be used any more")
        return self._state

    def write(self) -> State:
        state = self.read()
        if self._mode is Mode.READ:
            raise RuntimeError("a reading Work cannot write")
        return state

    def change_registry(self) -> State:
        if self._mode is not Mode.REGISTRY:
            raise RuntimeError("the registry is changed in a Work of mode REGISTRY only")
        return self.write()

    def close(self) -> None:
        self._open = False


class Collection:
    """What each collection of a Work has: its desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk


class MemoryOrganisations(Collection):
    """See `gateway.actions.ports.Organisations`."""

    def get(self, slug: str) -> Organisation | None:
        return self._desk.read().organisations.get(slug)

    def page(self, after: str, limit: int, *, seen: bool = False) -> Sequence[Organisation]:
        found = self._desk.read().organisations
        there = [found[slug] for slug in sorted(found) if slug > after]
        return [one for one in there if not (seen and one.status in UNSEEN)][:limit]

    def receivers(self, matter: str, territory: str) -> Sequence[Competence]:
        wanted = ("receive", matter, territory)
        return [
            competence
            for _, organisation in sorted(self._desk.read().organisations.items())
            if organisation.status is Status.ACTIVE
            for competence in organisation.competences
            if (competence.function, competence.matter, competence.territory) == wanted
        ]

    def add(self, organisation: Organisation) -> None:
        state = self._desk.change_registry()
        _require_new(organisation.slug not in state.organisations)
        _require_own_competences(state, organisation)
        state.organisations[organisation.slug] = organisation

    def save(self, organisation: Organisation) -> None:
        state = self._desk.change_registry()
        stored = state.organisations.get(organisation.slug)
        _require_fresh(stored is not None and stored.version == organisation.version - 1)
        _require_own_competences(state, organisation)
        state.organisations[organisation.slug] = organisation

    def system(self, organisation: str, name: str) -> System | None:
        return self._desk.read().systems.get((organisation, name))

    def systems(self, organisation: str) -> Sequence[System]:
        found = self._desk.read().systems
        return [found[key] for key in sorted(found) if key[0] == organisation]

    def add_system(self, system: System) -> None:
        state = self._desk.change_registry()
        _require_new((system.organisation, system.name) not in state.systems)
        _require_sound(system.organisation in state.organisations)
        state.systems[system.organisation, system.name] = system

    def save_system(self, system: System) -> None:
        state = self._desk.change_registry()
        stored = state.systems.get((system.organisation, system.name))
        _require_fresh(stored is not None)
        state.systems[system.organisation, system.name] = replace(
            stored, scopes=system.scopes, enabled=system.enabled
        )

    def end_tokens(self, organisation: str, system: str, at: datetime) -> None:
        state = self._desk.change_registry()
        found = state.systems[organisation, system]
        state.systems[organisation, system] = replace(found, tokens_from=at)

    def client_keys(self, organisation: str, system: str) -> Sequence[str]:
        return list(self._desk.read().client_keys.get((organisation, system), ()))

    def set_client_keys(self, organisation: str, system: str, keys: Sequence[str]) -> None:
        state = self._desk.change_registry()
        _require_sound(not keys or (organisation, system) in state.systems)
        state.client_keys[organisation, system] = tuple(keys)

    def certificate(self, thumbprint: str) -> Certificate | None:
        return self._desk.read().certificates.get(thumbprint)

    def certificates(self, organisation: str, system: str) -> Sequence[Certificate]:
        found = self._desk.read().certificates.values()
        return [c for c in found if (c.organisation, c.system) == (organisation, system)]

    def add_certificate(self, certificate: Certificate) -> None:
        state = self._desk.change_registry()
        _require_new(certificate.thumbprint not in state.certificates)
        _require_sound((certificate.organisation, certificate.system) in state.systems)
        state.certificates[certificate.thumbprint] = certificate

    def save_certificate(self, certificate: Certificate) -> None:
        state = self._desk.change_registry()
        stored = state.certificates.get(certificate.thumbprint)
        _require_fresh(stored is not None)
        state.certificates[certificate.thumbprint] = replace(
            stored,
            not_after=certificate.not_after,
            revoked_at=certificate.revoked_at,
            reminded=certificate.reminded,
        )

    def expiring(self, after: datetime, until: datetime) -> Sequence[Certificate]:
        found = [
            c
            for c in self._desk.read().certificates.values()
            if c.revoked_at is None and after < c.not_after <= until
        ]
        return sorted(found, key=lambda c: (c.not_after, c.thumbprint))

    def revoked(self, after: datetime) -> Sequence[Certificate]:
        found = [
            c
            for c in self._desk.read().certificates.values()
            if c.revoked_at is not None and c.not_after > after
        ]
        return sorted(found, key=lambda c: (c.revoked_at, c.thumbprint))

    def contacts(self, organisation: str) -> Sequence[Contact]:
        found = sorted(self._desk.read().contacts.items())
        return [contact for (of, _), contact in found if of == organisation]

    def set_contact(self, contact: Contact) -> None:
        state = self._desk.change_registry()
        _require_sound(contact.organisation in state.organisations)
        state.contacts[contact.organisation, contact.role] = contact

    def person(self, person: str) -> Person | None:
        return self._desk.read().persons.get(person)

    def persons(self) -> Sequence[Person]:
        return [person for _, person in sorted(self._desk.read().persons.items())]

    def add_person(self, person: Person) -> None:
        state = self._desk.change_registry()
        _require_new(person.id not in state.persons)
        state.persons[person.id] = person

    def save_person(self, person: Person) -> None:
        state = self._desk.change_registry()
        stored = state.persons.get(person.id)
        _require_fresh(stored is not None)
        state.persons[person.id] = replace(stored, enabled=person.enabled)


class MemoryProposals(Collection):
    """See `gateway.actions.ports.Proposals`."""

    def get(self, proposal: UUID) -> Proposal | None:
        return self._desk.read().proposals.get(proposal)

    def page(
        self, before: UUID | None, limit: int, waiting: datetime | None = None
    ) -> Sequence[Proposal]:
        found = self._desk.read().proposals.values()
        open_ones = [
            one
            for one in found
            if waiting is None or (not _is_over(one) and one.expires_at >= waiting)
        ]
        ordered = sorted(open_ones, key=lambda one: one.id, reverse=True)
        return [one for one in ordered if before is None or one.id < before][:limit]

    def add(self, proposal: Proposal) -> None:
        state = self._desk.change_registry()
        _require_new(proposal.id not in state.proposals)
        state.proposals[proposal.id] = proposal

    def close(self, proposal: UUID, event: UUID) -> None:
        state = self._desk.change_registry()
        stored = state.proposals.get(proposal)
        _require_fresh(stored is not None and not _is_over(stored))
        state.proposals[proposal] = replace(stored, made_by=event)

    def withdraw(self, proposal: UUID, event: UUID) -> None:
        state = self._desk.change_registry()
        stored = state.proposals.get(proposal)
        _require_fresh(stored is not None and not _is_over(stored))
        state.proposals[proposal] = replace(stored, withdrawn_by=event)

    def prune(self, until: datetime) -> None:
        state = self._desk.change_registry()
        kept = state.proposals.items()
        state.proposals = {key: one for key, one in kept if one.expires_at >= until}


def _is_over(one: Proposal) -> bool:
    return (one.made_by or one.withdrawn_by) is not None


class MemoryCases(Collection):
    """See `gateway.actions.ports.Cases`."""

    def get(self, originator: str, case: UUID) -> Case | None:
        return self._desk.read().cases.get((originator, case))

    def add(self, case: Case, version: CaseVersion) -> None:
        state = self._desk.write()
        references = {(c.originator, c.originator_ref) for c in state.cases.values()}
        _require_new((case.originator, case.id) not in state.cases)
        _require_new((case.originator, case.originator_ref) not in references)
        _require_sound(_is_new_version(state, version))
        state.cases[case.originator, case.id] = case
        state.versions[version.digest] = version
        state.keys[case.originator, case.id] = UUID(int=len(state.cases))

    def save(self, case: Case, version: CaseVersion | None = None) -> None:
        state = self._desk.write()
        stored = state.cases.get((case.originator, case.id))
        _require_fresh(stored is not None and stored.revision == case.revision - 1)
        _require_sound(version is None or _is_new_version(state, version))
        if version is not None:
            _require_kept(case.state is not CaseState.ERASED)
        state.cases[case.originator, case.id] = replace(case, originator_ref=stored.originator_ref)
        if version is not None:
            state.versions[version.digest] = version

    def version(self, digest: str) -> CaseVersion | None:
        found = self._desk.read().versions.get(digest)
        if found is not None:
            _require_kept(found.document)
        return found

    def page(self, originator: str, after: UUID | None, limit: int) -> Sequence[Case]:
        found = [c for c in self._desk.read().cases.values() if c.originator == originator]
        return _page(found, after, limit)

    def erase(self, case: Case) -> Erasure:
        self.save(case)
        state = self._desk.write()
        of = (case.originator, case.id)
        versions = [v for v in state.versions.values() if (v.originator, v.case) == of]
        handoffs = {h.id for h in state.handoffs.values() if (h.originator, h.case) == of}
        answers = [a for a in state.answers.values() if a.handoff in handoffs]
        state.versions |= {v.digest: replace(v, document="") for v in versions}
        state.answers |= {(a.handoff, a.sequence): replace(a, statement="") for a in answers}
        events = {one.event for one in (*versions, *answers)}
        state.retries = {k: r for k, r in state.retries.items() if r.event not in events}
        return Erasure(len(versions), len(answers))

    def due(self, day: date, limit: int) -> Sequence[Case]:
        found = [
            c
            for c in self._desk.read().cases.values()
            if c.state is not CaseState.ERASED and c.erase_on <= day
        ]
        return sorted(found, key=lambda c: c.erase_on)[:limit]

    def doomed(self, limit: int) -> Sequence[UUID]:
        state = self._desk.read()
        erased = (of for of, c in state.cases.items() if c.state is CaseState.ERASED)
        return [state.keys[of] for of in erased if of in state.keys][:limit]

    def forget_keys(self, keys: Sequence[UUID]) -> None:
        state = self._desk.write()
        state.keys = {
            of: key
            for of, key in state.keys.items()
            if key not in keys or state.cases[of].state is not CaseState.ERASED
        }

    def key_of(self, originator: str, case: UUID) -> UUID | None:
        state, of = self._desk.read(), (originator, case)
        erased = of in state.cases and state.cases[of].state is CaseState.ERASED
        return None if erased else state.keys.get(of)

    def having(self, key: UUID) -> Case | None:
        state = self._desk.read()
        return next((state.cases[of] for of, own in state.keys.items() if own == key), None)


class MemoryHandoffs(Collection):
    """See `gateway.actions.ports.Handoffs`."""

    def get(self, handoff: UUID) -> Handoff | None:
        return self._desk.read().handoffs.get(handoff)

    def add(self, handoff: Handoff, offer: Answer) -> None:
        state = self._desk.write()
        _require_new(handoff.id not in state.handoffs)
        _require_sound(handoff.case_digest in state.versions)
        _require_sound(_is_new_answer(state, offer))
        state.handoffs[handoff.id] = handoff
        state.answers[offer.handoff, offer.sequence] = offer

    def save(self, handoff: Handoff, answer: Answer) -> None:
        state = self._desk.write()
        stored = state.handoffs.get(handoff.id)
        _require_fresh(stored is not None and stored.sequence == handoff.sequence - 1)
        _require_sound(_is_new_answer(state, answer))
        case = state.cases.get((stored.originator, stored.case))
        _require_kept(case is None or case.state is not CaseState.ERASED)
        state.handoffs[handoff.id] = replace(
            stored,
            state=handoff.state,
            accepted_groups=handoff.accepted_groups,
            due_at=handoff.due_at,
            until=handoff.until,
            sequence=handoff.sequence,
        )
        state.answers[answer.handoff, answer.sequence] = answer

    def answers(self, handoff: UUID) -> Sequence[Answer]:
        found = sorted(self._desk.read().answers.items(), key=lambda item: item[0])
        answers = [answer for (of, _), answer in found if of == handoff]
        for answer in answers:
            _require_kept(answer.statement)
        return answers

    def answer_of(self, event: UUID) -> Answer | None:
        found = next((a for a in self._desk.read().answers.values() if a.event == event), None)
        if found is not None:
            _require_kept(found.statement)
        return found

    def page(
        self, organisation: str, box: str, state: str | None, after: UUID | None, limit: int
    ) -> Sequence[Handoff]:
        party = {"in": "recipient", "out": "originator"}[box]
        found = [
            h
            for h in self._desk.read().handoffs.values()
            if getattr(h, party) == organisation and state in (None, h.state)
        ]
        return _page(found, after, limit)

    def open_of(self, originator: str, case: UUID) -> int:
        handoffs = self._desk.read().handoffs.values()
        return sum(
            (h.originator, h.case) == (originator, case) and h.state in OPEN for h in handoffs
        )

    def sent_of(self, originator: str, case: UUID) -> Sequence[Sent]:
        of = (originator, case)
        found = self._desk.read().handoffs.values()
        sent = [h for h in found if (h.originator, h.case) == of]
        return [
            Sent(h.id, h.recipient, h.case_digest) for h in sorted(sent, key=lambda one: one.id)
        ]

    def add_consultation(self, consultation: Consultation) -> None:
        state = self._desk.write()
        _require_new(consultation.event not in state.consultations)
        state.consultations[consultation.event] = consultation

    def consultation(self, event: UUID) -> Consultation | None:
        return self._desk.read().consultations.get(event)


class MemoryLog(Collection):
    """See `gateway.actions.ports.Log`."""

    def __init__(self, desk: Desk, store: MemoryStore) -> None:
        super().__init__(desk)
        self._store = store
        self._facts: list[Fact] = []

    def record(self, fact: Fact) -> None:
        self._desk.write()
        self._facts.append(fact)

    def append(self) -> Sequence[Logged]:
        """Append the recorded facts; the last thing that a commit does."""
        if self._facts:
            at, policy = self._store.now(), self._store.policy_revision()
            for fact in self._facts:
                self._append(fact, at, policy)
        return [self._logged(fact.id) for fact in self._facts]

    def logged(self, event: UUID) -> Logged | None:
        return self._logged(event) if event in self._desk.read().events else None

    def stream(self, organisation: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        stream = self._desk.read().streams.get(organisation, ())
        return list(enumerate(stream, 1))[after : after + limit]

    def counter(self, organisation: str) -> int:
        return len(self._desk.read().streams.get(organisation, ()))

    def search(self, query: LogQuery) -> Sequence[Found]:
        state = self._desk.read()
        found = [
            Found(index, made.id, any(_is_of_case(state, made, c) for c in query.coverage.cases))
            for index, made in sorted(state.events.values(), key=lambda one: one[0])
            if query.after < index < query.before and _fits(state, made, query)
        ]
        covered = [one for one in found if _is_covered(state, one, query)]
        return covered[: query.limit]

    def head(self) -> Head:
        state = self._desk.read()
        return Head(len(state.entries), state.root)

    def tile(self, level: int, n: int) -> bytes:
        return self._desk.read().tiles.get((level, n), b"")

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return self._desk.read().entries[max(start, 0) : max(end, 0)]

    def _append(self, fact: Fact, at: datetime, policy: str) -> None:
        state = self._desk.write()
        _require_new(fact.id not in state.events)
        for name in (party.organisation for party in fact.parties):
            state.streams[name] = (*state.streams.get(name, ()), fact.id)
        event = compose(
            fact,
            log=self._store.origin,
            at=at,
            policy=policy,
            counters={name: len(stream) for name, stream in state.streams.items()},
            random=self._store.random,
        )
        line = entry(event.document, event.nonce)
        size = len(state.entries)
        grown, state.root = tiles.append(self.tile, size, [tree.leaf_hash(line)])
        state.tiles |= grown
        state.entries.append(line)
        state.events[fact.id] = (size, event)

    def _logged(self, event: UUID) -> Logged:
        index, made = self._desk.read().events[event]
        head = self.head()
        return Logged(made, index, tuple(tiles.inclusion_proof(self.tile, index, head.size)), head)


def _values(made: Event, kind: str) -> list[Any]:
    """The values of an event's details of one kind, lists taken apart."""
    found: list[Any] = []
    for disclosure in made.disclosures:
        if disclosure.kind == kind:
            value = disclosure.value
            found += value if isinstance(value, list | tuple) else [value]
    return found


def _parties(made: Event) -> set[str]:
    return {value["organisation"] for value in _values(made, "party")}


def _is_of_case(state: State, made: Event, case: CaseName) -> bool:
    document = json.loads(made.document)
    digests = {
        digest
        for digest, version in state.versions.items()
        if (version.originator, version.case) == (case.originator, case.case)
    }
    handoffs = {
        str(handoff.id)
        for handoff in state.handoffs.values()
        if (handoff.originator, handoff.case) == (case.originator, case.case)
    }
    return document.get("case_digest") in digests or document.get("handoff") in handoffs


def _is_covered(state: State, found: Found, query: LogQuery) -> bool:
    parties = _parties(state.events[found.event][1])
    return query.coverage.whole or found.of_case or bool(parties & query.coverage.members)


def _fits(state: State, made: Event, query: LogQuery) -> bool:
    document = json.loads(made.document)
    at = datetime.fromisoformat(document["ts"])
    return all(
        (
            query.organisation in (None, *_parties(made)),
            query.person in (None, *_values(made, "by")),
            query.rule in (None, *_values(made, "rules")),
            query.case is None or _is_of_case(state, made, query.case),
            query.handoff is None or document.get("handoff") == str(query.handoff),
            query.typ in (None, document["typ"]),
            query.result in (None, document["result"]),
            query.since is None or at >= query.since,
            query.until is None or at < query.until,
        )
    )


class MemoryRetries(Collection):
    """See `gateway.actions.ports.Retries`."""

    def get(self, organisation: str, key: str) -> Retry | None:
        return self._desk.read().retries.get((organisation, key))

    def add(self, retry: Retry) -> None:
        state = self._desk.write()
        _require_fresh((retry.organisation, retry.key) not in state.retries)
        state.retries[retry.organisation, retry.key] = retry


class MemoryBudgets(Collection):
    """See `gateway.actions.ports.Budgets`."""

    def spend(self, organisation: str, window: str, limit: int) -> bool:
        budgets = self._desk.write().budgets
        first = window.partition("/")[0] + "/"
        for earlier in [w for o, w in budgets if o == organisation and first <= w < window]:
            del budgets[organisation, earlier]
        spent = budgets.get((organisation, window), 0)
        if spent >= limit:
            return False
        budgets[organisation, window] = spent + 1
        return True


class MemoryRevokedTokens(Collection):
    """See `gateway.actions.ports.RevokedTokens`."""

    def add(self, jti: str, expires_at: datetime) -> None:
        self._desk.write().revoked_tokens.setdefault(jti, expires_at)

    def has(self, jti: str) -> bool:
        return jti in self._desk.read().revoked_tokens

    def prune(self, until: datetime) -> None:
        state = self._desk.write()
        state.revoked_tokens = {j: end for j, end in state.revoked_tokens.items() if end > until}


class MemoryReplay(Collection):
    """See `gateway.actions.ports.Replay`."""

    def spend(self, client: str, jti: str, expires_at: datetime) -> bool:
        spent = self._desk.write().spent_assertions
        is_new = (client, jti) not in spent
        spent.setdefault((client, jti), expires_at)
        return is_new

    def prune(self, until: datetime) -> None:
        state = self._desk.write()
        spent = state.spent_assertions.items()
        state.spent_assertions = {key: end for key, end in spent if end > until}


class MemorySigning(Collection):
    """See `gateway.actions.ports.Signing`."""

    def add(self, request: SigningRequest) -> None:
        state = self._desk.write()
        _require_new(request.id not in state.signing)
        state.signing[request.id] = request

    def get(self, request: UUID) -> SigningRequest | None:
        return self._desk.read().signing.get(request)

    def of_csr(self, organisation: str, system: str, csr: str) -> SigningRequest | None:
        wanted = (organisation, system, csr)
        for _, one in sorted(self._desk.read().signing.items(), reverse=True):
            if (one.organisation, one.system, one.csr) == wanted:
                return one
        return None

    def pending(self, limit: int) -> Sequence[SigningRequest]:
        waiting = sorted(self._desk.read().signing.items())
        return [r for _, r in waiting if r.certificate is None and r.refusal is None][:limit]

    def save(self, request: SigningRequest) -> None:
        state = self._desk.write()
        stored = state.signing.get(request.id)
        _require_fresh(stored is not None)
        state.signing[request.id] = replace(
            stored, certificate=request.certificate, refusal=request.refusal
        )


class MemoryInvitations(Collection):
    """See `gateway.actions.ports.Invitations`."""

    def add(self, invitation: Invitation) -> None:
        state = self._desk.change_registry()
        _require_new(invitation.id not in state.invitations)
        tokens = {one.token_sha256 for one in state.invitations.values()}
        _require_new(invitation.token_sha256 not in tokens)
        _require_sound((invitation.organisation, invitation.system) in state.systems)
        state.invitations[invitation.id] = invitation

    def get(self, invitation: UUID) -> Invitation | None:
        return self._desk.read().invitations.get(invitation)

    def by_token(self, token_sha256: str) -> Invitation | None:
        found = self._desk.read().invitations.values()
        return next((one for one in found if one.token_sha256 == token_sha256), None)

    def open(self, now: datetime, after: UUID | None, limit: int) -> Sequence[Invitation]:
        found = self._desk.read().invitations.values()
        return _page(
            [
                one
                for one in found
                if one.key is None and one.withdrawn_at is None and one.ends_at > now
            ],
            after,
            limit,
        )

    def save(self, invitation: Invitation) -> None:
        state = self._desk.change_registry()
        stored = state.invitations.get(invitation.id)
        _require_fresh(stored is not None)
        state.invitations[invitation.id] = replace(
            stored,
            key=invitation.key,
            request=invitation.request,
            withdrawn_at=invitation.withdrawn_at,
        )


class MemoryConformance(Collection):
    """See `gateway.actions.ports.Conformance`."""

    def add(self, run: Run) -> None:
        state = self._desk.write()
        _require_new(run.id not in state.conformance)
        _require_sound((run.organisation, run.system) in state.systems)
        state.conformance[run.id] = run

    def get(self, run: UUID) -> Run | None:
        return self._desk.read().conformance.get(run)

    def save(self, run: Run) -> None:
        state = self._desk.write()
        stored = state.conformance.get(run.id)
        _require_fresh(stored is not None and stored.revision == run.revision - 1)
        state.conformance[run.id] = replace(
            stored,
            sandbox=run.sandbox,
            marks=run.marks,
            passed_at=run.passed_at,
            revision=run.revision,
        )

    def passed(self, organisation: str) -> bool:
        runs = self._desk.read().conformance.values()
        return any(run.organisation == organisation and run.passed_at for run in runs)

    def prune(self, until: datetime) -> None:
        state = self._desk.write()
        state.conformance = {
            id_: run
            for id_, run in state.conformance.items()
            if run.passed_at is not None or run.ends_at > until
        }


class MemorySuccessions(Collection):
    """See `gateway.actions.ports.Successions`."""

    def get(self, succession: UUID) -> Succession | None:
        return self._desk.read().successions.get(succession)

    def all(self) -> Sequence[Succession]:
        return [one for _, one in sorted(self._desk.read().successions.items())]

    def of(self, organisation: str) -> Sequence[Succession]:
        return [one for one in self.all() if organisation in one.offices]

    def from_office(self, predecessor: str, competence: str) -> Sequence[Succession]:
        named = (predecessor, competence)
        return [one for one in self.all() if (one.predecessor, one.competence) == named]

    def add(self, succession: Succession) -> None:
        state = self._desk.change_registry()
        _require_new(succession.id not in state.successions)
        _require_sound(all(office in state.organisations for office in succession.offices))
        state.successions[succession.id] = succession

    def save(self, succession: Succession) -> None:
        state = self._desk.write()
        stored = state.successions.get(succession.id)
        _require_fresh(stored is not None and stored.version == succession.version - 1)
        state.successions[succession.id] = replace(
            stored,
            by_predecessor=succession.by_predecessor,
            by_successor=succession.by_successor,
            applied=succession.applied,
            cancelled=succession.cancelled,
            version=succession.version,
        )

    def moved(self, succession: UUID) -> Sequence[Moved]:
        found = sorted(self._desk.read().moved.items())
        return [one for _, one in found if one.succession == succession]

    def moved_from(self, handoff: UUID) -> Moved | None:
        return self._desk.read().moved.get(handoff)

    def moved_to(self, handoff: UUID) -> Moved | None:
        found = (one for one in self._desk.read().moved.values() if one.became == handoff)
        return next(found, None)

    def add_moved(self, moved: Moved) -> None:
        state = self._desk.write()
        _require_new(moved.handoff not in state.moved)
        named = {moved.handoff} | ({moved.became} if moved.became else set())
        _require_sound(moved.succession in state.successions and named <= state.handoffs.keys())
        state.moved[moved.handoff] = moved


def _page(found: Iterable[Any], after: UUID | None, limit: int) -> list[Any]:
    """Those with an id greater than ``after``, in order of id."""
    ordered = sorted(found, key=lambda item: item.id)
    return [item for item in ordered if after is None or item.id > after][:limit]


def _is_new_version(state: State, version: CaseVersion) -> bool:
    numbers = {(v.originator, v.case, v.version) for v in state.versions.values()}
    number = (version.originator, version.case, version.version)
    return version.digest not in state.versions and number not in numbers


def _is_new_answer(state: State, answer: Answer) -> bool:
    events = {a.event for a in state.answers.values()}
    return (answer.handoff, answer.sequence) not in state.answers and answer.event not in events


def _require_new(is_new: bool) -> None:
    if not is_new:
        raise AlreadyExists("what should be new is there already")


def _require_fresh(is_fresh: bool) -> None:
    if not is_fresh:
        raise Stale("it has changed: read it again")


def _require_kept(content: object) -> None:
    if not content:
        raise Erased("the case was erased: nothing of its content is left")


def _require_sound(is_sound: bool) -> None:
    if not is_sound:
        raise RuntimeError("it refers to nothing that is stored, or takes the place of another")


def _require_own_competences(state: State, organisation: Organisation) -> None:
    others = {
        competence.id
        for slug, other in state.organisations.items()
        if slug != organisation.slug
        for competence in other.competences
    }
    ids = [competence.id for competence in organisation.competences]
    _require_sound(len(set(ids)) == len(ids) and not others & set(ids))
