"""A hotline on its way in: approved, with a system, an invitation, and keys of its own."""

from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.actions.authorization import Written
from gateway.actions.ports import Mode
from gateway.actions.records import CertificateRequest
from gateway.domain.organisation import SCOPES, Organisation, Status
from gateway.evidence import base64url, registration
from gateway.pki.end_entity import read_request
from gateway.registry import enrolment
from gateway.registry.enrolment import FirstKey
from tests.founding import DESK, Founded, document_key

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
        with self.gateway.ports.begin(Mode.REGISTRY) as work:
            work.organisations.add(newcomer(self.slug, status))
            work.commit()
        if status is not Status.APPLIED:
            self.gateway.administer(
                "system.register", self.slug, system=DESK, scopes=sorted(SCOPES)
            )

    def invite(self, token: str = TOKEN) -> Written:
        """Get an invitation with this token."""
        return self.gateway.administer(
            "invitation.make",
            self.slug,
            system=DESK,
            token_sha256=base64url.digest(token.encode()),
        )

    def asked(self) -> CertificateRequest:
        """A certificate request, signed anew each time."""
        return read_request(request_by(self.key))

    def first_key(self, name: str = "newcomer") -> FirstKey:
        """A document key with its proof."""
        key = document_key(name)
        said = self.gateway.word(self.slug, registration.POSSESSION, key, key)
        return FirstKey(key.public_jwk(), said)

    def use(self, token: str = TOKEN, name: str = "", first: FirstKey | None = None) -> Written:
        """Use an invitation."""
        named = name or f"{self.slug}.{DESK}"
        return self.gateway.do(enrolment.use, named, token, self.asked(), first)
