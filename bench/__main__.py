"""`python -m bench`: measure the servers in rounds, check what was answered, judge by the floors.

What counts is processor time, and its ratios within one round: a slow minute of the machine weighs
on both sides of each. The median of the rounds is what is judged and shown.
"""

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import click

from bench import machine
from bench.baselines import BARE, LEAN, LEAN_FILE, LIMIT
from bench.check import NotKept, check, check_lean
from bench.load import CONNECTIONS, Plan, Run, generator
from bench.servers import GATEWAY, NAMES, NotStarted, Site, Target, opened, site, started
from bench.workload import HANDOFF

ABOUT: Mapping[str, str] = {
    BARE: "BARE: Flask, a constant answer",
    LEAN: "LEAN: Flask, SQLite, one signature",
    LIMIT: "LIMIT: Flask and the gateway's store",
    GATEWAY: "the gateway: all of a handoff",
}

Round = Mapping[str, Run]
"""One run of every server, by name, all close in time."""


@dataclass(frozen=True)
class Measure:
    """How often and how long is measured, in seconds."""

    rounds: int
    warm_up: float
    seconds: float


FULL = Measure(rounds=7, warm_up=1.0, seconds=2.0)
QUICK = Measure(rounds=3, warm_up=0.5, seconds=1.0)


@dataclass(frozen=True)
class Floor:
    """A bound for a measure: what held when it was set, with a margin. ``goal`` is aimed at."""

    id: str
    about: str
    measure: Callable[[Round], float]
    bound: float
    goal: float
    at_least: bool

    def value(self, rounds: Sequence[Round]) -> float:
        """The median of the rounds; nan when a round has none."""
        values = [self.measure(one) for one in rounds]
        return math.nan if any(map(math.isnan, values)) else median(values)

    def holds(self, value: float) -> bool:
        """Whether a value keeps the bound; what could not be measured does not."""
        return value >= self.bound if self.at_least else value <= self.bound


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that ``share`` of the values do not exceed (nearest rank); nan of none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def latencies(run: Run) -> list[float]:
    """The latencies of a run, whatever was asked."""
    return [value for values in run.latencies.values() for value in values]


def failures(run: Run) -> int:
    """How many requests were not answered well, warm-up included."""
    return sum(run.failures.values())


def cpu(run: Run) -> float:
    """Processor microseconds of one answer: of the server and its databases; nan of none."""
    count = len(latencies(run))
    return (run.server + run.databases) / count * 1e6 if count else math.nan


def tail(run: Run) -> float:
    """The p99 of the latencies to their p50."""
    return percentile(latencies(run), 0.99) / percentile(latencies(run), 0.50)


def floors(database: str) -> list[Floor]:
    """The floors of a kind of database."""
    lean, goal = _CPU[database]
    return [
        Floor("F1", "CPU, LEAN : gateway", lambda r: cpu(r[LEAN]) / cpu(r[GATEWAY]),
              lean, goal, at_least=True),
        Floor("F2", "the gateway's p99 : p50", lambda r: tail(r[GATEWAY]),
              8, 3, at_least=False),
        Floor("F3", "requests of a round that failed", lambda r: sum(map(failures, r.values())),
              0, 0, at_least=False),
    ]  # fmt: skip


_CPU = {"sqlite": (0.25, 0.32), "postgresql": (0.12, 0.18)}
"""Floor and goal of F1. LEAN is on SQLite always: a yardstick of the machine."""


@click.command()
@click.option("--quick", is_flag=True, help="Fewer and shorter runs, for a rough idea.")
@click.option(
    "--db",
    "database",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
)
@click.option(
    "--network",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="Milliseconds that a round trip to PostgreSQL takes longer: the servers are elsewhere.",
)
def bench(quick: bool, database: str, network: float) -> None:
    """Measure what a handoff costs, beside servers that do less, all on the loopback interface.

    Exit code 0 when every floor holds, 1 when one is missed, 2 when nothing was measured.
    """
    try:
        with site(database, network) as made:
            rounds = _measure(QUICK if quick else FULL, made)
            checked = _check(made, rounds)
    except (NotStarted, NotKept, OSError) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)
    judged = [(floor, floor.value(rounds)) for floor in floors(database)]
    click.echo("\n".join([*_table(database, rounds), *_judgement(judged), f"checked: {checked}"]))
    sys.exit(0 if all(floor.holds(value) for floor, value in judged) else 1)


