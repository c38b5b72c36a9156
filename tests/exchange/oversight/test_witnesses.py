"""Members confirm the log: their lines are kept, their keys are on record."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.refusals import ValidationFailed
from gateway.exchange.oversight import witnesses
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.ledger import cosignature, note
from gateway.ledger.cosignature import Cosigner
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller
from tests.ports import note_signer
from tests.verification.logbook import witness

NAME = f"gateway.example.org/{OFMIN}"


def text_of(gateway: Founded) -> str:
    """The text of the newest checkpoint."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        head = work.log.head()
    return note.Checkpoint(note_signer().name, head.size, head.root).text()


def cosigned(gateway: Founded, by: Cosigner, after: timedelta = timedelta(0), **asked: Any) -> Any:
    """Hand in what a witness cosigns of the newest checkpoint."""
    line = by.cosign(asked.pop("text", text_of(gateway)), gateway.clock() + after)
    value = line.rstrip("\n").rpartition(" ")[2]
    size = asked.pop("size", gateway.size())
    of = caller(asked.pop("organisation", OFMIN))
    return witnesses.register(gateway.ports, of, asked.pop("key", by.key), size, value)


def kept(gateway: Founded) -> dict[int, str]:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.confirmations.cosigned()


def test_a_line_is_kept_with_the_checkpoint_and_its_key_is_recorded_once(gateway: Founded) -> None:
    size, by = gateway.size(), witness(NAME)
    told = cosigned(gateway, by)
    assert (told.witness, told.size) == (NAME, size)
    ((kept_size, text),) = kept(gateway).items()
    assert kept_size == size
    assert [one.witness for one in cosignature.verify(text, [by.key])] == [by.key]
    assert gateway.size() == size + 1
    assert gateway.types(OFMIN)[-1] == "witness.registered"
    assert gateway.stream(OFMIN)[-1].subject == {"witness": str(by.key)}
    cosigned(gateway, by)
    assert gateway.size() == size + 1
    assert [*kept(gateway)] == [size + 1], "only its newest"


def test_another_key_follows_after_a_day_so_that_two_in_turn_do_not_make_the_log_grow(
    gateway: Founded,
) -> None:
    by, early = witness(NAME), (text_of(gateway), gateway.size())
    rolled = Cosigner(NAME, witness("another").public, witness("another").sign)
    cosigned(gateway, by)
    cosigned(gateway, by)
    size = gateway.size()
    with pytest.raises(ValidationFailed):
        cosigned(gateway, rolled)
    gateway.clock.advance(witnesses.CHANGED_AFTER)
    with pytest.raises(ValidationFailed):
        cosigned(gateway, rolled, text=early[0], size=early[1])
    assert gateway.size() == size
    cosigned(gateway, rolled)
    assert gateway.size() == size + 1, "another key is on record, too"
    assert cosignature.verify(kept(gateway)[size], [rolled.key])


def test_a_line_that_comes_late_replaces_no_newer_one(gateway: Founded) -> None:
    by, early = witness(NAME), text_of(gateway)
    cosigned(gateway, by)
    size = gateway.size()
    cosigned(gateway, by)
    cosigned(gateway, by, text=early, size=size - 1)
    assert [*kept(gateway)] == [size]


@each("wrong", [
    {"by": witness(f"gateway.example.org/{HOTLINE}")}, {"by": witness(f"x.example/{OFMIN}")},
    {"text": "another text\n"}, {"after": timedelta(minutes=6)}, {"after": -timedelta(minutes=6)},
    {"size": 10_000}, {"size": 1}, {"key": note_signer(NAME).key}, {"key": witness("x").key},
])  # fmt: skip
def test_a_line_over_anything_else_or_of_anybody_else_is_refused(
    gateway: Founded, wrong: dict[str, Any]
) -> None:
    size = gateway.size()
    with pytest.raises(ValidationFailed):
        cosigned(gateway, **{"by": witness(NAME), **wrong})
    assert (gateway.size(), kept(gateway)) == (size, {})


def test_a_suspended_member_confirms_nothing(gateway: Founded) -> None:
    gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    with pytest.raises(RecordedRefusal):
        cosigned(gateway, witness(NAME))
    assert kept(gateway) == {}
