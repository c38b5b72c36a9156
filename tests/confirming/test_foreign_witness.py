"""The witness of others (PyPI witness-log): it cosigns our log, and its line is ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from witness_log import WitnessService

from gateway.ledger import cosignature
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import VerificationKey
from gateway.ledger.witness import Refused, add_checkpoint
from gateway.wiring import load_log_signers
from tests.confirming.test_witnesses import MINUTE, Answer, Witnessing, add, serving
from tests.each import each
from tests.ledger.test_witness import AT, RECORDED, SESSION, Remembered
from tests.operating import operator
from tests.receiver import answer

NAME, SEED = "witness.example/rust", bytes(range(32))


def ours() -> Cosigner:
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    return Cosigner(NAME, private.public_key().public_bytes_raw(), private.sign)


def test_a_session_with_both_has_the_same_answers_and_lines_byte_for_byte() -> None:
    theirs, seen = WitnessService.new(NAME, SEED), Remembered()
    key = VerificationKey.parse(RECORDED["log_vkey"])
    assert theirs.vkey() == str(ours().key)
    assert theirs.add_log(key.name, str(key))

    @each("name", [one["name"] for one in RECORDED["steps"]])
    def answers_alike(name: str) -> None:
        request = (SESSION / "requests" / f"{name}.txt").read_text()
        status, body = theirs.handle_add_checkpoint(request, int(AT.timestamp()))
        try:
            assert (200, add_checkpoint(request, [key], ours(), seen, AT)) == (status, body)
        except Refused as refused:
            told = "" if refused.size is None else str(refused.size)
            assert (refused.status, told) == (status, body.strip() if status == 409 else told)

    answers_alike()


class Foreign(Witnessing):
    """The witness is theirs."""

    service: WitnessService

    def hear(self, request: str) -> Answer:
        self.heard.append(request)
        told = self.service.handle_add_checkpoint_http(request, int(self.clock().timestamp()))
        status, media, body = told
        return answer(status, body.encode(), Content_Type=media)


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    gw, made = operator(tmp_path), Foreign(by=ours())
    made.service = WitnessService.new(NAME, SEED)
    (signer,) = load_log_signers(gw.config)
    assert made.service.add_log(signer.name, signer.vkey)
    with serving(made):
        add(gw, made)
        with gw.opened(made.clock) as made.gateway:
            made.begin()
            yield made


@pytest.mark.journey
def test_it_follows_our_log_as_that_grows(foreign: Foreign) -> None:
    foreign.confirmer.step()
    sizes = [foreign.kept()[0].size]
    for more in (1, 2, 4, 17, 40):
        for _ in range(more):
            foreign.grow()
        foreign.later(2 * MINUTE)
        (kept,) = foreign.kept()
        sizes.append(kept.size)
        key = VerificationKey.parse(foreign.service.vkey())
        assert cosignature.verify(kept.note + kept.data.decode(), [key])
    assert sizes == [sizes[0] + more for more in (0, 1, 3, 7, 24, 64)]
    assert foreign.told == []
