"""`casegate search`, and what a submission says is known."""

import pytest

from gateway.cli.output import short
from tests.cli.desks import CLEARED, Desks
from tests.founded_gateway import HOTLINE, OFMIN

WHY = ("--by", "officer-1", "--reason-code", "quality", "--reason", "a look")
URL = ("--url", "hxxps://Content[.]example.org/page")


def test_a_search_lists_cases_and_handoffs_for_people_and_for_machines(desks: Desks) -> None:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, "--by", "officer-1", "--yes", at=OFMIN)
    (own,) = desks.told("search", *WHY, *URL)["items"]
    assert own["counterparts"] == [OFMIN]
    assert short(own["case"]) in desks.done("search", *WHY, *URL)
    assert short(handoff) in desks.done("search", *WHY, *URL, at=OFMIN)
    told = desks.told("search", *WHY, *URL, at=OFMIN)
    (found,) = told["items"]
    assert (found["handoff"], found["counterparts"]) == (handoff, [HOTLINE])
    assert told["searched"] == ["cases", "handoffs"]


@pytest.mark.parametrize("item", [(), (*URL, "--account", "a")])
def test_a_search_is_for_one_item(desks: Desks, item: tuple[str, ...]) -> None:
    result = desks.run("search", *WHY, *item)
    assert result.exit_code == 2
    assert "give one of --url, --hash and --account" in result.output


def test_a_submission_says_what_is_known(desks: Desks) -> None:
    desks.offered()
    file = desks.case_file()
    said = " ".join(desks.done("case", "submit", str(file), "--by", "intake-1", *CLEARED).split())
    assert "known: your case ref-" in said
    assert f", handed to {OFMIN}" in said
