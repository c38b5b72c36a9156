"""A gateway as shipped, with members, and a check of its whole log from outside."""

import json
import os
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from click.testing import CliRunner
from pytest_socket import enable_socket

from gateway import wiring
from gateway.cli import main
from gateway.cli.demo import environment
from gateway.cli.demo.environment import ADMINS, DemoEnvironment, DemoMember
from gateway.config import Config
from gateway.domain.case import GROUPS
from gateway.evidence import event as events
from gateway.formats.report_file import read_profile
from gateway.formats.xarf import import_xarf
from gateway.kernel.ports import TransactionMode
from gateway.ledger import tiles, tree
from gateway.ledger.note import Checkpoint, VerificationKey, open_checkpoint
from gateway.ledger.tree import entry_commitment
from gateway.maintenance import process
from gateway.maintenance.comparison import rows_proof
from gateway.serving.supervisor import SUPERVISOR_VARIABLE, listener_answers
from gateway.serving.tls import listener_environ
from gateway.setting_validators import host_and_port
from tests import founded_gateway
from tests.journeys.front import Front

MEMBERS = (
    *environment.MEMBERS,
    DemoMember("hotline-abroad", {"name": "A hotline abroad", "kind": "hotline", "country": "BE"}),
)
HOTLINE, OCRVP, OFMIN, ABROAD = (member.slug for member in MEMBERS)
CONTENT = [group for group in GROUPS if group != "routing"]


def admit_members(stage: DemoEnvironment) -> None:
    """Admit and enrol the story's members; OFMIN holds the mandate for csam in France."""
    for member in MEMBERS:
        admit(stage, member)
    grant(stage, OFMIN, "csam")


def admit(stage: DemoEnvironment, member: DemoMember) -> None:
    """Admit and enrol a member, with a membership and persons."""
    police = member.values["kind"] == "police_office"
    values = {
        **member.values,
        "public_authority": police,
        "regimes": ["gdpr", "led"] if police else ["gdpr"],
    }
    stage.administer("organisation.admit", member.slug, values)
    membership = {
        "membership": "observer" if police else "full",
        "from": "2020-01-01",
        "decision_ref": "test",
    }
    stage.administer("membership.grant", member.slug, membership)
    enter_staff(stage, member.slug)
    stage.enrol(member.slug)


def grant(stage: DemoEnvironment, slug: str, matter: str) -> None:
    """Grant the mandate to receive cases of a matter in France."""
    mandate = {
        "function": "receive",
        "matter": matter,
        "territory": "FR",
        "legal_act": "test",
        "from": "2020-01-01",
    }
    stage.administer("mandate.grant", slug, mandate)


def enter_staff(stage: DemoEnvironment, slug: str) -> None:
    """Enter the persons of tests in an organisation's staff register."""
    gateway = wiring.connect(config_of(stage))
    try:
        founded_gateway.enter_staff(gateway.ports.begin, slug, event=gateway.ports.new_id())
    finally:
        gateway.close()


class Listeners(DemoEnvironment):
    """A gateway of which nothing but the listeners runs, each by the command for it, as under
    another supervisor. A start of all takes twice as much processor time."""

    _listeners: Sequence[subprocess.Popen[bytes]] = ()

    def start(self) -> list[str]:
        """Do what maintenance does before listeners open, start them, and wait for both."""
        config = config_of(self)
        process.run(config, lambda: True, lambda _alarm: None, once=True)
        command = [sys.executable, "-P", "-m", "gateway", "run", "--home", str(self.operator)]
        # They end with this process.
        environ = {**os.environ, SUPERVISOR_VARIABLE: str(os.getpid())}
        environ = listener_environ(environ, config.server / "openssl.cnf")
        with (self.folder / "gateway.log").open("a", encoding="utf-8") as log:
            self._listeners = [
                subprocess.Popen([*command, "--only", part], stdout=log, stderr=log, env=environ)
                for part in ("public", "partners")
            ]
        ends = time.monotonic() + environment.READY_SECONDS
        for bind in (config.public_bind, config.partners_bind):
            root = config.published / "root.pem"
            while not listener_answers(host_and_port(bind), "localhost", root):
                assert all(one.poll() is None for one in self._listeners), "see gateway.log"
                assert time.monotonic() < ends, "see gateway.log"
                time.sleep(0.05)
        return []

    def stop(self) -> int:
        """Stop both; the greater exit status."""
        stopping, self._listeners = self._listeners, ()
        for one in stopping:
            one.terminate()
        return max((one.wait(60) for one in stopping), default=0)


@contextmanager
def running(
    folder: Path,
    front: Front = Front.DIRECT,
    kind: type[DemoEnvironment] = DemoEnvironment,
    **settings: Any,
) -> Iterator[DemoEnvironment]:
    """A gateway with its members, as `casegate run` starts it, behind what ends the TLS."""
    enable_socket()  # a fixture is set up before its test is let out
    with kind(folder, **front.settings(folder), **settings) as stage:
        stage.build()
        admit_members(stage)
        stage.start()
        with front.serving(stage):
            yield stage


