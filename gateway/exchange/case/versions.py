"""Further versions of a case: what they may change, and who hears of it once they are cleared."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from uuid import UUID

from gateway.domain.answers import AnswerAuthor
from gateway.domain.case import Case, CaseState, case_from_claims
from gateway.domain.case_media import FREE_IN_ITEM, MOST_UNEXPLAINED, added_bytes
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import RETAINING, Handoff, HandoffState
from gateway.domain.json_values import parse_timestamp
from gateway.domain.measure import AGAIN, Measure, MeasureKind
from gateway.domain.moves import takes_update
from gateway.domain.refusals import ValidationFailed, WrongState
from gateway.domain.residue import bytes_of_texts
from gateway.domain.revision import (
    ANSWERED,
    Announcement,
    ChangeKind,
    VersionChange,
    compare,
    loosens,
    shed_errors,
    strictest_change,
)
from gateway.domain.vocabulary import Urgency
from gateway.evidence import event
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.case.measure_events import keep_as_evidence
from gateway.exchange.standing import duties
from gateway.exchange.standing.case_version import identity, read_version
from gateway.exchange.standing.conditions import is_released
from gateway.exchange.standing.interests import is_barred
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.request import RequestContext, deny_as_not_found
from gateway.kernel.values import CaseVersion


def check_change(
    context: RequestContext, earlier: Case, following: VerifiedSdJwt, said: VersionChange
) -> None:
    """Require that a version is what its author says, and takes the case from nobody that holds it.

    It takes no element out of a measure either. Raises ValidationFailed, and WrongState where an
    addition would open a closed case again.
    """
    before = read_version(context.work, earlier.digest).said
    after = case_from_claims(following.content)
    was = case_from_claims(before.content)
    errors = list(compare(was, after).label_errors(said))
    measures = context.work.cases.measures(earlier.originator, earlier.id)
    measured = {
        name
        for one in measures
        if one.holds(context.now) and one.before is None
        for name in one.elements
    }
    errors += shed_errors(was, after, measured)
    held = {one.recipient for one in holders(context, earlier) if one.recall is None}
    if left_out := [
        one
        for one in sorted(held)
        if not is_released(context.names, after["marking"], earlier.originator, one)
    ]:
        why = f"leaves out {', '.join(left_out)}, a holder of the case; that is a recall"
        errors.append(("/content/marking/release_to", why))
    if errors:
        raise ValidationFailed(tuple(errors))
    if earlier.state is CaseState.CLOSED and said.kind is ChangeKind.ADDITION:
        raise WrongState("a closed case takes corrections and tightenings, no additions")
    if after["urgency"] != Urgency.IMMINENT_DANGER:
        added = added_bytes(after, was) + bytes_of_texts([said.reason])
        _spend_unexplained(context, f"versions {earlier.id}", added, "/content")


def spend_texts(context: RequestContext, handoff: Handoff, texts: Iterable[str]) -> None:
    """Count what spells nothing in what one writes in a handoff; in imminent danger nothing is."""
    written = [*filter(None, texts)]
    if written and handoff.urgency is not Urgency.IMMINENT_DANGER:
        _spend_unexplained(context, f"answers {handoff.id}", bytes_of_texts(written), "")


def _spend_unexplained(context: RequestContext, what: str, amount: int, pointer: str) -> None:
    """Count bytes that spell nothing against what one may add of them in a day (R1).

    Raises ValidationFailed beyond it. An id in each, or a date, is not counted.
    """
    if amount > FREE_IN_ITEM and not context.work.budgets.consume(
        context.caller.organisation, f"{what}/{context.now:%Y%m%d}", MOST_UNEXPLAINED, amount
    ):
        why = (
            f"adds {amount} bytes of numbers and of signs that spell nothing; {MOST_UNEXPLAINED} "
            "may be added here in a day (R1): leave out what nobody needs, or go on tomorrow"
        )
        raise ValidationFailed(((pointer, why),))


def loosens_cleared(
    context: RequestContext, earlier: Case | None, following: VerifiedSdJwt
) -> bool:
    """Tell whether a version loosens what a second person cleared, in the last version that was."""
    if earlier is None or earlier.cleared_digest is None or earlier.state is CaseState.ERASED:
        return False
    cleared = case_from_claims(read_version(context.work, earlier.cleared_digest).said.content)
    return loosens(cleared, case_from_claims(following.content))


ANNOUNCE = "handoff.announce_change"


def holders(context: RequestContext, case: Case) -> list[Handoff]:
    """The handoffs of a case whose recipients hold it, wherever these handoffs are now."""
    found = context.work.handoffs.of_case(case.originator, case.id)
    holding = (one for one in found if duties.is_holder(context.work, one))
    return [one for one in holding if one.state is not HandoffState.LAPSED]


def announce_change(context: RequestContext, case: Case, version: CaseVersion) -> None:
    """Let each holder hear of the version that this transaction cleared; additions are no news.

    What it corrects as unlawful is kept as evidence in the older versions.

    Of the versions since the last one that was announced the strictest change counts: a draft that
    was replaced is announced with what replaced it. Each event names the groups touched, of those
    that the holder was offered. Who is barred from the case (R9) hears nothing.
    """
    last = context.work.cases.announced(case.originator, case.id)
    since = context.work.cases.changes(case.originator, case.id, last.version if last else 0)
    change = strictest_change(since)
    if change not in ANSWERED:
        return
    keep_as_evidence(context, case, last.version if last else 0)
    context.work.cases.announce(
        Announcement(case.originator, case.id, case.version, change, context.now, context.event)
    )
    about, older = context.about, dict[str, CaseVersion]()
    for one in holders(context, case):
        if is_barred(context.work, one.id, context.today.day):
            continue
        if one.case_digest not in older:
            older[one.case_digest] = read_version(context.work, one.case_digest)
        touched = touched_groups(one, older[one.case_digest], version)
        both = events.parties_of(one)
        context.about, told_by = EventSubject.of_handoff(one), context.ports.new_id()
        context.record(
            both,
            events.shared("change", str(change), both),
            *([events.shared("groups", touched, both)] if touched else []),
            action=ANNOUNCE,
            event=told_by,
        )
        # After a recall its holder owes nothing more, unless it keeps the case.
        if touched and (one.recall is None or one.recall_answer in RETAINING):
            _owe(context, one, version, told_by if change is ChangeKind.CORRECTION else None)
    context.about = about


def owe_announced(context: RequestContext, holder: Handoff) -> None:
    """Owe who accepted an offer what was announced to holders since the version that it holds."""
    announced = context.work.cases.announced(holder.originator, holder.case)
    if announced is None or announced.version <= holder.case_version:
        return
    case = context.work.cases.get(holder.originator, holder.case)
    if case is None or case.cleared_digest is None:
        return
    now = read_version(context.work, case.cleared_digest)
    if touched_groups(holder, read_version(context.work, holder.case_digest), now):
        _owe(context, holder, now)


def _owe(
    context: RequestContext, holder: Handoff, now: CaseVersion, corrected: UUID | None = None
) -> None:
    """The originator owes the update, or a notice; where no package can be sent, its holder
    acknowledges the announcement meanwhile. Else a correction, announced by the event
    ``corrected``, waits at its holder until the package comes."""
    owed = [DutyKind.UPDATE]
    if not takes_update(holder, context.now):
        owed.append(DutyKind.ACKNOWLEDGEMENT)
    elif corrected is not None:
        to = (holder.id, holder.recipient, AnswerAuthor.RECIPIENT)
        duties.arrive(context.work, ANNOUNCE, *to, source=corrected, since=context.now)
    for kind in owed:
        duties.owe(
            context.ports,
            context.work,
            holder,
            kind,
            source=context.event,
            since=context.now,
            urgency=Urgency(now.said.content["urgency"]),
        )


def touched_groups(handoff: Handoff, was: CaseVersion, now: CaseVersion) -> tuple[str, ...]:
    """The groups in which a newer version corrects or tightens what a handoff's package gives of
    the version ``was``."""
    revision = compare(case_from_claims(was.said.content), case_from_claims(now.said.content))
    return revision.touched(
        identity(part) for part in was.said.placed if part.digest in handoff.permitted_disclosures
    )


def stated_embargo(context: RequestContext, case: Case) -> list[Measure]:
    """The newest embargo that versions of a case state, as a measure on the whole case; none, where
    none does. It holds since the first version of its chain."""
    digest: str | None = case.digest
    newest = since = None
    while digest is not None:
        version = read_version(context.work, digest)
        if embargo := version.summary.get("embargo"):
            until = datetime.combine(date.fromisoformat(embargo["until"]), time(), UTC)
            if since is not None and until + AGAIN <= since:
                break
            logged = context.work.log.logged(version.event) or deny_as_not_found()
            since = parse_timestamp(event.read(logged.event.document)["time"])
            newest = newest or (version, until)
        digest = version.said.content.get("previous")
    if newest is None or since is None:
        return []
    version, until = newest
    code, setter = version.summary["embargo_source"]["reason"], case.originator
    place = version.event, case.originator, case.id
    return [Measure(*place, MeasureKind.EMBARGO, setter, code, (), since, until)]
