"""The alert rules and the dashboard name series that a gateway has."""

import json
import re
from pathlib import Path

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
