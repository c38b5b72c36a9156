"""Values to store: small, legal, and told apart by a number."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.domain.case import Case, CaseState
from gateway.domain.enrolment import ConformanceRun, Invitation
from gateway.domain.handoff import Addressee, Handoff, HandoffAction, HandoffAnswer
from gateway.domain.mandate import Mandate, Period
from gateway.domain.moves import move
from gateway.domain.organisation import (
    Administrator,
    AdmissionDecision,
    Agreement,
    Application,
    Certificate,
    Contact,
    DeclaredInterest,
    Membership,
    MembershipClass,
    Organisation,
    Status,
    StatusEntry,
    System,
)
from gateway.domain.succession import Succession
from gateway.domain.vocabulary import Urgency
from gateway.kernel.values import (
    CaseVersion,
    CertificateOrder,
    Consultation,
    IdempotencyRecord,
    Proposal,
)

ORIGIN = "log.example.org/casegate"
PERSON_KEY = bytes(range(32))
HEAD_KEY = bytes(range(1, 33))
POLICY = "r1"
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)

FIRST = UUID(int=1)
"""An event of before all others."""

_ids: Iterator[int] = count(1)


def new_id() -> UUID:
    """An id greater than all before it, as UUIDv7 are."""
    return numbered(next(_ids))


def numbered(number: int) -> UUID:
    """The id with this number, of version 7."""
    return UUID(int=(number << 80) | (7 << 76) | (1 << 63))


def organisation(slug: str = "hotline", **changes: object) -> Organisation:
    """A hotline with a seat that ended, a seat that holds, and a competence."""
    made = Organisation(
        slug=slug,
        name=f"Ligne d’écoute {slug}",
        kind="hotline",
        public_authority=False,
        regimes=frozenset({"gdpr"}),
        country="FR",
        status=Status.ACTIVE,
        memberships=(
            Membership(
                MembershipClass.OBSERVER, Period(date(2020, 1, 1), date(2021, 1, 1)), "decision-1"
            ),
            Membership(MembershipClass.FULL, Period(date(2021, 1, 1)), "decision-2"),
        ),
        mandates=(competence(slug),),
        history=(
            StatusEntry(Status.APPLIED, date(2019, 1, 1), FIRST),
            StatusEntry(Status.ACTIVE, date(2019, 2, 1), FIRST),
        ),
        application=Application(
            MembershipClass.OBSERVER,
            frozenset({"remove", "prevent"}),
            "We listen.",
            date(2019, 1, 1),
            FIRST,
            AdmissionDecision("decision-0", date(2019, 1, 15), "digest", FIRST),
        ),
        interests=(
            DeclaredInterest(
                FIRST, "provider", "provider.example", "funder", Period(date(2019, 1, 1))
            ),
        ),
        agreements=(
            Agreement(
                FIRST,
                "transfer",
                "all that it receives",
                "Art. 46(2)(c)",
                Period(date(2019, 1, 1), date(2030, 1, 1)),
            ),
        ),
    )
    return replace(made, **changes)


def contact(
    organisation: str = "hotline", role: str = "liaison", name: str = "A. Person"
) -> Contact:
    """Whom to reach."""
    return Contact(organisation, role, name, "a.person@hotline.example", new_id())


def competence(slug: str, matter: str = "csam", territory: str = "FR") -> Mandate:
    """A mandate to receive, without an end."""
    return Mandate(
        id=new_id(),
        organisation=slug,
        function="receive",
        matter=matter,
        territory=territory,
        legal_act="Decree 2023-1",
        period=Period(date(2023, 11, 1)),
        registration_event=new_id(),
    )


def system(organisation: str = "hotline", name: str = "intake") -> System:
    """A machine with two scopes."""
    return System(organisation, name, frozenset({"cases.write", "cases.read"}))


def certificate(number: int = 1, system: str = "intake") -> Certificate:
    """A certificate of the hotline's machine, with a serial of 160 bits."""
    return Certificate(
        thumbprint=f"thumbprint-{number}",
        serial=2**159 + number,
        organisation="hotline",
        system=system,
        not_after=NOON + timedelta(days=90),
    )


def person(name: str = "first-admin") -> Administrator:
    """A named administrator."""
    return Administrator(name, "A. Person", '{"kty":"OKP"}')


def case(originator: str = "hotline", **changes: object) -> tuple[Case, CaseVersion]:
    """A new case and its first version."""
    id_ = new_id()
    made = Case(
        originator=originator,
        id=id_,
        version=1,
        digest=f"digest-{id_}-1",
        originator_ref=f"ref-{id_}",
        erase_on=date(2027, 3, 2),
        unconfirmed_matches=frozenset({"c2", "c1"}),
    )
    made = replace(made, **changes)
    return made, version_of(made)


