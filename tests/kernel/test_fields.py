"""The values of every change: read by its form before anything is asked, kept or told."""

import ast
import base64
import inspect
from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random
from types import ModuleType
from typing import Any

import pytest

from gateway.changes import CHANGES
from gateway.domain import enrolment, organisation, refusals
from gateway.domain.organisation import KINDS as WORDS
from gateway.domain.refusals import Forbidden, InvalidApproval, Refusal, ValidationFailed
from gateway.domain.succession import Succession
from gateway.exchange.lifecycle import erasure
from gateway.kernel import approvals, changes
from gateway.kernel.actors import GATEWAY, RECORDED_REFUSALS, Administrators
from gateway.kernel.changes import Change
from gateway.kernel.fields import REQUIRED, Given, free_text, prose, read_fields
from gateway.registry import keys, mandates, members
from gateway.registry.change_table import STEPS
from tests.authenticator import Authenticator
from tests.each import each
from tests.founded_gateway import (
    ABROAD,
    ALICE,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    make_change,
    record_step,
    refused_on_record,
    shown,
    submit_change,
)
from tests.peering import AGREED, PINS
from tests.ports import document_key, encryption_key, key_of

UNKNOWN = "018f0000-0000-7000-8000-000000000000"
DAYS = {"from": "2026-04-01", "until": "2027-04-01"}
ENTRY = {
    "name": "A new office",
    "kind": "hotline",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "FR",
}
CONTACT = {"role": "liaison", "name": "A. Person", "address": "a@example.org"}
APPLICATION = {
    **ENTRY,
    "membership": "associate",
    "purposes": ["identify_victim"],
    "description": "what we do",
    "received_on": "2026-02-01",
    "contacts": [CONTACT],
}
RESOLUTION = {"decision_ref": "board", "decided_on": "2026-03-01", "document_sha256": "A" * 43}
REASON = {"reason": "a reason"}
SYSTEM_REASON = {"system": "desk", **REASON}
COMPETENCE = {"function": "receive", "matter": "grooming", "territory": "FR", "legal_act": "act"}
PREVIEW = {
    "competence": "receive/csam/FR",
    "effective_on": "2026-04-01",
    "successor": OCRVP,
    "read_until": "2026-05-01",
}
PLAN = {**PREVIEW, "legal_act": "Decree", "permissions": False}
GRANT = {"decision_ref": "order", **DAYS}
PASSKEY = Authenticator()
ADMIN = {"person": "c-new", "name": "C. N.", "jwk": key_of("c-new").public_jwk(), "proof": "a.b.c"}
SIGNED = {"proof": "a.b.c", "countersignature": "a.b.c"}

