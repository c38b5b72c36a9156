"""`casegate audit`: streams and copies of the log, checked offline, and how a copy is made."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from gateway.client import connection as connections
from gateway.client.mirror import PublicLog
from gateway.evidence import sd_jwt
from gateway.keys import KeyPurpose, generate_key, jwk_set, write_key
from gateway.ledger import note
from tests.cli.conftest import MIRROR
from tests.cli.desks import Desks
from tests.client.client_fixture import trust_of
from tests.founded_gateway import HOTLINE, OFMIN
from tests.ports import ISSUER, ORIGIN, key_of, note_signer
from tests.time_stamping import new_root
from tests.verification.logbook import witness


@pytest.fixture
def keys(desks: Desks) -> tuple[str, ...]:
    """The options that name the founded gateway's keys."""
    gateway = desks.stage.gateway
    file = desks.folder / "gateway-keys.json"
    file.write_text(json.dumps(jwk_set([key_of("attest")])))
    return ("--log-key", gateway.checkpoint_signer.signer.vkey, "--gateway-keys", str(file))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_saved_stream_is_proved_complete(desks: Desks, keys: tuple[str, ...]) -> None:
    desks.offered()
    told = desks.done("event", "list", "--out-dir", "kept")
    head = desks.told("event", "list")["head"]
    assert f"events 1 to {head}, {head} of them new" in told
    assert len(names(desks.folder / "kept")) == head + 1
    desks.done("audit", "check-stream", "kept", *keys)
    verdict = desks.told("audit", "check-stream", "kept", *keys)
    assert (verdict["kind"], verdict["code"]) == ("stream", 0)
    (told,) = verdict["proved"]
    assert (told["organisation"], told["number"]) == (HOTLINE, head)


def test_each_receipt_of_a_saved_stream_verifies_by_itself(
    desks: Desks, keys: tuple[str, ...]
) -> None:
    desks.done("event", "list", "--out-dir", "kept")
    desks.done("verify", "kept/000000001.json", *keys)


def test_saving_goes_on_where_the_folder_ends(desks: Desks, keys: tuple[str, ...]) -> None:
    desks.submitted()
    first = desks.told("event", "list", "--out-dir", "kept")
    again = desks.told("event", "list", "--out-dir", "kept")
    assert (again["saved"], again["head"]) == (0, first["head"])
    desks.submitted()
    (desks.folder / "kept" / f"{first['head']:09}.json").unlink()
    more = desks.told("event", "list", "--out-dir", "kept")
    assert (more["saved"], more["head"]) == (2, first["head"] + 1)
    ends = [name for name in names(desks.folder / "kept") if name.startswith("end-")]
    assert len(ends) == 2
    desks.done("audit", "check-stream", "kept", *keys)


def test_a_stream_in_one_file_is_proved_complete(desks: Desks, keys: tuple[str, ...]) -> None:
    desks.submitted()
    whole = desks.told("event", "list")
    (desks.folder / "all.json").write_text(json.dumps(whole))
    desks.done("audit", "check-stream", "all.json", *keys)
    (desks.folder / "part.json").write_text(json.dumps(desks.told("event", "list", "--after", "1")))
    assert desks.run("audit", "check-stream", "part.json", *keys).exit_code == 15


def test_coverage_tells_what_a_holder_declared_by_the_bundle_of_the_handoff(
    desks: Desks, keys: tuple[str, ...]
) -> None:
    handoff = desks.offered()
    case = desks.told("handoff", "show", handoff)["case"]
    by = ("--by", "officer-1")
    desks.done("handoff", "accept", handoff, *by, "--yes", at=OFMIN)
    why = ("--code", "misdirected", "--reason", "astray")
    desks.done("case", "recall", case, "--by", "approver-1", *why)
    erased = ("--done", "copies_erased", "--no-backups", "--yes")
    desks.done("handoff", "answer-recall", handoff, *by, *erased, at=OFMIN)
    desks.done("event", "list", "--out-dir", "stream")
    command = ("audit", "coverage", case, "--stream", "stream", *keys)
    assert "bring the bundle" in " ".join(desks.done(*command).split())
    desks.done("handoff", "export", handoff, "--without-content", "--out", "handoff.json")
    said = desks.done(*command, "--evidence", "handoff.json", "--lang", "fr")
    assert f"{OFMIN} a déclaré que ses copies sont effacées" in " ".join(said.split())
    wrong = desks.run(*command, "--evidence", "stream/000000001.json")
    assert (wrong.exit_code, "--evidence" in wrong.stderr) == (2, True)


