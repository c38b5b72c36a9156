"""Enrolment: an invitation becomes one certificate and one document key, and nothing else does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.enrolment import INVITATION_LIFE
from gateway.domain.organisation import Status, system_uri
from gateway.domain.refusals import (
    AlreadyExists,
    Forbidden,
    InvalidInvitation,
    InvitationUnusable,
    NotFound,
    TooManyAttempts,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import event, receipt
from gateway.kernel.authentication import NotAuthenticated
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import ENROLMENTS_REFUSED_PER_MINUTE, WriteResult
from gateway.kernel.values import Credentials
from gateway.registry import directory as organisations
from gateway.registry import enrolment
from gateway.registry.enrolment import RENEWALS_PER_DAY, FirstDocumentKey
from gateway.verification import key_history
from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.founded_gateway import (
    ALICE,
    DESK,
    HOTLINE,
    Founded,
    caller,
    fields_of,
    refused_without_event,
    shown,
)
from tests.newcomers import NEWCOMER, TOKEN, Newcomer, serve
from tests.ports import ORIGIN, SHORT_NAME, document_key

OTHER_TOKEN = "A" * 43


@pytest.fixture
def host(gateway: Founded) -> Newcomer:
    made = Newcomer(gateway)
    made.arrive()
    return made


def redeem_refused(
    gateway: Founded, host: Newcomer, kind: type, name: str = NEWCOMER, **first: Any
) -> Any:
    """Why the use of an invitation was refused, on record."""
    found = gateway.refusal(enrolment.redeem_invitation, name, TOKEN, host.asked(), *first.values())
    assert isinstance(found.refusal, kind), found.refusal
    return found.refusal


def renewed(gateway: Founded, credentials: Credentials) -> WriteResult:
    return gateway.do(enrolment.renew, credentials, Newcomer(gateway).asked())


def withdraw(gateway: Founded, invited: WriteResult) -> WriteResult:
    named = {"invitation": invited.result["invitation"], "reason": "stolen"}
    return gateway.administer("invitation.withdraw", NEWCOMER, **named)


def revoke(gateway: Founded, **what: str) -> Any:
    """Revoke a certificate, or all of a system; which were, and which are left."""
    return gateway.administer("certificate.revoke", NEWCOMER, **what, reason="stolen").result


def certificates(gateway: Founded) -> Any:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.organisations.certificates(NEWCOMER, DESK)


def status_of(gateway: Founded, written: WriteResult) -> Any:
    return enrolment.request_status(gateway.ports, UUID(written.result["request"]))


def stream_of(gateway: Founded, slug: str) -> list[tuple[str, str]]:
    """What an organisation's own events are, and how they ended."""
    told = [event.read(one.event.document) for one in gateway.stream(slug)]
    return [(one["type"], one["result"]) for one in told]


def test_an_invitation_becomes_a_certificate_a_document_key_and_a_status(gateway, host):
    invited = host.invite()
    assert invited.result["client_id"] == f"{NEWCOMER}.{DESK}"
    done = host.use(first=host.first_key())
    request = enrolment.request_status(gateway.ports, UUID(done.result["request"]))
    assert request is not None
    assert (request.organisation, request.system, request.certificate) == (NEWCOMER, DESK, None)
    assert gateway.organisation(NEWCOMER).status is Status.APPROVED
    serve(gateway)
    assert gateway.organisation(NEWCOMER).status is Status.ENROLLED
    assert stream_of(gateway, NEWCOMER) == [
        ("system.registered", "allowed"),
        ("invitation.created", "allowed"),
        ("key.registered", "allowed"),
        ("invitation.redeemed", "allowed"),
        ("organisation.enrolled", "allowed"),
        ("certificate.issued", "allowed"),
    ]
    assert fields_of(done.receipt)["type"] == "invitation.redeemed"
    assert "by" not in shown(done.receipt), "who invited stays with the gateway"


