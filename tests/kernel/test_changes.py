"""Administration: two named persons, their signed words, each once; certificates on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import (
    AlreadyExists,
    Forbidden,
    InvalidApproval,
    TooManyDenials,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import base64url, declarations, event
from gateway.exchange.oversight import audit
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.registry import keys
from tests.answers import heading_of
from tests.each import each
from tests.founded_gateway import (
    ALICE,
    BENOIT,
    HOTLINE,
    OFMIN,
    Founded,
    administrator,
    caller,
    fields_of,
    make_change,
    record_step,
    refused_on_record,
    refused_without_event,
    shown,
)
from tests.founding import unfounded
from tests.log_check import check_log
from tests.ports import ISSUER, key_of

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
        "issuer": declarations.person_uri(ISSUER, person),
        "audience": ISSUER,
        "action": meant.action,
        "organisation": meant.organisation,
        "change": meant.values,
        "at": gateway.clock(),
        "jti": gateway.new_id(),
        "signer": key_of(person),
        "random": gateway.ports.random,
    }
    said |= changes
    return declarations.issue_approval(heading_of(said), **said).compact()


# --- who approves --------------------------------------------------------------------------------


def test_a_change_names_both_persons_to_the_gateway_and_itself_to_whom_it_concerns(gateway):
    written = gateway.do(make_change, SUSPENSION, gateway.approve(SUSPENSION, BENOIT, ALICE))
    told = shown(written.receipt)
    assert told["by"] == [BENOIT, ALICE]
    assert [p["organisation"] for p in told["party"]] == [GATEWAY]
    gateway.administer("organisation.reinstate", HOTLINE, reason="cleared up")
    own = audit.look_up_receipt(gateway.ports, caller(HOTLINE), UUID(written.result["event"]))
    assert "by" not in shown(own)
    assert "under review" in shown(own)["subject"]
    assert [(p["organisation"], p["role"]) for p in shown(own)["party"]] == [(HOTLINE, "concerned")]


def test_who_approved_is_read_by_whom_policy_says(gateway):
    """Of its mandate the organisation knows who decided, of its suspension it does not."""
    values = {"competence": "receive/csam/FR", "until": "2026-06-01"}
    written = gateway.administer("mandate.end", OFMIN, **values)
    own = audit.look_up_receipt(gateway.ports, caller(OFMIN), UUID(written.result["event"]))
    assert len(shown(own)["approvals"]) == 2
    written = gateway.administer("organisation.suspend", OFMIN, reason="under review")
    own = audit.look_up_receipt(gateway.ports, caller(OFMIN), UUID(written.result["event"]))
    assert "approvals" not in shown(own)


def test_a_change_that_takes_two_persons_is_refused_to_one_on_record(gateway):
    refused = gateway.refusal(make_change, ADMISSION, gateway.approve(ADMISSION, ALICE))
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R10.two_persons",)
    assert gateway.organisation("hotline-new") is None
    fields, told = fields_of(refused.receipt), shown(refused.receipt)
    assert (fields["type"], fields["result"]) == ("organisation.admitted", "denied")
    assert told["by"] == [ALICE]
    assert told["rules"] == ["R10.two_persons"]


def test_a_denied_change_is_not_shown_to_the_organisation_it_is_about(gateway):
    with gateway.ports.begin(TransactionMode.READ) as work:
        before = work.log.last_number(HOTLINE)
    change = Change("membership.end", HOTLINE, {"until": "2026-04-01"})
    gateway.refusal(make_change, change, gateway.approve(change, ALICE))
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.log.last_number(HOTLINE) == before


def test_one_person_suffices_to_stop_an_organisation(gateway):
    gateway.do(make_change, SUSPENSION, gateway.approve(SUSPENSION, ALICE))
    assert gateway.organisation(HOTLINE).status == "suspended"


def test_two_approvals_of_one_person_count_once(gateway):
    twice = gateway.approve(ADMISSION, ALICE, ALICE)
    refused_on_record(gateway, InvalidApproval, make_change, ADMISSION, twice)


def test_no_approval_is_no_change(gateway):
    refused_on_record(gateway, InvalidApproval, make_change, SUSPENSION, [])


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


@each("forge", FORGED.values())
def test_an_approval_that_is_not_this_persons_word_on_this_change_is_refused(gateway, forge):
    approvals = [signed(gateway, ADMISSION, ALICE), forge(gateway)]
    arguments = (make_change, ADMISSION, approvals)
    refused_on_record(gateway, InvalidApproval, *arguments)
    refused_on_record(gateway, InvalidApproval, make_change, ADMISSION, approvals[::-1])
    assert gateway.organisation("hotline-new") is None


def test_an_approval_is_used_once(gateway):
    first = gateway.approve(SUSPENSION, ALICE)
    gateway.do(make_change, SUSPENSION, first)
    gateway.administer("organisation.reinstate", HOTLINE, reason="cleared up")
    refused_on_record(gateway, InvalidApproval, make_change, SUSPENSION, first)
    second = gateway.approve(SUSPENSION, BENOIT)
    mixed = [*second, *first]
    refused_on_record(gateway, InvalidApproval, make_change, SUSPENSION, mixed)
    gateway.do(make_change, SUSPENSION, second)


def test_a_denial_uses_up_no_approval(gateway):
    one = gateway.approve(ADMISSION, ALICE)
    refused_on_record(gateway, Forbidden, make_change, ADMISSION, one)
    both = [*one, *gateway.approve(ADMISSION, BENOIT)]
    gateway.do(make_change, ADMISSION, both)
    refused_on_record(gateway, InvalidApproval, make_change, ADMISSION, both)


def test_an_approval_of_a_change_that_could_not_be_made_can_be_used_again(gateway):
    change = Change("organisation.reinstate", HOTLINE, {"reason": "cleared up"})
    approvals = gateway.approve(change, ALICE)
    refused_on_record(gateway, WrongState, make_change, change, approvals)
    gateway.do(make_change, SUSPENSION, gateway.approve(SUSPENSION, ALICE))
    gateway.do(make_change, change, approvals)


def test_a_refused_approval_is_an_event_that_names_whose_signature_was_good(gateway):
    forged = signed(gateway, ADMISSION, BENOIT, signer=key_of(ALICE))
    for approvals, heard in (
        (gateway.approve(ADMISSION, ALICE, ALICE), [ALICE]),
        ([*gateway.approve(ADMISSION, ALICE), forged], [ALICE]),
        ([forged], []),
    ):
        refused = gateway.refusal(make_change, ADMISSION, approvals)
        told = shown(refused.receipt)
        assert told["by"] == heard
        assert told["reason"] == refused.refusal.detail
        assert fields_of(refused.receipt)["result"] == "denied"
        assert [p["organisation"] for p in told["party"]] == [GATEWAY]


def test_a_change_that_the_registry_refuses_is_an_event_of_the_gateways_alone(gateway):
    with gateway.ports.begin(TransactionMode.READ) as work:
        before = work.log.last_number(HOTLINE)
    change = Change("organisation.reinstate", HOTLINE, {"reason": "cleared up"})
    refused = gateway.refusal(make_change, change, gateway.approve(change))
    assert fields_of(refused.receipt)["result"] == "wrong_state"
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.log.last_number(HOTLINE) == before


def test_what_is_malformed_or_not_approved_stands_in_the_log_by_its_digest_alone(gateway):
    secret = "a token in the wrong place"
    malformed = Change("membership.grant", HOTLINE, {"membership": secret})
    other = Change("organisation.suspend", HOTLINE, {"reason": secret})
    for change, approvals in (
        (malformed, gateway.approve(malformed)),
        (other, gateway.approve(SUSPENSION, ALICE)),
    ):
        refused = gateway.refusal(make_change, change, approvals)
        told = shown(refused.receipt)["subject"]
        assert secret not in told
        assert declarations.change_digest(change.action, HOTLINE, change.values) in told


def test_refused_changes_have_a_budget(gateway):
    change = Change("organisation.reinstate", HOTLINE, {"reason": "cleared up"})
    limited = replace(gateway.ports, denials_per_minute=1)
    with pytest.raises(RecordedRefusal):
        make_change(limited, change, gateway.approve(change))
    with pytest.raises(TooManyDenials):
        make_change(limited, change, gateway.approve(change))


def test_a_disabled_person_approves_nothing(gateway):
    gateway.beside.add(BENOIT)
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.save_person(replace(work.organisations.person(BENOIT), enabled=False))
        work.commit()
    both = gateway.approve(ADMISSION)
    refused_on_record(gateway, InvalidApproval, make_change, ADMISSION, both)


def test_there_are_no_other_changes_than_those_of_the_registry(gateway):
    for action in (
        "gateway.create",
        "gateway_key.rotate",
        "ca.rotate",
        "log.adopt_mark",
        "certificate.issue",
        "case.submit",
        "nonsense",
    ):
        change = Change(action, HOTLINE, {})
        arguments = (make_change, change, gateway.approve(change))
        assert (
            refused_without_event(gateway, ValidationFailed, *arguments).errors[0][0] == "/action"
        )


# --- the gateway's own authority -----------------------------------------------------------------


ROTATION = Change(
    "ca.rotate", GATEWAY, {"step": "activate", "authority": "0" * 16, "waited": "yes"}
)


def test_two_persons_let_an_authority_take_its_next_step_in_the_gateway_s_stream_alone(gateway):
    size = gateway.size()
    written = gateway.do(record_step, ROTATION, gateway.approve(ROTATION))
    assert gateway.size() == size + 1
    assert written.result["step"] == "activate"
    assert event.read(written.receipt.document)["type"] == "ca.rotated"


def test_one_person_lets_no_authority_take_a_step(gateway):
    one = gateway.approve(ROTATION, ALICE)
    refused = gateway.refusal(record_step, ROTATION, one)
    assert refused.refusal.rules == ("R10.two_persons.authority",)
    fields = fields_of(refused.receipt)
    assert (fields["type"], fields["result"]) == ("ca.rotated", "denied")


@each("left_out", ROTATION.values)
def test_a_step_that_is_not_told_in_full_is_refused_on_record(gateway, left_out):
    told = {name: value for name, value in ROTATION.values.items() if name != left_out}
    step = replace(ROTATION, values=told)
    refused_on_record(gateway, ValidationFailed, record_step, step, gateway.approve(step))


@each("change", [ADMISSION, SUSPENSION, replace(ROTATION, organisation=HOTLINE)])
def test_no_change_of_the_registry_passes_as_a_step_of_the_gateway_s_keys(gateway, change):
    arguments = (record_step, change, gateway.approve(change))
    refused_without_event(gateway, ValidationFailed, *arguments)


def test_an_approval_of_one_step_is_none_of_another(gateway):
    other = replace(ROTATION, values={**ROTATION.values, "waited": "no"})
    both = gateway.approve(ROTATION)
    refused_on_record(gateway, InvalidApproval, record_step, other, both)


# --- the founding --------------------------------------------------------------------------------


ZONE = "Europe/Paris"


def founders(*people: str) -> list[Any]:
    return [administrator(person, person.upper()) for person in people]


def test_a_gateway_is_founded_once_and_on_record():
    gateway = unfounded()
    gateway.day = date(2023, 8, 30)
    written = gateway.do(keys.found, founders(ALICE, BENOIT), ZONE)
    assert shown(written.receipt)["by"] == [ALICE, BENOIT]
    assert fields_of(written.receipt)["type"] == "gateway.created"
    assert fields_of(written.receipt)["simulated_date"] == "2023-08-30"
    arguments = (keys.found, founders("c-one", "d-two"), ZONE)
    refused_without_event(gateway, WrongState, *arguments)
    check_log(gateway)


@each(
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
)
def test_a_gateway_is_founded_by_persons_with_a_key_each(persons):
    gateway = unfounded()
    refused_without_event(gateway, InvalidApproval, keys.found, persons, ZONE)


def test_one_key_spelled_in_two_ways_is_one_key():
    gateway = unfounded()
    one = founders(ALICE)[0]
    other = replace(one, id=BENOIT, public_key=one.public_key.replace(": ", ":"))
    assert other.public_key != one.public_key
    refused_without_event(gateway, InvalidApproval, keys.found, [one, other], ZONE)


# --- certificates --------------------------------------------------------------------------------


def test_an_id_is_never_used_again(gateway):
    gateway.do(make_change, ADMISSION, gateway.approve(ADMISSION))
    arguments = (make_change, ADMISSION, gateway.approve(ADMISSION))
    refused_on_record(gateway, AlreadyExists, *arguments)
