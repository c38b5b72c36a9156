"""What holds for every test: sockets, what is borrowed, and which tests one worker runs."""

import gc
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.memory import memory

# Seldom: to load all tests makes much, and none of it is garbage.
gc.set_threshold(500_000, 50, 50)

# What `make test-slow` adds to the default run is examples, too.
for name, examples in (("casegate", 10), ("thorough", 100)):
    settings.register_profile(
        name,
        deadline=None,
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("casegate")

if folder := memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))  # where `tmp_path` is

# Commands that tests start compile the gateway once, not each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What commands say follows the locale.
os.environ["LC_ALL"] = "C.UTF-8"

_COLUMNS = {name: os.environ[name] for name in ("COLUMNS",) if name in os.environ}

LONGEST = (
    "tests/journeys/test_peers.py",
    "gateway",
    "demo",
    "tests/store",
    "gateway behind the proxy",
    "console",
    "tour",
    "schemafuzz",
    "dishonest",
    "tests/web/partners/test_carriers.py",
    "tests/exchange/test_living_case.py",
    "tests/journeys/test_crash.py",
    "foreign",
)
"""Groups and files that take a minute and more in the slow suite, the longest first."""


class InGroups(LoadScopeScheduling):
    """Tests of a file run in one worker, and so do files that name the same `xdist_group`.

    The plugin's own way to group does nothing since pytest 9.2: it changes an id that nobody reads.
    What a file makes once for all its tests is made once, and less is said between processes.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, name = nodeid.partition("::")
        if file.startswith("tests/store/"):
            return "tests/store"  # nearly all of it asks for one database server
        scope = _group(self.config.rootpath / file) or file
        return f"{scope} behind the proxy" if "proxied" in name else scope

    def _assign_work_unit(self, node: Any) -> None:
        """Give out first what takes longest, then what has slow tests: a worker that begins with
        them last ends alone."""
        slow = (
            scope
            for scope, tests in self.workqueue.items()
            if any(_slow(self.config.rootpath / file) for file in _files(tests))
        )
        longest = (scope for scope in LONGEST if scope in self.workqueue)
        for scope in islice(chain(longest, slow), 1):
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


def _files(tests: Iterable[str]) -> set[str]:
    return {nodeid.partition("::")[0] for nodeid in tests}


@cache
def _slow(file: Path) -> bool:
    return "mark.slow" in file.read_text(encoding="utf-8")


@cache
def _group(file: Path) -> str | None:
    named = re.search(r'xdist_group\("([a-z]+)"\)', file.read_text(encoding="utf-8"))
    return named and named[1]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Group where the command asks for groups."""
    return InGroups(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Load no other files for `make test-slow` than those that have a test for it."""
    asked = config.getoption("markexpr") == "slow or hypothesis"
    return (asked and collection_path.suffix == ".py" and not _for_slow(collection_path)) or None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Load a share of the files that all workers load now: else each of them would compile all of a
    new clone."""
    worker, asked = os.environ.get("PYTEST_XDIST_WORKER"), session.config.args
    if worker and asked == session.config.getini("testpaths"):
        share = int(worker.removeprefix("gw"))
        count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        root = Path(__file__).parent
        for file in sorted(root.rglob("test_*.py"))[share::count]:
            if not pytest_ignore_collect(file, session.config):
                with suppress(Exception):  # which is told when the file is collected
                    import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)  # before any are deselected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no test be overlooked by what loads files for `make test-slow`."""
    for item in items:
        slow = item.get_closest_marker("slow") or item.get_closest_marker("hypothesis")
        if slow and not _for_slow(item.path):
            raise pytest.UsageError(f"`make test-slow` would not load {item.nodeid}")


@cache
def _for_slow(file: Path) -> bool:
    """Whether a file may have a slow test or a property; the fixtures of journeys are marked."""
    journey = file.parent.name == "journeys"
    return journey or "hypothesis" in file.read_text(encoding="utf-8") or _slow(file)


def pytest_collection_finish() -> None:
    """Do not look for garbage among modules and items, which stay to the end."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Report the call, and what did not pass: a worker sends each report through a pipe."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open sockets for journeys only: a unit that dials out is not a unit.

    Sockets between processes of one machine stay open. Commands wrap at the terminal's width, and
    tests look for whole sentences.
    """
    os.environ["COLUMNS"] = "10000"
    if item.get_closest_marker("journey"):
        enable_socket()
    else:
        disable_socket(allow_unix_socket=True)


@pytest.hookimpl(trylast=True)  # after the fixtures, which may ask, too
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Leave the process as it was found.

    No test gets an answer of the interface that its description does not have.
    """
    os.environ.pop("COLUMNS", None)
    os.environ.update(_COLUMNS)
    enable_socket()
    line = sys.modules.get("tests.web.listening")
    if line and line.UNDESCRIBED:
        found = sorted(line.UNDESCRIBED)
        line.UNDESCRIBED.clear()
        pytest.fail(f"not among the refusals of their endpoints: {found}")


@pytest.fixture(autouse=True)
def _databases_are_given_back() -> Iterator[None]:
    """What a test and its own fixtures borrowed; most tests borrow none, and import no store."""
    lent = sys.modules.get("tests.lent")
    before = lent.borrowed() if lent else 0
    yield
    lent = sys.modules.get("tests.lent")
    if lent:
        lent.give_back(before)


@pytest.fixture(autouse=True)
def _acts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test answers, its party was told that it may; most tests answer nothing, and the
    bench counts what an answer passes through."""
    loaded = "gateway.exchange.handoffs.answers" in sys.modules
    if not loaded or request.path.parent.name == "bench":
        yield
        return
    watched = import_module("tests.acts").watched_answers
    with watched():
        yield


@pytest.hookimpl(trylast=True)  # after the last fixtures
def pytest_sessionfinish() -> None:
    """Leave nothing in shared memory, and no server.

    A worker says next that it is done, and has ten seconds from then on until it is killed; on a
    busy machine they are over before what is registered with `atexit`.
    """
    for name in ("tests.lent", "tests.postgresql"):
        lender = sys.modules.get(name)
        if lender:
            lender.end()
