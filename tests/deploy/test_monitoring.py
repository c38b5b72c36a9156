"""The alert rules and the dashboard name series that a gateway has, and speak when they should."""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from gateway import metrics, wiring
from gateway.maintenance import health
from gateway.maintenance.health import BACKUPS, note_backup
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from tests.operating import Operator, operator

ROOT = Path(__file__).parents[2]
_HISTOGRAM_PARTS = re.compile(r"_(bucket|sum|count)$")


def _documented() -> set[str]:
    page = (ROOT / "docs/monitoring.md").read_text()
    table = page.partition("<!-- metrics -->")[2].partition("<!-- /metrics -->")[0]
    return set(re.findall(r"casegate_\w+", table))


def _named(text: str) -> set[str]:
    return {_HISTOGRAM_PARTS.sub("", name) for name in re.findall(r"\bcasegate_\w+", text)}


def test_the_alert_rules_and_the_dashboard_use_only_series_that_are_documented():
    rules = (ROOT / "deploy/prometheus/casegate.rules.yml").read_text()
    dashboard = json.loads((ROOT / "deploy/grafana/casegate.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions = " ".join(re.findall(r"expr:(.*?)\n +(?:for|labels):", rules, re.DOTALL))
    assert _named(expressions)
    assert _named(expressions) | _named(" ".join(asked)) <= _documented()


def test_the_rules_for_postgresql_s_own_disks_are_whole_and_name_known_series():
    page = (ROOT / "docs/postgresql.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (group,) = yaml.safe_load(block)["groups"]
    for rule in group["rules"]:
        assert rule["annotations"].keys() == {"summary", "action"}
        assert _named(rule["expr"]) <= _documented()
    assert {one["alert"] for one in group["rules"]}.isdisjoint(rules())


def test_every_alert_says_what_to_do():
    rules = (ROOT / "deploy/prometheus/casegate.rules.yml").read_text()
    alerts = re.split(r"- alert: ", rules)[1:]
    assert alerts
    assert all("summary: " in one and "action: " in one for one in alerts)


def test_the_alert_on_server_errors_sees_failures_in_the_application_and_outside_of_it():
    rules = (ROOT / "deploy/prometheus/casegate.rules.yml").read_text()
    expression = rules.partition("- alert: CasegateServerErrors\n")[2].partition("labels:")[0]
    assert 'casegate_problems_total{problem="server-error"}' in expression
    assert 'casegate_connection_errors_total{trouble="failure"}' in expression


def test_each_node_is_watched_by_itself_and_silence_is_an_alarm():
    rules = (ROOT / "deploy/prometheus/casegate.rules.yml").read_text()
    absent = rules.partition("- alert: CasegateMetricsAbsent\n")[2].partition("labels:")[0]
    assert "absent(casegate_maintenance_timestamp_seconds)" in absent
    assert 'up{job="casegate"} == 0' in absent
    down = rules.partition("- alert: CasegateMaintenanceDown\n")[2].partition("labels:")[0]
    assert "max(" not in down
    assert "unless on (instance) casegate_maintenance_timestamp_seconds" in down


# --- The rules on gauges, evaluated: a healthy gateway raises none, and each trouble its own ---


Sample = tuple[frozenset[tuple[str, str]], float]
_CALLS = re.compile(r"\b(max|min)(?: by \(([\w, ]+)\))? ?\(")
_SELECTORS = re.compile(r'\b(casegate_\w+|up)(?:\{(\w+)([=!]~?)"([^"]*)"\})?')


class Vector(list[Sample]):
    """An instant vector, with as much of PromQL's arithmetic as the rules need."""

    def _each(self, change: Callable[[float], float]) -> "Vector":
        return Vector((labels, change(value)) for labels, value in self)

    def _where(self, holds: Callable[[float], bool]) -> "Vector":
        return Vector(sample for sample in self if holds(sample[1]))

    def __sub__(self, other: float) -> "Vector":
        return self._each(lambda value: value - other)

    def __rsub__(self, other: float) -> "Vector":
        return self._each(lambda value: other - value)

    def __lt__(self, other: Any) -> Any:
        return self._where(lambda value: value < other)

    def __gt__(self, other: Any) -> Any:
        return self._where(lambda value: value > other)

    def equal(self, other: float) -> "Vector":
        return self._where(lambda value: value == other)


def rules() -> dict[str, str]:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/casegate.rules.yml").read_text())["groups"]
    return {one["alert"]: one["expr"] for group in groups for one in group["rules"]}


def fired(nodes: Mapping[str, Mapping[str | tuple[str, str], float]], now: datetime) -> set[str]:
    """The alerts on gauges that these nodes raise; rules on the growth of counters need a past."""
    found = dict[str, Vector]()
    for node, known in nodes.items():
        found.setdefault("up", Vector()).append((frozenset({("instance", node)}), 1.0))
        for key, value in known.items():
            name, *label = (key,) if isinstance(key, str) else key
            labels = {("instance", node), *zip(metrics.LABELS.get(name, ()), label, strict=True)}
            found.setdefault(f"casegate_{name}", Vector()).append((frozenset(labels), value))

    def select(name: str, label: str, sign: str, wanted: str) -> Vector:
        whole = re.compile(wanted).fullmatch
        matches = {"": lambda _: True, "=~": whole, "!~": lambda has: not whole(has)}[sign]
        there = found.get(name, Vector())
        return Vector(one for one in there if matches(dict(one[0]).get(label, "")))

    def aggregate(of: Callable[[list[float]], float], by: str, vector: Vector) -> Vector:
        groups = dict[frozenset[tuple[str, str]], list[float]]()
        for labels, value in vector:
            kept = frozenset(one for one in labels if one[0] in by.split(", "))
            groups.setdefault(kept, []).append(value)
        return Vector((labels, of(values)) for labels, values in groups.items())

    def absent(vector: Vector) -> Vector:
        return Vector() if list(vector) else Vector([(frozenset(), 1.0)])

    def unless(vector: Vector, other: Vector) -> Vector:
        there = {dict(labels)["instance"] for labels, _ in other}
        return Vector(one for one in vector if dict(one[0])["instance"] not in there)

    names = {"select": select, "aggregate": aggregate, "absent": absent, "unless": unless}
    names |= {"time": now.timestamp, "max": max, "min": min, "Vector": Vector}
    alerts = set()
    for alert, expression in rules().items():
        if "rate(" in expression or "increase(" in expression:
            continue
        code = expression.replace('up{job="casegate"}', "up")  # the one job there is
        code = _SELECTORS.sub(lambda m: f"select{tuple(x or '' for x in m.groups())}", code)
        code = re.sub(r" == (\d)", r".equal(\1)", code)
        code = _CALLS.sub(lambda m: f"aggregate({m[1]}, {m[2] or ''!r}, ", code)
        for part in code.split(" or "):
            asked, _, other = part.partition(" unless on (instance) ")
            asked = f"unless({asked}, {other})" if other else asked
            if list(eval(asked, names)):  # noqa: S307 - our own rules
                alerts.add(alert)
    return alerts


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    """A gateway in good order."""
    made = operator(tmp_path)
    shutil.rmtree(made.config.people)
    for what in BACKUPS:
        note_backup(made.config, what)
    return made


Known = dict[str | tuple[str, str], float]


def shown(gw: Operator, later: timedelta = timedelta()) -> Known:
    """What a node shows after a step of its maintenance."""
    known: list[Known] = []
    with gw.opened(lambda: wiring.now() + later) as gateway:
        upkeep = Maintenance(gateway, wiring.IssuingAuthority(gateway.config), TIMETABLE)
        upkeep.show = lambda told: known.append(dict(told))
        upkeep.step()
    return known[-1]


def test_a_healthy_gateway_raises_no_alert(gw: Operator) -> None:
    assert fired({"a": shown(gw), "b": shown(gw)}, wiring.now()) == set()


def test_silence_is_an_alarm(gw: Operator) -> None:
    assert fired({}, wiring.now()) == {"CasegateMetricsAbsent"}


@pytest.mark.parametrize("left", [timedelta(minutes=2), None])
def test_one_of_two_nodes_without_maintenance_is_an_alarm(
    gw: Operator, left: timedelta | None
) -> None:
    node, other = shown(gw), shown(gw)
    if left is None:
        del other["maintenance_timestamp_seconds"]
    else:
        other["maintenance_timestamp_seconds"] -= left.total_seconds()
    assert fired({"a": node, "b": other}, wiring.now()) == {"CasegateMaintenanceDown"}


def test_a_full_disk_is_an_alarm(gw: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, alerts in (
        (10 * 1024**3, set()),
        (1024**3, {"CasegateDiskFilling"}),
        (1024**2, {"CasegateDiskFilling", "CasegateDiskFull"}),
    ):
        usage = SimpleNamespace(disk_usage=lambda _, free=free: SimpleNamespace(free=free))
        monkeypatch.setattr(health, "shutil", usage)
        assert fired({"a": shown(gw)}, wiring.now()) == alerts


def test_keys_that_were_left_on_the_host_are_an_alarm(tmp_path: Path) -> None:
    left = operator(tmp_path)
    for what in BACKUPS:
        note_backup(left.config, what)
    assert fired({"a": shown(left)}, wiring.now()) == {"CasegateAdministratorKeysHere"}


def test_a_backup_that_is_old_or_was_never_made_is_an_alarm(gw: Operator) -> None:
    file = gw.folder / "last-backup-case-keys"
    os.utime(file, (0, wiring.now().timestamp() - 3 * 86_400))
    assert fired({"a": shown(gw)}, wiring.now()) == {"CasegateBackupOld"}
    file.unlink()
    assert fired({"a": shown(gw)}, wiring.now()) == {"CasegateBackupOld"}


def test_a_clock_a_day_ahead_is_an_alarm(gw: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "clock_ahead", lambda: timedelta(days=1))
    assert fired({"a": shown(gw)}, wiring.now()) == {"CasegateClockAhead"}
    monkeypatch.setattr(health, "clock_ahead", lambda: timedelta(days=-1))
    assert fired({"a": shown(gw)}, wiring.now()) == set()


def test_an_authority_that_has_ended_is_an_alarm(gw: Operator) -> None:
    later = timedelta(days=1096)
    alerts = fired({"a": shown(gw, later)}, wiring.now() + later)
    assert {"CasegateAuthorityEnded", "CasegateAuthorityEnding"} <= alerts


def test_each_alert_is_in_the_runbook_with_a_command() -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    table = page.partition("<!-- runbook -->")[2].partition("<!-- /runbook -->")[0]
    rows = [row.split(" | ", 1) for row in table.splitlines() if row.startswith("| `")]
    named = [alert for first, _ in rows for alert in re.findall(r"`(\w+)`", first)]
    assert sorted(named) == sorted(rules())
    assert not [first for first, what in rows if "`" not in what]
