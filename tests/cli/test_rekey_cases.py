"""`casegate admin gateway-key rotate --key key-encryption`: each step; interrupted, finished."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway import wiring
from gateway.cli.admin import gateway_keys
from gateway.keys import FileKeyEncryption, RotationStep
from gateway.store.keyring import BATCH, SqlKeyring
from tests.cli.test_admin import confirmed
from tests.operating import MARTIN, Operator, said

REKEY = ("gateway-key", "rotate", "--key", "key-encryption")


def rekey(gw: Operator, step: str) -> str:
    return gw.done(*REKEY, "--step", step, persons=(MARTIN,))


def keks(gw: Operator) -> set[str]:
    return set(wiring.key_encryption(gw.config).known())


def taken(gw: Operator) -> tuple[object, bytes]:
    """A key that a case has; with it a batch of them is in the database."""
    with gw.opened() as gateway:
        return gateway.keyring.take()


def opens(gw: Operator, one: tuple[object, bytes]) -> bool:
    with gw.opened() as gateway:
        return gateway.keyring.key(one[0]) == one[1]


def test_a_new_key_is_made_first_and_used_when_the_command_is_given_again(gw: Operator) -> None:
    key = taken(gw)
    (old,) = keks(gw)
    assert "back up" in rekey(gw, "publish")
    (new,) = keks(gw) - {old}
    with gw.opened() as gateway:
        assert gateway.keyring.key_encryption() == (old, new)
    again = gw.admin(*REKEY, "--step", "publish", persons=(MARTIN,))
    assert "the next step is 'activate', so 'publish' was taken before" in said(again)
    assert gw.admin(*REKEY, persons=(MARTIN,)).exit_code == 2
    told = rekey(gw, "activate")
    assert "step activate" in told
    assert "step retire" in told
    assert keks(gw) == {new}
    with gw.opened() as gateway:
        ring = gateway.keyring
        assert (ring.key_encryption(), ring.left()) == ((new, None), 0)
    assert opens(gw, key)


def test_each_step_is_an_event_with_the_key_and_who_approved(gw: Operator) -> None:
    for steps in (["publish"], ["activate", "retire"]):
        size = gw.size()
        words = ("--json", *REKEY, "--step", steps[0])
        told = json.loads(gw.done(*words, persons=(MARTIN,)))["steps"]
        assert [one["result"]["step"] for one in told] == steps
        assert {confirmed(gw, one).event["type"] for one in told} == {"gateway_key.rotated"}
        assert gw.size() == size + len(steps)


def test_what_was_cut_off_in_the_midst_is_finished(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = taken(gw)
    rekey(gw, "publish")
    monkeypatch.setattr(gateway_keys, "AT_ONCE", 10)
    rewrap = SqlKeyring.rewrap
    calls = iter(range(3))

    def interrupted(ring: SqlKeyring, limit: int) -> int:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return rewrap(ring, limit)

    with monkeypatch.context() as broken:
        broken.setattr(SqlKeyring, "rewrap", interrupted)
        assert gw.admin(*REKEY, "--step", "activate", persons=(MARTIN,)).exit_code != 0
    assert len(keks(gw)) == 2
    assert opens(gw, key)
    with gw.opened() as gateway:
        assert gateway.keyring.left() == BATCH - 30
    rekey(gw, "retire")
    assert len(keks(gw)) == 1
    assert opens(gw, key)


def stopped(whole: Callable[..., Any], *, done: bool) -> Callable[..., Any]:
    """The same, but that the process is stopped: before it, or right after it was ``done``."""

    def stop(*args: Any, **kwargs: Any) -> None:
        if done:
            whole(*args, **kwargs)
        raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize(
    ("step", "cut", "done"),
    [
        ("publish", (FileKeyEncryption, "make"), False),
        ("publish", (FileKeyEncryption, "make"), True),
        ("publish", (gateway_keys, "_recorded"), True),
        ("publish", (SqlKeyring, "publish"), True),
        ("activate", (gateway_keys, "_recorded"), False),
        ("activate", (gateway_keys, "_recorded"), True),
        ("activate", (SqlKeyring, "activate"), True),
        ("activate", (SqlKeyring, "rewrap"), True),
        ("activate", (FileKeyEncryption, "remove"), False),
        ("activate", (FileKeyEncryption, "remove"), True),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else str(value),
)
def test_wherever_it_is_cut_off_every_case_opens_and_it_can_be_finished(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, step: str, cut: tuple[Any, str], done: bool
) -> None:
    key = taken(gw)
    (first,) = keks(gw)
    if step == "activate":
        rekey(gw, "publish")
    with monkeypatch.context() as broken:
        broken.setattr(*cut, stopped(getattr(*cut), done=done))
        assert gw.admin(*REKEY, "--step", step, persons=(MARTIN,)).exit_code != 0
    assert opens(gw, key)
    while keks(gw) == {first} or len(keks(gw)) > 1:
        due = [step for step in RotationStep if not gw.admin(*REKEY, "--step", step).exit_code]
        assert due
        assert opens(gw, key)
    with gw.opened() as gateway:
        ring = gateway.keyring
        assert ({ring.key_encryption().current}, ring.left()) == (keks(gw), 0)
        assert ring.key_encryption().coming is None


def test_a_key_that_was_not_brought_here_is_not_turned_to(gw: Operator) -> None:
    key = taken(gw)
    (old,) = keks(gw)
    rekey(gw, "publish")
    (new,) = keks(gw) - {old}
    (gw.config.keys / f"kek-{new}").unlink()
    assert "cannot be read" in said(gw.admin(*REKEY, "--step", "activate", persons=(MARTIN,)))
    with gw.opened() as gateway:
        assert gateway.keyring.key_encryption().current == old
    assert opens(gw, key)


def test_a_key_that_was_made_and_never_announced_is_taken_away(gw: Operator) -> None:
    (old,) = keks(gw)
    wiring.key_encryption(gw.config).make()
    assert "step retire" in rekey(gw, "retire")
    assert keks(gw) == {old}
