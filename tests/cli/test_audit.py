"""`casegate event list` and `casegate audit`: streams and copies of the log, verified offline."""

import csv
import hashlib
import io
import json
import re
import shutil
import zipfile
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway.cli.verify import EXPORTED
from gateway.client import AuditFilters
from gateway.client import connection as connections
from gateway.client.mirror import PublicLog
from gateway.evidence import sd_jwt
from gateway.keys import KeyPurpose, generate_key, jwk_set, write_key
from gateway.ledger import note
from tests import answers
from tests.cli.desks import Desks
from tests.client.client_fixture import MemberClient, trust_of
from tests.each import each
from tests.founded import ABROAD, HOTLINE, OFMIN, caller
from tests.ports import ISSUER, ORIGIN, key_of, note_signer
from tests.time_stamping import new_root
from tests.verification.logbook import witness

# The module; the package has the command under the same name.
MIRROR = import_module("gateway.cli.audit_copies")


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


@pytest.fixture
def public(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The founded gateway's public listener without sockets, and the option that trusts its log."""

    def open_log(url: str, ca: Path | None) -> PublicLog:
        def app(*call: Any) -> Any:
            return desks.stage.public(*call)

        transport = httpx.WSGITransport(app=app)
        clock = desks.stage.gateway.clock
        return PublicLog(url, ca, clock, sleep=lambda _: None, transport=transport)

    monkeypatch.setattr(MIRROR, "open_log", open_log)
    return ("--log-key", desks.stage.gateway.checkpoint_signer.signer.vkey)


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


@pytest.fixture
def granted(desks: Desks) -> str:
    """A handoff, and a grant over the whole log for the hotline abroad."""
    handoff = desks.offered()
    desks.stage.gateway.administer(
        "audit_access.grant",
        ABROAD,
        coverage="all",
        start="2026-03-01",
        until="2026-04-01",
        decision_ref="board 2026-02",
    )
    return handoff


WHO = ("--by", "auditor-1", "--reason-code", "lawfulness", "--reason", "yearly check")


def test_an_auditor_lists_events_of_others(
    desks: Desks, granted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    output = desks.done("audit", "search", *WHO, "--handoff", granted, at=ABROAD)
    assert "handoff.offered" in output
    assert max(map(len, output.splitlines())) <= 80
    words = " ".join(output.split())
    parties = f"{HOTLINE} (originator, number 5), {OFMIN} (recipient, number 5)"
    assert f"{parties} by liaison-1 ({HOTLINE})" in words
    assert "1 allowed" in words
    searched = desks.done("audit", "search", *WHO, "--action", "audit.search", at=ABROAD)
    assert "reason code lawfulness reason yearly check" in " ".join(searched.split())
    (one,) = desks.told(
        "audit", "search", *WHO, "--action", "handoff.offer", "--person", "liaison-1", at=ABROAD
    )["events"]
    assert (one["parties"], one["details"]["by"]) == ([HOTLINE, OFMIN], "liaison-1")


@each(
    "filters, count",
    [
        (("--organisation", OFMIN, "--result", "allowed"), 5),
        (("--rule", "R2.offer"), 1),
        (("--action", "handoff.offer"), 1),
        (("--action", "handoff.offered"), 1),
        (("--from", "2030-01-01T00:00:00Z"), 0),
        (("--from", "2030-01-01"), 0),
        (("--before", "2026-03-02T00:00:00Z"), 0),
        (("--limit", "2"), 2),
    ],
)
def test_filters_are_passed_on(
    desks: Desks, granted: str, filters: tuple[str, ...], count: int
) -> None:
    told = desks.told("audit", "search", *WHO, *filters, at=ABROAD)
    assert len(told["events"]) == count


MONTH = ("audit", "month", *WHO, "--month", "2026-03")


@each(
    "language, words",
    [
        ("en", ("1 Mar 2026 to 31 Mar 2026", "changes of members", "No event.", "No witness")),
        ("fr", ("1er mars 2026 au 31 mars 2026", "changements des membres", "Aucun événement.")),
    ],
)
def test_a_month_is_counted_by_six_topics(
    desks: Desks, granted: str, language: str, words: tuple[str, ...]
) -> None:
    output = " ".join(desks.done(*MONTH, "--lang", language, at=ABROAD).split())
    assert [one for one in words if one not in output] == []


def test_a_month_is_one_search_whose_counts_are_those_of_its_events(
    desks: Desks, granted: str
) -> None:
    told = desks.told(*MONTH, at=ABROAD)
    (search,) = told["searches"]
    assert told["search"] == search
    found = desks.told("audit", "search", *WHO, "--topic", "members", at=ABROAD)["events"]
    assert {one["topic"]: one["events"] for one in told["topics"]}["members"] == len(found)
    assert all(one["event"]["result"] == "allowed" for one in found)


def test_what_was_registered_is_shown_as_words(desks: Desks, granted: str) -> None:
    output = desks.done("audit", "search", *WHO, "--action", "mandate.grant", at=ABROAD)
    words = " ".join(output.split())
    assert f"organisation {OFMIN}" in words
    assert '"organisation"' not in words
    told = desks.told("audit", "search", *WHO, "--action", "mandate.grant", at=ABROAD)["events"]
    assert OFMIN in {json.loads(one["details"]["subject"])["organisation"] for one in told}


def test_several_results_are_one_search_in_the_order_of_the_log(desks: Desks, granted: str) -> None:
    desks.run("audit", "search", *WHO)
    asked = ("--result", "denied", "--result", "allowed")
    searched = desks.told("audit", "search", *WHO, *asked, at=ABROAD)
    told = searched["events"]
    assert len(searched["searches"]) == 1
    results = [one["event"]["result"] for one in told]
    assert {*results} == {"allowed", "denied"}
    assert [one["index"] for one in told] == sorted(one["index"] for one in told)
    counted = desks.done("audit", "search", *WHO, *asked, at=ABROAD)
    assert "1 denied" in counted


def test_several_actions_are_one_search(desks: Desks, granted: str) -> None:
    asked = ("--action", "mandate.grant", "--action", "membership.grant")
    told = desks.told("audit", "search", *WHO, *asked, at=ABROAD)["events"]
    types = {one["event"]["type"] for one in told}
    assert types == {"mandate.granted", "membership.granted"}


def test_a_search_is_written_for_a_spreadsheet_without_a_formula(
    desks: Desks, granted: str
) -> None:
    why = (*WHO[:-1], "=1+1")
    desks.done("audit", "search", *why, "--limit", "1", at=ABROAD)
    size = desks.stage.gateway.size()
    text = desks.done("audit", "search", *WHO, "--csv", at=ABROAD)
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["entry"] for row in rows] == [str(number) for number in range(size)]
    assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row.values())
    assert desks.run("audit", "search", *WHO, "--csv", "--json", at=ABROAD).exit_code == 2


