"""The operator's gauges are shown."""

from collections.abc import Mapping

from gateway import metrics
from tests.maintenance.upkeeping import maintained
from tests.operating import Operator


def test_each_gauge_of_the_operator_s_is_shown_where_the_gateway_is_well(gw: Operator) -> None:
    shown: list[Mapping[str | tuple[str, str], float]] = []
    with maintained(gw) as (upkeep, _):
        upkeep.show = shown.append
        upkeep.step()
    names = {one if isinstance(one, str) else one[0] for one in shown[0]}
    assert names == metrics._GAUGES.keys()
    labelled = {one[0] for one in shown[0] if isinstance(one, tuple)}
    assert labelled == metrics.LABELS.keys()
    assert shown[0]["administrator_keys_here"] == 2
    assert shown[0]["disk_free_bytes", "case keys"] > 0
    assert shown[0]["database_bytes"] > 100_000
    assert shown[0]["backup_timestamp_seconds", "database"] == 0
