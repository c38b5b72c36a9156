"""The pages for partners show the table of answers as the gateway acts on it."""

from pathlib import Path

from gateway.cedar import policy_folder
from gateway.domain.answers import BASELINE, PARTIES_ANSWERS, AnswerKind
from gateway.domain.handoff import OPEN

DOCS = Path(__file__).parents[2] / "docs"
PAGE, DOCUMENTS = DOCS / "life-of-a-case.md", DOCS / "protocol" / "documents.md"
HEADING = "| answer | by | while the handoff is | then it is | event |\n|---|---|---|---|---|\n"


def row(kind: AnswerKind) -> str:
    """One kind of answer, as the page shows it."""
    ways = list(kind.moves.values())
    before = {state for way in ways for state in way}
    assert all(way.keys() == before for way in ways)
    after = {target: None for way in ways for state, target in way.items() if state != target}
    states = "open" if before == OPEN else " or ".join(sorted(before))
    if not before <= OPEN:  # a copy lives on after the end of the handoff
        states = "held" if kind.of_holder else "recalled" if kind.of_recall else states
    then = " or ".join(after) or "as before"
    verb = kind.command.replace("_", "-")
    return f"| `{verb}` | {kind.author} | {states} | {then} | `{kind.event}` |\n"


def table() -> str:
    """Each answer of a party, as the page shows them."""
    return HEADING + "".join(map(row, PARTIES_ANSWERS))


def test_the_page_of_a_cases_life_has_the_table_of_answers():
    assert table() in PAGE.read_text(encoding="utf-8"), f"put this there:\n{table()}"


def test_the_page_of_documents_has_each_kind_of_answer_with_its_fields_and_its_event():
    page = DOCUMENTS.read_text(encoding="utf-8")
    for kind in PARTIES_ANSWERS:
        _, row, rest = page.partition(f"| `{kind.name}` | {kind.author} | `{kind.event}` | ")
        assert row, kind.name
        said = rest.partition("\n")[0]
        assert [one.name for one in kind.fields if f"`{one.name}`" not in said] == [], kind.name


def test_the_page_of_the_relay_has_each_answer_that_every_gateway_follows():
    page = (DOCS / "protocol" / "relay.md").read_text(encoding="utf-8")
    said = page.partition("**Every gateway follows")[2].partition("The list")[0]
    assert [one for one in sorted(BASELINE) if f"`.{one.partition('.')[2]}`" not in said] == []


def test_the_page_of_the_policies_names_each_answer_of_a_rule_that_permits_several():
    files = sorted(policy_folder().glob("*.cedar"))
    rules = "\n".join(one.read_text(encoding="utf-8") for one in files).split('@id("')[1:]
    rows = (policy_folder() / "README.md").read_text(encoding="utf-8").splitlines()
    for rule in (one for one in rules if "\npermit (" in one):
        permitted = [one for one in PARTIES_ANSWERS if f'Action::"{one.action}"' in rule]
        if len(permitted) > 1:
            name = rule.partition('"')[0]
            (row,) = (one for one in rows if one.startswith(f"| `{name}` |"))
            verbs = [one.command.replace("_", "-") for one in permitted]
            assert [one for one in verbs if f"`{one}`" not in row] == [], name