def test_a_table_names_case_and_due_time_and_what_was_refused_as_it_was_asked(
    desks: Desks, granted: str
) -> None:
    desks.run("audit", "search", *WHO)  # the hotline has no audit access
    case = desks.told("handoff", "show", granted)["case"]
    text = desks.done("audit", "search", *WHO, "--csv", at=ABROAD)
    rows = {row["event"]: row for row in csv.DictReader(text.splitlines())}
    offer = rows["handoff.offered"]
    assert offer["case"] == f"{HOTLINE}/{case}"
    assert datetime.fromisoformat(offer["time"]) < datetime.fromisoformat(offer["due"])
    assert rows["audit.search"]["result"] == "denied"
    asked = (caller(OFMIN), "key", UUID(granted), answers.said("officer-1"))
    desks.stage.gateway.refusal(answers.close, *asked)
    listed = desks.done("audit", "search", *WHO, "--action", "handoff.close", at=ABROAD)
    assert "handoff.close " in listed
    assert "handoff.closed" not in listed + desks.done("event", "list", at=OFMIN)


def test_an_account_names_what_an_auditor_was_not_shown(
    desks: Desks, granted: str, public: tuple[str, ...]
) -> None:
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    shown = desks.told("audit", "search", *WHO, at=ABROAD)
    (desks.folder / "all.json").write_text(json.dumps(shown))
    words = ("audit", "account", "all.json", "--log", "copy", *public[:2])
    told = desks.told(*words)
    assert told["code"] == 0
    assert told["proved"][0]["withheld"] == 0
    del shown["events"][3]
    (desks.folder / "all.json").write_text(json.dumps(shown))
    assert desks.run(*words).exit_code == 15
    (desks.folder / "all.json").write_text("{}")
    assert desks.run(*words).exit_code == 2


