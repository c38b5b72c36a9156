"""`casegate admin organisation`: application, decision, and leaving, as typed on the host."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.evidence import base64url
from tests.operating import DUBOIS, Operator, operator, said

APPLICATION: dict[str, Any] = {
    "name": "A new hotline",
    "kind": "hotline",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "FR",
    "standing": "associate",
    "purposes": ["remove"],
    "about": "We answer the phone day and night.",
    "contacts": [{"role": "head", "name": "C. Bernard", "address": "head@new.example"}],
}


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    return operator(tmp_path)


def file_of(folder: Path, content: Any) -> str:
    file = folder / "said.json"
    file.write_text(json.dumps(content))
    return str(file)


def test_an_application_is_recorded_from_the_file_that_the_applicant_filled_in(gw, tmp_path):
    words = ("organisation", "apply", "hotline-new", file_of(tmp_path, APPLICATION))
    said_ = gw.done(*words, "--received", "2026-01-02", persons=(DUBOIS,))
    assert "status applied" in said_
    document = tmp_path / "minutes.pdf"
    document.write_bytes(b"minutes")
    decision = ("--decision", "board 12", "--decided-on", "2026-01-03", "--document", str(document))
    result = gw.admin("organisation", "approve", "hotline-new", *decision, persons=(DUBOIS,))
    assert "two different persons" in said(result)
    assert "status approved" in gw.done("organisation", "approve", "hotline-new", *decision)
    with gw.opened() as gateway, gateway.ports.begin("read") as work:
        found = work.organisations.get("hotline-new")
    assert found.application.resolution.document_sha256 == base64url.digest(b"minutes")
    assert "is approved, not applied" in said(
        gw.admin("organisation", "decline", "hotline-new", *decision)
    )
    words = ("organisation", "activate", "hotline-new", "--reason", "none")
    assert "is approved, not enrolled" in said(gw.admin(*words))
    words = ("organisation", "leave", "hotline-new", "--reason", "withdrawn")
    assert "status left" in gw.done(*words)


def test_a_contact_is_set_from_a_file(gw, tmp_path):
    gw.done("organisation", "admit", "abc", "--name", "M", "--kind", "hotline", "--country", "FR")
    contact = {"role": "liaison", "name": "C. Bernard", "address": "c@new.example"}
    done = gw.done("contact", "set", "abc", file_of(tmp_path, contact), persons=(DUBOIS,))
    assert "role liaison" in done
    assert "Bernard" not in done


@pytest.mark.parametrize("content", ["[]", "{", "5"])
@pytest.mark.parametrize(
    "words",
    [("organisation", "apply", "abc"), ("contact", "set", "abc")],
)
def test_a_file_that_is_no_json_object_is_told_so(gw, tmp_path, words, content):
    file = tmp_path / "said.json"
    file.write_text(content)
    more = ("--received", "2026-01-02") if "apply" in words else ()
    assert "is no JSON" in said(gw.admin(*words, str(file), *more))
