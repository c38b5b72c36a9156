"""Words of the pages: refusals by their sentence, else by their kind."""

from gateway.console import wording
from tests.each import each


@each(
    "detail, french",
    [
        (
            "content opens after acceptance; the handoff is offered",
            "Le contenu s’ouvre après l’acceptation\N{NARROW NO-BREAK SPACE}; la transmission "
            "est proposée.",
        ),
        ("a sentence of no form", None),
    ],
)
def test_a_refusal_is_told_in_french_with_the_words_of_its_state(detail: str, french: str) -> None:
    assert wording.refusal(detail, "fr") == french


def test_a_refusal_without_words_is_told_by_its_kind() -> None:
    assert wording.refusal("a sentence of no form", "en") == "A sentence of no form."
    assert wording.refused("invalid-state", "fr").startswith("L’état actuel ne permet pas")
    assert wording.refused("already-offered", "en").startswith("This recipient has this version")


def test_what_is_wrong_with_fields_of_a_proposal_is_told_at_their_names() -> None:
    detail = "until must be after from; decided_on is after today, 2026-03-02"
    assert wording.refusal(detail, "fr") == (
        "Jusqu’au\u00a0: doit être postérieur au premier jour. "
        "Décidé le\u00a0: ne doit pas dépasser aujourd’hui, 2 mars 2026."
    )
