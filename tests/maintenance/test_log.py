"""A log that does not continue what was signed stops what is recorded, and nothing else."""

from dataclasses import replace

import pytest

from gateway.domain.refusals import LogFrozen
from gateway.kernel.values import TreeHead
from tests.maintenance.upkeeping import (
    HOUR,
    NOW,
    maintained,
    member,
    published_at,
    served_of,
)
from tests.operating import Operator, asked, execute


def test_a_log_that_is_behind_its_mark_stops_what_is_recorded_but_no_list(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway)
        waiting = asked(upkeep.gateway)
        marked = upkeep.gateway.mark.read()
        ahead = replace(marked, head=TreeHead(99, b"\1" * 32))  # type: ignore[type-var]
        assert upkeep.gateway.mark.advance(marked, ahead)
        clock.at += HOUR
        upkeep.step()
        assert isinstance(upkeep.log_refusal, LogFrozen)
        assert any(alarm.startswith("log frozen: ") for alarm in upkeep.alarms())
        assert served_of(upkeep, waiting) == waiting
    assert published_at(gw) == NOW + HOUR


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "not signed"])
def test_a_head_counts_as_our_own_only_by_a_mark_that_the_log_key_signed(
    gw: Operator, signed: bool
) -> None:
    with maintained(gw) as (upkeep, _):
        marked = upkeep.gateway.mark.read()
        assert marked is not None
        if not signed:
            file = gw.folder / "high-water-mark"
            file.unlink()
            forged = replace(marked, note=marked.note.partition("\n\n")[0] + "\n\n")
            assert upkeep.gateway.mark.advance(None, forged)
        execute(gw.folder / "casegate.db", "UPDATE log_head SET mac = NULL")
        upkeep.step()
        assert (upkeep.log_refusal is None) is signed
