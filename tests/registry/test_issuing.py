"""Issuing: what was approved becomes a certificate once, while its ground stands, on record."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.domain.organisation import Certificate
from gateway.domain.refusals import Forbidden, NotFound, WrongState
from gateway.evidence import base64url, event
from gateway.evidence.receipt import Receipt
from gateway.kernel.actors import GATEWAY
from gateway.kernel.authentication import authenticate
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import CertificateOrder, CertificateRequest, Credentials
from gateway.pki.authority import (
    CertificateAuthority,
    CsrRefused,
    issue_client,
    make_issuing,
    make_root,
)
from gateway.registry import directory as organisations
from gateway.registry import enrolment
from gateway.registry.enrolment import issue_approved_certificates
from tests.founded_gateway import ALICE, DESK, HOTLINE, OFMIN, Founded, caller, fields_of, shown
from tests.ports import ISSUER, SHORT_NAME, START


@dataclass(frozen=True)
class IssuingAuthority:
    """The issuing CA, as its holder has it."""

    authority: CertificateAuthority

    def issue(
        self, csr: str, organisation: str, system: str, now: datetime
    ) -> tuple[str, Certificate]:
        try:
            made = issue_client(
                self.authority,
                csr.encode(),
                gateway=SHORT_NAME,
                organisation=organisation,
                system=system,
                crl_url=f"{ISSUER}/crl/1.crl",
                now=now,
            )
        except CsrRefused as error:
            raise ValueError(str(error)) from error
        der = made.public_bytes(serialization.Encoding.DER)
        thumbprint = base64url.digest(der)
        serial, ends = made.serial_number, made.not_valid_after_utc
        pem = made.public_bytes(serialization.Encoding.PEM).decode()
        return pem, Certificate(thumbprint, serial, organisation, system, ends)


@pytest.fixture(scope="module")
def authority() -> IssuingAuthority:
    root = make_root(SHORT_NAME, START)
    return IssuingAuthority(make_issuing(SHORT_NAME, root, START))


def csr() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever")])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    made = request.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def ordered(gateway: Founded, organisation: str = HOTLINE, pem: str = "") -> WriteResult:
    """A certificate that a system asked for by an invitation, and that is to be made."""
    token = f"{gateway.key():A<43}"
    digest = base64url.digest(token.encode())
    gateway.administer("invitation.create", organisation, system=DESK, token_sha256=digest)
    asked = CertificateRequest(pem or csr(), digest)
    return gateway.do(enrolment.redeem_invitation, organisation, token, asked)


def stored(gateway: Founded, written: WriteResult) -> CertificateOrder:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.signing.get(UUID(written.result["request"]))


def certificates(gateway: Founded) -> Any:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.organisations.certificates(HOTLINE, DESK)


def last_event(gateway: Founded, reader: str) -> Receipt:
    """The newest event of a stream, with what its reader is shown."""
    made = gateway.stream(reader)[-1].event
    return Receipt(made.document, made.nonce, made.shown_to(reader), "")


def test_a_certificate_is_asked_for_then_made_by_who_holds_the_key_then_known(gateway, authority):
    text = csr()
    written = ordered(gateway, pem=text)
    assert text not in shown(written.receipt)["subject"]
    assert fields_of(written.receipt)["type"] == "invitation.redeemed"
    (served,) = issue_approved_certificates(gateway.ports, authority)
    assert str(served.id) == written.result["request"]
    assert stored(gateway, written) == served
    made = x509.load_pem_x509_certificate(served.certificate.encode())
    thumbprint = base64url.digest(made.public_bytes(serialization.Encoding.DER))
    told = last_event(gateway, HOTLINE)
    assert fields_of(told)["type"] == "certificate.issued"
    assert json.loads(shown(told)["subject"])["thumbprint"] == thumbprint
    assert "by" not in shown(told)
    assert shown(last_event(gateway, GATEWAY))["by"] == ALICE
    uri = f"urn:casegate:{SHORT_NAME}:{HOTLINE}:{DESK}"
    found = authenticate(gateway.ports, f"{HOTLINE}.{DESK}", Credentials(thumbprint, (uri,)))
    assert found.organisation == HOTLINE
    me = to_json(organisations.whoami(gateway.ports, caller(HOTLINE)))
    assert [one["thumbprint"] for one in me["certificates"]] == [thumbprint]


def test_a_request_is_served_once(gateway, authority):
    ordered(gateway)
    assert len(issue_approved_certificates(gateway.ports, authority)) == 1
    size = gateway.size()
    assert issue_approved_certificates(gateway.ports, authority) == []
    assert gateway.size() == size


def test_a_request_that_another_holder_serves_meanwhile_is_left_to_it(gateway, authority):
    for _ in range(2):
        ordered(gateway)
    issue, raced = authority.issue, []

    class Racing:
        def issue(self, *asked: Any) -> tuple[str, Certificate]:
            if not raced:
                raced.append(True)
                raced.extend(issue_approved_certificates(gateway.ports, authority))
            return issue(*asked)

    assert issue_approved_certificates(gateway.ports, Racing()) == []
    assert len(raced) == 3
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert len(work.organisations.certificates(HOTLINE, DESK)) == 2
        assert work.signing.pending(10) == []


def test_a_bad_request_is_refused_on_record_and_keeps_none_waiting(gateway, authority):
    bad = ordered(gateway, pem="not a CSR")
    good = ordered(gateway, OFMIN)
    gateway.day = date(2023, 8, 30)
    issue_approved_certificates(gateway.ports, authority)
    assert stored(gateway, bad).certificate is None
    assert stored(gateway, bad).refusal
    assert stored(gateway, good).certificate
    told = last_event(gateway, HOTLINE)
    assert (fields_of(told)["type"], fields_of(told)["result"]) == ("certificate.issued", "denied")
    assert fields_of(told)["simulated_date"] == "2023-08-30"
    assert event.read(told.document)["operation"] == "key_event"


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("system.disable", {"system": DESK, "reason": "lost"}),
        ("organisation.leave", {"reason": "it ends its work"}),
    ],
)
def test_a_certificate_whose_ground_is_gone_is_not_made(gateway, authority, action, values):
    written = ordered(gateway)
    gateway.administer(action, HOTLINE, **values)
    (served,) = issue_approved_certificates(gateway.ports, authority)
    assert served.certificate is None
    assert stored(gateway, written) == served
    assert certificates(gateway) == []
    told = last_event(gateway, GATEWAY)
    assert (fields_of(told)["type"], fields_of(told)["result"]) == ("certificate.issued", "denied")
    assert issue_approved_certificates(gateway.ports, authority) == []


def test_a_certificate_whose_ground_goes_while_it_is_made_is_not_kept(gateway, authority):
    written = ordered(gateway)

    class Slow:
        def issue(self, *asked: Any) -> tuple[str, Certificate]:
            made = authority.issue(*asked)
            gateway.administer("system.disable", HOTLINE, system=DESK, reason="lost")
            return made

    assert issue_approved_certificates(gateway.ports, Slow()) == []
    assert stored(gateway, written).certificate is None
    (served,) = issue_approved_certificates(gateway.ports, authority)
    assert "disabled" in served.refusal
    assert certificates(gateway) == []


def test_one_that_is_suspended_is_equipped_all_the_same(gateway, authority):
    ordered(gateway)
    gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    (served,) = issue_approved_certificates(gateway.ports, authority)
    assert served.certificate


def test_a_certificate_is_revoked_once_and_by_its_own_organisation(gateway, authority):
    ordered(gateway)
    issue_approved_certificates(gateway.ports, authority)
    me = to_json(organisations.whoami(gateway.ports, caller(HOTLINE)))
    thumbprint = me["certificates"][0]["thumbprint"]
    lost = {"thumbprint": thumbprint, "reason": "lost"}
    for organisation, kind in ((OFMIN, NotFound), ("hotline-x", Forbidden)):
        gateway.unmade(kind, Change("certificate.revoke", organisation, lost), ALICE)
    gateway.administer("certificate.revoke", HOTLINE, **lost)
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert [c.thumbprint for c in work.organisations.revoked(gateway.clock())] == [thumbprint]
    gateway.unmade(WrongState, Change("certificate.revoke", HOTLINE, lost), ALICE)
