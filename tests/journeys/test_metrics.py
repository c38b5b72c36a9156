"""The operator's numbers of a real gateway: what happened is in them, and nobody's name is."""

import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli.demo.environment import DemoEnvironment
from gateway.client import RequestRefused
from gateway.setting_validators import host_and_port
from tests.journeys.harness import (
    HOTLINE,
    MEMBERS,
    OFMIN,
    case_content,
    clearance,
    config_of,
    fetch,
)
from tests.journeys.processes import all_workers, kill
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


class Numbers:
    """What a scrape found."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            self.text = answer.read().decode()
        self._found = [
            sample
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        ]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of all series of a name that have these labels."""
        return sum(
            s.value for s in self._found if s.name == name and labels.items() <= s.labels.items()
        )

    def labels(self) -> set[str]:
        """Every value of every label."""
        return {value for sample in self._found for value in sample.labels.values()}


def handshake_without_certificate(port: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        pytest.raises((ssl.SSLError, OSError)),
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain) as tls,
    ):
        tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if not tls.recv(1):
            raise ConnectionResetError


def eventually(port: int, name: str, at_least: float, **labels: str) -> Numbers:
    def look() -> Numbers | None:
        with suppress(urllib.error.URLError):  # the process that shows them starts last
            numbers = Numbers(port)
            return numbers if numbers.sum(name, **labels) >= at_least else None
        return None

    return until(look)


def port_of(stage: DemoEnvironment) -> int:
    """Where the numbers of a stage are shown."""
    return host_and_port(str(config_of(stage).metrics_bind))[1]


SUBMITTED = {"process": "partners", "route": "/cases", "method": "POST"}
COMMITTED = {"process": "partners", "step": "commit"}


def test_what_happens_is_counted_over_all_workers_and_survives_one(direct: DemoEnvironment) -> None:
    port = port_of(direct)
    before = eventually(port, "casegate_log_entries", 1)
    _work(direct)
    refused = {"trouble": "handshake-no-certificate"}
    handshake_without_certificate(host_and_port(config_of(direct).partners_bind)[1])
    troubles = before.sum("casegate_connection_errors_total", **refused)
    numbers = eventually(port, "casegate_connection_errors_total", troubles + 1, **refused)

    def more(name: str, **labels: str) -> float:
        return numbers.sum(name, **labels) - before.sum(name, **labels)

    assert more("casegate_requests_total", status="2xx", **SUBMITTED) == 1
    assert more("casegate_request_seconds_count", **SUBMITTED) == 1
    assert more("casegate_problems_total", problem="not-found") == 1
    assert more("casegate_policy_decisions_total", action="case.submit") == 1
    assert more("casegate_write_seconds_count", **COMMITTED) == 2
    for process in ("partners", "public", "maintain"):
        assert numbers.sum("casegate_worker_starts_total", process=process) >= 1
    assert numbers.sum("casegate_high_water_mark_up") == 1
    assert numbers.sum("casegate_log_frozen") == 0
    for what in ("root", "public listener", "partners listener"):
        left = numbers.sum("casegate_end_timestamp_seconds", what=what) - time.time()
        assert left > 20 * 86_400
    _says_nothing_of_anybody(numbers)
    _survives_a_worker(direct, port)
    _is_in_no_listener(direct)


def _work(stage: DemoEnvironment) -> None:
    content = case_content()
    with stage.client(HOTLINE) as hotline:
        hotline.submit(content, "pdc-1", clearance(content))
    with stage.client(OFMIN) as office, pytest.raises(RequestRefused):
        office.case(content["case"])
    fetch(stage, "/checkpoint")


def _says_nothing_of_anybody(numbers: Numbers) -> None:
    assert not [member.slug for member in MEMBERS if member.slug in numbers.text]
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-7", numbers.text)  # no id of anything
    assert "127.0.0.1" not in numbers.text
    for value in numbers.labels():
        assert re.fullmatch(r"[A-Za-z0-9_.:/<>+ -]{1,80}", value)


def _survives_a_worker(stage: DemoEnvironment, port: int) -> None:
    before = Numbers(port)
    starts = before.sum("casegate_worker_starts_total", process="partners")
    kill(killed := all_workers(stage))
    eventually(port, "casegate_worker_starts_total", starts + len(killed), process="partners")
    with stage.client(HOTLINE) as hotline:
        content = case_content()
        hotline.submit(content, "pdc-1", clearance(content))
    submitted = before.sum("casegate_requests_total", status="2xx", **SUBMITTED)
    assert Numbers(port).sum("casegate_requests_total", status="2xx", **SUBMITTED) == submitted + 1
    files = [file.name for file in config_of(stage).metrics_folder.glob("*_partners-*.db")]
    assert {file.rpartition("_")[2] for file in files} == {"partners-0.db", "partners-1.db"}


def _is_in_no_listener(stage: DemoEnvironment) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(stage, "/metrics")
    assert refused.value.code == 404
    refused.value.close()
    config = config_of(stage)
    context = ssl.create_default_context(cafile=str(config.published / "root.pem"))
    home = stage.folder / HOTLINE
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")
    line = http.client.HTTPSConnection(
        "localhost", host_and_port(config.partners_bind)[1], context=context, timeout=10
    )
    line.request("GET", "/metrics")
    assert line.getresponse().status == 404
    line.close()
