"""Why a gateway is not ready, as its own parts tell it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import wiring
from gateway.apps import Part, gate
from tests.operating import Operator, operator


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    return operator(tmp_path)


def _older_copy(gateway: wiring.Gateway) -> None:
    head = "UPDATE log_head SET size = 0"
    _change(gateway, head)


def _mark_breaks(gateway: wiring.Gateway) -> None:
    with gateway.mark._connections.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE mark")


def _older_tables(gateway: wiring.Gateway) -> None:
    gateway.store.is_current = lambda: False  # type: ignore[method-assign] - there is one version


def _newer_tables(gateway: wiring.Gateway) -> None:
    _change(gateway, "UPDATE alembic_version SET version_num = '9999'")


def _database_breaks(gateway: wiring.Gateway) -> None:
    _change(gateway, "DROP TABLE log_head")


def _change(gateway: wiring.Gateway, statement: str) -> None:
    with gateway.store._database._writers.engine.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (_older_copy, "frozen"),
        (_mark_breaks, "mark"),
        (_older_tables, "schema"),
        (_database_breaks, "database"),
    ],
)
def test_what_is_in_the_way_of_writing_and_signing_is_told(
    gw: Operator, harm: Callable[[wiring.Gateway], None], reason: str
) -> None:
    with gw.opened() as gateway:
        unready = gate(Part.PUBLIC, gateway).unready
        assert unready() is None
        harm(gateway)
        found = unready()
        assert found is not None
        assert found.reason == reason
        assert "SELECT" not in found.detail


def test_an_older_version_is_ready_on_the_tables_of_a_newer_one(gw: Operator) -> None:
    with gw.opened() as gateway:
        _newer_tables(gateway)
        assert gate(Part.PARTNERS, gateway).unready() is None
