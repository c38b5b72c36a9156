"""`casegate admin gateway-key rotate` of the keys of log and attestations, and who follows them."""

import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import keys, wiring
from gateway.apps import Audience, make_app
from gateway.cli import gateway_setup, main
from gateway.cli.admin import gateway_keys as commands
from gateway.kernel.ports import TransactionMode
from gateway.keys import KeyPurpose, load_key_set
from gateway.ledger.note import NoteError, VerificationKey, open_checkpoint
from gateway.maintenance.process import holding
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.registry import keys as registry_keys
from gateway.store.log_integrity import verify_log
from gateway.verification import gateway_keys
from gateway.verification.trust import TrustAnchors
from tests.cli.test_backup import grow
from tests.operating import MARTIN, PASSPHRASE, PERSONS, Operator, operator, said, settings

PROCESSES = multiprocessing.get_context("forkserver")
"""Processes of a command that have loaded it already: what is killed is at work."""
PROCESSES.set_forkserver_preload(["gateway.cli.admin.gateway_keys", "gateway.wiring"])
STEPS = ("publish", "activate", "retire")
PURPOSES = {"attestation": KeyPurpose.ATTEST, "log": KeyPurpose.LOG}


def step(gw: Operator, key: str, named: str, **more: Any) -> Any:
    return gw.admin("gateway-key", "rotate", "--key", key, "--step", named, persons=(MARTIN,))


def age(gw: Operator, key: str) -> None:
    """Let the time pass that the next step waits for."""
    long_ago = time.time() - 7 * 86_401
    for name in ("next.pem", "previous.pem"):
        file = gw.config.keys / PURPOSES[key] / name
        if file.exists():
            os.utime(file, (long_ago, long_ago))


def rotate(gw: Operator, key: str) -> None:
    for named in STEPS:
        assert step(gw, key, named).exit_code == 0
        grow(gw)
        age(gw, key)


def asked(gw: Operator, path: str) -> bytes:
    with gw.opened() as gateway:
        return make_app(Audience.PUBLIC, gateway).test_client().get(path).data


def vkeys(gw: Operator) -> list[VerificationKey]:
    lines = asked(gw, "/log/vkey").decode().splitlines()
    return [VerificationKey.parse(line) for line in lines]


def pinned(gw: Operator) -> TrustAnchors:
    """What somebody knows who has the key of the log as it is now, and no other."""
    return TrustAnchors(vkeys(gw), (gw.config.log_origin,))


def learned(gw: Operator, trust: TrustAnchors) -> TrustAnchors:
    return gateway_keys.learn(trust, asked(gw, "/log/keys"))


def told(gw: Operator, trust: TrustAnchors) -> list[tuple[str, str, str]]:
    """The events of keys, as they are verified: type, purpose and key id."""
    known = learned(gw, trust)
    events = gateway_keys.read_each(asked(gw, "/log/keys"), known)
    return [(one.type, key["purpose"], key["key"]) for one, key in events]


def signed_by(gw: Operator, *known: VerificationKey) -> bool:
    try:
        return bool(open_checkpoint(asked(gw, "/checkpoint"), known, gw.config.log_origin))
    except NoteError:
        return False


def test_a_new_gateway_names_the_keys_that_evidence_rests_on(gw: Operator) -> None:
    named = told(gw, pinned(gw))
    assert [purpose for _, purpose, _ in named] == [
        "log", "attest", "notification", "root", "issuing"
    ]  # fmt: skip
    assert {typ for typ, _, _ in named} == {"gateway.key_published"}
    with gw.opened() as gateway:
        kids = {one.current.kid for one in (gateway.keys.attest, gateway.keys.notification)}
    assert kids <= {key for _, _, key in named}


