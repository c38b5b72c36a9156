"""How the gateway is, for those who operate it: what maintenance found last, and what ends when."""

import json
from datetime import datetime

from gateway.domain.health import STALE, Finding, HealthReport, Level, worst
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import HEALTH_SCOPE
from gateway.kernel.changes import read_as_operator
from gateway.kernel.ports import Ports
from gateway.kernel.request import OnHost, RequestContext
from gateway.kernel.values import Reader
from gateway.registry import worklist
from gateway.registry.results import GatewayHealth, HealthEnding, HealthFinding, NodeHealth


def look_up(ports: Ports, reader: Reader) -> GatewayHealth:
    """Read what was found of each node, and what ends: of the gateway, and of its members within 30
    days."""

    def query(context: RequestContext | OnHost) -> GatewayHealth:
        work, now = context.work, context.now
        reports = work.health.reports()
        nodes = [_node(one, now) for one in reports] or [_NOBODY]
        # The gateway's authorities, lists and certificates are the same at each node.
        own = {name: at for one in reports for name, at in json.loads(one.ends).items()}
        ends = [HealthEnding("own", name, "", parse_timestamp(at)) for name, at in own.items()]
        ends += [
            HealthEnding(row.kind, row.about, row.organisation, row.due_at)
            for row in worklist.ending(ports, context)
            if row.due_at is not None
        ]
        return GatewayHealth(
            worst(Finding(one.check, one.level, "") for node in nodes for one in node.findings),
            nodes,
            sorted(ends, key=lambda one: one.at),
        )

    return read_as_operator(ports, reader, query, "health.read", HEALTH_SCOPE)


def _shown(one: Finding) -> HealthFinding:
    at = None if one.at is None else parse_timestamp(one.at)
    return HealthFinding(one.check, one.level, one.sentence, at, one.runbook)


_NOBODY = NodeHealth(
    "",
    None,
    [_shown(Finding("maintenance", Level.ERROR, "nothing was looked at yet: start maintenance"))],
)


def _node(report: HealthReport, now: datetime) -> NodeHealth:
    """Tell what was found of a node; that nothing was of late, first of all."""
    found, made = [*map(_shown, report.found())], report.made_at
    if now > made + STALE:
        told = f"nothing was looked at since {made:%Y-%m-%d %H:%M} UTC: start maintenance"
        found.insert(0, _shown(Finding("maintenance", Level.ERROR, told)))
    return NodeHealth(report.node, made, found)
