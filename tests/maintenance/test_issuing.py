"""Certificates are made for requests that an event approved, each once."""

from gateway.kernel.ports import TransactionMode
from gateway.maintenance import process
from tests.maintenance.upkeeping import maintained, member, served_of
from tests.operating import NEW, Operator, asked


def test_requests_are_served_once_and_a_bad_one_holds_up_no_other(gw: Operator) -> None:
    with maintained(gw) as (upkeep, _):
        member(upkeep.gateway)
        bad, good = asked(upkeep.gateway, "no request"), asked(upkeep.gateway)
        upkeep.step()
        first, second = served_of(upkeep, bad), served_of(upkeep, good)
        assert first.refusal
        assert (second.certificate or "").count("BEGIN CERTIFICATE") == 2
        upkeep.step()
        assert (served_of(upkeep, bad), served_of(upkeep, good)) == (first, second)
    assert gw.size() == NEW + 4


def test_requests_are_served_while_it_runs(gw: Operator) -> None:
    with gw.opened() as gateway:
        member(gateway)
        waiting = asked(gateway)
        steps = iter([False, True])
        alarms: list[str] = []
        process.run(gw.config, lambda: next(steps), alarms.append)
        assert all("registry" in alarm for alarm in alarms), "the member is of no event, else none"
        with gateway.ports.begin(TransactionMode.READ) as work:
            found = work.signing.get(waiting.id)
    assert found is not None
    assert found.certificate


def test_a_request_that_no_event_approved_gets_no_certificate(gw: Operator) -> None:
    with maintained(gw) as (upkeep, _):
        member(upkeep.gateway)
        forged = asked(upkeep.gateway, recorded=False)
        upkeep.step()
        found = served_of(upkeep, forged)
    assert found.refusal
    assert not found.certificate
