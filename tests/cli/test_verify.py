"""`casegate verify`: a verdict offline, from the keys that the verifier brings."""

import html
import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from jwt.algorithms import ECAlgorithm

from gateway import __version__
from gateway.cli import main
from gateway.cli.verify import EXPORTED, MAX_BUNDLE_BYTES
from gateway.evidence import base64url, receipt, sd_jwt
from gateway.ledger import tiles
from gateway.ledger.tree import entry_commitment
from gateway.verification import listing
from gateway.verification.report import Code
from tests.evidence.ingredients import chance
from tests.ledger.copies import Served
from tests.verification.logbook import ORIGIN, Logbook, witness
from tests.verification.scenario import SIGNERS, Scenario, uri
from tests.verification.test_sources import two_checkpoints

VKEY = Logbook().signer.vkey


def jwks(*names: str) -> str:
    """The public keys of signers of the story, as a JWK set."""
    keys = [
        {**ECAlgorithm.to_jwk(SIGNERS[n].private.public_key(), as_dict=True), "kid": f"{n}-key"}
        for n in names
    ]
    return json.dumps({"keys": keys})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trust folder for the story's log, gateway and members; evidence of each kind beside it."""
    trust = tmp_path / "trust"
    (trust / "organisations").mkdir(parents=True)
    (trust / "log.vkey").write_text(f"# the log's key\n{VKEY}\n")
    (trust / "gateway-keys.json").write_text(jwks("gateway"))
    for name in ("hotline", "police"):
        (trust / "organisations" / f"{name}.json").write_text(jwks(name))
    for attested in (True, False):
        kind = "attested" if attested else "signed"
        story = Scenario(attested=attested).told("acceptance", "outcome")
        (tmp_path / f"{kind}.bundle").write_bytes(story.file())
        (tmp_path / f"{kind}.case").write_text(story.case.compact() + "\n")
    one = receipt.to_json(story.log.receipt(0))
    (tmp_path / "receipt.json").write_text(json.dumps(one))
    return tmp_path


def verify(*arguments: str | Path, **kwargs: Any) -> Result:
    return CliRunner().invoke(main, ["verify", *map(str, arguments)], **kwargs)


@pytest.mark.parametrize(
    "name", ["attested.bundle", "signed.bundle", "attested.case", "receipt.json"]
)
def test_a_good_file_of_each_kind_is_verified_with_a_folder_of_keys(
    folder: Path, name: str
) -> None:
    result = verify(folder / name, "--trust", folder / "trust")
    assert result.exit_code == (17 if name.startswith("attested") else 0), result.output
    first, *_ = result.stdout.split("\n")
    assert first.startswith("VERIFIED"), "the result comes first"
    *_, checks = result.stdout.rstrip("\n").split("Checks\n")
    steps = checks.split("\n")
    assert [step.split(".")[0].strip() for step in steps] == [
        str(number) for number in range(1, len(steps) + 1)
    ]
    assert all(". ok " in step for step in steps)


def test_keys_may_be_given_one_by_one(folder: Path) -> None:
    trust = folder / "trust"
    log = ("--log-key", VKEY)
    assert verify(folder / "receipt.json", *log).exit_code == 0
    assert verify(folder / "receipt.json", "--log-key", trust / "log.vkey").exit_code == 0
    gateway = ("--gateway-keys", trust / "gateway-keys.json")
    assert verify(folder / "attested.case", *gateway).exit_code == 17
    assert verify(folder / "attested.bundle", *log, *gateway).exit_code == 17
    members = [
        argument
        for name in ("hotline", "police")
        for argument in ("--organisation-keys", f"{name}={trust / 'organisations' / name}.json")
    ]
    assert verify(folder / "signed.bundle", *log, *members).exit_code == 0


@pytest.mark.parametrize("how", ["file", "folder", "option", "environment"])
def test_a_connection_file_brings_its_keys(folder: Path, how: str) -> None:
    settings = {
        "api_url": "https://partners.example.org",
        "issuer": "https://gw.example.org",
        "client_id": "hotline.desk",
        "certificate": "none.pem",
        "key": "none.pem",
        "ca": "none.pem",
        "log_key": VKEY,
        "attestation_keys": "trust/gateway-keys.json",
    }
    file = folder / "connection.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    option = "--connection" if how == "option" else "--trust"
    place = folder if how == "folder" else file
    if how == "environment":
        environment = {"CASEGATE_CONNECTION": str(file)}
        assert verify(folder / "attested.bundle", env=environment).exit_code == 17
        named = verify(folder / "attested.bundle", "--log-key", VKEY, env=environment)
        assert named.exit_code == 14, "whoever names keys trusts no others"
        return
    assert verify(folder / "attested.bundle", option, place).exit_code == 17


