"""A partner's program is checked by mypy: wrong arguments, members and words are found."""

from pathlib import Path

import pytest
from mypy import api

from tests.rules.client_views import FILE, render

TOP = Path(__file__).parents[2]

PROGRAM = """\
from gateway.client import Gateway

with Gateway.open("desk") as gateway:
    for one in gateway.inbox("offered", urgency="urgent"):
        print(one["handoff"], one["due_at"])
        gateway.answer("decline", one["handoff"], "officer-1", reason="not ours")
    for case in gateway.cases("draft"):
        gateway.step("case.assess", {"case": case["case"]}, "analyst-1", confirmed_matches=[])
    print(gateway.organisation("ofmin")["name"], gateway.whoami()["status"] == "active")
"""


WRONG = {
    "argument": ('urgency="urgent"', "urgent=True", 'Unexpected keyword argument "urgent"'),
    "member": ('one["due_at"]', 'one["due"]', 'TypedDict "HandoffSummary" has no key "due"'),
    "word": ('"decline", one', '"refuse", one', "incompatible type"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says in its strict mode of the program, and of one with each mistake."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "right.py").write_text(PROGRAM)
    for name, (right, wrong, _) in WRONG.items():
        assert PROGRAM.count(right) == 1
        (folder / f"{name}.py").write_text(PROGRAM.replace(right, wrong))
    cache = TOP / ".mypy_cache" / "partners"
    out, err, _ = api.run(["--strict", "--cache-dir", str(cache), *map(str, folder.iterdir())])
    return out + err


def test_the_dictionaries_are_those_of_the_interface() -> None:
    assert FILE.read_text("utf-8") == render(), "run python -m tests.rules.client_views"


# mypy reads the whole client for each of these.
@pytest.mark.slow
def test_a_program_as_it_should_be_is_found_sound(said: str) -> None:
    assert "right.py" not in said


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_member_or_word_is_found(said: str, name: str) -> None:
    (line,) = (one for one in said.splitlines() if f"/{name}.py:" in one and ": error:" in one)
    assert WRONG[name][2] in line
