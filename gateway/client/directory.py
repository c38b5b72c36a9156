"""The organisations that take part, and what this one says of itself: successions and staff."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode
from uuid import UUID

from gateway.client import documents, evidence_checks
from gateway.client.cases import ClientBase
from gateway.client.errors import InvalidArgument
from gateway.client.session import ConfirmedWrite, list_of, spelled
from gateway.domain.organisation import NAME, NO_NAME, NO_SLUG, SLUG
from gateway.evidence import receipt as receipts
from gateway.evidence.base64url import DIGEST
from gateway.evidence.membership_attestation import MembershipAttestation
from gateway.evidence.receipt import Receipt
from gateway.evidence.signature import jwk_of
from gateway.verification import key_history
from gateway.verification.mandates import RegisteredMandate
from gateway.verification.trust import TrustAnchors

if TYPE_CHECKING:
    from gateway.client.views import ListedOrganisation, StaffMember, SuccessionView


@dataclass(frozen=True)
class KeyRecord:
    """The receipts of the events that registered a document key, and that revoked it, if any.

    ``locks`` are those by which its owner required its own signature, or ended that. ``status`` is
    the gateway's statement that the key was not revoked (`gateway.verification.key_history`).
    """

    registration: Receipt
    revocations: tuple[Receipt, ...] = ()
    locks: tuple[Receipt, ...] = ()
    status: str | None = None


@dataclass(frozen=True)
class MemberKeys:
    """The document keys that a member registered, with the receipts that show it.

    ``origins``, ``revoked`` and ``statuses`` are what the receipts of ``records`` say, and the
    gateway's statements that keys were not revoked.
    """

    organisation: str
    records: Sequence[KeyRecord]
    origins: Sequence[key_history.KeyRegistration]
    revoked: Sequence[key_history.KeyRevocation]
    statuses: Sequence[key_history.KeyStatus]

    def to_json(self) -> dict[str, Any]:
        """A JWK set with the receipts as further members (RFC 7517 section 5)."""
        locks = dict.fromkeys(lock for one in self.records for lock in one.locks)
        ends = [end for one in self.records for end in one.revocations]
        return {
            "keys": [{**jwk_of(one.key), "kid": one.kid} for one in self.origins],
            "registrations": [receipts.to_json(one.registration) for one in self.records],
            "revocations": [receipts.to_json(one) for one in ends],
            "locks": [receipts.to_json(one) for one in locks],
            "key_statuses": [one.status for one in self.records if one.status is not None],
        }


@dataclass(frozen=True)
class MandateRecord:
    """The receipt that registered a mandate, what it says, and receipts of what ended one."""

    registration: Receipt
    mandate: RegisteredMandate
    ends: tuple[Receipt, ...]


class Directory(ClientBase):
    """The directory of the gateway."""

    def organisations(
        self, kind: str | None = None, competence: str | None = None
    ) -> "Iterator[ListedOrganisation]":
        """The directory, page by page as it is iterated; of one kind, or holding a competence.

        ``competence`` is a key such as receive/csam/FR.
        """
        wanted = {"kind": kind, "competence": competence}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        path = f"/organisations?{query}" if query else "/organisations"
        return cast("Iterator[ListedOrganisation]", self._exchange.items("directory.read", path))

    def organisation(self, slug: str) -> "ListedOrganisation":
        """One organisation of the directory; InvalidArgument for what is no name of one."""
        if not NAME.fullmatch(slug):
            raise InvalidArgument(f"{slug!r} {NO_NAME}")
        found = self._exchange.read("directory.read", f"/organisations/{slug}")
        return cast("ListedOrganisation", found)

    def peers(self) -> Sequence[TrustAnchors]:
        """The peer gateways, each with the keys that two persons compared, by its ``alias``; proved
        by the log, or EvidenceMismatch."""
        self.connection.learn_peers()
        return self.connection.trust.others

    def status(self, slug: str) -> tuple[str, MembershipAttestation]:
        """The gateway's signed statement that an organisation takes part, and what it says.

        Verified, and good now; EvidenceMismatch when it is not.
        """
        if not SLUG.fullmatch(slug):
            raise InvalidArgument(f"{slug!r} {NO_SLUG}")
        found = self._exchange.read("directory.read", f"/organisations/{slug}/attestation")
        text = str(found.get("attestation"))
        return text, documents.check_status(text, slug, self._now(), self.connection)

    def registration(self, organisation: str, kid: str) -> Receipt:
        """The receipt of the event that registered a member's document key; see `key_record`."""
        return self.key_record(organisation, kid).registration

    def key_record(self, organisation: str, kid: str) -> KeyRecord:
        """The events that registered a member's document key, and that revoked it.

        Verified to the end (`gateway.verification.key_history`); EvidenceMismatch when they do not
        hold.
        """
        if not NAME.fullmatch(organisation) or not DIGEST.fullmatch(kid):
            raise InvalidArgument("not an organisation's name, or not the id of a document key")
        before = self._exchange.newest()
        path = f"/organisations/{organisation}/keys/{kid}"
        answer = self._exchange.read("directory.read", path)
        found = evidence_checks.read_receipt(answer.get("receipt"))
        ends = tuple(evidence_checks.read_receipt(one) for one in answer.get("revocations", ()))
        locks = tuple(evidence_checks.read_receipt(one) for one in answer.get("locks", ()))
        connection = self.connection
        required = evidence_checks.confirm_requirements(locks, organisation, connection)
        shown = [
            evidence_checks.confirm_key(
                found, organisation, kid, connection, key_history.verify_registration
            ),
            *(
                evidence_checks.confirm_key(
                    one, organisation, kid, connection, key_history.verify_revocation
                )
                for one in ends
            ),
            *(one.confirmed for one in required),
        ]
        for one in shown:
            if one.checkpoint.origin == self.connection.log_key.name:
                self._exchange.observe(one, before)
        status = answer.get("status")
        if status is not None:
            evidence_checks.confirm_key_status(str(status), organisation, kid, connection)
        return KeyRecord(found, ends, locks, status)

    def member_keys(self, organisation: str) -> MemberKeys:
        """All document keys of a member, each with its origin; the word of each checked with those
        before it. EvidenceMismatch when they do not hold."""
        held = self.organisation(organisation)["document_keys"]
        records = [self.key_record(organisation, str(one["kid"])) for one in held]
        trust = self.connection.trust
        found = [key_history.verify_registration(one.registration, trust) for one in records]
        known = trust.with_keys(organisation, {one.kid: one.key for one in found})
        return MemberKeys(
            organisation,
            records,
            [key_history.verify_registration(one.registration, known) for one in records],
            [
                key_history.verify_revocation(end, trust)
                for one in records
                for end in one.revocations
            ],
            [
                key_history.read_status(one.status, trust)
                for one in records
                if one.status is not None
            ],
        )

    def mandate(self, organisation: str, event: UUID | str) -> MandateRecord:
        """The event that registered a member's mandate, what it registered, and what ended it.

        Verified; EvidenceMismatch when it is of another event or organisation.
        """
        if not NAME.fullmatch(organisation):
            raise InvalidArgument(f"{organisation!r} {NO_NAME}")
        before = self._exchange.newest()
        path = f"/organisations/{organisation}/mandates/{spelled(event)}"
        answer = self._exchange.read("directory.read", path)
        found = evidence_checks.read_receipt(answer.get("receipt"))
        ends = tuple(evidence_checks.read_receipt(one) for one in answer.get("ends", ()))
        mandate = evidence_checks.confirm_mandate(
            found, ends, organisation, spelled(event), self.connection
        )
        if mandate.confirmed.checkpoint.origin == self.connection.log_key.name:
            self._exchange.observe(mandate.confirmed, before)
        return MandateRecord(found, mandate, ends)


