"""What can be out of service: what was found to be other than the log's events say of it."""

from enum import StrEnum


class EntryKind(StrEnum):
    """Of what an entry is. Its name is the id of that; in a staff register a pseudonym behind the
    organisation and a slash."""

    ORGANISATION = "organisation"
    PERSON = "person"
    STAFF = "staff"
    PROPOSAL = "proposal"
    LOG_HOLD = "log hold"
    HANDOFF = "handoff"


Entry = tuple[str, str]
"""A kind and a name."""

SEE_HANDOFF = "see docs/operators.md, 'A handoff differs from the log'"
"""What to do about a handoff, or a case, that differs."""
