"""What the listeners use of gunicorn's internals is there, and only in versions that were read."""

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

from gunicorn.http.message import Message
from gunicorn.http.parser import Parser
from gunicorn.http.unreader import Unreader
from gunicorn.http.wsgi import Response, create, default_environ
from gunicorn.workers.gthread import TConn, ThreadWorker
from packaging.requirements import Requirement

from gateway.serving.worker import DeadlineWorker
from tests.each import each

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_gunicorn_is_of_a_major_version_whose_internals_were_read() -> None:
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    (bound,) = (r for r in map(Requirement, extras["server"]) if r.name == "gunicorn")
    assert version("gunicorn") in bound.specifier
    assert any(part.operator in ("<", "<=", "==") for part in bound.specifier)


FUNCTIONS = sorted(n for n, value in vars(DeadlineWorker).items() if inspect.isfunction(value))
OWN = [name for name in FUNCTIONS if name.startswith("_") and not name.endswith("__")]
OVERRIDES = [name for name in FUNCTIONS if name not in OWN]


@each("name", OVERRIDES)
def test_what_the_worker_overrides_takes_the_same_arguments_there(name: str) -> None:
    ours, theirs = getattr(DeadlineWorker, name), getattr(ThreadWorker, name, None)
    assert theirs is not None, f"gunicorn's worker has no {name} any more"
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


def test_what_is_the_worker_s_own_overrides_nothing() -> None:
    assert [name for name in (*OWN, "_waiting", "_of_address", "_most") if _is_theirs(name)] == []


def _is_theirs(name: str) -> bool:
    return hasattr(ThreadWorker, name) or f"self.{name}" in inspect.getsource(ThreadWorker)


def test_what_the_worker_reads_is_there() -> None:
    source = inspect.getsource(ThreadWorker) + inspect.getsource(TConn)
    for name in ("max_keepalived", "nr_conns", "poller", "worker_connections", "alive"):
        assert f"self.{name}" in source
    for name in ("initialized", "data_ready", "parser", "sock", "client"):
        assert f"self.{name} = " in inspect.getsource(TConn)
    # The main loop takes whole requests to the pool, and idle connections back, by these alone.
    assert "self.enqueue_req(conn)" in inspect.getsource(ThreadWorker.on_client_socket_readable)
    assert "self.finish_request" in inspect.getsource(ThreadWorker.enqueue_req)
    # An application's `Connection: close` ends the connection by the response that start_response
    # is a method of.
    assert callable(Response.force_close)
    assert "start_response" in vars(Response)


def test_the_parser_reads_what_it_is_given_and_nothing_else() -> None:
    assert "self.unreader" in inspect.getsource(Parser)
    assert "self._expected_100_continue" in inspect.getsource(Message)
    assert "req._expected_100_continue" in inspect.getsource(create)
    assert '"RAW_URI": req.uri' in inspect.getsource(default_environ)
    for name in ("read", "unread", "take_buffered", "chunk"):
        assert callable(getattr(Unreader, name))
    assert "self.chunk(" in inspect.getsource(Unreader.read)
    assert "self.buf = io.BytesIO()" in inspect.getsource(Unreader.__init__)
