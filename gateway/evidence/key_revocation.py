"""When a member's document key was revoked: the event that did so, proved by its log.

The event's ``key`` detail names organisation and key and nothing else, so everybody who takes part
may be shown it. A file without one shows no revocation; that there was none it cannot show.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.audit_event import EventResult
from gateway.evidence.receipt import Receipt, UnknownLog, VerifiedReceipt
from gateway.evidence.report import Code, VerificationFailed
from gateway.evidence.trust import AuthoredDocument, TrustAnchors, confirm_receipt

REVOKED = "key.revoked"
KEY = "key"
"""The kind of the detail: a list of the organisation's id and the key's."""


@dataclass(frozen=True)
class KeyRevocation:
    """A key that counts no more from an entry of the log on."""

    organisation: str
    kid: str
    confirmed: VerifiedReceipt

    def of(self, signed: AuthoredDocument) -> bool:
        """Whether a document was signed by the key."""
        mine = (self.organisation, self.kid) == (signed.author, signed.kid)
        return mine and not signed.attested

    def told(self) -> str:
        """One clause: day, event and place."""
        event = self.confirmed.event
        return (
            f"key {self.kid} of {self.organisation}: revoked on {event['ts'][:10]} by event "
            f"{event['id']}, entry {self.confirmed.index} of the log {event['log']}"
        )


def trace(receipt: Receipt, trust: TrustAnchors) -> KeyRevocation:
    """Check the revocation that a receipt proves.

    Raises what `trust.confirm` raises; Failed for an event that revokes no key, or names none.
    """
    confirmed = confirm_receipt(receipt, trust)
    event = confirmed.event
    if event["typ"] != REVOKED or event["result"] != EventResult.ALLOWED:
        raise VerificationFailed(
            Code.MISMATCH, f"{event['typ']} ({event['result']}) revokes no key"
        )
    named = [value for kind, value in confirmed.opened.shown if kind == KEY]
    match named:
        case [[str(organisation), str(kid)]]:
            return KeyRevocation(organisation, kid, confirmed)
        case _:
            raise VerificationFailed(Code.MISMATCH, "which key was revoked is not shown")


def revocations(
    documents: Sequence[AuthoredDocument], receipts: Iterable[Receipt], trust: TrustAnchors
) -> list[KeyRevocation]:
    """The revocations of the keys that signed ``documents``, the first of each key in each log.

    Those of other keys are left out, and those of logs whose keys were not given.
    """
    used = _used(documents)
    found: dict[tuple[str, str, str], KeyRevocation] = {}
    for receipt in receipts:
        try:
            one = trace(receipt, trust)
        except UnknownLog:
            continue  # without the log's key it proves nothing, and is told as if it were not there
        if (one.organisation, one.kid) not in used:
            continue
        name = one.organisation, one.kid, one.confirmed.checkpoint.origin
        first = found.setdefault(name, one)
        if one.confirmed.index < first.confirmed.index:
            found[name] = one
    return [found[name] for name in sorted(found)]


def told(documents: Sequence[AuthoredDocument], known: Sequence[KeyRevocation]) -> str:
    """Of each key that signed one of the documents, whether it was revoked; clauses, or nothing."""
    shown = {(one.organisation, one.kid) for one in known}
    others = sorted(_used(documents) - shown)
    return "; ".join(
        [
            *(one.told() for one in known),
            *(f"key {kid} of {slug}: whether it was revoked is not shown" for slug, kid in others),
        ]
    )


def missing_revocation_note(
    documents: Sequence[AuthoredDocument], known: Sequence[KeyRevocation]
) -> str:
    """The sentence that must stand where nothing shows whether a key had been revoked."""
    shown = {(one.organisation, one.kid) for one in known}
    names = " and ".join(sorted({slug for slug, _ in _used(documents) - shown}))
    return f" Whether the key of {names} was revoked before, nothing here shows." if names else ""


def undated_revocation_note(
    known: Sequence[KeyRevocation], unplaced: Collection[KeyRevocation]
) -> str:
    """The sentences about keys that were revoked at some time.

    ``unplaced`` are those before which some document of the key is not shown to be in the log.
    """
    return "".join(
        f" The key of {one.organisation} was revoked by entry {one.confirmed.index}"
        + (
            ": that what it signed was logged before, nothing here shows."
            if one in unplaced
            else ", after what it signed here was logged."
        )
        for one in known
    )


def _used(documents: Sequence[AuthoredDocument]) -> set[tuple[str, str]]:
    """The members' own keys that signed, by organisation and key id."""
    return {(one.author, one.kid) for one in documents if not one.attested}