def test_no_more_is_read_than_is_asked_for(desks: Desks, granted: str) -> None:
    """What is read is recorded: an auditor must be able to read little."""
    desks.told("audit", "search", *WHO, "--limit", "2", at=ABROAD)
    desk = MemberClient(desks.stage, ABROAD)
    (search,) = desk.audit("a-1", "lawfulness", "x", limit=1)
    assert [one.index for one in search.events] == [0]
    (searches,) = desk.audit("a-1", "lawfulness", "x", AuditFilters(actions=("audit.search",)))
    assert len(searches.events) == 2


def test_a_case_is_named_with_its_originator(desks: Desks, granted: str) -> None:
    (offered,) = desks.told("audit", "search", *WHO, "--action", "handoff.offer", at=ABROAD)[
        "events"
    ]
    digest = offered["event"]["case_digest"]
    case = desks.told("handoff", "show", granted)["case"]
    told = desks.told("audit", "search", *WHO, "--case", f"{HOTLINE}/{case}", at=ABROAD)
    assert {one["event"]["case_digest"] for one in told["events"]} == {digest}
    told = desks.told("audit", "search", *WHO, "--case", f"{HOTLINE}/ref-{case}", at=ABROAD)
    assert {one["event"]["case_digest"] for one in told["events"]} == {digest}
    for wrong in ("x", f"{HOTLINE}/", f"A B/{case}"):
        assert desks.run("audit", "search", *WHO, "--case", wrong, at=ABROAD).exit_code == 2
    assert desks.run("audit", "search", *WHO, "--from", "today", at=ABROAD).exit_code == 2


