"""What keeps a case from a reader, worked out for policy: interests (R9), third countries (R15)."""

from collections.abc import Mapping
from uuid import UUID

from gateway.actions.authorization import Turn
from gateway.domain.decision import Value
from gateway.domain.handoff import Handoff
from gateway.domain.interest import conflicts
from gateway.domain.organisation import Organisation
from gateway.domain.refusals import Erased
from gateway.domain.transfer import barred
from gateway.evidence import sd_jwt
from gateway.evidence.sd_jwt import Verified

OWN: Mapping[str, Value] = {"conflict": False, "third_country": False}
"""The facts about an originator and its own case: nothing keeps it from it."""


def before_offer(
    turn: Turn, reader: Organisation, case: UUID, verified: Verified
) -> Mapping[str, Value]:
    """The facts about an offer of the caller's case to ``reader``, as of this transaction."""
    day, named = turn.today.day, f"{turn.caller.organisation}/{case}"
    return {
        "conflict": conflicts(reader, day, named, verified.content),
        "third_country": barred(reader, day),
    }


def before_recipient(turn: Turn, handoff: Handoff) -> Mapping[str, Value]:
    """The facts about the caller as the recipient of a handoff; an originator meets none.

    The case is read only for a reader that has declared something.
    """
    reader, day = turn.organisation, turn.today.day
    if reader.slug != handoff.recipient:
        return OWN
    third_country = barred(reader, day)
    if not any(one.period.holds(day) for one in reader.interests):
        return {"conflict": False, "third_country": third_country}
    return {"conflict": _conflict(turn, reader, handoff), "third_country": third_country}


def _conflict(turn: Turn, reader: Organisation, handoff: Handoff) -> bool:
    """Judged on the version that was offered and on the current one: a case may come to name a
    host later. What cannot be found counts as met."""
    case = turn.work.cases.get(handoff.originator, handoff.case)
    digests = {handoff.case_digest, case.digest if case else handoff.case_digest}
    named = f"{handoff.originator}/{handoff.case}"
    return any(_meets(turn, reader, named, digest) for digest in digests)


def _meets(turn: Turn, reader: Organisation, named: str, digest: str) -> bool:
    try:
        version = turn.work.cases.version(digest)
    except Erased:
        return conflicts(reader, turn.today.day, named, {})  # what is gone is kept from nobody
    if version is None:
        return True
    content = sd_jwt.read_stored(version.document).content
    return conflicts(reader, turn.today.day, named, content)
