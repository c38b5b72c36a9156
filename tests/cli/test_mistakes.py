"""What people get wrong, and what they are told: how it ends, of which kind, and a way out."""

import json
import re
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.cli.failure import OutputNotWritten
from gateway.cli.partner_command import tell_silence
from gateway.client.transport import PAUSES
from tests.cli.desks import CLEARED, Desks
from tests.client import client_fixture
from tests.client.client_fixture import Fault, MemberClient, answer
from tests.client.conftest import authorities
from tests.client.test_connection import written
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN
from tests.operating import Operator
from tests.ports import START

REMEDY = re.compile(r"`[^`]+`|casegate |--[a-z]|\S+/\S+|\b[a-z]+_[a-z]+\b")
"""A command, an option, a setting, a file or an address: something to try next."""

WHY = ("--by", "liaison-1", "--reason", "Wrong")
CONSULT = ("--by", "liaison-1", "--reason-code", "investigation", "--reason", "First look")
OFFER = ("--by", "liaison-1", "--group", "items", "--purpose", "identify_victim")


@dataclass(frozen=True)
class Told:
    """How a command ended: its exit status, the kind of its error, and all that it said."""

    code: int
    kind: str
    text: str


def told(result: Any) -> Told:
    error = json.loads(result.stdout)["error"]
    return Told(result.exit_code, error["kind"], " ".join(map(str, error.values())))


# --- At a desk, with a gateway that answers ---


@each(
    "words, at, code, kind",
    [
        ("case check nothing.json", HOTLINE, 2, "usage-error"),
        ("case check binary.json", HOTLINE, 2, "usage-error"),
        ("case check empty.json", HOTLINE, 2, "usage-error"),
        ("case check list.json", HOTLINE, 2, "usage-error"),
        ("case submit same.json --by intake-1", HOTLINE, 1, "already-exists"),
        ("case submit same-reference.json --by intake-1", HOTLINE, 1, "already-exists"),
        ("case show HA-2026-0001", HOTLINE, 2, "unknown-reference"),
        ("handoff show HA-2026-0001", HOTLINE, 2, "unknown-reference"),
        (
            ("handoff", "preview", "{case}", *OFFER, "--competence", "csam"),
            HOTLINE,
            2,
            "usage-error",
        ),
        ("directory list --competence csam", HOTLINE, 2, "usage-error"),
        ("handoff accept {handoff} --by liaison-1 --yes", HOTLINE, 1, "policy-denied"),
        (("handoff", "consult", "{handoff}", *CONSULT), HOTLINE, 1, "policy-denied"),
        ("handoff close {handoff} --by liaison-1", HOTLINE, 1, "policy-denied"),
        ("handoff withdraw {handoff} --by officer-1 --reason Wrong", OFMIN, 1, "policy-denied"),
        (("handoff", "withdraw", "{withdrawn}", *WHY), HOTLINE, 1, "invalid-state"),
        ("event list --after 1000", HOTLINE, 2, "usage-error"),
        ("case --home . list", HOTLINE, 2, "usage-error"),
    ],
)
def test_a_mistake_at_a_desk(  # noqa: PLR0917 - a row has four columns
    words, at, code, kind, desks, mistaken
):
    typed = words.split() if isinstance(words, str) else words
    found = told(desks.run(*(one.format(**mistaken) for one in typed), "--json", at=at))
    assert (found.code, found.kind) == (code, kind), found
    assert REMEDY.search(found.text), found


@pytest.fixture
def mistaken(desks: Desks) -> dict[str, str]:
    """A case and handoffs to be wrong about, and files that are no cases."""
    same = desks.case_file()
    content = json.loads(same.read_text())
    desks.done("case", "submit", str(same), "--by", "intake-1", *CLEARED)
    other = {**content, "case": str(desks.stage.gateway.new_id())}
    files = {
        "same.json": same.read_bytes(),
        "same-reference.json": json.dumps(other).encode(),
        "binary.json": b"\xf5\x00\x01",
        "empty.json": b"",
        "list.json": b"[]",
    }
    for name, data in files.items():
        Path(name).write_bytes(data)
    withdrawn = desks.offered()
    desks.done("handoff", "withdraw", withdrawn, *WHY)
    return {"case": content["case"], "handoff": desks.offered(), "withdrawn": withdrawn}


def test_a_case_that_is_there_is_told_with_its_state(desks: Desks, mistaken: Any) -> None:
    found = told(desks.run("case", "submit", "same.json", "--by", "intake-1", "--json"))
    assert "cleared" in found.text
    assert f"/cases/{mistaken['case']}/versions" in found.text


