"""The gateway's word that a key was not revoked: it counts from a key file as from a bundle."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.evidence.dated_statement import KEY_STATUS_TYP, issue_dated
from gateway.ledger import proof
from gateway.verification.report import Code, VerificationReport
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify, verify_bundle
from tests.each import each
from tests.evidence.ingredients import SoftwareSigner, chance
from tests.verification.logbook import Logbook
from tests.verification.scenario import AT, GATEWAY, SIGNERS, TRUST, Scenario, fact, keys_of
from tests.verification.test_key_history import receipt_of, revoked


def status(
    log: Logbook,
    owner: str = "hotline",
    at: datetime = AT,
    signer: SoftwareSigner = SIGNERS["gateway"],
    **changes: Any,
) -> str:
    """The gateway's word on a member's key, under the checkpoint of the log as it is."""
    said = {"issuer": GATEWAY, "organisation": owner, "kid": SIGNERS[owner].kid, **changes}
    note = proof.parse(log.proof(len(log.events) - 1)).checkpoint_note
    text = issue_dated(
        KEY_STATUS_TYP, **said, note=note, at=at, signer=signer, random=chance(owner)
    )
    return text.compact()


def keeping(*texts: str, **changes: Any) -> TrustAnchors:
    """The verifier's keys, with a key file that has these statements."""
    return replace(TRUST, key_statuses=texts, **changes)


def alone(story: Scenario, *texts: str, **changes: Any) -> VerificationReport:
    """The offer, verified without its bundle."""
    return verify(story.offer.compact().encode(), keeping(*texts, **changes))


def test_a_statement_in_a_key_file_counts_for_one_document():
    story = Scenario()
    found = alone(story, status(story.log))
    assert fact(found, "key.unrevoked")["under"] == "operator_word"
    assert fact(found, "key.unrevoked")["size"] == len(story.log.events)
    assert "key.revocation.unproved" not in keys_of(found)


@each(
    "said",
    [
        {"owner": "police"},
        {"kid": SIGNERS["police"].kid},
        {"at": AT - timedelta(seconds=1)},
        {"signer": SIGNERS["stranger"]},
        {"issuer": "https://other.example.org"},
    ],
)
def test_a_statement_of_something_else_says_nothing_of_a_document(said):
    story = Scenario()
    other = {"issuer": "https://other.example.org", "gateway_keys": SIGNERS["gateway"].keys()}
    here = replace(TRUST, issuer=GATEWAY, others=(replace(TRUST, **other),))
    trust = replace(here, key_statuses=(status(story.log, **said),))
    found = verify(story.offer.compact().encode(), trust)
    assert found.code is Code.VERIFIED
    assert "key.unrevoked" not in keys_of(found)
    assert "key.revocation.unproved" in keys_of(found)


def test_a_statement_in_a_key_file_counts_for_a_bundle_that_it_covers():
    story = Scenario()
    early = status(story.log)
    story.say("acceptance")
    for text, covers in ((early, False), (status(story.log), True)):
        found = verify_bundle(story.file(), keeping(text, status(story.log, "police")))
        assert "key.unrevoked" in keys_of(found)
        assert ("key.revocation.unproved" in keys_of(found)) is not covers


def test_of_several_statements_the_one_of_the_most_entries_is_told():
    story = Scenario()
    early = status(story.log)
    story.say("acceptance")
    late = status(story.log)
    for order in ((early, late), (late, early)):
        found = verify_bundle(story.file(key_statuses=order[:1]), keeping(order[1]))
        assert fact(found, "key.unrevoked")["size"] == len(story.log.events)


def test_a_revocation_below_the_size_of_a_statement_convicts_the_gateway():
    story = Scenario()
    end = receipt_of(story.log, revoked(story.log))
    false = status(story.log)
    assert alone(story, false, revocations=(end,)).code is Code.CONTRADICTION
    known = keeping(false, revocations=(end,))
    assert verify_bundle(story.file(), known).code is Code.CONTRADICTION
    in_file = story.file(key_statuses=(false,), revocations=(end,))
    assert verify_bundle(in_file, TRUST).code is Code.CONTRADICTION


def test_a_statement_in_a_bundle_is_by_the_gateway():
    story = Scenario()
    by_another = status(story.log, signer=SIGNERS["stranger"])
    assert verify_bundle(story.file(key_statuses=(by_another,)), TRUST).code is Code.KEY_MISSING


def test_a_revocation_after_a_statement_contradicts_nothing():
    story = Scenario()
    true = status(story.log)
    end = receipt_of(story.log, revoked(story.log))
    found = alone(story, true, revocations=(end,))
    assert found.code is Code.VERIFIED
    assert "key.revoked.undated" in keys_of(found)


def test_two_histories_are_seen_in_a_statement_of_a_key_file_as_well():
    story, other = Scenario(), Scenario(log=Logbook())
    story.say("acceptance")
    other.say("decline")
    found = verify_bundle(story.file(), keeping(status(other.log)))
    assert found.code is Code.CONTRADICTION


def test_a_statement_that_was_changed_is_refused():
    story = Scenario()
    text = status(story.log)
    cut = text[:-10] + ("A" if text[-10] != "A" else "B") + text[-9:]
    assert alone(story, cut).code is Code.BAD_SIGNATURE
