"""What takes several steps: proposals, invitations, runs, successions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, false, or_, select, update

from gateway.domain.enrolment import ConformanceRun, Invitation
from gateway.domain.mandate import ReissuedHandoff, Succession, SuccessionApproval
from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.kernel.values import CertificateOrder, Proposal
from gateway.store.columns import StorePart, keyed, matching, records
from gateway.store.tables import (
    conformance_run,
    invitation,
    moved_handoff,
    proposal,
    signing_request,
    succession,
)
from gateway.store.transaction import insert_new

_NO_ID = UUID(int=0)
_LAST_ID = UUID(int=2**128 - 1)

# --- Changes of the registry that wait for another person -----------------------------------------

_PROPOSAL = records(proposal, Proposal, "id")
_PROPOSALS = (
    records(proposal, Proposal)
    .where(proposal.c.id < bindparam("before"))
    .order_by(proposal.c.id.desc())
    .limit(bindparam("limit"))
)
_UNDECIDED = (proposal.c.applied_event.is_(None), proposal.c.withdrawal_event.is_(None))
_WAITING = _PROPOSALS.where(*_UNDECIDED, proposal.c.expires_at >= bindparam("now"))
_ADD_PROPOSAL = insert_new(proposal)
_END_PROPOSAL = update(proposal).where(matching(proposal, "id", prefix="of_"), *_UNDECIDED)
_PRUNE_PROPOSALS = delete(proposal).where(proposal.c.expires_at < bindparam("until"))


class SqlProposals(StorePart):
    """Changes of the registry that wait for another person. Changes need a REGISTRY transaction."""

    registry = True

    def get(self, proposal: UUID) -> Proposal | None:
        """One proposal, made or not."""
        return self._one(Proposal, _PROPOSAL, id=proposal)

    def page(
        self, before: UUID | None, limit: int, waiting: datetime | None = None
    ) -> Sequence[Proposal]:
        """Proposals with an id less than ``before``, the newest first.

        With ``waiting`` only those that can be approved at that moment.
        """
        values: dict[str, Any] = {"before": before or _LAST_ID, "limit": limit}
        if waiting is None:
            return self._all(Proposal, _PROPOSALS, **values)
        return self._all(Proposal, _WAITING, **values, now=waiting)

    def add(self, proposal: Proposal) -> None:
        """Keep a proposal; AlreadyExists when its id is taken."""
        if not self._write(_ADD_PROPOSAL, vars(proposal)):
            raise AlreadyExists("there is a proposal with this id")

    def close(self, proposal: UUID, event: UUID) -> None:
        """Remember by which event it was made; EditConflict when it is not there, made or
        withdrawn."""
        self._end(proposal, applied_event=event)

    def withdraw(self, proposal: UUID, event: UUID) -> None:
        """Remember by which event it was withdrawn; EditConflict as for `close`."""
        self._end(proposal, withdrawal_event=event)

    def _end(self, proposal: UUID, **by: UUID) -> None:
        if not self._write(_END_PROPOSAL, {"of_id": proposal, **by}):
            raise EditConflict("the proposal was made or withdrawn before")

    def prune(self, until: datetime) -> None:
        """Forget the proposals that ended before ``until``."""
        self._write(_PRUNE_PROPOSALS, {"until": until})


# --- Invitations to enrol a system ----------------------------------------------------------------

_INVITATION = records(invitation, Invitation, "id")
_BY_TOKEN = records(invitation, Invitation, "token_sha256")
_OPEN_INVITATIONS = (
    records(invitation, Invitation)
    .where(
        invitation.c.key.is_(None),
        invitation.c.withdrawn_at.is_(None),
        invitation.c.expires_at > bindparam("now"),
        invitation.c.id > bindparam("after"),
    )
    .order_by(invitation.c.id)
    .limit(bindparam("limit"))
)
_ADD_INVITATION = insert_new(invitation)
_SAVE_INVITATION = update(invitation).where(matching(invitation, "id", prefix="of_"))


class SqlInvitations(StorePart):
    """Invitations to enrol a system. Changes need a REGISTRY transaction."""

    registry = True

    def add(self, invitation: Invitation) -> None:
        """Store a new one; AlreadyExists when its id was ever used, or what else is its alone."""
        if not self._write(_ADD_INVITATION, vars(invitation)):
            raise AlreadyExists("there is an invitation with this id or token")

    def get(self, invitation: UUID) -> Invitation | None:
        """One of them."""
        return self._one(Invitation, _INVITATION, id=invitation)

    def by_token(self, token_sha256: str) -> Invitation | None:
        """The invitation with this token, used or not."""
        return self._one(Invitation, _BY_TOKEN, token_sha256=token_sha256)

    def open(self, now: datetime, after: UUID | None, limit: int) -> Sequence[Invitation]:
        """Those that can be used still at a moment, by id, from the one after ``after`` on."""
        return self._all(Invitation, _OPEN_INVITATIONS, now=now, after=after or _NO_ID, limit=limit)

    def save(self, invitation: Invitation) -> None:
        """Replace the stored one; EditConflict when there is none.

        Who was invited, by whom and until when stays.
        """
        kept = ("organisation", "system", "token_sha256", "approved_by", "expires_at")
        values = keyed(invitation, "id", keeps=kept)
        if not self._write(_SAVE_INVITATION, values):
            raise EditConflict("there is no invitation with this id")


# --- Certificate requests, for the process that alone holds the issuing key -----------------------

_REQUEST = records(signing_request, CertificateOrder, "id")
# Taken by state, never by "greater than the last one seen": rows may commit late.
_PENDING = (
    records(signing_request, CertificateOrder)
    .where(signing_request.c.served == false())
    .order_by(signing_request.c.id)
    .limit(bindparam("limit"))
)
_ADD_REQUEST = insert_new(signing_request)
_SAVE_REQUEST = update(signing_request).where(matching(signing_request, "id", prefix="of_"))


class SqlSigning(StorePart):
    """Certificate requests on their way to the process that alone holds the issuing key."""

    def add(self, request: CertificateOrder) -> None:
        """Store a new one; AlreadyExists when the id is taken."""
        values = {**vars(request), "served": _is_served(request)}
        if not self._write(_ADD_REQUEST, values):
            raise AlreadyExists("there is a signing request with this id")

    def get(self, request: UUID) -> CertificateOrder | None:
        """One of them."""
        return self._one(CertificateOrder, _REQUEST, id=request)

    def pending(self, limit: int) -> list[CertificateOrder]:
        """Requests not yet served, oldest first."""
        return self._all(CertificateOrder, _PENDING, limit=limit)

    def save(self, request: CertificateOrder) -> None:
        """Replace certificate and refusal; EditConflict when there is no such request."""
        values = {
            "of_id": request.id,
            "served": _is_served(request),
            "certificate": request.certificate,
            "refusal": request.refusal,
        }
        if not self._write(_SAVE_REQUEST, values):
            raise EditConflict("there is no signing request with this id")


def _is_served(request: CertificateOrder) -> bool:
    return request.certificate is not None or request.refusal is not None


# --- Conformance runs: test data, apart from cases and handoffs -----------------------------------

_RUN = records(conformance_run, ConformanceRun, "id")
_PASSED = (
    select(conformance_run.c.id)
    .where(
        matching(conformance_run, "organisation"),
        conformance_run.c.passed_at.is_not(None),
    )
    .limit(1)
)
_ADD_RUN = insert_new(conformance_run)
_SAVE_RUN = update(conformance_run).where(
    matching(conformance_run, "id", prefix="of_"),
    conformance_run.c.revision == bindparam("previous"),
)
_PRUNE_RUNS = delete(conformance_run).where(
    conformance_run.c.passed_at.is_(None), conformance_run.c.expires_at <= bindparam("until")
)


class SqlConformance(StorePart):
    """Conformance runs, apart from cases, handoffs and consultations."""

    def add(self, run: ConformanceRun) -> None:
        """Store a new one; AlreadyExists when its id was ever used, or what else is its alone."""
        if not self._write(_ADD_RUN, vars(run)):
            raise AlreadyExists("there is a conformance run with this id")

    def get(self, run: UUID) -> ConformanceRun | None:
        """One of them."""
        return self._one(ConformanceRun, _RUN, id=run)

    def save(self, run: ConformanceRun) -> None:
        """Replace the stored one, whose revision must be one less; else EditConflict.

        Whose run it is and when it ends stays.
        """
        values = keyed(run, "id", keeps=("organisation", "system", "expires_at"))
        if not self._write(_SAVE_RUN, {**values, "previous": run.revision - 1}):
            raise EditConflict("the run has changed: read it again")

    def passed(self, organisation: str) -> bool:
        """Whether a system of the organisation has passed a run."""
        return bool(self._firsts(_PASSED, organisation=organisation))

    def prune(self, until: datetime) -> None:
        """Forget the runs that ended until then and were not passed."""
        self._write(_PRUNE_RUNS, {"until": until})


# --- Successions of mandates, and the handoffs that each of them ended ----------------------------

_SUCCESSIONS = select(succession).order_by(succession.c.id)
_SUCCESSION = select(succession).where(matching(succession, "id"))
_SUCCESSIONS_OF = _SUCCESSIONS.where(
    or_(
        succession.c.predecessor == bindparam("organisation"),
        succession.c.successor == bindparam("organisation"),
    )
)
_SUCCESSIONS_FROM = _SUCCESSIONS.where(matching(succession, "predecessor", "competence"))
_ADD_SUCCESSION = insert_new(succession)
_SAVE_SUCCESSION = update(succession).where(
    matching(succession, "id", prefix="of_"), succession.c.version == bindparam("previous")
)
_MOVED = records(moved_handoff, ReissuedHandoff, "succession").order_by(moved_handoff.c.handoff)
_MOVED_FROM = records(moved_handoff, ReissuedHandoff, "handoff")
_MOVED_TO = records(moved_handoff, ReissuedHandoff, "became")
_ADD_MOVED = insert_new(moved_handoff)

_REPLACED_IN_SUCCESSIONS = (
    "predecessor_by",
    "predecessor_event",
    "predecessor_signed",
    "successor_by",
    "successor_event",
    "successor_signed",
    "applied",
    "cancelled",
    "version",
)


class SqlSuccessions(StorePart):
    """Mandates that move to another organisation, and the handoffs that they ended.

    Planned in a REGISTRY transaction; approvals, end and cancellation are saved in a WRITE
    transaction.
    """

    def get(self, succession: UUID) -> Succession | None:
        """One of them."""
        row = self._transaction.first(_SUCCESSION, {"id": succession})
        return row and _succession(row)

    def all(self) -> Sequence[Succession]:
        """Every succession, oldest first."""
        return [_succession(row) for row in self._transaction.rows(_SUCCESSIONS)]

    def of(self, organisation: str) -> Sequence[Succession]:
        """Those in which an organisation gives or takes the mandate, oldest first."""
        rows = self._transaction.rows(_SUCCESSIONS_OF, {"organisation": organisation})
        return [_succession(row) for row in rows]

    def from_office(self, predecessor: str, competence: str) -> Sequence[Succession]:
        """Those in which the organisation gives this competence away, oldest first."""
        values = {"predecessor": predecessor, "competence": competence}
        return [_succession(row) for row in self._transaction.rows(_SUCCESSIONS_FROM, values)]

    def add(self, succession: Succession) -> None:
        """Store a new one; AlreadyExists when its id was ever used, or what else is its alone."""
        self._transaction.require_registry()
        if not self._write(_ADD_SUCCESSION, _succession_row(succession)):
            raise AlreadyExists("there is a succession with this id")

    def save(self, succession: Succession) -> None:
        """Replace the stored one, whose version must be one less; else EditConflict.

        What was planned stays; approvals and end are replaced.
        """
        row = _succession_row(succession)
        values = {name: row[name] for name in _REPLACED_IN_SUCCESSIONS}
        values |= {"of_id": succession.id, "previous": succession.version - 1}
        if not self._write(_SAVE_SUCCESSION, values):
            raise EditConflict("the succession has changed: read it again")

    def moved(self, succession: UUID) -> Sequence[ReissuedHandoff]:
        """The handoffs that a succession ended, by id."""
        return self._all(ReissuedHandoff, _MOVED, succession=succession)

    def moved_from(self, handoff: UUID) -> ReissuedHandoff | None:
        """How a handoff was ended by a succession."""
        return self._one(ReissuedHandoff, _MOVED_FROM, handoff=handoff)

    def moved_to(self, handoff: UUID) -> ReissuedHandoff | None:
        """What a handoff follows that a succession made."""
        return self._one(ReissuedHandoff, _MOVED_TO, became=handoff)

    def add_moved(self, moved: ReissuedHandoff) -> None:
        """Remember an ended handoff; AlreadyExists when it was ended before."""
        if not self._write(_ADD_MOVED, vars(moved)):
            raise AlreadyExists("the handoff was moved before")


def _succession_row(succession: Succession) -> dict[str, Any]:
    values = dict(vars(succession))
    for organisation in ("predecessor", "successor"):
        approved: SuccessionApproval | None = values.pop(f"by_{organisation}")
        values[f"{organisation}_by"] = approved and approved.by
        values[f"{organisation}_event"] = approved and approved.event
        values[f"{organisation}_signed"] = approved and approved.signed
    return values


def _succession(row: Any) -> Succession:
    values = row._asdict()
    for organisation in ("predecessor", "successor"):
        by, event, signed = (
            values.pop(f"{organisation}_{name}") for name in ("by", "event", "signed")
        )
        values[f"by_{organisation}"] = by and SuccessionApproval(by, event, signed)
    return Succession(**values)
