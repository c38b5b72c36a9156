"""Cases of a founded gateway: submitted, offered, accepted and opened."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any
from uuid import UUID

from gateway.domain import revision
from gateway.domain.case import GROUPS, case_from_claims
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.evidence import sd_jwt
from gateway.exchange.case import submissions
from gateway.exchange.case.submissions import Clearance, Submission
from gateway.exchange.handoffs import offers, package_consultation, updates, views
from gateway.exchange.handoffs.selection import OfferRequest, UpdateRequest
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.founded_gateway import CSAM_FR, HOTLINE, OFMIN, Founded, caller

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
            statement("fact", text="The page was online when it was checked."),
            statement("assessment", text="The page is likely a copy.", evaluated=True),
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


def statement(kind: str, *, text: str, evaluated: bool = False) -> dict[str, Any]:
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
