"""A succession as it is approved and seen: by its two organisations, and by administrators.

The disposition of each handoff is decided where it is carried out (succession_execution.py).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import EventDetail
from gateway.domain.decision import PolicyEntity, succession_entity
from gateway.domain.handoff import OPEN, Handoff, HandoffState
from gateway.domain.json_values import parse_date
from gateway.domain.refusals import CaseKeysUnavailable, InvalidDocument
from gateway.domain.succession import (
    Disposition,
    ReissuedHandoff,
    Succession,
    SuccessionApproval,
    unplanned,
)
from gateway.evidence import canonical
from gateway.evidence.declarations import planned
from gateway.exchange.case.cases import sealed_of
from gateway.exchange.lifecycle import succession_execution
from gateway.exchange.results import OrganisationApproval, SuccessionView
from gateway.exchange.signed_requests import VerifiedRequest, check_signed, digest_of
from gateway.exchange.standing.case_version import has_key
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import read_as_operator
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import (
    ActionRequest,
    OnHost,
    RequestContext,
    allows,
    authorize,
    deny_as_not_found,
)
from gateway.kernel.results import shown, to_json
from gateway.kernel.transact import WriteResult, read, transact
from gateway.kernel.values import Caller, LoggedEvent, Reader


@dataclass(frozen=True)
class SuccessionApprovalRequest:
    """Who approves for an organisation, and the document by which it does, if it signs one."""

    by: str
    signed: VerifiedRequest | None = None

    @property
    def kept(self) -> str | None:
        """The document as it is kept and shown: the person stays with the event."""
        return None if self.signed is None else self.signed.document.present(()).compact()


def approve(
    ports: Ports, caller: Caller, key: str, succession: UUID, approval: SuccessionApprovalRequest
) -> WriteResult:
    """Approve a succession for one's own organisation: both have to, before anything is re-issued.

    Raises WrongState (approved before, or cancelled), InvalidDocument for one that approves
    another plan, and the policy's denials. In a succession the gateway speaks in the
    predecessor's name: an organisation with a requirement to sign signs its approval.
    """
    own = {} if approval.signed is None else {"signed": True}
    asked = {"succession": str(succession), **own}
    document = digest_of(approval.signed)
    request = ActionRequest("succession.approve", approval.by, key, asked, document=document)

    def act(context: RequestContext) -> SuccessionView:
        found = _authorized(context, succession)
        check_signed(context, approval.signed)
        if approval.signed is not None:  # what was signed is what was planned, each word of it
            said = planned(approval.signed.verified.claims)
            if canonical.encode(said) != canonical.encode(planned(to_json(view(found)))):
                raise InvalidDocument(
                    "the document approves another plan: read the succession again"
                )
        given = SuccessionApproval(approval.by, context.event, approval.kept)
        approved = found.approve(caller.organisation, given)
        context.work.successions.save(approved)
        readers = frozenset({GATEWAY, *approved.organisations})
        context.record(
            succession_execution.parties_of(approved),
            EventDetail("subject", succession_execution.subject_of(approved), readers),
            document_sha256=document,
        )
        return view(approved)

    def on_retry(context: RequestContext, logged: LoggedEvent) -> SuccessionView:
        return view(_as_of(_authorized(context, succession), logged.event.id))

    return transact(ports, caller, request, act, on_retry)


def look_up(ports: Ports, caller: Caller, succession: UUID) -> SuccessionView:
    """A succession as one of its two offices may see it."""

    def query(context: RequestContext) -> SuccessionView:
        return view(_authorized(context, succession))

    return read(ports, caller, ActionRequest("succession.read"), query)


def index(ports: Ports, caller: Caller) -> list[SuccessionView]:
    """The successions in which the caller is one of the offices, oldest first: a handful."""

    def query(context: RequestContext) -> list[SuccessionView]:
        found = context.work.successions.of(caller.organisation)
        return [view(one) for one in found if allows(context, _entity(context, one))]

    return read(ports, caller, ActionRequest("succession.read"), query)


def _authorized(context: RequestContext, succession: UUID) -> Succession:
    found = context.work.successions.get(succession)
    if found is None or context.caller.organisation not in found.organisations:
        deny_as_not_found()
    authorize(context, _entity(context, found))
    return found


def _as_of(succession: Succession, event: UUID) -> Succession:
    """The succession as it was right after an approval: ids of events follow each other in time."""
    first, second = succession.by_predecessor, succession.by_successor
    return replace(
        succession,
        by_predecessor=first if first and first.event <= event else None,
        by_successor=second if second and second.event <= event else None,
        applied=None,
        cancelled=None,
    )


def _entity(context: RequestContext, succession: Succession) -> PolicyEntity:
    organisations = (context.entity(context.require(slug)) for slug in succession.organisations)
    return succession_entity(succession, *organisations)


def view(succession: Succession) -> SuccessionView:
    """A succession as its offices see it."""
    return shown(
        SuccessionView,
        succession,
        succession=succession.id,
        effective_on=succession.day,
        permissions_carry_over=succession.permissions,
        approvals=[
            OrganisationApproval(organisation, one.event, one.signed)
            for organisation, one in succession.approvals
            if one is not None
        ],
        waits_for=[] if succession.over else list(succession.missing),
    )


# --- What administrators see: nothing is changed by it --------------------------------------------


def report(ports: Ports, reader: Reader, succession: UUID) -> dict[str, Any]:
    """Return what moved, what is to move, what stays, and who may read what until when."""

    def query(context: RequestContext | OnHost) -> dict[str, Any]:
        found = context.work.successions.get(succession) or deny_as_not_found()
        return _report(ports, context.work, found)

    return read_as_operator(ports, reader, query)


def preview(ports: Ports, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a succession that is not planned yet would do; nothing is kept."""
    days = parse_date(asked["effective_on"]), parse_date(asked["read_until"])
    thought = unplanned(asked["predecessor"], asked["successor"], asked["competence"], *days)
    with ports.begin(TransactionMode.READ) as work:
        return {**_report(ports, work, thought), "succession": None, "mandate_event": None}


