"""`casegate admin organisation`: application, decision, and leaving, as typed on the host."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.changes import CHANGES
from gateway.cli import output
from gateway.client.connection import read_administrators
from gateway.evidence import base64url
from gateway.evidence.signature import thumbprint
from gateway.kernel import results
from gateway.kernel.changes import Change
from tests.each import each
from tests.founded_gateway import make_change
from tests.operating import DUBOIS, Operator, operator, said
from tests.peering import APPLICATION as GATEWAY_APPLICATION
from tests.peering import PINS

APPLICATION: dict[str, Any] = {
    "name": "A new hotline",
    "kind": "hotline",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "FR",
    "membership": "associate",
    "purposes": ["remove"],
    "description": "We answer the phone day and night.",
    "contacts": [{"role": "head", "name": "C. Bernard", "address": "head@new.example"}],
}


ABC = ("organisation", "admit", "abc", "--name", "M", "--kind", "hotline", "--country", "FR")


@pytest.fixture
def gw(tmp_path):
    """A gateway with one organisation."""
    return operator(tmp_path, ABC)


def file_of(folder: Path, content: Any) -> str:
    file = folder / "said.json"
    file.write_text(json.dumps(content))
    return str(file)


def next_steps(gw: Operator) -> list[str]:
    """What waiting names for the one organisation that is on its way."""
    found = gw.told("waiting", persons=())["items"]
    steps = [o["kind"].replace(".", " ") for o in found if not o["proposal"]]
    return sorted(steps)


def test_an_application_is_recorded_from_the_file_that_the_applicant_filled_in(gw, tmp_path):
    words = ("organisation", "apply", "hotline-new", file_of(tmp_path, APPLICATION))
    said_ = gw.done(*words, "--received-on", "2026-01-02", persons=(DUBOIS,))
    assert "status applied" in said_
    document = tmp_path / "minutes.pdf"
    document.write_bytes(b"minutes")
    board = "--decision-ref board-12 --decided-on 2026-01-03 --decision-document"
    decision = (*board.split(), str(document))
    result = gw.admin("organisation", "approve", "hotline-new", *decision, persons=(DUBOIS,))
    assert "waits" in result.stdout
    assert "status approved" in gw.done("organisation", "approve", "hotline-new", *decision)
    with gw.opened() as gateway, gateway.ports.begin("read") as work:
        found = work.organisations.get("hotline-new")
    assert found.application.decision.document_sha256 == base64url.digest(b"minutes")
    assert "is approved, not applied" in said(
        gw.admin("organisation", "reject", "hotline-new", *decision, "--yes")
    )
    steps = ["invitation create", "membership grant"]
    assert next_steps(gw) == [*steps, "staff establish", "system register"]
    gw.done("staff", "establish", "hotline-new", "--entry", "head", "--entry", "approver")
    told = gw.done("system", "register", "hotline-new", "desk", persons=(DUBOIS,))
    assert "cases.write" in told
    assert "audit.search" not in told
    assert next_steps(gw) == steps
    words = ("organisation", "activate", "hotline-new", "--reason", "none")
    assert "is approved, not enrolled" in said(gw.admin(*words))
    words = ("organisation", "leave", "hotline-new", "--reason", "withdrawn", "--yes")
    assert "status left" in gw.done(*words)


def test_a_contact_is_set_from_a_file(gw, tmp_path):
    contact = {"role": "liaison", "name": "C. Bernard", "address": "c@new.example"}
    done = gw.done("contact", "set", "abc", file_of(tmp_path, contact), persons=(DUBOIS,))
    assert "role liaison" in done
    assert "Bernard" not in done


@each("content", ["[]", "{", "5"])
@each(
    "words",
    [("organisation", "apply", "abc"), ("contact", "set", "abc")],
)
def test_a_file_that_is_no_json_object_is_told_so(gw, tmp_path, words, content):
    file = tmp_path / "said.json"
    file.write_text(content)
    more = ("--received-on", "2026-01-02") if "apply" in words else ()
    assert "JSON" in said(gw.admin(*words, str(file), *more))


def test_an_entry_shows_what_its_commands_ask_for(gw):
    about = ("--scope", "provider", "--subject", "provider.example", "--kind", "funder")
    told = gw.told("interest", "declare", "abc", *about, "--from", "2026-01-01")
    shown = gw.done("organisation", "show", "abc", persons=())
    assert told["result"]["interest"] in shown
    assert "None" not in shown
    earlier = gw.done("organisation", "show", "abc", "--at", "2025-12-31", persons=())
    assert told["result"]["interest"] not in earlier
    whole = gw.told("organisation", "show", "abc", persons=())
    assert [one["interest"] for one in whole["interests"]] == [told["result"]["interest"]]
    assert "organisation list" in said(gw.admin("organisation", "show", "nobody", persons=()))


def test_organisations_and_administrators_are_listed_and_nobody_approves_it(gw):
    before = gw.size()
    listed = gw.done("organisation", "list", persons=())
    assert "abc" in listed
    assert gw.told("organisation", "list", persons=())["items"]
    nobody = gw.done("organisation", "list", "--status", "suspended", "--json", persons=())
    assert json.loads(nobody) == {"items": []}
    assert "dubois" in gw.done("administrator", "list", persons=())
    assert {one["person"] for one in gw.told("administrator", "list")["items"]} == {
        "martin",
        "dubois",
    }
    assert gw.size() == before


def test_the_keys_of_administrators_are_written_for_who_verifies(gw, tmp_path):
    file = tmp_path / "administrators.json"
    shown = gw.done("administrator", "list", "--out", file, persons=())
    issuer, keys = read_administrators(json.loads(file.read_text()))
    assert (issuer, set(keys)) == (gw.config.issuer, {"martin", "dubois"})
    for one in json.loads(file.read_text())["persons"].values():
        assert thumbprint(one) in shown, "whoever gets it by another way compares the key ids"


def test_an_administrator_is_added_by_the_key_that_they_made_and_disabled(gw, tmp_path):
    own = tmp_path / "own"
    with gw.opened() as gateway:
        named = ("--person", "bernard", "--issuer", gateway.ports.issuer)
    for wrong in (("--person", "../x", *named[2:]), (*named[:2], "--issuer", "nonsense")):
        assert gw.admin("administrator", "create-key", own, *wrong).exit_code == 2
    assert not own.exists()
    assert "key.jwk and key.proof" in gw.done("administrator", "create-key", own, *named)
    assert (own / "key.pem").stat().st_mode & 0o777 == 0o600
    added = ("administrator", "add", "bernard", "--name", "C. Bernard", "--jwk", own / "key.jwk")
    added = (*added, "--proof", own / "key.proof")
    assert "waits" in gw.done(*added, persons=(DUBOIS,))
    gw.done(*added)
    elsewhere = ("--approver-key", f"bernard={own / 'key.pem'}")
    gw.done(*elsewhere, *ABC[:2], "xyz", *ABC[3:], persons=("bernard", DUBOIS))
    gw.done("administrator", "disable", "bernard", "--reason", "left", persons=("martin", DUBOIS))
    stop = (*elsewhere, "organisation", "suspend", "abc", "--reason", "x")
    assert "administers nothing any more" in said(gw.admin(*stop, persons=("bernard",)))
    own.joinpath("key.jwk").write_text("{")
    assert "is not JSON" in said(gw.admin(*added))


def test_a_change_is_proposed_by_one_and_made_by_another(gw, tmp_path):
    seat = ("membership", "grant", "abc", "--membership", "full", "--from", "2026-01-01")
    words = (*seat, "--decision-ref", "board")
    told = gw.done(*words, persons=(DUBOIS,))
    assert "another person: casegate admin" in told
    *_, named, unasked = told.split()
    assert unasked == "--yes", "there is no terminal at which it asks"
    assert "membership.grant" in gw.done("proposal", "list", persons=())
    assert "board" in gw.done("proposal", "show", named, persons=())
    shown_ = gw.told("proposal", "show", named, persons=())
    assert shown_["values"]["membership"] == "full"
    approve = ("proposal", "approve", named, "--yes")
    assert "two approvals of one person" in said(gw.admin(*approve, persons=(DUBOIS,)))
    assert "membership full" in gw.done(*approve, persons=("martin",))
    assert "made before" in said(gw.admin(*approve, persons=("martin",)))
    assert gw.told("proposal", "list", persons=())["items"] == []
    listed = gw.told("proposal", "list", "--all", persons=())["items"]
    assert [one["applied_event"] is None for one in listed] == [False]
    unknown = "018f0000-0000-7000-8000-000000000000"
    assert "proposal list" in said(gw.admin("proposal", "show", unknown, persons=()))


@pytest.fixture
def proposed(gw):
    """The end of a membership that one person signed; its id."""
    seat = ("membership", "grant", "abc", "--membership", "full", "--from", "2026-01-01")
    gw.done(*seat, "--decision-ref", "board")
    words = ("--json", "membership", "end", "abc", "--until", "2030-01-02")
    return json.loads(gw.done(*words, persons=(DUBOIS,)))["result"]["proposal"]


def test_who_approves_is_shown_what_they_sign_and_asked(gw, proposed, monkeypatch):
    monkeypatch.setattr(output, "interactive", lambda: True)
    who = ("admin", "--home", gw.folder, "--as", "martin", "proposal", "approve", proposed)
    size = gw.size()
    refused = gw.type(*who, input="n\n")
    assert (refused.exit_code, gw.size()) == (1, size)
    assert "2030-01-02" in refused.stdout
    agreed = gw.type(*who, input="y\n")
    assert "membership.end" in agreed.stdout


def test_who_adds_an_administrator_is_shown_the_key_id_to_compare(gw, tmp_path, monkeypatch):
    monkeypatch.setattr(output, "interactive", lambda: True)
    issuer = ("--issuer", gw.config.issuer)
    made = gw.done(
        "--json", "administrator", "create-key", tmp_path / "k", "--person", "leroy", *issuer
    )
    files = ("--jwk", tmp_path / "k/key.jwk", "--proof", tmp_path / "k/key.proof")
    words = ("administrator", "add", "leroy", "--name", "C. Leroy", *files)
    told = gw.told(*words, persons=(DUBOIS,))["result"]["proposal"]
    who = ("admin", "--home", gw.folder, "--as", "martin", "proposal", "approve", told)
    first, *_ = gw.type(*who, input="n\n").stdout.splitlines()
    assert json.loads(made)["kid"] in first


def test_a_proof_of_another_person_names_both(gw, tmp_path):
    issuer = ("--issuer", gw.config.issuer)
    gw.done("administrator", "create-key", tmp_path / "k", "--person", "other", *issuer)
    files = ("--jwk", tmp_path / "k/key.jwk", "--proof", tmp_path / "k/key.proof")
    told = said(
        gw.admin("administrator", "add", "leroy", "--name", "C. Leroy", *files, persons=(DUBOIS,))
    )
    assert "/other'" in told
    assert told.endswith("/leroy")


MANDATE = ("--matter", "csam", "--territory", "FR", "--legal-act", "x", "--from", "2026-01-01")


def test_an_overlap_is_shown_to_who_proposes_and_to_who_approves(gw, monkeypatch):
    monkeypatch.setattr(output, "interactive", lambda: True)
    gw.done("organisation", "admit", "other", *ABC[3:])
    gw.done("mandate", "grant", "other", *MANDATE)
    told = gw.done("mandate", "grant", "abc", *MANDATE, persons=(DUBOIS,))
    assert "WARNING" in told
    named = re.search(r"approve (\S+)", told)[1]
    who = ("admin", "--home", gw.folder, "--as", "martin", "proposal", "approve", named)
    shown = gw.type(*who, input="n\n").stdout
    assert shown.index("WARNING") < shown.index("[y/N]")


def test_what_waits_and_can_be_applied_no_more_is_listed_with_the_reason(gw, proposed):
    before = gw.done("waiting", persons=())
    assert "2030-01-02" in before
    assert f"by {DUBOIS}" in before
    assert "withdraw" not in before
    gw.done("organisation", "leave", "abc", "--reason", "over", "--yes")
    assert "cannot be applied any more" in gw.done("waiting", persons=())


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_script_that_does_not_say_yes_signs_nothing(gw, proposed, words):
    size = gw.size()
    refused = gw.admin(*words, "proposal", "approve", proposed, persons=("martin",))
    assert (refused.exit_code, gw.size()) == (2, size)
    assert "--yes" in refused.output


def test_the_pseudonyms_of_the_first_persons_are_shown(gw):
    words = ("staff", "establish", "abc", "--entry", "head,liaison", "--entry", "approver")
    told = gw.done(*words)
    drawn = set(re.findall(r"^  (abc-\w+)", told, re.MULTILINE))
    assert len(drawn) == 2, told


LEAVE = ("organisation", "leave", "abc", "--reason", "over")


def test_what_is_for_good_is_asked_for_by_name(gw, monkeypatch):
    monkeypatch.setattr(output, "interactive", lambda: True)
    who = ("admin", "--home", gw.folder, "--as", "martin", "--as", "dubois", *LEAVE)
    size = gw.size()
    refused = gw.type(*who, input="abcd\n")
    assert (refused.exit_code, gw.size()) == (1, size)
    assert CHANGES["organisation.leave"].loses in refused.stdout
    assert "status left" in gw.type(*who, input="abc\n").stdout


def test_a_script_that_does_not_say_yes_loses_nothing(gw):
    size = gw.size()
    refused = gw.admin(*LEAVE)
    assert (refused.exit_code, gw.size()) == (2, size)
    assert "--yes" in refused.output


def test_who_signs_a_proposal_for_good_is_told_what_it_loses(gw, monkeypatch):
    monkeypatch.setattr(output, "interactive", lambda: True)
    told = gw.told(*LEAVE, "--yes", persons=(DUBOIS,))["result"]["proposal"]
    who = ("admin", "--home", gw.folder, "--as", "martin", "proposal", "approve", told)
    assert CHANGES["organisation.leave"].loses in gw.type(*who, input="n\n").stdout


def test_a_proposal_is_withdrawn_by_its_proposer(gw, proposed):
    words = ("proposal", "withdraw", proposed)
    assert "the person who made it" in said(gw.admin(*words, persons=("martin",)))
    assert proposed in gw.done(*words, persons=(DUBOIS,))
    assert proposed not in gw.done("proposal", "list", persons=())
    assert "withdrawn" in gw.done("proposal", "list", "--all", persons=())
    late = gw.admin("proposal", "approve", proposed, "--yes", persons=("martin",))
    assert "was withdrawn" in said(late)


def test_all_that_wait_are_listed_however_many(gw, proposed, monkeypatch):
    monkeypatch.setattr(results, "BATCH", 2)
    for day in range(3, 7):
        gw.done("membership", "end", "abc", "--until", f"2030-01-0{day}", persons=(DUBOIS,))
    listed = gw.told("proposal", "list", persons=())["items"]
    assert len(listed) == 5
    assert listed[-1]["proposal"] == proposed


def test_what_is_signed_at_ones_own_desk_counts_at_the_gateways(gw, tmp_path):
    change = {"action": "organisation.suspend", "organisation": "abc", "values": {"reason": "x"}}
    key = gw.config.people / "martin.pem"
    words = ("--person", "martin", "--key", key, "--issuer", gw.config.issuer)
    unseen = gw.admin("administrator", "sign", file_of(tmp_path, change), *words)
    assert (unseen.exit_code, "confirm what you sign" in unseen.stderr) == (2, True)
    words = (*words, "--yes")
    signed = gw.done("administrator", "sign", file_of(tmp_path, change), *words, persons=()).strip()
    with gw.opened() as gateway:
        meant = Change(change["action"], change["organisation"], change["values"])
        make_change(gateway.ports, meant, [signed])
    machine = gw.done(
        "administrator", "sign", file_of(tmp_path, change), *words, "--json", persons=()
    )
    assert json.loads(machine).keys() == {"approval"}
    assert "is not a change" in said(
        gw.admin("administrator", "sign", file_of(tmp_path, []), *words)
    )


def test_what_waits_for_administrators_is_one_list(gw, proposed):
    told = gw.told("waiting", persons=("martin",))["items"]
    assert [one["proposal"] for one in told if one["proposal"]] == [proposed]
    listed = gw.done("waiting", persons=("martin",))
    assert listed.index("To do by you") < listed.index(f"proposal approve {proposed}")
    assert f"--as martin proposal approve {proposed}" in " ".join(listed.replace("\\", " ").split())
    own = gw.done("waiting", persons=(DUBOIS,))
    assert "Waits for others" in own
    assert "proposal approve" not in own


def test_another_person_refuses_a_proposal_and_its_proposer_reads_why(gw, proposed):
    gw.done("proposal", "refuse", proposed, "--reason", "not decided", persons=("martin",))
    assert "not decided" in gw.done("proposal", "show", proposed, persons=())
    assert gw.done("waiting", persons=()).strip() == "Nothing waits."


def test_all_that_waits_about_an_organisation_is_shown_and_signed_at_once(
    gw, proposed, monkeypatch
):
    monkeypatch.setattr(output, "interactive", lambda: True)
    gw.done("mandate", "grant", "abc", *MANDATE, persons=(DUBOIS,))
    who = ("admin", "--home", gw.folder, "--as", "martin", "proposal", "approve")
    shown = gw.type(*who, "--organisation", "abc", input="n\n").stdout
    assert shown.count("digest") == 2
    assert "these 2 changes" in shown
    gw.done("proposal", "approve", "--organisation", "abc", "--yes", persons=("martin",))
    assert "Nothing waits." in gw.done("waiting", persons=("martin",))
    both = gw.admin("proposal", "approve", proposed, "--organisation", "abc", persons=("martin",))
    assert both.exit_code == 2


def test_the_other_person_is_told_the_command_with_its_folder(gw, proposed):
    words = ("membership", "end", "abc", "--until", "2030-02-02")
    told = gw.done(*words, persons=(DUBOIS,))
    assert f"casegate admin --home {gw.folder} --as PERSON proposal approve" in told


def test_the_keys_of_a_peer_gateway_are_shown_as_they_are_compared_before_they_are_signed(
    gw, tmp_path
):
    applied = {name: said for name, said in GATEWAY_APPLICATION.items() if name != "received_on"}
    words = ("organisation", "apply", "fr", file_of(tmp_path, applied))
    gw.done(*words, "--received-on", "2026-01-02")
    printed = gw.done("peer", "trust", "fr", file_of(tmp_path, PINS))
    kid = PINS["attestation_keys"]["keys"][0]["kid"]
    assert all(one in printed for one in (PINS["root_sha256"], kid, *PINS["log_keys"]))
    gw.done("peer", "agree", "fr", "--matter", "csam", "--territory", "FR", "--purpose", "remove",
            "--kind", "hotline", "--membership", "full", "--tlp", "AMBER", "--offers-a-day", "9",
            "--from", "2026-01-01")  # fmt: skip
    shown = gw.done("organisation", "show", "fr", persons=())
    assert all(one in shown for one in ("peer gateway", PINS["issuer"], "peer agreements"))
