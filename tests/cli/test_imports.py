"""What a command imports: no more than its own part needs."""

import subprocess
import sys

import pytest

import gateway.client
from tests.each import each

SERVER = {"sqlalchemy", "alembic", "cedarpy", "flask", "gunicorn", "marshmallow"}
SERVER |= {"prometheus_client", "psycopg"}


@each(
    "module, never",
    [
        ("gateway.cli", SERVER | {"cryptography", "jwt", "httpx"}),
        (
            "gateway.cli.run",
            SERVER | {"cryptography", "jwt", "httpx"},
        ),  # the supervisor stays small
        ("gateway.cli.verify", SERVER | {"httpx"}),
        ("gateway.apps", {"psycopg", "alembic", "httpx"}),  # each process of a gateway on SQLite
        ("gateway.maintenance", {"psycopg", "alembic", "flask", "httpx"}),
        ("gateway.delivery", {"psycopg", "alembic", "flask"}),
    ],
)
def test_a_command_imports_nothing_that_it_does_not_need(module, never):
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not never & {*found.stdout.split()}


def test_every_name_of_the_client_is_found_when_it_is_asked_for():
    for name in gateway.client.__all__:
        assert getattr(gateway.client, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = gateway.client.Nothing
