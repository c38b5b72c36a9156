"""Gateways as shipped that are peers of each other, as their operators join them by commands."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from pytest_socket import enable_socket

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment, _set, free_ports
from gateway.cli.system import JWK_FILE, KEY_FILE, PROOF_FILE
from gateway.evidence import event as event_document
from gateway.kernel.ports import TransactionMode
from tests.journeys.harness import (
    ABROAD,
    CONTENT,
    MEMBERS,
    OFMIN,
    admit,
    case_content,
    casegate,
    check_log,
    clearance,
    config_of,
    grant,
)
from tests.journeys.line import Line
from tests.peering import AGREED, APPLICATION, DECISION
from tests.waiting import until

NAMES = ("be", "fr", "nl")


class PeerStage(DemoEnvironment):
    """A gateway that its peers reach by a line; its own members go past that."""

    line: Line

    def enrol(self, slug: str) -> None:
        """Make a member's system, which asks the listener itself."""
        super().enrol(slug)
        connection, config = self.folder / slug / "connection.toml", config_of(self)
        text = connection.read_text(encoding="utf-8")
        straight = f"https://localhost:{config.partners_bind.rpartition(':')[2]}"
        assert config.partners_url in text
        connection.write_text(text.replace(config.partners_url, straight), encoding="utf-8")


@contextmanager
def gateways(folder: Path, *names: str, **settings: dict[str, Any]) -> Iterator[list[PeerStage]]:
    """Gateways that run, each with a name and a log of its own; ``settings`` of some by name."""
    enable_socket()
    with ExitStack() as opened:
        made = []
        for name in names:
            home = folder / name
            home.mkdir()
            port, _ = free_ports()
            line = Line(port)
            opened.callback(line.close)
            own = {
                "name": name,
                "log_origin": f"gateway.{name}.example/log",
                "partners_bind": f"127.0.0.1:{port}",
                "partners_url": f"https://localhost:{line.port}",
                **settings.get(name, {}),
            }
            stage = opened.enter_context(PeerStage(home, **own))
            stage.line = line
            stage.build()
            stage.start()
            made.append(stage)
        yield made


def name_of(stage: DemoEnvironment) -> str:
    """What its peers call a gateway."""
    return stage.folder.name


def trust(stage: DemoEnvironment, peer: DemoEnvironment, **agreed: Any) -> None:
    """Have two persons at a gateway compare a peer's keys, and agree with it."""
    name, home = name_of(peer), ("--home", peer.operator)
    stage.administer("organisation.apply", name, APPLICATION)
    stage.administer("organisation.approve", name, DECISION)
    stage.administer("peer.trust", name, json.loads(casegate("peer", "pins", *home)))
    stage.administer("peer.agree", name, {**AGREED, **agreed})
    stage.administer("system.register", name, {"system": "relay", "scopes": ["relay"]})


def enrol(stage: DemoEnvironment, peer: DemoEnvironment) -> None:
    """Enrol a gateway at its peer, which invites it and lets it take part."""
    own, name = name_of(stage), name_of(peer)
    file = stage.folder / f"{own}-at-{name}.json"
    asked = ("invitation", "create", own, "relay", "--out", file)
    admin = ("admin", "--home", peer.operator, "--as", "martin", "--as", "bernard")
    casegate(*admin, *asked, "--json")
    casegate("peer", "enrol", file, "--home", stage.operator, "--json")
    peer.administer("organisation.activate", own, {"reason": "checked"})


def join(one: DemoEnvironment, other: DemoEnvironment) -> None:
    """Make two gateways peers."""
    for stage, peer in ((one, other), (other, one)):
        trust(stage, peer, tlp="RED")
    for stage, peer in ((one, other), (other, one)):
        enrol(stage, peer)


def state(stage: DemoEnvironment, peer: DemoEnvironment) -> dict[str, Any]:
    """How a peer stands at a gateway."""
    (found,) = casegate("peer", "show", name_of(peer), "--home", stage.operator, "--json")
    return dict(found)


