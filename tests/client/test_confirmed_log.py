"""An export takes along the time stamps that show its entries: the first after each, no others."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.client import GatewayUnavailable, confirmed_log
from gateway.evidence import evidence_file, time_stamp
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.verification.report import Code
from gateway.verification.verifier import verify
from tests.casework import accepted, offered, submitted
from tests.client.client_fixture import MemberClient, trust_of
from tests.client.scenario import submit
from tests.client.test_growth import public_log
from tests.founded_gateway import OFMIN
from tests.ports import ORIGIN
from tests.time_stamping import Authority, new_root
from tests.web.listening import Listening, listening

ONE, TWO = Authority(), Authority(new_root("Two"))


@pytest.fixture
def stage() -> Listening:
    return listening()


def keep(stage: Listening, by: Authority = ONE, **changes: Any) -> int:
    """Have the log stamped as it is now; its size."""
    gateway = stage.gateway
    with gateway.store.begin(TransactionMode.READ) as work:
        head = work.log.head()
    note, at = gateway.ports.checkpoint_signer.sign(head), gateway.clock() + timedelta(minutes=1)
    token = replace(by, time=at).stamp(time_stamp.stamped_text(note))
    name = by.root.certificate.subject.rfc4514_string()
    made = Confirmation(head.size, ConfirmationKind.STAMP, name, at, note, token)
    with gateway.store.begin(TransactionMode.WRITE) as work:
        work.confirmations.keep(replace(made, **changes))
        work.commit()
    return head.size


def exported(stage: Listening, handoff: Any, fetch: Callable[[str], bytes] | None = None) -> bytes:
    return MemberClient(stage, tile=fetch or public_log(stage).fetch).export(handoff)


def log_of(data: bytes) -> dict[str, Any]:
    ((_, log),) = json.loads(data)["logs"].items()
    return dict(log)


def sizes(data: bytes) -> list[int]:
    stamps = log_of(data).get("stamps", [])
    return [int(one["checkpoint"].split("\n")[1]) for one in stamps]


def test_of_each_authority_the_first_stamp_after_each_entry_comes_along(stage: Listening) -> None:
    early = keep(stage)
    handoff = accepted(stage.gateway)
    submit(MemberClient(stage, OFMIN), stage)
    first, second = keep(stage), keep(stage, TWO)
    submit(MemberClient(stage, OFMIN), stage)
    keep(stage)
    data = exported(stage, handoff)
    assert first == second > early
    assert set(sizes(data)) <= {early, first}, "the mandate's entry is earlier than the handoff"
    assert sizes(data).count(first) == 2
    for roots in (ONE.roots, TWO.roots):
        trust = replace(trust_of(stage.gateway), authorities=roots)
        report = verify(data, trust, require=("stamped",))
        assert report.passed, report
        assert "time-stamp authority CN=Time Stamps" in report.sentence
    assert verify(data, trust_of(stage.gateway)).passed


def test_what_is_not_stamped_yet_has_no_stamp(stage: Listening) -> None:
    early = keep(stage)
    data = exported(stage, accepted(stage.gateway))
    assert set(sizes(data)) <= {early}
    trust = replace(trust_of(stage.gateway), authorities=ONE.roots)
    assert verify(data, trust, require=("stamped",)).code is Code.INCOMPLETE
    assert verify(data, trust).passed


def test_a_file_without_stamps_is_as_it_was(stage: Listening) -> None:
    assert log_of(exported(stage, accepted(stage.gateway))).keys() == {"checkpoint", "entries"}


def test_stamps_of_a_key_that_the_log_has_left_come_along(stage: Listening) -> None:
    handoff, gateway = accepted(stage.gateway), stage.gateway
    with gateway.store.begin(TransactionMode.READ) as work:
        head = work.log.head()
    old = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    note = sign_checkpoint(Checkpoint(ORIGIN, head.size, head.root), old)
    by = replace(ONE, time=gateway.clock() + timedelta(minutes=1))
    size = keep(stage, note=note, data=by.stamp(time_stamp.stamped_text(note)))
    submit(MemberClient(stage, OFMIN), stage)
    data = exported(stage, handoff)
    assert sizes(data) == [size]
    trust = replace(trust_of(gateway), authorities=ONE.roots)
    assert verify(data, trust, require=("stamped",)).passed


def test_an_export_goes_on_where_stamps_are_not_shown(
    stage: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    handoff = accepted(stage.gateway)
    keep(stage)

    def none(path: str) -> bytes:
        if path.startswith("log/stamps/"):
            raise LookupError(path)
        return public_log(stage).fetch(path)

    assert sizes(exported(stage, handoff, none)) == []
    assert "Time stamps of the log are not shown" in caplog.text


def test_a_token_that_is_not_over_its_checkpoint_is_not_taken_along(
    stage: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    handoff = accepted(stage.gateway)
    keep(stage, data=ONE.stamp(b"another text"))
    data = exported(stage, handoff)
    assert sizes(data) == []
    assert verify(data, trust_of(stage.gateway)).passed
    assert "of another text" in caplog.text


def test_an_export_has_no_more_stamps_than_a_verifier_reads(
    stage: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last ones: they hold all entries, too."""
    for module in (confirmed_log, evidence_file):
        monkeypatch.setattr(module, "MOST_CONFIRMED", 2)
    case = submitted(stage.gateway)
    keep(stage)
    handoff = accepted(stage.gateway, offered(stage.gateway, case))
    first, second = keep(stage), keep(stage, TWO)
    assert first == second
    data = exported(stage, handoff)
    assert sizes(data) == [first, second]
    trust = replace(trust_of(stage.gateway), authorities=TWO.roots)
    assert verify(data, trust, require=("stamped",)).passed


