"""`casegate admin`: named persons with their keys, one change, its receipt, one sentence if not."""

import errno
import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.cli import main, output
from gateway.cli.admin import admin, change_command, registry
from gateway.cli.admin.session import AdminSession
from gateway.client import enrolment
from gateway.client.enrolment import InvitationFile
from gateway.client.errors import ProblemDetails, RequestRefused, SettingsError
from gateway.domain.organisation import Certificate
from gateway.domain.refusals import HighWaterMarkUnavailable
from gateway.evidence import base64url, receipt
from gateway.evidence.receipt import VerifiedReceipt
from gateway.kernel.ports import TransactionMode
from gateway.keys import KeyPurpose, generate_key, load_key_set
from gateway.store.high_water_mark import HighWaterMarkFile
from tests.each import each
from tests.operating import DUBOIS, MARTIN, NEW, Operator, certified, operator, said

ADMISSION = ("--name", "OFMIN", "--kind", "police_office", "--country", "FR", "--public-authority")
SEAT = ("--membership", "observer", "--from", "2023-10-31", "--decision-ref", "board")
MANDATE = ("--matter", "csam", "--territory", "FR", "--legal-act", "Decree", "--from", "2023-08-31")


@pytest.fixture
def ofmin(tmp_path: Path) -> Operator:
    """A gateway with a member and its system."""
    admission = ("organisation", "admit", "ofmin", *ADMISSION)
    return operator(tmp_path, admission, ("system", "register", "ofmin", "desk"))


def confirmed(gw: Operator, told: dict[str, Any]) -> VerifiedReceipt:
    """Verify a printed receipt offline, with the log's public key alone."""
    with gw.opened() as gateway:
        key, origin = gateway.keys.log.key, gateway.config.log_origin
    return receipt.verify(receipt.from_json(told["receipt"]), [key], origin)


# --- Who approves


def test_what_takes_two_persons_waits_when_one_signed_it_on_record(gw: Operator) -> None:
    before = gw.size()
    told = gw.done("organisation", "admit", "ofmin", *ADMISSION, persons=(MARTIN,))
    assert "waits" in told
    assert gw.size() == before + 1
    assert "ofmin" not in gw.done("organisation", "list", persons=())
    assert "status active" in gw.done("organisation", "admit", "ofmin", *ADMISSION)


def test_nobody_approves_nothing(gw: Operator) -> None:
    result = gw.admin("organisation", "admit", "ofmin", *ADMISSION, persons=())
    assert result.exit_code == 2
    assert "say who approves: --as PERSON" in result.stderr


def test_a_person_without_a_key_in_the_folder_is_told_how_to_name_it(gw: Operator) -> None:
    result = gw.admin("organisation", "admit", "ofmin", *ADMISSION, persons=(MARTIN, "nobody"))
    assert said(result).endswith(
        "nobody.pem does not exist: --approver-key nobody=FILE says where the key is"
    )
    assert gw.size() == NEW


def test_a_person_s_id_leads_to_no_other_folder(gw: Operator) -> None:
    result = gw.admin(
        "organisation", "admit", "ofmin", *ADMISSION, persons=("../keys/log/current",)
    )
    assert result.exit_code == 2
    assert "is no person's id" in result.stderr