def version_of(case: Case) -> CaseVersion:
    """The version that a case is at, as a document."""
    return CaseVersion(
        originator=case.originator,
        case=case.id,
        version=case.version,
        digest=case.digest,
        assurance="attested",
        event=new_id(),
        summary={"matter": ["csam"], "urgency": "normal"},
        document="header.payload.signature~disclosure~",
    )


def revised(case: Case) -> tuple[Case, CaseVersion]:
    """The case after a second version."""
    version = case.version + 1
    changed = replace(
        case,
        version=version,
        digest=f"digest-{case.id}-{version}",
        state=CaseState.ASSESSED,
        unconfirmed_matches=frozenset(),
        assessed_by="p-7",
        revision=case.revision + 1,
    )
    return changed, version_of(changed)


def handoff(
    case: Case, recipient: str = "police", **changes: object
) -> tuple[Handoff, HandoffAnswer]:
    """An offer of the case to an office, by competence."""
    made = Handoff(
        id=new_id(),
        originator=case.originator,
        case=case.id,
        case_version=case.version,
        case_digest=case.digest,
        address=Addressee(recipient, "receive/csam/FR", new_id()),
        purpose=("protect_child", "investigate"),
        permitted_disclosures=frozenset({"digest-b", "digest-a"}),
        package_digest="package_digest",
        offer_digest="offer-digest",
        conditions_digest="conditions-digest",
        urgency=Urgency.URGENT,
        matter=frozenset({"csam"}),
        offered_at=NOON,
        due_at=NOON + timedelta(hours=8),
        expires_at=None,
    )
    made = replace(made, **changes)
    return made, answer_to(made, None)


def answer_to(handoff: Handoff, step: HandoffAction | None) -> HandoffAnswer:
    """The answer that brought the handoff to where it is."""
    return HandoffAnswer(
        handoff=handoff.id,
        sequence=handoff.sequence,
        move=step,
        state=handoff.state,
        author=handoff.originator if step is None else handoff.recipient,
        at=NOON + timedelta(microseconds=handoff.sequence),
        document="header.payload.signature~",
        event=new_id(),
    )


def accepted(handoff: Handoff) -> tuple[Handoff, HandoffAnswer]:
    """The handoff after its recipient took two groups of it."""
    groups = frozenset({"items", "basis"})
    moved = move(handoff, HandoffAction.ACCEPT_PARTLY, handoff.recipient, groups=groups)
    return moved, answer_to(moved, HandoffAction.ACCEPT_PARTLY)


def consultation(handoff: Handoff) -> Consultation:
    """What the recipient opened."""
    shown = ("digest-b", "digest-a")
    return Consultation(
        new_id(), handoff.recipient, handoff.id, handoff.case_digest, shown, informed=True
    )


def retry(key: str = "key-1", organisation: str = "hotline") -> IdempotencyRecord:
    """A write that was done."""
    return IdempotencyRecord(organisation, key, b"\x00fingerprint\xff", new_id())


def signing_request(system: str = "intake") -> CertificateOrder:
    """An approved request for a certificate."""
    return CertificateOrder(new_id(), "hotline", system, "a request in PEM", "first-admin")


def proposal(**changes):
    """A proposal to end a membership, by its first approver."""
    made = Proposal(
        id=new_id(),
        action="membership.end",
        organisation="hotline",
        values='{"until":"2026-04-01"}',
        proposer="first-admin",
        approval="header.payload.signature~",
        expires_at=NOON,
    )
    return replace(made, **changes)


def invitation(token="t" * 43):
    """An invitation of the hotline's machine, by two persons."""
    return Invitation(
        new_id(), "hotline", "intake", token, ("first", "second"), NOON + timedelta(hours=72)
    )


def succession(predecessor="police", successor="abroad", **changes):
    """A planned succession of an office with its permissions."""
    made = Succession(
        id=new_id(),
        predecessor=predecessor,
        successor=successor,
        competence="receive/csam/FR",
        day=date(2026, 4, 1),
        read_until=date(2026, 5, 1),
        legal_act="Decree",
        permissions=True,
        mandate_event=new_id(),
        former_end=date(2027, 1, 1),
    )
    return replace(made, **changes)


def run(days=1):
    """A run of the hotline's machine."""
    return ConformanceRun(new_id(), "hotline", "intake", NOON + timedelta(days=days), '{"a":1}')


def fact(*parties: str, id_: UUID | None = None, **changes: object) -> AuditEvent:
    """Something that happened to these organisations; the first acted, and said why."""
    names = parties or ("hotline",)
    made = AuditEvent(
        id=id_ or new_id(),
        action="case.submit",
        result=EventResult.ALLOWED,
        parties=tuple(
            Party(name, "recipient" if place else "actor") for place, name in enumerate(names)
        ),
        details=(
            EventDetail("by", "p-7", frozenset(names[:1])),
            EventDetail("groups", ("items", "basis"), frozenset(names)),
        ),
        case_digest="A" * 43,
    )
    return replace(made, **changes)
