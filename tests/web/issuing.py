"""The one who holds the issuing key, beside listeners under test: requests become certificates."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.domain.organisation import Certificate
from gateway.evidence import base64url
from gateway.pki.authority import issue_client
from gateway.registry.enrolment import issue_approved_certificates
from tests.ports import ISSUER, SHORT_NAME
from tests.web.listening import Listening, der, issuing


class Authority:
    """Issues as the product does, with the authority of the tests."""

    def issue(
        self, csr: str, organisation: str, system: str, now: datetime
    ) -> tuple[str, Certificate]:
        """A certificate, with the authority's own after it."""
        made = issue_client(
            issuing(),
            csr.encode(),
            gateway=SHORT_NAME,
            organisation=organisation,
            system=system,
            crl_url=f"{ISSUER}/crl/{issuing().id}.crl",
            now=now,
        )
        pem = made.public_bytes(serialization.Encoding.PEM) + issuing().certificate_pem()
        thumbprint = base64url.digest(der(made))
        return pem.decode(), Certificate(
            thumbprint, made.serial_number, organisation, system, made.not_valid_after_utc
        )


def serve(line: Listening) -> None:
    """Make the certificates that wait."""
    issue_approved_certificates(line.gateway.ports, Authority())


def names_of(one: x509.Certificate) -> tuple[str, list[str]]:
    """The organisation and the URIs of a certificate."""
    (organisation,) = one.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(organisation.value), names.get_values_for_type(x509.UniformResourceIdentifier)