@each(
    "filters, said",
    [
        (("--person", "nobody"), "Nobody named nobody asked"),
        (("--rule", "R99"), "No rule is named R99"),
        (("--case", f"{HOTLINE}/guessed"), "about a case of that name"),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(
    desks: Desks, granted: str, filters: tuple[str, ...], said: str
) -> None:
    words = " ".join(desks.done("audit", "search", *WHO, *filters, at=ABROAD).split())
    assert "No events" in words
    assert said in words


def test_without_a_grant_the_refusal_names_its_rule(desks: Desks) -> None:
    result = desks.run("audit", "search", *WHO)
    assert (result.exit_code, "R2.audit.coverage" in result.stderr) == (1, True)
    assert "receipt verified" in result.stderr


def test_a_folder_without_evidence_of_a_fork_is_called_wrongly(
    desks: Desks, public: tuple[str, ...]
) -> None:
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    result = desks.run("audit", "prove-fork", "copy", "--log-key", public[1])
    assert (result.exit_code, "forked/" in result.stderr) == (2, True)


# --- What an auditor hands on ---


def _drop_a_detail(text: str) -> str:
    members = json.loads(text)
    ((_, log),) = members["logs"].items()
    del log["entries"][0]["disclosures"][0]
    return json.dumps(members)


@pytest.fixture
def exporting(desks: Desks, public: tuple[str, ...], granted: str) -> tuple[Desks, str]:
    """An auditor whose client reads the public log; and a handoff."""
    log = MIRROR.open_log(ISSUER, None)
    desks.changes["tile"] = log.fetch
    return desks, granted


def checked(desks: Desks, *words: str) -> Any:
    keys = ("--log-key", desks.stage.gateway.checkpoint_signer.signer.vkey)
    return desks.run("verify", *words, *keys)


def test_an_export_is_a_folder_that_verifies_offline(exporting: tuple[Desks, str]) -> None:
    desks, handoff = exporting
    said = desks.done("audit", "export", *WHO, "--handoff", handoff, "--out", "out", at=ABROAD)
    assert "casegate verify out --trust KEYS" in said
    folder = desks.folder / "out"
    assert sorted(one.name for one in folder.iterdir()) == sorted(EXPORTED)
    told = checked(desks, "out")
    assert told.exit_code == 0, told.output
    words = " ".join(told.output.split())
    assert "found 1 events: this file shows all of its pages" in words
    assert "filters handoff " in words or f"handoff {handoff}" in words
    assert "The table events.csv beside the evidence has a row for each" in words
    assert "The page report.html beside the evidence is not checked" in words
    (row,) = csv.DictReader(io.StringIO((folder / "events.csv").read_text()))
    assert row["case"].startswith(f"{HOTLINE}/")
    assert datetime.fromisoformat(row["due"]) > datetime.fromisoformat(row["time"])
    page = (folder / "report.html").read_text()
    assert hashlib.sha256((folder / "evidence.json").read_bytes()).hexdigest() in page
    assert checked(desks, "out/evidence.json").exit_code == 0


def test_an_export_of_many_pages_has_one_checkpoint_and_says_so_in_french(
    exporting: tuple[Desks, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desks, _ = exporting
    monkeypatch.setattr("gateway.exchange.oversight.audit.PAGE", 7)
    desks.done("audit", "export", *WHO, "--out", "out", "--lang", "fr", at=ABROAD)
    told = checked(desks, "out", "--json")
    assert json.loads(told.stdout)["code"] == 0, told.output
    members = json.loads((desks.folder / "out/evidence.json").read_text())
    ((_, log),) = members["logs"].items()
    (record,) = members["about"]["search"]["records"]
    assert [one["index"] for one in log["entries"]] == [*range(record), record]
    assert (desks.folder / "out/log.checkpoint").read_text() == log["checkpoint"]
    keys = ("--log-key", desks.stage.gateway.checkpoint_signer.signer.vkey)
    desks.done("audit", "mirror", ISSUER, "copy", *keys)
    account = desks.run("audit", "account", "out", "--log", "copy", *keys)
    assert f"{record + 1} are opened by a receipt" in " ".join(account.output.split())
    page = (desks.folder / "out/report.html").read_text()
    assert "Le tableau events.csv" in page
    assert "found" not in page


def test_nine_of_an_auditors_ten_questions_end_in_a_folder_that_verifies(
    exporting: tuple[Desks, str],
) -> None:
    """All but which rules were in force: of those an event has the names and the revision."""
    desks, handoff = exporting
    case = f"{HOTLINE}/{desks.told('handoff', 'show', handoff)['case']}"
    month = ("--from", "2026-03-01", "--before", "2026-04-01")
    questions = (
        ("--case", case, "--action", "case.consult", *month),  # who read a case, and why
        ("--organisation", OFMIN, "--result", "denied", "--result", "not_found"),
        ("--action", "handoff.offer", "--action", "handoff.accept"),  # how long offers wait
        ("--organisation", OFMIN, "--action", "handoff.offer"),  # which cases came to it
        ("--organisation", OFMIN, "--action", "organisation.approve"),  # who approved it
        ("--handoff", handoff, "--action", "case.consult", *month),  # who read it after its end
        (),  # what else there is
        ("--case", case),  # all of a case, for a court
        ("--person", "liaison-1"),  # what a person did
    )
    for number, filters in enumerate(questions):
        out = f"question-{number}"
        desks.done("audit", "export", *WHO, *filters, "--out", out, "--lang", "fr", at=ABROAD)
        assert checked(desks, out).exit_code == 0, filters


def test_a_search_writes_its_report_as_a_page(exporting: tuple[Desks, str]) -> None:
    desks, handoff = exporting
    asked = ("--handoff", handoff, "--report", "page.html", "--lang", "fr")
    desks.done("audit", "search", *WHO, *asked, at=ABROAD)
    page = (desks.folder / "page.html").read_text()
    assert "La recherche de" in page
    assert "casegate audit search" in page
    assert desks.run("audit", "search", *WHO, *asked, at=ABROAD).exit_code == 2


def test_an_export_may_be_one_file_to_carry(exporting: tuple[Desks, str]) -> None:
    desks, handoff = exporting
    asked = ("audit", "export", *WHO, "--handoff", handoff, "--out", "out")
    desks.done(*asked, "--zip", at=ABROAD)
    assert not (desks.folder / "out").exists()
    refused = checked(desks, "out.zip")
    assert refused.exit_code == 10
    assert "unpack it, and give the folder in it" in " ".join(refused.output.split())
    with zipfile.ZipFile(desks.folder / "out.zip") as archive:
        archive.extractall(desks.folder)
    assert checked(desks, "out").exit_code == 0
    size = desks.stage.gateway.size()
    again = desks.run(*asked, at=ABROAD), desks.run(*asked[:-1], "o2", "--zip", at=ABROAD)
    assert [one.exit_code for one in again] == [2, 0]
    assert desks.run(*asked[:-1], "o2", "--zip", at=ABROAD).exit_code == 2
    assert desks.stage.gateway.size() > size


@each(
    "file, change, code, reason",
    [
        ("events.csv", lambda text: text.replace("allowed", "denied", 1), 13, "of entry"),
        ("events.csv", lambda text: text.replace("entry,", "verdict,", 1), 13, "verdict"),
        ("events.csv", lambda text: text + text.splitlines()[1] + "\r\n", 13, "2 rows for 1"),
        ("events.csv", lambda text: "\0", 13, "table"),
        ("log.checkpoint", lambda text: text.replace("\n", "\n1", 1), 13, "checkpoint"),
        ("evidence.json", lambda text: text.replace('"records"', '"record"'), 10, "does not name"),
        ("evidence.json", lambda text: text.replace('"allowed', '"denied', 1), 12, ""),
        ("evidence.json", _drop_a_detail, 15, "pages of it are missing"),
        ("evidence.json", lambda text: "", 10, "empty"),
    ],
)
def test_an_export_that_was_changed_is_refused(
    exporting: tuple[Desks, str], file: str, change: Any, code: int, reason: str
) -> None:
    desks, handoff = exporting
    name = f"out-{len(list(desks.folder.iterdir()))}"
    desks.done("audit", "export", *WHO, "--handoff", handoff, "--out", name, at=ABROAD)
    changed = desks.folder / name / file
    text = changed.read_bytes().decode()
    assert change(text) != text
    changed.write_bytes(change(text).encode())
    told = checked(desks, name)
    assert told.exit_code == code, told.output
    assert reason in " ".join(told.output.split())


def test_a_folder_that_is_no_export_is_named(desks: Desks, public: tuple[str, ...]) -> None:
    desks.done("event", "list", "--out-dir", "receipts")
    told = checked(desks, "receipts")
    assert (told.exit_code, "check-stream" in told.output) == (2, True)


def test_the_report_of_a_check_is_no_evidence(desks: Desks, public: tuple[str, ...]) -> None:
    desks.submitted()
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    (desks.folder / "report.json").write_text(
        desks.done("audit", "check-copy", "copy", *public, "--json")
    )
    told = checked(desks, "report.json")
    assert told.exit_code == 10
    assert "a report of a check" in " ".join(told.output.split())
