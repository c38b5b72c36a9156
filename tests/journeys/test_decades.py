"""A file of today, many years later: every key was changed, the gateway is gone, and the key of the
log was stolen.

The gateway is real, and so are its clients and commands; a witness and a time-stamp authority are
of these tests. What the thief makes is as good as the keys that the gateway ever had.
"""

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import wiring
from gateway.cli.demo.environment import ADMINS, DemoEnvironment
from gateway.domain.audit_event import AuditEvent, EventResult, Party
from gateway.evidence import canonical, event, receipt, time_stamp
from gateway.evidence.receipt import Receipt
from gateway.ledger import proof, tiles, tree
from gateway.ledger.note import Checkpoint, NoteSigner, encode_base64, sign_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.ledger.tree import entry_commitment
from tests.journeys.harness import (
    OFMIN,
    Listeners,
    accepted,
    casegate,
    config_of,
    entries,
    fetch,
    log_key,
    running,
)
from tests.time_stamping import Authority
from tests.verification.logbook import witness

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("decades")]

WITNESS = witness("witness.example.org")
KEYS = {"log": "log", "attestation": "attest", "notification": "notification"}
STEPS = ("publish", "activate", "retire")
PARTIES = (Party(OFMIN, "actor"),)
ATTESTED, NO_KEY, INCOMPLETE, CONTRADICTION = 17, 14, 15, 16


@dataclass(frozen=True)
class Archive:
    """What was kept of a gateway that is gone: files, and the keys that somebody pinned in 2026.

    ``file`` is of 2026, ``later`` one of after the rotation; ``stolen`` the first key of the log,
    ``entries`` all of the log then; ``events`` what the log said of keys.
    """

    file: Path
    later: Path
    trust: Path
    events: bytes
    stolen: NoteSigner
    entries: list[bytes]
    authority: Authority


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    place = tmp_path_factory.mktemp("decades")
    (place / "now").mkdir()
    with running(place / "now", kind=Listeners) as stage:
        handoff = accepted(stage)
        stolen = wiring.load_log_signers(config_of(stage))[0]
        authority = Authority(time=wiring.now() + timedelta(minutes=1))
        trust = pinned(stage, place / "trust", authority)
        file = place / "file of 2026.json"
        file.write_bytes(confirmed(exported(stage, handoff), authority))
        known = log_key(stage)
        leaves = entries(stage, _size(stage))
        assert stage.stop() == 0
        for key in KEYS:
            rotate(stage, key)
        stage.start()
        assert str(known) not in fetch(stage, "/log/vkey").decode()
        later = place / "later.json"
        later.write_bytes(exported(stage, accepted(stage)))  # by clients that pinned the first key
        events = fetch(stage, "/log/keys")
        kept = stage.folder / OFMIN / "key-events.json"
        assert kept.exists(), "they followed by themselves"
        assert stage.stop() == 0
    shutil.rmtree(place / "now")
    yield Archive(file, later, trust, events, stolen, leaves, authority)


def _size(stage: DemoEnvironment) -> int:
    return int(fetch(stage, "/checkpoint").split(b"\n")[1])


def pinned(stage: DemoEnvironment, folder: Path, authority: Authority) -> Path:
    """A trust folder of 2026, with a witness and a time-stamp authority."""
    (folder / "tsa").mkdir(parents=True)
    (folder / "log.vkey").write_text(f"{log_key(stage)}\n")
    (folder / "gateway-keys.json").write_bytes(fetch(stage, "/keys/attestation"))
    (folder / "witnesses.vkey").write_text(f"{WITNESS.key}\n")
    (folder / "tsa" / "root.pem").write_bytes(authority.root.pem())
    return folder


def exported(stage: DemoEnvironment, handoff: str) -> bytes:
    with stage.client(OFMIN) as office:
        return bytes(office.export(handoff))