SAMPLES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("organisation.apply", "new", APPLICATION),
    ("organisation.approve", "new", RESOLUTION),
    ("organisation.reject", "new", RESOLUTION),
    ("organisation.admit", "new", ENTRY),
    ("organisation.amend", HOTLINE, {"name": "Another name", **REASON}),
    ("organisation.activate", HOTLINE, REASON),
    ("organisation.suspend", HOTLINE, REASON),
    ("organisation.reinstate", HOTLINE, REASON),
    ("organisation.leave", HOTLINE, REASON),
    ("contact.set", HOTLINE, CONTACT),
    ("contact.consult", HOTLINE, REASON),
    ("staff.establish", HOTLINE, {"entries": ["head,analyst", "approver"]}),
    ("membership.grant", HOTLINE, {"membership": "associate", "decision_ref": "board", **DAYS}),
    ("membership.end", HOTLINE, {"until": "2026-04-01"}),
    ("mandate.grant", HOTLINE, {**COMPETENCE, **DAYS}),
    ("mandate.end", OFMIN, {"competence": "receive/csam/FR", "until": "2026-04-01"}),
    ("interest.declare", HOTLINE, {"scope": "provider", "subject": "a.example", "kind": "funder"}),
    ("interest.end", HOTLINE, {"interest": UNKNOWN, "until": "2026-04-01"}),
    (
        "agreement.record",
        HOTLINE,
        {"kind": "transfer", "description": "all", "reference": "Art. 46"},
    ),
    ("agreement.end", HOTLINE, {"agreement": UNKNOWN, "until": "2026-04-01"}),
    (
        "retention.record",
        OFMIN,
        {"purpose": "investigate", "legal_act": "art. 230-8 CPP", "review_years": "3", **DAYS},
    ),
    ("organisation.show_to_peer", HOTLINE, {"peer": "fr", "declaration": "a.b.c"}),
    ("organisation.hide_from_peer", HOTLINE, {"peer": "fr", **REASON}),
    ("peer.trust", "fr", PINS),
    ("peer.agree", "fr", AGREED),
    ("peer.recognise", "fr", {"member": "ofmin", "led": True, "legal_act": "act"}),
    ("peer.vouch", "fr", {"member": "ofmin", "kid": "A" * 43}),
    ("peer.end", "fr", {"event": UNKNOWN, "until": "2026-04-01"}),
    ("peer.resume", "fr", REASON),
    ("retention.end", OFMIN, {"retention": UNKNOWN, "until": "2026-04-01"}),
    ("succession.preview", OFMIN, PREVIEW),
    ("succession.plan", OFMIN, PLAN),
    ("succession.cancel", OFMIN, {"succession": UNKNOWN, **REASON}),
    ("system.register", HOTLINE, {"system": "mill", "scopes": ["cases.read"]}),
    ("system.set_keys", HOTLINE, {"system": "desk", "keys": [key_of("client").public_jwk()]}),
    ("system.disable", HOTLINE, SYSTEM_REASON),
    ("system.enable", HOTLINE, SYSTEM_REASON),
    ("system.set_admin_scopes", HOTLINE, {"system": "desk", "scopes": ["admin"]}),
    ("certificate.revoke", HOTLINE, {"thumbprint": "A" * 43, **REASON}),
    ("certificate.revoke", HOTLINE, {"system": "desk", **REASON}),
    ("key.register", HOTLINE, {"jwk": document_key("new").public_jwk(), **SIGNED}),
    ("key.register", HOTLINE, {"jwk": encryption_key("new").public_jwk(), **SIGNED}),
    ("key.revoke", HOTLINE, {"kid": "A" * 43, **REASON}),
    ("organisation.require_signed", HOTLINE, {"declaration": "a.b.c"}),
    ("organisation.allow_attested", HOTLINE, {"declaration": "a.b.c"}),
    ("audit_access.grant", ABROAD, {"coverage": "all", "person": "auditor-1", **GRANT}),
    ("audit_access.grant", ABROAD, {"coverage": "member", "member": HOTLINE, **GRANT}),
    (
        "audit_access.grant",
        ABROAD,
        {"coverage": "case", "member": HOTLINE, "case": UNKNOWN, **GRANT},
    ),
    ("audit_access.end", ABROAD, {"audit_access": UNKNOWN, **REASON}),
    ("invitation.create", HOTLINE, {"system": "desk", "token_sha256": "A" * 43}),
    ("invitation.withdraw", HOTLINE, {"invitation": UNKNOWN, **REASON}),
    ("notification.set_push", HOTLINE, {"address": "https://receiver.example/events"}),
    ("notification.end_push", HOTLINE, REASON),
    ("log_hold.set", GATEWAY, {"reference": "12/345", "review_on": "2026-04-01"}),
    (
        "log_hold.set",
        GATEWAY,
        {"reference": "12/345", "review_on": "2026-04-01", "member": HOTLINE, "case": UNKNOWN},
    ),
    ("log_hold.end", GATEWAY, {"log_hold": UNKNOWN, **REASON}),
    ("admin.add", GATEWAY, ADMIN),
    ("admin.add_passkey", GATEWAY, {"person": ALICE, "jwk": PASSKEY.jwk, "proof": "AAAA"}),
    ("admin.revoke_passkey", GATEWAY, {"person": ALICE, "kid": PASSKEY.jwk["kid"], **REASON}),
    ("admin.disable", GATEWAY, {"person": ALICE, **REASON}),
    ("gateway_key.rotate", GATEWAY, {"purpose": "token", "step": "activate", "key": "A" * 43}),
    ("ca.rotate", GATEWAY, {"step": "activate", "authority": "0" * 16, "waited": "yes"}),
    ("log.adopt_mark", GATEWAY, {"size": "1", "root": "0" * 64, "largest_size": "1"}),
    ("case.erase", HOTLINE, {"case": UNKNOWN, **REASON}),
    ("case.lift_embargo", HOTLINE, {"measure": UNKNOWN, **REASON}),
    ("case.repair", HOTLINE, {"case": UNKNOWN, **REASON}),
    ("case.repair_handoff", HOTLINE, {"handoff": UNKNOWN, **REASON}),
)
KINDS = {**CHANGES, **STEPS}
FORMS = {action: kind.fields for action, kind in KINDS.items()}

