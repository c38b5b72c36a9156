"""`casegate peer`: what operators compare, and what an invitation of somebody else is worth."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import relaying, wiring
from gateway.client.enrolment import Enrolment
from gateway.doctor import outside
from gateway.doctor.reading import Examined
from gateway.domain.answers import BASELINE
from gateway.domain.organisation import Organisation, Status
from gateway.domain.peer import PeerGateway, PeerPins
from gateway.kernel.ports import TransactionMode
from gateway.keys import jwk_set
from gateway.ledger.note import COSIGNATURE, VerificationKey
from gateway.peer_conformance import DemandResult
from tests.client.test_enrolment import MADE
from tests.each import each
from tests.operating import ISSUER, PARTNERS, Operator
from tests.peering import PEER_WITNESS
from tests.ports import key_of

KEYS = jwk_set([key_of("attest")])
INVITED = replace(MADE, expires_at="2126-01-01T00:00:00+00:00")


def trust(gw: Operator, **changes: Any) -> None:
    """Put in a peer past its events: the gateway of the invitation."""
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.REGISTRY) as work:
        pins = PeerPins(
            issuer=INVITED.issuer,
            api_url=INVITED.api_url,
            root_sha256=INVITED.root_sha256,
            log_keys=(INVITED.log_key,),
            attestation_keys=tuple(map(json.dumps, KEYS["keys"])),
            witness_key=str(PEER_WITNESS.key),
            event=gateway.ports.new_id(),
        )
        peer = PeerGateway(replace(pins, **changes))
        entry = (False, frozenset({"gdpr"}), "FR", Status.APPROVED)
        made = Organisation("fr", "France", "gateway", *entry, peer=peer)
        if found := work.organisations.get("fr"):
            work.organisations.save(replace(made, version=found.version + 1))
        else:
            work.organisations.add(made)
        work.commit()


@pytest.fixture
def invitation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "invitation.json"
    file.touch(mode=0o600)
    file.write_bytes(INVITED.render())
    monkeypatch.setattr(Enrolment, "fetch_root", lambda _: b"root")
    monkeypatch.setattr(Enrolment, "attestation_keys", lambda *_: json.dumps(KEYS).encode())
    monkeypatch.setattr(Enrolment, "enrol", lambda *_: pytest.fail("the token was used"))
    return file


def enrol(gw: Operator, file: Path) -> str:
    result = gw.type("peer", "enrol", file, "--home", gw.folder)
    assert result.exit_code == 1
    return result.output


def test_what_another_gateway_compares_is_what_this_one_signs_with(gw: Operator) -> None:
    (gw.folder / "keys/witness/current.pem").unlink()
    told = json.loads(gw.type("peer", "pins", "--home", gw.folder).output)
    assert (told["issuer"], told["api_url"]) == (ISSUER, PARTNERS)
    key = VerificationKey.parse(told["witness_key"])
    assert (key.kind, key.name) == (COSIGNATURE, "gateway.example.org")
    with gw.opened() as gateway:
        assert str(gateway.ports.witness.key) == told["witness_key"]
        assert told["log_keys"] == [gateway.keys.log.vkey]
        assert told["attestation_keys"] == gateway.keys.attest.jwks()
    assert json.loads(gw.type("peer", "pins", "--home", gw.folder).output) == told


@each("name, value", [
    ("api_url", "https://another.example"), ("root_sha256", "00" * 32), ("log_keys", ("a",)),
    ("attestation_keys", (json.dumps(key_of("another").public_jwk()),)),
])  # fmt: skip
def test_an_invitation_that_is_not_what_two_persons_compared_is_not_used(
    gw: Operator, invitation: Path, name: str, value: Any
) -> None:
    trust(gw, **{name: value})
    assert name in enrol(gw, invitation)
    assert not relaying.is_enrolled(gw.config, "fr")


def test_an_invitation_of_a_gateway_whose_keys_nobody_compared_is_not_used(
    gw: Operator, invitation: Path
) -> None:
    assert "peer trust" in enrol(gw, invitation)


def test_what_fits_uses_the_invitation(gw: Operator, invitation: Path, monkeypatch) -> None:
    class Used(Exception): ...

    def use(*_: object) -> None:
        raise Used

    monkeypatch.setattr(Enrolment, "enrol", use)
    trust(gw)
    result = gw.type("peer", "enrol", invitation, "--home", gw.folder)
    assert isinstance(result.exception, Used)
    assert (gw.folder / "peers/fr/key.pem").stat().st_mode & 0o077 == 0


def test_a_peer_without_a_connection_is_shown_and_the_doctor_says_so(gw: Operator) -> None:
    trust(gw)
    (told,) = json.loads(gw.type("peer", "show", "--home", gw.folder, "--json").output)
    assert (told["peer"], told["certificate_until"], told["cosigned_here"]) == ("fr", None, 0)
    found = [sentence for _, sentence in outside.peers(Examined(gw.config, wiring.now()))]
    assert found == ["there is no connection to the peer gateway fr: casegate peer enrol FILE"]
    assert gw.type("peer", "check", "fr", "--home", gw.folder).exit_code == 1


def test_the_doctor_says_which_events_a_peer_knows_alone_or_denies(gw: Operator) -> None:
    trust(gw)
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.WRITE) as work:
        origin = VerificationKey.parse(INVITED.log_key).name
        later = [f"handoff.{one}" for one in "dcba"]
        work.relay.tell_members(origin, 7, [*BASELINE - {"handoff.closed"}, *later])
        work.commit()
    found = [sentence for _, sentence in outside.peers(Examined(gw.config, wiring.now()))]
    alone, denied, _ = found
    assert "cannot follow: handoff.a, handoff.b, handoff.c (4); upgrade" in alone
    assert "does not say that it follows handoff.closed (1), as every gateway must" in denied


def test_the_doctor_says_that_a_peer_which_tells_no_event_at_all_denies_every_one(
    gw: Operator,
) -> None:
    trust(gw)
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.WRITE) as work:
        work.relay.tell_members(VerificationKey.parse(INVITED.log_key).name, 7, [])
        work.commit()
    denied, _ = [sentence for _, sentence in outside.peers(Examined(gw.config, wiring.now()))]
    assert f"handoff.applied ({len(BASELINE)}), as every gateway must" in denied


def test_a_check_tells_line_by_line_what_works_and_once_why_some_was_not_tried(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(gw)
    for one in ("check_token", "follow", "confirm", "check_cosigned"):
        monkeypatch.setattr(relaying.PeerRelay, one, lambda _: None)
    found = [
        DemandResult("one thing is refused"),
        DemandResult("another is taken", "it answers 404, and not 200: look it up"),
        DemandResult("a third is taken", untried="as nobody is shown"),
        DemandResult("a fourth is taken", untried="as nobody is shown"),
    ]
    monkeypatch.setattr(relaying.PeerRelay, "conform", lambda _: iter(found))
    told = gw.type("peer", "check", "fr", "--home", gw.folder)
    assert told.exit_code == 1
    assert told.output.splitlines()[-3:] == [
        "works: one thing is refused",
        "fails: another is taken: it answers 404, and not 200: look it up",
        "not tried, as nobody is shown: a third is taken; a fourth is taken",
    ]
    monkeypatch.setattr(relaying.PeerRelay, "conform", lambda _: iter(found[2:]))
    assert gw.type("peer", "check", "fr", "--home", gw.folder).exit_code == 0
