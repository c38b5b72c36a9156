"""The verdict: what holds together is verified, and every way in which it does not has its code."""

import json
import re
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit_event import EventDetail, EventResult
from gateway.evidence import base64url, handoff_documents, receipt, sd_jwt
from gateway.evidence.bundle import Bundle, BundlePackage
from gateway.text import catalogue
from gateway.verification import verifier
from gateway.verification.report import Code, StepResult, VerificationReport
from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.evidence.ingredients import chance, es256
from tests.verification.former import former
from tests.verification.logbook import ORIGIN, Logbook
from tests.verification.scenario import (
    GATEWAY,
    HANDOFF,
    SIGNERS,
    TRUST,
    Scenario,
    case_version,
    fact,
    keys_of,
    uri,
)

OTHER = UUID("01890000-0000-7000-8000-00000000dcba")
NO_TRUST = TrustAnchors(log_keys=(), origins=())


def failed_step(result: VerificationReport) -> int:
    """The number of the step that failed; the steps around it must be as they have to be."""
    outcomes = [step.outcome for step in result.steps]
    assert [step.number for step in result.steps] == list(range(1, len(outcomes) + 1))
    place = outcomes.index(StepResult.FAILED)
    assert outcomes[:place] == [StepResult.OK] * place
    assert outcomes[place + 1 :] == [StepResult.SKIPPED] * (len(outcomes) - place - 1)
    assert result.steps[place].detail in result.sentence
    return result.steps[place].number


def check(data: bytes, trust: TrustAnchors = TRUST) -> VerificationReport:
    result = verifier.verify(data, trust)
    ended = {step.outcome for step in result.steps}
    assert result.passed == (ended <= {StepResult.OK, StepResult.NOT_SHOWN})
    assert result.passed == result.sentence.startswith("VERIFIED")
    assert result.passed or result.code not in (Code.VERIFIED, Code.SIMULATED)
    return result


def verified(
    data: bytes, trust: TrustAnchors = TRUST, code: Code = Code.VERIFIED
) -> VerificationReport:
    result = check(data, trust)
    assert (result.passed, result.code) == (True, code), result
    return result


def refused(
    data: bytes, code: Code, step: int, reason: str = "", trust: TrustAnchors = TRUST
) -> VerificationReport:
    result = check(data, trust)
    assert result.code == code, result
    assert failed_step(result) == step, result
    assert reason in result.sentence, result
    return result


def receipt_file(story: Scenario, index: int, reader: str | None = None) -> bytes:
    return json.dumps(receipt.to_json(story.log.receipt(index, reader))).encode()


def states(result: VerificationReport) -> list[str]:
    return list(fact(result, "state")["states"])


def trusting(**changes) -> TrustAnchors:
    return replace(TRUST, **changes)


# --- any file ----------------------------------------------------------------------------------


def test_each_exit_code_is_distinct_and_documented():
    assert len({int(code) for code in Code}) == len(Code)
    for code in Code:
        assert re.search(rf"^ +{int(code)}  \w", verifier.__doc__, re.MULTILINE)


@each(
    "data, kind",
    [
        (b"", "unknown"),
        (b"hello", "unknown"),
        (b"\xff\xfe", "unknown"),
        (b"{", "unknown"),
        (b'{"a": 1, "a": 2}', "unknown"),
        (b"{}", "receipt"),
        (b'{"document": 1}', "receipt"),
        (b'{"format": "other"}', "bundle"),
        (b"[" * 10_000, "unknown"),
        (b'{"a":' * 10_000, "unknown"),
        (b"{" + b" " * 5_000_000, "unknown"),
        (b" " * 5_000_000, "unknown"),
        (b"~" * 4_000_000, "unknown"),
    ],
)
def test_a_file_of_no_format_of_ours_is_said_to_be_none(data, kind):
    result = check(data)
    assert (result.code, result.kind) == (Code.UNKNOWN_FORMAT, kind)


