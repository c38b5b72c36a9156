"""`casegate admin admission propose`: one file, one page, two persons."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.operating import DUBOIS, MARTIN, Operator, operator, said

SLUG = "hotline-new"
FILE: dict[str, Any] = {
    "organisation": SLUG,
    "application": {
        "name": "A hotline",
        "kind": "hotline",
        "public_authority": False,
        "regimes": ["gdpr"],
        "country": "FR",
        "membership": "associate",
        "purposes": ["remove", "protect_child"],
        "description": "We answer the phone day and night.",
        "received_on": "2026-02-01",
        "contacts": [{"role": "duty", "name": "The desk", "address": "+33 1 00 00 00 00"}],
    },
    "decision": {
        "decision_ref": "board 12",
        "decided_on": "2026-03-01",
        "decision_document": "minutes.pdf",
    },
    "memberships": [{"membership": "associate", "from": "2026-03-01", "decision_ref": "board 12"}],
    "mandates": [
        {"matter": "csam", "territory": "FR", "legal_act": "Decree", "from": "2026-03-01"}
        | {"function": "take_down"}
    ],
    "persons": ["head,analyst", "approver,liaison"],
    "systems": [{"system": "desk", "scopes": ["handoffs.read"]}],
}


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    (tmp_path / "minutes.pdf").write_bytes(b"the decision")
    return operator(tmp_path)


def written(gw: Operator, **changes: Any) -> Path:
    """The file, with other parts; None leaves one out."""
    file = gw.folder.parent / "hotline.json"
    parts = {name: one for name, one in (FILE | changes).items() if one is not None}
    file.write_text(json.dumps(parts))
    return file


def proposed(gw: Operator, *more: object, **changes: Any) -> list[dict[str, Any]]:
    file = written(gw, **changes)
    told = gw.told("admission", "propose", file, *more, persons=(MARTIN,))
    return list(told["steps"])


def states(steps: list[dict[str, Any]]) -> list[str]:
    return [one["state"] for one in steps]


def approved(gw: Operator) -> str:
    named = ("proposal", "approve", "--organisation", SLUG, "--yes")
    return gw.done(*named, persons=(DUBOIS,))


def test_one_person_proposes_all_of_an_admission_and_another_approves_it_on_one_page(
    gw: Operator,
) -> None:
    folder = gw.folder.parent / "invitations"
    steps = proposed(gw, "--invitations", folder)
    assert states(steps) == ["made", *["waits"] * 6]
    for one in steps[1:]:
        shown = gw.told("proposal", "show", one["proposal"], persons=())
        assert (shown["action"], shown["refusal"]) == (one["action"], None)
    told = approved(gw)
    assert "approver" in told, "the pseudonyms that were drawn"
    entry = gw.told("organisation", "show", SLUG, persons=())
    assert (entry["status"], entry["staff_register"]) == ("approved", True)
    assert [one["system"] for one in entry["systems"]] == ["desk"]
    assert [one["competence"] for one in entry["mandates"]] == ["take_down/csam/FR"]
    gw.done("invitation", "complete", folder / f"{SLUG}-desk.json", persons=())


def test_the_same_command_goes_on_where_it_ended_and_repeats_nothing(gw: Operator) -> None:
    folder = gw.folder.parent / "invitations"
    assert states(proposed(gw)) == ["made", *["waits"] * 5]
    size = gw.size()
    assert states(proposed(gw)) == ["made before", *["waits"] * 5]
    assert gw.size() == size, "nothing was sent"
    assert states(proposed(gw, "--invitations", folder))[-1] == "waits"
    approved(gw)
    assert states(proposed(gw, "--invitations", folder)) == ["made before"] * 7
    more = [*FILE["systems"], {"system": "audit", "scopes": ["audit.search"]}]
    assert states(proposed(gw, systems=more)) == [*["made before"] * 6, "made"]


def test_two_persons_admit_at_once(gw: Operator) -> None:
    told = gw.told("admission", "propose", written(gw))
    assert states(told["steps"]) == ["made"] * 6


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no decision": ({"decision": None}, "/decision is missing"),
    "neither seat nor mandate": (
        {"memberships": None, "mandates": None},
        "/memberships or /mandates is missing",
    ),
    "one person alone": ({"persons": ["head"]}, "/persons"),
    "a word that is none": ({"mandates": [{**FILE["mandates"][0], "matter": "x"}]}, "/mandates/0"),
    "a part that is none": ({"sytems": []}, "/sytems is no part of an admission"),
    "decided before it applied": (
        {"decision": {**FILE["decision"], "decided_on": "2026-01-01"}},
        "/decision/decided_on",
    ),
    "no minutes": (
        {"decision": {**FILE["decision"], "decision_document": "nothing.pdf"}},
        "/decision/decision_document",
    ),
    "no id": ({"organisation": "A Hotline"}, "/organisation"),
    "no list": ({"systems": {"system": "desk"}}, "/systems"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_all_that_is_wrong_in_the_file_is_said_before_anything_is_sent(
    gw: Operator, wrong: str
) -> None:
    changes, why = WRONG[wrong]
    before = gw.size()
    result = gw.admin("admission", "propose", written(gw, **changes), persons=(MARTIN,))
    assert why in said(result)
    assert gw.size() == before


def test_an_id_that_another_organisation_has_is_refused(gw: Operator) -> None:
    proposed(gw)
    other = {**FILE["application"], "name": "Another"}
    result = gw.admin("admission", "propose", written(gw, application=other), persons=(MARTIN,))
    assert "another organisation as hotline-new (name)" in said(result)
