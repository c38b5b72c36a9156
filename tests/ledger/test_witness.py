"""A witness cosigns one history of a log, and no smaller tree of it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.ledger import cosignature, note, tree
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import Checkpoint, NoteSigner, VerificationKey
from gateway.ledger.witness import Refused, add_checkpoint, write_request
from tests.each import each
from tests.ledger import rfc6962

SESSION = Path(__file__).parents[1] / "vectors" / "witness-sessions"
RECORDED = json.loads((SESSION / "session.json").read_text())
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = Cosigner("witness.example", PRIVATE.public_key().public_bytes_raw(), PRIVATE.sign)
LOG = NoteSigner("log.example.org/casegate", Ed25519PrivateKey.from_private_bytes(bytes(32)))
LEAVES = rfc6962.leaves(40)


@dataclass
class Remembered:
    """What a witness cosigned, in memory; ``quicker`` is what another process does meanwhile."""

    newest_of: dict[str, str] = field(default_factory=dict)
    quicker: bool = False

    def newest(self, origin: str) -> str | None:
        return self.newest_of.get(origin)

    def advance(self, origin: str, seen: str | None, to: str) -> bool:
        assert self.newest_of.get(origin) == seen
        if not self.quicker:
            self.newest_of[origin] = to
        return not self.quicker


def signed(size: int, leaves: list[bytes] = LEAVES, signer: NoteSigner = LOG) -> str:
    return note.sign_checkpoint(Checkpoint(LOG.name, size, tree.root(leaves[:size])), signer)


def ask(seen: Remembered, old: int, size: int, proof: list[bytes] | None = None, text="") -> str:
    shown = rfc6962.consistency(old, LEAVES[:size]) if 0 < old <= size else []
    request = write_request(old, shown if proof is None else proof, text or signed(size))
    return add_checkpoint(request, [LOG.key], WITNESS, seen, AT)


def refusal(*arguments, **named) -> tuple[int, int | None]:
    with pytest.raises(Refused) as told:
        ask(*arguments, **named)
    return told.value.status, told.value.size


def test_a_recorded_session_ends_as_the_specification_says() -> None:
    seen = Remembered()
    logs = [VerificationKey.parse(RECORDED["log_vkey"])]
    for step in RECORDED["steps"]:
        request = (SESSION / "requests" / f"{step['name']}.txt").read_text()
        try:
            line = add_checkpoint(request, logs, WITNESS, seen, AT)
        except Refused as refused:
            assert refused.status == step["spec_status"], step
            assert (refused.size is not None) is (refused.status == 409)
        else:
            assert step["spec_status"] == 200
            cosigned = request.partition("\n\n")[2] + line
            assert cosignature.verify(cosigned, [WITNESS.key])[0].at == AT


def test_lines_of_another_implementation_verify() -> None:
    keys = [VerificationKey.parse(one) for one in RECORDED["witness_vkeys"].values()]
    (answers,) = (RECORDED["observed"][name] for name in RECORDED["witness_vkeys"])
    for one in answers:
        if one["status"] == 200:
            request = (SESSION / "requests" / f"{one['step']}.txt").read_text()
            assert cosignature.verify(request.partition("\n\n")[2] + one["body"], keys)


def test_it_goes_on_from_what_it_saw_and_says_what_that_is() -> None:
    seen = Remembered()
    for old, size in ((0, 0), (0, 7), (7, 7), (7, 8), (8, 40)):
        assert cosignature.verify(signed(size) + ask(seen, old, size), [WITNESS.key])
        assert seen.newest_of[LOG.name] == signed(size)
    assert refusal(seen, 8, 40) == (409, 40)
    assert refusal(seen, 0, 7) == (409, 40)
    assert refusal(seen, 40, 39) == (400, None)


def test_it_cosigns_no_other_history_and_remembers_none() -> None:
    seen, other = Remembered(), [*LEAVES[:5], LEAVES[0], *LEAVES[6:]]
    ask(seen, 0, 7)
    for size in (7, 9):
        proof = rfc6962.consistency(7, other[:size])
        assert refusal(seen, 7, size, proof, signed(size, other)) == (422, None)
    assert refusal(seen, 7, 9, []) == (422, None)
    assert refusal(Remembered(), 0, 9, [LEAVES[0]]) == (422, None)
    assert seen.newest_of[LOG.name] == signed(7)


def test_of_two_requests_at_once_one_is_cosigned() -> None:
    assert refusal(Remembered(quicker=True), 0, 7) == (409, 0)


@each("text, status", [
    ("", 400), ("old 0\n", 400), ("old 0\n\nno note\n", 400), (f"old 00\n\n{signed(3)}", 400),
    (f"old 0\nx\n\n{signed(3)}", 400), (f"size 0\n\n{signed(3)}", 400),
    ("old 0\n" + "AAAA\n" * 64 + f"\n{signed(3)}", 400),
    (f"old 0\n\n{signed(3).replace(LOG.name, 'another.example/log')}", 404),
    (f"old 0\n\n{signed(3).replace(chr(10) + '3' + chr(10), chr(10) + '4' + chr(10))}", 403),
])  # fmt: skip
def test_what_is_no_request_of_a_known_log_is_refused(text: str, status: int) -> None:
    with pytest.raises(Refused) as told:
        add_checkpoint(text, [LOG.key], WITNESS, Remembered(), AT)
    assert told.value.status == status