def play(folder: Path, database: str) -> str:
    """Play the demonstration to its end; what it prints."""
    words = ["demo", "--out", str(folder), "--database", database]
    command = [sys.executable, "-m", "gateway", *words]
    played = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    return played.stdout


def case_content() -> dict[str, Any]:
    """A valid case with fresh ids: the XARF sample, imported as the demonstration does."""
    demo = Path(__file__).parents[2] / "gateway/cli/demo"
    profile = read_profile(tomllib.loads((demo / "profile.toml").read_text(encoding="utf-8")))
    report = (demo / "content-csam.json").read_bytes()
    case = import_xarf(report, profile, wiring.new_id, wiring.now()).case
    return {**case, "originator_ref": f"ref-{case['case']}"}


def clearance(content: dict[str, Any]) -> dict[str, Any]:
    """Two persons who assessed and cleared the case, confirming every match."""
    confirmed_matches = [c["id"] for c in content["classifications"]]
    return {"assessed_by": "pdc-1", "cleared_by": "pdc-2", "confirmed_matches": confirmed_matches}


def offered(
    stage: DemoEnvironment,
    content: dict[str, Any] | None = None,
    groups: Sequence[str] = CONTENT,
    competence: str = "csam/FR",
) -> str:
    """A case of the hotline (a new one when none is given), offered to the mandate; the handoff."""
    content = content or case_content()
    with stage.client(HOTLINE) as hotline:
        hotline.submit(content, "pdc-1", clearance(content))
        written = hotline.offer(
            content["case"],
            "pdc-2",
            competence=competence,
            groups=groups,
            purpose=["investigate"],
        )
    return str(written.result["handoff"])


def accepted(stage: DemoEnvironment, content: dict[str, Any] | None = None) -> str:
    """The same, accepted by OFMIN; the handoff."""
    handoff = offered(stage, content)
    with stage.client(OFMIN) as office:
        office.accept(office.handoff(handoff), "ofmin-1")
    return handoff


def casegate(*words: object, status: int = 0) -> Any:
    """Type `casegate WORDS`, which ends with ``status``; its result, read if it is JSON."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == status, (result.output, result.exception)
    text = result.output if status else result.stdout
    return json.loads(text) if "--json" in words else text


def admin(stage: DemoEnvironment, *words: object, status: int = 0) -> Any:
    """Type `casegate admin WORDS` as both administrators."""
    who = [word for person, _ in ADMINS for word in ("--as", person)]
    return casegate("admin", "--home", stage.operator, *who, *words, status=status)


def config_of(stage: DemoEnvironment) -> Config:
    """The gateway's settings."""
    return wiring.load_config(stage.operator)


def fetch(stage: DemoEnvironment, path: str) -> bytes:
    """GET a path of this node's public listener."""
    config = config_of(stage)
    context = ssl.create_default_context(cafile=str(config.published / "root.pem"))
    _, _, port = config.public_bind.rpartition(":")
    address = f"https://localhost:{port}" if port.isdecimal() else config.issuer  # through a proxy
    url = f"{address}{path}"
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def log_key(stage: DemoEnvironment) -> VerificationKey:
    """The log's public key."""
    return VerificationKey.parse(fetch(stage, "/log/vkey").decode().strip())


def check_log(stage: DemoEnvironment) -> Checkpoint:
    """Rebuild the whole log from what it serves and stores; every leaf, every document, the root.

    Returns the checkpoint. Asserts that the entries served give the root signed, that each
    stored document with its nonce is the entry at its index, that no event is there twice, that
    every organisation's counter runs without gap, and that the registry is what the events say.
    """
    key = log_key(stage)
    checkpoint = open_checkpoint(fetch(stage, "/checkpoint").decode(), [key], key.name)
    found = entries(stage, checkpoint.size)
    assert tree.root([tree.leaf_hash(e) for e in found]) == checkpoint.root
    _check_documents(stage, found)
    return checkpoint


def entries(stage: DemoEnvironment, size: int) -> list[bytes]:
    """The first ``size`` entries of the log, as the public listener serves them."""
    found: list[bytes] = []
    for n in range((size + 255) // 256):
        width = min(256, size - n * 256)
        found += tiles.decode_entries(fetch(stage, "/" + tiles.entries_path(n, width)))
    assert len(found) == size
    return found


def _check_documents(stage: DemoEnvironment, found: list[bytes]) -> None:
    config = config_of(stage)
    gateway = wiring.connect(config)
    try:
        with gateway.store.begin(TransactionMode.READ) as work:
            assert rows_proof(config, work).registry().sentences() == ()
            for slug in [m.slug for m in MEMBERS] + ["gateway"]:
                stream = list(work.log.stream(slug, 0, 1_000_000))
                assert [stream_number for stream_number, _ in stream] == list(
                    range(1, len(stream) + 1)
                )
                assert len({event for _, event in stream}) == len(stream)
                for _, event in stream:
                    logged = work.log.logged(event)
                    assert logged is not None
                    document, nonce = logged.event.document, logged.event.nonce
                    assert entry_commitment(document, nonce) == found[logged.index]
                    assert UUID(events.read(document)["id"]) == event
    finally:
        gateway.close()
