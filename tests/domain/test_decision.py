"""Questions to policy: entities carry derived facts, and nothing to parse."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from gateway.domain.case import Element
from gateway.domain.decision import (
    PolicyEntity,
    case_entity,
    disclosure_entity,
    handoff_entity,
    organisation_entity,
)
from gateway.domain.handoff import Addressee, HandoffState
from gateway.domain.vocabulary import Marking
from tests.domain.test_handoff import handoff
from tests.domain.test_organisation import CHANGE, EVE, organisation
from tests.each import each

ORIGINATOR = PolicyEntity("Organisation", "hotline-a", {})
RECIPIENT = PolicyEntity("Organisation", "police-a", {})


@each(
    "day, membership, competences",
    [
        (date(2000, 1, 1), "none", frozenset()),
        (EVE, "associate", {"receive/csam/FR"}),
        (CHANGE, "observer", {"receive/csam/BE"}),
    ],
)
def test_an_organisation_is_judged_as_it_stands_on_the_legal_date(day, membership, competences):
    seen = organisation_entity(organisation(), day)
    assert (seen.type, seen.id) == ("Organisation", "office-a")
    assert seen.attributes == {
        "status": "active",
        "membership": membership,
        "kind": "police_office",
        "public_authority": True,
        "regimes": {"gdpr", "led"},
        "competences": competences,
        "mandated_matters": {key.split("/")[1] for key in competences},
    }


def seen_case(tlp: str = "AMBER+STRICT") -> PolicyEntity:
    claims = {"tlp": tlp, "handling": ["H1"], "onward": "forbidden"}
    claims |= {"purpose": ["remove"], "matter": ["csam"]}
    return case_entity(
        ORIGINATOR, "c-1", claims, assurance="attested", state="cleared", embargoed=True
    )


def test_a_case_is_told_by_its_markings_as_numbers():
    seen = seen_case()
    assert (seen.type, seen.id) == ("Case", "hotline-a/c-1")
    assert seen.attributes == {
        "originator": ORIGINATOR,
        "tlp_rank": 3,
        "handling": {"H1"},
        "onward_rank": 2,
        "purpose": {"remove"},
        "matter": {"csam"},
        "embargoed": True,
        "suspended": False,
        "assurance": "attested",
        "state": "cleared",
    }


def test_a_case_with_an_unknown_marking_cannot_be_asked_about():
    with pytest.raises(ValueError):
        seen_case(tlp="WHITE")


@each("competence", [None, "receive/csam/FR"])
def test_a_handoff_says_which_competence_was_addressed(competence):
    address = Addressee("police-a", competence, competence and UUID(int=9))
    asked = replace(handoff(HandoffState.ACCEPTED), address=address)
    assert handoff_entity(asked, ORIGINATOR, RECIPIENT).attributes == {
        "originator": ORIGINATOR,
        "recipient": RECIPIENT,
        "competence": competence or "",
        "purpose": set(asked.purpose),
        "matter": asked.matter,
        "state": "accepted",
        "read_access": False,
    }
    reading = handoff_entity(asked, ORIGINATOR, RECIPIENT, read_access=True)
    assert reading.attributes["read_access"] is True


ELEMENT = Element(
    "subjects",
    "subjects",
    "victim",
    Marking("RED", frozenset({"H2", "H1"})),
    matter=frozenset({"csam"}),
)


def test_a_disclosure_is_told_by_kind_and_marking():
    seen = disclosure_entity(ELEMENT, ORIGINATOR, "police-a")
    assert seen.attributes == {
        "originator": ORIGINATOR,
        "matter": {"csam"},
        "group": "subjects",
        "category": "victim",
        "tlp_rank": 4,
        "handling": {"H1", "H2"},
        "sealed": False,
        "measures": frozenset(),
        "addressed": True,
        "perceptual": False,
    }


@each("reader, addressed", [("police-a", True), ("police-b", False)])
def test_what_is_sealed_is_told_from_what_is_sealed_to_the_reader(reader, addressed):
    sealed = ELEMENT._replace(category="sealed", sealed_to="police-a")
    seen = disclosure_entity(sealed, ORIGINATOR, reader)
    assert (seen.attributes["sealed"], seen.attributes["addressed"]) == (True, addressed)


def test_what_is_sealed_is_named_by_whether_the_reader_can_open_it():
    sealed = ELEMENT._replace(category="sealed", sealed_to="police-a")
    own, other = (disclosure_entity(sealed, ORIGINATOR, r) for r in ("police-a", "police-b"))
    assert own.id != other.id


@each(
    "change",
    [
        {"group": "items"},
        {"category": "suspect"},
        {"perceptual": True},
        {"marking": Marking("AMBER", frozenset({"H2", "H1"}))},
        {"marking": Marking("RED", frozenset({"H2"}))},
    ],
)
def test_disclosures_that_differ_are_not_named_alike(change):
    both = (ELEMENT, ELEMENT._replace(**change))
    one, other = (disclosure_entity(element, ORIGINATOR, "police-a") for element in both)
    assert one.id != other.id