def test_who_can_do_it_is_named_for_a_handoff_that_one_sees(desks: Desks, mistaken: Any) -> None:
    accept = ("handoff", "accept", mistaken["handoff"], "--by", "liaison-1", "--yes", "--json")
    assert OFMIN in told(desks.run(*accept)).text
    hidden = (*accept[:2], str(desks.stage.gateway.new_id()), *accept[3:])
    assert OFMIN not in told(desks.run(*hidden)).text


@each("spelled", ["csam/FR", "receive/csam/FR"])
def test_a_competence_is_taken_as_any_output_prints_it(spelled, desks, mistaken):
    given = ("--competence", spelled)
    assert "receive/csam/FR" in desks.done("directory", "list", *given)
    assert "receive/csam/FR" in desks.done("handoff", "preview", mistaken["case"], *OFFER, *given)


def test_ones_own_case_is_named_by_its_reference_too(desks: Desks) -> None:
    case = desks.submitted(originator_ref="HA-2026-0001")
    assert desks.told("case", "show", "HA-2026-0001")["case"] == case
    given = ("--competence", "csam/FR")
    offered = desks.told("handoff", "offer", "HA-2026-0001", *OFFER, *given)
    assert desks.told("handoff", "show", offered["result"]["handoff"])["case"] == case


# --- Where no gateway answers ---


def raising(error: httpx.TransportError, cause: Exception) -> Fault:
    def fault(request: httpx.Request, response: httpx.Response | None) -> None:
        raise error from cause

    return fault


def _expired() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = 10, "certificate has expired"
    return error


DOWN = raising(httpx.ConnectError("x"), ConnectionRefusedError(111, "Connection refused"))
NO_DNS = raising(httpx.ConnectError("x"), socket.gaierror(socket.EAI_AGAIN, "x"))
TYPO = raising(httpx.ConnectError("x"), socket.gaierror(socket.EAI_NONAME, "x"))
BLACK_HOLE = raising(httpx.ConnectTimeout("x"), TimeoutError())
SILENT = raising(httpx.ReadTimeout("x"), TimeoutError())
CLOCK = raising(httpx.ConnectError("x"), _expired())


@each(
    "fault, code, kind, says",
    [
        (DOWN, 3, "gateway-unavailable", "listens"),
        (NO_DNS, 3, "gateway-unavailable", "DNS"),
        (BLACK_HOLE, 3, "gateway-unavailable", "firewall"),
        (SILENT, 3, "gateway-unavailable", "request"),
        (TYPO, 4, "settings-error", "partners.example.org"),
        (CLOCK, 4, "tls-not-trusted", f"clock, which says {START:%Y-%m-%d}"),
        (answer(404), 4, "settings-error", "api_url"),
        (answer(400), 4, "token-refused", "casegate system check"),
    ],
)
def test_a_connection_that_does_not_work(  # noqa: PLR0917 - a row has four columns
    fault, code, kind, says, desks, monkeypatch
):
    whole = MemberClient.__init__

    def begin(self: MemberClient, *args: Any, **kwargs: Any) -> None:
        whole(self, *args, **kwargs)
        self.wire.faults = [fault] * (len(PAUSES) + 1)

    with monkeypatch.context() as patched:
        patched.setattr(client_fixture.MemberClient, "__init__", begin)
        found = told(desks.run("case", "list", "--json"))
    assert (found.code, found.kind) == (code, kind), found
    assert says in found.text
    assert REMEDY.search(found.text), found


def test_a_person_is_told_that_nothing_was_answered_yet(
    desks: Desks, capsys: pytest.CaptureFixture[str]
) -> None:
    member = MemberClient(desks.stage, HOTLINE)
    tell_silence(member)
    assert member.connection.api_url in capsys.readouterr().err
    member.whoami()
    tell_silence(member)
    assert capsys.readouterr().err == ""


