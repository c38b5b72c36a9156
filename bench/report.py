"""What the runs amount to: medians, the floors that must hold, a table for people, JSON.

All measures are ratios within one round, so that a slow minute of the machine weighs on both sides
of each; the median of the rounds is what counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.baselines import ANSWER, FLASK, LIMIT
from bench.check import Checked
from bench.generator import CONNECTIONS, Run
from bench.targets import GATEWAY, NAMES
from bench.workload import ACCEPT, HANDOFF

ABOUT: Mapping[str, str] = {
    ANSWER: "bare answer, gunicorn and WSGI",
    FLASK: "bare answer, gunicorn and Flask",
    LIMIT: "LIMIT: durable case and event, signed",
    GATEWAY: "the gateway: all of a handoff",
}


@dataclass(frozen=True)
class Floor:
    """A goal for a ratio: ``low`` or ``high`` is the bound that holds it."""

    id: str
    about: str
    value: float
    bound: float
    at_least: bool

    @property
    def holds(self) -> bool:
        """Whether the value keeps the bound; a value that could not be measured does not."""
        kept = self.value >= self.bound if self.at_least else self.value <= self.bound
        return kept and math.isfinite(self.value)


@dataclass(frozen=True)
class Summary:
    """Medians of a target's runs; times in milliseconds, processor time in microseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    generator_share: float
    failures: int


@dataclass(frozen=True)
class Round:
    """One run of every target, by name, and durable INSERTs a second, all close in time."""

    inserts_per_second: float
    runs: Mapping[str, Run]


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that ``share`` of the values do not exceed (nearest rank); nan of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def all_latencies(run: Run) -> list[float]:
    """The latencies of a run, whatever was asked."""
    return [value for values in run.latencies.values() for value in values]


def rate(run: Run, *kinds: str) -> float:
    """Good answers a second, of some kinds or of all."""
    counted = kinds or tuple(run.latencies)
    return sum(len(run.latencies.get(kind, ())) for kind in counted) / run.seconds


def summarise(runs: Sequence[Run]) -> Summary:
    """The medians of a target's runs; failures are added up."""
    return Summary(
        requests_per_second=median(rate(run) for run in runs),
        p50_ms=median(percentile(all_latencies(run), 0.50) for run in runs),
        p99_ms=median(percentile(all_latencies(run), 0.99) for run in runs),
        cpu_us=median(_per_request(run) for run in runs),
        generator_share=median(run.generator_seconds / run.seconds for run in runs),
        failures=sum(failures(run) for run in runs),
    )


def failures(run: Run) -> int:
    """How many requests were not answered well, warm-up included."""
    return sum(run.failures.values())


def _per_request(run: Run) -> float:
    count = len(all_latencies(run))
    return run.server_seconds / count * 1e6 if count else math.nan


def floors(rounds: Sequence[Round]) -> list[Floor]:
    """The goals of the first version, measured."""
    to_limit, to_bare = _ratio(rounds, GATEWAY, LIMIT), _ratio(rounds, GATEWAY, ANSWER)
    tail = median(_tail(one.runs[GATEWAY]) for one in rounds)
    failed = sum(failures(run) for one in rounds for run in one.runs.values())
    return [
        Floor("G1", "requests/s, gateway : LIMIT", to_limit, 0.45, at_least=True),
        Floor("G2", "requests/s, gateway : bare answer", to_bare, 0.12, at_least=True),
        Floor("G3", "the gateway's p99 : p50", tail, 8, at_least=False),
        Floor("G3.errors", "requests that failed", failed, 0, at_least=False),
    ]


def _ratio(rounds: Sequence[Round], above: str, below: str) -> float:
    ratios = [_divided(rate(one.runs[above]), rate(one.runs[below])) for one in rounds]
    return median(ratios)


def _tail(run: Run) -> float:
    values = all_latencies(run)
    return _divided(percentile(values, 0.99), percentile(values, 0.50))


def _divided(above: float, below: float) -> float:
    return above / below if below > 0 else math.nan