def test_nothing_but_the_key_enters_the_registry_with_an_enrolment(gateway, host):
    host.invite()
    first = host.first_key()
    nameless = {name: part for name, part in first.jwk.items() if name != "kid"}
    with pytest.raises(ValidationFailed) as told:
        host.use(first=replace(first, jwk=nameless))
    assert told.value.errors == (("/jwk", "a key is a JWK with a kid: its thumbprint (RFC 7638)"),)
    picture = {**first.jwk, "x-picture": "data:image/jpeg;base64,/9j/4AAQ"}
    with pytest.raises(ValidationFailed):
        host.use(first=replace(first, jwk=picture))
    assert gateway.organisation(NEWCOMER).document_keys == ()
    assert ("key.registered", "allowed") not in stream_of(gateway, NEWCOMER)


def test_the_registration_of_the_first_key_is_traced_as_any_other(gateway, host):
    host.invite()
    host.use(first=host.first_key())
    key = document_key("newcomer")
    told = to_json(organisations.look_up_key(gateway.ports, caller(HOTLINE), NEWCOMER, key.kid))
    found = key_history.verify_registration(
        receipt.from_json(told["receipt"]),
        TrustAnchors([gateway.checkpoint_signer.signer.key], [ORIGIN]),
    )
    assert (found.organisation, found.kid) == (NEWCOMER, key.kid)


def test_an_active_organisation_enrols_a_second_system_and_stays_active(gateway):
    host = Newcomer(gateway, HOTLINE)
    host.invite()
    host.use()
    serve(gateway)
    assert gateway.organisation(HOTLINE).status is Status.ACTIVE


def test_who_was_interrupted_gets_the_same_request_for_the_same_key(gateway, host):
    host.invite()
    first, size = host.use(first=host.first_key()), gateway.size()
    again = host.use(first=host.first_key())
    assert again.result == first.result
    assert again.receipt.document == first.receipt.document
    assert gateway.size() == size
    assert len(gateway.organisation(NEWCOMER).document_keys) == 1


def test_a_replayed_token_is_refused_and_both_sides_see_it(gateway, host):
    host.invite()
    host.use()
    thief = Newcomer(gateway)
    name = f"{NEWCOMER}.{DESK}"
    assert "used before" in redeem_refused(gateway, thief, InvitationUnusable, name).detail
    assert stream_of(gateway, NEWCOMER)[-1] == ("invitation.redeemed", "denied")
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert len(work.signing.pending(9)) == 1


@pytest.mark.parametrize("why", ["expired", "withdrawn", "another system", "disabled"])
def test_an_invitation_that_does_not_hold_is_refused_as_an_event(gateway, host, why):
    invited = host.invite()
    names, kind = [NEWCOMER], InvitationUnusable
    if why == "expired":
        gateway.clock.advance(timedelta(hours=72))
    elif why == "withdrawn":
        withdraw(gateway, invited)
    elif why == "disabled":
        gateway.administer("system.disable", NEWCOMER, system=DESK, reason="not yet")
        kind, why = NotFound, ""
    else:
        names = [HOTLINE, f"{NEWCOMER}.other"]
    for name in names:
        assert why in redeem_refused(gateway, host, kind, name).detail
    assert stream_of(gateway, NEWCOMER)[-1] == ("invitation.redeemed", "denied")
    assert gateway.organisation(NEWCOMER).status is Status.APPROVED


@pytest.mark.parametrize("name", [NEWCOMER, "nobody-here", "no slug", f"{HOTLINE}.desk", ""])
def test_a_token_that_nobody_was_given_says_nothing_and_is_no_event(gateway, host, name):
    host.invite()
    asked = name, OTHER_TOKEN, host.asked(), None
    refused_without_event(gateway, InvalidInvitation, enrolment.redeem_invitation, *asked)


