"""A listener: one gunicorn with an address, its TLS, and its workers."""

import logging
import resource
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gunicorn.app.base import BaseApplication

from gateway.serving.framing import Describe, describe_plainly
from gateway.serving.supervisor import end_with_supervisor, settle
from gateway.serving.tls import TlsContexts, TlsFiles
from gateway.serving.worker import DeadlineWorker, WorkerSettings
from gateway.setting_validators import is_loopback
from gateway.web.security_log import LineBudget

KEEP_ALIVE = 15  # seconds; a partner's client reuses its connection: a handshake costs 1.4 ms

_LARGEST_HEAD = {"limit_request_line": 4094, "limit_request_fields": 64}
_SPARE_FILES = 256  # descriptors of a worker that are not connections: database, tiles, logs

WsgiApp = Callable[..., Iterable[bytes]]


def _nothing() -> None:
    """The hook of a listener that has nothing to set up or to drain."""


def _ignore(*_: Any) -> None:
    """The hook of a listener that nobody watches."""


@dataclass(frozen=True)
class Listener:
    """One gunicorn: an address, its TLS, its workers and what wiring does in each of them."""

    name: str
    bind: str
    """host:port, or unix:/path behind a proxy that ends TLS."""
    tls: TlsFiles | None
    """None with a unix socket, and for a demonstration's browser on this host."""
    workers: int = 2
    threads: int = 16
    deadline: float = 10.0
    """Seconds for a client to send a request, and again to take the answer; half to shake hands."""
    largest_body: int = 262_144
    """Bytes of a body that the application takes; of a larger one it gets no more."""
    drain: float = 15.0
    """Seconds that requests in progress have to end when the listener stops."""
    on_fork: Callable[[int], None] = _ignore
    """Called first in each worker, with its place: a number that no other living worker has, and
    that the next one gets when this one has ended."""
    on_worker_start: Callable[[], None] = _nothing
    """Called in each worker after the application was made there and before it serves."""
    on_worker_exit: Callable[[], None] = _nothing
    """Called in each worker after its last request: dispose of the engine here."""
    met: Callable[[str, str], None] = _ignore
    """Hears of each connection that came to no answer of the application: why, as a word of a
    closed set, and in words. It alone hears of a refused handshake."""
    heads: Callable[[Collection[str]], Mapping[str, int]] = lambda _: {}
    """Tells the last numbers of organisations' streams, for requests that wait for news."""
    describe: Describe = describe_plainly
    """Words what the server refuses before the application sees it."""
    log_level: str = "warning"

    demonstration: bool = False
    """Whether it may speak plain HTTP on a loopback address."""

    def __post_init__(self) -> None:
        """Refuse plain HTTP on a network, where Client-Cert would make anybody anybody."""
        plain = self.bind.startswith("unix:") or (self.demonstration and is_loopback(self.bind))
        if (self.tls is None) != plain:
            raise ValueError("a TCP listener speaks TLS, a unix socket plain HTTP from its proxy")


def gunicorn_settings(listener: Listener) -> dict[str, Any]:
    """gunicorn's settings for a listener; nothing is read from the environment or a file."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    terms = WorkerSettings(
        listener.deadline,
        listener.largest_body,
        listener.describe,
        listener.met,
        listener.heads,
    )
    settings: dict[str, Any] = {
        **_LARGEST_HEAD,
        "bind": listener.bind,
        "proc_name": f"casegate {listener.name}",
        "workers": listener.workers,
        "threads": listener.threads,
        "worker_class": type("Worker", (DeadlineWorker,), {"terms": terms}),
        "worker_connections": max(listener.threads + 1, min(1000, open_files - _SPARE_FILES)),
        "keepalive": KEEP_ALIVE,
        "graceful_timeout": max(1, round(listener.drain)),
        "preload_app": False,  # each worker makes its own engine: none is shared over a fork
        "control_socket_disable": True,
        "sendfile": False,  # it would wait for the client
        "forwarded_allow_ips": "",  # no client, and no proxy, may tell us scheme or path
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "umask": 0o117,  # of a unix socket: owner and group, for the proxy
        "loglevel": listener.log_level,
    }
    if Path("/dev/shm").is_dir():  # noqa: S108 - gunicorn makes its heartbeat file there safely
        settings["worker_tmp_dir"] = "/dev/shm"  # noqa: S108 - on a slow disk workers seem dead
    return settings | _tls_settings(listener) | _hooks(listener)


def _tls_settings(listener: Listener) -> dict[str, Any]:
    if listener.tls is None:
        return {}
    alarm = logging.getLogger("gunicorn.error").error
    contexts = TlsContexts(listener.tls, alarm)
    return {
        "certfile": str(listener.tls.certificate),
        "ssl_context": lambda _config, _default: contexts.current(),
    }


class WorkerSlots:
    """Who works where: the lowest free number for each new worker. Used in the master alone."""

    def __init__(self) -> None:
        self._taken: dict[int, int] = {}  # by the worker's age, which no two workers share

    def give(self, age: int) -> None:
        self._taken[age] = min(set(range(len(self._taken) + 1)) - set(self._taken.values()))

    def of(self, age: int) -> int:
        return self._taken[age]

    def free(self, age: int) -> None:
        self._taken.pop(age, None)


def _hooks(listener: Listener) -> dict[str, Any]:
    places = WorkerSlots()

    def pre_fork(_server: Any, worker: Any) -> None:
        places.give(worker.age)

    def post_fork(_server: Any, worker: Any) -> None:
        listener.on_fork(places.of(worker.age))

    def child_exit(_server: Any, worker: Any) -> None:
        places.free(worker.age)

    def post_worker_init(worker: Any) -> None:
        if worker.cfg.is_ssl:
            worker.cfg.ssl_context(worker.cfg, None)  # bad files end the start, not a handshake
        listener.on_worker_start()

    def worker_exit(_server: Any, _worker: Any) -> None:
        listener.on_worker_exit()

    return {
        "pre_fork": pre_fork,
        "post_fork": post_fork,
        "child_exit": child_exit,
        "post_worker_init": post_worker_init,
        "worker_exit": worker_exit,
    }


class _Gunicorn(BaseApplication):  # type: ignore[misc] # gunicorn is untyped
    def __init__(self, app_factory: Callable[[], WsgiApp], settings: dict[str, Any]) -> None:
        self._app_factory = app_factory
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> WsgiApp:
        return self._app_factory()


def serve(app_factory: Callable[[], WsgiApp], listener: Listener) -> NoReturn:
    """Listen until SIGTERM, then drain; ends by SystemExit, 0 after a clean stop.

    `app_factory` is called in each worker, never before the fork. Bad TLS files or a failing
    factory end the start with a code other than 0.
    """
    end_with_supervisor()
    settle()  # workers share what was loaded: no search for garbage writes to its pages
    logging.getLogger("gunicorn.error").addFilter(LineBudget())  # of the master, and of each worker
    _Gunicorn(app_factory, gunicorn_settings(listener)).run()
    raise SystemExit(0)
