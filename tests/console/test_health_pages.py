"""How the gateway is, in a browser: what is wrong and what to do, for who operates it."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.console.context import LANGUAGE_COOKIE
from gateway.domain.health import RUNBOOKS, Finding, Level
from gateway.domain.staff import RegisterRole
from gateway.text import catalogue
from tests.console.hosted import HostedConsole
from tests.console.test_admin_pages import administrators, gateway, read
from tests.founded_gateway import DESK, HOTLINE, OFMIN, enter_staff
from tests.founding import founded
from tests.registry.test_health import FULL, WELL, keep

__all__ = ["administrators", "gateway"]

ROOT = Path(__file__).parents[2]
NEVER = "the last backup of the database was made: never"
BACKUP = Finding(
    "backups",
    Level.WARNING,
    f"{NEVER}; run deploy/systemd/back-up daily (docs/operators.md, 'Back up')",
)


@pytest.fixture
def plain():
    """A gateway in which persons have passkeys that no event registered."""
    return founded()


@pytest.fixture
def operator(tmp_path, plain):
    """A person with the role of an operator, signed in; their organisation's system is one of the
    operator's."""
    roles = frozenset({RegisterRole.OPERATOR})
    enter_staff(plain.ports.begin, HOTLINE, ["o"], roles, plain.new_id())
    plain.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["health"])
    return HostedConsole(tmp_path, plain).signed_in(HOTLINE, "o")


def test_an_administrator_reads_the_errors_first_and_what_to_do(gateway, administrators):
    keep(gateway, WELL, BACKUP, FULL)
    alice, _ = administrators
    page = alice.get("/health")
    told = read(page)
    assert told.index("make room now") < told.index("was made: never") < told.index("In order: 1")
    assert "<code>du -xh / | sort -h | tail</code>" in page.text
    assert '<a href="/health/guides/disk">Guide: docs/monitoring.md#runbook</a>' in page.text
    assert "Certificate of the public listener" in told
    assert "Errors: state of the gateway" in page.text


def test_a_finding_leads_to_the_section_of_its_guide(administrators):
    alice, _ = administrators
    for check, place in RUNBOOKS.items():
        page = alice.get(f"/health/guides/{check}")
        assert page.status_code == 200, place
        assert len(page.data) < 15_000, place
    told = read(alice.get("/health/guides/log"))
    assert "### The log is frozen" in told
    assert "### No newer copy exists" not in told, "a section of its own"
    assert alice.get("/health/guides/nothing").status_code == 404


def test_every_guide_of_a_finding_comes_with_the_gateway():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {place.partition("#")[0] for place in RUNBOOKS.values()} <= shipped.keys()


def test_the_page_is_whole_in_french_and_marks_what_is_not(gateway, administrators):
    keep(gateway, BACKUP, Finding("disk", Level.ERROR, "what a system says"))
    alice, _ = administrators
    alice.client.set_cookie(LANGUAGE_COOKIE, "fr", domain="console.example", secure=True)
    page = alice.get("/health")
    assert "Aucune sauvegarde n’a été faite (base de données)" in read(page)
    assert '<p lang="en">What a system says.</p>' in page.text
    assert page.text.count('lang="en"') == 2, "the sentence, and the switch to English"


def test_silence_of_maintenance_is_the_first_error(gateway, administrators):
    keep(gateway, WELL, age=timedelta(hours=1))
    told = read(administrators[0].get("/health"))
    assert "Nothing was looked at since" in told
    assert "systemctl start casegate-maintain" in told


def test_an_operator_has_this_desk_and_no_other(plain, operator):
    keep(plain, FULL)
    assert operator.get("/").headers["Location"] == "/health"
    page = operator.get("/health")
    menu = re.findall('href="(/[a-z]*)"', page.text.partition("<nav")[2].partition("</nav")[0])
    assert menu == ["/health", "/staff", "/me"]
    for path in ("/cases", "/received", "/admin/organisations"):
        assert operator.get(path).status_code == 403


def test_nobody_else_reads_it(tmp_path, plain):
    officer = HostedConsole(tmp_path, plain).signed_in()
    assert officer.get("/health").status_code == 403
    assert "/health" not in officer.get("/").text


def test_each_check_says_what_to_do_in_both_languages():
    tables = catalogue._TABLES
    assert tables["runbooks"].keys() == tables["checks"].keys()


def test_what_ends_within_30_days_stands_below_the_work_of_a_member(tmp_path, plain):
    day = plain.ports.reference_date(plain.ports.now()).day
    officer = HostedConsole(tmp_path, plain).signed_in()
    assert "What ends within 30 days" not in officer.get("/").text
    plain.administer("membership.end", OFMIN, until=str(day + timedelta(days=9)))
    told = read(officer.get("/")).partition("What ends within 30 days")[2]
    assert "embership" in told
    assert "in 8 d" in told or "in 9 d" in told
