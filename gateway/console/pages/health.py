"""How the gateway is, for those who operate it: what is wrong, and what to do; what ends."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import Blueprint, abort, g, render_template
from markupsafe import Markup, escape

from gateway.console import guides, wording
from gateway.console.context import say, signed_in
from gateway.domain.health import RUNBOOKS
from gateway.text import catalogue

pages = Blueprint("health", __name__)


@pages.get("/health")
def show() -> str:
    """Show what maintenance found last, the worst first, and what ends, the first first."""
    found = signed_in().access.read("health_show")
    return render_template(
        "health.html",
        worst=found["worst"],
        nodes=[(node, *_apart(node["findings"])) for node in found["nodes"]],
        ends=[(_ending(one), one["at"]) for one in found["ends"]],
    )


@pages.get("/health/guides/<check>")
def show_guide(check: str) -> str:
    """Show the section of the guides that says what to do about a check."""
    place = RUNBOOKS.get(check) or abort(404)
    return render_template("guide.html", place=place, text=guides.section(place))


class _Said(NamedTuple):
    """A finding in words; ``is_english`` where the language has none for it."""

    level: str
    check: str
    sentence: Markup
    is_english: bool
    at: str | None
    todo: Markup
    guide: str | None
    name: str


def _apart(found: Sequence[Mapping[str, Any]]) -> tuple[list[_Said], list[_Said]]:
    """Return what is to be acted on, the errors first; and what is well."""
    said = list[_Said]()
    for one in found:
        told, is_english = wording.finding(one["sentence"], g.language)
        name, level, at = one["check"], one["level"], one["at"]
        check, sentence = wording.check(name, g.language), _typed(told)
        todo = _typed(catalogue.runbook(name, g.language))
        said.append(_Said(level, check, sentence, is_english, at, todo, one["runbook"], name))
    wrong = [one for level in ("error", "warning") for one in said if one.level == level]
    return wrong, [one for one in said if one.level == "ok"]


def _typed(text: str) -> Markup:
    """A text whose commands, between backticks, are shown as what is typed."""
    typed = Markup("<code>{}</code>")
    parts = enumerate(text.split("`"))
    return Markup().join(typed.format(one) if at % 2 else escape(one) for at, one in parts)


def _ending(one: Mapping[str, Any]) -> str:
    """Say what ends, and of whom."""
    if one["kind"] == "own":
        return wording.end(one["what"], g.language)
    what = wording.coded("administrators", one["kind"], g.language)
    if one["what"]:
        about = wording.code("about", one["what"], g.language)
        what = say("named_row", id=what, what=about)
    if one["organisation"]:
        what = say("of_organisation", what=what, name=one["organisation"])
    return what