def test_a_key_with_a_passphrase_is_opened_by_the_person_at_the_terminal(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = gw.config.people / "martin.pem"
    private: Any = load_pem_private_key(file.read_bytes(), None)
    secret = BestAvailableEncryption(b"hunter2")
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    words = ("organisation", "admit", "ofmin", *ADMISSION)
    assert "needs its passphrase" in said(gw.admin(*words, persons=(MARTIN,)))
    monkeypatch.setattr(output, "interactive", lambda: True)
    who = ("admin", "--home", gw.folder, "--as", MARTIN)
    assert "waits" in gw.type(*who, *words, input="hunter2\n").stdout


# --- Where administrators work


@each("words", [("--home", "HOME", "-c", "FILE"), ("-c", "FILE", "--home", "HOME")])
def test_one_place_is_named(words: tuple[str, ...], gw: Operator, tmp_path: Path) -> None:
    (tmp_path / "connection.toml").touch()
    places = {"HOME": gw.folder, "FILE": tmp_path / "connection.toml"}
    given = [places.get(word, word) for word in words]
    for typed in ((*given, "waiting"), (*given[:2], "waiting", *given[2:])):
        result = gw.type("admin", *typed)
        assert result.exit_code == 2
        assert "--connection" in result.stderr


def test_over_the_network_another_person_is_handed_a_command_for_the_network() -> None:
    reached = AdminSession(Path("gw"), (MARTIN,), {}, Path("desk/connection.toml"))
    with click.Context(admin, obj=reached):
        assert "-c CONNECTION" in change_command.hand_over("0198")
        assert "--home" not in change_command.hand_over("0198")
        assert change_command.place(reached) == "-c desk/connection.toml"


def test_over_the_network_too_it_is_said_what_is_missing() -> None:
    class Remote:
        def proposal(self, _: UUID) -> None:
            raise RequestRefused(ProblemDetails("not-found", "Not found", 404))

    where = AdminSession(Path("gw"), (MARTIN,), {}, Path("desk/connection.toml"))
    reached: Any = registry._NetworkRegistry(where, cast(Any, None), cast(Any, Remote()))
    with pytest.raises(RequestRefused, match="proposal list"):
        reached.proposal(UUID(int=0))


def test_what_takes_all_scopes_away_says_so_before_it_is_signed(gw: Operator) -> None:
    gw.done("organisation", "admit", "ofmin", *ADMISSION)
    gw.done("system", "register", "ofmin", "desk")
    words = ("system", "set-admin-scopes", "ofmin", "desk")
    assert "takes away" in gw.admin(*words).stderr
    assert "takes away" not in gw.admin(*words, "--scope", "admin").stderr


# --- A key kept elsewhere


def test_a_person_may_keep_the_key_elsewhere(gw: Operator, tmp_path: Path) -> None:
    kept = tmp_path / "on a stick.pem"
    (gw.config.people / "martin.pem").rename(kept)
    assert gw.admin("organisation", "admit", "ofmin", *ADMISSION).exit_code == 1
    gw.done("--approver-key", f"martin={kept}", "organisation", "admit", "ofmin", *ADMISSION)


def test_a_key_given_is_used_instead_of_the_one_in_the_folder(gw: Operator) -> None:
    wrong = ("--approver-key", f"martin={gw.config.people / 'dubois.pem'}")
    assert "--approver-key" in said(gw.admin(*wrong, "organisation", "admit", "ofmin", *ADMISSION))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--approver-key", "bernard=x.pem"), "--as bernard is missing"),
        (("--approver-key", "martin"), "is not of the form PERSON=FILE"),
        (("--approver-key", "martin="), "is not of the form PERSON=FILE"),
        (("--approver-key", "=x.pem"), "is not of the form PERSON=FILE"),
        (
            ("--approver-key", "martin=x.pem", "--approver-key", "martin=y.pem"),
            "once for each person",
        ),
    ],
)
def test_a_key_is_named_for_one_who_approves(
    gw: Operator, given: tuple[str, ...], sentence: str
) -> None:
    result = gw.admin(*given, "organisation", "admit", "ofmin", *ADMISSION)
    assert result.exit_code == 2
    assert sentence in result.stderr


# --- Receipts


