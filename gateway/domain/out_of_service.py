"""What can be out of service: what was found to be other than the log's events say of it."""

from enum import StrEnum
from uuid import UUID


class EntryKind(StrEnum):
    """Of what an entry is. Its name is the id of that; in a staff register a pseudonym behind the
    organisation and a slash, of a case its id so behind its originator."""

    ORGANISATION = "organisation"
    PERSON = "person"
    STAFF = "staff"
    PROPOSAL = "proposal"
    LOG_HOLD = "log hold"
    CASE = "case"
    HANDOFF = "handoff"


Entry = tuple[str, str]
"""A kind and a name."""

OF_CASES = frozenset({EntryKind.CASE, EntryKind.HANDOFF})
"""What is compared by the cases, and not with the registry."""


def case_entry(originator: str, case: UUID) -> Entry:
    """Return how a case is named."""
    return EntryKind.CASE, f"{originator}/{case}"


def handoff_entry(handoff: UUID) -> Entry:
    """Return how a handoff is named; it is out of service with its case as well."""
    return EntryKind.HANDOFF, str(handoff)


SEE_HANDOFF = "see docs/operators.md, 'A handoff differs from the log'"
"""What to do about a handoff, or a case, that differs."""