@dataclass(frozen=True)
class Report:
    """All that one bench found. ``checked`` by target; ``quiet`` is others' share at the start."""

    machine: Mapping[str, str | int]
    database: str
    quiet: float
    rounds: Sequence[Round]
    checked: Mapping[str, Checked]

    def runs(self, target: str) -> list[Run]:
        """A target's runs in order."""
        return [one.runs[target] for one in self.rounds]

    def floors(self) -> list[Floor]:
        """The goals, measured."""
        return floors(self.rounds)

    def holds(self) -> bool:
        """Whether every floor holds."""
        return all(floor.holds for floor in self.floors())

    def handoffs_per_second(self) -> float:
        """Whole handoffs, submitted, offered and accepted, a second: the median."""
        return median(rate(run, ACCEPT) for run in self.runs(GATEWAY))

    def inserts_per_second(self) -> float:
        """Durable INSERTs a second, one connection: the median."""
        return median(one.inserts_per_second for one in self.rounds)

    def others(self) -> Sequence[float]:
        """The share of the machine that programs of others used, in each run."""
        return [run.others for one in self.rounds for run in one.runs.values()]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON members, with every run's own figures; null where there is none."""
        return _without_nan(
            {
                "machine": dict(self.machine),
                "database": self.database,
                "connections": len(CONNECTIONS),
                "handoffs_per_second": self.handoffs_per_second(),
                "inserts_per_second": self.inserts_per_second(),
                "targets": {
                    name: {
                        "about": ABOUT[name],
                        **asdict(summarise(self.runs(name))),
                        "runs": [_run_json(run) for run in self.runs(name)],
                    }
                    for name in NAMES
                },
                "floors": [{**asdict(floor), "holds": floor.holds} for floor in self.floors()],
                "checked": {name: asdict(checked) for name, checked in self.checked.items()},
                "others_at_start": self.quiet,
            }
        )

    def to_text(self) -> str:
        """The report as a table and the sentences around it."""
        return "\n".join([*self._heading(), *self._table(), *self._judgement(), *self._footing()])

    def _heading(self) -> list[str]:
        machine = self.machine
        return [
            f"{machine['cores']} cores ({machine['processor']}), {machine['system']}, "
            f"Python {machine['python']}, OpenSSL {machine['openssl']}, {self.database}",
            f"{len(CONNECTIONS)} TLS connections, {len(self.rounds)} rounds, medians",
            "",
        ]

    def _table(self) -> list[str]:
        lines = [f"{'':38} {'req/s':>7} {'p50 ms':>7} {'p99 ms':>7} {'CPU us':>7} {'load gen.':>9}"]
        for name in NAMES:
            s = summarise(self.runs(name))
            lines.append(
                f"{ABOUT[name]:38} {s.requests_per_second:7,.0f} {s.p50_ms:7.1f} {s.p99_ms:7.1f} "
                f"{s.cpu_us:7,.0f} {s.generator_share:9.0%}"
            )
        lines += [self._kind(kind) for kind in HANDOFF]
        lines.append(f"{'one durable INSERT, no server':38} {self.inserts_per_second():7,.0f}")
        return [*lines, "", f"accepted handoffs a second: {self.handoffs_per_second():,.0f}", ""]

    def _kind(self, kind: str) -> str:
        runs = self.runs(GATEWAY)
        p50, p99 = (
            median(percentile(run.latencies.get(kind, ()), share) for run in runs)
            for share in (0.50, 0.99)
        )
        count = median(rate(run, kind) for run in runs)
        return f"{f'    {kind}':38} {count:7,.0f} {p50:7.1f} {p99:7.1f}"

    def _judgement(self) -> list[str]:
        lines = []
        for floor in self.floors():
            sign = ">=" if floor.at_least else "<="
            verdict = "holds" if floor.holds else "MISSED"
            lines.append(
                f"{floor.id:10} {floor.about:36} {floor.value:8.3g}  goal {sign} {floor.bound:<5g} "
                f"{verdict}"
            )
        return [*lines, ""]

    def _footing(self) -> list[str]:
        done = self.checked[GATEWAY]
        failed = {
            what: count
            for one in self.rounds
            for run in one.runs.values()
            for what, count in run.failures.items()
        }
        return [
            *(f"failed: {what} ({count})" for what, count in sorted(failed.items())),
            f"checked: {done.answers:,} answers are stored with their events, {done.receipts} "
            f"receipts verify, {done.entries:,} entries give the head's root",
            f"other programs used {median(self.others()):.0%} of the machine, "
            f"{max(self.others()):.0%} in the worst run, {self.quiet:.0%} before the first",
        ]


def _run_json(run: Run) -> dict[str, Any]:
    values = all_latencies(run)
    return {
        "requests_per_second": rate(run),
        "p50_ms": percentile(values, 0.50),
        "p99_ms": percentile(values, 0.99),
        "kinds": {
            kind: {
                "requests_per_second": rate(run, kind),
                "p50_ms": percentile(of_kind, 0.50),
                "p99_ms": percentile(of_kind, 0.99),
            }
            for kind, of_kind in run.latencies.items()
        },
        "cpu_us": _per_request(run),
        "generator_share": run.generator_seconds / run.seconds,
        "others": run.others,
        "steal": run.steal,
        "failures": dict(run.failures),
    }


def _without_nan(value: Any) -> Any:
    """The same members with null for what could not be measured: JSON has no other word."""
    if isinstance(value, dict):
        return {name: _without_nan(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_nan(element) for element in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
