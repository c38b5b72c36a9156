"""Elements of a case are shown and taken by the ends of their ids."""

import json
import re
from pathlib import Path

import pytest

from gateway.cli import elements
from tests.casework import case_content, element_id
from tests.cli.desks import Desks
from tests.founded_gateway import OFMIN

BY = ("--by", "officer-1")
OPENING = (*BY, "--reason-code", "investigation", "--reason", "first look")
OWN = ("--by", "analyst-1", "--reason-code", "assessment", "--reason", "second look")


@pytest.fixture
def kept(desks: Desks, tmp_path: Path) -> Path:
    """Where the ids of what was shown are kept."""
    desks.changes["checkpoint_file"] = tmp_path / "newest.checkpoint"
    return tmp_path / "newest.checkpoint.elements"


def end_before(words: str, output: str) -> str:
    """The end of the id of the element that a consultation shows so."""
    found = re.search(rf"^  ([0-9a-f]{{4,32}})  {words}", output, re.MULTILINE)
    assert found is not None, output
    return found[1]


def test_an_end_is_as_short_as_it_may_be_and_no_other_element_has_it():
    ids = ["00000000-0000-0000-0000-00000000abcd", "00000000-0000-0000-0000-00000001abcd",
           "00000000-0000-0000-0000-00000000ef01"]  # fmt: skip
    assert [*elements.ends_of(ids).values()] == ["0abcd", "1abcd", "ef01"]


def test_an_item_is_named_in_an_answer_by_the_end_that_its_consultation_showed(desks, kept):
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    unknown = ("handoff", "report-outcome", handoff, *BY, "--code", "received", "--item", "abcd")
    assert "consult it" in desks.run(*unknown, at=OFMIN).stderr
    end = end_before("address ", desks.done("handoff", "consult", handoff, *OPENING, at=OFMIN))
    desks.done(*unknown[:-1], end, at=OFMIN)
    assert f"items: {element_id('url')[-8:]}" in desks.done("handoff", "show", handoff, at=OFMIN)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "example" not in kept.read_text()


def test_statements_are_offered_one_by_one_by_their_ends(desks, kept):
    case = desks.submitted()
    output = desks.done("case", "consult", case, *OWN)
    asked = ("--by", "liaison-1", "--purpose", "identify_victim", "--competence", "csam/FR")
    for element in (end_before("fact", output), element_id("fact")):
        found = desks.told("handoff", "preview", case, *asked, "--element", element)
        groups = json.dumps(found["permitted_disclosures"])
        assert json.loads(kept.read_text())[case]["ids"][element_id("fact")] in groups


def test_what_is_kept_of_a_case_goes_with_it(desks, kept):
    old = {"0198": {"until": "2026-03-01", "ids": {}}}
    kept.write_text(json.dumps(old))
    desks.done("case", "consult", desks.submitted(), *OWN)
    assert "0198" not in kept.read_text()


def test_a_place_of_a_new_version_is_named_by_an_end_of_its_file(desks):
    content = case_content(desks.stage.gateway.new_id())
    end = elements.ends_of(elements.ids_in(content))[element_id("url")]
    named = elements.ElementPointer().convert(f"/items/{end}", None, None)
    found = elements.find(None, {"content": content, "pointers": (named, "/urgency")})
    assert found["pointers"] == (f"/items/{element_id('url')}", "/urgency")
