"""Two gateway nodes on one PostgreSQL, set up as docs/postgresql.md tells an operator."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment, free_ports
from tests.journeys.harness import MEMBERS, config_of, running
from tests.postgresql import new_database


@contextmanager
def two_nodes(folder: Path, **settings: Any) -> Iterator[tuple[DemoEnvironment, DemoEnvironment]]:
    """Two running nodes of one gateway with its members; log, mark and keys in a database each."""
    first_folder, second_folder = folder / "first", folder / "second"
    first_folder.mkdir()
    with running(
        first_folder,
        database_url=new_database(),
        mark_url=new_database(),
        keys_url=new_database(),
        **settings,
    ) as first:
        copy_node(first, second_folder)
        with DemoEnvironment(second_folder) as second:
            second.start()
            yield first, second


def copy_node(first: DemoEnvironment, folder: Path) -> None:
    """Make another node's folder, and members' folders whose connection leads to that node.

    The node has the first one's settings, name and keys, and addresses of its own. Members have
    one address in operation, that of a balancer; here each test says which node is asked.
    """
    operator = folder / "gateway"
    ignored = shutil.ignore_patterns("offline", "server", "maintain.lock")
    shutil.copytree(first.operator, operator, ignore=ignored)
    public, partners = free_ports()
    settings = operator / wiring.CONFIG_FILE
    text = settings.read_text(encoding="utf-8")
    binds = iter((public, partners))
    moved = re.sub(r'(?m)^bind = ".*"$', lambda _: f'bind = "127.0.0.1:{next(binds)}"', text)
    settings.write_text(moved, encoding="utf-8")
    for member in MEMBERS:
        home = folder / member.slug
        shutil.copytree(first.folder / member.slug, home)
        connection = home / "connection.toml"
        written = connection.read_text(encoding="utf-8")
        address = f"https://localhost:{partners}"
        connection.write_text(
            written.replace(config_of(first).partners_url, address), encoding="utf-8"
        )
