"""What takes several steps: proposals, invitations, runs, successions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, false, or_, select, update

from gateway.domain.enrolment import ConformanceRun, Invitation
from gateway.domain.refusals import EditConflict
from gateway.domain.succession import ReissuedHandoff, Succession
from gateway.kernel.values import CertificateOrder, Proposal
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.tables import (
    conformance_run,
    invitation,
    moved_handoff,
    proposal,
    signing_request,
    succession,
)

_NO_ID = UUID(int=0)
_LAST_ID = UUID(int=2**128 - 1)

# --- Changes of the registry that wait for another person -----------------------------------------

_PROPOSALS = RecordTable(proposal, Proposal, taken="there is a proposal with this id")
_PAGE = (
    _PROPOSALS.all.where(proposal.c.id < bindparam("before"))
    .order_by(proposal.c.id.desc())
    .limit(bindparam("limit"))
)
_UNDECIDED = (proposal.c.applied_event.is_(None), proposal.c.withdrawal_event.is_(None))
_WAITING = _PAGE.where(*_UNDECIDED, proposal.c.expires_at >= bindparam("now"))
_END_PROPOSAL = update(proposal).where(matching(proposal, "id", prefix="of_"), *_UNDECIDED)
_PRUNE_PROPOSALS = delete(proposal).where(proposal.c.expires_at < bindparam("until"))


class SqlProposals(StorePart):
    """Changes of the registry that wait for another person. Changes need a REGISTRY transaction."""

    registry = True

    def get(self, proposal: UUID) -> Proposal | None:
        """One proposal, made or not."""
        return self._get(_PROPOSALS, id=proposal)

    def page(
        self, before: UUID | None, limit: int, waiting: datetime | None = None
    ) -> Sequence[Proposal]:
        """Proposals with an id less than ``before``, the newest first.

        With ``waiting`` only those that can be approved at that moment.
        """
        values: dict[str, Any] = {"before": before or _LAST_ID, "limit": limit}
        if waiting is None:
            return self._all(_PROPOSALS, _PAGE, **values)
        return self._all(_PROPOSALS, _WAITING, **values, now=waiting)

    def add(self, proposal: Proposal) -> None:
        """Keep a proposal; AlreadyExists when its id is taken."""
        self._add(_PROPOSALS, proposal)

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

_INVITATIONS = RecordTable(
    invitation,
    Invitation,
    keeps=("organisation", "system", "token_sha256", "approved_by", "expires_at"),
    taken="there is an invitation with this id or token",
    changed="there is no invitation with this id",
)
_BY_TOKEN = _INVITATIONS.by("token_sha256")
_OPEN_INVITATIONS = (
    _INVITATIONS.all.where(
        invitation.c.key.is_(None),
        invitation.c.withdrawn_at.is_(None),
        invitation.c.expires_at > bindparam("now"),
        invitation.c.id > bindparam("after"),
    )
    .order_by(invitation.c.id)
    .limit(bindparam("limit"))
)


class SqlInvitations(StorePart):
    """Invitations to enrol a system. Changes need a REGISTRY transaction."""

    registry = True

    def add(self, invitation: Invitation) -> None:
        """Store a new one; AlreadyExists when its id was ever used, or what else is its alone."""
        self._add(_INVITATIONS, invitation)

    def get(self, invitation: UUID) -> Invitation | None:
        """One of them."""
        return self._get(_INVITATIONS, id=invitation)

    def by_token(self, token_sha256: str) -> Invitation | None:
        """The invitation with this token, used or not."""
        return self._one(_INVITATIONS, _BY_TOKEN, token_sha256=token_sha256)

    def open(self, now: datetime, after: UUID | None, limit: int) -> Sequence[Invitation]:
        """Those that can be used still at a moment, by id, from the one after ``after`` on."""
        values = {"now": now, "after": after or _NO_ID, "limit": limit}
        return self._all(_INVITATIONS, _OPEN_INVITATIONS, **values)

    def save(self, invitation: Invitation) -> None:
        """Replace the stored one; EditConflict when there is none.

        Who was invited, by whom and until when stays.
        """
        self._replace(_INVITATIONS, invitation)


# --- Certificate requests, for the process that alone holds the issuing key -----------------------

_REQUESTS = RecordTable(
    signing_request,
    CertificateOrder,
    keeps=("organisation", "system", "csr", "approved_by", "asked_on"),
    taken="there is a signing request with this id",
    changed="there is no signing request with this id",
)
# Taken by state, never by "greater than the last one seen": rows may commit late.
_PENDING = (
    _REQUESTS.all.where(signing_request.c.served == false())
    .order_by(signing_request.c.id)
    .limit(bindparam("limit"))
)


class SqlSigning(StorePart):
    """Certificate requests on their way to the process that alone holds the issuing key."""

    def add(self, request: CertificateOrder) -> None:
        """Store a new one; AlreadyExists when the id is taken."""
        self._add(_REQUESTS, request, served=_is_served(request))

    def get(self, request: UUID) -> CertificateOrder | None:
        """One of them."""
        return self._get(_REQUESTS, id=request)

    def pending(self, limit: int) -> list[CertificateOrder]:
        """Requests not yet served, oldest first."""
        return self._all(_REQUESTS, _PENDING, limit=limit)

    def save(self, request: CertificateOrder) -> None:
        """Replace certificate and refusal; EditConflict when there is no such request."""
        self._replace(_REQUESTS, request, served=_is_served(request))


def _is_served(request: CertificateOrder) -> bool:
    return request.certificate is not None or request.refusal is not None


# --- Conformance runs: test data, apart from cases and handoffs -----------------------------------

_RUNS = RecordTable(
    conformance_run,
    ConformanceRun,
    keeps=("organisation", "system", "expires_at"),
    counter="revision",
    taken="there is a conformance run with this id",
    changed="the run has changed: read it again",
)
_PASSED = (
    select(conformance_run.c.id)
    .where(
        matching(conformance_run, "organisation"),
        conformance_run.c.passed_at.is_not(None),
    )
    .limit(1)
)
_PRUNE_RUNS = delete(conformance_run).where(
    conformance_run.c.passed_at.is_(None), conformance_run.c.expires_at <= bindparam("until")
)


class SqlConformance(StorePart):
    """Conformance runs, apart from cases, handoffs and consultations."""

    def add(self, run: ConformanceRun) -> None:
        """Store a new one; AlreadyExists when its id was ever used, or what else is its alone."""
        self._add(_RUNS, run)

    def get(self, run: UUID) -> ConformanceRun | None:
        """One of them."""
        return self._get(_RUNS, id=run)

    def save(self, run: ConformanceRun) -> None:
        """Replace the stored one, whose revision must be one less; else EditConflict.

        Whose run it is and when it ends stays.
        """
        self._replace(_RUNS, run)

    def passed(self, organisation: str) -> bool:
        """Tell whether a system of the organisation has passed a run."""
        return bool(self._firsts(_PASSED, organisation=organisation))

    def prune(self, until: datetime) -> None:
        """Forget the runs that ended until then and were not passed."""
        self._write(_PRUNE_RUNS, {"until": until})


# --- Successions of mandates, and the handoffs that each of them ended ----------------------------

_SUCCESSIONS = RecordTable(
    succession,
    Succession,
    keeps=(
        "predecessor", "successor", "competence", "day", "read_until", "legal_act", "permissions",
        "mandate_event", "former_end",
    ),
    counter="version",
    taken="there is a succession with this id",
    changed="the succession has changed: read it again",
)  # fmt: skip
_OLDEST_FIRST = _SUCCESSIONS.all.order_by(succession.c.id)
_SUCCESSIONS_OF = _OLDEST_FIRST.where(
    or_(
        succession.c.predecessor == bindparam("organisation"),
        succession.c.successor == bindparam("organisation"),
    )
)
_SUCCESSIONS_FROM = _OLDEST_FIRST.where(matching(succession, "predecessor", "competence"))
_MOVES = RecordTable(moved_handoff, ReissuedHandoff, taken="the handoff was moved before")
_MOVED_TO = _MOVES.by("became")
_MOVED = _MOVES.by("succession").order_by(moved_handoff.c.handoff)


class SqlSuccessions(StorePart):
    """Mandates that move to another organisation, and the handoffs that they ended.

    Planned in a REGISTRY transaction; approvals, end and cancellation are saved in a WRITE
    transaction.
    """

    def get(self, succession: UUID) -> Succession | None:
        """One of them."""
        return self._get(_SUCCESSIONS, id=succession)

    def all(self) -> Sequence[Succession]:
        """Every succession, oldest first."""
        return self._all(_SUCCESSIONS, _OLDEST_FIRST)

    def of(self, organisation: str) -> Sequence[Succession]:
        """Those in which an organisation gives or takes the mandate, oldest first."""
        return self._all(_SUCCESSIONS, _SUCCESSIONS_OF, organisation=organisation)

    def of_predecessor(self, predecessor: str, competence: str) -> Sequence[Succession]:
        """Those in which the organisation gives this competence away, oldest first."""
        values = {"predecessor": predecessor, "competence": competence}
        return self._all(_SUCCESSIONS, _SUCCESSIONS_FROM, **values)

    def add(self, succession: Succession) -> None:
        """Store a new one; AlreadyExists when its id was ever used, or what else is its alone."""
        self._transaction.require_registry()
        self._add(_SUCCESSIONS, succession)

    def save(self, succession: Succession) -> None:
        """Replace the stored one, whose version must be one less; else EditConflict.

        What was planned stays; approvals and end are replaced.
        """
        self._replace(_SUCCESSIONS, succession)

    def moved(self, succession: UUID) -> Sequence[ReissuedHandoff]:
        """The handoffs that a succession ended, by id."""
        return self._all(_MOVES, _MOVED, succession=succession)

    def moved_from(self, handoff: UUID) -> ReissuedHandoff | None:
        """How a handoff was ended by a succession."""
        return self._get(_MOVES, handoff=handoff)

    def moved_to(self, handoff: UUID) -> ReissuedHandoff | None:
        """Return what a handoff follows that a succession made."""
        return self._one(_MOVES, _MOVED_TO, became=handoff)

    def add_moved(self, moved: ReissuedHandoff) -> None:
        """Remember an ended handoff; AlreadyExists when it was ended before."""
        self._add(_MOVES, moved)
