"""Whether a declared interest meets a case that a member received (R9); policy says what follows.

Who is barred hears nothing more of the case: news of it would say that it is there.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain.handoff import Handoff
from gateway.domain.interest import has_conflict_of_interest
from gateway.domain.organisation import Organisation
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable
from gateway.evidence import sd_jwt
from gateway.kernel.ports import UnitOfWork


def has_conflict(work: UnitOfWork, reader: Organisation, handoff: Handoff, day: date) -> bool:
    """Tell whether an interest of the recipient meets the case of a handoff on a day.

    Judged on the version that was offered and on the current one: a case may come to name a host
    later. Of an erased case it is the copy that the recipient retains. What cannot be found counts
    as met. The case is read only where something is declared.
    Raises CaseKeysUnavailable.
    """
    if not any(one.period.holds(day) for one in reader.interests):
        return False
    case = work.cases.get(handoff.originator, handoff.case)
    named = f"{handoff.originator}/{handoff.case}"
    for digest in {handoff.case_digest, case.digest if case else handoff.case_digest}:
        try:
            version = work.cases.version(digest)
        except CaseErased:
            content = _copied(work, handoff)
        else:
            if version is None:
                return True
            content = version.said.content
        if has_conflict_of_interest(reader, day, named, content):
            return True
    return False


def _copied(work: UnitOfWork, handoff: Handoff) -> Mapping[str, Any]:
    """The content of a copy; what is gone is kept from nobody."""
    try:
        copy = work.retentions.copy(handoff.id)
    except CaseErased:
        copy = None
    return sd_jwt.read_stored(json.loads(copy.content)["presentation"]).content if copy else {}


def is_barred(work: UnitOfWork, handoff: UUID, day: date) -> bool:
    """Tell whether R9 keeps a handoff from its recipient: a private member, as policy has it.

    Also while the case's key is not there: what cannot be judged is not told.
    """
    found = work.handoffs.get(handoff)
    reader = found and work.organisations.get(found.recipient)
    if not found or not reader or reader.public_authority:
        return False
    try:
        return has_conflict(work, reader, found, day)
    except CaseKeysUnavailable:
        return True