def test_a_way_to_fail_has_an_exit_status_of_its_own(folder: Path) -> None:
    trust = ("--trust", folder / "trust")
    bundle = json.loads((folder / "attested.bundle").read_text())
    (folder / "rubbish").write_text("rubbish")
    assert verify(folder / "rubbish", *trust).exit_code == 10

    case, *others = bundle["documents"]
    document, *shown = case.split("~")
    signed, _, signature = document.rpartition(".")
    first, *rest = base64url.decode(signature)
    false = f"{signed}.{base64url.encode(bytes([first ^ 1, *rest]))}"
    forged = bundle | {"documents": ["~".join([false, *shown]), *others]}
    (folder / "forged").write_text(json.dumps(forged))
    assert verify(folder / "forged", *trust).exit_code == 11

    ((name, log),) = bundle["logs"].items()
    left = bundle | {"logs": {name: log | {"entries": log["entries"][1:]}}}
    (folder / "incomplete").write_text(json.dumps(left))
    result = verify(folder / "incomplete", *trust)
    assert result.exit_code == 15
    assert ". failed " in result.stdout
    assert "skipped" in result.stdout

    assert verify(folder / "attested.bundle", "--log-key", VKEY).exit_code == 14


def test_machines_get_the_steps_the_sentence_and_the_code(folder: Path) -> None:
    result = verify(folder / "attested.bundle", "--log-key", VKEY, "--json")
    told = json.loads(result.stdout)
    assert told["code"] == result.exit_code == 14
    assert told["kind"] == "bundle"
    assert told["sentence"].startswith("CANNOT DECIDE")
    assert told["steps"][0].keys() == {"number", "title", "outcome", "detail"}
    assert [step["outcome"] for step in told["steps"]][:3] == ["ok", "failed", "skipped"]


def test_machines_get_the_same_facts_as_people(folder: Path) -> None:
    result = verify(folder / "signed.bundle", "--trust", folder / "trust", "--json")
    told = json.loads(result.stdout)
    assert (told["code"], told["result"]) == (0, "verified")
    (accepted,) = (one for one in told["proved"] if one["fact"] == "acceptance")
    assert (accepted["by"], accepted["entry"]) == ("police", 1)
    assert {one["fact"] for one in told["not_proved"]} >= {"later", "outcomes.later"}


def test_several_files_are_held_against_each_other(folder: Path) -> None:
    trust = ("--trust", folder / "trust")
    other = Scenario(handoff=UUID(int=7)).told("decline")
    (folder / "other.bundle").write_bytes(other.file())
    alone = verify(folder / "other.bundle", *trust)
    assert alone.exit_code == 0, alone.output
    both = verify(
        folder / "signed.bundle", folder / "other.bundle", *trust, "--keep-proof", folder / "kept"
    )
    assert both.exit_code == 16, both.output
    proved = CliRunner().invoke(
        main, ["audit", "prove-fork", str(folder / "kept"), "--log-key", VKEY]
    )
    assert proved.exit_code == 16, proved.output
    (folder / "remembered").mkdir()
    shutil.copy(folder / "trust/log.vkey", folder / "remembered")
    note = other.log.proof(0).partition("\n\n")[2]
    (folder / "remembered/newest.checkpoint").write_text(note)
    remembered = verify(folder / "signed.bundle", *trust, "--trust", folder / "remembered")
    assert remembered.exit_code == 16, remembered.output


def test_an_attested_file_fails_who_requires_the_authors_signature(folder: Path) -> None:
    trust = ("--trust", folder / "trust", "--require", "signed")
    assert verify(folder / "signed.bundle", *trust).exit_code == 0
    refused = verify(folder / "attested.bundle", *trust)
    assert refused.exit_code == 17
    assert refused.stdout.startswith("NOT VERIFIED")


def test_a_file_that_no_witness_confirms_fails_who_requires_one(folder: Path) -> None:
    trust = ("--trust", folder / "trust", "--require", "witnessed")
    assert verify(folder / "signed.bundle", *trust).exit_code == 15
    story = Scenario().told("acceptance")
    story.log.witnesses = [witness("a"), witness("b")]
    (folder / "witnessed.bundle").write_bytes(story.file())
    (folder / "trust/witnesses.vkey").write_text(f"{witness('a').key}\n")
    told = verify(folder / "witnessed.bundle", *trust)
    assert told.exit_code == 0, told.output
    assert "Witness a saw the first 2 entries" in " ".join(told.stdout.split())
    assert verify(folder / "witnessed.bundle", *trust, "--quorum", "2").exit_code == 15
    both = (*trust, "--quorum", "2", "--witness", witness("b").key)
    assert verify(folder / "witnessed.bundle", *both).exit_code == 0


