"""Where a document key came from: the log proves it, or it is said that only a file does."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import canonical, key_declaration, key_history, receipt, signature
from gateway.evidence.key_declaration import LOCK, POSSESSION, SUCCESSION
from gateway.evidence.receipt import NotInLog, Receipt, UnknownLog
from gateway.evidence.report import Code, VerificationFailed
from gateway.evidence.trust import TrustAnchors
from gateway.evidence.verification import verify_bundle
from tests.each import each
from tests.evidence.ingredients import SoftwareSigner, chance, es256
from tests.evidence.logbook import ORIGIN, Logbook
from tests.evidence.scenario import SIGNERS, Scenario
from tests.evidence.scenario import TRUST as BUNDLE_TRUST

GATEWAY = "https://gw.example.org"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIRST, SECOND, STRANGER = (es256(name) for name in ("first", "second", "stranger"))


def jwk(signer: SoftwareSigner) -> dict[str, str]:
    members = signature.jwk_of(signer.private.public_key())
    return {**members, "kid": signature.thumbprint(members)}


def named(signer: SoftwareSigner) -> SoftwareSigner:
    return replace(signer, kid=jwk(signer)["kid"])


KEY, NEXT, OTHER = named(FIRST), named(SECOND), named(STRANGER)


def word(
    says: str, about: str, by: SoftwareSigner, organisation: str = "police", **more: Any
) -> str:
    return key_declaration.issue(
        organisation=more.get("issuer", f"{GATEWAY}/organisations/{organisation}"),
        audience=GATEWAY,
        says=says,
        kid=about,
        at=AT,
        jti=UUID(int=7 << 76),
        signer=by,
        random=chance(f"{says} {about} {by.kid}"),
    ).compact()


def subject(**changes: Any) -> dict[str, Any]:
    said = {
        "organisation": "police",
        "jwk": jwk(FIRST),
        "proof": word(POSSESSION, KEY.kid, KEY),
        "countersignature": None,
        **changes,
    }
    return {name: value for name, value in said.items() if value != ""}


def logged(said: Any, book: Logbook | None = None, **changes: Any) -> Receipt:
    """The receipt of an event with this subject."""
    book = book or Logbook()
    text = said if isinstance(said, str) else canonical.encode(said).decode()
    fact = AuditEvent(
        id=UUID(int=7 << 76),
        action="key.register",
        result=EventResult.ALLOWED,
        parties=(Party("gateway", "gateway"),),
        details=(
            EventDetail("by", ("alice", "benoit"), frozenset({"gateway"})),
            EventDetail("subject", text, frozenset({"police"})),
        ),
    )
    return book.receipt(book.record(replace(fact, **changes), AT), "police")


TRUST = TrustAnchors(tuple(Logbook().keys), (ORIGIN,), organisations={"police": KEY.keys()})


def test_a_first_key_tells_event_place_and_day():
    found = key_history.verify_registration(logged(subject()), TRUST)
    assert (found.organisation, found.kid) == ("police", KEY.kid)
    assert found.key == KEY.private.public_key()
    assert found.describe() == (
        f"key {KEY.kid} of police: registered on 2026-01-02 by event {UUID(int=7 << 76)}, entry 0 "
        f"of the log {ORIGIN}, the organisation's first key, without a countersignature"
    )


def test_a_later_key_tells_which_key_countersigned():
    said = subject(
        jwk=jwk(SECOND),
        proof=word(POSSESSION, NEXT.kid, NEXT),
        countersignature=word(SUCCESSION, NEXT.kid, KEY),
    )
    found = key_history.verify_registration(logged(said), TRUST)
    assert found.describe().endswith(f"countersigned with key {KEY.kid}")
    unknown = key_history.verify_registration(logged(said), replace(TRUST, organisations={}))
    assert unknown.describe().endswith(f"with key {KEY.kid} (not checked: key not provided)")


@each(
    "changes",
    [
        {"organisation": "hotline"},
        {"organisation": "No One"},
        {"organisation": ""},
        {"organisation": 1},
        {"jwk": jwk(SECOND)},
        {"jwk": {**jwk(FIRST), "kid": "mine"}},
        {"jwk": {}},
        {"proof": word(POSSESSION, NEXT.kid, NEXT)},
        {"proof": word(POSSESSION, NEXT.kid, KEY)},
        {"proof": word(LOCK, KEY.kid, KEY)},
        {"proof": word(POSSESSION, KEY.kid, KEY, "hotline")},
        {
            "proof": word(
                POSSESSION, KEY.kid, KEY, issuer="https://other.example/organisations/police"
            )
        },
        {"proof": word(POSSESSION, KEY.kid, replace(OTHER, kid=KEY.kid))},
        {"proof": "x"},
        {"proof": None},
        {"countersignature": "x"},
        {"countersignature": 1},
        {"countersignature": word(SUCCESSION, KEY.kid, replace(OTHER, kid=KEY.kid))},
        {"countersignature": word(POSSESSION, KEY.kid, KEY)},
        {"countersignature": word(SUCCESSION, NEXT.kid, KEY)},
    ],
)
def test_a_registration_that_proves_nothing_is_refused_though_the_log_has_it(changes):
    with pytest.raises(VerificationFailed) as failed:
        key_history.verify_registration(logged(subject(**changes)), TRUST)
    assert failed.value.code in {Code.MISMATCH, Code.BAD_SIGNATURE}


@each(
    "changes",
    [
        {"action": "key.revoke"},
        {"action": "organisation.admit"},
        {"result": EventResult.DENIED},
        {"details": ()},
        {"details": (EventDetail("by", "alice", frozenset({"police"})),)},
    ],
)
def test_another_event_registers_no_key(changes):
    with pytest.raises(VerificationFailed):
        key_history.verify_registration(logged(subject(), **changes), TRUST)


@given(st.one_of(st.text(max_size=40), st.from_regex(r'\{"jwk":[\[\]{}0-9]{0,9}\}')))
def test_whatever_an_event_says_is_read_or_refused(said):
    with pytest.raises(VerificationFailed):
        key_history.verify_registration(logged(said or "x"), TRUST)


def test_a_subject_nested_without_end_is_refused():
    with pytest.raises(VerificationFailed):
        key_history.verify_registration(logged("[" * 3000), TRUST)


def test_without_the_log_there_is_no_origin():
    other = Logbook("log.example.org/other", "other")
    with pytest.raises(UnknownLog):
        key_history.verify_registration(logged(subject(), other), TRUST)
    real = logged(subject())
    with pytest.raises(NotInLog):
        key_history.verify_registration(replace(real, nonce=bytes(32)), TRUST)
    forged = logged(subject(), Logbook(ORIGIN, "another key"))
    with pytest.raises(NotInLog):
        key_history.verify_registration(forged, TRUST)


def test_a_subject_of_another_event_is_not_believed():
    real, other = logged(subject()), logged(subject(organisation="hotline"))
    swapped = replace(real, disclosures=other.disclosures)
    with pytest.raises(receipt.UnmatchedDetail):
        key_history.verify_registration(swapped, TRUST)
    assert json.loads(real.document)["typ"] == "key.registered"


@pytest.mark.parametrize("early", [True, False])
def test_a_key_counts_from_its_registration_on(early, monkeypatch):
    """Nobody says later, by what they register then, whose word an earlier one was."""
    monkeypatch.setitem(SIGNERS, "police", KEY)
    log = Logbook()
    before = logged(subject(), log) if early else None
    story = Scenario(log=log)
    story.say("acceptance")
    registered = before or logged(subject(), log, id=UUID(int=(7 << 76) + 9))
    known = {**BUNDLE_TRUST.organisations, "police": KEY.keys()}
    trust = replace(BUNDLE_TRUST, organisations=known, registrations=(registered,))
    verdict = verify_bundle(story.file(), trust)
    assert verdict.code is (Code.VERIFIED if early else Code.MISMATCH), verdict
    assert ("a key was registered after it was used" in verdict.sentence) is not early
