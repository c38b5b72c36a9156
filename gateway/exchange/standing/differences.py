"""Each answer, update and consultation holds its handoff against its documents and the log."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from gateway.domain.answers import KIND_OF_ACTION
from gateway.domain.case import Case, CaseState
from gateway.domain.course import Course, HandoffChecks, differences
from gateway.domain.duty import MARK_SEEN
from gateway.domain.handoff import ACCEPTING, Handoff
from gateway.domain.measure import Measure
from gateway.domain.organisation import OrganisationName
from gateway.domain.out_of_service import Entry, case_entry, handoff_entry
from gateway.domain.refusals import CaseErased, OutOfService
from gateway.domain.retention import in_years, registered_retention
from gateway.domain.standing import Standing
from gateway.domain.vocabulary import Urgency
from gateway.evidence import sd_jwt
from gateway.evidence.case_events import CaseEvent, case_differences, matches_left
from gateway.evidence.handoff_moves import ENDED, ToldEvent, read_course
from gateway.exchange.standing.case_version import in_force
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import RequestContext
from gateway.kernel.values import CaseVersion

GOES_ON = frozenset({"case.recall", "case.approve_recall", MARK_SEEN}).union(
    action for action, kind in KIND_OF_ACTION.items() if kind.of_recall
)
"""What is done even about a handoff, or a case, that is out of service: it gives nothing."""


def is_out_of_service(ports: Ports, work: UnitOfWork, *entries: Entry) -> bool:
    """Tell whether nothing is to be done by one of these, for it was found to differ."""
    found = not work.organisations.out_of_service().isdisjoint(entries)
    return found and ports.handoff_checks is HandoffChecks.REFUSE


def entries_of(handoff: Handoff) -> tuple[Entry, Entry]:
    """Return by what a handoff can be out of service: itself, and its case."""
    return handoff_entry(handoff.id), case_entry(handoff.originator, handoff.case)


def alarm_differing(ports: Ports, work: UnitOfWork, handoff: Handoff, names: Sequence[str]) -> bool:
    """Alarm the operator of a handoff that differs by ``names``, or was found to, or its case;
    whether nothing is to be done about it."""
    out = work.organisations.out_of_service()
    if not names and (not out or out.isdisjoint(entries_of(handoff))):
        return False
    ports.differs(handoff.id, names)
    return ports.handoff_checks is HandoffChecks.REFUSE


def check_case(
    context: RequestContext, case: Case, version: CaseVersion, steps: Sequence[CaseEvent] | None
) -> None:
    """Require that a case, and its measures, are what the log's events (``steps``; None: they
    cannot be read) and its version say, and were not found to be other. Raises OutOfService."""
    measures = in_force(context.work, case, context.now)
    names = differences_of_case(case, version, measures, steps, context.now)
    out = context.work.organisations.out_of_service()
    if not names and (not out or case_entry(case.originator, case.id) not in out):
        return
    context.ports.differs(case.id, names)
    if context.ports.handoff_checks is HandoffChecks.REFUSE:
        raise OutOfService(
            "what is stored of this case is not what the log says: the gateway's operator was "
            "alarmed, and puts it right"
        )


def differences_of_case(
    case: Case,
    version: CaseVersion,
    measures: Sequence[Measure],
    steps: Sequence[CaseEvent] | None,
    now: datetime,
) -> Sequence[str]:
    """The names of what the row of a case, or of its ``measures`` in force, says otherwise than the
    log's events and its current version. ``steps``: see `check_case`."""
    if steps is None:
        return ("documents",)
    found = [*case_differences(case, measures, steps, now)]
    if not is_planned(case, version):
        found.append("erase_on")
    if case.version != version.version:
        found.append("version")
    waits = case.state is CaseState.DRAFT or case.unconfirmed_matches
    if waits and case.unconfirmed_matches != matches_left(case, version.said.content):
        found.append("unconfirmed_matches")
    return found


def is_planned(case: Case, version: CaseVersion) -> bool:
    """Tell whether a case ends on the day that its current version names, unless that was
    advanced."""
    return case.early or version.summary["erase_on"] == case.erase_on.isoformat()


