"""Every table on one page, and the owner of its rows.

Ids are UUIDv7 from the edge, so that a key's order is the order of making. A row of the registry,
a case or a handoff is replaced only by comparing its counter; log tables are only added to,
except the right edge of the tree. Documents, nonces and disclosures can be erased (set to NULL):
the entries that commit to them stay. Disclosures of persons end so with the term of the log.

What cases, answers and reasons say is encrypted by the key of their case
(`gateway.store.content_encryption`); the keys are in another database (`gateway.store.keyring`). An
erased text is empty.

Tables of small rows have no row numbers on SQLite: one tree for each less to write in a commit.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    Uuid,
    and_,
    false,
    literal_column,
    null,
)

from gateway.domain.case import CaseState
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.domain.measure import MeasureKind
from gateway.domain.notification import DeliveryWay
from gateway.domain.organisation import Status
from gateway.domain.recall import RecallAnswer, RecallCode
from gateway.domain.retention import RetentionGround
from gateway.domain.revision import ChangeKind
from gateway.store.columns import (
    NUMBER,
    SHORT_ID,
    TEXT,
    Choice,
    Day,
    Instant,
    Serial,
    TextList,
    TextSet,
)

metadata = MetaData()

# --- The registry: owned by the operator, changed only in REGISTRY Works -------------------------

registry = Table(
    "registry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row
    Column("version", NUMBER, nullable=False),  # raised by every REGISTRY Work that commits
    CheckConstraint("id = 1", name="registry_is_one_row"),
)

organisation = Table(
    "organisation",
    metadata,
    Column("slug", TEXT, primary_key=True),  # permanent: a slug is never used again
    Column("status", Choice(Status), nullable=False),
    Column("version", Integer, nullable=False),
    # All other fields but the mandates, by name, as JSON.
    Column("document", TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# Personal data, in an envelope under a key of the organisation. A change makes a new key for all of
# them, and the key before is destroyed; so what the log repeats of an earlier one ends with it.
contact = Table(
    "contact",
    metadata,
    Column("organisation", ForeignKey(organisation.c.slug), nullable=False),
    Column("role", TEXT, nullable=False),
    Column("registration_event", Uuid, nullable=False),
    Column("content_key", Uuid, nullable=False),
    Column("said", LargeBinary, nullable=False),  # name and address
    PrimaryKeyConstraint("organisation", "role"),
    Index("contact_by_key", "content_key"),
    sqlite_with_rowid=False,
)

# Keys of contacts and of retained copies that are still to be destroyed.
doomed_key = Table(
    "doomed_key",
    metadata,
    Column("content_key", Uuid, primary_key=True),
    sqlite_with_rowid=False,
)

competence = Table(
    "competence",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organisation", ForeignKey(organisation.c.slug), nullable=False),
    Column("position", Integer, nullable=False),  # its place in the organisation's list
    Column("function", TEXT, nullable=False),
    Column("matter", TEXT, nullable=False),
    Column("territory", TEXT, nullable=False),
    Column("legal_act", TEXT, nullable=False),
    Column("start", Day, nullable=False),
    Column("end", Day),
    Column("registration_event", Uuid, nullable=False),
    UniqueConstraint("organisation", "position"),
    Index("competence_by_matter", "matter", "territory", "function"),
    sqlite_with_rowid=False,
)

system = Table(
    "system",
    metadata,
    Column("organisation", ForeignKey(organisation.c.slug), nullable=False),
    Column("name", TEXT, nullable=False),
    Column("scopes", TextSet, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("tokens_valid_from", Instant),
    PrimaryKeyConstraint("organisation", "name"),
    sqlite_with_rowid=False,
)

# Where there are any, the system authenticates with one of them beside its certificate.
client_key = Table(
    "client_key",
    metadata,
    Column("organisation", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("position", Integer, nullable=False),
    Column("jwk", TEXT, nullable=False),
    PrimaryKeyConstraint("organisation", "system", "position"),
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
    sqlite_with_rowid=False,
)

certificate = Table(
    "certificate",
    metadata,
    Column("thumbprint", TEXT, primary_key=True),
    Column("serial", Serial, nullable=False),
    Column("organisation", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("ordinal", Integer, nullable=False),  # 1, 2... for each system: the newest is last
    Column("not_after", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("reminded", Integer),  # days before the end at which its organisation was reminded last
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
    UniqueConstraint("organisation", "system", "ordinal"),
    sqlite_with_rowid=False,
)
Index("certificate_by_end", certificate.c.not_after)
Index(
    "certificate_revoked",
    certificate.c.not_after,
    sqlite_where=certificate.c.revoked_at.is_not(null()),
    postgresql_where=certificate.c.revoked_at.is_not(null()),
)

person = Table(
    "person",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("public_key", TEXT, nullable=False),
    Column("enabled", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# Whose rows were found to differ from the log's events (gateway/store/registry_proof.py):
# `organisation`, `person`, `proposal` or `log hold`, and the id; `staff`, organisation/pseudonym.
out_of_service = Table(
    "out_of_service",
    metadata,
    Column("kind", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
    sqlite_with_rowid=False,
)

# A change that one person signed and another one may; its values can be personal data.
proposal = Table(
    "proposal",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("action", TEXT, nullable=False),
    Column("organisation", TEXT, nullable=False),
    Column("values", TEXT, nullable=False),
    Column("proposer", TEXT, nullable=False),
    Column("approval", TEXT, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("applied_event", Uuid),
    Column("withdrawal_event", Uuid),
    Index("proposal_by_end", "expires_at"),
)

# The request is the registry's; certificate or refusal are written by who holds the issuing key.
signing_request = Table(
    "signing_request",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organisation", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("csr", TEXT, nullable=False),
    Column("approved_by", TEXT, nullable=False),
    Column("served", Boolean, nullable=False),  # certificate or refusal is there
    Column("certificate", TEXT),
    Column("refusal", TEXT),
    Column("asked_on", TEXT),  # the thumbprint of the certificate that is renewed
)
Index(
    "signing_request_pending",
    signing_request.c.id,
    sqlite_where=signing_request.c.served == false(),
    postgresql_where=signing_request.c.served == false(),
)

# The token is not here: only its SHA-256. Its end is written once.
invitation = Table(
    "invitation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organisation", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("token_sha256", TEXT, nullable=False, unique=True),
    Column("approved_by", TextList, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("key", TEXT),
    Column("request", Uuid),
    Column("withdrawn_at", Instant),
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
    sqlite_with_rowid=False,
)

# A mandate that moves to another organisation. Planned in a REGISTRY transaction; each approval and
# the end are written by WRITE transactions, by comparing the counter.
succession = Table(
    "succession",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("predecessor", ForeignKey(organisation.c.slug), nullable=False),
    Column("successor", ForeignKey(organisation.c.slug), nullable=False),
    Column("competence", TEXT, nullable=False),
    Column("day", Day, nullable=False),
    Column("read_until", Day, nullable=False),
    Column("legal_act", TEXT, nullable=False),
    Column("permissions", Boolean, nullable=False),
    Column("mandate_event", Uuid, nullable=False),
    Column("predecessor_by", TEXT),
    Column("predecessor_event", Uuid),
    Column("successor_by", TEXT),
    Column("successor_event", Uuid),
    Column("applied", Uuid),
    Column("version", Integer, nullable=False),
    Column("former_end", Day),
    Column("cancelled", Uuid),
    Column("predecessor_signed", TEXT),
    Column("successor_signed", TEXT),
    Index("succession_from", "predecessor", "competence"),
)

# Proceedings or inquiries that suspend the terms of the log; rows stay.
log_hold = Table(
    "log_hold",
    metadata,
    Column("id", Uuid, primary_key=True),  # the event that set it
    Column("organisation", TEXT),  # of all, if NULL; a case's originator
    Column("case", Uuid),
    Column("reference", TEXT, nullable=False),
    Column("review_on", Day, nullable=False),
    Column("ended_at", Instant),
    sqlite_with_rowid=False,
)

# Who acts for an organisation, owned by it: changed in WRITE Works, so that a rota waits for no
# change of the registry. Entries end and stay: a pseudonym is never used again.
staff = Table(
    "staff",
    metadata,
    Column("organisation", ForeignKey(organisation.c.slug), nullable=False),
    Column("pseudonym", TEXT, nullable=False),
    Column("roles", TextSet, nullable=False),
    Column("start", Day, nullable=False),
    Column("end", Day),
    Column("temporary", Boolean, nullable=False),
    Column("ends_at", Instant),
    Column("event", Uuid, nullable=False),
    Column("salt", TEXT, nullable=False),  # of what the entry's event says of it
    # Keyed digests: whoever reads the table learns of no case, and of no person what binds them.
    Column("recusals", TextSet, nullable=False),
    PrimaryKeyConstraint("organisation", "pseudonym"),
    sqlite_with_rowid=False,
)

# --- Cases: each owned by its originator ---------------------------------------------------------

# The current state of a case ("case" alone is a word of SQL).
case_file = Table(
    "case_file",
    metadata,
    Column("originator", TEXT, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("originator_ref", TEXT, nullable=False),
    Column("state", Choice(CaseState), nullable=False),
    Column("unconfirmed_matches", TextSet, nullable=False),
    Column("assessed_by", TEXT),
    Column("second_assessor", TEXT),  # where a classification is by two persons
    Column("cleared_by", TEXT),
    Column("cleared_digest", TEXT),  # of the last version that was cleared
    Column("revision", Integer, nullable=False),
    Column("erase_on", Day, nullable=False),
    Column("measured", Boolean, nullable=False),  # whether it ever had a measure
    Column("early", Boolean, nullable=False),  # whether its erasure was brought forward
    Column("content_key", Uuid),  # NULL once it was destroyed
    # The event of its first version: an id of ours, for originators choose theirs in any order.
    Column("made", Uuid, nullable=False),
    PrimaryKeyConstraint("originator", "id"),
    UniqueConstraint("originator", "originator_ref"),
    Index("case_file_by_key", "content_key"),
    Index("case_file_by_age", "originator", "made", "id"),
    sqlite_with_rowid=False,
)
# Literals: where a parameter meets a partial index's column, SQLite compiles the statement anew at
# each run.
KEPT = case_file.c.state != literal_column("'erased'")
ERASED = case_file.c.state == literal_column("'erased'")
Index("case_file_due", case_file.c.erase_on, sqlite_where=KEPT, postgresql_where=KEPT)
_doomed = and_(ERASED, case_file.c.content_key.is_not(null()))
Index("case_file_doomed", case_file.c.content_key, sqlite_where=_doomed, postgresql_where=_doomed)

case_version = Table(
    "case_version",
    metadata,
    Column("digest", TEXT, primary_key=True),
    Column("originator", TEXT, nullable=False),
    Column("case", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("assurance", TEXT, nullable=False),
    Column("event", Uuid, nullable=False),
    Column("change", Choice(ChangeKind)),  # NULL for the first version
    Column("unlawful", TextList, nullable=False),  # ids of elements that it corrects as such
    # Encrypted. What a list shows stands before the document, which may fill pages of its own.
    Column("summary", LargeBinary, nullable=False),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("originator", "case", "version"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
)

# Embargoes and restrictions of processing: they name elements by id, and say nothing of them.
case_measure = Table(
    "case_measure",
    metadata,
    Column("id", Uuid, primary_key=True),  # the event that set it
    Column("originator", TEXT, nullable=False),
    Column("case", Uuid, nullable=False),
    Column("kind", Choice(MeasureKind), nullable=False),
    Column("setter", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("elements", TextList, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("ended_at", Instant),
    Column("handoff", Uuid),  # by which its setter holds the case
    Column("before", Integer),  # on versions before this number only
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
    Index("case_measure_of", "originator", "case"),
    sqlite_with_rowid=False,
)

# Recalls of a case, or of one handoff of it. The document is among the answers of each handoff that
# the recall touched; its reason ends with the case's key.
case_recall = Table(
    "case_recall",
    metadata,
    Column("id", Uuid, primary_key=True),  # the event that recorded it
    Column("originator", TEXT, nullable=False),
    Column("case", Uuid, nullable=False),
    Column("handoff", Uuid),  # NULL: all of them
    Column("recipient", TEXT),  # of that one
    Column("code", Choice(RecallCode), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("at", Instant, nullable=False),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
    Index("case_recall_of", "originator", "case"),
    sqlite_with_rowid=False,
)

# That holders heard of a correction or tightening, written once by the clearance of its version.
announcement = Table(
    "announcement",
    metadata,
    Column("originator", TEXT, nullable=False),
    Column("case", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("change", Choice(ChangeKind), nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", Uuid, nullable=False),
    PrimaryKeyConstraint("originator", "case", "version"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
    sqlite_with_rowid=False,
)

# --- Handoffs: originator and recipient each move them by their own answers ----------------------

# The columns from case_version to expires_at are those of the newest package; the offers of the
# others are among the answers.
handoff = Table(
    "handoff",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("originator", TEXT, nullable=False),
    Column("case", Uuid, nullable=False),
    Column("case_version", Integer, nullable=False),
    Column("case_digest", ForeignKey(case_version.c.digest), nullable=False),
    Column("recipient", TEXT, nullable=False),
    Column("competence", TEXT),
    Column("mandate_event", Uuid),
    Column("purpose", TextList, nullable=False),
    Column("permitted_disclosures", TextSet, nullable=False),
    Column("package_digest", TEXT, nullable=False),
    Column("offer_digest", TEXT, nullable=False),
    Column("conditions_digest", TEXT, nullable=False),  # keyed: tells nothing of the conditions
    Column("offered_at", Instant, nullable=False),
    Column("urgency", Integer, nullable=False),  # its rank: 0 is the most urgent
    Column("matter", TextSet, nullable=False),
    # Follows the open duties of the recipient (gateway/store/duties.py); the year 9999 for none.
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("transfer_tool", TEXT),
    Column("state", Choice(HandoffState), nullable=False),
    Column("accepted_groups", TextSet),
    Column("sequence", Integer, nullable=False),
    Column("break_glass", Boolean, nullable=False),
    Column("package", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("held_under", TEXT),
    Column("recall", Uuid),  # the recall that stands on it
    Column("recall_answer", Choice(RecallAnswer)),
    # Pages of the two boxes, whole and by state; each is read in the index's own order.
    Index("handoff_in", "recipient", "urgency", "due_at", "id"),
    Index("handoff_in_by_state", "recipient", "state", "urgency", "due_at", "id"),
    Index("handoff_out", "originator", "urgency", "due_at", "id"),
    Index("handoff_out_by_state", "originator", "state", "urgency", "due_at", "id"),
    # What a succession goes through, in an order that no answer changes.
    Index("handoff_received", "recipient", "state", "id"),
    # With the id, by which they are ordered: SQLite would else read all of the originator's.
    Index("handoff_of_case", "originator", "case", "id"),
)

answer = Table(
    "answer",
    metadata,
    Column("handoff", ForeignKey(handoff.c.id), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("move", Choice(HandoffAction)),  # NULL for the offer
    Column("state", Choice(HandoffState), nullable=False),
    Column("author", TEXT, nullable=False),
    Column("at", Instant, nullable=False),
    Column("document", LargeBinary, nullable=False),  # encrypted
    Column("event", Uuid, nullable=False, unique=True),
    PrimaryKeyConstraint("handoff", "sequence"),
)

# What a party owes about a handoff, and what was recorded of it as the time ran out.
duty = Table(
    "duty",
    metadata,
    Column("handoff", ForeignKey(handoff.c.id), nullable=False),
    Column("kind", Choice(DutyKind), nullable=False),
    Column("source", Uuid, nullable=False),  # the event that it follows from
    Column("organisation", TEXT, nullable=False),
    Column("since", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("next_at", Instant),  # when the sweeper looks next; NULL: nothing is left to record
    Column("reminded_at", Instant),
    Column("overdue_at", Instant),
    Column("closed_at", Instant),
    Column("person", TEXT),
    PrimaryKeyConstraint("handoff", "kind", "source"),
    sqlite_with_rowid=False,
)
Index(
    "duty_next",
    duty.c.next_at,
    sqlite_where=duty.c.next_at.is_not(null()),
    postgresql_where=duty.c.next_at.is_not(null()),
)

# What an organisation owes is listed for it.
Index(
    "duty_owed",
    duty.c.organisation,
    sqlite_where=duty.c.closed_at.is_(null()),
    postgresql_where=duty.c.closed_at.is_(null()),
)

# What is past its due time is counted every few seconds.
Index(
    "duty_open",
    duty.c.due_at,
    sqlite_where=duty.c.closed_at.is_(null()),
    postgresql_where=duty.c.closed_at.is_(null()),
)

# What holders keep beyond the day of erasure; `legal_basis` is an article that its holder claims.
retention = Table(
    "retention",
    metadata,
    Column("id", Uuid, primary_key=True),  # the event that set it
    Column("originator", TEXT, nullable=False),
    Column("case", Uuid, nullable=False),
    Column("handoff", ForeignKey(handoff.c.id), nullable=False),
    Column("holder", TEXT, nullable=False),
    Column("ground", Choice(RetentionGround), nullable=False),
    Column("legal_basis", TEXT),
    Column("until", Day),
    Column("review_on", Day, nullable=False),
    Column("since", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("retention_of_handoff", "handoff"),
    Index("retention_of_case", "originator", "case"),
    sqlite_with_rowid=False,
)

# One package for one holder, under a key of its own: the case's key is destroyed.
retained_copy = Table(
    "retained_copy",
    metadata,
    Column("handoff", ForeignKey(handoff.c.id), primary_key=True),
    Column("holder", TEXT, nullable=False),
    Column("since", Instant, nullable=False),
    Column("grace_until", Day),
    Column("content_key", Uuid, nullable=False),
    Column("content", LargeBinary, nullable=False),  # encrypted
    Index("retained_copy_by_key", "content_key"),
)

# Under which an organisation's answers about erased cases are encrypted.
answer_key = Table(
    "answer_key",
    metadata,
    Column("organisation", TEXT, primary_key=True),
    Column("content_key", Uuid, nullable=False),
    Index("answer_key_by_key", "content_key"),
    sqlite_with_rowid=False,
)

# Up to which day of erasure holders heard, so many days before.
erasure_notice = Table(
    "erasure_notice",
    metadata,
    Column("days", Integer, primary_key=True, autoincrement=False),
    Column("told", Day, nullable=False),
    sqlite_with_rowid=False,
)

# When duties were last swept, and the last time in which they were not.
sweep = Table(
    "sweep",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row
    Column("swept_at", Instant, nullable=False),
    Column("stopped_at", Instant),
    Column("resumed_at", Instant),
    CheckConstraint("id = 1", name="sweep_is_one_row"),
)

consultation = Table(
    "consultation",
    metadata,
    Column("event", Uuid, primary_key=True),
    Column("organisation", TEXT, nullable=False),
    Column("handoff", Uuid),  # NULL when the originator opened its own case
    Column("case_digest", TEXT, nullable=False),
    Column("shown", TextList, nullable=False),
    Column("informed", Boolean, nullable=False),
    Index("consultation_of_handoff", "handoff"),
)

# --- Conformance runs: test data, owned by the organisation that shows what it can ---------------

# Nothing here is a case or a handoff, and nothing there refers to it.
conformance_run = Table(
    "conformance_run",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organisation", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("sandbox", TEXT, nullable=False),  # JSON that the action which made it reads
    Column("marks", TextSet, nullable=False),
    Column("passed_at", Instant),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
    Index("conformance_run_of", "organisation", "id"),
)

# A handoff that a succession ended, written once; `became` is NULL where its originator was asked
# anew.
moved_handoff = Table(
    "moved_handoff",
    metadata,
    Column("handoff", ForeignKey(handoff.c.id), primary_key=True),
    Column("succession", ForeignKey(succession.c.id), nullable=False),
    Column("became", ForeignKey(handoff.c.id), unique=True),
    Column("taken_on", Boolean, nullable=False),
    Column("event", Uuid, nullable=False),
    Column("at", Instant, nullable=False),
    Index("moved_by_succession", "succession"),
)

# --- Requests: each row belongs to the organisation that asked -----------------------------------

retry = Table(
    "retry",
    metadata,
    Column("organisation", TEXT, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),  # an HMAC: tells nothing of the request
    Column("event", Uuid, nullable=False),
    Column("result", TEXT),  # of a change of the registry alone: nothing of a case
    PrimaryKeyConstraint("organisation", "key"),
    Index("retry_by_event", "event"),
    sqlite_with_rowid=False,
)

budget = Table(
    "budget",
    metadata,
    Column("organisation", TEXT, nullable=False),
    Column("window", TEXT, nullable=False),
    Column("spent", Integer, nullable=False),
    PrimaryKeyConstraint("organisation", "window"),
    sqlite_with_rowid=False,
)

# By `jti`, until well after the token's own end.
revoked_token = Table(
    "revoked_token",
    metadata,
    Column("jti", TEXT, primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Index("revoked_token_by_end", "expires_at"),
    sqlite_with_rowid=False,
)

# What each client used once, until well after its end.
spent_assertion = Table(
    "spent_assertion",
    metadata,
    Column("client", TEXT, nullable=False),
    Column("jti", TEXT, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("client", "jti"),
    Index("spent_assertion_by_end", "expires_at"),
    sqlite_with_rowid=False,
)

# --- Notifications: how far each organisation's own stream was delivered --------------------------

# Everything after `acknowledged` is still to come: nothing is queued. A row is made by the first
# delivery or acknowledgement.
notification_cursor = Table(
    "notification_cursor",
    metadata,
    Column("organisation", TEXT, nullable=False),
    Column("way", Choice(DeliveryWay), nullable=False),
    Column("acknowledged", NUMBER, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_at", Instant),
    Column("leased_until", Instant),
    PrimaryKeyConstraint("organisation", "way"),
    sqlite_with_rowid=False,
)

# What a receiver refused; `error` and `description` are its own words.
refused_notification = Table(
    "refused_notification",
    metadata,
    Column("organisation", TEXT, nullable=False),
    Column("event", Uuid, nullable=False),
    Column("stream_number", NUMBER, nullable=False),
    Column("error", TEXT, nullable=False),
    Column("description", TEXT, nullable=False),
    Column("refused_at", Instant, nullable=False),
    Column("replay", Boolean, nullable=False),
    PrimaryKeyConstraint("organisation", "event"),
    sqlite_with_rowid=False,
)

# --- The log: written only by the append of a commit, under the lock of log_head -----------------

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row; its lock is the log's
    Column("size", NUMBER, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("edge", LargeBinary, nullable=False),  # the tree's right edge (gateway/ledger/tree.py)
    Column("origin", TEXT),  # whose tree this is, from the first entry on
    Column("mac", LargeBinary),  # by a key that is not here: a process of ours wrote this head
    Column("newest", Instant),  # the time of the newest entry: none is older than the one before
    CheckConstraint("id = 1", name="log_head_is_one_row"),
)

log_event = Table(
    "log_event",
    metadata,
    Column("idx", NUMBER, primary_key=True, autoincrement=False),  # the size read under the lock
    Column("event", SHORT_ID, nullable=False, unique=True),
    Column("entry", LargeBinary, nullable=False),
    Column("document", LargeBinary),  # the very bytes that were hashed; NULL when erased
    Column("nonce", LargeBinary),
    # JSON [[disclosure|null, [reader...]]...]: null when erased, in an envelope where it tells of
    # a case
    Column("disclosures", TEXT, nullable=False),
)

# By what auditors search: see gateway/store/event_index.py.
log_facet = Table(
    "log_facet",
    metadata,
    Column("idx", NUMBER, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("words", TEXT, nullable=False),
    Column("handoff", Uuid),
    Column("case_digest", TEXT),
)

# The words of 256 entries together, once there are as many: a search passes over the others.
log_block = Table(
    "log_block",
    metadata,
    Column("n", NUMBER, primary_key=True, autoincrement=False),
    Column("words", LargeBinary, nullable=False),
)

# Of level 0 full tiles alone, each written once: the last one is made from its entries. A tile of
# a level above is overwritten as it grows, each 256 entries.
log_tile = Table(
    "log_tile",
    metadata,
    Column("level", Integer, nullable=False),
    Column("n", NUMBER, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "n"),
)

# Each organisation's own stream: its numbers are 1, 2, 3... without a gap, counted under the
# head's lock.
party = Table(
    "party",
    metadata,
    Column("organisation", TEXT, nullable=False),
    Column("stream_number", NUMBER, nullable=False),
    Column("idx", NUMBER, nullable=False),
    PrimaryKeyConstraint("organisation", "stream_number"),
    sqlite_with_rowid=False,
)

# The last number of each: it only grows, so that no number is given again after a row was lost.
stream = Table(
    "stream",
    metadata,
    Column("organisation", TEXT, primary_key=True),
    Column("last", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

# How far details of persons were erased from each stream after their term
# (gateway/store/log_terms.py): the last number that was looked at.
detail_erasure = Table(
    "detail_erasure",
    metadata,
    Column("organisation", TEXT, primary_key=True),
    Column("reached", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)
