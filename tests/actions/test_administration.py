"""Administration: two named persons, their signed words, each once; certificates on the way."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.actions import administration, organisations, receipts
from gateway.actions.administration import Change
from gateway.actions.authentication import authenticate
from gateway.actions.authorization import GATEWAY
from gateway.actions.ports import Credentials, Mode, SigningRequest
from gateway.domain.organisation import Certificate
from gateway.domain.refusals import (
    AlreadyExists,
    ApprovalRefused,
    Forbidden,
    Invalid,
    NotFound,
    WrongState,
)
from gateway.evidence import approval, base64url, event
from gateway.evidence.receipt import Receipt
from gateway.pki.authority import CertificateAuthority, make_issuing, make_root
from gateway.pki.leaf import CsrRefused, issue_client
from tests.founding import (
    ALICE,
    BENOIT,
    DESK,
    HOTLINE,
    ISSUER,
    OFMIN,
    SHORT_NAME,
    START,
    Founded,
    administrator,
    caller,
    check_log,
    fields_of,
    founded,
    key_of,
    refused_without_event,
    shown,
)

ADMISSION = Change(
    "organisation.admit",
    "hotline-new",
    {
        "name": "A new hotline",
        "kind": "hotline",
        "public_authority": False,
        "regimes": ["gdpr"],
        "country": "FR",
    },
)
SUSPENSION = Change("organisation.suspend", HOTLINE, {"reason": "under review"})


def signed(gateway: Founded, meant: Change, person: str, **changes: Any) -> str:
    """An approval as somebody might have made it; ``changes`` to what is signed."""
    said: dict[str, Any] = {
        "person": person,
        "audience": ISSUER,
        "action": meant.action,
        "organisation": meant.organisation,
        "change": meant.values,
        "at": gateway.clock(),
        "jti": gateway.new_id(),
        "signer": key_of(person),
        "random": gateway.ports.random,
    }
    return approval.issue(**said | changes).compact()


# --- who approves --------------------------------------------------------------------------------


def test_a_change_names_both_persons_to_the_gateway_and_itself_to_whom_it_concerns(gateway):
    written = gateway.do(
        administration.administer, SUSPENSION, gateway.approve(SUSPENSION, BENOIT, ALICE)
    )
    told = shown(written.receipt)
    assert told["by"] == [BENOIT, ALICE]
    assert [p["organisation"] for p in told["party"]] == [GATEWAY]
    gateway.administer("organisation.reinstate", HOTLINE, reason="cleared up")
    own = receipts.look_up(gateway.ports, caller(HOTLINE), UUID(written.result["event"]))
    assert "by" not in shown(own)
    assert "under review" in shown(own)["subject"]
    assert [(p["organisation"], p["role"]) for p in shown(own)["party"]] == [(HOTLINE, "concerned")]


def test_a_change_that_takes_two_persons_is_refused_to_one_on_record(gateway):
    refused = gateway.refusal(
        administration.administer, ADMISSION, gateway.approve(ADMISSION, ALICE)
    )
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R10.two_persons",)
    assert gateway.organisation("hotline-new") is None
    fields, told = fields_of(refused.receipt), shown(refused.receipt)
    assert (fields["typ"], fields["result"]) == ("organisation.admitted", "denied")
    assert told["by"] == [ALICE]
    assert told["rules"] == ["R10.two_persons"]


def test_a_denied_change_is_not_shown_to_the_organisation_it_is_about(gateway):
    with gateway.ports.begin(Mode.READ) as work:
        before = work.log.counter(HOTLINE)
    change = Change("standing.end", HOTLINE, {"until": "2026-04-01"})
    gateway.refusal(administration.administer, change, gateway.approve(change, ALICE))
    with gateway.ports.begin(Mode.READ) as work:
        assert work.log.counter(HOTLINE) == before


def test_one_person_suffices_to_stop_an_organisation(gateway):
    gateway.do(administration.administer, SUSPENSION, gateway.approve(SUSPENSION, ALICE))
    assert gateway.organisation(HOTLINE).status == "suspended"


def test_two_approvals_of_one_person_count_once(gateway):
    twice = gateway.approve(ADMISSION, ALICE, ALICE)
    refused_without_event(gateway, ApprovalRefused, administration.administer, ADMISSION, twice)


def test_no_approval_is_no_change(gateway):
    refused_without_event(gateway, ApprovalRefused, administration.administer, SUSPENSION, [])


Forge = Callable[[Founded], str]
FORGED: dict[str, Forge] = {
    "signed with another person's key": lambda g: signed(
        g, ADMISSION, BENOIT, signer=key_of(ALICE)
    ),
    "signed with a key of nobody": lambda g: signed(
        g, ADMISSION, BENOIT, signer=replace(key_of("stranger"), kid=key_of(BENOIT).kid)
    ),
    "signed with the gateway's key": lambda g: signed(
        g, ADMISSION, BENOIT, signer=replace(key_of("attest"), kid=key_of(BENOIT).kid)
    ),
    "by nobody who is known": lambda g: signed(g, ADMISSION, "c-nobody", signer=key_of(BENOIT)),
    "by nobody at all": lambda g: signed(g, ADMISSION, "", signer=key_of(BENOIT)),
    "for another gateway": lambda g: signed(g, ADMISSION, BENOIT, audience="https://b.example"),
    "for another action": lambda g: signed(g, ADMISSION, BENOIT, action="organisation.suspend"),
    "for another organisation": lambda g: signed(g, ADMISSION, BENOIT, organisation="hotline-x"),
    "for other values": lambda g: signed(
        g, ADMISSION, BENOIT, change={**ADMISSION.values, "public_authority": True}
    ),
    "for more values": lambda g: signed(g, ADMISSION, BENOIT, change={**ADMISSION.values, "x": 1}),
    "with a changed payload": lambda g: tampered(signed(g, ADMISSION, BENOIT)),
    "of another type": lambda g: g.receipts[0].document.decode(),
    "empty": lambda g: "",
}


def tampered(text: str) -> str:
    header, payload, rest = text.split(".")
    said = base64url.decode(payload).replace(b'"iat":1', b'"iat":2', 1)
    assert base64url.encode(said) != payload
    return f"{header}.{base64url.encode(said)}.{rest}"


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_an_approval_that_is_not_this_persons_word_on_this_change_is_refused(gateway, forge):
    approvals = [signed(gateway, ADMISSION, ALICE), forge(gateway)]
    arguments = (administration.administer, ADMISSION, approvals)
    refused_without_event(gateway, ApprovalRefused, *arguments)
    refused_without_event(
        gateway, ApprovalRefused, administration.administer, ADMISSION, approvals[::-1]
    )
    assert gateway.organisation("hotline-new") is None


def test_an_approval_is_used_once(gateway):
    first = gateway.approve(SUSPENSION, ALICE)
    gateway.do(administration.administer, SUSPENSION, first)
    gateway.administer("organisation.reinstate", HOTLINE, reason="cleared up")
    refused_without_event(gateway, ApprovalRefused, administration.administer, SUSPENSION, first)
    second = gateway.approve(SUSPENSION, BENOIT)
    mixed = [*second, *first]
    refused_without_event(gateway, ApprovalRefused, administration.administer, SUSPENSION, mixed)
    gateway.do(administration.administer, SUSPENSION, second)


def test_an_approval_of_a_denied_change_is_used_up_too(gateway):
    one = gateway.approve(ADMISSION, ALICE)
    gateway.refusal(administration.administer, ADMISSION, one)
    both = [*one, *gateway.approve(ADMISSION, BENOIT)]
    refused_without_event(gateway, ApprovalRefused, administration.administer, ADMISSION, both)


def test_an_approval_of_a_change_that_could_not_be_made_can_be_used_again(gateway):
    change = Change("organisation.reinstate", HOTLINE, {"reason": "cleared up"})
    approvals = gateway.approve(change, ALICE)
    refused_without_event(gateway, WrongState, administration.administer, change, approvals)
    gateway.do(administration.administer, SUSPENSION, gateway.approve(SUSPENSION, ALICE))
    gateway.do(administration.administer, change, approvals)


def test_a_disabled_person_approves_nothing(gateway):
    state = gateway.store.state
    state.persons[BENOIT] = replace(state.persons[BENOIT], enabled=False)
    both = gateway.approve(ADMISSION)
    refused_without_event(gateway, ApprovalRefused, administration.administer, ADMISSION, both)


def test_there_are_no_other_changes_than_those_of_the_registry(gateway):
    for action in (
        "gateway.found",
        "gateway.rekey",
        "ca.rotate",
        "certificate.serve",
        "case.submit",
        "nonsense",
    ):
        change = Change(action, HOTLINE, {})
        arguments = (administration.administer, change, gateway.approve(change))
        assert refused_without_event(gateway, Invalid, *arguments).errors[0][0] == "/action"


# --- the gateway's own authority -----------------------------------------------------------------


ROTATION = Change("ca.rotate", GATEWAY, {"step": "use", "authority": "0" * 16, "waited": "yes"})


def test_two_persons_let_an_authority_take_its_next_step_in_the_gateway_s_stream_alone(gateway):
    size = gateway.size()
    written = gateway.do(administration.rotate, ROTATION.values, gateway.approve(ROTATION))
    assert gateway.size() == size + 1
    assert written.result["step"] == "use"
    assert event.read(written.receipt.document)["typ"] == "ca.rotated"


def test_one_person_lets_no_authority_take_a_step(gateway):
    one = gateway.approve(ROTATION, ALICE)
    refused_without_event(gateway, ApprovalRefused, administration.rotate, ROTATION.values, one)


def test_an_approval_of_one_step_is_none_of_another(gateway):
    other = {**ROTATION.values, "waited": "no"}
    both = gateway.approve(ROTATION)
    refused_without_event(gateway, ApprovalRefused, administration.rotate, other, both)


# --- the founding --------------------------------------------------------------------------------


def unfounded() -> Founded:
    """The ports of a gateway whose registry is empty."""
    gateway = founded()
    empty = type(gateway.store)(
        gateway.store.origin,
        gateway.store.policy_revision,
        gateway.clock,
        gateway.ports.random,
    )
    gateway.notary.signed.clear()
    gateway.receipts.clear()
    gateway.store = empty
    gateway.ports = replace(gateway.ports, begin=empty.begin)
    return gateway


def founders(*people: str) -> list[Any]:
    return [administrator(person, person.upper()) for person in people]


def test_a_gateway_is_founded_once_and_on_record():
    gateway = unfounded()
    gateway.day = date(2023, 8, 30)
    written = gateway.do(administration.found, founders(ALICE, BENOIT))
    assert shown(written.receipt)["by"] == [ALICE, BENOIT]
    assert fields_of(written.receipt)["typ"] == "gateway.founded"
    assert fields_of(written.receipt)["simulated_date"] == "2023-08-30"
    arguments = (administration.found, founders("c-one", "d-two"))
    refused_without_event(gateway, WrongState, *arguments)
    check_log(gateway)


@pytest.mark.parametrize(
    "persons",
    [
        [],
        founders(ALICE),
        founders(ALICE, ALICE),
        [*founders(ALICE), replace(founders(ALICE)[0], id=BENOIT)],
        [*founders(ALICE, BENOIT), replace(founders(ALICE)[0], id="c-third")],
        [*founders(ALICE), replace(founders(BENOIT)[0], public_key="{}")],
        [*founders(ALICE), replace(founders(BENOIT)[0], public_key="not JSON")],
    ],
    ids=["nobody", "one", "one twice", "one key", "a third with one's key", "no key", "no JSON"],
)
def test_a_gateway_is_founded_by_persons_with_a_key_each(persons):
    gateway = unfounded()
    refused_without_event(gateway, ApprovalRefused, administration.found, persons)


def test_one_key_spelled_in_two_ways_is_one_key():
    gateway = unfounded()
    one = founders(ALICE)[0]
    other = replace(one, id=BENOIT, public_key=one.public_key.replace(": ", ":"))
    assert other.public_key != one.public_key
    refused_without_event(gateway, ApprovalRefused, administration.found, [one, other])


# --- certificates --------------------------------------------------------------------------------


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


def stored(gateway: Founded, request: str) -> SigningRequest:
    with gateway.ports.begin(Mode.READ) as work:
        return work.signing.get(UUID(request))


def last_event(gateway: Founded, reader: str) -> Receipt:
    """The newest event of a stream, with what its reader is shown."""
    with gateway.ports.begin(Mode.READ) as work:
        (_, newest), *_ = work.log.stream(reader, work.log.counter(reader) - 1, 1)
        made = work.log.logged(newest).event
    return Receipt(made.document, made.nonce, made.shown_to(reader), "")


def test_a_certificate_is_approved_then_made_by_who_holds_the_key_then_known(gateway, authority):
    text = csr()
    written = gateway.administer("certificate.issue", HOTLINE, system=DESK, csr=text)
    assert text not in shown(written.receipt)["subject"]
    assert fields_of(written.receipt)["typ"] == "certificate.approved"
    (served,) = administration.serve_signing(gateway.ports, authority)
    assert str(served.id) == written.result["request"]
    assert stored(gateway, written.result["request"]) == served
    made = x509.load_pem_x509_certificate(served.certificate.encode())
    thumbprint = base64url.digest(made.public_bytes(serialization.Encoding.DER))
    told = last_event(gateway, HOTLINE)
    assert fields_of(told)["typ"] == "certificate.issued"
    assert shown(told)["subject"] == thumbprint
    assert "by" not in shown(told)
    assert shown(last_event(gateway, GATEWAY))["by"] == ALICE
    uri = f"urn:casegate:{SHORT_NAME}:{HOTLINE}:{DESK}"
    found = authenticate(gateway.ports, f"{HOTLINE}.{DESK}", Credentials(thumbprint, (uri,)))
    assert found.organisation == HOTLINE
    me = organisations.whoami(gateway.ports, caller(HOTLINE))
    assert [one["thumbprint"] for one in me["certificates"]] == [thumbprint]


def test_a_request_is_served_once(gateway, authority):
    gateway.administer("certificate.issue", HOTLINE, system=DESK, csr=csr())
    assert len(administration.serve_signing(gateway.ports, authority)) == 1
    size = gateway.size()
    assert administration.serve_signing(gateway.ports, authority) == []
    assert gateway.size() == size


def test_a_request_that_another_holder_serves_meanwhile_is_left_to_it(gateway, authority):
    for _ in range(2):
        gateway.administer("certificate.issue", HOTLINE, system=DESK, csr=csr())
    issue, raced = authority.issue, []

    class Racing:
        def issue(self, *asked: Any) -> tuple[str, Certificate]:
            if not raced:
                raced.append(True)
                raced.extend(administration.serve_signing(gateway.ports, authority))
            return issue(*asked)

    assert administration.serve_signing(gateway.ports, Racing()) == []
    assert len(raced) == 3
    with gateway.ports.begin(Mode.READ) as work:
        assert len(work.organisations.certificates(HOTLINE, DESK)) == 2
        assert work.signing.pending(10) == []


def test_a_bad_request_is_refused_on_record_and_keeps_none_waiting(gateway, authority):
    bad = gateway.administer("certificate.issue", HOTLINE, system=DESK, csr="not a CSR")
    good = gateway.administer("certificate.issue", OFMIN, system=DESK, csr=csr())
    gateway.day = date(2023, 8, 30)
    administration.serve_signing(gateway.ports, authority)
    assert stored(gateway, bad.result["request"]).certificate is None
    assert stored(gateway, bad.result["request"]).refusal
    assert stored(gateway, good.result["request"]).certificate
    told = last_event(gateway, HOTLINE)
    assert (fields_of(told)["typ"], fields_of(told)["result"]) == ("certificate.issued", "denied")
    assert fields_of(told)["simulated_date"] == "2023-08-30"
    assert event.read(told.document)["op"] == "key_event"


def test_a_certificate_is_for_a_registered_system_only(gateway):
    change = Change("certificate.issue", HOTLINE, {"system": "unknown", "csr": csr()})
    arguments = (administration.administer, change, gateway.approve(change))
    refused_without_event(gateway, NotFound, *arguments)


def test_a_certificate_is_revoked_once_and_by_its_own_organisation(gateway, authority):
    gateway.administer("certificate.issue", HOTLINE, system=DESK, csr=csr())
    administration.serve_signing(gateway.ports, authority)
    me = organisations.whoami(gateway.ports, caller(HOTLINE))
    thumbprint = me["certificates"][0]["thumbprint"]
    for organisation, kind in ((OFMIN, NotFound), ("hotline-x", Forbidden)):
        change = Change("certificate.revoke", organisation, {"thumbprint": thumbprint})
        if kind is Forbidden:
            gateway.refusal(administration.administer, change, gateway.approve(change, ALICE))
        else:
            arguments = (administration.administer, change, gateway.approve(change, ALICE))
            refused_without_event(gateway, kind, *arguments)
    gateway.administer("certificate.revoke", HOTLINE, thumbprint=thumbprint)
    with gateway.ports.begin(Mode.READ) as work:
        assert [c.thumbprint for c in work.organisations.revoked(gateway.clock())] == [thumbprint]
    change = Change("certificate.revoke", HOTLINE, {"thumbprint": thumbprint})
    arguments = (administration.administer, change, gateway.approve(change, ALICE))
    refused_without_event(gateway, WrongState, *arguments)


def test_an_id_is_never_used_again(gateway):
    gateway.do(administration.administer, ADMISSION, gateway.approve(ADMISSION))
    arguments = (administration.administer, ADMISSION, gateway.approve(ADMISSION))
    refused_without_event(gateway, AlreadyExists, *arguments)
