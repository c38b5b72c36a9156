"""What the gateway counts and measures for its operator; its processes share files for it.

Each process writes its own file (prometheus_client's multi-process mode) and one process adds
them up. A file belongs to a place of work, as `partners-0`, not to a process id: who takes over
the place of a dead worker goes on with its numbers, so nothing is left behind or counted twice.

Labels are of closed sets: our routes, statuses by class, our problems, the policy's actions.
Nothing in them comes from a caller, and nothing says which organisation or person did what.
"""

import contextlib
import os
import socketserver
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from gateway import files
from gateway.domain.decision import PolicyDecision, PolicyQuestion
from gateway.domain.matters import MatterTerms
from gateway.domain.vocabulary import Matter
from gateway.kernel.ports import Policy

_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where the library looks

_KINDS = ("counter", "histogram", "gauge_mostrecent")  # the first words of its files' names
_FILE_BYTES = 64 * 1024  # zeros are an empty file of the library's, which makes it longer itself

ANSWER_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
WRITE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


def make_folder(folder: Path) -> None:
    """Make the shared folder, for owner and group, where there is none."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o770)


def forget(folder: Path, process: str) -> None:
    """Remove what earlier runs of a process left; its counters begin at 0 again."""
    for file in folder.glob(f"*_{process}-*.db"):
        file.unlink(missing_ok=True)


def begin(folder: Path, process: str, place: int = 0) -> None:
    """Write from here on, in this process, to the files of one place of a process.

    Before the first `Counts` or `Gauges` of the process are made, and after the last fork.
    """
    os.environ[_FOLDER_VARIABLE] = str(folder)
    name = f"{process}-{place}"
    for kind in _KINDS:
        # Whole at once, for a scrape must not read one of no size; for owner and group, because
        # with separate services another user adds them up.
        if not (folder / f"{kind}_{name}.db").exists():
            files.replace(folder / f"{kind}_{name}.db", bytes(_FILE_BYTES), mode=0o660)
    values.ValueClass = values.MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call] # the library leaves it untyped


def render(folder: Path) -> bytes:
    """All numbers of all processes, in Prometheus' text format."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call] # the library leaves it untyped
    return bytes(generate_latest(registry))


class Counts:
    """What happens in one process, counted. Threads share it; `begin` was called before."""

    def __init__(self, process: str) -> None:
        """``process`` is one of the names of `casegate run --only`."""
        self._process = process
        self._children: dict[tuple[str, ...], Any] = {}
        self._metrics = dict[str, Counter | Histogram]()
        for name, (text, labels) in _COUNTED.items():
            kind = partial(Histogram, buckets=_BUCKETS[name]) if name in _BUCKETS else Counter
            self._metrics[name] = kind(
                f"casegate_{name}", text, ("process", *labels), registry=None
            )

    def began(self) -> None:
        """A worker of the process has started."""
        self._child("worker_starts").inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; ``route`` is the template, never the path."""
        self._child("requests", route, method, f"{status // 100}xx").inc()
        self._child("request_seconds", route, method).observe(seconds)

    def problem_sent(self, problem: str) -> None:
        """A problem, or an error of OAuth, was sent."""
        self._child("problems", problem).inc()

    def met(self, trouble: str) -> None:
        """A connection came to no answer: its handshake was refused, it was cut, it is no HTTP."""
        self._child("connection_errors", trouble).inc()

    def took(self, step: str, seconds: float) -> None:
        """A step of a writing transaction took so long: the wait for its turn, its commit."""
        self._child("write_seconds", step).observe(seconds)

    def decided(self, action: str, allowed: bool) -> None:
        """The policy answered a question."""
        self._child("policy_decisions", action, "allowed" if allowed else "denied").inc()

    def delivered(self, result: str, count: int) -> None:
        """So many notifications were accepted or refused, or an attempt failed."""
        self._child("notification_attempts", result).inc(count)

    def relayed(self, result: str, count: int) -> None:
        """So many events were heard by a peer gateway, or an attempt failed."""
        self._child("relay_attempts", result).inc(count)

    def differed(self) -> None:
        """An act was about a case, or a handoff, that is not what its documents and the log say."""
        self._child("handoff_differences").inc()

    def counting(self, policy: Policy) -> Policy:
        """The same policy, whose decisions are counted."""
        return CountedPolicy(policy, self)

    def _child(self, name: str, *labels: str) -> Any:
        # The library's own look-up takes a lock; a child is made twice at worst.
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._metrics[name].labels(self._process, *labels)
        return child


_COUNTED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "worker_starts": ("Workers started; more than at the start are restarts.", ()),
    "requests": ("Requests answered.", ("route", "method", "status")),
    "request_seconds": ("Seconds from the request's head to the answer.", ("route", "method")),
    "problems": ("Problems told, by the last part of their type; OAuth's as oauth:.", ("problem",)),
    "connection_errors": ("Connections that came to no answer of the application.", ("trouble",)),
    "write_seconds": ("Seconds of a writing transaction: wait for the turn, commit.", ("step",)),
    "notification_attempts": ("Notifications accepted or refused; failed attempts.", ("result",)),
    "relay_attempts": ("Events that peer gateways heard; failed attempts.", ("result",)),
    "handoff_differences": ("Answers and consultations about a handoff that was changed.", ()),
    "policy_decisions": ("Answers of the policy.", ("action", "result")),
}
"""What is counted: its text and its labels, beside that of the process."""

_BUCKETS = {"request_seconds": ANSWER_SECONDS, "write_seconds": WRITE_SECONDS}
"""What is measured in seconds, and by which bounds."""


@dataclass(frozen=True)
class CountedPolicy:
    """The Policy port, counted."""

    policy: Policy
    counts: Counts

    @property
    def revision(self) -> str:
        return self.policy.revision

    @property
    def rules(self) -> Collection[str]:
        return self.policy.rules

    @property
    def matters(self) -> Mapping[Matter, MatterTerms]:
        return self.policy.matters

    def decide(self, question: PolicyQuestion) -> PolicyDecision:
        decision = self.policy.decide(question)
        self.counts.decided(question.action, decision.allowed)
        return decision


class Gauges:
    """The gateway's state, set by one process for all; what was known last counts."""

    def __init__(self) -> None:
        """`begin` was called before."""
        self._gauges = {
            name: Gauge(
                f"casegate_{name}",
                text,
                LABELS.get(name, ()),
                registry=None,
                multiprocess_mode="mostrecent",
            )
            for name, text in _GAUGES.items()
        }

    def show(self, known: Mapping[str | tuple[str, str], float]) -> None:
        """Tell what is known of how things stand, by name, or by name and label."""
        for key, value in known.items():
            name, label = (key, None) if isinstance(key, str) else key
            gauge = self._gauges[name]
            (gauge.labels(label) if label else gauge).set(value)


