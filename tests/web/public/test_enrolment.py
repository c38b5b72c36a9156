"""First certificates on the public listener: by EST, and as JSON with the document key."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from gateway.kernel.ports import TransactionMode
from gateway.web.problems import all_problems
from tests.each import each
from tests.founded_gateway import DESK
from tests.newcomers import NEWCOMER, TOKEN, Newcomer, request_by
from tests.ports import document_key
from tests.web.issuing import names_of, serve
from tests.web.listening import issuing, root

SIMPLE = "/.well-known/est/simpleenroll"


@pytest.fixture
def host(line):
    made = Newcomer(line.gateway)
    made.arrive()
    made.invite()
    return made


def basic(name=NEWCOMER, token=TOKEN):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()}


def pkcs10(host):
    der = x509.load_pem_x509_csr(request_by(host.key)).public_bytes(serialization.Encoding.DER)
    return base64.encodebytes(der)


def simple(line, host, **changes):
    sent = {"headers": basic(), "data": pkcs10(host), "content_type": "application/pkcs10"}
    return line.anybody().post(SIMPLE, **sent | changes)


def whole(line, host, headers=None, **changes):
    first = host.first_key()
    body = {"csr": request_by(host.key).decode(), "jwk": first.jwk, "proof": first.proof} | changes
    body = {name: value for name, value in body.items() if value is not None}
    return line.anybody().post("/enrolments", headers=headers or basic(), json=body)


def slug_of(answer):
    return answer.json["type"].rpartition("/")[2]


def bundle_of(answer):
    assert answer.content_type == "application/pkcs7-mime; smime-type=certs-only"
    assert answer.headers["Content-Transfer-Encoding"] == "base64"
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.data))


def test_the_authorities_are_given_to_anybody(line):
    prints = {c.fingerprint(hashes.SHA256()) for c in bundle_of(
        line.anybody().get("/.well-known/est/cacerts")
    )}  # fmt: skip
    assert prints == {a.certificate.fingerprint(hashes.SHA256()) for a in (root(), issuing())}


def test_an_invitation_becomes_a_certificate_with_the_registry_s_name(line, host):
    first = simple(line, host)
    assert (first.status_code, first.headers["Retry-After"], first.data) == (202, "5", b"")
    serve(line)
    (made,) = bundle_of(simple(line, host))
    assert names_of(made) == (NEWCOMER, [f"urn:casegate:example:{NEWCOMER}:{DESK}"])
    assert made.public_key() == host.key.public_key()


def test_a_used_token_is_refused_with_a_receipt_that_says_so(line, host):
    simple(line, host)
    answer = simple(line, Newcomer(line.gateway))
    assert (answer.status_code, slug_of(answer)) == (403, "invitation-unusable")
    assert "used before" in answer.json["detail"]
    assert answer.json["receipt"]["document"]


@each(
    "headers",
    [
        {},
        basic(token="A" * 43),
        basic(name="nobody-here"),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"name alone").decode()},
        {"Authorization": f"Bearer {TOKEN}"},
    ],
)
def test_without_name_and_token_the_answer_is_a_challenge(line, host, headers):
    if headers == basic(name="nobody-here"):
        expected = (403, "invitation-unusable")  # who has the token is told what is wrong
    else:
        expected = (401, "invalid-invitation")
    answer = simple(line, host, headers=headers)
    assert (answer.status_code, slug_of(answer)) == expected
    if expected[0] == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert answer.json["detail"].endswith(all_problems()[slug_of(answer)].remedy)


def test_the_token_is_never_in_the_security_log(line, host):
    simple(line, host, headers=basic(name=NEWCOMER, token="B" * 43))
    simple(line, host, headers=basic(token=TOKEN[:-1]))
    assert line.lines()
    assert "B" * 43 not in line.stream.getvalue()
    assert TOKEN[:-1] not in line.stream.getvalue()


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"content_type": "application/json"}, 415),
        ({"data": b"no request"}, 422),
        ({"data": b""}, 422),
        ({"data": b"A" * (300 * 1024)}, 413),
    ],
)
def test_what_is_no_request_is_refused_before_the_token_is_used(line, host, changes, status):
    assert simple(line, host, **changes).status_code == status
    with line.gateway.ports.begin(TransactionMode.READ) as work:
        assert work.signing.pending(9) == []
    assert simple(line, host).status_code == 202


def test_a_whole_enrolment_registers_the_document_key_and_answers_with_a_receipt(line, host):
    assert whole(line, host).status_code == 202
    serve(line)
    answer = whole(line, host)
    assert answer.status_code == 200
    leaf, above = x509.load_pem_x509_certificates(answer.json["result"]["certificate"].encode())
    assert leaf.public_key() == host.key.public_key()
    assert above == issuing().certificate
    assert answer.json["receipt"]["proof"]
    keys = line.gateway.organisation(NEWCOMER).document_keys
    assert [key.kid for key in keys] == [document_key("newcomer").kid]


@each(
    "changes",
    [
        {"csr": None},
        {"csr": "no request"},
        {"proof": None},
        {"jwk": None},
        {"jwk": {}},
        {"jwk": "text"},
        {"proof": "no proof"},
        {"more": 1},
    ],
)
def test_a_body_that_is_not_whole_changes_nothing(line, host, changes):
    before = line.gateway.size()
    answer = whole(line, host, **changes)
    assert (answer.status_code, slug_of(answer)) == (422, "validation-failed")
    assert line.gateway.size() == before


@pytest.mark.parametrize("more", [{"\u00e9": "x"}, {"x": [[[[[[[[[[1]]]]]]]]]]}])
def test_members_that_have_no_single_spelling_are_no_failure(line, host, more):
    answer = whole(line, host, jwk={**host.first_key().jwk, **more})
    assert answer.status_code in (200, 202, 400, 422), answer.text


def test_many_wrong_tokens_take_nothing_from_the_right_one(line, host):
    answers = [simple(line, host, headers=basic(token="A" * 43)) for _ in range(11)]
    assert [a.status_code for a in answers] == [401] * 11
    assert simple(line, host).status_code == 202


def test_many_refusals_of_a_right_token_are_told_to_stop(line, host):
    astray = basic(name="nobody-here")
    answers = [simple(line, host, headers=astray) for _ in range(11)]
    assert [a.status_code for a in answers] == [403] * 10 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
