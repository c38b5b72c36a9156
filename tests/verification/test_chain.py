"""A bundle's chain of packages: each broken link is found out, each missing one named."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.audit_event import EventDetail, EventResult
from gateway.domain.revision import ChangeKind
from gateway.evidence import bundle, canonical
from gateway.evidence.sd_jwt import SdJwt
from gateway.verification import verifier
from gateway.verification.report import Code
from tests.each import each
from tests.verification.former import former
from tests.verification.scenario import ACTIONS, AT, TRUST, Scenario, fact, keys_of
from tests.verification.test_verification import failed_step, refused, verified

OFFERS, ANSWERS, RECEIPTS, LOGGED, ORDER, MEASURES = 4, 7, 10, 11, 16, 17
"""The numbers of the steps that hold offers, answers and receipts against each other."""


def chain(**changes) -> Scenario:
    """An accepted handoff, its update, and the acknowledgement of that."""
    return Scenario().told("acceptance").updated(**changes).told("acknowledgement")


def broken(story: Scenario, reason: str) -> None:
    """Not verified, and for this reason."""
    result = verifier.verify(story.former(), TRUST)
    assert result.code == Code.MISMATCH, result
    assert reason in result.sentence, result


def test_a_chain_verifies_and_tells_of_each_package():
    result = verified(chain().file())
    told = keys_of(result)
    acts = [one for one in told if one in ("case", "offer", "update", *ACTIONS)]
    assert acts == ["case", "offer", "acceptance", "case", "update", "acknowledgement"]
    assert fact(result, "update")["change"] == ChangeKind.CORRECTION
    assert fact(result, "update")["version"] == 2


@each(
    "changes, reason",
    [
        ({"handoff": "01890000-0000-7000-8000-00000000abce"}, "handoff"),
        ({"to": {"organisation": "stranger"}}, "recipient"),
        ({"to": {"organisation": "police", "competence": "receive/csam/FR"}}, "competence"),
        ({"to": {"organisation": "police", "mandate_event": "1"}}, "mandate"),
        ({"purpose": ["remove"]}, "purpose"),
        ({"version": 1}, "newer case version"),
        ({"updates": None, "change": None}, "another offer"),
    ],
)
def test_an_update_repeats_what_it_updates_and_is_newer(changes, reason):
    broken(Scenario().told("acceptance").updated(**changes), reason)


def test_an_update_is_by_the_originator():
    story = Scenario()
    story.originator = "police"
    broken(story.updated(logged=False), "originator")


def test_an_update_ends_no_later():
    story = Scenario()
    for _ in range(2):
        story.updated(expires_at=datetime(2026, 2, 1, tzinfo=UTC))
        verified(story.file())
    story.updated(expires_at=datetime(2026, 3, 1, tzinfo=UTC))
    broken(story, "ends later")


def test_two_updates_of_one_offer_are_two_histories():
    story = chain()
    first = story.earlier[0][2].digest
    story.updated(updates=first)
    broken(story, "offer")


def test_a_handoff_is_offered_once():
    story = Scenario().told("acceptance").updated()
    story.record("handoff.offer", "A" * 43)
    whole = story.bundle()
    without_the_first = replace(whole, packages=whole.packages[1:])
    refused(bundle.encode(without_the_first), Code.MISMATCH, ORDER)


def test_packages_in_another_order_are_no_chain():
    story = chain()
    whole = story.bundle()
    turned = replace(whole, packages=whole.packages[::-1])
    refused(former(turned), Code.MISMATCH, OFFERS)
    assert verifier.verify(bundle.encode(turned), TRUST).passed, "today's form has no order"


def test_of_an_answer_to_an_offer_that_is_not_here_the_package_is_missing():
    story = Scenario().told("acceptance")
    story.say("outcome", offer_digest="A" * 43)
    result = verified(story.file(), code=Code.INCOMPLETE)
    assert fact(result, "package.missing")["offer"] == "A" * 43


def test_a_package_that_is_left_out_is_named():
    story = chain().updated().told("acknowledgement")
    whole = story.bundle()
    newest = story.answers[-1].compact()
    without = replace(whole, packages=whole.packages[1:], answers=(newest,))
    result = verified(bundle.encode(without), code=Code.INCOMPLETE)
    assert fact(result, "package.missing")["offer"] == story.earlier[0][2].digest
    between = replace(whole, packages=whole.packages[::2], answers=(newest,))
    result = verified(bundle.encode(between), code=Code.INCOMPLETE)
    assert fact(result, "package.missing")["offer"] == story.earlier[1][2].digest


def test_an_update_that_is_left_out_is_named():
    story = chain()
    whole = story.bundle()
    without = replace(whole, packages=whole.packages[:1], answers=whole.answers[:1])
    result = verified(bundle.encode(without), code=Code.INCOMPLETE)
    assert "absent" in keys_of(result)


def test_a_change_that_was_announced_and_is_not_here_is_named():
    story = Scenario().told("acceptance")
    readers = frozenset({"hotline", "police"})
    said = (EventDetail("change", "correction", readers),)
    story.record("handoff.announce_change", None, package_digest=None, details=said)
    result = verified(story.file(), code=Code.INCOMPLETE)
    assert "package.announced" in keys_of(result)
    verified(story.updated().file())


def test_an_update_is_in_the_log():
    refused(Scenario().told("acceptance").updated(logged=False).file(), Code.INCOMPLETE, LOGGED)


def answered(story: Scenario, kind: str, **bound: object) -> Scenario:
    """The story after one more answer, bound otherwise."""
    document: SdJwt = story.answer(kind, **bound)
    story.answers.append(document)
    story.record(ACTIONS[kind], document.digest)
    return story


def test_an_answer_binds_one_package():
    story = Scenario().told("acceptance").updated()
    _, _, offer = story.earlier[0]
    mixed = answered(story, "acknowledgement", offer_digest=offer.digest)
    refused(mixed.file(), Code.MISMATCH, ANSWERS)


def test_an_acceptance_is_of_the_newest_package_of_its_time():
    story = Scenario()
    case, digest, offer = story.case.digest, story.package_digest, story.offer.digest
    story.updated()
    bound = {"case_digest": case, "package_digest": digest, "offer_digest": offer}
    document = story.answer("acceptance", **bound)
    story.answers.append(document)
    story.record("handoff.accept", document.digest, case_digest=case, package_digest=digest)
    refused(story.file(), Code.MISMATCH, ORDER, "older package")


def test_a_consultation_of_an_older_package_after_its_update_is_told():
    story = chain()
    case, _, _ = story.earlier[0]
    story.record("case.consult", None, case_digest=case.digest)
    assert "consulted.superseded" in keys_of(verified(story.file()))


def consulted(story: Scenario, code: str = "investigation", **changes: object) -> Scenario:
    """The story after a consultation by the recipient, of what the bundle shows."""
    why = EventDetail("reason_code", code, frozenset({"police"}))
    story.record("case.consult", None, details=(why,), **changes)
    return story


def test_a_superseded_package_is_told_with_its_reason_code():
    story = chain()
    case, _, _ = story.earlier[0]
    consulted(story, "superseded_package", case_digest=case.digest)
    told = fact(verified(story.file()), "consulted.superseded")
    assert told["says"]["reason_code"] == "superseded_package"


def test_an_addition_replaces_a_package_once_it_is_acknowledged():
    story = Scenario().told("acceptance").updated(change=ChangeKind.ADDITION)
    case, _, _ = story.earlier[0]
    consulted(story, case_digest=case.digest)
    assert "consulted.superseded" not in keys_of(verified(story.file()))
    consulted(story.told("acknowledgement"), case_digest=case.digest)
    assert "consulted.superseded" in keys_of(verified(story.file()))


# --- notices -------------------------------------------------------------------------------------


def announced(story: Scenario) -> Scenario:
    readers = frozenset({"hotline", "police"})
    said = (EventDetail("change", "correction", readers),)
    story.record("handoff.announce_change", None, package_digest=None, details=said)
    return story


def notified() -> tuple[Scenario, str]:
    """A handoff that was declined after its acceptance, whose holder got a correction notice."""
    story = announced(Scenario().told("acceptance", "decline"))
    notice = story.say("correction_notice", code="inaccurate", pointers=["/items/i-1"])
    return story, notice.digest


def test_a_notice_replaces_the_package_that_was_announced_and_its_answers_bind_it():
    story, notice = notified()
    for kind in ("acknowledgement", "application"):
        story.say(kind, notice_digest=notice)
    told = keys_of(verified(story.file()))
    assert "correction_notice" in told
    assert "package.announced" not in told


def test_an_answer_to_another_notice_than_the_newest_is_refused():
    story, older = notified()
    story.say("correction_notice", code="unlawful", pointers=["/items/i-2"])
    story.say("acknowledgement", notice_digest=older)
    refused(story.file(), Code.MISMATCH, ORDER, "another notice")


def test_an_answer_after_a_notice_binds_it():
    story, _ = notified()
    refused(story.told("acknowledgement").file(), Code.MISMATCH, ORDER, "another notice")


def test_an_answer_before_a_notice_is_not_about_it():
    story = Scenario().told("acceptance", "decline")
    notice = story.answer("correction_notice", code="inaccurate", pointers=["/items/i-1"])
    story.say("acknowledgement", notice_digest=notice.digest)
    story.answers.append(notice)
    story.record("handoff.notify_correction", notice.digest)
    refused(story.file(), Code.MISMATCH, ORDER, "another notice")


def test_only_what_answers_a_change_is_about_a_notice():
    story, notice = notified()
    story.say("proposal_answer", decision="to_follow", notice_digest=notice)
    refused(story.file(), Code.MISMATCH, ANSWERS, "answers a notice")


def test_a_notice_that_is_left_out_is_named():
    story, notice = notified()
    story.say("acknowledgement", notice_digest=notice)
    kept = tuple(one.compact() for one in story.answers if one.digest != notice)
    result = verified(story.file(answers=kept), code=Code.INCOMPLETE)
    assert fact(result, "notice.missing")["notice"] == notice


@pytest.mark.parametrize("story", [chain(), notified()[0]], ids=["updated", "notified"])
def test_what_a_file_does_not_show_may_be_a_later_package_or_notice(story):
    assert "package.later" in keys_of(verified(story.file()))


@each("result, key", [(EventResult.ALLOWED, "erased"), (EventResult.DENIED, "attempt")])
def test_an_erasure_is_told_at_its_own_entry_and_changes_no_earlier_state(result, key):
    story = Scenario().told("acceptance")
    before = fact(verified(story.file()), "state")
    story.record("case.erase", None, package_digest=None, result=result)
    told = verified(story.file())
    assert fact(told, key)["entry"] == 2
    assert fact(told, "state") == before
    assert "later" in keys_of(told)


# --- measures ------------------------------------------------------------------------------------

SUSPENSION, MARK, EMBARGO = "suspension", "mark", "embargo"


def measured(story: Scenario, kind: str, **said: object) -> str:
    """Log a measure on the case; its name."""
    name = f"measure-{len(story.log.events)}"
    told(story, "case.embargo" if kind == EMBARGO else "case.restrict", name, kind=kind, **said)
    return name


def told(story: Scenario, action: str, measure: str, **said: object) -> None:
    subject = canonical.encode({"measure": measure, "until": None, **said}).decode()
    both = frozenset({"hotline", "police"})
    details = (EventDetail("subject", subject, both),)
    story.record(action, None, package_digest=None, details=details)


@pytest.mark.parametrize("elements", [[], ["i-1"]])
@pytest.mark.parametrize(("kind", "code"), [(SUSPENSION, "in_proceedings"), (MARK, "evidence")])
def test_the_gateway_let_through_what_was_closed(kind, code, elements):
    story = Scenario().told("acceptance")
    name = measured(story, kind, elements=elements)
    refused(consulted(story).file(), Code.LET_THROUGH, MEASURES)
    # Without the numbers of the originator's events the file may lack what opened it again.
    refused(story.file("police"), Code.INCOMPLETE, MEASURES)
    story.indexes.pop()
    verified(consulted(story, code).file())
    told(story, "case.end_measure", name, kind=kind)
    verified(consulted(story).file())


@pytest.mark.parametrize(
    "said",
    [
        {"kind": SUSPENSION, "elements": ["another"]},
        {"kind": SUSPENSION},
        {"kind": SUSPENSION, "elements": [], "until": AT.isoformat()},
        {"kind": MARK, "elements": ["i-1"], "before": 1},
        {"kind": "another", "elements": []},
    ],
    ids=str,
)
def test_what_no_measure_is_shown_to_close_is_let_through(said):
    story = Scenario().told("acceptance")
    measured(story, **said)
    verified(consulted(story).file())


def test_a_consultation_without_its_reason_convicts_nobody():
    story = Scenario().told("acceptance")
    measured(story, SUSPENSION, elements=[])
    verified(consulted(story).file("hotline"))


def test_a_refused_consultation_let_nothing_through():
    story = Scenario().told("acceptance")
    measured(story, SUSPENSION, elements=[])
    verified(consulted(story, result=EventResult.DENIED).file())


@pytest.mark.parametrize("elements", [[], ["i-1"]])
def test_the_gateway_let_an_update_through_while_the_case_was_suspended(elements):
    story = Scenario().told("acceptance")
    name = measured(story, SUSPENSION, elements=elements)
    refused(story.updated().file(), Code.LET_THROUGH, MEASURES)
    story = Scenario().told("acceptance")
    name = measured(story, SUSPENSION, elements=elements)
    told(story, "case.end_measure", name, kind=SUSPENSION)
    verified(story.updated().file())


def test_an_offer_during_an_embargo_is_told():
    story = Scenario().told("acceptance")
    assert "embargo" not in keys_of(verified(story.file()))
    measured(story, EMBARGO, elements=[])
    assert "embargo" in keys_of(verified(story.updated().file()))


def test_a_legal_basis_is_told_as_a_claim_of_who_states_it():
    story = Scenario()
    assert fact(verified(story.file()), "legal_basis")["under"] == "stated"


def test_of_an_event_of_another_version_its_package_is_missing():
    story = chain()
    story.record("case.consult", None, case_digest="A" * 43)
    assert failed_step(refused(story.file(), Code.INCOMPLETE, RECEIPTS)) == RECEIPTS
