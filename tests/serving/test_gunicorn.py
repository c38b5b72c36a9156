"""What the listeners use of gunicorn's internals is there, and only in versions that were read."""

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from gunicorn.http.wsgi import Response
from gunicorn.workers.gthread import TConn, ThreadWorker
from packaging.requirements import Requirement

from gateway.serving.worker import DeadlineWorker

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_gunicorn_is_of_a_major_version_whose_internals_were_read() -> None:
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    (bound,) = (r for r in map(Requirement, extras["server"]) if r.name == "gunicorn")
    assert version("gunicorn") in bound.specifier
    assert any(part.operator in ("<", "<=", "==") for part in bound.specifier)


OVERRIDES = sorted(n for n, value in vars(DeadlineWorker).items() if inspect.isfunction(value))


@pytest.mark.parametrize("name", OVERRIDES)
def test_what_the_worker_overrides_takes_the_same_arguments_there(name: str) -> None:
    ours, theirs = getattr(DeadlineWorker, name), getattr(ThreadWorker, name, None)
    assert theirs is not None, f"gunicorn's worker has no {name} any more"
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


def test_what_the_worker_reads_is_there() -> None:
    source = inspect.getsource(ThreadWorker) + inspect.getsource(TConn)
    for name in ("pending_conns", "on_pending_socket_readable", "nr_conns", "poller"):
        assert f"self.{name}" in source or f"def {name}" in source
    for name in ("initialized", "data_ready", "timeout"):
        assert f"self.{name} = " in inspect.getsource(TConn)
    # An application's `Connection: close` ends the connection by the response that start_response
    # is a method of.
    assert callable(Response.force_close)
    assert "start_response" in vars(Response)