def test_content_is_shown_and_no_address_in_it_can_be_followed(folder: Path) -> None:
    signer = SIGNERS["hotline"]
    document = sd_jwt.issue(
        typ="casegate-case+sd-jwt",
        claims={"iss": uri("hotline"), "iat": 1, "case": "c-1"},
        properties=[("note", "see https://evil.example/x \x1b[2J")],
        arrays=[("items", [{"kind": "url", "value": "https://evil.example/y", "is_source": True}])],
        signer=signer,
        random=chance(),
    )
    (folder / "case").write_text(document.compact())
    page = folder / "report.html"
    told = verify(
        folder / "case", "--trust", folder / "trust", "--content", "--report", page
    ).stdout
    for text in (told, page.read_text()):
        assert "hxxps://evil[.]example/y" in text
        assert "https://" not in text
        assert "\x1b" not in text
    assert "is_source: true" in told
    assert "evil" not in verify(folder / "case", "--trust", folder / "trust").stdout


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_to_print_loads_nothing_and_says_all_that_the_command_says(
    folder: Path, language: str
) -> None:
    page = folder / "report.html"
    arguments = (folder / "attested.bundle", "--trust", folder / "trust", "--lang", language)
    shown = verify(*arguments, "--report", page)
    assert shown.exit_code == 17
    text = page.read_text()
    assert f'lang="{language}"' in text
    assert 'name="viewport"' in text, "a telephone would show it in tiny letters"
    assert "\u201c6(1)(f)\u201d" in text or "«\xa06(1)(f)\xa0»" in text, (
        "a citation as it is written"
    )
    assert not re.search(r"<(script|img|link|iframe|a)\b|url\(|@import|src=|href=", text)
    plain = html.unescape(text)
    for line in shown.stdout.split("\n"):
        if line.startswith("  - "):
            assert line[4:] in plain
    assert verify(*arguments, "--report", page).exit_code == 2, "a report is not written over"


def test_keys_of_two_gateways_are_refused_without_their_names(folder: Path) -> None:
    other = folder / "other"
    shutil.copytree(folder / "trust", other)
    (other / "gateway-keys.json").write_text(jwks("stranger"))
    both = ("--trust", folder / "trust", "--trust", other)
    assert verify(folder / "attested.bundle", *both).exit_code == 2

    def named(place: Path, issuer: str) -> None:
        keys = json.loads((place / "gateway-keys.json").read_text())
        (place / "gateway-keys.json").write_text(json.dumps(keys | {"issuer": issuer}))

    named(folder / "trust", "https://gw.example.org")
    named(other, "https://other.example.org")
    assert verify(folder / "attested.bundle", *both).exit_code == 17
    named(other, "https://gw.example.org")
    named(folder / "trust", "https://other.example.org")
    assert verify(folder / "attested.bundle", *both).exit_code == 14, "a key of another gateway"


