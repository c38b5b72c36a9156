"""`casegate ca`: a new issuing authority, each step approved, recorded and published."""

import json
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from cryptography import x509

from gateway import wiring
from gateway.cli import output
from gateway.cli.admin import gateway_keys as ca
from gateway.domain.organisation import Certificate, Organisation, Status, System
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.process import holding
from gateway.pki import authority
from gateway.pki.authority import (
    CHAIN_FILE,
    CRL_FILE,
    ISSUING_LIFE,
    LEAF_LIFE,
    authority_id,
    make_root,
)
from gateway.pki.rotation import AuthorityStage, kept
from tests.operating import DUBOIS, MARTIN, NEW, PASSPHRASE, Operator, said

DAY = 86_400


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_bytes(PASSPHRASE + b"\n")
    file.chmod(0o600)
    return file


def rotate(gw: Operator, *words: object, persons: tuple[str, ...] = (MARTIN, DUBOIS)) -> Result:
    who = [word for person in persons for word in ("--as", person)]
    return gw.type("ca", "rotate", "--home", gw.folder, *who, *words)


def rotated(gw: Operator, *words: object) -> Any:
    result = rotate(gw, "--json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["result"]


def chain(gw: Operator) -> list[str]:
    """The ids of the issuing authorities that listeners trust."""
    pem = (gw.config.published / CHAIN_FILE).read_bytes()
    _root, *issuing = x509.load_pem_x509_certificates(pem)
    return [authority_id(certificate) for certificate in issuing]


def lists(gw: Operator) -> int:
    return (gw.config.published / CRL_FILE).read_bytes().count(b"BEGIN X509 CRL")


def age(gw: Operator, days: int) -> None:
    """Let the files of the ceremony be older by some days."""
    for file in gw.config.issuing.glob("**/*.pem"):
        at = file.stat().st_mtime - days * DAY
        os.utime(file, (at, at))


def server_authority(gw: Operator) -> str:
    _leaf, above = x509.load_pem_x509_certificates((gw.config.server / "partners.pem").read_bytes())
    return authority_id(above)


def test_a_new_authority_is_published_then_used_and_the_one_before_retired(
    gw: Operator, passphrase: Path
) -> None:
    (old,) = chain(gw)
    size = gw.size()
    first = rotated(gw, "--step", "publish", "--root-passphrase-file", passphrase)
    new = first["authority"]
    assert (first["step"], first["waited"]) == ("publish", "yes")
    assert (set(chain(gw)), lists(gw), server_authority(gw)) == ({old, new}, 2, old)
    assert (gw.config.issuing / "next" / f"{new}.key").stat().st_mode & 0o777 == 0o600

    assert "the step 'activate' is due on" in said(rotate(gw, "--step", "activate"))
    assert gw.size() == size + 2, "the step, and the authority that others may see now"
    age(gw, 1)
    second = rotated(gw, "--step", "activate")
    assert (second["step"], second["authority"]) == ("activate", new)
    assert (set(chain(gw)), lists(gw), server_authority(gw)) == ({old, new}, 2, new)
    assert wiring.IssuingAuthority(gw.config).authorities[0].id == new

    assert "the step 'retire' is due on" in said(rotate(gw, "--step", "retire"))
    age(gw, 32)
    third = rotated(gw, "--step", "retire")
    assert (third["step"], third["authority"]) == ("retire", old)
    assert (chain(gw), lists(gw), server_authority(gw)) == ([new], 1, new)
    assert not (gw.config.published / f"{old}.crl").exists()
    assert not (gw.config.issuing / f"{old}.key").exists()
    assert gw.size() == size + 5, "and the one that is no more"


def test_when_the_key_was_lost_no_step_waits_and_the_event_says_so(
    gw: Operator, passphrase: Path
) -> None:
    rotated(gw, "--step", "publish", "--root-passphrase-file", passphrase)
    steps = [rotated(gw, "--no-wait", "--step", step) for step in ("activate", "retire")]
    assert [(one["step"], one["waited"]) for one in steps] == [("activate", "no"), ("retire", "no")]
    assert len(chain(gw)) == 1


def test_who_would_be_cut_off_is_counted_and_named_and_the_authority_s_id_is_typed(
    gw: Operator, passphrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = chain(gw)
    rotated(gw, "--step", "publish", "--root-passphrase-file", passphrase)
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.REGISTRY) as work:
        none: frozenset[str] = frozenset()
        for slug in ("ofmin", "hotline", "member"):
            work.organisations.add(
                Organisation(slug, slug, "police_office", True, none, "FR", Status.ACTIVE)
            )
            work.organisations.add_system(System(slug, "desk", none))
            ends = wiring.now() + LEAF_LIFE
            work.organisations.add_certificate(Certificate(slug, len(slug), slug, "desk", ends))
        work.commit()
    rotated(gw, "--no-wait", "--step", "activate")
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.REGISTRY) as work:
        ends = wiring.now() + LEAF_LIFE  # it renewed: the old certificate ends nothing
        work.organisations.add_certificate(Certificate("new", 99, "member", "desk", ends))
        work.commit()
    words = ("--no-wait", "--step", "retire")
    size = gw.size()
    asked = rotate(gw, *words)
    assert asked.exit_code == 2
    assert "2 systems of 2 organisations did not renew their certificate yet" in asked.stderr
    assert "hotline/desk, ofmin/desk" in asked.stderr
    assert "--yes" in asked.stderr
    monkeypatch.setattr(output, "interactive", lambda: True)
    typed = ("ca", "rotate", "--home", gw.folder, "--as", MARTIN, "--as", DUBOIS, *words)
    assert gw.type(*typed, input="yes\n").exit_code == 1
    assert (len(chain(gw)), gw.size()) == (2, size)
    assert gw.type(*typed, input=f"{old}\n").exit_code == 0
    assert len(chain(gw)) == 1