def test_the_receipt_of_every_command_verifies_and_names_the_change(
    gw: Operator, tmp_path: Path
) -> None:
    def do(typ: str, *words: str) -> dict[str, Any]:
        told = gw.told(*words)
        proved = confirmed(gw, told)
        assert proved.event["type"] == typ
        assert proved.event["id"] == told["result"]["event"]
        by = [value for kind, value in proved.opened.shown if kind == "by"]
        assert by == [[MARTIN, DUBOIS]]
        return told["result"]

    do("organisation.admitted", "organisation", "admit", "ofmin", *ADMISSION)
    do("membership.granted", "membership", "grant", "ofmin", *SEAT)
    do("membership.ended", "membership", "end", "ofmin", "--until", "2030-01-01")
    do("mandate.granted", "mandate", "grant", "ofmin", *MANDATE)
    key = ("--competence", "receive/csam/FR")
    do("mandate.ended", "mandate", "end", "ofmin", *key, "--until", "2030-01-01")
    do("system.registered", "system", "register", "ofmin", "desk", "--scope", "cases.read")
    (tmp_path / "key.json").write_text(json.dumps(public_jwk("first")))
    key = ("--key", str(tmp_path / "key.json"))
    do("system.keys_set", "system", "set-keys", "ofmin", "desk", *key)
    do("system.keys_set", "system", "set-keys", "ofmin", "desk", "--certificate-only")
    leaf, _ = x509.load_pem_x509_certificates(certified(gw, "ofmin", "desk").encode())
    thumbprint = base64url.digest(leaf.public_bytes(Encoding.DER))
    do("certificate.revoked", "certificate", "revoke", "ofmin", thumbprint, "--reason", "lost")
    do("organisation.suspended", "organisation", "suspend", "ofmin", "--reason", "no answer")
    do("organisation.reinstated", "organisation", "reinstate", "ofmin", "--reason", "answered")


def test_the_receipt_of_a_denial_verifies_too(gw: Operator) -> None:
    words = ("--json", "organisation", "admit", "ofmin", *ADMISSION)
    result = gw.admin(*words, persons=(MARTIN, MARTIN))
    assert result.exit_code == 1
    told = json.loads(result.stdout)["error"]
    proved = confirmed(gw, told)
    assert (proved.event["type"], proved.event["result"]) == ("organisation.admitted", "denied")
    assert (told["kind"], "refused, and recorded" in told["message"]) == ("refused", True)


def test_without_json_a_person_reads_what_was_done_and_which_event_it_is(gw: Operator) -> None:
    gw.done("organisation", "admit", "ofmin", *ADMISSION)
    words = ("system", "register", "ofmin", "desk", "--scope", "cases.read")
    first, second = gw.done(*words, "--scope", "directory.read").splitlines()
    assert first == "system.register: client_id ofmin.desk, scopes cases.read directory.read"
    assert second.startswith("  recorded as event ")


def test_a_simulated_date_is_shown(gw: Operator) -> None:
    assert "simulated" not in gw.done("organisation", "admit", "ofmin", *ADMISSION)
    gw.set("demo", "simulated_reference_date", "2023-10-31")
    words = ("organisation", "suspend", "ofmin", "--reason", "no answer")
    assert gw.done(*words).endswith(", judged on the simulated date 2023-10-31\n")


# --- Keys of systems


def public_jwk(kid: str) -> dict[str, str]:
    return generate_key(KeyPurpose.PERSON).public_jwk() | {"kid": kid}


def test_keys_are_given_by_file_and_one_takes_the_place_of_the_other(
    ofmin: Operator, tmp_path: Path
) -> None:
    for name in ("old", "new"):
        (tmp_path / name).write_text(json.dumps(public_jwk(name)))
    both = ("--key", str(tmp_path / "old"), "--key", str(tmp_path / "new"))
    first, _ = ofmin.done("system", "set-keys", "ofmin", "desk", *both).splitlines()
    assert first == "system.set_keys: client_id ofmin.desk, keys 2"


