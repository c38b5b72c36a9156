"""Wrong input that can be read: each is refused in a sentence that says why, and nothing is lost.

What cannot be read is in `tests/rules/test_wrong_input.py`.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from gateway.domain.answers import ANSWERS, AnswerAuthor
from tests.casework import case_content
from tests.cli.desks import Desks
from tests.founded_gateway import HOTLINE, OFMIN
from tests.rules.test_help import example_in, help_of
from tests.rules.test_wrong_input import POOR

pytestmark = pytest.mark.slow

OTHERS: tuple[Any, ...] = (
    None,
    "",
    "x",
    " ",
    0,
    -1,
    1e400,
    True,
    [],
    {},
    ["x", "x"],
    "x" * 5000,
    "\u202e",
)
"""What stands in place of a member's value."""


def wrong_cases(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A case with each member left out, then with something else in its place."""
    for number, name in enumerate(content):
        left = {n: value for n, value in content.items() if n != name}
        yield f"without {name}", left
        for other in OTHERS[number % 3 :: 2]:
            if other != content[name]:
                yield f"{name} {str(other)[:9]!r}", {**content, name: other}
    for name, value in content["marking"].items():
        for other in ("x", None, [1], 7):
            changed = copy.deepcopy(content)
            changed["marking"][name] = other
            yield f"marking/{name} {other!r}, not {value!r}", changed
    yield "another member", {**content, "remark": "x"}


def judge(result: Result, what: str) -> None:
    """One sentence that says why, and how it ended as the page says."""
    said = result.stderr or result.output
    assert isinstance(result.exception, SystemExit), f"{what}: {result.exception!r}"
    assert result.exit_code in (1, 2), f"{what}: {result.exit_code} {said}"
    assert not POOR.search(said), f"{what}: {said}"
    assert len(said.split()) >= 4, f"{what}: {said}"


def test_each_wrong_member_of_a_case_is_named_with_what_it_must_be(desks: Desks) -> None:
    tried = 0
    file = Path("case.json")
    for what, content in wrong_cases(case_content(desks.stage.gateway.new_id())):
        file.write_text(json.dumps(content))
        before = desks.stage.gateway.size()
        result = desks.run("case", "submit", str(file), "--by", "intake-1")
        if result.exit_code == 0:  # what may be left out, or be so
            assert desks.stage.gateway.size() > before
            continue
        tried += 1
        judge(result, what)
        assert "/" in result.stderr, f"{what}: {result.stderr}"
    assert tried >= 100


def acts() -> Iterator[tuple[str, str]]:
    """The commands that answer, each with the desk of who may."""
    for kind in ANSWERS.values():
        if kind.author is not AnswerAuthor.GATEWAY and not kind.accepts:
            ours = kind.author is AnswerAuthor.ORIGINATOR
            yield kind.command.replace("_", "-"), HOTLINE if ours else OFMIN


def test_an_act_out_of_place_says_what_comes_first_or_who_may(desks: Desks) -> None:
    offered, tried = desks.offered(), 0
    for verb, desk in acts():
        words = example_in(help_of(["handoff", verb]))
        by = words.index("--by")
        for what, handoff, person, at in (
            ("an unknown handoff", "0198c1f2-7a00-7000-8000-000000000001", "liaison-1", desk),
            ("an unknown person", offered, "nobody-9", desk),
            ("a person that is none", offered, "No Body", desk),
            ("the other party", offered, "liaison-1", OFMIN if desk == HOTLINE else HOTLINE),
            ("nobody's reason", offered, "", desk),
        ):
            typed = [*words[:2], handoff, *words[3:by], "--by", person, *words[by + 2 :]]
            agreed = ["--yes"] if verb == "answer-recall" else []
            judge(desks.run(*typed, *agreed, at=at), f"{verb}, {what}")
            tried += 1
    assert tried >= 80