def test_wrong_tokens_tell_nothing_however_many_and_take_nothing_from_the_right_one(
    gateway, host, monkeypatch
):
    host.invite()
    asked, told = host.asked(), set()
    begin = gateway.ports.begin

    def reading(mode: TransactionMode, *key: Any) -> Any:
        assert mode is TransactionMode.READ, "a wrong token takes the place of a writer"
        return begin(mode, *key)

    ports = replace(gateway.ports, begin=reading)
    for name in (NEWCOMER, "nobody-here") * 20:
        with pytest.raises(InvalidInvitation) as refused:
            enrolment.redeem_invitation(ports, name, OTHER_TOKEN, asked)
        told.add(refused.value.detail)
    assert len(told) == 1
    assert host.use().result["client_id"] == f"{NEWCOMER}.{DESK}"


def test_refused_invitations_are_counted(gateway, host):
    host.invite()
    host.use()
    thief, size = Newcomer(gateway), gateway.size()
    for _ in range(ENROLMENTS_REFUSED_PER_MINUTE):
        gateway.refusal(enrolment.redeem_invitation, NEWCOMER, TOKEN, thief.asked())
    with pytest.raises(TooManyAttempts):
        enrolment.redeem_invitation(gateway.ports, NEWCOMER, TOKEN, thief.asked())
    assert gateway.size() == size + ENROLMENTS_REFUSED_PER_MINUTE


def test_a_false_proof_is_counted_and_leaves_the_invitation_unused(gateway, host):
    host.invite()
    false = FirstDocumentKey(document_key("another").public_jwk(), host.first_key().proof)
    asked = enrolment.redeem_invitation, NEWCOMER, TOKEN, host.asked(), false
    for _ in range(ENROLMENTS_REFUSED_PER_MINUTE):
        refused_without_event(gateway, ValidationFailed, *asked)
    refused_without_event(gateway, TooManyAttempts, *asked)
    gateway.clock.advance(timedelta(minutes=1))
    assert host.use(first=host.first_key()).result["client_id"] == f"{NEWCOMER}.{DESK}"


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.LEFT])
def test_who_may_not_take_part_enrols_nothing(gateway, host, status):
    host.invite()
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        member = work.organisations.get(NEWCOMER)
        work.organisations.save(replace(member, status=status, version=member.version + 1))
        work.commit()
    assert redeem_refused(gateway, host, Forbidden).rules == ("R2.inactive",)


def test_a_second_document_key_is_never_registered_by_an_invitation(gateway):
    gateway.register_key(HOTLINE, document_key("first"))
    host = Newcomer(gateway, HOTLINE)
    host.invite()
    redeem_refused(gateway, host, AlreadyExists, HOTLINE, first=host.first_key())


def test_a_registered_system_is_invited_with_the_digest_of_a_token(gateway, host):
    for system, digest, kind in (
        ("other", OTHER_TOKEN, NotFound),
        (DESK, "secret", ValidationFailed),
    ):
        values = {"system": system, "token_sha256": digest}
        gateway.unmade(kind, Change("invitation.create", NEWCOMER, values))


# --- The next certificate ---


@pytest.fixture
def credentials(gateway: Founded, host: Newcomer) -> Credentials:
    host.invite()
    host.use()
    serve(gateway)
    (one,) = certificates(gateway)
    return Credentials(one.thumbprint, (system_uri(SHORT_NAME, NEWCOMER, DESK),))


def test_a_system_renews_its_certificate_by_the_present_one(gateway, credentials):
    host = Newcomer(gateway)
    done = gateway.do(enrolment.renew, credentials, host.asked())
    serve(gateway)
    assert len(certificates(gateway)) == 2
    assert fields_of(done.receipt)["type"] == "certificate.requested"
    again = gateway.do(enrolment.renew, credentials, host.asked())
    assert again.result == done.result


def test_renewals_are_counted_for_each_system_and_day(gateway, credentials):
    for _ in range(RENEWALS_PER_DAY):
        renewed(gateway, credentials)
    with pytest.raises(TooManyAttempts):
        renewed(gateway, credentials)
    gateway.clock.advance(timedelta(days=1))
    renewed(gateway, credentials)


