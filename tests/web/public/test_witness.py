"""The gateway as a witness for anybody who asks: what C2SP tlog-witness says, and no more."""

from dataclasses import replace
from pathlib import Path

import pytest
from witness_log import WitnessLog

from gateway.ledger import cosignature
from gateway.ledger.note import VerificationKey
from gateway.ledger.witness import write_request
from gateway.web import log
from tests.each import each
from tests.registry.test_witnessing import LOG, WITNESS, PeerLog, signed
from tests.web.listening import Listening, listening

ADDRESS = "/witness/add-checkpoint"


@pytest.fixture
def peer(tmp_path: Path) -> PeerLog:
    return PeerLog(tmp_path)


@pytest.fixture
def line(peer: PeerLog) -> Listening:
    return listening(peer.gateway)


def test_a_peer_gets_a_line_or_the_size_that_was_seen(line):
    public = line.anybody()
    answer = public.post(ADDRESS, data=write_request(0, [], signed(7)))
    assert answer.content_type == "text/plain; charset=utf-8"
    assert cosignature.verify(signed(7) + answer.text, [WITNESS.key])
    again = public.post(ADDRESS, data=write_request(0, [], signed(7)))
    assert (again.status_code, again.content_type, again.text) == (409, "text/x.tlog.size", "7\n")


@each("data, status", [
    (b"", 400), (b"\xff", 400), (b"old 0\n\nno note\n", 400), (b"x" * (log.MOST_ASKED + 1), 400),
    (write_request(0, [], signed(7).replace(LOG.name, "another.example/log")), 404),
    (write_request(0, [], signed(7).replace("\n7\n", "\n8\n")), 403),
    (write_request(0, [bytes(32)], signed(7)), 422),
])  # fmt: skip
def test_what_it_does_not_grant_is_refused_by_a_status_of_the_specification(line, data, status):
    assert line.anybody().post(ADDRESS, data=data).status_code == status


def test_it_refuses_for_a_while_what_grows_too_often(line, monkeypatch):
    monkeypatch.setattr("gateway.registry.witnessing.COSIGNED_A_MINUTE", 0)
    answer = line.anybody().post(ADDRESS, data=write_request(0, [], signed(7)))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


def test_its_key_is_one_line_and_a_gateway_without_one_is_no_witness(line, peer):
    assert line.anybody().get("/witness/vkey").text == f"{WITNESS.key}\n"
    peer.gateway.ports = replace(peer.gateway.ports, witness=None)
    without = listening(peer.gateway).anybody()
    assert without.get("/witness/vkey").status_code == 404
    asked = write_request(0, [], signed(7))
    assert without.post(ADDRESS, data=asked).status_code == 404


def test_a_log_of_another_implementation_is_cosigned_as_it_grows(tmp_path):
    theirs = WitnessLog.generate()
    origin = theirs.canonical_origin()
    key = theirs.c2sp_vkey(origin)
    public = listening(PeerLog(tmp_path, log_key=key).gateway).anybody()
    old = 0
    for more in (1, 1, 5, 60, 300):
        for number in range(more):
            theirs.append_memory(str(number).encode())
        body = theirs.add_checkpoint_body(old)
        answer = public.post(ADDRESS, data=body)
        assert answer.status_code == 200, answer.text
        assert cosignature.verify(body.partition("\n\n")[2] + answer.text, [WITNESS.key])
        _, counted = theirs.dossier_from_responses([(WITNESS.public.hex(), answer.text)])
        assert counted == 1
        old = theirs.tree_size()
        assert VerificationKey.parse(key).name == origin
    stale = public.post(ADDRESS, data=theirs.add_checkpoint_body(1))
    assert (stale.status_code, stale.text) == (409, f"{old}\n")
