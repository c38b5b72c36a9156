"""Every process that a unit starts is a command that exists, with its options."""

import re
import shlex
from pathlib import Path

import click

from gateway.cli import SUBCOMMANDS
from tests.each import each

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


def test_a_gateway_s_host_does_not_get_the_partner_s_units():
    page = (SYSTEMD.parents[1] / "docs/operators.md").read_text("utf-8")
    assert "deploy/systemd/casegate* " in page
    assert not list(SYSTEMD.glob("casegate-renew*"))
