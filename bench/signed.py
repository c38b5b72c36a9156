"""`python -m bench.signed`: a case that its author signed, beside one that the gateway signs.

Both are submitted to the same gateway, in turns, by the same connections; the signed ones are made
before the measurement, for their author makes them elsewhere. Afterwards every answer is checked.
"""

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import click

from bench import machine
from bench.check import NotKept, check
from bench.generator import SUBMITTERS, Plan, Run
from bench.members import ISSUER, register_key
from bench.report import rate, summarise
from bench.runs import generated, generators
from bench.targets import HOST, NotStarted, Target, make_site, open_gateway, started_gateway

_PATIENCE = 30.0  # seconds to wait for a quiet machine
_WARM_UP, _SECONDS = 0.5, 2.0

FLOWS = ("attested", "signed")


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
def bench(rounds: int) -> None:
    """Measure submissions of both kinds; exit code 2 when an answer was not kept."""
    try:
        click.echo("\n".join(_bench(rounds)))
    except (NotStarted, NotKept) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)


def _bench(rounds: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        site = make_site(Path(name), None)
        register_key(site.operator, site.clients)
        machine.wait_until_quiet(_PATIENCE)
        runs: dict[str, list[Run]] = {flow: [] for flow in FLOWS}
        with started_gateway(site) as target, generators() as pool:
            for number in range(rounds):
                for place, flow in enumerate(FLOWS):
                    plan = _plan(site.clients, target, 2 * number + place, flow)
                    runs[flow].append(generated(pool, plan))
        gateway = open_gateway(site.operator)
        try:
            checked = check(gateway, [run for flow in FLOWS for run in runs[flow]])
        finally:
            gateway.close()
    return [*_table(runs), f"checked: {checked.answers:,} answers, {checked.receipts} receipts"]


def _plan(clients: Path, target: Target, number: int, flow: str) -> Plan:
    return Plan(
        number=number,
        host=HOST,
        port=target.port,
        folder=clients,
        flow=flow,
        warm_up=_WARM_UP,
        seconds=_SECONDS,
        workers=target.workers,
        ours=frozenset(machine.family(os.getpid())),
        connections=SUBMITTERS,
        issuer=ISSUER,
    )


def _table(runs: dict[str, list[Run]]) -> list[str]:
    lines = [
        f"{'submission':12} {'req/s':>7} {'p50 ms':>7} {'p99 ms':>7} {'CPU us':>7} {'failed':>7}"
    ]
    for flow, kept in runs.items():
        s = summarise(kept)
        lines.append(
            f"{flow:12} {s.requests_per_second:7,.0f} {s.p50_ms:7.1f} {s.p99_ms:7.1f} "
            f"{s.cpu_us:7,.0f} {s.failures:7}"
        )
    ratio = median(
        rate(signed) / rate(attested)
        for attested, signed in zip(runs["attested"], runs["signed"], strict=True)
    )
    return [*lines, f"signed : attested, requests a second, within a round: {ratio:.0%}"]


if __name__ == "__main__":
    bench()
