"""Every process that a unit starts is a command that exists, with its options."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from gateway.cli import SUBCOMMANDS
from tests.each import each
from tests.operating import operator

SYSTEMD = Path(__file__).parents[2] / "deploy/systemd"
UNITS = sorted(
    str(unit.relative_to(SYSTEMD))
    for unit in SYSTEMD.rglob("*.service")
    if "bin/casegate" in unit.read_text("utf-8")
)


@each("unit", UNITS)
def test_a_unit_starts_a_command_that_exists_with_its_options(unit):
    text = (SYSTEMD / unit).read_text("utf-8")
    started = re.findall(r"^ExecStart(?:Pre)?=/opt/casegate/bin/casegate (.*)$", text, re.MULTILINE)
    assert started
    for called in started:
        name, *rest = shlex.split(called)
        command = SUBCOMMANDS[name].load()
        while isinstance(command, click.Group):
            command, rest = command.commands[rest[0]], rest[1:]
        command.make_parser(click.Context(command)).parse_args(rest)


def test_a_partner_s_timer_renews_well_before_a_certificate_ends():
    timer = (SYSTEMD / "partner/casegate-renew@.timer").read_text("utf-8")
    assert "OnCalendar=weekly\n" in timer  # of 30 days
    assert "Persistent=yes\n" in timer


@each("name", ["backup", "doctor"])
def test_each_day_is_a_timer_of_the_target_with_a_unit_of_its_name(name):
    timer = (SYSTEMD / f"casegate-{name}.timer").read_text("utf-8")
    assert re.search(r"^OnCalendar=\*-\*-\* \d\d:\d\d$", timer, re.MULTILINE)
    assert "Persistent=yes\n" in timer
    assert "WantedBy=casegate.target\n" in timer
    assert "Type=oneshot\n" in (SYSTEMD / f"casegate-{name}.service").read_text("utf-8")
    page = (SYSTEMD.parents[1] / "docs/operators.md").read_text("utf-8")
    assert re.search(rf"systemctl enable --now .*casegate-{name}.timer", page)


@pytest.mark.slow
def test_the_nightly_backup_is_checked_and_keeps_no_key_for_a_week(tmp_path):
    gw = operator(tmp_path)
    copies, keys = tmp_path / "copies", tmp_path / "keys"
    program = tmp_path / "casegate"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n')
    program.chmod(0o755)
    for folder in (copies, keys):
        folder.mkdir()
    long_ago = time.time() - 6.1 * 86400
    for old in (keys / "old.db", keys / "kept.db"):
        old.touch()
    os.utime(keys / "old.db", (long_ago, long_ago))
    words = [SYSTEMD / "back-up", gw.folder, copies, keys]
    environ = {**os.environ, "CASEGATE": str(program)}
    subprocess.run(words, env=environ, cwd=SYSTEMD.parents[1], check=True, capture_output=True)
    (made,) = copies.iterdir()
    assert (made / "backup.json").exists()
    assert {file.name for file in keys.iterdir()} == {"kept.db", f"{made.name}.db"}
    assert (keys / f"{made.name}.db").stat().st_mode & 0o077 == 0


def test_a_gateway_s_host_does_not_get_the_partner_s_units():
    page = (SYSTEMD.parents[1] / "docs/operators.md").read_text("utf-8")
    assert "deploy/systemd/casegate* " in page
    assert not list(SYSTEMD.glob("casegate-renew*"))
