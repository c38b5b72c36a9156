"""`casegate subject search`: the draft of an answer to a person's request."""

from pathlib import Path

import pytest

from tests.cli.desks import Desks
from tests.founded_gateway import HOTLINE, OFMIN

ASKED = ("subject", "search", "--by", "officer-1", "--reason", "Request 12")
URL = ("--url", "https://content.example.org/page")


@pytest.fixture
def held(desks: Desks) -> str:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, "--by", "officer-1", "--yes", at=OFMIN)
    return handoff


def test_a_draft_says_since_when_for_what_from_whom_and_to_whom_and_no_content(
    desks: Desks, held: str
) -> None:
    own = " ".join(desks.done(*ASKED, "--request", "access", *URL).split())
    assert "Draft of an answer to a request for access" in own
    assert f"({OFMIN})" in own
    assert "child sexual abuse material" in own
    assert "The page was online" not in own
    received = desks.done(*ASKED, "--request", "erasure", *URL, at=OFMIN)
    assert "Draft of an answer to a request for erasure" in received
    assert held in received.replace("\n", "").replace(" ", "")
    assert f"({HOTLINE})" in received


def test_a_draft_that_found_nothing_says_what_was_not_searched(desks: Desks) -> None:
    told = " ".join(desks.done(*ASKED, "--request", "access", "--account", "some.one").split())
    assert "No case of ours, and nothing that we hold of others, has this item." in told
    assert "Not searched: accounts in cases of hate speech and terrorist content" in told


def test_a_draft_is_a_page_and_comma_separated_values_in_french(
    desks: Desks, held: str, tmp_path: Path
) -> None:
    file = tmp_path / "draft.html"
    french = (*ASKED, "--request", "access", *URL, "--lang", "fr")
    desks.done(*french, "--page", str(file))
    written = file.read_text(encoding="utf-8")
    assert "Projet de réponse à une demande d’accès" in written
    assert "Destinataires" in written
    head, row = desks.done(*french, "--csv").splitlines()
    assert head.startswith("Référence,")
    assert OFMIN in row


def test_the_search_behind_a_draft_is_on_record(desks: Desks, held: str) -> None:
    (event,) = desks.told(*ASKED, "--request", "access", *URL)["events"]
    told = desks.told("event", "list")["events"]
    assert event in [one["event"] for one in told]