def test_a_connection_file_that_is_not_there(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    found = told(CliRunner().invoke(main, ["case", "list", "--json"]))
    assert (found.code, found.kind) == (4, "settings-error")
    for way_out in ("-c", "CASEGATE_CONNECTION", "casegate enrol"):
        assert way_out in found.text


def test_a_key_of_another_certificate_is_told_from_a_file_that_is_no_key(tls_files: Path) -> None:
    private, _ = authorities().client()
    (tls_files / "key.pem").write_bytes(private)
    file = str(written(tls_files))
    found = told(CliRunner().invoke(main, ["case", "list", "--json", "-c", file]))
    assert (found.code, found.kind) == (4, "settings-error")
    assert "another certificate" in found.text
    assert REMEDY.search(found.text)


@each("words", ["case list -c {0}", "-c {0} case list", "case -c {0} list"])
def test_a_connection_is_named_on_either_side_of_the_command(words, tmp_path):
    file = tmp_path / "nowhere.toml"
    found = told(CliRunner().invoke(main, [*words.format(file).split(), "--json"]))
    assert str(file) in found.text


# --- In the operator's folder ---


ADMIT = "organisation admit ofmin --name OFMIN --kind police_office --country"


@each(
    "persons, words, code",
    [
        ("--as martin --as nobody", f"{ADMIT} FR", 1),
        ("--as martin --as nobody --approver-key nobody={dubois}", f"{ADMIT} FR", 1),
        ("--as martin --as dubois --approver-key martin={dubois}", f"{ADMIT} FR", 1),
        ("--as martin --as dubois", f"{ADMIT} ZZ", 1),
        ("--as martin --as dubois", f"{ADMIT} France", 1),
        ("--as martin --as dubois", "mandate end ofmin --competence csam --until 2026-09-01", 2),
    ],
)
def test_a_mistake_of_administrators(persons, words, code, gw):
    keys = {"dubois": gw.config.people / "dubois.pem"}
    line = f"admin --home {gw.folder} {persons} {words} --json".format(**keys)
    found = told(gw.type(*line.split()))
    assert found.code == code, found
    assert REMEDY.search(found.text), found
    assert gw.done("organisation", "list", persons=()).count("\n") == 1, "nobody was admitted"


def test_a_mandate_ends_by_the_short_spelling_of_its_competence(gw: Operator) -> None:
    gw.done(*ADMIT.split(), "FR", "--public-authority", "--regime", "led")
    grant = "mandate grant ofmin --matter csam --territory FR --legal-act x --from 2026-01-01"
    gw.done(*grant.split())
    assert "receive/csam/FR" in gw.done(
        "mandate", "end", "ofmin", "--competence", "csam/FR", "--until", "2026-01-02"
    )


@each(
    "words",
    [
        "admin organisation list",
        "admin --as martin organisation suspend ofmin --reason x",
        "admin waiting",
        "ca list",
        "doctor",
        "log status",
    ],
)
def test_a_wrong_folder_is_told_with_the_option_that_names_the_right_one(
    words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code != 0
    assert "--home" in result.output


@each(
    "words",
    [
        "admin --home {0} organisation list",
        "admin organisation list --home {0}",
        "--home {0} admin organisation list",
        "--home={0} ca list",
        "ca --home {0} list",
        "ca list --home {0}",
    ],
)
def test_the_folder_is_named_on_either_side_of_the_command(words, gw):
    assert gw.type(*words.format(gw.folder).split()).exit_code == 0


# --- Where the output takes no more ---


@each("words", ["case --help", "policy explain R3.membership"])
def test_an_output_without_space_is_one_sentence(words):
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "gateway", *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == OutputNotWritten.exit_code
    assert len(ended.stderr.splitlines()) == 1


# --- What was looked for, or meant ---


@each(
    "words, told",
    [
        ("hanoff list", "No such command 'hanoff'. Did you mean 'handoff'?"),
        ("audit search --since 2026-01-02", "No such option '--since'. Did you mean '--from'?"),
        ("handoff offer x --disclosure y", "Did you mean '--digest'?"),
        ("init gw --name Case_Gate", "must be a gateway's name"),
        ("admin organisation show X", "must be an organisation's name"),
        (f"system check -c {'x' * 300}", "is too long for a file's name"),
    ],
)
def test_what_is_mistyped_is_told_with_what_may_be_meant(words: str, told: str) -> None:
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


def test_the_connection_of_the_environment_counts_for_administrators_unless_a_folder_is_given(
    gw: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASEGATE_CONNECTION", str(tmp_path / "none.toml"))
    result = CliRunner().invoke(main, ["admin", "organisation", "list"])
    assert (result.exit_code, "none.toml" in result.stderr) == (2, True)
    (tmp_path / "none.toml").write_text("")
    result = CliRunner().invoke(main, ["admin", "organisation", "list"])
    assert (result.exit_code, "none.toml lacks api_url" in result.stderr) == (4, True)
    for words in ("admin --home {0} organisation list", "admin organisation list --home {0}"):
        assert gw.type(*words.format(gw.folder).split()).exit_code == 0


def test_who_is_named_to_read_must_have_a_key(gw: Operator) -> None:
    result = gw.admin("organisation", "list", persons=("nobody",))
    assert (result.exit_code, "nobody.pem does not exist" in result.stderr) == (1, True)
