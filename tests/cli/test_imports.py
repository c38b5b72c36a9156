"""What a command imports: no more than its own part needs."""

import subprocess
import sys

import pytest

import gateway.client
from tests.each import each

SERVER = {"sqlalchemy", "alembic", "cedarpy", "flask", "gunicorn", "marshmallow"}
SERVER |= {"prometheus_client", "psycopg"}


IMPORT = """
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
    print(*{name.partition(".")[0] for name in sys.modules})
"""
SMALL = SERVER | {"cryptography", "jwt", "httpx"}


@each(
    "modules",
    [
        {
            "gateway.cli": SMALL,
            "gateway.cli.run": SMALL,  # the supervisor stays small
            "gateway.cli.verify": SERVER | {"httpx"},
            "gateway.maintenance": {"psycopg", "alembic", "flask", "httpx"},
            "gateway.delivery": {"psycopg", "alembic", "flask"},
        },
        {"gateway.apps": {"psycopg", "alembic", "httpx"}},  # each process of a gateway on SQLite
    ],
)
def test_a_command_imports_nothing_that_it_does_not_need(modules):
    """One process imports several, one after the other: alone, a module has no more than that."""
    command = [sys.executable, "-c", IMPORT, *modules]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for (module, never), imported in zip(modules.items(), found, strict=True):
        assert not never & {*imported.split()}, module


def test_every_name_of_the_client_is_found_when_it_is_asked_for():
    for name in gateway.client.__all__:
        assert getattr(gateway.client, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = gateway.client.Nothing
