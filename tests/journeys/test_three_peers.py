"""Three gateways as shipped that are peers, of which one has its data in PostgreSQL (slow)."""

from pathlib import Path

import pytest

from tests.journeys.harness import ABROAD, OFMIN
from tests.journeys.peers import (
    admit_signing,
    check_both,
    gateways,
    join,
    know,
    name_of,
    offer,
    settle,
    view,
)
from tests.postgresql import new_database

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def test_three_gateways_are_peers_and_one_has_its_data_in_postgresql(tmp_path: Path) -> None:
    stored = {name: new_database() for name in ("database_url", "mark_url", "keys_url")}
    with gateways(tmp_path, "be", "nl", "fr", fr=stored) as (be, nl, fr):
        admit_signing(fr, OFMIN)
        for stage in (be, nl):
            admit_signing(stage, ABROAD)
            join(stage, fr)
            know(stage, fr)
        handoffs = {name_of(stage): offer(stage, fr) for stage in (be, nl)}
        for stage in (be, nl):
            settle(stage, fr, handoffs[name_of(stage)])
        for stage in (be, nl):
            check_both(stage, fr, handoffs[name_of(stage)])
        assert view(be, ABROAD, handoffs["nl"]) == {}
