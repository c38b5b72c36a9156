"""Sealed elements on their way: taken in by their outside, given to their addressee alone."""

from uuid import UUID

import pytest

from gateway.domain.organisation import Status
from gateway.domain.refusals import ValidationFailed
from gateway.domain.sealed import SealedContent
from gateway.evidence import sd_jwt, seal, signature
from gateway.exchange.case import cases, submissions
from gateway.exchange.handoffs import offers, package_consultation
from gateway.exchange.standing.case_version import elements
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.results import to_json
from tests import answers
from tests.casework import accepted, case_content, element_id, offer_of, offered, revised, submitted
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, caller
from tests.log_check import check_log
from tests.newcomers import NEWCOMER, Newcomer
from tests.ports import ISSUER, document_key, encryption_key

KEY, OTHER = encryption_key("ofmin"), encryption_key("ocrvp")
PERSON = "018f0000-0000-7000-8000-000000000031"
TRAFFICKING_FR = "receive/trafficking/FR"
LOOK = ConsultationRequest("officer-1", "investigation", "first look")


def sealed(case, to=OFMIN, key=KEY, element=PERSON, **changes):
    contents = SealedContent(
        originator=f"{ISSUER}/organisations/{HOTLINE}",
        addressee=f"{ISSUER}/organisations/{to}",
        case=str(case),
        element=element,
        type="identity",
        value={"about": element_id("victim"), "name": "N. N."},
    )
    text = seal.seal(contents, *signature.read_encryption_key(key.public_jwk()))
    return {"id": element, "sealed_to": to, "sealed": text, **changes}


def content(case, *elements, group="subjects", **changes):
    made = case_content(case)
    return {group: [*made[group], *elements], **changes}


@pytest.fixture
def keyed(gateway):
    gateway.register_encryption_key(OFMIN, KEY)
    gateway.register_encryption_key(OCRVP, OTHER)
    return gateway


def taken(gateway, to=OFMIN, key=KEY, group="subjects", **changes):
    case = gateway.new_id()
    element = sealed(case, to, key)
    return submitted(gateway, case=case, **content(case, element, group=group, **changes))


def opened(gateway, handoff, by=OFMIN):
    written = gateway.act(by, package_consultation.consult, handoff, LOOK)
    return written, sd_jwt.read_unverified(written.result["presentation"]).content


def sealed_in(read):
    return [one for one in read.get("subjects", ()) if "sealed" in one]


def test_what_is_sealed_reaches_its_addressee_as_it_was_sealed(keyed):
    case = taken(keyed)
    assert "N. N." not in str(sd_jwt.read_unverified(case.result["document"]).content)
    written, read = opened(keyed, accepted(keyed, offered(keyed, case)))
    (one,) = sealed_in(read)
    contents = seal.open_sealed(one["sealed"], {KEY.kid: KEY})
    assert contents.value["name"] == "N. N."
    assert written.result["withheld_groups"] == []
    check_log(keyed)


def test_another_recipient_is_not_given_what_is_sealed_and_learns_of_its_group_alone(keyed):
    case = taken(keyed)
    offer = offered(keyed, case, to=ABROAD)
    assert "subjects" in offer.result["withheld_groups"]
    handoff = accepted(keyed, offer, recipient=ABROAD)
    _, read = opened(keyed, handoff, ABROAD)
    assert not sealed_in(read)
    assert read["subjects"]


TOLD = [{"id": PERSON, "group": "subjects", "sealed_to": OFMIN}]


def test_the_originator_is_told_what_it_has_to_seal_anew_before_and_after_the_offer(keyed):
    case = taken(keyed)
    asked = UUID(case.result["case"]), offer_of(keyed, ABROAD)
    preview = to_json(offers.preview(keyed.ports, caller(HOTLINE), *asked))
    first, again = (keyed.act(HOTLINE, offers.offer, *asked, key="the same") for _ in range(2))
    assert preview["to_reseal"] == first.result["to_reseal"] == TOLD
    assert again.result == first.result
    assert offered(keyed, case).result["to_reseal"] == []


