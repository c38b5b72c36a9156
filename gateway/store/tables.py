"""Every table on one page, and the owner of its rows.

A table of records has a column for each of their fields; what a field means stands in the record.
Ids are UUIDv7 from the edge, so that a key's order is the order of making. A row of the registry,
a case or a handoff is replaced only by comparing its counter; log tables are only added to,
except the right edge of the tree. Documents, nonces and disclosures can be erased (set to NULL):
the entries that commit to them stay. Disclosures of persons end so with the term of the log.

What cases, answers and reasons say is encrypted by the key of their case
(`gateway.store.content_encryption`); the keys are in another database (`gateway.store.keyring`). An
erased text is empty.
"""

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
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
    func,
    literal_column,
    null,
    or_,
)
from sqlalchemy.schema import SchemaItem

from gateway.domain.audit_event import LogHold
from gateway.domain.case import Case
from gateway.domain.duty import HandoffDuty, SweepClock
from gateway.domain.enrolment import ConformanceRun, Invitation
from gateway.domain.handoff import Handoff, HandoffAnswer, Recall
from gateway.domain.health import HealthReport
from gateway.domain.mandate import Mandate
from gateway.domain.measure import Measure
from gateway.domain.notification import Cursor, RefusedNotification
from gateway.domain.organisation import Administrator, Certificate, Status, System
from gateway.domain.retention import Retention
from gateway.domain.revision import Announcement
from gateway.domain.staff import StaffEntry, StaffInvitation, StaffPasskey
from gateway.domain.succession import ReissuedHandoff, Succession
from gateway.kernel import values
from gateway.store import columns
from gateway.store.content_encryption import KEY_ID_END

metadata = MetaData()


def _small(name: str, *parts: SchemaItem) -> Table:
    """A table of small rows: without row numbers on SQLite, so one tree less to write."""
    return Table(name, metadata, *parts, sqlite_with_rowid=False)


def _partial(name: str, rows: ColumnElement[bool], *columns_: Column[Any]) -> None:
    """Index columns of some rows alone."""
    Index(name, *columns_, sqlite_where=rows, postgresql_where=rows)


def header(sealed: Column[Any]) -> ColumnElement[bytes]:
    """How what is encrypted begins: with the id of its key. Literals, as the index has them."""
    beginning = literal_column("1", Integer), literal_column(str(KEY_ID_END), Integer)
    return func.substr(sealed, *beginning, type_=LargeBinary)


# --- The registry: owned by the operator, changed only in REGISTRY transactions ------------------

registry = Table(
    "registry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row
    # Raised by every REGISTRY transaction that commits.
    Column("version", columns.NUMBER, nullable=False),
    CheckConstraint("id = 1", name="registry_is_one_row"),
)

organisation = _small(
    "organisation",
    Column("slug", columns.TEXT, primary_key=True),  # permanent: a slug is never used again
    Column("status", columns.Choice(Status), nullable=False),
    Column("version", Integer, nullable=False),
    # All other fields but the mandates, by name, as JSON.
    Column("document", columns.TEXT, nullable=False),
)

# Personal data, in an envelope under a key of the organisation. A change makes a new key for all of
# them, and the key before is destroyed; so what the log repeats of an earlier one ends with it.
contact = _small(
    "contact",
    Column("organisation", ForeignKey(organisation.c.slug), nullable=False),
    Column("role", columns.TEXT, nullable=False),
    Column("registration_event", Uuid, nullable=False),
    Column("content_key", Uuid, nullable=False),
    Column("said", LargeBinary, nullable=False),  # name and address
    PrimaryKeyConstraint("organisation", "role"),
    Index("contact_by_key", "content_key"),
)

# Keys of contacts and of retained copies that are still to be destroyed.
doomed_key = _small(
    "doomed_key",
    Column("content_key", Uuid, primary_key=True),
)

