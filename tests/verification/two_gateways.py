"""A handoff between two gateways, made of real parts: documents of two issuers, two logs.

``be`` is the originator's home, ``fr`` decides. Both have a member of one id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

from gateway.domain import audit_event
from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.domain.audit_event import (
    AuditEvent,
    EventDetail,
    EventResult,
    EventType,
    Operation,
    Party,
)
from gateway.domain.handoff import RecallCode
from gateway.domain.revision import ChangeKind
from gateway.evidence import bundle, canonical, event, handoff_documents, sd_jwt
from gateway.evidence.bundle import Bundle, BundlePackage
from gateway.evidence.sd_jwt import SdJwt
from gateway.verification.trust import TrustAnchors
from tests import answers
from tests.evidence.ingredients import chance, es256
from tests.verification.logbook import Logbook
from tests.verification.scenario import ACTIONS, CASE, CONDITIONS, FORCE

BE, FR = "https://gateway.be.example", "https://gateway.fr.example"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HANDOFF = UUID("01890000-0000-7000-8000-00000000abcd")
DESK = "desk"
"""The id of the originator at its gateway, and of the recipient at the other one."""
HERE, THERE = f"{DESK}@gateway.be.example", DESK
"""What a report calls the two."""

KEYS = {home: es256(f"{home} {DESK}") for home in (BE, FR)}
ATTESTING = {home: es256(f"{home} attests") for home in (BE, FR)}

NEW = {"handoff.send": EventType("handoff.sent", Operation.DISCLOSURE)}


def logbook(home: str) -> Logbook:
    return Logbook(f"{home.removeprefix('https://')}/log", f"{home} log")


def anchors(home: str, *others: TrustAnchors) -> TrustAnchors:
    """What a verifier brings of one gateway."""
    log = logbook(home)
    return TrustAnchors(
        log_keys=tuple(log.keys),
        origins=(log.origin,),
        gateway_keys=ATTESTING[home].keys(),
        organisations={DESK: KEYS[home].keys()},
        issuer=home,
        others=others,
    )


BOTH = anchors(BE, anchors(FR))


@dataclass
class TwoGateways:
    """One handoff in two logs; what was not ``followed`` yet is in the log that decides alone."""

    attested: frozenset[str] = frozenset()
    be: Logbook = field(default_factory=lambda: logbook(BE))
    fr: Logbook = field(default_factory=lambda: logbook(FR))
    answers: list[SdJwt] = field(default_factory=list)
    packages: list[tuple[SdJwt, list[str], SdJwt]] = field(default_factory=list)
    recall: SdJwt | None = None
    moves: int = 0

    def __post_init__(self) -> None:
        self.offer()

    def word(self, home: str) -> dict[str, Any]:
        """Issuer and signer: the member of a gateway, or that for it."""
        uri = f"{home}/organisations/{DESK}"
        if home in self.attested:
            return {"issuer": home, "attested_for": uri, "signer": ATTESTING[home]}
        return {"issuer": uri, "attested_for": None, "signer": KEYS[home]}

    @property
    def at(self) -> datetime:
        return AT + timedelta(seconds=len(self.be.events) + len(self.fr.events))

    def offer(self, **changes: Any) -> "TwoGateways":
        """The originator offers, or updates: sent, taken in, and followed."""
        number = len(self.packages) + 1
        word = self.word(BE)
        claims = {"iss": word["issuer"], "aud": BE, "iat": 1, "case": CASE, **CONDITIONS}
        claims |= {"version": number} if number > 1 else {}
        claims |= {"attested_for": word["attested_for"]} if word["attested_for"] else {}
        case = sd_jwt.issue(
            typ=handoff_documents.CASE_TYP,
            claims=claims,
            properties=[("matter", ["csam"]), ("urgency", "normal"), ("force", FORCE)],
            arrays=[("items", [{"id": f"i-{n}", "kind": "url"} for n in range(3)])],
            signer=word["signer"],
            random=chance(f"case {number}"),
        )
        permitted = [one.digest for one in case.disclosures]
        earlier = self.packages[-1][2].digest if self.packages else None
        said = {
            "audience": FR,
            "at": self.at,
            "jti": f"offer {number}",
            "handoff": HANDOFF,
            "to": {"organisation": DESK},
            "case_digest": case.digest,
            "disclosures": permitted,
            "purpose": ["identify_victim"],
            "expires_at": None,
            "by": "staff-1",
            "note": None,
        }
        said |= {"updates": earlier, "change": ChangeKind.CORRECTION} if earlier else {}
        offer = answers.issue_offer(**word | said | changes, random=chance(f"offer {number}"))
        self.packages.append((case, permitted, offer))
        if number > 1:
            self.crosses("handoff.update", offer.digest)
        else:
            self.moves = 1
            self.repeat(self.record(self.be, "handoff.offer", offer.digest), "handoff.offer")
        return self

    def crosses(self, action: str, digest: str, *, followed: bool = True) -> None:
        """The originator sends an act; it is taken in, and followed."""
        self.moves += 1
        taken = self.repeat(self.record(self.be, "handoff.send", digest), action)
        if followed:
            self.repeat(taken, action)

    def says(self, kind: str, *, followed: bool = True, **changes: Any) -> "TwoGateways":
        """A party answers at the gateway of its own."""
        home = BE if ANSWERS[kind].author is AnswerAuthor.ORIGINATOR else FR
        case, permitted, offer = self.packages[-1]
        claims = {
            "audience": FR,
            "at": self.at,
            "jti": f"answer {len(self.answers)}",
            "handoff": HANDOFF,
            "case_digest": case.digest,
            "offer_digest": offer.digest,
            "package_digest": handoff_documents.package_digest(permitted),
            "kind": kind,
            "by": "staff-7",
        }
        document = answers.issue(
            **self.word(home) | claims | changes, random=chance(f"answer {len(self.answers)}")
        )
        self.answers.append(document)
        if home == BE:
            self.crosses(ACTIONS[kind], document.digest, followed=followed)
            return self
        self.moves += 1
        decided = self.record(self.fr, ACTIONS[kind], document.digest)
        if followed:
            self.repeat(decided, ACTIONS[kind])
        return self

    def recalls(self, *, taken_in: bool = True) -> "TwoGateways":
        self.recall = answers.issue_recall(
            **self.word(BE), audience=BE, at=self.at, jti="recall", case=CASE,
            version=len(self.packages), code=RecallCode("unlawful"), by="staff-1",
            approved_by="staff-2", reason="an order", random=chance("recall"),
        )  # fmt: skip
        if taken_in:
            self.crosses("handoff.recall", self.recall.digest)
        return self

    def record(
        self, log: Logbook, action: str, digest: str | None, original: Any = None, **changes: Any
    ) -> tuple[Logbook, int]:
        """Log an event; ``original`` is the one of the other log that it repeats."""
        here = log is self.be
        parties = (DESK, f"{DESK}@fr") if here else (f"{DESK}@be", DESK)
        both, details = frozenset(parties), list[EventDetail]()
        if action not in ("handoff.send", "handoff.offer", "case.consult"):
            details.append(EventDetail("sequence", str(self.moves), both))
        if action == "handoff.recall" and self.recall is not None:
            said = canonical.encode({"recall": self.recall.digest, "code": "unlawful"}).decode()
            details.append(EventDetail("subject", said, both))
        if action == "case.consult":
            details.append(EventDetail("reason_code", "investigation", both))
        if original is not None:
            other, index = original
            named = (other.origin, str(other.events[index].id))
            details.append(EventDetail("peer_event", named, both))
        with mock.patch.dict(audit_event.EVENT_TYPES, NEW):
            return log, self._log(log, action, digest, parties, details, **changes)

    def _log(
        self,
        log: Logbook,
        action: str,
        digest: str | None,
        parties: tuple[str, str],
        details: list[EventDetail],
        **changes: Any,
    ) -> int:
        here, (case, permitted, _), number = log is self.be, self.packages[-1], len(log.events)
        fact = AuditEvent(
            id=UUID(int=((7 if here else 9) << 76) + number),
            action=action,
            result=EventResult.ALLOWED,
            parties=(Party(parties[0], "originator"), Party(parties[1], "recipient")),
            details=tuple(details),
            handoff=HANDOFF,
            case_digest=case.digest,
            package_digest=None
            if action in ("handoff.recall", "handoff.send")
            else handoff_documents.package_digest(permitted),
            document_sha256=digest,
        )
        return log.record(replace(fact, **changes), self.at)

    def repeat(self, original: tuple[Logbook, int], action: str, **changes: Any) -> Any:
        """The other gateway repeats an event of one."""
        log, index = original
        other = self.fr if log is self.be else self.be
        document = changes.pop("digest", None) or self._document(log, index)
        return self.record(other, action, document, original, **changes)

    def _document(self, log: Logbook, index: int) -> str | None:
        return event.read(log.events[index].document).get("document_sha256")

    def bundle(self, **changes: Any) -> Bundle:
        logs: Mapping[str, Logbook] = {"be": self.be, "fr": self.fr}
        receipts = tuple(
            log.receipt(index) for log in logs.values() for index in range(len(log.events))
        )
        whole = Bundle(
            tuple(
                BundlePackage(case.present(permitted).compact(), offer.compact())
                for case, permitted, offer in self.packages
            ),
            answers=tuple(one.compact() for one in self.answers),
            receipts=receipts,
            recall=None if self.recall is None else self.recall.compact(),
        )
        return replace(whole, **changes)

    def file(self, **changes: Any) -> bytes:
        return bundle.encode(self.bundle(**changes))


def story() -> TwoGateways:
    """Offered, accepted, corrected, acknowledged, answered with an outcome."""
    return TwoGateways().says("acceptance").offer().says("acknowledgement").says("outcome")