def test_what_is_called_wrongly_is_said(desks: Desks, keys: tuple[str, ...]) -> None:
    assert desks.run("event", "list", "--out-dir", "kept", "--after", "1").exit_code == 2
    (desks.folder / "junk").write_text("junk")
    assert desks.run("audit", "check-stream", "junk", *keys).exit_code == 2
    assert desks.run("audit", "check-stream", "junk").exit_code == 2
    assert desks.run("event", "list", "--out-dir", "junk").exit_code == 2


def test_the_public_log_is_copied_and_the_copy_is_whole(
    desks: Desks, public: tuple[str, ...]
) -> None:
    desks.submitted()
    size = desks.stage.gateway.size()
    told = desks.done("audit", "mirror", ISSUER, "copy", *public)
    assert f"copy has {size} entries of {ORIGIN}, 0 before: one history" in told
    (whole,) = desks.told("audit", "check-copy", "copy", *public)["proved"]
    assert whole["size"] == size
    desks.submitted()
    again = desks.told("audit", "mirror", ISSUER, "copy", *public)
    assert (again["before"], again["size"]) == (size, desks.stage.gateway.size())
    assert "has all" in desks.done("audit", "mirror", ISSUER, "copy", *public)
    assert desks.told("audit", "check-copy", "copy", *public)["kind"] == "log"


def test_a_stream_is_held_against_a_copy_of_the_log(
    desks: Desks, public: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    desks.done("event", "list", "--out-dir", "kept")
    proved = desks.done("audit", "check-stream", "kept", *keys, "--log", "copy")
    assert "1 of 1 roots are those of the copy" in proved
    (desks.folder / "copy" / "checkpoint").write_text("x")
    result = desks.run("audit", "check-stream", "kept", *keys, "--log", "copy")
    assert (result.exit_code, "CANNOT DECIDE" in result.output) == (14, True)


def test_a_tampered_copy_is_not_whole(desks: Desks, public: tuple[str, ...]) -> None:
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    (bundle,) = (desks.folder / "copy" / "tile" / "entries").rglob("[0-9]*.p/*")
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)
    result = desks.run("audit", "check-copy", "copy", *public)
    index = desks.stage.gateway.size() - 1
    assert (result.exit_code, f"the first bad index is {index}" in result.output) == (13, True)


