"""A hotline on its way in: approved, with a system, an invitation, and keys of its own."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.domain.organisation import SCOPES, Certificate, Organisation, Status
from gateway.evidence import base64url, declarations
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CertificateRequest
from gateway.pki.authority import read_request
from gateway.registry import enrolment
from gateway.registry.enrolment import FirstDocumentKey, issue_approved_certificates
from tests.founded_gateway import DESK, Founded, enter_staff
from tests.ports import document_key

NEWCOMER = "hotline-new"
TOKEN = base64url.encode(bytes(range(32)))


def newcomer(slug: str = NEWCOMER, status: Status = Status.APPROVED) -> Organisation:
    """An organisation of whose life as a participant only the status is told."""
    return Organisation(
        slug=slug,
        name="A new hotline",
        kind="hotline",
        public_authority=False,
        regimes=frozenset({"gdpr"}),
        country="FR",
        status=status,
    )


def request_by(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate request (PEM) that claims to be somebody else."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Evil")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass
class Newcomer:
    """The newcomer's own host: its keys, and what it asks of a founded gateway."""

    gateway: Founded
    slug: str = NEWCOMER
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def arrive(self, status: Status = Status.APPROVED) -> None:
        """Be in the registry with a system."""
        self.gateway.beside.add(self.slug)
        with self.gateway.ports.begin(TransactionMode.REGISTRY) as work:
            work.organisations.add(newcomer(self.slug, status))
            work.commit()
        enter_staff(self.gateway.ports.begin, self.slug)
        if status is not Status.APPLIED:
            self.gateway.administer(
                "system.register", self.slug, system=DESK, scopes=sorted(SCOPES)
            )

    def invite(self, token: str = TOKEN) -> WriteResult:
        """Get an invitation with this token."""
        return self.gateway.administer(
            "invitation.create",
            self.slug,
            system=DESK,
            token_sha256=base64url.digest(token.encode()),
        )

    def asked(self) -> CertificateRequest:
        """A certificate request, signed anew each time."""
        return read_request(request_by(self.key))

    def first_key(self, name: str = "newcomer") -> FirstDocumentKey:
        """A document key with its proof."""
        key = document_key(name)
        said = self.gateway.word(self.slug, declarations.POSSESSION, key, key)
        return FirstDocumentKey(key.public_jwk(), said)

    def use(
        self, token: str = TOKEN, name: str = "", first: FirstDocumentKey | None = None
    ) -> WriteResult:
        """Use an invitation."""
        named = name or f"{self.slug}.{DESK}"
        return self.gateway.do(enrolment.redeem_invitation, named, token, self.asked(), first)


class Authority:
    """Makes a certificate for whatever it is given, as the one who holds the key does."""

    def issue(
        self, csr: str, organisation: str, system: str, now: datetime
    ) -> tuple[str, Certificate]:
        ends = now + timedelta(days=30)
        made = Certificate(f"thumb-{organisation}-{now}", 1, organisation, system, ends)
        return "PEM", made


def serve(gateway: Founded) -> None:
    """Issue the certificates that were asked for."""
    issue_approved_certificates(gateway.ports, Authority())
