"""`casegate staff`: the register as its organisation keeps it, and what a refused person reads."""

import json
from pathlib import Path

import pytest

from gateway.client import connection as connections
from tests.authenticator import Authenticator
from tests.cli.desks import Desks
from tests.founded_gateway import HOTLINE
from tests.registry.test_staff_passkeys import proof

APPROVED = ("--approved-by", "approver-1", "--approved-by", "approver-2")


@pytest.fixture
def office(desks: Desks) -> Desks:
    """A desk that keeps the hotline's register."""
    desks.stage.keeps_staff(HOTLINE)
    return desks


def entries(desks: Desks, *words: str) -> list[dict[str, object]]:
    """What an addition tells of its entries."""
    added = desks.told("staff", "add", "--by", "approver-1", *words)
    return list(added["result"]["entries"])


def test_a_person_is_entered_listed_and_ended(office: Desks) -> None:
    (made,) = entries(office, "--role", "analyst", "--role", "liaison", "--until", "2030-01-01")
    assert (made["roles"], made["until"]) == (["analyst", "liaison"], "2030-01-01")
    pseudonym = str(made["pseudonym"])
    assert pseudonym in office.done("staff", "list")
    office.done("staff", "end", pseudonym, "--by", "approver-1")
    listed = office.told("staff", "list")["items"]
    (ended,) = [one for one in listed if one["pseudonym"] == pseudonym]
    assert ended["in_force"] is False


def test_a_file_enters_many_at_once_in_its_order(office: Desks, tmp_path: Path) -> None:
    file = tmp_path / "persons.csv"
    file.write_text("roles,from,until\nanalyst liaison,,\nofficer,2030-01-01,2031-01-01\n")
    made = entries(office, "--file", str(file))
    assert [one["roles"] for one in made] == [["analyst", "liaison"], ["officer"]]
    assert (made[1]["from"], made[1]["until"]) == ("2030-01-01", "2031-01-01")


@pytest.mark.parametrize(
    "text", ["name,roles\nA,analyst\n", "roles\nanalyst,officer\n", "\n", 'roles\n"analyst\n']
)
def test_a_file_of_another_form_is_told_of_before_anything_is_sent(
    office: Desks, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "persons.csv"
    file.write_text(text)
    result = office.run("staff", "add", "--by", "approver-1", "--file", str(file))
    assert result.exit_code == 2, result.output


def test_a_role_and_a_file_are_not_given_together(office: Desks) -> None:
    assert office.run("staff", "add", "--by", "approver-1").exit_code == 2


def test_a_temporary_entry_tells_its_end(office: Desks) -> None:
    (made,) = entries(office, "--role", "analyst", "--temporary")
    assert made["temporary"]
    assert made["ends_at"]


def test_two_others_agree_to_an_approver(office: Desks) -> None:
    words = ("staff", "add", "--by", "approver-1", "--role", "approver")
    assert office.run(*words).exit_code == 1
    office.done(*words, "--approved-by", "approver-1", "--approved-by", "approver-2")


def test_who_is_refused_reads_which_person_and_what_to_do(desks: Desks) -> None:
    file = desks.case_file()
    result = desks.run("case", "submit", str(file), "--by", "nobody-1")
    assert result.exit_code == 1
    assert "/by" in result.output
    assert "casegate staff" in result.output


def test_a_person_is_invited_registers_a_passkey_and_it_is_revoked(
    office: Desks, tmp_path: Path
) -> None:
    invited = office.done("staff", "invite", "analyst-1", "--by", "liaison-1", *APPROVED)
    token = invited.split("the token ")[1].split()[0]
    key = Authenticator()
    files = {name: tmp_path / name for name in ("passkey", "proof", "token")}
    files["passkey"].write_text(json.dumps(key.jwk))
    files["proof"].write_text(proof(office.stage.gateway, "analyst-1", key))
    files["token"].write_text(f"{token}\n")
    given = (word for name, file in files.items() for word in (f"--{name}", str(file)))
    office.done("staff", "register-passkey", "--by", "analyst-1", *given)
    kid = key.jwk["kid"]
    agreed = ("--by", "liaison-1", "--approved-by", "approver-1")
    office.done("staff", "revoke-passkey", "analyst-1", kid, *agreed)
    (listed,) = (
        one for one in office.told("staff", "list")["items"] if one["pseudonym"] == "analyst-1"
    )
    assert listed["passkeys"] == [{**key.jwk, "revoked": True}]
    folder = tmp_path / "trust"
    folder.mkdir()
    office.done("staff", "list", "--out", str(folder / "persons.json"))
    trust = connections.gather_trust([folder], [], [], [])
    assert {name: [*keys] for name, keys in trust.persons.items()} == {
        f"{HOTLINE}/analyst-1": [kid]
    }