competence = _small(
    "competence",
    *columns.columns_of(
        Mandate, organisation=ForeignKey(organisation.c.slug), period=("start", "end")
    ),
    Column("position", Integer, nullable=False),  # its place in the organisation's list
    PrimaryKeyConstraint("id"),
    UniqueConstraint("organisation", "position"),
    Index("competence_by_matter", "matter", "territory", "function"),
)

system = _small(
    "system",
    *columns.columns_of(System, organisation=ForeignKey(organisation.c.slug)),
    PrimaryKeyConstraint("organisation", "name"),
)

# Where there are any, the system authenticates with one of them beside its certificate.
client_key = _small(
    "client_key",
    Column("organisation", columns.TEXT, nullable=False),
    Column("system", columns.TEXT, nullable=False),
    Column("position", Integer, nullable=False),
    Column("jwk", columns.TEXT, nullable=False),
    PrimaryKeyConstraint("organisation", "system", "position"),
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
)

certificate = _small(
    "certificate",
    *columns.columns_of(Certificate, serial=columns.Serial),
    Column("ordinal", Integer, nullable=False),  # 1, 2... for each system: the newest is last
    PrimaryKeyConstraint("thumbprint"),
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
    UniqueConstraint("organisation", "system", "ordinal"),
)
Index("certificate_by_end", certificate.c.not_after)
_partial("certificate_revoked", certificate.c.revoked_at.is_not(null()), certificate.c.not_after)

person = _small(
    "person",
    *columns.columns_of(Administrator),
    PrimaryKeyConstraint("id"),
)

