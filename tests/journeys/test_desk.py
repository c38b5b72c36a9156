"""A person at their organisation's own machine: by `casegate desk`, to an answer that their
organisation signed, which verifies offline."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from tests.journeys import browser
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    Listeners,
    casegate,
    check_log,
    offered,
    running,
)

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.xdist_group("console"),
]

OFFICER = "ofmin-1"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    """A gateway whose members sign for themselves."""
    with running(tmp_path_factory.mktemp("desk"), kind=Listeners) as made:
        for slug in (HOTLINE, OFMIN):
            made.register_key(slug)
        yield made


class Looker:
    """Looks at each page as people do who cannot see it well, and keeps what the browser says."""

    def __init__(self, page: "Page", axe: str) -> None:
        self.page, self.axe = page, axe
        self.said = list[str]()
        page.on("console", lambda message: self.said.append(message.text))

    def look(self) -> None:
        assert browser.violations(self.page, self.axe) == [], self.page.url
        assert not browser.scrolls_sideways(self.page), self.page.url


class Command:
    """`casegate desk` as it runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        self.told = process.stdout.readline()
        self.address = self.printed()

    def printed(self) -> str:
        """The next address."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def another(self, name: str = "") -> str:
        """A new one, for Enter, or for another person's pseudonym."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        return self.printed()


@contextmanager
def at_work(stage: DemoEnvironment, end: int = signal.SIGINT) -> Iterator[Command]:
    """Run `casegate desk` until Ctrl-C, or another ``end``: nothing of it is left then."""
    temporary = stage.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    words = ["desk", "-c", str(stage.folder / OFMIN), "--by", OFFICER]
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
        text=True,
    ) as process:
        try:
            yield Command(process)
        finally:
            assert [one.stat().st_mode & 0o777 for one in temporary.iterdir()] == [0o700]
            process.send_signal(end)
            process.wait(20)
    assert process.returncode == 0
    assert not [*temporary.iterdir()]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_person_accepts_with_the_key_of_their_organisation_and_it_verifies_offline_as_signed(
    stage: DemoEnvironment, chromium: "Browser", axe: str, tmp_path: Path, language: str
) -> None:
    handoff = offered(stage)
    with at_work(stage) as desk:
        context = chromium.new_context(locale=language, viewport={"width": 360, "height": 740})
        page = context.new_page()
        seen = Looker(page, axe)
        origin = desk.address.partition("/login")[0]
        page.goto(desk.address)
        seen.look()
        page.locator("main button.main").click()
        page.wait_for_url(f"{origin}/")
        seen.look()
        page.locator(f'main a[href="/handoffs/{handoff}"]').first.click()
        seen.look()
        page.locator(f'main a[href="/handoffs/{handoff}/handoff.accept"]').click()
        page.locator('input[name="conditions"]').check()
        page.locator("main button.main").click()
        seen.look()
        page.locator("main button.main").click()
        page.wait_for_url(f"{origin}/done/*")
        seen.look()
        with page.expect_download() as saved:
            page.locator("main a.button").click()
        receipt = tmp_path / "acceptance.receipt.json"
        saved.value.save_as(receipt)
        page.goto(f"{origin}/handoffs/{handoff}/open")
        page.locator("main select").first.select_option(index=1)
        page.locator("main textarea, main input[type=text]").first.fill("to identify the victim")
        page.locator("main button.main").click()
        assert page.locator("h1 .tlp").count()
        seen.look()
        for path in ("received", "sent", "cases", "staff", "waiting", "me"):
            page.goto(f"{origin}/{path}")
            seen.look()
        assert seen.said == []
        context.close()
    trust = stage.folder / OFMIN / "connection.toml"
    bundle = tmp_path / "bundle.json"
    own = ("-c", stage.folder / OFMIN)
    casegate("handoff", "export", handoff, *own, "--without-content", "--out", bundle)
    report = casegate("verify", bundle, "--trust", trust, "--json")
    assert "3 of 3 documents are signed by their authors" in report["sentence"]
    (recorded,) = (
        one
        for one in casegate("verify", receipt, "--trust", trust, "--json")["proved"]
        if one["fact"] == "recorded"
    )
    assert (recorded["type"], recorded["handoff"]) == ("handoff.accepted", handoff)
    check_log(stage)


def test_nobody_else_on_the_machine_gets_in(stage: DemoEnvironment) -> None:
    with at_work(stage, signal.SIGTERM) as desk:
        address = urlsplit(desk.address)
        assert address.hostname is not None
        assert address.port is not None

        def ask(method: str, path: str, host: str, body: str = "", **headers: str) -> Any:
            line = HTTPConnection("127.0.0.1", address.port, timeout=10)
            form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
            line.request(method, path, body, {"Host": host, **form, **headers})
            answer = line.getresponse()
            answer.read()
            return answer

        right = f"{address.hostname}:{address.port}"
        for host in (f"localhost:{address.port}", f"127.0.0.1:{address.port}", "a.example"):
            assert ask("GET", "/login", host).status == 421
        assert ask("GET", "/received", right).headers["Location"] == "/login"
        code = f"token={address.fragment}"
        assert ask("POST", "/login", right, code, Origin="http://a.example").status == 403
        assert "in force in your staff register" not in desk.told
        assert "ofmin-2" in desk.another("nobody\nofmin-2")
        assert urlsplit(desk.printed()).fragment
        newer = urlsplit(desk.another()).fragment
        own = f"http://{right}"
        assert ask("POST", "/login", right, code, Origin=own).status == 403, "the newest counts"
        assert ask("POST", "/login", right, f"token={newer}", Origin=own).status == 303
        assert ask("POST", "/login", right, f"token={newer}", Origin=own).status == 403
        with socket.socket(socket.AF_INET6) as other:
            assert other.connect_ex(("::1", address.port)), "it listens on one address alone"