SAMPLE_OF = {action: values for action, _, values in SAMPLES}

NO_VALUE: tuple[Any, ...] = (5, [], {}, None, "")
GOOD_AFTER_ALL = {
    ("system.set_keys", "keys"),
    ("system.set_admin_scopes", "scopes"),
}
"""What an empty list says: no key any more, no scope of the operator's any more."""


def completed(action: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A sample with the days that its form asks for."""
    names = [field.name for field in FORMS[action]]
    return {**({"from": "2026-04-01"} if "from" in names else {}), **values}


def make(action: str) -> Any:
    return make_change if action in CHANGES else record_step


def refused(gateway: Founded, change: Change) -> Refusal:
    """The one event's refusal of a change with both approvals, in a minute of its own."""
    gateway.clock.advance(timedelta(minutes=1))
    return refused_on_record(gateway, Refusal, make(change.action), change, gateway.approve(change))


def test_there_is_a_sample_of_every_change():
    assert {action for action, _, _ in SAMPLES} == FORMS.keys()


@each("action, organisation, values", SAMPLES)
def test_no_value_of_a_change_is_of_another_type_than_its_own(action, organisation, values):
    values = completed(action, values)
    read_fields(FORMS[action], values)
    for name in values:
        for wrong in NO_VALUE:
            if wrong == [] and (action, name) in GOOD_AFTER_ALL:
                continue
            with pytest.raises(ValidationFailed) as refusal:
                read_fields(FORMS[action], {**values, name: wrong})
            assert refusal.value.errors[0][0] == f"/{name}", wrong


UNSEEN = ("\0", "\x1b[2J", "\u202e", "\ud800")
"""What a text may not hold: some databases cannot keep it, and an approver would not see it."""


@each("action, organisation, values", SAMPLES)
def test_no_text_of_a_change_holds_what_its_approver_does_not_see(action, organisation, values):
    values = completed(action, values)
    for name in [name for name, value in values.items() if isinstance(value, str)]:
        for mark in UNSEEN:
            with pytest.raises(ValidationFailed) as refusal:
                read_fields(FORMS[action], {**values, name: values[name] + mark})
            assert refusal.value.errors[0][0] == f"/{name}", mark


PROSE = {"reason", "description"}
"""What may have lines; every other text of a change is one."""


@each("action, organisation, values", SAMPLES)
def test_a_new_text_of_a_change_is_one_line_without_piled_marks(action, organisation, values):
    values = completed(action, values)
    kinds = {field.name: field.given for field in FORMS[action]}
    texts = {
        name
        for name, value in values.items()
        if isinstance(value, str) and kinds[name] is not Given.TEXT_FILE
    }
    for name in texts:
        for wrong in ("\n", "\r\n", "\t", "\u2028", "e" + "\u0301" * 20, "\u0e01" + "\u0e47" * 20):
            if name in PROSE and wrong in ("\n", "\r\n", "\t"):
                continue
            with pytest.raises(ValidationFailed):
                read_fields(FORMS[action], {**values, name: f"{values[name]}{wrong}x"})


def test_a_contact_is_one_line_too():
    for name in ("name", "address"):
        contact = {"role": "security", "name": "D. Petit", "address": "a@new.example"}
        with pytest.raises(ValidationFailed):
            read_fields(members.CONTACT, {**contact, name: "D.\nPetit"})


def test_every_free_text_of_a_change_is_one_line_or_known_as_prose():
    for action, fields in FORMS.items():
        for one in fields:
            if one.schema.get("type") == "string" and one.given is not Given.TEXT_FILE:
                assert bool(one.refuse("a\nb")) is (one.name not in PROSE), (action, one.name)


def test_a_text_of_a_log_keeps_the_form_of_its_day():
    values = completed("membership.grant", dict(SAMPLE_OF["membership.grant"]))
    old = {**values, "decision_ref": "2026/1\nof the board"}
    with pytest.raises(ValidationFailed):
        read_fields(FORMS["membership.grant"], old)
    read = read_fields(FORMS["membership.grant"], old, recorded=True)
    assert read["decision_ref"] == old["decision_ref"]


@each("coverage, name", [("member", "member"), ("case", "case")])
def test_an_audit_grant_names_what_it_reaches_over(gateway, coverage, name):
    given = {"member": HOTLINE} if name == "case" else {}
    values = {"coverage": coverage, **given, **GRANT}
    refusal = refused(gateway, Change("audit_access.grant", ABROAD, values))
    assert isinstance(refusal, ValidationFailed)
    assert refusal.errors == ((f"/{name}", REQUIRED),)


def test_what_is_revoked_is_a_certificate_or_all_of_a_system_and_not_both(gateway):
    both = {"thumbprint": "A" * 43, "system": "desk"}
    for values, name in (({}, "thumbprint"), (both, "system")):
        refusal = refused(gateway, Change("certificate.revoke", HOTLINE, {**values, **REASON}))
        assert isinstance(refusal, ValidationFailed)
        assert refusal.errors[0][0] == f"/{name}"


def test_an_id_has_one_spelling_and_the_reason_of_an_erasure_a_bound():
    for wrong in ({"case": UNKNOWN.upper(), **REASON}, {"case": UNKNOWN, "reason": "so " * 67}):
        with pytest.raises(ValidationFailed):
            read_fields(FORMS["case.erase"], wrong)
    assert read_fields(FORMS["case.erase"], {"case": UNKNOWN, "reason": "so " * 66})


def test_what_a_person_says_has_lines_and_a_bound_and_carries_no_file():
    read = free_text("reason", "Why.").read
    assert read("two\nlines") == "two\nlines"
    for wrong in ("x" * 2001, "see data:,x"):
        with pytest.raises(ValueError):
            read(wrong)


@each("text", [free_text("reason", "Why."), prose("reason", "Why.")])
def test_a_new_text_of_the_registry_is_weighed_and_one_of_a_log_is_not(text):
    code = {"reason": base64.b64encode(Random(1).randbytes(300)).decode()}
    with pytest.raises(ValidationFailed) as caught:
        read_fields([text], code)
    assert "spell nothing" in caught.value.errors[0][1]
    assert read_fields([text], code, recorded=True) == code


@each("action, organisation, values", SAMPLES)
def test_a_value_that_is_none_of_a_change_is_refused_before_anything_is_kept(
    gateway, action, organisation, values
):
    values = {**completed(action, values), "persn/1": "auditor-1"}
    change = Change(action, organisation, values)
    before = gateway.organisation(organisation)
    refusal = refused(gateway, change)
    assert isinstance(refusal, ValidationFailed)
    assert refusal.errors == (("/persn~11", "is not a value of this change"),)
    assert gateway.organisation(organisation) == before


@each("values", [{"keys": [5]}, {"keys": 7}, {}])
def test_a_value_that_cannot_be_read_is_answered_with_its_description(gateway, values):
    (about,) = (one.about for one in FORMS["system.set_keys"] if one.name == "keys")
    refusal = refused(gateway, Change("system.set_keys", HOTLINE, {"system": "desk", **values}))
    assert isinstance(refusal, ValidationFailed)
    ((pointer, told),) = refusal.errors
    assert (pointer, about in told, REQUIRED in told) == ("/keys", True, not values)


def test_a_word_that_is_not_listed_is_answered_with_those_that_are(gateway):
    refusal = refused(gateway, Change("organisation.apply", "new", {**APPLICATION, "kind": "x"}))
    assert isinstance(refusal, ValidationFailed)
    assert all(word in refusal.errors[0][1] for word in WORDS)


def test_a_contact_of_an_application_says_no_more_than_a_contact(gateway):
    contact = {**CONTACT, "born_on": "1970-01-01"}
    values = {**APPLICATION, "contacts": [contact]}
    refusal = refused(gateway, Change("organisation.apply", "new", values))
    assert isinstance(refusal, ValidationFailed)
    assert refusal.errors[0][0] == "/contacts"


@each("action, organisation, values", [one for one in SAMPLES if one[0] not in STEPS])
def test_a_proposal_is_judged_by_the_form_of_its_change(gateway, action, organisation, values):
    values = completed(action, values)
    for wrong in ({**values, "untill": "2027-01-01"}, {**values, next(iter(values)): 5}):
        change = Change(action, organisation, wrong)
        gateway.clock.advance(timedelta(minutes=1))
        (approval,) = gateway.approve(change, ALICE)
        refused_on_record(gateway, ValidationFailed, submit_change, change, approval)


# --- secrets in the wrong place ------------------------------------------------------------------

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"
WITH_SECRET = [
    ("admin.add", GATEWAY, {**ADMIN, "jwk": {**ADMIN["jwk"], "d": SECRET}}),
    *(
        ("key.register", HOTLINE, {"jwk": {**key.public_jwk(), "d": SECRET}, **SIGNED})
        for key in (document_key("new"), encryption_key("new"))
    ),
    (
        "system.set_keys",
        HOTLINE,
        {"system": "desk", "keys": [{"kty": "oct", "kid": "a", "k": SECRET}]},
    ),
    ("organisation.suspend", HOTLINE, {**REASON, "key": SECRET}),
]


@each("action, organisation, values", WITH_SECRET)
@each("who", [(ALICE,), ("both",)])
def test_a_private_key_in_a_change_gets_into_no_event(gateway, action, organisation, values, who):
    change = Change(action, organisation, values)
    approvals_ = gateway.approve(change, *(() if who == ("both",) else who))
    told = [gateway.refusal(make_change, change, approvals_)]
    told += [gateway.refusal(submit_change, change, approvals_[0])]
    told += [gateway.refusal(submit_change, change, "no approval")]
    for one in told:
        assert isinstance(one.refusal, ValidationFailed | InvalidApproval)
        assert SECRET not in str(shown(one.receipt))
        assert '"change"' in shown(one.receipt)["subject"]


def test_a_denial_tells_what_was_denied_and_by_which_rules(gateway):
    change = Change("organisation.admit", "new", ENTRY)
    denied = gateway.refusal(make_change, change, gateway.approve(change, ALICE))
    assert isinstance(denied.refusal, Forbidden)
    told = shown(denied.receipt)
    assert "A new office" in told["subject"]
    assert (told["by"], told["rules"]) == ([ALICE], list(denied.refusal.rules))


# --- every refusal is an event -------------------------------------------------------------------

NO_EVENTS = {
    refusals.EditConflict,  # somebody else was faster: asked again, it is judged anew
    refusals.TooManyDenials,  # the budget of events is used up
    refusals.IdempotencyKeyReused,  # that key's first request has its event
    refusals.CaseKeysUnavailable,  # nothing was judged
}


def raised(*parts: ModuleType | type) -> Iterator[type[Refusal]]:
    """The refusals that modules and classes raise by name."""
    for part in parts:
        for node in ast.walk(ast.parse(inspect.getsource(part))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                found = getattr(refusals, getattr(node.exc.func, "id", ""), None)
                if isinstance(found, type):
                    yield found


def test_every_refusal_of_a_change_is_an_event_or_is_known_to_be_none():
    rules = (keys, mandates, members)
    parts = (approvals, changes, erasure)
    lives = (organisation, enrolment, Succession)
    found = set(raised(*rules, *parts, *lives))
    assert refusals.InvitationUnusable in found
    assert found <= {*RECORDED_REFUSALS[Administrators], *NO_EVENTS}


def test_an_invitation_that_cannot_be_withdrawn_is_refused_on_record(gateway):
    made = gateway.administer("invitation.create", HOTLINE, system="desk", token_sha256="A" * 43)
    values = {"invitation": made.result["invitation"], "reason": "sent astray"}
    gateway.administer("invitation.withdraw", HOTLINE, **values)
    refusal = refused(gateway, Change("invitation.withdraw", HOTLINE, values))
    assert isinstance(refusal, refusals.InvitationUnusable)