# Whose rows were found to differ from the log's events (gateway/store/registry_proof.py):
# `organisation`, `person`, `proposal`, `log hold` or `handoff`, and the id; `staff`,
# organisation/pseudonym; `case`, originator/id.
out_of_service = _small(
    "out_of_service",
    Column("kind", columns.TEXT, nullable=False),
    Column("name", columns.TEXT, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
)

# A change that one person signed and another one may; its values can be personal data.
proposal = Table(
    "proposal",
    metadata,
    *columns.columns_of(values.Proposal),
    PrimaryKeyConstraint("id"),
    Index("proposal_by_end", "expires_at"),
)

# The request is the registry's; certificate or refusal are written by who holds the issuing key.
signing_request = Table(
    "signing_request",
    metadata,
    *columns.columns_of(values.CertificateOrder),
    Column("served", Boolean, nullable=False),  # certificate or refusal is there
    PrimaryKeyConstraint("id"),
)
_partial("signing_request_pending", signing_request.c.served == false(), signing_request.c.id)

# The token is not here: only its SHA-256. Its end is written once.
invitation = _small(
    "invitation",
    *columns.columns_of(Invitation),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("token_sha256"),
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
)

# A mandate that moves to another organisation. Planned in a REGISTRY transaction; each approval and
# the end are written by WRITE transactions, by comparing the counter.
succession = Table(
    "succession",
    metadata,
    *columns.columns_of(
        Succession,
        predecessor=ForeignKey(organisation.c.slug),
        successor=ForeignKey(organisation.c.slug),
        by_predecessor=("predecessor_by", "predecessor_event", "predecessor_signed"),
        by_successor=("successor_by", "successor_event", "successor_signed"),
    ),
    PrimaryKeyConstraint("id"),
    Index("succession_from", "predecessor", "competence"),
)

# Proceedings or inquiries that suspend the terms of the log; rows stay.
log_hold = _small(
    "log_hold",
    *columns.columns_of(LogHold),
    PrimaryKeyConstraint("id"),
)

# Who acts for an organisation, owned by it: changed in WRITE transactions, so that a rota waits for
# no change of the registry. Entries end and stay: a pseudonym is never used again.
staff = _small(
    "staff",
    *columns.columns_of(StaffEntry, organisation=ForeignKey(organisation.c.slug)),
    PrimaryKeyConstraint("organisation", "pseudonym"),
)

# Passkeys of these persons, which stay when they are revoked: nobody registers one twice.
passkey = _small(
    "passkey",
    *columns.columns_of(StaffPasskey),
    PrimaryKeyConstraint("kid"),
    Index("passkey_of", "organisation", "pseudonym"),
)
# An invitation to register one: the newest of a person, until it was used.
staff_invitation = _small(
    "staff_invitation",
    *columns.columns_of(StaffInvitation),
    PrimaryKeyConstraint("organisation", "pseudonym"),
    UniqueConstraint("token_sha256"),
)

# --- Cases: each owned by its originator ---------------------------------------------------------

# The current state of a case ("case" alone is a word of SQL).
case_file = _small(
    "case_file",
    *columns.columns_of(Case),
    Column("content_key", Uuid),  # NULL once it was destroyed
    # The event of its first version: an id of ours, for originators choose theirs in any order.
    Column("made", Uuid, nullable=False),
    # That of its newest version; what was there before this column stands first in lists.
    Column("urgency", columns.Rank, nullable=False, server_default="0"),
    # Whether its items are in the index; what was there before it, maintenance adds.
    Column("indexed", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("originator", "id"),
    UniqueConstraint("originator", "originator_ref"),
    Index("case_file_by_key", "content_key"),
    Index("case_file_by_age", "originator", "made", "id"),
)
# Literals: where a parameter meets a partial index's column, SQLite compiles the statement anew at
# each run.
KEPT = case_file.c.state != literal_column("'erased'")
ERASED = case_file.c.state == literal_column("'erased'")
_partial("case_file_due", KEPT, case_file.c.erase_on)
TO_DO = or_(
    case_file.c.state == literal_column("'draft'"),
    case_file.c.state == literal_column("'assessed'"),
    and_(case_file.c.state == literal_column("'cleared'"), case_file.c.offered == false()),
)
_to_do = (case_file.c.originator, case_file.c.urgency, case_file.c.made)
_partial("case_file_to_do", TO_DO, *_to_do)
_partial("case_file_ending", KEPT, case_file.c.originator, case_file.c.erase_on)
UNINDEXED = and_(KEPT, case_file.c.indexed == false())
_partial("case_file_unindexed", UNINDEXED, case_file.c.id)
_doomed = and_(ERASED, case_file.c.content_key.is_not(null()))
_partial("case_file_doomed", _doomed, case_file.c.content_key)

case_version = Table(
    "case_version",
    metadata,
    *columns.columns_of(values.CaseVersion, "summary", "document"),
    # Encrypted. What a list shows stands before the document, which may fill pages of its own.
    Column("summary", LargeBinary, nullable=False),
    Column("document", LargeBinary, nullable=False),
    PrimaryKeyConstraint("digest"),
    UniqueConstraint("originator", "case", "version"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
)

# Embargoes and restrictions of processing: they name elements by id, and say nothing of them.
case_measure = _small(
    "case_measure",
    *columns.columns_of(Measure),
    PrimaryKeyConstraint("id"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
    Index("case_measure_of", "originator", "case"),
)

# Recalls of a case, or of one handoff of it. The document is among the answers of each handoff that
# the recall touched; its reason ends with the case's key.
case_recall = _small(
    "case_recall",
    *columns.columns_of(Recall),
    PrimaryKeyConstraint("id"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
    Index("case_recall_of", "originator", "case"),
)

# That holders heard of a correction or tightening, written once by the clearance of its version.
announcement = _small(
    "announcement",
    *columns.columns_of(Announcement),
    PrimaryKeyConstraint("originator", "case", "version"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
)

# Removals that were refused, for the police come first; they end once offered, and with the case.
held_removal = _small(
    "held_removal",
    *columns.columns_of(values.HeldRemoval),
    PrimaryKeyConstraint("originator", "case", "recipient"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
)

# --- Handoffs: originator and recipient each move them by their own answers ----------------------

# The columns from case_version to expires_at are those of the newest package; the offers of the
# others are among the answers.
handoff = Table(
    "handoff",
    metadata,
    *columns.columns_of(
        Handoff,
        "due_at",
        case_digest=ForeignKey(case_version.c.digest),
        address=("recipient", "competence", "mandate_event"),
        urgency=columns.Rank,
    ),
    # Follows the open duties of the recipient (gateway/store/duties.py); the year 9999 for none.
    Column("due_at", columns.DueTime, nullable=False),
    PrimaryKeyConstraint("id"),
    # Pages of the two boxes, whole and by state; each is read in the index's own order.
    Index("handoff_in", "recipient", "urgency", "due_at", "id"),
    Index("handoff_in_by_state", "recipient", "state", "urgency", "due_at", "id"),
    Index("handoff_out", "originator", "urgency", "due_at", "id"),
    Index("handoff_out_by_state", "originator", "state", "urgency", "due_at", "id"),
    # The same with one counterpart, for both boxes.
    Index("handoff_in_from", "recipient", "originator", "urgency", "due_at", "id"),
    # What a succession goes through, in an order that no answer changes.
    Index("handoff_received", "recipient", "state", "id"),
    # With the id, by which they are ordered: SQLite would else read all of the originator's.
    Index("handoff_of_case", "originator", "case", "id"),
)

# People name cases and handoffs by the ends of their ids.
ID_ENDS = tuple(
    Index(f"{name}_by_id_end", owner, columns.id_end(owner.table.c.id), owner.table.c.id)
    for name, owner in (
        ("case_file", case_file.c.originator),
        ("handoff_in", handoff.c.recipient),
        ("handoff_out", handoff.c.originator),
    )
)

answer = Table(
    "answer",
    metadata,
    *columns.columns_of(HandoffAnswer, handoff=ForeignKey(handoff.c.id), document=LargeBinary),
    PrimaryKeyConstraint("handoff", "sequence"),
    UniqueConstraint("event"),
)

# What a party owes about a handoff, and what was recorded of it as the time ran out.
duty = _small(
    "duty",
    *columns.columns_of(HandoffDuty, handoff=ForeignKey(handoff.c.id)),
    # Follows that of the handoff: by it a worklist is read in order.
    Column("urgency", columns.Rank, nullable=False, server_default="0"),
    PrimaryKeyConstraint("handoff", "kind", "source"),
)
_partial("duty_next", duty.c.next_at.is_not(null()), duty.c.next_at)
# What stands in a worklist. A review of a retention may be years away: it waits once reminded of.
WAITING = and_(
    duty.c.closed_at.is_(null()),
    or_(duty.c.kind != literal_column("'retention_review'"), duty.c.reminded_at.is_not(null())),
)
DUTY_PLACE = (duty.c.urgency, duty.c.due_at, duty.c.handoff, duty.c.source, duty.c.kind)
_partial("duty_waiting", WAITING, duty.c.organisation, *DUTY_PLACE)

# What is past its due time is counted every few seconds.
_partial("duty_open", duty.c.closed_at.is_(null()), duty.c.due_at)

# What holders keep beyond the day of erasure; `legal_basis` is an article that its holder claims.
retention = _small(
    "retention",
    *columns.columns_of(Retention, handoff=ForeignKey(handoff.c.id)),
    PrimaryKeyConstraint("id"),
    Index("retention_of_handoff", "handoff"),
    Index("retention_of_case", "originator", "case"),
)

# One package for one holder, under a key of its own: the case's key is destroyed.
retained_copy = Table(
    "retained_copy",
    metadata,
    *columns.columns_of(
        values.RetainedCopy, "content", "content_key", handoff=ForeignKey(handoff.c.id)
    ),
    Column("content_key", Uuid, nullable=False),
    Column("content", LargeBinary, nullable=False),  # encrypted
    PrimaryKeyConstraint("handoff"),
    Index("retained_copy_by_key", "content_key"),
)

# What was sent about a handoff that another gateway decides; documents are encrypted.
sent_act = Table(
    "sent_act",
    metadata,
    *columns.columns_of(
        values.SentAct, "document", handoff=ForeignKey(handoff.c.id), action=columns.TEXT
    ),
    Column("document", LargeBinary, nullable=False),
    PrimaryKeyConstraint("event"),
    Index("sent_act_of_handoff", "handoff"),
)
_partial("sent_act_waiting", sent_act.c.ended_at.is_(null()), sent_act.c.at)

# Answers of an erased case that its originator's gateway did not hear yet, each encrypted by a key
# of its own, until that heard the number of the stream, or a day.
unheard_answer = Table(
    "unheard_answer",
    metadata,
    Column("event", Uuid, primary_key=True),
    Column("handoff", Uuid, ForeignKey(handoff.c.id), nullable=False),
    Column("member", columns.TEXT, nullable=False),
    Column("stream_number", columns.NUMBER, nullable=False),
    Column("until", columns.Day, nullable=False),
    Column("content_key", Uuid, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("unheard_answer_of_handoff", "handoff"),
    Index("unheard_answer_of_member", "member", "stream_number"),
    Index("unheard_answer_until", "until"),
)

# A recipient's own reference of a handoff, for that alone; it goes with the case.
handoff_reference = _small(
    "handoff_reference",
    *columns.columns_of(values.HandoffReference, handoff=ForeignKey(handoff.c.id)),
    PrimaryKeyConstraint("handoff", "organisation"),
    Index("handoff_reference_of", "organisation", "reference"),
)

# What a key still seals is asked before it is destroyed.
SEALED = (
    case_version.c.summary,
    case_version.c.document,
    answer.c.document,
    sent_act.c.document,
    unheard_answer.c.document,
    retained_copy.c.content,
    contact.c.said,
    handoff_reference.c.said,
)
BY_KEY = [Index(f"{one.table.name}_{one.name}_by_key", header(one)) for one in SEALED]

# Under which an organisation's answers about erased cases are encrypted.
answer_key = _small(
    "answer_key",
    Column("organisation", columns.TEXT, primary_key=True),
    Column("content_key", Uuid, nullable=False),
    Index("answer_key_by_key", "content_key"),
)

# By what an organisation finds its cases, and the handoffs that it received: keyed digests of
# items (gateway/store/items.py). `about` is a case of its own, or a handoff, `package` the number
# of a version or a package of it; `originator` and `case` are those with which the row ends.
indexed_item = _small(
    "indexed_item",
    *columns.columns_of(values.IndexedItem),
    PrimaryKeyConstraint("organisation", "token", "about", "package"),
    ForeignKeyConstraint(["originator", "case"], [case_file.c.originator, case_file.c.id]),
    Index("indexed_item_of_case", "originator", "case", "about"),
)

# The key of these digests, encrypted.
index_key = _small(
    "index_key",
    Column("organisation", columns.TEXT, primary_key=True),
    Column("content_key", Uuid, nullable=False),
    Column("secret", LargeBinary, nullable=False),
)
Index("index_key_secret_by_key", header(index_key.c.secret))

# Up to which day of erasure holders heard, so many days before.
erasure_notice = _small(
    "erasure_notice",
    Column("days", Integer, primary_key=True, autoincrement=False),
    Column("told", columns.Day, nullable=False),
)

# When duties were last swept, and the last time in which they were not.
sweep = Table(
    "sweep",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row
    *columns.columns_of(SweepClock),
    CheckConstraint("id = 1", name="sweep_is_one_row"),
)

# Who of a party works on it, for that side alone; it goes with the case.
taken_handoff = _small(
    "taken_handoff",
    *columns.columns_of(values.TakenHandoff, handoff=ForeignKey(handoff.c.id)),
    PrimaryKeyConstraint("handoff", "organisation"),
)

consultation = Table(
    "consultation",
    metadata,
    *columns.columns_of(values.Consultation),
    PrimaryKeyConstraint("event"),
    Index("consultation_of_handoff", "handoff"),
)

# --- Conformance runs: test data, owned by the organisation that shows what it can ---------------

# Nothing here is a case or a handoff, and nothing there refers to it.
conformance_run = Table(
    "conformance_run",
    metadata,
    *columns.columns_of(ConformanceRun),
    PrimaryKeyConstraint("id"),
    ForeignKeyConstraint(["organisation", "system"], [system.c.organisation, system.c.name]),
    Index("conformance_run_of", "organisation", "id"),
)

# A handoff that a succession ended, written once; `became` is NULL where its originator was asked
# anew.
moved_handoff = Table(
    "moved_handoff",
    metadata,
    *columns.columns_of(
        ReissuedHandoff,
        handoff=ForeignKey(handoff.c.id),
        succession=ForeignKey(succession.c.id),
        became=ForeignKey(handoff.c.id),
    ),
    PrimaryKeyConstraint("handoff"),
    UniqueConstraint("became"),
    Index("moved_by_succession", "succession"),
)

# --- Requests: each row belongs to the organisation that asked -----------------------------------

retry = _small(
    "retry",
    *columns.columns_of(values.IdempotencyRecord),
    PrimaryKeyConstraint("organisation", "key"),
    Index("retry_by_event", "event"),
)

budget = _small(
    "budget",
    Column("organisation", columns.TEXT, nullable=False),
    Column("window", columns.TEXT, nullable=False),
    Column("spent", Integer, nullable=False),
    PrimaryKeyConstraint("organisation", "window"),
)

# What each client used once, until well after its end.
spent_assertion = _small(
    "spent_assertion",
    Column("client", columns.TEXT, nullable=False),
    Column("jti", columns.TEXT, nullable=False),
    Column("expires_at", columns.Instant, nullable=False),
    PrimaryKeyConstraint("client", "jti"),
    Index("spent_assertion_by_end", "expires_at"),
)

# --- Notifications: how far each organisation's own stream was delivered --------------------------

# Everything after `acknowledged` is still to come: nothing is queued. A row is made by the first
# delivery or acknowledgement.
notification_cursor = _small(
    "notification_cursor",
    *columns.columns_of(Cursor, acknowledged=columns.NUMBER),
    PrimaryKeyConstraint("organisation", "way"),
)

# What a receiver refused; `error` and `description` are its own words.
refused_notification = _small(
    "refused_notification",
    *columns.columns_of(RefusedNotification, stream_number=columns.NUMBER),
    PrimaryKeyConstraint("organisation", "event"),
)

# --- Peer gateways: what was taken in of their streams --------------------------------------------

# In each stream the numbers are 1, 2, 3... without a gap; a receipt tells nothing of content.
heard_event = Table(
    "heard_event",
    metadata,
    *columns.columns_of(values.HeardEvent, stream_number=columns.NUMBER),
    PrimaryKeyConstraint("peer", "member", "stream_number"),
    Index("heard_event_by_own", "own_event"),
    Index("heard_event_by_handoff", "handoff", "member"),
)

# Up to which entry of a peer's log its answer about its members goes that came last; and the types
# of events that it knows, by that answer.
members_told = _small(
    "members_told",
    Column("log", columns.TEXT, primary_key=True),
    Column("size", columns.NUMBER, nullable=False),
    Column("events", columns.TEXT, nullable=False, server_default=""),
)

# --- The log: written only by the append of a commit, under the lock of log_head -----------------

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row; its lock is the log's
    Column("size", columns.NUMBER, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("edge", LargeBinary, nullable=False),  # the tree's right edge (gateway/ledger/tree.py)
    Column("origin", columns.TEXT),  # whose tree this is, from the first entry on
    Column("mac", LargeBinary),  # by a key that is not here: a process of ours wrote this head
    # The time of the newest entry: none is older than the one before.
    Column("newest", columns.Instant),
    CheckConstraint("id = 1", name="log_head_is_one_row"),
)

log_event = Table(
    "log_event",
    metadata,
    # The size read under the lock.
    Column("idx", columns.NUMBER, primary_key=True, autoincrement=False),
    Column("event", columns.SHORT_ID, nullable=False, unique=True),
    Column("entry", LargeBinary, nullable=False),
    # By what auditors search (gateway/store/event_index.py). They stand before the document, so
    # that SQLite reads of a long row no more than its beginning.
    Column("at", columns.Instant, nullable=False),
    Column("words", columns.TEXT, nullable=False),
    Column("handoff", Uuid),
    Column("case_digest", columns.TEXT),
    # The case's digest again, where it is a step of the case's own (evidence/case_events.py).
    Column("step_of", columns.TEXT),
    Column("document", LargeBinary),  # the very bytes that were hashed; NULL when erased
    Column("nonce", LargeBinary),
    # JSON [[disclosure|null, [reader...]]...]: null when erased, in an envelope where it tells of
    # a case
    Column("disclosures", columns.TEXT, nullable=False),
)
_partial("log_event_by_handoff", log_event.c.handoff.is_not(null()), log_event.c.handoff)
_partial("log_event_of_case", log_event.c.step_of.is_not(null()), log_event.c.step_of)

# The words of 256 entries together, once there are as many: a search passes over the others.
log_block = Table(
    "log_block",
    metadata,
    Column("n", columns.NUMBER, primary_key=True, autoincrement=False),
    Column("words", LargeBinary, nullable=False),
)

# Of level 0 full tiles alone, each written once: the last one is made from its entries. A tile of
# a level above is overwritten as it grows, each 256 entries.
log_tile = Table(
    "log_tile",
    metadata,
    Column("level", Integer, nullable=False),
    Column("n", columns.NUMBER, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "n"),
)

# What others confirmed of checkpoints: `data` is the line of the witness `by`, or the token of the
# authority; `note` has the log's own lines, as they were then.
log_confirmation = Table(
    "log_confirmation",
    metadata,
    *columns.columns_of(values.Confirmation, size=columns.NUMBER),
    PrimaryKeyConstraint("kind", "by", "size"),
)

# How each node was when its maintenance looked last; of one that keeps none, the last for a week.
health_report = _small(
    "health_report", *columns.columns_of(HealthReport), PrimaryKeyConstraint("node")
)

# What a peer gateway said of a member's key or mandate: receipts of its log prove themselves.
member_proof = _small(
    "member_proof",
    *columns.columns_of(values.MemberProof, organisation=ForeignKey(organisation.c.slug)),
    PrimaryKeyConstraint("organisation", "name"),
)

# Checkpoints of peers' logs that this gateway cosigned, for an hour, and the newest of each log.
# How far a log was cosigned is kept beside the high-water mark, for this table can be restored.
witnessed_checkpoint = _small(
    "witnessed_checkpoint",
    *columns.columns_of(values.CosignedCheckpoint, size=columns.NUMBER),
    PrimaryKeyConstraint("log", "size"),
)

# Each organisation's own stream: its numbers are 1, 2, 3... without a gap, counted under the
# head's lock.
party = _small(
    "party",
    Column("organisation", columns.TEXT, nullable=False),
    Column("stream_number", columns.NUMBER, nullable=False),
    Column("idx", columns.NUMBER, nullable=False),
    PrimaryKeyConstraint("organisation", "stream_number"),
)

# The last number of each: it only grows, so that no number is given again after a row was lost.
stream = _small(
    "stream",
    Column("organisation", columns.TEXT, primary_key=True),
    Column("last", columns.NUMBER, nullable=False),
)

# How far details of persons were erased from each stream after their term
# (gateway/store/log.py): the last number that was looked at.
detail_erasure = _small(
    "detail_erasure",
    Column("organisation", columns.TEXT, primary_key=True),
    Column("reached", columns.NUMBER, nullable=False),
)