def _measure(measure: Measure, made: Site) -> list[Round]:
    rounds: list[Round] = []
    with started(made) as targets, generator() as generate:
        for number in range(measure.rounds):
            rounds.append({t.name: generate(_plan(measure, made, t, number)) for t in targets})
            if sys.stderr.isatty():
                click.echo(f"\rround {number + 1} of {measure.rounds}", nl=False, err=True)
    return rounds


def _plan(measure: Measure, made: Site, target: Target, number: int) -> Plan:
    return Plan(
        number=number,
        port=target.port,
        clients=made.stage.folder,
        handoffs=target.name == GATEWAY,
        warm_up=measure.warm_up,
        seconds=measure.seconds,
        server=target.process,
        databases=made.databases if target.name in (LIMIT, GATEWAY) else (),
        bench=os.getpid(),
    )


def _check(made: Site, rounds: Sequence[Round]) -> str:
    check_lean(made.limit.parent / LEAN_FILE, [one[LEAN] for one in rounds])
    with opened(made.limit) as limit:
        check(limit, [one[LIMIT] for one in rounds])
    with opened(made.stage.operator) as gateway:
        return check(gateway, [one[GATEWAY] for one in rounds])


def _table(database: str, rounds: Sequence[Round]) -> list[str]:
    titles = ("CPU us", "of it db", ": BARE", ": LEAN", "req/s", "p50 ms", "p99 ms", "load gen.")
    lines = [
        f"{machine.describe()}, {database}",
        f"{len(CONNECTIONS)} TLS connections, {len(rounds)} rounds, medians",
        "",
        f"{'':38}" + "".join(f"{title:>10}" for title in titles),
    ]
    for name in NAMES:
        runs = [one[name] for one in rounds]
        to = {k: median(cpu(one[name]) / cpu(one[k]) for one in rounds) for k in (BARE, LEAN)}
        databases = median(run.databases / max(1, len(latencies(run))) * 1e6 for run in runs)
        lines.append(
            f"{ABOUT[name]:38}{median(map(cpu, runs)):10,.0f}{databases:10,.0f}"
            f"{to[BARE]:10.2f}{to[LEAN]:10.2f}{_speed(runs, name)}"
            f"{median(run.generator / run.seconds for run in runs):10.0%}"
        )
    gateway = [one[GATEWAY] for one in rounds]
    lines += [f"{f'    {kind}':78}{_speed(gateway, kind)}" for kind in HANDOFF]
    others = [run.others for one in rounds for run in one.values()]
    return [
        *lines,
        "",
        f"other programs used {median(others):.0%} of the machine, {max(others):.0%} at worst",
        *sorted(
            {f"failed: {why}" for one in rounds for run in one.values() for why in run.failures}
        ),
        "",
    ]


def _speed(runs: Sequence[Run], kind: str) -> str:
    """Rate, p50 and p99 of one kind of request, or of all when it is none of the three."""
    of = [run.latencies.get(kind, ()) if kind in HANDOFF else latencies(run) for run in runs]
    rate = median(len(values) / run.seconds for values, run in zip(of, runs, strict=True))
    p50, p99 = (median(percentile(values, share) for values in of) for share in (0.50, 0.99))
    return f"{rate:10,.0f}{p50 * 1000:10.1f}{p99 * 1000:10.1f}"


def _judgement(judged: Sequence[tuple[Floor, float]]) -> list[str]:
    return [
        f"{floor.id}  {floor.about:33} {value:8.3g}  floor {'>=' if floor.at_least else '<='} "
        f"{floor.bound:<5g} {'holds ' if floor.holds(value) else 'MISSED'}  goal {floor.goal:g}"
        for floor, value in judged
    ] + [""]


if __name__ == "__main__":
    bench()