def list_all(ports: Ports, reader: Reader) -> list[SuccessionView]:
    """All successions, oldest first."""
    return read_as_operator(
        ports, reader, lambda context: [view(one) for one in context.work.successions.all()]
    )


def find(ports: Ports, succession: UUID) -> Succession:
    """A succession by its id. Raises NotFound."""
    with ports.begin(TransactionMode.READ) as work:
        return succession_execution.require_succession(work, succession)


def _report(ports: Ports, work: UnitOfWork, succession: Succession) -> dict[str, Any]:
    today = ports.reference_date(ports.now()).day
    day = max(today, succession.day)
    open_ = (
        _view_of_open(ports, work, succession, handoff, day)
        for handoff in succession_execution.open_handoffs(work, succession.predecessor)
    )
    done = work.successions.moved(succession.id)
    return {
        **to_json(view(succession)),
        "reference_date": today.isoformat(),
        "moved": [_view_of_moved(work, succession, one) for one in done],
        "open": [one for one in open_ if one is not None],
        "ended_before": _ended_before(work, succession, {one.handoff for one in done}),
    }


def _view_of_open(
    ports: Ports, work: UnitOfWork, succession: Succession, handoff: Handoff, day: date
) -> dict[str, Any] | None:
    """The disposition of an open handoff; None when its case was erased."""
    if not succession.concerns(handoff):
        return _open_view(handoff, Disposition.STAY, succession_execution.OF_ANOTHER)
    try:
        disposition = succession_execution.disposition_of(ports, work, succession, handoff, day)
    except CaseKeysUnavailable:
        if has_key(ports, work, handoff.originator, handoff.case):
            raise
        return _open_view(handoff, Disposition.WAIT, _KEY_LOST)
    if disposition is None:
        return None
    if disposition.way is Disposition.STAY:
        return _open_view(handoff, disposition.way, disposition.why)
    sealed = sealed_of(disposition.version.said, disposition.handoff.permitted_disclosures)
    to_reseal = sum(part.sealed_to == succession.predecessor for part in sealed)
    # Until when the predecessor opens it; None where it never did.
    by_mandate = disposition.handoff.address.competence is not None
    end = succession.read_until if by_mandate else succession.day
    reads_until = end.isoformat() if disposition.taken_on else None
    return _open_view(handoff, disposition.way, disposition.why, reads_until, to_reseal)


_KEY_LOST = (
    "the key of its case is missing: bring the newest keys database back, or have the case erased"
)


def _open_view(
    handoff: Handoff,
    way: Disposition,
    why: str,
    reads_until: str | None = None,
    to_reseal: int = 0,
) -> dict[str, Any]:
    return {
        "handoff": str(handoff.id),
        "originator": handoff.originator,
        "state": str(handoff.state),
        "way": str(way),
        "why": why,
        "predecessor_reads_until": reads_until,
        "to_reseal": to_reseal,
    }


def _view_of_moved(
    work: UnitOfWork, succession: Succession, moved: ReissuedHandoff
) -> dict[str, Any]:
    handoff = work.handoffs.get(moved.handoff)
    following = None if moved.became is None else work.handoffs.get(moved.became)
    by_mandate = handoff is not None and handoff.address.competence is not None
    reads = succession.read_until.isoformat() if moved.taken_on and by_mandate else None
    return {
        "handoff": str(moved.handoff),
        "originator": None if handoff is None else handoff.originator,
        "became": None if moved.became is None else str(moved.became),
        "state": None if following is None else str(following.state),
        "at": moved.at.isoformat(),
        "event": str(moved.event),
        "predecessor_reads_until": reads or moved.at.date().isoformat(),
    }


def _ended_before(work: UnitOfWork, succession: Succession, moved: set[UUID]) -> Mapping[str, int]:
    """How many handoffs of the mandate had ended without the succession, by state.

    The predecessor opens none of them from the day of the succession on; a plan that was cancelled
    ends nothing.
    """
    if succession.cancelled is not None:
        return {}
    found = Counter(
        str(handoff.state)
        for state in sorted(set(HandoffState) - OPEN)
        for handoff in succession_execution.received(work, succession.predecessor, state)
        if handoff.address.competence == succession.competence and handoff.id not in moved
    )
    return dict(sorted(found.items()))
