"""R1 takes what honest partners write: no text and no large case of the corpus is refused."""

from gateway.domain.fields import free
from gateway.schemas.case_document import load_case
from tests.domain.carriers import with_statements
from tests.domain.honest_cases import CASES, TEXTS
from tests.each import each


def test_the_corpus_is_large():
    assert len({*TEXTS}) == len(TEXTS) >= 200
    assert len(CASES) >= 20


@each("text", TEXTS)
def test_an_honest_text_passes(text):
    load_case(with_statements([text]))


@each("text", [text for text in TEXTS if len(text) <= 500])
def test_an_honest_note_passes(text):
    assert free(500).fault(text) is None


@each("name", CASES)
def test_a_large_honest_case_passes(name):
    load_case(CASES[name])