def test_what_is_no_public_key_is_not_registered(ofmin: Operator, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no JSON")
    (tmp_path / "other").write_text('{"kty":"oct","k":"AAAA","kid":"x"}')
    words = ("system", "set-keys", "ofmin", "desk")
    for name, sentence in (
        ("text", "is not JSON"),
        ("other", "keys must be as described"),
    ):
        result = ofmin.admin(*words, "--key", tmp_path / name)
        assert result.exit_code == 1
        assert sentence in result.stderr


@pytest.mark.parametrize("given", [(), ("--certificate-only", "--key")])
def test_keys_or_none_is_said_and_not_left_out(
    ofmin: Operator, tmp_path: Path, given: tuple[str, ...]
) -> None:
    (tmp_path / "key").write_text(json.dumps(public_jwk("x")))
    files = (tmp_path / "key",) if given else ()
    result = ofmin.admin("system", "set-keys", "ofmin", "desk", *given, *files)
    assert result.exit_code == 2


# --- The mark cannot be raised once the change is in


@pytest.fixture
def unmarked(ofmin: Operator, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The mark's database does not answer until this is undone."""

    def away(*_: Any) -> bool:
        raise HighWaterMarkUnavailable("the log's high-water mark cannot be raised")

    monkeypatch.setattr(HighWaterMarkFile, "advance", away)
    return monkeypatch


def event_named(sentence: str) -> str:
    assert sentence.startswith("recorded as event "), sentence
    return sentence.split()[3].rstrip(",")


def test_a_change_that_stands_without_a_receipt_is_told_by_its_event(
    ofmin: Operator, unmarked: pytest.MonkeyPatch
) -> None:
    sentence = said(ofmin.admin("organisation", "suspend", "ofmin", "--reason", "x"))
    assert "do not repeat it" in sentence
    machines = ofmin.admin("--json", "organisation", "reinstate", "ofmin", "--reason", "x")
    named = json.loads(machines.stdout)["error"]
    unmarked.undo()
    shown = ofmin.done("event", "show", event_named(sentence), persons=())
    assert "organisation.suspended" in shown
    told = ofmin.told("event", "show", named["event"], persons=())
    assert confirmed(ofmin, {"receipt": told}).event["type"] == "organisation.reinstated"
    unknown = "018f0000-0000-7000-8000-000000000000"
    assert "no event with this id" in said(ofmin.admin("event", "show", unknown, persons=()))


def test_a_step_of_a_key_that_has_no_receipt_is_not_taken(
    ofmin: Operator, unmarked: pytest.MonkeyPatch
) -> None:
    sentence = said(ofmin.admin("gateway-key", "rotate", "--step", "publish", persons=(MARTIN,)))
    assert "the step was not taken" in sentence
    assert not (ofmin.config.keys / "token" / "next.pem").exists()


# --- Invitations


def invite(gw: Operator, out: Path) -> Any:
    return gw.admin("invitation", "create", "ofmin", "desk", "--out", out)


def open_invitations(gw: Operator) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = gw.told("invitation", "list", persons=())["items"]
    return listed


def test_open_invitations_are_listed_without_their_tokens(ofmin: Operator, tmp_path: Path) -> None:
    assert open_invitations(ofmin) == []
    for name in ("one", "two"):
        assert invite(ofmin, tmp_path / name).exit_code == 0
    first, second = (InvitationFile.read((tmp_path / n).read_bytes()) for n in ("one", "two"))
    listed = open_invitations(ofmin)
    assert [one["invitation"] for one in listed] == [first.invitation, second.invitation]
    printed = ofmin.done("invitation", "list", persons=())
    assert first.token not in printed
    words = ("invitation", "withdraw", "ofmin", first.invitation, "--reason", "lost")
    ofmin.done(*words, persons=(MARTIN,))
    assert [one["invitation"] for one in open_invitations(ofmin)] == [second.invitation]


def test_nobody_is_invited_when_the_file_cannot_be_made(ofmin: Operator, tmp_path: Path) -> None:
    size = ofmin.size()
    assert "not a folder" in invite(ofmin, tmp_path / "no" / "file").stderr
    (tmp_path / "there").write_text("mine")
    assert " exists" in invite(ofmin, tmp_path / "there").stderr
    assert (ofmin.size(), open_invitations(ofmin)) == (size, [])


def test_an_invitation_waits_for_a_second_person_and_is_then_finished(
    ofmin: Operator, tmp_path: Path
) -> None:
    file = tmp_path / "waits"
    words = ("invitation", "create", "ofmin", "desk", "--out", file)
    assert "complete" in ofmin.done(*words, persons=(MARTIN,))
    waits = json.loads(file.read_text())
    assert (waits["format"], file.stat().st_mode & 0o777) == (enrolment.WAITING, 0o600)
    assert open_invitations(ofmin) == []
    with pytest.raises(SettingsError, match="has not approved this invitation yet"):
        InvitationFile.read(file.read_bytes())
    assert "nobody has approved" in said(ofmin.admin("invitation", "complete", file))
    ofmin.done("proposal", "approve", waits["proposal"], "--yes", persons=(DUBOIS,))
    ofmin.done("invitation", "complete", file, persons=())
    made, (stands,) = InvitationFile.read(file.read_bytes()), open_invitations(ofmin)
    assert (made.invitation, made.token) == (stands["invitation"], waits["token"])
    assert "is complete" in said(ofmin.admin("invitation", "complete", file))


def test_when_the_disk_is_full_the_invitation_is_named_to_be_withdrawn(
    ofmin: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: InvitationFile) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(InvitationFile, "render", full)
    sentence = said(invite(ofmin, tmp_path / "file"))
    (stands,) = open_invitations(ofmin)
    assert f"withdraw {stands['invitation']}" in sentence
    assert not (tmp_path / "file").exists()


def test_an_invitation_without_a_receipt_keeps_its_token(
    ofmin: Operator, tmp_path: Path, unmarked: pytest.MonkeyPatch
) -> None:
    sentence = said(invite(ofmin, tmp_path / "file"))
    assert "do not repeat it" in sentence
    made = InvitationFile.read((tmp_path / "file").read_bytes())
    assert made.invitation == event_named(sentence)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_machine_output_is_asked_for_before_the_noun_or_behind_the_verb(gw: Operator) -> None:
    for words in (("--json", "proposal", "list"), ("proposal", "list", "--json")):
        assert json.loads(gw.done(*words, persons=())) == {"items": []}
    told = gw.told("organisation", "admit", "ofmin", *ADMISSION)
    assert told["result"]["organisation"] == "ofmin"


@pytest.mark.parametrize("start", ["-", "-h", "--", "--help"])
def test_a_thumbprint_that_looks_like_an_option_is_none(ofmin: Operator, start: str) -> None:
    thumbprint = start + "A" * (43 - len(start))
    with ofmin.opened() as gateway, gateway.ports.begin(TransactionMode.REGISTRY) as work:
        ends = gateway.ports.now() + timedelta(days=1)
        work.organisations.add_certificate(Certificate(thumbprint, 1, "ofmin", "desk", ends))
        work.commit()
    words = ("certificate", "revoke", "ofmin", thumbprint, "--reason", "lost")
    assert f"revoked {thumbprint}," in ofmin.done(*words, persons=(MARTIN,))


# --- What goes wrong


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("organisation", "admit", "Ofmin", *ADMISSION),
            "organisation must be an organisation id",
        ),
        (
            ("organisation", "admit", "ofmin2", *ADMISSION, "--country", "France"),
            "country must be the ISO 3166-1 code of a country",
        ),
        (("organisation", "admit", "ofmin", *ADMISSION), "ids are never used again"),
        (
            ("membership", "grant", "ofmin", *SEAT, "--until", "2020-01-01"),
            "until ",
        ),
        (("membership", "grant", "ocrvp", *SEAT), "admit it first"),
        (("membership", "end", "ofmin", "--until", "2030-01-01"), "no membership on that day"),
        (("certificate", "revoke", "ofmin", "AAAA", "--reason", "x"), "no such certificate"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_that_names_the_field(
    ofmin: Operator, words: tuple[str, ...], sentence: str
) -> None:
    before = ofmin.size()
    told = said(ofmin.admin(*words))
    assert sentence in told
    assert ofmin.size() == before + told.startswith("refused, and recorded: ")


def test_a_missing_database_is_said_and_not_made_anew(gw: Operator) -> None:
    database = gw.config.database_file
    assert database is not None
    database.unlink()
    result = gw.admin("organisation", "admit", "ofmin", *ADMISSION)
    assert said(result) == f"the database {database} is missing: is [database] url right?"
    assert not database.exists()


# --- Help


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        yield (*path, name), command


COMMANDS = dict(commands(admin))


@each("path", COMMANDS)
def test_help_needs_no_person_and_explains_every_option(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    result = CliRunner().invoke(main, ["admin", *path, "--help"])
    assert result.exit_code == 0, result.output
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert "%" not in str(parameter.make_metavar(click.Context(command)))


# --- The gateway's own keys


def test_the_token_key_changes_in_steps_that_are_recorded_before_they_are_taken(
    gw: Operator,
) -> None:
    folder = gw.config.keys / "token"
    old = load_key_set(folder, KeyPurpose.TOKEN).current
    told = gw.told("gateway-key", "rotate", "--step", "publish", persons=(MARTIN,))
    published = load_key_set(folder, KeyPurpose.TOKEN)
    (following,) = published.published
    assert published.current == old
    proved = confirmed(gw, told)
    assert proved.event["type"] == "gateway_key.rotated"
    shown = dict(proved.opened.shown)
    assert shown["by"] == [MARTIN]
    assert json.loads(shown["subject"]) == {
        "organisation": "gateway",
        "purpose": "token",
        "step": "publish",
        "key": following.kid,
    }
    size = gw.size()
    early = gw.admin("gateway-key", "rotate", "--step", "activate", persons=(MARTIN,))
    assert "less than a day" in said(early)
    assert gw.size() == size
    long_ago = time.time() - 86_401
    os.utime(folder / "next.pem", (long_ago, long_ago))
    again = gw.admin("gateway-key", "rotate", "--step", "publish", persons=(MARTIN,))
    assert "the next step is 'activate'" in said(again)
    assert "step activate" in gw.done(
        "gateway-key", "rotate", "--step", "activate", persons=(MARTIN,)
    )
    used = load_key_set(folder, KeyPurpose.TOKEN)
    assert (used.current, used.published) == (following, (old,))


# --- Mandates


def test_a_second_holder_is_recorded_with_a_warning_and_reported(ofmin: Operator) -> None:
    ofmin.done("organisation", "admit", "ocrvp", *ADMISSION)
    assert "WARNING" not in ofmin.done("mandate", "grant", "ofmin", *MANDATE)
    assert "held on some of these days by ofmin" in ofmin.done(
        "mandate", "grant", "ocrvp", *MANDATE, "--until", "2024-01-01"
    )
    report = ofmin.done("mandate", "report", persons=())
    assert report.splitlines() == [
        "receive/csam/FR",
        "  several holders from 2023-08-31 until 2024-01-01: ocrvp, ofmin",
    ]
    assert "from 2024-01-01 on: ofmin" in ofmin.done("mandate", "report", "--all", persons=())
    told = ofmin.told("mandate", "report", persons=())
    assert told["competences"][0]["gaps"] == []


def test_a_report_of_mandates_is_no_event(ofmin: Operator) -> None:
    ofmin.done("mandate", "grant", "ofmin", *MANDATE, "--until", "2024-01-01")
    before = ofmin.size()
    report = ofmin.done("mandate", "report", persons=())
    assert "no holder from 2024-01-01 on" in report
    assert ofmin.size() == before


# --- Audit grants

TERM = ("--from", "2026-03-01", "--until", "2026-04-01", "--decision-ref", "board 2026-02")


def test_the_second_person_computes_the_digest_of_a_decision_as_the_page_says(
    tmp_path: Path,
) -> None:
    page = (Path(__file__).parents[2] / "docs/administrators.md").read_text("utf-8")
    (line,) = [one for one in page.splitlines() if one.startswith("openssl dgst")]
    minutes = b"The board admits the hotline.\n"
    (tmp_path / "minutes.pdf").write_bytes(minutes)
    told = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == base64url.digest(minutes)