@each(
    "uris",
    [
        (),
        ("urn:casegate:another:hotline-new:desk",),
        ("urn:casegate:example:point-de-contact:desk",),
        ("urn:casegate:example:hotline-new:desk", "urn:x"),
    ],
)
def test_a_certificate_that_names_another_renews_nothing(gateway, credentials, uris):
    asked = replace(credentials, uris=uris), Newcomer(gateway).asked()
    refused_without_event(gateway, NotAuthenticated, enrolment.renew, *asked)


def test_a_revoked_certificate_renews_nothing_nor_is_made_what_it_asked_for(gateway, credentials):
    asked = renewed(gateway, credentials)
    assert revoke(gateway, thumbprint=credentials.thumbprint)["left"] == []
    again = credentials, Newcomer(gateway).asked()
    refused_without_event(gateway, NotAuthenticated, enrolment.renew, *again)
    serve(gateway)
    made = status_of(gateway, asked)
    assert made.certificate is None
    assert "revoked" in made.refusal


def test_a_certificate_that_has_ended_is_not_among_those_that_are_left(gateway, credentials):
    gateway.clock.advance(timedelta(days=29))
    renewed(gateway, credentials)
    serve(gateway)
    gateway.clock.advance(timedelta(days=2))
    revoked = revoke(gateway, system=DESK)
    assert len(revoked["revoked"]) == 1
    assert (credentials.thumbprint in revoked["revoked"], revoked["left"]) == (False, [])


def test_a_thief_s_renewals_are_shown_and_end_with_the_system_s_certificates(gateway, credentials):
    renewed(gateway, credentials)
    gateway.clock.advance(timedelta(seconds=1))
    serve(gateway)
    (left,) = revoke(gateway, thumbprint=credentials.thumbprint)["left"]
    rest = revoke(gateway, system=DESK)
    assert (rest["revoked"], rest["left"]) == ([left], [])
    change = Change("certificate.revoke", NEWCOMER, {"system": DESK, "reason": "stolen"})
    gateway.unmade(WrongState, change)


def test_an_invitation_is_withdrawn_with_the_request_that_waits(gateway, host):
    invited, first = host.invite(), host.first_key()
    used = host.use(first=first)
    withdrawn = withdraw(gateway, invited)
    assert withdrawn.result["document_keys"] == [first.jwk["kid"]], "which stand"
    serve(gateway)
    made = status_of(gateway, used)
    assert (made.certificate, made.refusal) == (None, "the invitation was withdrawn")
    assert gateway.organisation(NEWCOMER).status is Status.APPROVED


def test_nobody_withdraws_the_invitation_of_another_or_one_that_nobody_can_use(gateway, host):
    invitation = host.invite().result["invitation"]

    def refusal(organisation: str, named: str, kind: type) -> str:
        values = {"invitation": named, "reason": "sent astray"}
        change = Change("invitation.withdraw", organisation, values)
        return gateway.unmade(kind, change, ALICE).detail

    for organisation, named in ((HOTLINE, invitation), (NEWCOMER, str(gateway.new_id()))):
        assert "no such invitation" in refusal(organisation, named, NotFound)
    gateway.clock.advance(INVITATION_LIFE)
    assert "expired" in refusal(NEWCOMER, invitation, InvitationUnusable)


def test_an_invitation_whose_request_was_refused_is_withdrawn_too(gateway, host):
    invited, system = host.invite(), {"system": DESK, "reason": "not yet"}
    used = host.use()
    gateway.administer("system.disable", NEWCOMER, **system)
    serve(gateway)
    withdraw(gateway, invited)
    assert "disabled" in status_of(gateway, used).refusal
    gateway.administer("system.enable", NEWCOMER, **system)
    assert "withdrawn" in redeem_refused(gateway, host, InvitationUnusable).detail


# --- What an enrolled organisation may do ---


def test_an_enrolled_organisation_sees_itself_and_nothing_else(gateway, credentials):
    me = to_json(organisations.whoami(gateway.ports, caller(NEWCOMER)))
    assert me["status"] == "enrolled"
    refused = gateway.refusal(organisations.page, caller(NEWCOMER), "", 9)
    assert refused.refusal.rules == ("R2.inactive",)