def test_an_authority_that_has_ended_is_an_error_and_the_two_commands_that_are_named_mend_it(
    gw: Operator, passphrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = chain(gw)
    system, (began, elapsed) = wiring._system, wiring._began
    later = ISSUING_LIFE + timedelta(days=1)
    monkeypatch.setattr(wiring, "_system", lambda: system() + later)
    monkeypatch.setattr(wiring, "_began", (began + later, elapsed))
    told = gw.type("doctor", "--home", gw.folder, "--json")
    (said,) = [
        one["sentence"]
        for one in json.loads(told.stdout)["findings"]
        if one["level"] == "error" and "every client is refused" in one["sentence"]
    ]
    named = re.findall(r"`casegate ca rotate (.*?)`", said)
    assert named == ["--step publish --no-wait", "--step activate --no-wait"]
    rotated(gw, *named[0].split(), "--root-passphrase-file", passphrase)
    rotated(gw, *named[1].split())
    new = wiring.IssuingAuthority(gw.config).authorities[0].id
    assert (new != old, server_authority(gw)) == (True, new)
    assert authority.alarms(gw.config.published, wiring.now()) == []


def test_a_step_that_is_repeated_takes_no_further_one(
    gw: Operator, passphrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--no-wait", "--step", "publish", "--root-passphrase-file", passphrase)
    with holding(gw.config):
        monkeypatch.setattr(ca, "WAIT_SECONDS", 0.2)
        assert "did not publish it yet" in said(rotate(gw, *words))
    size = gw.size()
    assert "the next step is 'activate', so 'publish' was taken" in said(rotate(gw, *words))
    assert gw.size() == size
    assert [one.place for one in kept(gw.config.issuing)] == [
        AuthorityStage.NEXT,
        AuthorityStage.CURRENT,
    ]


def test_a_script_names_the_step_and_a_person_is_asked(
    gw: Operator, passphrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--root-passphrase-file", passphrase)
    unsaid = rotate(gw, *words)
    assert (unsaid.exit_code, "--step publish is the one that is next" in unsaid.stderr) == (
        2,
        True,
    )
    monkeypatch.setattr(output, "interactive", lambda: True)
    who = ("--as", MARTIN, "--as", DUBOIS)
    typed = ("ca", "rotate", "--home", gw.folder, *who, *words)
    assert gw.type(*typed, input="n\n").exit_code == 1
    assert gw.size() == NEW
    assert "step publish" in gw.type(*typed, input="y\n").stdout
    assert rotate(gw, "--json", "--no-wait").exit_code == 2


def test_without_anybody_to_type_the_passphrase_its_file_is_asked_for(gw: Operator) -> None:
    machine = rotate(gw, "--json", "--step", "publish")
    assert machine.exit_code == 1
    (line,) = machine.stdout.strip().splitlines()
    assert "--root-passphrase-file" in json.loads(line)["error"]["message"]
    assert gw.size() == NEW


def test_one_person_changes_no_authority_and_each_attempt_is_an_event(
    gw: Operator, passphrase: Path
) -> None:
    size, before = gw.size(), chain(gw)
    words = ("--step", "publish", "--root-passphrase-file", passphrase)
    assert "two" in said(rotate(gw, *words, persons=(MARTIN,)))
    assert "one person count once" in said(rotate(gw, *words, persons=(MARTIN, MARTIN)))
    assert (gw.size(), chain(gw)) == (size + 2, before)
    assert [one.place for one in kept(gw.config.issuing)] == [AuthorityStage.CURRENT]


def test_without_the_root_or_its_passphrase_there_is_no_new_authority(
    gw: Operator, passphrase: Path, tmp_path: Path
) -> None:
    passphrase.write_text("another passphrase\n")
    words = ("--step", "publish", "--root-passphrase-file", passphrase)
    assert "passphrase is wrong" in said(rotate(gw, *words))
    gw.config.offline.rename(tmp_path / "elsewhere")
    assert "--root says where the root is" in said(rotate(gw, *words))
    passphrase.write_bytes(PASSPHRASE)
    assert rotate(gw, *words, "--root", tmp_path / "elsewhere").exit_code == 0


def test_another_root_is_refused(gw: Operator, passphrase: Path) -> None:
    other = make_root("example", wiring.now())
    (gw.config.offline / "root.pem").write_bytes(other.certificate_pem())
    (gw.config.offline / "root.key").write_bytes(other.key_pem(PASSPHRASE))
    refused = rotate(gw, "--step", "publish", "--root-passphrase-file", passphrase)
    assert "is not the root of this gateway" in said(refused)
    assert len(chain(gw)) == 1


def test_the_authorities_are_listed_and_shown_with_the_next_step(
    gw: Operator, passphrase: Path
) -> None:
    (old,) = chain(gw)
    new = rotated(gw, "--step", "publish", "--root-passphrase-file", passphrase)["authority"]
    listed = gw.type("ca", "list", "--home", gw.folder, "--json")
    told = json.loads(listed.stdout)["items"]
    assert [(one["id"], one["place"]) for one in told] == [(new, "next"), (old, "current")]
    assert all(datetime.fromisoformat(one["revocation_list_ends"]).tzinfo for one in told)
    table = gw.type("ca", "list", "--home", gw.folder)
    assert table.stdout.splitlines()[1].startswith(f"{new}  next")
    shown = json.loads(gw.type("ca", "show", "--home", gw.folder, "--json").stdout)
    assert (shown["id"], shown["next_step"]) == (old, "activate")
    other = gw.type("ca", "show", new, "--home", gw.folder)
    assert "next" in other.stdout
    missing = gw.type("ca", "show", "0" * 16, "--home", gw.folder)
    assert "there is no issuing authority" in said(missing)
