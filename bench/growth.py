"""`python -m bench.growth`: submissions and pages of the inbox, with few cases and with many.

A store is filled for each number of cases, each offered once. Then the gateways, each as shipped,
are measured in turns, round by round: cases are submitted for a while, and pages of twenty are
read from random places of the inbox. A million cases take a quarter of an hour to fill in, and
19 GB of disk; `--keep` keeps the stores for the next time.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import click

from bench import machine
from bench.check import NotKept
from bench.fill import fill
from bench.generator import CONNECTIONS, READERS, SUBMITTERS, Plan, Run
from bench.report import all_latencies, failures, percentile, rate
from bench.runs import generated, generators
from bench.targets import (
    HOST,
    NotStarted,
    Site,
    Target,
    found_site,
    make_site,
    open_gateway,
    started_gateway,
)
from bench.workload import RECIPIENT

_PATIENCE = 30.0  # seconds to wait for a quiet machine
_ROUNDS, _WARM_UP, _SECONDS = 3, 0.5, 2.0
_RUNS = "runs"  # the file with the number of the next run: there once a store is filled


@dataclass
class Level:
    """A filled store, and what was measured on it: the runs of submissions and of pages."""

    cases: int
    site: Site
    submitted: list[Run] = field(default_factory=list)
    read: list[Run] = field(default_factory=list)

    @property
    def submissions(self) -> float:
        """Submissions a second, the median."""
        return median(rate(run) for run in self.submitted)

    @property
    def page_ms(self) -> float:
        """Milliseconds of a page, the median of the rounds' p50."""
        return median(percentile(all_latencies(run), 0.5) for run in self.read)

    @property
    def megabytes(self) -> float:
        """The size of the databases."""
        return sum(file.stat().st_size for file in self.site.operator.glob("*.db*")) / 1e6


@click.command()
@click.option(
    "--cases",
    "numbers",
    type=click.IntRange(100),
    multiple=True,
    default=(1_000, 100_000),
    show_default=True,
    help="A number of cases, up to 1000000; repeat it.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Fill the stores in this folder, and use those that are there.",
)
@click.option("--fill-only", is_flag=True, help="Fill the stores; measure another time.")
def bench(numbers: tuple[int, ...], keep: Path | None, fill_only: bool) -> None:
    """Measure with each number of cases; exit code 2 when something failed."""
    try:
        with _folder(keep) as folder:
            levels = [Level(cases, _filled(folder, cases)) for cases in sorted(set(numbers))]
            if not fill_only:
                _measure(levels)
                click.echo("\n".join(_table(levels)))
    except (NotStarted, NotKept) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)


def _folder(keep: Path | None) -> contextlib.AbstractContextManager[Path]:
    if keep is None:
        return _temporary()
    keep.mkdir(parents=True, exist_ok=True)
    return contextlib.nullcontext(keep)


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        yield Path(name)


def _filled(folder: Path, cases: int) -> Site:
    """The store with so many cases; half-filled ones are of no use and have to be removed."""
    place = folder / str(cases)
    if (place / _RUNS).exists():
        return found_site(place)
    if place.exists():
        raise NotStarted(f"{place} was not filled to its end: remove it")
    place.mkdir()
    site = make_site(place, None)
    handed_over(site)
    gateway = open_gateway(site.operator)
    try:
        with click.progressbar(length=cases, label=f"filling in {cases:,}") as bar:
            fill(gateway.ports, RECIPIENT, 0, cases, bar.update)
    finally:
        gateway.close()
    (place / _RUNS).write_text("1", encoding="ascii")
    return site


def handed_over(site: Site) -> None:
    """Let some handoffs go through the gateway, of which one is what a store is filled with."""
    with started_gateway(site) as target:
        _run(replace(_plan(site, target, 0, 1), flow="handoffs", connections=CONNECTIONS))


def _measure(levels: list[Level]) -> None:
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(started_gateway(level.site)) for level in levels]
        machine.wait_until_quiet(_PATIENCE)
        for _ in range(_ROUNDS):
            for level, target in zip(levels, targets, strict=True):
                plan = _plan(level.site, target, _next_run(level.site), level.cases)
                submitting = replace(plan, flow="attested", connections=SUBMITTERS)
                level.submitted.append(_run(submitting))
                level.read.append(_run(plan))


def _next_run(site: Site) -> int:
    """The number of the next run: its ids must be new to the store, which may be an old one."""
    file = site.folder / _RUNS
    number = int(file.read_text(encoding="ascii"))
    file.write_text(str(number + 1), encoding="ascii")
    return number


def _plan(site: Site, target: Target, number: int, cases: int) -> Plan:
    return Plan(
        number=number,
        host=HOST,
        port=target.port,
        folder=site.clients,
        flow="inbox",
        warm_up=_WARM_UP,
        seconds=_SECONDS,
        workers=target.workers,
        ours=frozenset(machine.family(os.getpid())),
        connections=READERS,
        spread=cases,
    )


def _run(plan: Plan) -> Run:
    with generators() as pool:
        run = generated(pool, plan)
    if failures(run):
        raise NotKept(f"{plan.flow}: {dict(run.failures)}")
    return run


def _table(levels: list[Level]) -> list[str]:
    lines = [f"{'cases':>10} {'MB':>8} {'submit/s':>9} {'kept':>6} {'page ms':>8} {'slower':>7}"]
    base = levels[0]
    for level in levels:
        kept = median(map(_ratio, level.submitted, base.submitted))
        lines.append(
            f"{level.cases:10,} {level.megabytes:8,.0f} {level.submissions:9,.0f} {kept:6.0%} "
            f"{level.page_ms:8.2f} {level.page_ms / base.page_ms:7.2f}"
        )
    return lines


def _ratio(run: Run, base: Run) -> float:
    """Of one round, so that a slow minute of the machine weighs on both."""
    return rate(run) / rate(base)


if __name__ == "__main__":
    bench()