def test_a_redirection_tells_the_originator_what_to_seal_anew_and_nobody_else(keyed):
    handoff = UUID(offered(keyed, taken(keyed)).result["handoff"])
    assert "to_reseal" not in keyed.view(HOTLINE, handoff)
    keyed.answer(OFMIN, answers.redirect, handoff, "not ours", suggested_recipient="OCRVP")
    assert keyed.view(HOTLINE, handoff)["to_reseal"] == TOLD
    assert "to_reseal" not in keyed.view(OFMIN, handoff)


def test_sealed_anew_it_reaches_the_other_office_and_the_first_one_no_more(keyed):
    matters = ["csam", "trafficking"]
    keyed.mandate(OCRVP, TRAFFICKING_FR)
    first = taken(keyed, matter=matters)
    case = UUID(first.result["case"])
    second = revised(keyed, first, **content(case, sealed(case, OCRVP, OTHER), matter=matters))
    handoff = accepted(keyed, offered(keyed, second, to=TRAFFICKING_FR), recipient=OCRVP)
    _, read = opened(keyed, handoff, OCRVP)
    (one,) = sealed_in(read)
    assert one["sealed_to"] == OCRVP
    offer = offered(keyed, second)
    assert [part["sealed_to"] for part in offer.result["to_reseal"]] == [OCRVP]


@pytest.mark.parametrize("group", ["items", "statements", "subjects"])
def test_a_private_member_is_not_given_even_what_is_sealed_to_it(gateway, group):
    key = encryption_key("abroad")
    gateway.register_encryption_key(ABROAD, key)
    case = taken(gateway, ABROAD, key, group)
    offer = offered(gateway, case, to=ABROAD)
    assert group in offer.result["withheld_groups"]
    assert offer.result["to_reseal"] == []


def test_a_sealed_element_counts_as_the_strictest(keyed):
    case = taken(keyed)
    verified = sd_jwt.read_unverified(case.result["document"])
    found = elements(verified, keyed.organisation(HOTLINE)).values()
    (one,) = [part for part in found if part.sealed_to]
    assert (one.category, one.marking.tlp, one.sealed_to) == ("sealed", "RED", OFMIN)


def test_the_originator_itself_is_shown_the_seal(keyed):
    case = UUID(taken(keyed).result["case"])
    written = keyed.act(HOTLINE, cases.consult, case, LOOK)
    read = sd_jwt.read_unverified(written.result["presentation"]).content
    assert sealed_in(read)[0]["id"] == PERSON


def refused(gateway, element, case):
    submission = submissions.Submission("intake-1", case_content(case, **content(case, element)))
    return gateway.unheard(ValidationFailed, HOTLINE, submissions.submit, submission).errors


def test_a_seal_for_nobody_here_is_refused_and_does_not_tell_that_somebody_applied(keyed):
    Newcomer(keyed).arrive(Status.APPLIED)
    case = keyed.new_id()
    told = [refused(keyed, sealed(case, to), case) for to in (NEWCOMER, "nobody")]
    assert told[0] == told[1]
    assert [pointer for pointer, _ in told[0]] == ["/content/subjects/1/sealed_to"]


@pytest.mark.parametrize("to", [OCRVP, HOTLINE])
def test_a_seal_to_a_key_of_another_organisation_than_it_says_is_refused(keyed, to):
    case = keyed.new_id()
    ((pointer, sentence),) = refused(keyed, sealed(case, sealed_to=to), case)
    assert pointer == "/content/subjects/1/sealed"
    assert "not sealed to a key of" in sentence


def test_a_seal_to_a_document_key_is_refused(keyed):
    signer = document_key("ofmin")
    keyed.register_key(OFMIN, signer)
    case = keyed.new_id()
    element = sealed(case)
    contents = seal.open_sealed(element["sealed"], {KEY.kid: KEY})
    text = seal.seal(contents, signer.kid, signer.public_key)
    ((pointer, _),) = refused(keyed, {**element, "sealed": text}, case)
    assert pointer == "/content/subjects/1/sealed"


def test_a_seal_to_a_revoked_key_is_refused_and_what_was_taken_stays(keyed):
    case = taken(keyed)
    keyed.administer("key.revoke", OFMIN, kid=KEY.kid, reason="lost")
    other = keyed.new_id()
    ((_, sentence),) = refused(keyed, sealed(other), other)
    assert "revoked" in sentence
    handoff = accepted(keyed, offered(keyed, case))
    assert sealed_in(opened(keyed, handoff)[1])