def test_a_stamp_of_another_tree_is_not_taken_along(
    stage: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    """In the file it would speak against the log, and the file would prove nothing."""
    handoff = accepted(stage.gateway)
    nobody = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    note = sign_checkpoint(Checkpoint(ORIGIN, stage.gateway.size(), bytes(32)), nobody)
    keep(stage, note=note, data=ONE.stamp(time_stamp.stamped_text(note)))
    data = exported(stage, handoff)
    assert sizes(data) == []
    assert verify(data, trust_of(stage.gateway)).passed
    assert "of no one history" in caplog.text


def test_of_many_entries_some_are_asked_for_and_the_last_among_them(
    stage: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmed_log, "MOST_STAMPS", 2)
    handoff = accepted(stage.gateway)
    size, asked = keep(stage), list[str]()

    def noted(path: str) -> bytes:
        asked.append(path)
        return public_log(stage).fetch(path)

    data = exported(stage, handoff, noted)
    assert len([one for one in asked if one.startswith("log/stamps/")]) <= 2
    assert sizes(data) == [size]
    trust = replace(trust_of(stage.gateway), authorities=ONE.roots)
    assert verify(data, trust, require=("stamped",)).passed


# --- An alarm, where the connection asks for stamps ---


def asking(stage: Listening, by: Authority = ONE, **changes: Any) -> MemberClient:
    trust = replace(trust_of(stage.gateway), authorities=by.roots)
    return MemberClient(stage, **{"trust": trust, "tile": public_log(stage).fetch, **changes})


def test_a_log_that_grows_for_long_without_a_stamp_is_an_alarm_and_stops_nothing(
    stage: Listening,
) -> None:
    clock = stage.gateway.clock
    assert MemberClient(stage, tile=public_log(stage).fetch).unconfirmed() == [], "none asked for"
    assert "no time-stamp authority" in str(asking(stage).unconfirmed())
    keep(stage)
    assert asking(stage).unconfirmed() == []
    assert "no time-stamp authority" in str(asking(stage, TWO).unconfirmed())
    clock.advance(timedelta(hours=30))
    assert asking(stage).unconfirmed() == [], "the log did not grow"
    submit(asking(stage), stage)
    assert "grown for more than 24 h" in str(asking(stage).unconfirmed())
    keep(stage)
    clock.advance(timedelta(hours=23))
    submit(asking(stage), stage)
    assert asking(stage).unconfirmed() == []


def test_stamps_that_cannot_be_seen_are_an_alarm_too(stage: Listening) -> None:
    def away(path: str) -> bytes:
        raise GatewayUnavailable("away")

    assert "cannot be seen" in str(asking(stage, tile=away).unconfirmed())


def test_a_file_made_of_earlier_receipts_has_the_stamps_of_a_longer_log(stage: Listening) -> None:
    client = MemberClient(stage, tile=public_log(stage).fetch)
    handoff = accepted(stage.gateway)
    size = stage.gateway.size()

    def grow(done: int, of: int) -> None:
        if done == of:
            submit(MemberClient(stage, OFMIN), stage)
            keep(stage)

    data = client.export(handoff, progress=grow)
    assert sizes(data) == [stage.gateway.size()]
    assert int(log_of(data)["checkpoint"].split("\n")[1]) >= size
    trust = replace(trust_of(stage.gateway), authorities=ONE.roots)
    assert verify(data, trust, require=("stamped",)).passed