# --- The successions in which this organisation gives or takes a mandate ---


class SuccessionClient(ClientBase):
    """The successions that this organisation takes part in."""

    def successions(self) -> "list[SuccessionView]":
        """The successions in which this organisation gives or takes a mandate, oldest first."""
        found = self._exchange.read("succession.read", "/successions")
        items = [one for one in list_of(found, "items") if isinstance(one, dict)]
        return cast("list[SuccessionView]", items)

    def succession(self, succession: UUID | str) -> "SuccessionView":
        """One of them: which mandate, from whom to whom, when, and whose approval it waits for."""
        found = self._exchange.read("succession.read", f"/successions/{spelled(succession)}")
        return cast("SuccessionView", found)


# --- The member's own staff register: who may be named in its requests, by pseudonym ---


class StaffClient(ClientBase):
    """The persons of this member."""

    def staff(self) -> "Iterator[StaffMember]":
        """The entries by pseudonym, those that ended too, page by page as they are iterated."""
        return cast("Iterator[StaffMember]", self._exchange.items("staff.read", "/staff"))

    def add_staff(
        self,
        entries: Sequence[Mapping[str, Any]],
        by: str,
        *,
        approved_by: Sequence[str] = (),
        temporary: bool = False,
    ) -> ConfirmedWrite:
        """Enter persons, all or none: of each its ``roles``, and ``from`` and ``until`` (days).

        The result has the pseudonyms in the same order. ``approved_by`` names two others in force
        where one of the entries is as approver or head; a ``temporary`` entry ends after 24 hours.
        """
        return self._write(
            "staff.add",
            "/staff",
            by=by,
            entries=[dict(one) for one in entries],
            approved_by=list(approved_by) or None,
            temporary=temporary or None,
        )

    def invite_staff(
        self, pseudonym: str, token_sha256: str, by: str, *, approved_by: Sequence[str] = ()
    ) -> ConfirmedWrite:
        """Invite a person to make a passkey, by a token that you draw, and give to them alone.

        It is good once, for 72 hours. ``approved_by`` names two where it is an approver or head.
        """
        return self._write(
            "staff.invite",
            f"/staff/{pseudonym}/invitation",
            by=by,
            token_sha256=token_sha256,
            approved_by=list(approved_by) or None,
        )

    def register_passkey(
        self, pseudonym: str, token: str, jwk: Mapping[str, Any], proof: str
    ) -> ConfirmedWrite:
        """Register the passkey of a person who was invited; ``proof`` is what it signed of
        itself."""
        address = f"/staff/{pseudonym}/passkeys"
        return self._write(
            "staff.register_passkey",
            address,
            by=pseudonym,
            token=token,
            jwk=dict(jwk),
            proof=proof,
        )

    def revoke_passkey(
        self, pseudonym: str, kid: str, by: str, *, approved_by: Sequence[str] = ()
    ) -> ConfirmedWrite:
        """Revoke a passkey of a person: they may, and who keeps the register; ``approved_by`` names
        who agrees where fewer than two other approvers or heads would have one."""
        address = f"/staff/{pseudonym}/passkeys/{kid}/revocation"
        agreed = list(approved_by) or None
        return self._write("staff.revoke_passkey", address, by=by, approved_by=agreed)