def differences_of(ports: Ports, work: UnitOfWork, standing: Standing) -> Sequence[str]:
    """The names of what the rows of a handoff, its case, its measures in force or what is retained
    say otherwise than the documents and the log."""
    one = standing.handoff
    try:
        told, steps = work.log.history(one)
        course = read_course(one, standing.moves, told, steps)
        return (
            *differences(one, course, standing.recall, work.organisations.peers()),
            *case_differences(standing.case, standing.measures, steps, standing.now),
            *_of_retention(ports, work, standing, course, told),
        )
    except ValueError:  # one is missing, of another handoff, or no document
        return ("documents",)


def _of_retention(
    ports: Ports, work: UnitOfWork, standing: Standing, course: Course, told: Sequence[ToldEvent]
) -> Iterator[str]:
    """Tell whether what the recipient retains is what it stated last, or what was registered for
    it."""
    one, stated = standing.retention, course.retained
    if OrganisationName(standing.handoff.recipient).peer is not None:
        return  # what it retains is at its own gateway
    if not (standing.is_erased or standing.holds) or "retained" in course.unknown:
        return
    if one is not None and one.holder != standing.handoff.recipient:
        yield "retention"
    by_id = {event.id: event for event in told}
    ends = [event.index for event in told if event.type == ENDED]
    stating = None if stated is None else by_id[standing.moves[stated.sequence - 1].event]
    if stated and stating and max(ends, default=-1) < stating.index:
        until = stated.until if stated.readable or one is None else one.until
        if one is None or (one.id, one.until) != (stating.id, until):
            yield "retention"
    elif one is not None:  # by an acceptance
        made = by_id.get(one.id)
        day = ports.reference_date((made and made.at) or one.since).civil
        holder = work.organisations.get(standing.handoff.recipient) if made else None
        terms = holder.retentions if holder else ()
        found = registered_retention(terms, standing.handoff.purpose, day)
        if found is None or one.until != (found.years and in_years(day, found.years)):
            yield "retention"


def is_copy_kept_as_stated(standing: Standing, documents: Sequence[Sequence[str]]) -> bool:
    """Tell whether what is retained ends when the ``documents`` of its copy say, which the erasure
    took from the handoff."""
    kept = standing.retention
    return all(
        sd_jwt.read_stored(documents[one.sequence - 1][1]).content.get("until")
        == (kept.until and kept.until.isoformat())
        for one in standing.moves
        if kept and one.event == kept.id and not one.document and one.move not in ACCEPTING
    )


def refuse_differing(context: RequestContext, handoff: Handoff, names: Sequence[str]) -> None:
    """Refuse what is done about a handoff that differs by ``names`` (`alarm_differing`); an answer
    to a recall goes on all the same, and what its gateway decided is followed unless it differs
    now: else one case would hold up the messages about all others. Raises OutOfService."""
    refused = alarm_differing(context.ports, context.work, handoff, names)
    follows = context.request.action == "relay.deliver" and not names
    if not refused or follows or context.request.action in GOES_ON:
        return
    why = (
        "what is stored of this handoff is not what its documents and the log say: the gateway's "
        "operator was alarmed, and puts it right"
    )
    if Urgency.IMMINENT_DANGER in (handoff.urgency, _urgency(context, handoff)):
        parties = {handoff.originator, handoff.recipient} - {context.caller.organisation}
        why += (
            f"; somebody may be in danger: telephone the duty contact of {' or '.join(parties)} "
            "now, and one of the emergency numbers"
        )
        numbers = (*context.ports.emergency_numbers, *context.ports.child_numbers)
        context.help |= {"emergency_numbers": numbers}
    raise OutOfService(why)


def check_urgency(context: RequestContext, handoff: Handoff) -> None:
    """Require that a handoff that nobody accepted is as urgent as its case; see
    `refuse_differing`."""
    if handoff.urgency != _urgency(context, handoff):
        refuse_differing(context, handoff, ("urgency",))


def _urgency(context: RequestContext, handoff: Handoff) -> str | None:
    """The urgency by the version of the case that a handoff names, whatever its row says."""
    try:
        said = context.work.cases.summary(handoff.case_digest) or {}
    except (CaseErased, ValueError):
        said = {}
    return said.get("urgency")
