"""Renewal over EST on the partners' listener: the connection's certificate is the credential."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from gateway.evidence import base64url
from gateway.web.problems import all_problems
from tests.each import each
from tests.founded_gateway import DESK, HOTLINE
from tests.newcomers import request_by
from tests.web.issuing import names_of, serve
from tests.web.listening import Partner, certificate, der

PATH = "/.well-known/est/simplereenroll"


def renew(partner, key):
    csr = x509.load_pem_x509_csr(request_by(key)).public_bytes(serialization.Encoding.DER)
    return partner.send(
        "POST", PATH, data=base64.encodebytes(csr), content_type="application/pkcs10"
    )


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def test_the_next_certificate_is_for_the_new_key_and_in_the_same_name(line):
    hotline, key = line.partner(), new_key()
    assert renew(hotline, key).status_code == 202
    serve(line)
    answer = renew(hotline, key)
    assert answer.status_code == 200
    (made,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.data))
    assert names_of(made) == (HOTLINE, [f"urn:casegate:example:{HOTLINE}:{DESK}"])
    assert made.public_key() == key.public_key()
    after = Partner(line, HOTLINE, made)
    assert after.get("/whoami").status_code == hotline.get("/whoami").status_code == 200


@each("shown", [None, certificate("ocrvp")])
def test_a_connection_without_a_registered_certificate_renews_nothing(line, shown):
    answer = renew(Partner(line, HOTLINE, shown), new_key())
    assert answer.status_code == 401
    slug = answer.json["type"].rpartition("/")[2]
    assert answer.json["detail"].endswith(all_problems()[slug].remedy)


def test_a_revoked_certificate_renews_nothing(line):
    hotline = line.partner()
    thumbprint = base64url.digest(der(hotline.certificate))
    line.gateway.administer("certificate.revoke", HOTLINE, thumbprint=thumbprint, reason="lost")
    assert renew(hotline, new_key()).status_code == 401


def test_a_suspended_organisation_renews_nothing(line):
    hotline = line.partner()
    line.gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    assert renew(hotline, new_key()).status_code == 403


def test_the_authorities_are_there_for_who_renews(line):
    answer = line.partner().send("GET", "/.well-known/est/cacerts")
    assert len(pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.data))) == 2
