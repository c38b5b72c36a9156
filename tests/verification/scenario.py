"""A handoff from offer to answers, made of real parts, from which tests take what they need."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.domain.answers import ANSWERS
from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.domain.handoff import RecallCode
from gateway.domain.revision import ChangeKind
from gateway.evidence import bundle, canonical, declarations, handoff_documents, sd_jwt
from gateway.evidence.bundle import Bundle, BundlePackage
from gateway.evidence.handoff_documents import Heading
from gateway.evidence.passkey import read_passkey
from gateway.evidence.sd_jwt import SdJwt
from gateway.verification.report import VerificationReport
from gateway.verification.sources import HEADINGS
from gateway.verification.trust import TrustAnchors
from tests import answers
from tests.authenticator import Authenticator
from tests.evidence.ingredients import chance, es256
from tests.verification.former import former
from tests.verification.logbook import ORIGIN, Logbook

GATEWAY = "https://gw.example.org"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CASE = "01890000-0000-7000-8000-00000000cace"
HANDOFF = UUID("01890000-0000-7000-8000-00000000abcd")
SIGNERS = {name: es256(f"{name}-key") for name in ("hotline", "police", "gateway", "stranger")}
ADMINISTRATORS = {name: es256(f"{name}-key") for name in ("a-martin", "b-dubois")}
PASSKEYS = {name: Authenticator() for name in ADMINISTRATORS}
CONDITIONS = {
    "tlp": "AMBER",
    "handling": [],
    "onward": "ask_originator",
    "permitted_actions": "ask_first",
    "purpose": ["identify_victim", "remove"],
    "erase_on": "2027-01-02",
}
FORCE = {"onward": {"force": "agreement", "reference": "convention 3"}}
ACTIONS = {kind.name: kind.action for kind in ANSWERS.values()}
TRUST = TrustAnchors(
    log_keys=tuple(Logbook().keys),
    origins=(ORIGIN,),
    gateway_keys=SIGNERS["gateway"].keys(),
    organisations={name: SIGNERS[name].keys() for name in ("hotline", "police")},
)


KNOWN = replace(
    TRUST,
    administrators={
        name: {**one.keys(), **dict([read_passkey(PASSKEYS[name].jwk)])}
        for name, one in ADMINISTRATORS.items()
    },
)
"""With the keys of the administrators."""


def approved_by_passkey(
    action: str, subject: Mapping[str, Any], *persons: str, keys: Mapping[str, Authenticator]
) -> EventDetail:
    """The same as `approved`, each by a passkey."""
    change = dict(subject)
    digest = declarations.change_digest(action, change.pop("organisation"), change)
    named = {"aud": GATEWAY, "action": action, "change": digest, "iat": int(AT.timestamp())}
    texts = [
        keys[one].sign(
            declarations.PASSKEY_APPROVAL_TYP,
            {**named, "iss": declarations.person_uri(GATEWAY, one), "jti": str(UUID(int=n + 9))},
        )
        for n, one in enumerate(persons)
    ]
    return EventDetail("approvals", tuple(texts), frozenset())


def approved(
    action: str, subject: Mapping[str, Any], *persons: str, at: datetime = AT
) -> EventDetail:
    """What persons signed of a change: a detail of its event, which anybody may read here."""
    change = dict(subject)
    organisation = change.pop("organisation")
    texts = [
        declarations.issue_approval(
            Heading(
                declarations.person_uri(GATEWAY, one), GATEWAY, at, UUID(int=n + 9),
                ADMINISTRATORS[one], chance(one),
            ),
            action=action, organisation=organisation, change=change,
        ).compact()
        for n, one in enumerate(persons)
    ]  # fmt: skip
    return EventDetail("approvals", tuple(texts), frozenset())


def fact(report: VerificationReport, key: str) -> dict[str, Any]:
    """The one fact of a kind that a report states, with its heading."""
    assert report.conclusion is not None, report
    (found,) = (one for one in report.conclusion.facts if one.key == key)
    (under,) = (name for name, sources in HEADINGS.items() if found.source in sources)
    heading = "proved" if under in ("signed", "confirmed", "recorded") else under
    return {**found.to_json(), "under": heading}


def keys_of(report: VerificationReport) -> list[str]:
    """The kinds of all facts that a report states."""
    assert report.conclusion is not None, report
    return [one.key for one in report.conclusion.facts]


def uri(organisation: str) -> str:
    return f"{GATEWAY}/organisations/{organisation}"


def word_of(organisation: str, attested: bool) -> dict[str, Any]:
    """Issuer and signer: the organisation itself, or the gateway for it."""
    if attested:
        return {"issuer": GATEWAY, "attested_for": uri(organisation), "signer": SIGNERS["gateway"]}
    return {"issuer": uri(organisation), "attested_for": None, "signer": SIGNERS[organisation]}


def declared(says: str, by: str, owner: str, at: datetime = AT, number: int = 5) -> str:
    """What a key says of itself in the name of an organisation."""
    heading = Heading(uri(owner), GATEWAY, at, UUID(int=number), SIGNERS[by], chance())
    return declarations.issue_declaration(heading, says=says, kid=SIGNERS[by].kid).compact()


def case_version(
    organisation: str = "hotline", attested: bool = False, seed: str = "", version: int = 1
) -> SdJwt:
    word = word_of(organisation, attested)
    claims = {"iss": word["issuer"], "aud": GATEWAY, "iat": 1, "case": CASE, **CONDITIONS}
    if version > 1:
        claims["version"] = version
    if attested:
        claims["attested_for"] = word["attested_for"]
    return sd_jwt.issue(
        typ=handoff_documents.CASE_TYP,
        claims=claims,
        properties=[
            ("matter", ["csam"]),
            ("urgency", "normal"),
            ("legal_basis", [{"regime": "gdpr", "article": "6(1)(f)"}]),
            ("force", FORCE),
            ("reporter", {"anonymous": True}),
        ],
        arrays=[("items", [{"id": f"i-{n}", "kind": "url"} for n in range(3)]), ("subjects", [])],
        signer=word["signer"],
        random=chance(f"case {organisation} {attested} {seed}"),
    )


@dataclass
class Scenario:
    """One handoff in one log. ``log`` may hold more events than the handoff's own.

    ``own_case`` lets the originator sign the case itself, whoever attests the rest;
    ``case_attested`` is the opposite.
    """

    attested: bool = False
    own_case: bool = False
    case_attested: bool = False
    handoff: UUID = HANDOFF
    originator: str = "hotline"
    recipient: str = "police"
    log: Logbook = field(default_factory=Logbook)
    competence: Mapping[str, str] = field(default_factory=dict)
    indexes: list[int] = field(default_factory=list)
    answers: list[SdJwt] = field(default_factory=list)
    earlier: list[tuple[SdJwt, list[str], SdJwt]] = field(default_factory=list)
    """Of each package before the newest: the case, what may be shown of it, the offer."""
    recall: SdJwt | None = None
    moves: int = 1

    def __post_init__(self) -> None:
        attested = self.case_attested or (self.attested and not self.own_case)
        self.case = case_version(self.originator, attested, str(self.handoff))
        self.permitted_disclosures = [
            d.digest for d in self.case.disclosures if d.name != "reporter"
        ]
        self.package_digest = handoff_documents.package_digest(self.permitted_disclosures)
        self.offer = answers.issue_offer(
            **word_of(self.originator, self.attested),
            audience=GATEWAY,
            at=AT,
            jti="offer",
            handoff=self.handoff,
            to={"organisation": self.recipient, **self.competence},
            case_digest=self.case.digest,
            disclosures=self.permitted_disclosures,
            purpose=["identify_victim"],
            expires_at=None,
            by="staff-1",
            note=None,
            random=chance(f"offer {self.handoff}"),
        )
        self.record("handoff.offer", self.offer.digest)

    def updated(self, *, version: int = 0, logged: bool = True, **changes: Any) -> "Scenario":
        """The same story after an update; ``changes`` are to the claims of its offer."""
        self.earlier.append((self.case, self.permitted_disclosures, self.offer))
        number = version or len(self.earlier) + 1
        self.case = case_version(self.originator, self.attested, f"{self.handoff} {number}", number)
        self.permitted_disclosures = [
            d.digest for d in self.case.disclosures if d.name != "reporter"
        ]
        self.package_digest = handoff_documents.package_digest(self.permitted_disclosures)
        said = {
            "audience": GATEWAY,
            "at": AT + timedelta(seconds=len(self.log.events)),
            "jti": f"update {number}",
            "handoff": self.handoff,
            "to": {"organisation": self.recipient, **self.competence},
            "case_digest": self.case.digest,
            "disclosures": self.permitted_disclosures,
            "purpose": ["identify_victim"],
            "expires_at": None,
            "by": "staff-1",
            "note": None,
            "updates": self.offer.digest,
            "change": ChangeKind.CORRECTION,
        }
        self.offer = answers.issue_offer(
            **word_of(self.originator, self.attested) | said | changes,
            random=chance(f"update {self.handoff} {number}"),
        )
        if logged:
            self.record("handoff.update", self.offer.digest, more=(self._next(),))
        return self

    def recalled(self, code: str = "unlawful", **changes: Any) -> "Scenario":
        """The same story after a recall; ``changes`` are to its claims."""
        said = {
            "audience": GATEWAY,
            "at": AT,
            "jti": "recall",
            "case": CASE,
            "version": len(self.earlier) + 1,
            "code": RecallCode(code),
            "by": "staff-1",
            "approved_by": "staff-2",
            "reason": "an order",
        }
        self.recall = answers.issue_recall(
            **word_of(self.originator, self.attested) | said | changes,
            random=chance(f"recall {self.handoff}"),
        )
        subject = canonical.encode({"recall": self.recall.digest, "code": code}).decode()
        told = EventDetail("subject", subject, frozenset({self.originator, self.recipient}))
        digest = self.recall.digest
        more = (told, self._next())
        self.record("handoff.recall", digest, package_digest=None, details=more)
        return self

    def _next(self) -> EventDetail:
        """The number of the next move, which both parties may read: the offer is number 1."""
        self.moves += 1
        both = frozenset({self.originator, self.recipient})
        return EventDetail("sequence", str(self.moves), both)

    def record(
        self, action: str, digest: str | None, *, more: tuple[EventDetail, ...] = (), **changes: Any
    ) -> int:
        """Log an event of the handoff; ``changes`` are to the fact, ``more`` are more details."""
        number = len(self.log.events)
        fact = AuditEvent(
            id=UUID(int=(7 << 76) + number),
            action=action,
            result=EventResult.ALLOWED,
            parties=(Party(self.originator, "actor"), Party(self.recipient, "recipient")),
            details=(EventDetail("by", "staff-1", frozenset({self.originator})), *more),
            handoff=self.handoff,
            case_digest=self.case.digest,
            package_digest=self.package_digest,
            document_sha256=digest,
        )
        index = self.log.record(replace(fact, **changes), AT + timedelta(seconds=number))
        self.indexes.append(index)
        return index

    def register(self, action: str, subject: Mapping[str, Any] | None, **changes: Any) -> int:
        """Log an event of the registry, whose subject everybody may read: none of the handoff's."""
        text = "" if subject is None else canonical.encode(dict(subject)).decode()
        details = (EventDetail("subject", text, frozenset()),) if text else ()
        details += changes.pop("more", ())
        bare = {"handoff": None, "case_digest": None, "package_digest": None, "details": details}
        number = UUID(int=(8 << 76) + len(self.log.events))
        self.record(action, None, **{"id": number, **bare, **changes})
        return self.indexes.pop()

    def answer(self, kind: str, by: str | None = None, **changes: Any) -> SdJwt:
        """Sign an answer without logging it; ``changes`` are to its claims."""
        author = by or ANSWERS[kind].author.of(self.originator, self.recipient)
        claims = {
            "audience": GATEWAY,
            "at": AT,
            "jti": f"answer {len(self.answers)}",
            "handoff": self.handoff,
            "case_digest": self.case.digest,
            "offer_digest": self.offer.digest,
            "package_digest": self.package_digest,
            "kind": kind,
            "by": "staff-7",
        }
        word = word_of(author, self.attested)
        seed = f"answer {self.handoff} {len(self.answers)}"
        return answers.issue(**word | claims | changes, random=chance(seed))

    def say(self, kind: str, **changes: Any) -> SdJwt:
        """Sign an answer and log it."""
        document = self.answer(kind, **changes)
        self.answers.append(document)
        self.record(ACTIONS[kind], document.digest, more=(self._next(),))
        return document

    def number(self, *numbers: int) -> "Scenario":
        """Log the answers again, each with its number; 0 is none."""
        del self.indexes[1:]
        for document, number in zip(self.answers, numbers, strict=True):
            kind = str(sd_jwt.read_unverified(document.compact()).claims["kind"])
            both = frozenset({self.originator, self.recipient})
            details = (EventDetail("sequence", str(number), both),) if number else ()
            self.record(ACTIONS[kind], document.digest, details=details)
        return self

    def told(self, *kinds: str) -> "Scenario":
        """The same story after some answers."""
        for kind in kinds:
            self.say(kind)
        return self

    def bundle(self, reader: str | None = None, **changes: Any) -> Bundle:
        """What a reader can prove; ``changes`` replace parts of the bundle."""
        newest = {
            "case": self.case.present(self.permitted_disclosures).compact(),
            "offer": self.offer.compact(),
        }
        newest |= {name: changes.pop(name) for name in newest.keys() & changes.keys()}
        earlier = (
            BundlePackage(case.present(permitted).compact(), offer.compact())
            for case, permitted, offer in self.earlier
        )
        whole = Bundle(
            (*earlier, BundlePackage(**newest)),
            answers=tuple(document.compact() for document in self.answers),
            receipts=tuple(self.log.receipt(index, reader) for index in self.indexes),
            recall=None if self.recall is None else self.recall.compact(),
        )
        return replace(whole, **changes)

    def file(self, reader: str | None = None, **changes: Any) -> bytes:
        """The bundle as a file."""
        return bundle.encode(self.bundle(reader, **changes))

    def former(self, reader: str | None = None, **changes: Any) -> bytes:
        """The bundle as a file of the form before: each receipt has a checkpoint of its own, and a
        place that its maker chose."""
        return former(self.bundle(reader, **changes))
