"""What the doctor finds in a folder, of one check or of all."""

import re
from datetime import timedelta

import pytest

from gateway import wiring
from gateway.doctor import checks
from gateway.doctor.checks import CHECKS, run_checks
from gateway.domain.health import Finding, Level
from gateway.text import catalogue
from tests.operating import Operator


def findings(gw: Operator, later: timedelta = timedelta()) -> list[Finding]:
    """What is found, each in words of both languages, but for what others say."""
    found = list(run_checks(gw.config, wiring.now() + later))
    for one in found:
        french = catalogue.finding(one.sentence, catalogue.FRENCH)
        assert french != one.sentence or UNTOLD.search(one.sentence), one.sentence
    return found


UNTOLD = re.compile("^(go on in|come again)")
"""What the tests say themselves."""


def of(found: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in found if finding.check == check]


def the(found: list[Finding], check: str, level: Level) -> str:
    """The sentences of a check at a level, of which there must be one at least."""
    told = [finding.sentence for finding in of(found, check) if finding.level is level]
    assert told, found
    return "\n".join(told)


def sentences(gw: Operator, check: str, level: Level, later: timedelta = timedelta()) -> str:
    """The same of a check that runs alone."""
    (alone,) = (one for one in CHECKS if one.__name__ == check)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHECKS", (alone,))
        return the(findings(gw, later), check, level)