def test_a_file_of_another_known_kind_is_called_that_in_both_languages():
    log = Scenario().log
    proof = log.proof(0).encode()
    note = proof[proof.index(log.origin.encode()) :]
    answer = b'{"result": {}, "receipt": {}}'
    files = (b"hello", b"", b"%PDF-1.7", b"PK\x03\x04", proof, note, answer)
    said = {check(one).failure for one in files}
    assert len(said) == len({catalogue.reason(one, catalogue.FRENCH) for one in said}) == 7


FILES = [
    Scenario().told("acceptance", "outcome").file(),
    receipt_file(Scenario(), 0),
    Scenario().offer.compact().encode(),
]


@each("data", FILES)
def test_a_truncated_file_is_not_verified(data):
    verified(data)
    for length in range(0, len(data) - 2, len(data) // 60):
        assert check(data[:length]).code != 0


@each("data", FILES)
def test_nothing_is_verified_without_keys(data):
    assert check(data, NO_TRUST).code == Code.KEY_MISSING


@given(st.binary(max_size=80) | st.text(max_size=40).map(lambda t: ("{" + t).encode()))
def test_arbitrary_bytes_get_a_verdict(data):
    assert check(data).code != 0


@given(st.sampled_from(FILES), st.integers(0), st.integers(0, 255))
def test_a_changed_byte_never_makes_another_verdict_of_success(data, place, byte):
    place %= len(data)
    changed = data[:place] + bytes([byte]) + data[place + 1 :]
    result = check(changed)
    if result.code == 0:
        assert result.sentence == check(data).sentence


# --- a receipt ---------------------------------------------------------------------------------


def test_a_receipt_tells_what_the_log_holds():
    story = Scenario().told("acceptance")
    result = verified(receipt_file(story, 1, "hotline"))
    assert result.kind == "receipt"
    told = fact(result, "recorded")
    assert told["under"] == "proved"
    assert (told["type"], told["result"], told["entry"]) == ("handoff.accepted", "allowed", 1)
    assert (told["log"], told["at"]) == (ORIGIN, "2026-01-02T03:04:06.000Z")
    assert fact(result, "withheld.event")["number"] == 5
    assert "organisation hotline, role actor, stream_number 2" in result.steps[2].detail
    assert "by: staff-1" in result.steps[2].detail


def test_a_simulated_legal_date_is_said():
    story = Scenario()
    index = story.record("handoff.accept", None, simulated_date=date(2023, 10, 31))
    told = verified(receipt_file(story, index), code=Code.SIMULATED)
    assert fact(told, "simulated")["dates"] == ["2023-10-31"]


def test_a_refused_attempt_is_called_that():
    story = Scenario()
    index = story.record("handoff.offer", None, result=EventResult.DENIED)
    told = keys_of(verified(receipt_file(story, index)))
    assert "recorded.attempt" in told
    assert "recorded" not in told


def test_a_details_control_characters_do_not_reach_the_terminal():
    story = Scenario()
    index = story.record(
        "handoff.accept", None, details=(EventDetail("reason", "a\x1b[2J\u202eb\nc\u00a0d"),)
    )
    detail = verified(receipt_file(story, index)).steps[2].detail
    assert "reason: a\ufffd[2J\ufffdb\ufffdc\u00a0d" in detail


def test_a_receipt_of_another_log_is_undecided():
    other = Scenario(log=Logbook("log.example.com/other"))
    refused(receipt_file(other, 0), Code.KEY_MISSING, 2, "log.example.com/other")
    both = [*TRUST.log_keys, *other.log.keys]
    refused(receipt_file(other, 0), Code.KEY_MISSING, 2, trust=trusting(log_keys=both))
    verified(
        receipt_file(other, 0), trusting(log_keys=both, origins=(ORIGIN, "log.example.com/other"))
    )


def a_receipt(index: int = 0, **changes) -> bytes:
    """The receipt of an offer or its acceptance; ``changes`` take parts of the other's."""
    log = Scenario().told("acceptance").log
    return json.dumps(receipt.to_json(log.receipt(index)) | changes).encode()


OF_THE_OTHER = json.loads(a_receipt(1))
IMPOSTOR = Scenario(log=Logbook(key="impostor"))


@each(
    "data, code, step, reason",
    [
        # The entry is recomputed from the document that is presented (compare CVE-2022-36056).
        (a_receipt(proof=OF_THE_OTHER["proof"]), Code.NOT_IN_LOG, 4, "another root"),
        (a_receipt(disclosures=OF_THE_OTHER["disclosures"]), Code.MISMATCH, 3, "another event"),
        (a_receipt(proof="x" * 600_000), Code.UNKNOWN_FORMAT, 1, "long"),
        # A log of the same name under another key is not believed.
        (receipt_file(IMPOSTOR, 0), Code.NOT_IN_LOG, 4, ""),
    ],
)
def test_a_receipt_that_does_not_hold_together_is_refused(data, code, step, reason):
    refused(data, code, step, reason)


def test_a_log_that_is_trusted_by_name_but_without_key_is_undecided():
    refused(receipt_file(Scenario(), 0), Code.KEY_MISSING, 2, trust=trusting(log_keys=()))


# --- a presentation ----------------------------------------------------------------------------


def test_a_redacted_presentation_verifies_as_its_originators_word():
    document = case_version()
    shown = [d.digest for d in document.disclosures if d.name in ("matter", "urgency")]
    result = verified(document.present(shown).compact().encode() + b"\n")
    assert result.kind == "presentation"
    assert fact(result, "case.alone")["under"] == "proved"
    assert fact(result, "dated")["under"] == "stated"
    assert fact(result, "signed")["kid"] == "hotline-key"
    assert fact(result, "elements.document")["shown"] == 2
    assert result.steps[2].detail == "matter, urgency"
    assert "only your key file confirms it" in result.steps[3].detail
    assert "key.registration.unproved" in keys_of(result)
    assert fact(result, "withheld.document")["number"] == 14


def test_an_attested_document_rests_on_the_operators_word_and_says_so():
    result = verified(case_version(attested=True).compact().encode(), code=Code.ATTESTED)
    assert fact(result, "case.alone")["under"] == "operator_word"
    told = fact(result, "attested")
    assert (told["by"], told["kid"], told["issuer"]) == ("hotline", "gateway-key", GATEWAY)
    assert "attested" not in keys_of(verified(case_version().compact().encode()))


def test_what_the_parties_signed_is_proved_also_where_the_case_is_attested():
    told = verified(Scenario(attested=False).told("acceptance").file())
    assert fact(told, "state")["under"] == "proved"
    mixed = Scenario(case_attested=True).told("acceptance").file()
    told = verified(mixed)
    assert fact(told, "case")["under"] == "operator_word"
    assert fact(told, "state")["under"] == "proved"


def test_who_requires_the_authors_signature_refuses_an_attested_document():
    data = case_version(attested=True).compact().encode()
    assert verifier.verify(data, TRUST, require=("signed",)).code == Code.ATTESTED
    whole = Scenario(attested=True).told("acceptance").file()
    required = verifier.verify(whole, TRUST, require=("signed",))
    assert (required.code, required.passed) == (Code.ATTESTED, False)
    own = Scenario().told("acceptance").file()
    assert verifier.verify(own, TRUST, require=("signed",)).code == Code.VERIFIED


@each("which", ["offer", "answer"])
def test_an_offer_and_an_answer_verify_alone(which):
    story = Scenario().told("decline")
    document = story.offer if which == "offer" else story.answers[0]
    told = fact(
        verified(document.compact().encode()), "offer.alone" if which == "offer" else "decline"
    )
    assert (told["handoff"], told["signed_at"]) == (str(HANDOFF), "2026-01-02T03:04:05Z")


def signed_by(name: str, typ: str = "casegate-case+sd-jwt", **claims) -> bytes:
    document = sd_jwt.issue(
        typ=typ,
        claims={"aud": GATEWAY, **claims},
        properties=[],
        arrays=[],
        signer=SIGNERS[name],
        random=chance(),
    )
    return document.compact().encode()


ATTESTED = {"iss": GATEWAY, "attested_for": uri("hotline")}
HOTLINES = {"iss": uri("hotline")}


@each(
    "data, code, step, reason",
    [
        pytest.param(
            case_version("stranger").compact().encode(), Code.KEY_MISSING, 2, "stranger",
            id="its organisation has no keys",
        ),
        pytest.param(
            signed_by("hotline", **ATTESTED), Code.KEY_MISSING, 2, "",
            id="an organisation cannot attest",
        ),
        pytest.param(
            signed_by("gateway", **HOTLINES), Code.KEY_MISSING, 2, "",
            id="the gateway's key cannot sign as an organisation",
        ),
        pytest.param(
            signed_by("police", **HOTLINES), Code.KEY_MISSING, 2, "",
            id="one organisation's key cannot sign as another",
        ),
        pytest.param(
            signed_by("hotline", iss=GATEWAY), Code.UNKNOWN_FORMAT, 2, "no author",
            id="it is nobody's word",
        ),
        pytest.param(
            signed_by("hotline", "vc+sd-jwt", **HOTLINES), Code.UNKNOWN_FORMAT, 1, "type",
            id="its type is unknown",
        ),
    ],
)  # fmt: skip
def test_a_document_that_is_not_its_authors_word_is_refused(data, code, step, reason):
    refused(data, code, step, reason)


@each(
    "keys, code",
    [
        (es256("new").keys(), Code.KEY_MISSING),
        ({"hotline-key": es256("x").private.public_key()}, Code.BAD_SIGNATURE),
    ],
)
def test_a_document_under_another_key_is_undecided_or_false(keys, code):
    trust = trusting(organisations={"hotline": keys})
    refused(case_version().compact().encode(), code, 2, trust=trust)


def test_a_picture_in_the_header_or_as_a_digest_is_no_document_of_ours():
    signer, picture = SIGNERS["hotline"], "data:image/jpeg;base64,/9j/4AAQSkZJRg"
    head, body, _ = case_version().issuer_signed.split(".")
    header, payload = (json.loads(base64url.decode(part)) for part in (head, body))
    with_digest = {**payload, "_sd": [picture, *payload["_sd"][1:]]}
    for changed in (({**header, "x": picture}, payload), (header, with_digest)):
        text = ".".join(base64url.encode(json.dumps(part).encode()) for part in changed)
        signed = f"{text}.{base64url.encode(signer.sign(text.encode()))}~"
        assert check(signed.encode()).code != Code.VERIFIED


def test_a_disclosure_swapped_in_from_another_document_does_not_belong():
    one, other = case_version(), case_version(seed="other")
    swapped = sd_jwt.SdJwt(one.issuer_signed, other.disclosures)
    refused(swapped.compact().encode(), Code.MISMATCH, 3)


# --- a bundle ----------------------------------------------------------------------------------


@each("attested", [False, True])
@each("reader", [None, "hotline", "police"])
def test_a_whole_handoff_verifies_for_each_of_its_readers(attested, reader):
    story = Scenario(attested=attested).told("acceptance", "outcome", "outcome", "closure")
    result = verified(story.file(reader), code=Code.ATTESTED if attested else Code.VERIFIED)
    assert result.kind == "bundle"
    offered, closed = fact(result, "offer"), fact(result, "closure")
    assert (offered["by"], offered["to"], offered["entry"]) == ("hotline", "police", 0)
    assert (closed["by"], closed["entry"]) == ("police", 4)
    assert {offered["under"], closed["under"]} == {"operator_word" if attested else "proved"}
    state = fact(result, "state")
    assert (state["entry"], state["states"]) == (4, ["closed"])
    assert state["under"] == ("operator_word" if attested else "proved")
    assert "later" not in keys_of(result)
    assert "outcomes.later" in keys_of(result)


def test_an_offer_without_answers_stood_offered():
    state = fact(verified(Scenario().file()), "state")
    assert (state["entry"], state["states"]) == (0, ["offered"])


@each("answers", [("withdrawal",), ("acceptance", "withdrawal"), ("acceptance", "closure")])
def test_a_file_without_the_end_of_the_story_does_not_say_that_it_is_the_end(answers):
    story = Scenario().told(*answers)
    whole = verified(story.file())
    kept = story.bundle()
    cut = verified(story.file(answers=kept.answers[:-1], receipts=kept.receipts[:-1]))
    assert "later" in keys_of(cut)
    assert "later" not in keys_of(whole)


def test_a_partial_acceptance_is_known_by_its_groups_and_may_be_withheld():
    story = Scenario()
    document = story.say("acceptance", groups=["items"])
    assert states(verified(story.file())) == ["partially_accepted"]
    hidden = story.file(answers=(document.present(()).compact(),))
    assert states(verified(hidden)) == ["accepted", "partially_accepted"]


def test_only_the_groups_of_an_acceptance_make_it_partial():
    story = Scenario().told("acceptance")
    story.say("outcome", groups=["items"])
    assert states(verified(story.file())) == ["accepted", "partially_accepted"]


def test_a_competence_is_named_with_the_event_that_registered_it():
    competence = {"competence": "receive/csam/FR", "mandate_event": "event-1"}
    told = fact(verified(Scenario(competence=competence).file()), "mandate.unproved")
    assert (told["under"], told["event"]) == ("not_proved", "event-1")


def test_receipts_of_consultations_and_denials_belong_to_the_handoff():
    story = Scenario().told("acceptance")
    story.record("case.consult", None, package_digest=base64url.digest(b"what was shown"))
    story.record("handoff.close", None, result=EventResult.DENIED)
    story.record("case.submit", None, handoff=None, package_digest=None)
    result = verified(story.file())
    assert states(result) == ["accepted", "partially_accepted"]
    assert fact(result, "attempt")["under"] == "operator_word"
    assert fact(result, "consulted.other")["entry"] == 2


def test_the_consultation_that_opened_the_presentation_is_named():
    story = Scenario().told("acceptance")
    story.record("case.consult", None, package_digest=base64url.digest(b"something else"))
    story.record(
        "case.consult",
        None,
        package_digest=handoff_documents.package_digest(story.permitted_disclosures),
    )
    result = verified(story.file())
    assert result.steps[9].detail == "entry 3 records the consultation of this presentation"
    assert fact(result, "consulted")["entry"] == 3


def test_a_denied_move_moves_nothing():
    story = Scenario()
    story.record("handoff.decline", None, result=EventResult.WRONG_STATE)
    assert states(verified(story.file())) == ["offered"]


def test_withheld_parts_are_counted():
    story = Scenario().told("acceptance")
    bare = story.file("police", case=story.case.present(()).compact())
    told = fact(verified(bare), "withheld")
    assert (told["case"], told["answers"], told["events"]) == (16, 6, 9)
    assert verified(bare).steps[4].detail == "0 of 7 elements shown"


def test_a_simulated_date_of_any_receipt_in_a_bundle_is_said():
    log, day = Scenario(), date(2023, 10, 31)
    story = Scenario(log=log.log).told("acceptance")
    said = {"handoff": None, "case_digest": None, "package_digest": None, "simulated_date": day}
    detail = EventDetail("key", ("nobody", "x"), frozenset())
    index = log.record("key.revoke", None, details=(detail,), **said)
    of_a_key = story.file(revocations=(story.log.receipt(index),))
    story.record("case.consult", None, simulated_date=day)
    for data in (of_a_key, story.file()):
        assert fact(verified(data, code=Code.SIMULATED), "simulated")["dates"] == ["2023-10-31"]


def test_that_it_is_a_demonstration_hides_nothing_worse_and_is_not_hidden_by_it():
    story = Scenario(attested=True)
    story.say("acceptance")
    story.record("case.consult", None, simulated_date=date(2023, 10, 31))
    told = verified(story.file(), code=Code.ATTESTED)
    assert fact(told, "simulated")["dates"] == ["2023-10-31"]
    for language in catalogue.LANGUAGES:
        for code in (Code.ATTESTED, Code.SIMULATED):
            said = catalogue.headline(int(code), passed=True, failure="", language=language)
            assert said in told.headline_in(language)


def test_the_keys_that_a_bundle_brings_are_not_believed():
    story = Scenario(originator="stranger")
    members = json.loads(story.former()) | {"keys": {uri("stranger"): {"keys": []}}}
    refused(json.dumps(members).encode(), Code.KEY_MISSING, 2)


def test_the_same_event_with_two_checkpoints_is_one_event():
    story = Scenario()
    early = story.log.receipt(0)
    story.told("acceptance")
    both = story.former(receipts=(early, *(story.log.receipt(n) for n in (1, 0))))
    assert states(verified(both)) == ["accepted", "partially_accepted"]


# --- a bundle from which something was taken ---------------------------------------------------


def test_a_removed_answer_is_missed_when_a_receipt_shows_it():
    story = Scenario().told("acceptance", "decline")
    kept = tuple(d.compact() for d in story.answers[:1])
    result = verified(story.file(answers=kept), code=Code.INCOMPLETE)
    told = fact(result, "absent")
    assert (told["type"], told["entry"]) == ("handoff.declined", 2)
    assert states(result) == ["declined"]
    # That a party declined is what the gateway recorded: no signature of that party shows it here.
    assert fact(result, "state")["under"] == "operator_word"


def test_a_removed_answer_and_receipt_are_missed_when_the_order_shows_it():
    story = Scenario().told("acceptance", "outcome")
    story.answers.pop(0)
    story.indexes.pop(1)
    result = verified(story.file(), code=Code.INCOMPLETE)
    assert fact(result, "gaps")["number"] == 1


@each("removed, typ", [(0, "handoff.offered"), (1, "handoff.accepted")])
def test_a_document_without_its_receipt_is_not_shown_to_be_in_the_log(removed, typ):
    story = Scenario().told("acceptance")
    story.indexes.pop(removed)
    refused(story.file(), Code.INCOMPLETE, 11, typ)


def test_a_bundle_without_receipts_is_not_verified():
    refused(Scenario().file(receipts=()), Code.INCOMPLETE, 11)


# --- a bundle whose parts do not belong together -----------------------------------------------


def test_the_erasure_that_an_office_was_told_of_belongs_to_its_handoff_and_is_said():
    story = Scenario().told("acceptance")
    assert "erased" not in keys_of(verified(story.file()))
    at = story.record("case.erase", None, package_digest=None)
    assert fact(verified(story.file()), "erased")["entry"] == at
    story.record("case.erase", None, package_digest=None, case_digest=story.package_digest)
    refused(story.file(), Code.INCOMPLETE, 10, "case version")


def offered_by_another() -> bytes:
    case = case_version("hotline")
    offered = {"to": {"organisation": "hotline"}, "case_digest": case.digest, "disclosures": []}
    said = {"iss": uri("police"), "handoff": str(HANDOFF), **offered}
    thief = signed_by("police", "casegate-offer+sd-jwt", **said).decode()
    return former(Bundle((BundlePackage(case.present(()).compact(), thief),)))


def falsely_offered() -> bytes:
    story = Scenario()
    signed, _, _ = story.offer.issuer_signed.rpartition(".")
    signature = base64url.encode(SIGNERS["police"].sign(signed.encode()))
    forged = replace(story.offer, issuer_signed=f"{signed}.{signature}")
    return story.file(offer=forged.compact())


DECLINED, ACCEPTED = (Scenario(handoff=OTHER).told("decline"), Scenario().told("acceptance"))
OFFER, ANSWER = (one.compact() for one in (ACCEPTED.offer, *ACCEPTED.answers))
FOREIGN = replace(ACCEPTED.case, disclosures=case_version(seed="x").disclosures).compact()
OTHER_CASE = DECLINED.bundle().packages[0].case


@each(
    "data, code, step, reason",
    [
        (Scenario().former(case=OTHER_CASE), Code.MISMATCH, 4, "another case version"),
        (offered_by_another(), Code.MISMATCH, 4, "did not make the offer"),
        (ACCEPTED.file(case=ACCEPTED.case.compact()), Code.MISMATCH, 5, "reporter"),
        (
            Scenario().file(answers=(DECLINED.answers[0].compact(),)),
            Code.MISMATCH, 7, "another handoff",
        ),
        (falsely_offered(), Code.BAD_SIGNATURE, 3, ""),
        # Documents in each other's places, a document twice, a disclosure of another document.
        (ACCEPTED.former(offer=ANSWER, answers=(OFFER,)), Code.UNKNOWN_FORMAT, 1, "type"),
        (ACCEPTED.file(answers=(ANSWER, ANSWER)), Code.UNKNOWN_FORMAT, 1, "twice"),
        (ACCEPTED.file(case=FOREIGN), Code.MISMATCH, 2, ""),
    ],
)  # fmt: skip
def test_documents_that_do_not_belong_together_are_refused(data, code, step, reason):
    refused(data, code, step, reason)


@each(
    "changes, what",
    [
        ({"handoff": OTHER}, "handoff"),
        ({"case_digest": base64url.digest(b"x")}, "case version"),
        ({"package_digest": base64url.digest(b"x")}, "package_digest"),
    ],
)
def test_an_answer_that_binds_something_else_does_not_belong(changes, what):
    story = Scenario()
    document = story.answer("acceptance", **changes)
    wrong = story.file(answers=(document.compact(),))
    refused(wrong, Code.MISMATCH, 7, f"another {what}")


@each("kind, author", [("acceptance", "hotline"), ("closure", "hotline"), ("withdrawal", "police")])
def test_an_answer_by_the_party_that_may_not_give_it_does_not_belong(kind, author):
    story = Scenario()
    document = story.answer(kind, author)
    wrong = story.file(answers=(document.compact(),))
    refused(wrong, Code.MISMATCH, 7, "another party")


def test_an_answer_whose_signature_is_false_spoils_the_bundle():
    story = Scenario().told("acceptance")
    keys = {"police-key": es256("x").private.public_key()}
    trust = trusting(organisations={**TRUST.organisations, "police": keys})
    refused(story.file(), Code.BAD_SIGNATURE, 6, trust=trust)


# --- a bundle whose receipts are not of this handoff -------------------------------------------


def with_event(
    action: str = "case.consult", digest: str | None = None, kind: str = "", **changes
) -> bytes:
    """An offer and an event after it: which records an answer of a ``kind``, if there is one."""
    story = Scenario()
    if kind:
        digest = story.say(kind).digest
        story.indexes.pop()
    story.record(action, digest, **changes)
    return story.file()


A_DIGEST = base64url.digest(b"x")


def of_two_handoffs() -> bytes:
    story = Scenario()
    other = Scenario(handoff=OTHER, log=story.log).told("acceptance")
    return story.file(receipts=tuple(story.log.receipt(n) for n in (0, other.indexes[1])))


@each(
    "data, code, step, reason",
    [
        (with_event(handoff=OTHER), Code.MISMATCH, 10, "another handoff"),
        (of_two_handoffs(), Code.MISMATCH, 10, "another handoff"),
        (with_event(handoff=None, case_digest=None), Code.MISMATCH, 10, "neither handoff nor case"),
        (with_event("handoff.offer", A_DIGEST), Code.MISMATCH, 10, "another offer"),
        (with_event("handoff.offer"), Code.MISMATCH, 10, "another offer"),
        (with_event("handoff.accept", Scenario().offer.digest), Code.MISMATCH, 10, "another kind"),
        (with_event("handoff.accept", kind="decline"), Code.MISMATCH, 10, "another kind"),
        (
            with_event("handoff.accept", kind="acceptance", package_digest=A_DIGEST),
            Code.MISMATCH, 10, "another package",
        ),
        # An event that names the case alone records no answer.
        (with_event("handoff.accept", kind="acceptance", handoff=None), Code.INCOMPLETE, 11, ""),
    ],
)  # fmt: skip
def test_an_event_of_something_else_does_not_belong(data, code, step, reason):
    refused(data, code, step, reason)


def test_a_document_that_two_events_record_does_not_belong():
    story = Scenario().told("acceptance")
    story.record("handoff.accept", story.answers[0].digest)
    refused(story.file(), Code.MISMATCH, 11, "two events")


@each(
    "kinds",
    [
        ("decline", "acceptance"),
        ("withdrawal", "outcome"),
        ("acceptance", "acceptance"),
        ("acceptance", "closure", "outcome"),
    ],
)
def test_events_in_an_unlawful_order_do_not_belong(kinds):
    refused(Scenario().told(*kinds).file(), Code.MISMATCH, 16)


def test_an_answer_that_is_logged_before_the_offer_does_not_belong():
    story = Scenario()
    story.answers = [story.answer("acceptance")]
    story.log, story.indexes = Logbook(), []
    story.record("handoff.accept", story.answers[0].digest)
    story.record("handoff.offer", story.offer.digest)
    refused(story.file(), Code.MISMATCH, 16, "before the offer")


def test_a_receipt_whose_proof_is_of_another_entry_spoils_the_bundle():
    story = Scenario().told("acceptance")
    mixed = replace(story.log.receipt(1), proof=story.log.proof(0))
    spoiled = story.former(receipts=(story.log.receipt(0), mixed))
    refused(spoiled, Code.NOT_IN_LOG, 8, "another root")


def test_receipts_of_two_logs_do_not_belong_together():
    one, other = Scenario(), Scenario(log=Logbook("log.example.com/other"))
    trust = trusting(
        log_keys=[*one.log.keys, *other.log.keys], origins=(ORIGIN, "log.example.com/other")
    )
    mixed = one.file(receipts=(one.log.receipt(0), other.log.receipt(0)))
    refused(mixed, Code.MISMATCH, 8, "several logs", trust)


def test_a_receipt_of_an_unknown_log_leaves_the_bundle_undecided():
    other = Scenario(log=Logbook("log.example.com/other"))
    refused(other.file(), Code.KEY_MISSING, 8)


@each("more, shown", [(1, 0), (2, 1)])
def test_a_log_that_shows_two_histories_is_found_out(more, shown):
    story, fork = Scenario(), Scenario()
    story.record("case.consult", None)
    for number in range(more):
        fork.record("case.consult", None, id=UUID(int=number))
    forked = story.former(receipts=(story.log.receipt(shown), fork.log.receipt(1)))
    refused(forked, Code.CONTRADICTION, 9)


def test_a_receipt_with_a_malformed_event_spoils_the_bundle():
    story = Scenario()
    one = replace(story.log.receipt(0), document=b"{}")
    refused(story.former(receipts=(one,)), Code.UNKNOWN_FORMAT, 8)
    refused(story.file(receipts=(one,)), Code.UNKNOWN_FORMAT, 1)


def test_a_huge_bundle_is_not_read():
    huge = former(Bundle((BundlePackage("x" * 5_000_000, ""),)))
    result = verifier.verify_bundle(huge, TRUST)
    assert (result.code, failed_step(result)) == (Code.UNKNOWN_FORMAT, 1)