@pytest.fixture
def own(desks: Desks, public: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The option that names a member's connection, by which it hands cosignatures in."""
    monkeypatch.setattr(MIRROR, "now", desks.stage.gateway.clock)
    keys = json.dumps(jwk_set([key_of("attest")]))
    (desks.folder / "gateway-keys.json").write_text(keys)
    settings = connections.new_settings(
        f"{OFMIN}.desk", api_url=ISSUER, issuer=ISSUER, log_key=public[1]
    )
    settings["administrators"] = ""
    (desks.folder / "connection.toml").write_text(connections.render(settings))
    return ("-c", str(desks.folder / "connection.toml"))


def cosigned(desks: Desks, own: tuple[str, ...], key: str = "key.pem") -> dict[str, Any]:
    """OFMIN copies the log, and cosigns what it has."""
    options = (*own, "--cosign", str(desks.folder / key))
    found: dict[str, Any] = desks.told("audit", "mirror", ISSUER, "copy", *options, at=OFMIN)
    return found


def test_a_member_with_a_copy_of_the_log_witnesses_it_for_others(
    desks: Desks, own: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    handoff = desks.offered()
    size = desks.stage.gateway.size()
    told = cosigned(desks, own)
    assert told["cosigned_by"].startswith(f"{ISSUER.removeprefix('https://')}/{OFMIN}+")
    assert desks.stage.gateway.size() == size + 1, "a new key is an event"
    assert cosigned(desks, own)["size"] == cosigned(desks, own)["size"] == size + 1
    assert desks.stage.gateway.size() == size + 1, "a line is none"
    (registered,) = [
        one["receipt"]
        for one in desks.told("event", "list", at=OFMIN)["events"]
        if json.loads(one["receipt"]["document"])["type"] == "witness.registered"
    ]
    shown = [sd_jwt.read_disclosure(one).value for one in registered["disclosures"]]
    assert json.dumps({"witness": told["cosigned_by"]}).replace(" ", "") in shown
    public = PublicLog(
        ISSUER, None, desks.stage.gateway.clock,
        transport=httpx.WSGITransport(app=desks.stage.public),
    )  # fmt: skip
    desks.changes["tile"] = public.fetch
    desks.done("handoff", "export", handoff, "--without-content", "--out", "whole.json")
    asked = ("--witness", told["cosigned_by"], "--require", "witnessed", *keys)

    def verified(file: str) -> tuple[int, str]:
        done = desks.run("verify", file, *asked)
        return done.exit_code, " ".join(done.stdout.split())

    code, said = verified("whole.json")  # the gateway signed for both
    assert (code, f"saw the first {size + 1} entries of the log" in said) == (17, True)
    desks.submitted()  # the log grows, and the witness is away
    desks.done("handoff", "export", handoff, "--without-content", "--out", "later.json")
    assert verified("later.json")[0] == 17
    desks.done("handoff", "accept", handoff, "--by", "officer-1", "--yes", at=OFMIN)
    desks.done("handoff", "export", handoff, "--without-content", "--out", "last.json")
    code, said = verified("last.json")
    assert (code, "ask for a newer file" in said) == (15, True)
    cosigned(desks, own)
    desks.done("handoff", "export", handoff, "--without-content", "--out", "newest.json")
    assert verified("newest.json")[0] == 17


def test_a_log_that_no_witness_of_ones_own_confirms_is_listed_and_warned_of(
    desks: Desks, own: tuple[str, ...], tls_files: Path
) -> None:
    trust = trust_of(desks.stage.gateway)
    desks.changes["trust"] = replace(trust, witnesses=(witness("w.example").key,))
    desks.changes["certificate"] = tls_files / "certificate.pem"
    app = httpx.WSGITransport(app=desks.stage.public)
    clock = desks.stage.gateway.clock
    desks.changes["tile"] = PublicLog(ISSUER, None, clock, transport=app).fetch
    assert "0 of the 1 witnesses that you ask for" in desks.told("todo")["unconfirmed"][0]
    assert "0 des 1 témoins que vous" in desks.done("todo", "--lang", "fr")
    assert "0 of the 1 witnesses that you ask for" in desks.done("todo")
    options = (*own, "--cosign", str(desks.folder / "witness.pem"))
    done = desks.run("audit", "mirror", ISSUER, "copy", *options, at=OFMIN)
    assert (done.exit_code, "Warning: the log has grown" in done.stderr) == (0, True), done.output
    desks.changes["trust"] = replace(trust, authorities=[new_root().certificate])
    sentence = "no time-stamp authority that you ask for has stamped it"
    assert sentence in desks.told("todo")["unconfirmed"][0]
    assert sentence in desks.done("todo")


def test_a_witness_cosigns_no_other_history_and_no_smaller_tree(
    desks: Desks, own: tuple[str, ...]
) -> None:
    cosigned(desks, own)
    kept = desks.folder / "key.pem.cosigned"
    before = kept.read_bytes()
    signer = desks.stage.gateway.checkpoint_signer.signer
    for size, code, words in ((1, 5, "another history"), (99, 4, "has ")):
        other = note.sign_checkpoint(note.Checkpoint(ORIGIN, size, bytes(32)), signer)
        kept.write_text(json.dumps({ORIGIN: other}))
        options = (*own, "--cosign", str(desks.folder / "key.pem"))
        refused = desks.run("audit", "mirror", ISSUER, "copy", *options, at=OFMIN)
        assert (refused.exit_code, words in refused.stderr) == (code, True), refused.stderr
        assert kept.read_text() == json.dumps({ORIGIN: other})
        forked = desks.folder / "copy" / "forked"
        if forked.exists():
            proved = desks.run("audit", "prove-fork", str(forked), "--log-key", signer.vkey)
            assert proved.exit_code == 16, proved.output
            shutil.rmtree(forked)
    kept.write_text("{")
    options = (*own, "--cosign", str(desks.folder / "key.pem"))
    assert desks.run("audit", "mirror", ISSUER, "copy", *options, at=OFMIN).exit_code == 4
    kept.unlink()
    lost = desks.run("audit", "mirror", ISSUER, "copy", *options, at=OFMIN)
    assert (lost.exit_code, "--first-time" in lost.stderr, kept.exists()) == (4, True, False)
    assert desks.run("audit", "mirror", ISSUER, "copy", *options, "--first-time", at=OFMIN)
    assert kept.exists()
    kept.write_bytes(before)
    cosigned(desks, own)


def test_who_cosigns_has_a_connection_and_an_ed25519_key(
    desks: Desks, public: tuple[str, ...], own: tuple[str, ...]
) -> None:
    key = str(desks.folder / "key.pem")
    alone = desks.run("audit", "mirror", ISSUER, "copy", *public, "--cosign", key)
    assert (alone.exit_code, "-c" in alone.stderr) == (2, True)
    write_key(desks.folder / "key.pem", generate_key(KeyPurpose.DOCUMENT, "ES256"))
    wrong = desks.run("audit", "mirror", ISSUER, "copy", *own, "--cosign", key)
    assert (wrong.exit_code, "Ed25519" in wrong.stderr) == (2, True)


def test_a_mirror_without_the_logs_key_is_refused(desks: Desks, public: tuple[str, ...]) -> None:
    other = note_signer("other.example.org/log").vkey
    result = desks.run("audit", "mirror", ISSUER, "copy", "--log-key", other)
    assert (result.exit_code, "EVIDENCE DOES NOT VERIFY" in result.stderr) == (5, True)
    assert desks.run("audit", "mirror", "ftp://x", "copy", *public).exit_code == 4
    assert desks.run("audit", "mirror", ISSUER, "copy").exit_code == 2


def test_following_goes_on_until_it_is_stopped(
    desks: Desks, public: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt
        desks.submitted()

    monkeypatch.setattr(MIRROR, "time", SimpleNamespace(sleep=sleep))
    result = desks.run("audit", "mirror", ISSUER, "copy", *public, "--follow", "30")
    assert (waits, result.stdout.count("one history")) == ([30, 30], 2)
    assert (result.exit_code, result.stderr) == (0, ""), "Ctrl-C is how it ends"


def test_a_log_that_is_away_for_a_while_is_followed_on_and_said_once(
    desks: Desks, public: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart of the gateway takes longer than the client's patience."""
    waits: list[float] = []
    app = desks.stage.public

    def away(environ: object, start: object) -> object:
        raise httpx.ConnectError("away")

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        desks.stage.public = app if len(waits) in (3, 5) else away  # type: ignore[assignment]
        if len(waits) == 6:
            raise KeyboardInterrupt
        if len(waits) == 3:
            desks.submitted()

    monkeypatch.setattr(MIRROR, "time", SimpleNamespace(sleep=sleep))
    result = desks.run("audit", "mirror", ISSUER, "copy", *public, "--follow", "30", "--json")
    steps = [json.loads(line) for line in result.stdout.splitlines()]
    size = desks.stage.gateway.size()
    assert [step["size"] for step in steps] == [size - 1, size, size]
    assert result.stderr.count("goes on every 30 s") == 2, "once for each time it was away"


def test_a_log_that_was_never_there_is_not_followed(
    desks: Desks, public: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(environ: object, start: object) -> object:
        raise httpx.ConnectError("away")

    monkeypatch.setattr(desks.stage, "public", away)
    result = desks.run("audit", "mirror", ISSUER, "copy", *public, "--follow", "30", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["kind"] == "gateway-unavailable"


PAGE = Path(__file__).parents[2] / "docs" / "auditors.md"


def blurred(text: str) -> list[str]:
    """The words of an output without what differs from day to day: keys, numbers, times."""
    return re.sub(r"\d[\d:TZ-]*", "0", re.sub(r"[\w-]{43}", "K", text)).split()


def facts(printed: str) -> str:
    """A report without its checks, as the page shows it."""
    return printed.partition("\nChecks\n")[0]


def test_the_outputs_on_the_page_are_those_of_the_commands(
    desks: Desks, public: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    blocks = re.findall(r"^```\n\$ casegate ([^\n]+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    shown = {call.split()[1]: output for call, output in blocks}
    desks.done("event", "list", "--out-dir", "stream")
    proved = desks.done("audit", "check-stream", "stream", *keys, "--report", "page.html")
    page = (desks.folder / "page.html").read_text()
    assert "casegate audit check-stream --log-key" in page
    assert str(desks.folder) not in page
    assert blurred(facts(proved)) == blurred(shown["check-stream"])
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    whole = desks.done("audit", "check-copy", "copy", *public)
    assert blurred(facts(whole)) == blurred(shown["check-copy"])


def test_a_folder_without_evidence_of_a_fork_is_called_wrongly(
    desks: Desks, public: tuple[str, ...]
) -> None:
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    result = desks.run("audit", "prove-fork", "copy", "--log-key", public[1])
    assert (result.exit_code, "forked/" in result.stderr) == (2, True)