def test_the_first_start_after_an_upgrade_names_the_keys_once(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(registry_keys, "publish_keys", lambda *_: None)
        gateway_setup.make(tmp_path / "gw", settings(), PERSONS, PASSPHRASE)
    gw = Operator(tmp_path / "gw")
    assert gw.size() == 1
    for _ in range(2):
        with gw.opened() as gateway, holding(gw.config):
            Maintenance(gateway, wiring.IssuingAuthority(gw.config), TIMETABLE).start()
        assert len(told(gw, pinned(gw))) == 5


def test_the_log_signs_with_both_keys_and_who_was_away_still_follows(gw: Operator) -> None:
    """The one key is pinned; the log then changes its key twice, and signs with the third alone."""
    trust = pinned(gw)
    (first,) = trust.log_keys
    for named in STEPS:
        assert step(gw, "log", named).exit_code == 0
        grow(gw)
        age(gw, "log")
        if named != "retire":
            old, new = sorted(vkeys(gw), key=lambda one: one != first)
            assert signed_by(gw, old)
            assert signed_by(gw, new)
    assert vkeys(gw) == [new]
    assert not signed_by(gw, first)
    rotate(gw, "log")
    (third,) = vkeys(gw)
    assert [*learned(gw, trust).log_keys] == [first, new, third]
    assert signed_by(gw, *learned(gw, trust).log_keys)
    kinds = [(typ, purpose) for typ, purpose, _ in told(gw, trust) if purpose == "log"]
    assert [typ.rpartition("_")[2] for typ, _ in kinds] == [
        "published", "published", "withdrawn", "published", "withdrawn"
    ]  # fmt: skip


def test_the_old_key_of_the_log_stays_for_a_week(gw: Operator) -> None:
    for named in STEPS[:2]:
        assert step(gw, "log", named).exit_code == 0
        age(gw, "log")
    six_days = time.time() - 6 * 86_400
    os.utime(gw.config.keys / "log" / "previous.pem", (six_days, six_days))
    assert "less than a week" in said(step(gw, "log", "retire"))


def test_who_pinned_a_later_key_learns_the_earlier_ones_and_the_newest_stands_last(
    gw: Operator,
) -> None:
    (first,) = vkeys(gw)
    rotate(gw, "log")
    trust = pinned(gw)
    assert [*learned(gw, trust).log_keys] == [first, *trust.log_keys]


def test_a_stranger_s_key_of_the_log_s_name_teaches_nothing(gw: Operator, tmp_path: Any) -> None:
    other = operator(tmp_path / "other")
    gateway_setup.make(tmp_path / "twin", settings(), PERSONS, PASSPHRASE)
    twin = Operator(tmp_path / "twin")
    assert vkeys(twin)[0].name == vkeys(gw)[0].name
    trust = pinned(gw)
    assert gateway_keys.learn(trust, asked(twin, "/log/keys")).log_keys == [*trust.log_keys]
    assert vkeys(other) == vkeys(gw), "the same founding, copied"


def test_who_pinned_the_log_learns_the_key_that_attests_now(gw: Operator) -> None:
    trust = pinned(gw)
    old = load_key_set(gw.config.keys / "attest", KeyPurpose.ATTEST).current.kid
    rotate(gw, "log")
    rotate(gw, "attestation")
    new = load_key_set(gw.config.keys / "attest", KeyPurpose.ATTEST).current.kid
    assert {*learned(gw, trust).gateway_keys} == {old, new}
    assert ("gateway.key_withdrawn", "attest", old) in told(gw, trust)


def _stops() -> Iterator[tuple[str, Any, str]]:
    yield "before the step is recorded", commands, "record_step"
    yield "before the key is withdrawn", registry_keys, "withdraw_key"
    yield "before its files are changed", keys, "perform_step"
    yield "before the new key is published", registry_keys, "_record"


KILLED = [
    # Each key and each moment is in the default run, and all pairs are in the slow one.
    pytest.param(key, *one, marks=[pytest.mark.slow] if (n + m) % 2 else [])
    for n, key in enumerate(PURPOSES)
    for m, one in enumerate(_stops())
]


@pytest.mark.parametrize(("key", "_when", "module", "name"), KILLED)
def test_a_rotation_that_is_killed_anywhere_goes_on_and_says_each_thing_once(
    gw: Operator,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    _when: str,
    module: Any,
    name: str,
) -> None:
    trust = pinned(gw)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for named in STEPS:
        with monkeypatch.context() as broken:
            broken.setattr(module, name, killed)
            step(gw, key, named)
        age(gw, key)
        done = step(gw, key, named)  # refused where it was taken, and only left something unsaid
        assert done.exit_code == 0 or "so" in said(done)
        grow(gw)
        age(gw, key)
    after = [one for one in told(gw, trust) if one[1] == PURPOSES[key]]
    assert [typ.rpartition("_")[2] for typ, _, _ in after] == [
        "published", "published", "withdrawn"
    ]  # fmt: skip
    assert after[0][2] == after[2][2]


def test_the_old_key_stays_until_the_listeners_sign_with_the_new_one(gw: Operator) -> None:
    with gw.opened() as listener:  # started before the rotation, and never again
        for named in STEPS[:2]:
            assert step(gw, "log", named).exit_code == 0
            age(gw, "log")
        with listener.ports.begin(TransactionMode.WRITE) as work:
            registry_keys.events.record_by_gateway(
                listener.ports, work, "log.continue", registry_keys.gateway_and(), said={}
            )
            work.commit()
    refused = step(gw, "log", "retire")
    assert "the listeners do not sign with the new key yet. Restart them" in said(refused)
    assert len(vkeys(gw)) == 2
    grow(gw)
    assert step(gw, "log", "retire").exit_code == 0


def casegate(*words: str) -> None:
    main(words)


@pytest.mark.slow
@pytest.mark.parametrize("key", PURPOSES)
def test_a_command_that_is_killed_at_any_moment_leaves_a_rotation_that_goes_on(
    gw: Operator, key: str
) -> None:
    """By SIGKILL, later with each attempt; then each step is taken once more, to its end."""
    trust = pinned(gw)
    for named in STEPS:
        words = ("admin", "--home", str(gw.folder), "--as", MARTIN, "gateway-key", "rotate")
        for hundredths in range(2, 32, 6):
            typed = (*words, "--key", key, "--step", named)
            run = PROCESSES.Process(target=casegate, args=typed)
            run.start()
            run.join(hundredths / 100)
            run.kill()
            run.join()
        done = step(gw, key, named)
        if done.exit_code:  # it was taken to its end before it could be killed
            assert re.search("less than a|was taken before", said(done))
        assert len(vkeys(gw)) + (key != "log") in (1, 2)
        grow(gw)
        age(gw, key)
    after = [one for one in told(gw, trust) if one[1] == PURPOSES[key]]
    assert [typ.rpartition("_")[2] for typ, _, _ in after] == [
        "published", "published", "withdrawn"
    ]  # fmt: skip
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        verify_log(work, lambda done, of: None)