def test_the_file_may_come_from_the_standard_input(folder: Path) -> None:
    data = (folder / "receipt.json").read_bytes()
    assert verify("-", "--log-key", VKEY, input=data).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "say whose keys you trust"),
        (("--log-key", "rubbish"), "neither a log's key nor a file"),
        (("--log-key", "binary"), "file of log keys"),
        (("--gateway-keys", "receipt.json"), "JWK set"),
        (("--organisation-keys", "hotline"), "of the form ID=FILE"),
        (("--organisation-keys", "Not An Id=receipt.json"), "of the form ID=FILE"),
        (("--organisation-keys", "hotline=missing"), "cannot be read"),
        (("--trust", "empty"), "holds no keys"),
        (("--trust", "above"), "give above/keys"),
        (("--trust", "receipt.json"), "receipt.json is not TOML"),
        (
            ("--gateway-keys", "trust/gateway-keys.json", "--gateway-keys", "evil.json"),
            "several gateways",
        ),
    ],
)
def test_keys_that_cannot_be_used_are_an_error_of_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "above" / "keys").mkdir(parents=True)
    (folder / "above" / "keys" / "log.vkey").touch()
    (folder / "binary").write_bytes(b"\xff\xfe")
    (folder / "evil.json").write_text(jwks("stranger").replace("stranger-key", "gateway-key"))
    result = verify("receipt.json", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_missing_file_is_an_error_of_use(folder: Path) -> None:
    result = verify(folder / "missing", "--log-key", VKEY)
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_it_runs_without_the_server_and_without_a_network(folder: Path) -> None:
    heavy = ("cedarpy", "flask", "sqlalchemy", "authlib", "marshmallow", "gunicorn", "alembic")
    program = (
        "import socket, sys\n"
        f"sys.modules.update(dict.fromkeys({(*heavy, 'psycopg')!r}))\n"
        "def closed(*args, **kwargs): raise AssertionError('the network was asked')\n"
        "socket.socket.connect = socket.getaddrinfo = closed\n"
        "from gateway.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    arguments = ["verify", str(folder / "attested.bundle"), "--trust", str(folder / "trust")]
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 17, result.stderr
    assert "VERIFIED" in result.stdout
    assert "\x1b" not in result.stdout, "no colours where there is no terminal"


def test_the_command_reads_the_longest_file_and_one_byte_more() -> None:
    assert MAX_BUNDLE_BYTES == listing.MAX_BYTES


def test_the_command_knows_the_files_of_an_export() -> None:
    assert EXPORTED == (listing.EVIDENCE, listing.TABLE, listing.CHECKPOINT, listing.PAGE)


# --- What identifies a report ---


def test_a_report_names_its_file_day_version_command_and_keys_and_no_path(folder: Path) -> None:
    page = folder / "report.html"
    keys = ("--trust", folder / "trust", "--log-key", folder / "trust/log.vkey")
    result = verify(folder / "signed.bundle", *keys, "--json", "--report", page)
    told = json.loads(result.stdout)
    digest = sha256((folder / "signed.bundle").read_bytes()).hexdigest()
    assert (told["file"], told["sha256"]) == ("signed.bundle", digest)
    assert told["casegate"] == __version__
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", told["checked_on"])
    assert told["command"].startswith("casegate verify signed.bundle --trust trust")
    named = {(one["kind"], one["of"], one["from"]) for one in told["keys"]}
    assert ("organisation", "police", "police.json") in named
    assert ("log", ORIGIN, "log.vkey") in named
    assert ("gateway", "", "gateway-keys.json") in named
    shown = html.unescape(page.read_text())
    assert all(one in shown for one in (digest, __version__, "police-key", VKEY, "police.json"))
    assert str(folder) not in shown + result.stdout


def test_content_of_another_version_is_shown_where_it_is_asked_for(folder: Path) -> None:
    story = Scenario().told("acceptance").updated()
    (folder / "two.bundle").write_bytes(story.file())
    trust = ("--trust", folder / "trust", "--content")
    assert "Verified content, version 1" in verify(folder / "two.bundle", *trust).stdout
    newest = verify(folder / "two.bundle", *trust, "--version", "2")
    assert "Verified content, version 2" in newest.stdout


def test_a_file_is_held_against_a_copy_of_the_log(folder: Path) -> None:
    result = verify(folder / "signed.bundle", "--trust", folder / "trust", "--log", folder)
    assert result.exit_code == 2
    assert "--log" in result.output


# --- A copy of the log beside the files ---


def copied(log: Logbook, folder: Path) -> Path:
    """A copy of a log, as `casegate audit mirror` keeps it."""
    served = Served(log.signer)
    served.append([entry_commitment(one.document, one.nonce) for one in log.events])
    size = len(log.events)
    addresses = [
        *tiles.bundles(size),
        *(a for n in tiles.levels(size) for a in tiles.hashes(n, size)),
    ]
    for path in ("checkpoint", *map(tiles.path_of, addresses)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(served.fetch(path))
    return folder


def test_a_copy_of_the_log_shows_what_joins_the_checkpoints_of_a_file(folder: Path) -> None:
    story, data = two_checkpoints()
    (folder / "two.json").write_bytes(data)
    words = (folder / "two.json", "--trust", folder / "trust")
    alone = verify(*words)
    assert alone.exit_code == Code.INCOMPLETE, alone.output
    copy = copied(story.log, folder / "copy")
    with_copy = verify(*words, "--log", copy)
    assert with_copy.exit_code == Code.VERIFIED, with_copy.output
    assert "are of one history" in re.sub(r"\s+", " ", with_copy.stdout)


def test_a_copy_of_another_history_convicts_the_gateway(folder: Path) -> None:
    _, data = two_checkpoints()
    (folder / "two.json").write_bytes(data)
    other = Logbook()
    for number in range(9):
        story = Scenario(log=other, handoff=UUID(int=number + 1))
        assert story.log is other
    shown = verify(
        folder / "two.json", "--trust", folder / "trust", "--log", copied(other, folder / "copy")
    )
    assert shown.exit_code == Code.CONTRADICTION, shown.output


def test_what_is_no_whole_copy_of_a_trusted_log_is_a_wrong_call(folder: Path) -> None:
    story, data = two_checkpoints()
    (folder / "two.json").write_bytes(data)
    words = (folder / "two.json", "--trust", folder / "trust", "--log")
    copy = copied(story.log, folder / "copy")
    (copy / tiles.tile_path(0, 0, len(story.log.events))).write_bytes(bytes(32))
    damaged = verify(*words, copy)
    foreign = verify(*words, copied(Logbook("other.example.org/log"), folder / "other"))
    for one in (damaged, foreign):
        assert one.exit_code == 2, one.output
        assert "--log: " in one.stderr