def confirmed(data: bytes, authority: Authority) -> bytes:
    """The file with a line of the witness, and a stamp, over its own checkpoint."""
    file = json.loads(data)
    (log,) = file["logs"].values()
    note = log["checkpoint"]
    text = note.partition("\n\n")[0] + "\n"
    token = encode_base64(authority.stamp(time_stamp.stamped_text(note)))
    log["checkpoint"] = note + WITNESS.cosign(text, wiring.now())
    log["stamps"] = [{"checkpoint": note, "consistency": "", "token": token}]
    return json.dumps(file).encode()


def rotate(stage: DemoEnvironment, key: str) -> None:
    """All three steps, as if a week lay between them."""
    folder = config_of(stage).keys / KEYS[key]
    for step in STEPS:
        admin_one(stage, "gateway-key", "rotate", "--key", key, "--step", step)
        long_ago = time.time() - 7 * 86_401
        for name in ("next.pem", "previous.pem"):
            if (folder / name).exists():
                os.utime(folder / name, (long_ago, long_ago))


def admin_one(stage: DemoEnvironment, *words: object) -> Any:
    person, _ = ADMINS[0]
    return casegate("admin", "--home", stage.operator, "--as", person, *words)


def verified(file: Path, trust: Path, *words: str, status: int) -> Any:
    return casegate("verify", file, "--trust", trust, *words, "--json", status=status)


def forged(archive: Archive, place: Path) -> Path:
    """An acceptance that never was, in place of an entry of 2026: a receipt by the stolen key."""
    index, size = len(archive.entries) - 1, len(archive.entries)
    made = event.compose(
        AuditEvent(
            wiring.new_id(), "handoff.accept", EventResult.ALLOWED, (Party(OFMIN, "actor"),)
        ),
        log=archive.stolen.name,
        at=wiring.now() - timedelta(days=1),
        policy="r1",
        stream_numbers={OFMIN: 1},
        random=secrets.token_bytes,
    )
    leaves = [tree.leaf_hash(one) for one in archive.entries]
    leaves[index] = tree.leaf_hash(entry_commitment(made.document, made.nonce))
    stored, root = tiles.append(lambda _level, _n: b"", 0, leaves)
    path = tiles.inclusion_proof(lambda level, n: stored[level, n], index, size)
    note = sign_checkpoint(Checkpoint(archive.stolen.name, size, root), archive.stolen)
    text = proof.encode(TlogProof(index, tuple(path), note))
    shown = tuple(one.encoded for one in made.disclosures)
    file = place / "forged.json"
    one = Receipt(made.document, made.nonce, shown, text)
    file.write_bytes(canonical.encode(receipt.to_json(one)))
    return file


@pytest.mark.parametrize("require", [(), ("--require", "witnessed"), ("--require", "stamped")])
def test_the_file_of_today_says_what_it_said(archive: Archive, require: tuple[str, ...]) -> None:
    told = verified(archive.file, archive.trust, *require, status=ATTESTED)
    keys = {one["fact"] for one in told["proved"]}
    assert {"witnessed", "gateway_key.attests", "gateway_key.log"} <= keys
    assert any(one.startswith("stamped") for one in keys)


def test_a_file_of_later_needs_what_the_log_said_of_its_keys(
    archive: Archive, tmp_path: Path
) -> None:
    """The gateway is gone: somebody kept its answer, and the key of 2026 verifies it."""
    trust = tmp_path / "trust"
    shutil.copytree(archive.trust, trust)
    verified(archive.later, trust, status=NO_KEY)
    (trust / "key-events.json").write_bytes(archive.events)
    told = verified(archive.later, trust, status=ATTESTED)
    learned = [one for one in told["keys"] if one["from"] == "key-events.json"]
    assert {one["kind"] for one in learned} == {"log", "gateway"}


def test_an_older_entry_that_a_thief_of_the_log_s_key_forged_is_found(
    archive: Archive, tmp_path: Path
) -> None:
    """By the signature alone it is as good as the file: that is why others confirm the log."""
    false = forged(archive, tmp_path)
    verified(false, archive.trust, status=0)
    for require in ("witnessed", "stamped"):
        verified(false, archive.trust, "--require", require, status=INCOMPLETE)
    both = ("verify", archive.file, false, "--trust", archive.trust)
    casegate(*both, status=CONTRADICTION)
