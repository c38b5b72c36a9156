"""`python -m bench.erasure`: what it takes to erase cases on their day.

The store is filled, the clock put past the day on which all of them end, and maintenance's own
action run until nothing is due. Afterwards every case must be erased and no key doomed.
"""

import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click

from bench import machine
from bench.check import NotKept
from bench.fill import fill
from bench.growth import handed_over
from bench.report import percentile
from bench.targets import NotStarted, make_site, open_gateway
from bench.workload import CONDITIONS, ORIGINATOR, RECIPIENT
from gateway.domain.case import CaseState
from gateway.exchange import erasure
from gateway.kernel.ports import Ports, TransactionMode

_PATIENCE = 30.0  # seconds to wait for a quiet machine
_AFTER = datetime.fromisoformat(CONDITIONS["erase_on"]).replace(tzinfo=UTC, day=2)
_PAGE = 500


@click.command()
@click.option("--cases", type=click.IntRange(1), default=10_000, show_default=True)
def bench(cases: int) -> None:
    """Measure erasure; exit code 2 when a case was left."""
    try:
        click.echo("\n".join(_bench(cases)))
    except (NotStarted, NotKept) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)


def _bench(cases: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        site = make_site(Path(name), None)
        handed_over(site)
        gateway = open_gateway(site.operator)
        try:
            with click.progressbar(length=cases, label=f"filling in {cases:,}") as bar:
                fill(gateway.ports, RECIPIENT, 0, cases, bar.update)
            machine.wait_until_quiet(_PATIENCE)
            erased, took = _erase(replace(gateway.ports, now=lambda: _AFTER))
            _check(gateway.ports, erased, cases)
        finally:
            gateway.close()
    each = [seconds * 1000 for seconds in took]
    return [
        f"{erased:,} cases erased in {sum(took):.1f} s: {erased / sum(took):,.0f} a second",
        f"{len(took):,} transactions of up to {erasure.AT_ONCE} cases, their keys destroyed: "
        f"median {median(each):.0f} ms, p99 {percentile(each, 0.99):.0f} ms",
    ]


def _erase(ports: Ports) -> tuple[int, list[float]]:
    """Erase all that is due: how many, and the seconds of each turn."""
    erased, took = 0, []
    while True:
        began = time.perf_counter()
        found = erasure.erase_due(ports)
        if not found:
            return erased, took
        took.append(time.perf_counter() - began)
        erased += found


def _check(ports: Ports, erased: int, cases: int) -> None:
    after, left, seen = None, 0, 0
    with ports.begin(TransactionMode.READ) as work:
        while page := work.cases.page(ORIGINATOR, after, _PAGE):
            left += sum(1 for case in page if case.state is not CaseState.ERASED)
            seen, after = seen + len(page), page[-1].id
        doomed = work.cases.doomed(1)
    if left or doomed or erased != seen or seen < cases:
        raise NotKept(
            f"{left} of {seen} cases are not erased, and keys still stand: {bool(doomed)}"
        )


if __name__ == "__main__":
    bench()
