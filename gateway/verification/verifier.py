"""Verify a file in numbered steps, with a conclusion of facts and an exit code.

Exit codes::

     0  verified
    10  the format of the file is unknown
    11  a signature is not valid
    12  no valid proof that the log contains an event
    13  documents in the file do not match each other
    14  cannot decide: a required key was not provided
    15  evidence is missing
    16  the gateway signed two statements, or two histories of its log, that exclude each other
    17  an act of a party is only the operator's word: its author did not sign it
    18  a demonstration: the reference date was simulated
    19  the gateway let through what was closed

No network, no clock: a report depends only on the files and the trusted keys.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from gateway.evidence import canonical, membership_attestation
from gateway.ledger.note import MAX_NOTE_BYTES
from gateway.verification import (
    approvals,
    authority,
    confirmations,
    documents,
    history,
    order,
    receipts,
    steps,
)
from gateway.verification.facts import BundleFacts
from gateway.verification.history import LogHistory
from gateway.verification.listing import MAX_BYTES, verify_list
from gateway.verification.lone_files import (
    SIGNED,
    check_own_signatures,
    required_rows,
    text_of,
    verify_presentation,
    verify_receipt,
    verify_status,
)
from gateway.verification.report import Code, Conclusion, VerificationFailed, VerificationReport
from gateway.verification.steps import Checks, StepRow, step
from gateway.verification.trust import TrustAnchors


def remembered_history(trust: TrustAnchors) -> LogHistory:
    """The history of the logs as far as the verifier remembers checkpoints of them.

    ForkedLog when these contradict each other; NoteError for a note that no trusted log signed.
    """
    keys = [key for one in (trust, *trust.others) for key in one.log_keys]
    notes = [note for one in (trust, *trust.others) for note in one.checkpoints]
    return LogHistory(history.read_tree(note, keys) for note in notes)


def verify(
    data: bytes,
    trust: TrustAnchors,
    *,
    log_history: LogHistory | None = None,
    require: Collection[str] = (),
    version: int | None = None,
    beside: Mapping[str, bytes] | None = None,
) -> VerificationReport:
    """Verify a file of any format that Casegate writes.

    ``log_history`` is what other files said of the logs, and takes in what this one says.
    ``require`` is what else it has to show: signed, witnessed, stamped. The content shown of a
    bundle is that of ``version``, or of the newest version that its recipient took. ``beside``
    are the other files of a folder that an auditor exported.
    """
    try:
        known = remembered_history(trust) if log_history is None else log_history
        members = _members_of(data)
    except ValueError as error:
        return _unknown(str(error))
    about = {} if members is None else members.get("about")
    searched = isinstance(about, dict) and "search" in about
    if members is not None and (searched if "format" in members else "events" in members):
        return verify_list(data, trust, known, require=require, beside=beside)
    if beside is not None:
        return _unknown("the evidence of a folder is a list of events")
    if members is None:
        return _verify_text(data, trust, require)
    if "format" in members:
        return verify_bundle(data, trust, log_history=known, require=require, version=version)
    return verify_receipt(data, trust, log_history=known, require=require)


def _verify_text(data: bytes, trust: TrustAnchors, require: Collection[str]) -> VerificationReport:
    if membership_attestation.looks_like(text_of(data)):
        return verify_status(data, trust, require)
    return verify_presentation(data, trust, require=require)


def _members_of(data: bytes) -> dict[str, Any] | None:
    """The members of a JSON file, None for a signed text; ValueError says what else it is."""
    start = data.lstrip()[:4]
    if len(data) > MAX_BYTES:
        raise ValueError(f"the file is longer than {MAX_BYTES} bytes")
    if start.startswith(b"eyJ"):
        return None
    if start.startswith(b"{"):
        try:
            members: dict[str, Any] = canonical.decode(data)
        except ValueError as error:
            raise ValueError(f"the JSON cannot be read: {error}") from None
        if members.keys() == {"result", "receipt"}:
            raise ValueError(_not_a_proof("an answer: keep its member 'receipt' as a file"))
        if {"casegate", "steps"} <= members.keys():
            raise ValueError(_not_a_proof("a report of a check: give the files it was made of"))
        return members
    known = {
        b"": "empty",
        b"%PDF": "a PDF",
        b"PK\x03\x04": "a ZIP archive: unpack it, and give the folder in it",
        b"\xff\xfe": "UTF-16",
        b"c2sp": "a proof without its event",
    }
    kind = next((name for first, name in known.items() if start[: len(first) or 4] == first), "")
    if not kind and b"\n\n\xe2\x80\x94 " in data[:MAX_NOTE_BYTES]:
        kind = "a checkpoint"
    raise ValueError(_not_a_proof(kind or "something else"))


def _not_a_proof(kind: str) -> str:
    return f"expected a receipt, a signed document or a bundle; this is {kind}"


def verify_bundle(
    data: bytes,
    trust: TrustAnchors,
    *,
    log_history: LogHistory | None = None,
    require: Collection[str] = (),
    version: int | None = None,
) -> VerificationReport:
    """Verify all documents and receipts of a bundle, each and against each other."""
    known = LogHistory() if log_history is None else log_history

    def check(checks: Checks) -> Conclusion:
        opened, found, named = documents.verify(checks, data, trust)
        logged, histories = receipts.verify(checks, opened, found, named, known)
        right = authority.verify(checks, opened, logged, histories, named)
        handed, measures, compared = order.verify(checks, logged)
        decision = checks(authority.check_succession, logged[0], right.keys, named)
        seen = confirmations.Confirmable(histories.here, histories.joined, known, opened.confirmed)
        told = [one for log in logged for one in log.confirmed]
        persons = checks(approvals.check_persons, told, trust) if trust.names_persons else []
        confirmed = confirmations.check(checks, seen, trust, require)
        if SIGNED in require:
            checks(check_own_signatures, found.acts, right.keys)
        others = [*persons, *confirmed]
        facts = BundleFacts(
            logged[0], histories, right, handed, measures, decision, others, compared, logged[1:]
        )
        return facts.conclude(version)

    before = (*documents.ROWS, *receipts.ROWS, *authority.ROWS, *order.ROWS)
    persons = [approvals.check_persons] if trust.names_persons else []
    rows: Sequence[StepRow[Any, Any]]
    rows = (*before, authority.check_succession, *persons, *required_rows(trust, require))
    return steps.run("bundle", rows, check)


@step("The format of the file is known")
def _refuse(detail: str) -> tuple[NoReturn, str]:
    raise VerificationFailed(Code.UNKNOWN_FORMAT, detail)


def _unknown(detail: str) -> VerificationReport:
    return steps.run("unknown", (_refuse,), lambda checks: checks(_refuse, detail))
