"""How findings about a gateway are printed, those of its own host and those that it tells."""

from collections.abc import Iterable

from gateway.cli import output, wording
from gateway.domain.health import Finding, Level
from gateway.text import catalogue

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}
_WIDTH = 9
"""Characters of the longest level."""


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings, a line or more each."""
    language = wording.language()
    for one in findings:
        level = output.colour(wording.code("level", one.level).ljust(_WIDTH), _COLOURS[one.level])
        told = (catalogue.check(one.check, language), catalogue.finding(one.sentence, language))
        sentence = f"{told[0]}{catalogue.colon(language)} {told[1]}"
        output.print_wrapped(output.sanitise(sentence), f"{level}  ", _WIDTH + 2)
