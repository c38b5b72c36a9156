"""A bundle's chain of packages: each broken link is found out, each missing one named."""

from dataclasses import replace
from datetime import UTC, datetime

from gateway.domain.audit_event import EventDetail
from gateway.domain.revision import ChangeKind
from gateway.evidence import bundle, verification
from gateway.evidence.report import Code
from gateway.evidence.sd_jwt import SdJwt
from tests.each import each
from tests.evidence.scenario import ACTIONS, TRUST, Scenario, fact, keys_of
from tests.evidence.test_verification import failed_step, refused, verified

OFFERS, ANSWERS, RECEIPTS, LOGGED, ORDER = 4, 7, 10, 11, 16
"""The numbers of the steps that hold offers, answers and receipts against each other."""


def chain(**changes) -> Scenario:
    """An accepted handoff, its update, and the acknowledgement of that."""
    return Scenario().told("acceptance").updated(**changes).told("acknowledgement")


def broken(story: Scenario, reason: str) -> None:
    """Not verified, and for this reason."""
    result = verification.verify(story.file(), TRUST)
    assert result.code == Code.MISMATCH, result
    assert reason in result.sentence, result


def test_a_chain_verifies_and_tells_of_each_package():
    result = verified(chain().file())
    told = keys_of(result)
    assert (told.count("case"), told.count("offer"), told.count("update")) == (2, 1, 1)
    assert fact(result, "update")["change"] == ChangeKind.CORRECTION
    assert fact(result, "update")["version"] == 2


@each(
    "changes, reason",
    [
        ({"updates": "A" * 43}, "offer"),
        ({"handoff": "01890000-0000-7000-8000-00000000abce"}, "handoff"),
        ({"to": {"organisation": "stranger"}}, "recipient"),
        ({"purpose": ["remove"]}, "purpose"),
        ({"version": 1}, "newer case version"),
    ],
)
def test_an_update_repeats_what_it_updates_and_is_newer(changes, reason):
    broken(Scenario().told("acceptance").updated(**changes), reason)


def test_an_update_ends_no_later():
    story = Scenario()
    story.updated(expires_at=datetime(2026, 2, 1, tzinfo=UTC))
    verified(story.file())
    story.updated(expires_at=datetime(2026, 3, 1, tzinfo=UTC))
    broken(story, "ends later")


def test_two_updates_of_one_offer_are_two_histories():
    story = chain()
    first = story.earlier[0][2].digest
    story.updated(updates=first)
    broken(story, "offer")


def test_packages_in_another_order_are_no_chain():
    story = chain()
    one = story.bundle()
    turned = replace(
        one,
        case=one.earlier[0].case,
        offer=one.earlier[0].offer,
        earlier=(bundle.BundlePackage(one.case, one.offer),),
    )
    refused(bundle.encode(turned), Code.MISMATCH, OFFERS)


def test_a_package_that_is_left_out_is_named():
    story = chain().updated().told("acknowledgement")
    whole = story.bundle()
    newest = story.answers[-1].compact()
    without = replace(whole, earlier=whole.earlier[1:], answers=(newest,))
    result = verified(bundle.encode(without), code=Code.INCOMPLETE)
    assert fact(result, "package.missing")["offer"] == story.earlier[0][2].digest
    between = replace(whole, earlier=whole.earlier[:1], answers=(newest,))
    refused(bundle.encode(between), Code.MISMATCH, OFFERS)


def test_an_update_that_is_left_out_is_named():
    story = chain()
    whole = story.bundle()
    older = whole.earlier[0]
    without = replace(
        whole, case=older.case, offer=older.offer, earlier=(), answers=whole.answers[:1]
    )
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
    refused(Scenario().told("acceptance").updated(logged=False).file(), Code.NOT_IN_LOG, LOGGED)


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


def test_an_event_of_another_version_does_not_belong():
    story = chain()
    story.record("case.consult", None, case_digest="A" * 43)
    assert failed_step(refused(story.file(), Code.MISMATCH, RECEIPTS)) == RECEIPTS