_GAUGES: Mapping[str, str] = {
    "end_timestamp_seconds": "When a certificate or a revocation list ends, seconds since 1970.",
    "disk_free_bytes": "Free on the disk of the folder and of each database that is a file here.",
    "database_bytes": "What the database of the log holds, on whatever disk.",
    "backup_timestamp_seconds": "When a backup was last made here, in seconds since 1970; or 0.",
    "administrator_keys_here": "Enabled administrators whose key lies in people/.",
    "clock_ahead_seconds": "How far the clock is ahead of the start and the time since.",
    "log_entries": "Entries of the log.",
    "log_signed_entries": "Entries that a checkpoint was signed for: the high-water mark.",
    "log_unsigned_entries": "Entries without a signed checkpoint; negative when the log is frozen.",
    "log_signed_timestamp_seconds": "When maintenance first saw the newest signed checkpoint.",
    "log_frozen": "1 when the log is frozen.",
    "high_water_mark_up": "1 when the log's high-water mark answers.",
    "duties_overdue": "What parties of handoffs owe, past its due time; 1000 or more as 1000.",
    "administrators_waited_for": "Proposals and organisations that wait for administrators.",
    "certificate_requests_waiting": "Approved certificate requests that were not served yet.",
    "notifications_unacknowledged": "Notifications that receivers have not acknowledged yet.",
    "notifications_refused": "Notifications that receivers refused, and that are kept.",
    "notification_receivers_failing": "Receivers whose last attempt got no answer.",
    "relay_events_waiting": "Events of remote members that their gateways have not heard yet.",
    "peer_gateways_failing": "Peer gateways of which the last attempt got no answer.",
    "time_stamp_authorities_late": "Authorities that stamped nothing in time of a log that grew.",
    "witnesses_late": "Witnesses that cosigned nothing in time of a log that grew.",
    "maintenance_timestamp_seconds": "When maintenance last looked, in seconds since 1970.",
}
LABELS = {
    "end_timestamp_seconds": ("what",),
    "disk_free_bytes": ("disk",),
    "backup_timestamp_seconds": ("what",),
}
"""The one label of a gauge; the others have none."""


# --- Where the numbers are read: one text, made anew each time it is asked for ---
#
# On the loopback interface or a unix socket only, by plain HTTP: who may connect there is on the
# host already. It answers `GET /metrics` and nothing else, and is in no listener of the network.


PATH = "/metrics"

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

CLIENT_SECONDS = 5.0
"""How long one client may take to ask, and to read."""


class _Quiet(socketserver.ThreadingMixIn):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a client that hung up."""


class _MetricsServer(_Quiet, socketserver.TCPServer):
    allow_reuse_address = True


class _UnixServer(_Quiet, socketserver.UnixStreamServer):
    """The same on a unix socket."""


def _handler(make: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_SECONDS

        def do_GET(self) -> None:
            if self.path != PATH:
                self.send_error(404)
                return
            body = make()
            self.send_response(200)
            self.send_header("Content-Type", MEDIA_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            return "casegate"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the library
            """Say nothing: a line here would be about the operator's own scraper."""

    return Handler


@contextlib.contextmanager
def exposing(
    address: tuple[str, int] | Path, make: Callable[[], bytes]
) -> Iterator[socketserver.BaseServer]:
    """Answer at an address while the block runs; OSError when it cannot be taken.

    A socket file that a killed process left is replaced; owner and group may connect.
    """
    server: socketserver.BaseServer
    if isinstance(address, Path):
        if address.is_socket():
            address.unlink()
        server = _UnixServer(str(address), _handler(make))
        address.chmod(0o660)
    else:
        server = _MetricsServer(address, _handler(make))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if isinstance(address, Path):
            address.unlink(missing_ok=True)
