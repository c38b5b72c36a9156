"""Verify what is no bundle: a receipt, one signed document, a membership attestation."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.json_values import format_timestamp
from gateway.evidence import handoff_documents, membership_attestation, receipt, sd_jwt, seal
from gateway.evidence.handoff_documents import (
    ANSWER_TYP,
    CASE_TYP,
    OFFER_TYP,
    RECALL_TYP,
    read_time,
)
from gateway.evidence.membership_attestation import MembershipAttestation
from gateway.evidence.receipt import ReceiptError, VerifiedReceipt
from gateway.evidence.sd_jwt import DocumentError, SdJwt, UnknownKey
from gateway.verification import approvals, confirmations, history, key_history, steps
from gateway.verification.confirmations import Confirmable
from gateway.verification.facts import dated_fact, sealed_facts, signature_fact
from gateway.verification.history import LogHistory
from gateway.verification.key_history import KeyHistory, KeyStatus
from gateway.verification.report import (
    Code,
    Conclusion,
    Fact,
    VerificationFailed,
    VerificationReport,
)
from gateway.verification.sources import Source
from gateway.verification.steps import Checks, StepRow, step
from gateway.verification.trust import (
    AuthoredDocument,
    TrustAnchors,
    confirm_receipt,
    of_known,
    open_document,
    read_unverified_claims,
)

SIGNED = "signed"
"""What a verifier may require."""


@step("Every document is signed by its author")
def check_own_signatures(
    acts: Iterable[AuthoredDocument], keys: KeyHistory | None
) -> tuple[None, str]:
    """With keys that the verifier brought, where that is required; a receipt shows no such act."""
    if keys is None:
        raise VerificationFailed(
            Code.ATTESTED, "this is a record of the gateway, no document that a party signed"
        )
    by: dict[Source, set[str]] = {}
    for one in acts:
        by.setdefault(keys.source(one), set()).add(one.author)
    if attested := by.get(Source.OPERATOR):
        names = " and ".join(sorted(attested))
        raise VerificationFailed(Code.ATTESTED, f"the gateway signed on behalf of {names}")
    if vouched := by.get(Source.VOUCHED):
        names = " and ".join(sorted(vouched))
        raise VerificationFailed(Code.ATTESTED, f"only the gateway named the key of {names}")
    return None, ""


def required_rows(trust: TrustAnchors, require: Collection[str]) -> list[StepRow[Any, Any]]:
    """The last steps of any file: what others confirm, and what the verifier requires."""
    signed = [check_own_signatures] if SIGNED in require else []
    return [*confirmations.rows(trust, require), *signed]


# --- A receipt ---


def _unless(
    title: str, refusal: type[ReceiptError], describe: Callable[[VerifiedReceipt], str]
) -> StepRow[[VerifiedReceipt | ReceiptError], None]:
    """The row that fails by one of the refusals of a receipt, which is checked at once."""

    def check(result: VerifiedReceipt | ReceiptError) -> tuple[None, str]:
        if isinstance(result, refusal):
            raise result
        return None, describe(result) if isinstance(result, VerifiedReceipt) else ""

    return StepRow(title, check)


@step("The log has one history")
def _compare(confirmed: VerifiedReceipt, known: LogHistory) -> tuple[None, str]:
    known.add([history.of_receipt(confirmed)])
    known.add_events([confirmed])
    return None, ""


_CONFIRMED = (
    _unless("The file is a receipt", receipt.MalformedReceipt, lambda c: f"event {c.event['id']}"),
    _unless("The log of the event is trusted", receipt.UnknownLog, lambda c: str(c.event["log"])),
    _unless(
        "Every disclosure belongs to the event",
        receipt.UnmatchedDetail,
        lambda c: "; ".join(f"{kind}: {_text(value)}" for kind, value in c.to_print()),
    ),
    _unless("The log contains the event", receipt.NotInLog, lambda c: f"entry {c.index}"),
)


def verify_receipt(
    data: bytes,
    trust: TrustAnchors,
    *,
    log_history: LogHistory | None = None,
    require: Collection[str] = (),
) -> VerificationReport:
    """Verify a receipt file (JSON, with the members of receipt.to_json)."""
    known = LogHistory() if log_history is None else log_history

    def check(checks: Checks) -> Conclusion:
        result: VerifiedReceipt | ReceiptError
        try:
            result = confirm_receipt(receipt.parse(data), trust)
        except ReceiptError as error:
            result = error
        for row in _CONFIRMED:
            checks(row, result)
        if isinstance(result, ReceiptError):
            raise AssertionError("one of the rows refuses it")
        checks(_compare, result, known)
        told = checks(approvals.check_persons, [result], trust) if trust.names_persons else []
        confirmed = confirmations.check(checks, Confirmable([result], (), known), trust, require)
        if SIGNED in require:
            checks(check_own_signatures, (), None)
        return _conclude_receipt(result, [*told, *confirmed], trust)

    signing = [approvals.check_persons] if trust.names_persons else []
    last: Sequence[StepRow[Any, Any]] = (*signing, *required_rows(trust, require))
    return steps.run("receipt", (*_CONFIRMED, _compare, *last), check)


def recorded_fact(confirmed: VerifiedReceipt) -> Fact:
    """Return what a receipt proves: that the log contains its event, with what is shown of it."""
    fields = confirmed.event
    names = ("type", "result", "handoff", "case_digest", "document_sha256", "id")
    values = {
        "log": fields["log"],
        "at": fields["time"],
        "entry": confirmed.index,
        "size": confirmed.checkpoint.size,
        **{name: fields[name] for name in names if name in fields},
    }
    extra: dict[str, Any] = {}
    for kind, value in confirmed.to_print():
        extra.setdefault(kind, []).append(value)
    return Fact("recorded" if confirmed.allowed else "recorded.attempt", values, extra)


def _conclude_receipt(
    confirmed: VerifiedReceipt, by_others: Iterable[Fact], trust: TrustAnchors
) -> Conclusion:
    fields, withheld = confirmed.event, confirmed.opened.withheld
    simulated = fields.get("simulated_date")
    by = approvals.deciding(confirmed, trust.of_log(fields["log"]).issuer, trust)
    decided = {"persons": sorted(by), "type": confirmed.type, "entry": confirmed.index}
    return Conclusion(
        [
            *([Fact("recorded.decided", decided)] if by else []),
            recorded_fact(confirmed),
            Fact("recorded.word"),
            Fact("times"),
            *by_others,
            *([Fact("withheld.event", {"number": withheld})] if withheld else []),
            *([Fact("simulated", {"dates": [simulated]})] if simulated else []),
        ]
    )


def _text(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {_text(member)}" for name, member in value.items())
        case list():
            return ", ".join(_text(element) for element in value)
        case _:
            return str(value)


# --- One signed document ---

_TYPES = {CASE_TYP: "case version", OFFER_TYP: "offer", ANSWER_TYP: "answer", RECALL_TYP: "recall"}


def text_of(data: bytes) -> str:
    """The text of a signed document; two characters more than may be show that it is too long."""
    return data[: sd_jwt.MAX_TEXT + 2].decode("ascii", errors="replace").removesuffix("\n")


@step("The file is a signed document")
def _read(data: bytes) -> tuple[tuple[SdJwt, str], str]:
    document = sd_jwt.parse(text_of(data))
    typ = str(read_unverified_claims(document).header.get("typ"))
    if typ not in _TYPES:
        raise DocumentError("the type of the document is unknown")
    return (document, typ), f"{_TYPES[typ]}, digest {document.digest}"


@step("The signature is valid")
def _check_signature(document: SdJwt, typ: str, trust: TrustAnchors) -> tuple[None, str]:
    return None, open_document(document.present(()), typ, trust).signature()


@dataclass(frozen=True)
class _Presented:
    """A document and what it shows."""

    typ: str
    signed: AuthoredDocument
    content: Mapping[str, Any]


@step("Every disclosure belongs to the document")
def _show(document: SdJwt, typ: str, trust: TrustAnchors) -> tuple[_Presented, str]:
    signed = open_document(document, typ, trust)
    _act(typ, signed, Source.PARTY)  # its claims can be read
    shown = _Presented(typ, signed, sd_jwt.merge_disclosures(signed.verified))
    names = ", ".join(placed.name for placed in signed.verified.placed)
    sealed = seal.describe(seal.shown(signed.verified)) if typ == CASE_TYP else ""
    return shown, "; ".join(filter(None, [names, sealed]))


def _act(typ: str, signed: AuthoredDocument, source: Source) -> Fact:
    """Return what its author says with the document."""
    claims = signed.verified.claims
    values: dict[str, Any] = {
        "signed_at": format_timestamp(read_time(claims)),
        "by": signed.author,
        "digest": signed.document.digest,
    }
    if typ == CASE_TYP:
        values |= {"case": str(claims.get("case")), "version": claims.get("version", 1)}
        return Fact("case.alone", values, given=source)
    values["handoff"] = str(claims.get("handoff"))
    extra = signed.verified.disclosed
    if typ == OFFER_TYP:
        values["to"] = handoff_documents.read_offer(signed.verified).recipient
        return Fact("offer.alone", values, extra, source)
    if typ == RECALL_TYP:
        recall = handoff_documents.read_recall(signed.verified)
        of = {"case": str(recall.case), "code": str(recall.code), "version": recall.version}
        return Fact("recall.alone", {**values, **of}, extra, source)
    kind = handoff_documents.read_answer(signed.verified).kind
    partial = kind == "acceptance" and "groups" in extra
    values["version"] = None
    return Fact("acceptance.partial" if partial else kind, values, extra, source)


@step("Origin of the key")
def _trace_key(
    signed: AuthoredDocument, trust: TrustAnchors
) -> tuple[tuple[KeyHistory, Sequence[KeyStatus]], str]:
    documents = [signed]
    registered = key_history.registrations(documents, trust.registrations, trust)
    revoked = key_history.revocations(documents, trust.revocations, trust)
    found = key_history.newest_status(
        of_known(key_history.read_status, trust.key_statuses, trust), documents
    )
    key_history.require_consistent(found, revoked)
    # What was signed of a key before the document says nothing of the day of the document.
    signed_at = read_time(signed.verified.claims)
    statuses = [one for one in found if one.at >= signed_at]
    unrevoked = {(one.organisation, one.kid) for one in statuses}
    # When the document came into the log, it does not show.
    keys = KeyHistory(documents, registered, revoked, revoked, unrevoked)
    return (keys, statuses), keys.describe()


@step("Undisclosed elements are counted")
def _count_withheld(signed: AuthoredDocument) -> tuple[None, str]:
    return None, str(signed.verified.withheld)


_DOCUMENT: Sequence[StepRow[Any, Any]] = (
    _read, _check_signature, _show, _trace_key, _count_withheld,
)  # fmt: skip


def verify_presentation(
    data: bytes, trust: TrustAnchors, *, require: Collection[str] = ()
) -> VerificationReport:
    """Verify one signed document (compact SD-JWT): a case version, an offer or an answer."""

    def check(checks: Checks) -> Conclusion:
        document, typ = checks(_read, data)
        checks(_check_signature, document, typ, trust)
        shown = checks(_show, document, typ, trust)
        keys, statuses = checks(_trace_key, shown.signed, trust)
        checks(_count_withheld, shown.signed)
        confirmations.check(checks, Confirmable((), (), LogHistory()), trust, require)
        if SIGNED in require:
            checks(check_own_signatures, [shown.signed], keys)
        return _conclude_document(shown, keys, statuses)

    rows = (*_DOCUMENT, *required_rows(trust, require))
    return steps.run("presentation", rows, check)


def _conclude_document(
    shown: _Presented, keys: KeyHistory, statuses: Iterable[KeyStatus]
) -> Conclusion:
    """Whose document it is, what it says, and what it does not show."""
    signed, source = shown.signed, keys.source(shown.signed)
    facts = [
        _act(shown.typ, signed, source),
        signature_fact(signed, None, source),
        Fact("elements.document", {"shown": len(signed.verified.placed)}, given=source),
        *(sealed_facts(signed, source) if shown.typ == CASE_TYP else []),
        *keys.facts(),
        *(one.fact() for one in statuses),
        dated_fact(signed, None, keys),
        Fact("unlogged"),
        Fact("withheld.document", {"number": signed.verified.withheld}),
        Fact("times"),
    ]
    return Conclusion(facts, shown.content)


# --- A membership attestation ---


@step("The gateway signed the attestation, and its form is valid")
def _open_attestation(text: str, trust: TrustAnchors) -> tuple[MembershipAttestation, str]:
    keys = trust.of_gateway(str(membership_attestation.read_issuer(text))).gateway_keys
    if not keys:
        raise UnknownKey("no key was provided for what the gateway attests")
    attestation = membership_attestation.verify(text, keys)
    return attestation, f"attested by the gateway, key {attestation.kid}"


@step("The attestation names an organisation and an expiry time")
def _describe(attestation: MembershipAttestation) -> tuple[None, str]:
    return None, attestation.describe()


def verify_status(
    data: bytes, trust: TrustAnchors, require: Collection[str] = ()
) -> VerificationReport:
    """Verify a membership attestation of the gateway."""

    def check(checks: Checks) -> Conclusion:
        mark = checks(_open_attestation, text_of(data), trust)
        checks(_describe, mark)
        confirmations.check(checks, Confirmable((), (), LogHistory()), trust, require)
        values = {
            "issuer": mark.issuer,
            "organisation": mark.organisation,
            "status": mark.status,
            "membership": mark.membership,
            "at": format_timestamp(mark.issued),
            "end": format_timestamp(mark.ends),
        }
        facts = [Fact("membership", values), Fact("membership.later")]
        if mark.simulated is not None:
            facts.append(Fact("simulated", {"dates": [mark.simulated.isoformat()]}))
        return Conclusion(facts)

    required = confirmations.rows(trust, require)
    rows: Sequence[StepRow[Any, Any]] = (_open_attestation, _describe, *required)
    return steps.run("status", rows, check)