def check(stage: DemoEnvironment, peer: DemoEnvironment) -> dict[str, str | None]:
    """What `casegate peer check` finds."""
    words = ["peer", "check", name_of(peer), "--home", str(stage.operator), "--json"]
    command = [sys.executable, "-m", "gateway", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return dict(json.loads(done.stdout)["checks"])


def admit_signing(stage: DemoEnvironment, slug: str) -> None:
    """Admit a member that signs its own documents."""
    member = next(one for one in MEMBERS if one.slug == slug)
    admit(stage, member)
    if slug == OFMIN:
        grant(stage, OFMIN, "csam")
    home, issuer = stage.folder / slug, config_of(stage).issuer
    whose = ("--organisation", slug, "--gateway", issuer)
    casegate("key", "create", home / "keys", "--use", "signing", *whose)
    jwk = json.loads((home / "keys" / JWK_FILE).read_text())
    proof = (home / "keys" / PROOF_FILE).read_text()
    stage.administer("key.register", slug, {"jwk": jwk, "proof": proof})
    _set(home / "connection.toml", "document_key", f"keys/{KEY_FILE}")


def show(stage: DemoEnvironment, slug: str, peer: DemoEnvironment) -> None:
    """Have a member show itself to a peer."""
    home, issuer = stage.folder / slug, config_of(stage).issuer
    whose = ("--organisation", slug, "--gateway", issuer)
    shown = ("--to", config_of(peer).issuer, *whose)
    declaration = casegate("key", "show", home / "keys" / KEY_FILE, *shown).strip()
    said = {"peer": name_of(peer), "declaration": declaration}
    stage.administer("organisation.show_to_peer", slug, said)


def parties(be: DemoEnvironment, fr: DemoEnvironment) -> None:
    """A hotline at one of two peers, and at the other the police office that is competent."""
    admit_signing(be, ABROAD)
    admit_signing(fr, OFMIN)
    know(be, fr)


def know(be: DemoEnvironment, fr: DemoEnvironment) -> None:
    """Let the hotline and the police office show themselves to each other's gateway."""
    show(be, ABROAD, fr)
    show(fr, OFMIN, be)
    said = {"member": OFMIN, "led": True, "legal_act": "a decree"}
    be.administer("peer.recognise", name_of(fr), said)
    until(lambda: state(be, fr)["members"] and state(fr, be)["members"], 120)
    shown = ("organisation", "show", f"{OFMIN}@{name_of(fr)}")
    until(lambda: "csam/FR" in casegate("admin", "--home", be.operator, *shown), 120)


def offer(be: DemoEnvironment, fr: DemoEnvironment) -> str:
    """A case of the hotline, offered to the police office at the peer; the handoff."""
    content = case_content()
    content["marking"]["release_to"] = [config_of(fr).issuer]
    with be.client(ABROAD) as hotline:
        hotline.submit(content, "be-1", clearance(content))
        written = hotline.offer(
            content["case"],
            "be-1",
            competence="csam/FR",
            groups=CONTENT,
            purpose=["investigate"],
        )
    return str(written.result["handoff"])


def view(stage: DemoEnvironment, slug: str, handoff: str) -> dict[str, Any]:
    """A handoff as a party reads it; empty where its gateway does not know it yet."""
    with stage.client(slug) as party:
        boxes = (party.inbox, party.sent)
        found = [one for box in boxes for one in box() if one["handoff"] == handoff]
        return dict(party.handoff(handoff)) if found else {}


def accept(fr: DemoEnvironment, handoff: str) -> None:
    """Have the police office accept a handoff, once it is there, and open its content."""
    until(lambda: view(fr, OFMIN, handoff).get("state") == "offered", 150)
    with fr.client(OFMIN) as office:
        office.accept(office.handoff(handoff), "ofmin-1")
        assert office.consult(handoff, "ofmin-1", "assessment", "a reading").content["items"]


def recall(be: DemoEnvironment, handoff: str) -> None:
    """Have the hotline recall the case of a handoff."""
    with be.client(ABROAD) as hotline:
        where = {"case": hotline.handoff(handoff)["case"]}
        asked = {"code": "unlawful", "reason": "it is not what it seemed"}
        hotline.step("case.recall", where, "pdc-2", approved_by="pdc-1", **asked)


def answer_recall(fr: DemoEnvironment, handoff: str) -> None:
    """Have the police office erase its copies."""
    with fr.client(OFMIN) as office:
        office.answer("answer_recall", handoff, "ofmin-1", done="copies_erased")


def row(stage: DemoEnvironment, handoff: str) -> tuple[Any, ...]:
    """What must be the same of a handoff at both gateways: its state, and its recall."""
    gateway = wiring.connect(config_of(stage))
    try:
        with gateway.store.begin(TransactionMode.READ) as work:
            found = work.handoffs.get(UUID(handoff))
            return (found.state, found.recall is not None, found.recall_answer) if found else ()
    finally:
        gateway.close()


def settle(be: PeerStage, fr: PeerStage, *handoffs: str) -> None:
    """Take offered handoffs to the answer of their recall, each step as soon as it can be made."""
    for handoff in handoffs:
        accept(fr, handoff)
    for handoff in handoffs:
        until(lambda one=handoff: view(be, ABROAD, one).get("state") == "accepted", 400)
        recall(be, handoff)
    for handoff in handoffs:
        until(lambda one=handoff: view(fr, OFMIN, one).get("recalled"), 400)
        answer_recall(fr, handoff)
    for handoff in handoffs:
        until(lambda one=handoff: erased(be, one), 400)


def erased(be: PeerStage, handoff: str) -> bool:
    """Tell whether the hotline's gateway has heard that the copies abroad were erased; the answer
    itself may have ended with them before it was delivered."""
    return row(be, handoff)[-1] == "copies_erased"


def check_both(be: DemoEnvironment, fr: DemoEnvironment, *handoffs: str) -> None:
    """Both gateways heard all; both logs are whole, and tell the same once."""
    for one, other in ((be, fr), (fr, be)):
        until(lambda one=one, other=other: state(one, other)["waiting"] == 0, 150)
    for handoff in handoffs:
        assert row(be, handoff) == row(fr, handoff) != ()
    for stage, there in ((be, f"{OFMIN}@{name_of(fr)}"), (fr, f"{ABROAD}@{name_of(be)}")):
        check_log(stage)
        for slug in (ABROAD, OFMIN, there):
            _check_once(stage, slug, {*handoffs})


def _check_once(stage: DemoEnvironment, slug: str, handoffs: set[str]) -> None:
    """No number is missing in a party's stream, and no event of a handoff is there twice."""
    gateway, told = wiring.connect(config_of(stage)), Counter[tuple[str, str]]()
    try:
        with gateway.store.begin(TransactionMode.READ) as work:
            stream = list(work.log.stream(slug, 0, 1_000_000))
            assert [number for number, _ in stream] == list(range(1, len(stream) + 1))
            for _, event in stream:
                logged = work.log.logged(event)
                assert logged is not None
                said = event_document.read(logged.event.document)
                if said.get("handoff") in handoffs:
                    told[said["handoff"], said["type"]] += 1
    finally:
        gateway.close()
    assert not [one for one, times in told.items() if times > 1]
