"""What a party reads of an answer that the other one gave, while an embargo holds."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.domain.answers import ANSWERS, AnswerAuthor, AnswerKind, FieldType
from gateway.domain.handoff import HandoffAnswer, HandoffState
from gateway.domain.measure import Measure, MeasureKind
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.handoff_documents import Heading
from gateway.exchange.handoffs.views import shown_answer
from gateway.exchange.standing.disclosure import answer_as_read
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.transact import read
from tests.exchange.relay.two_gateways import BE_HOTLINE, OFMIN_THERE, two_gateways
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded, caller
from tests.ports import document_key

_VALUES: Mapping[FieldType, Any] = {
    FieldType.TIME: "2026-03-20T09:00:00Z",
    FieldType.DAY: "2026-03-20",
    FieldType.CONDITIONS: {"tlp": "RED"},
    FieldType.RESERVATION: {"on": "onward", "legal_basis": "CPP 40"},
}


def said(kind: AnswerKind) -> dict[str, Any]:
    """Every field of a kind of answer; the last word, which of a recall's answer is one that
    keeps."""
    lists = {one.name: [*one.words] or ["x"] for one in kind.fields if one.type.endswith("s")}
    words = {one.name: one.words[-1] for one in kind.fields if one.type is FieldType.WORD}
    values = {one.name: _VALUES.get(one.type, "said") for one in kind.fields}
    return {**values, **lists, **words}


def read_under_embargo(
    gateway: Founded,
    kind: AnswerKind,
    author: str,
    reader: str,
    *,
    held: bool = True,
    told: str | None = None,
) -> tuple[set[str], str | None]:
    """The names of what a party reads of an answer with every field, and its code."""

    def look(context: RequestContext) -> tuple[set[str], str | None]:
        now, id_ = context.now, context.ports.new_id()
        heading = Heading("urn:author", "urn:home", now, id_, document_key(HOTLINE), bytes)
        digests = dict.fromkeys(("case_digest", "offer_digest", "package_digest"), "A" * 43)
        document = handoff_documents.issue_answer(
            heading, handoff=id_, kind=kind.name, fields={"by": "x", **said(kind)}, **digests
        ).compact()
        (move, *_), state, event = kind.moves, HandoffState.ACCEPTED, context.ports.new_id()
        shown = told or said(kind).get("done", said(kind).get("code"))
        answer = HandoffAnswer(id_, 2, move, state, author, now, document, event, shown=shown)
        embargo = Measure(id_, HOTLINE, id_, MeasureKind.EMBARGO, OFMIN, "operation", (), now, None)
        measures = [embargo] if held else []
        view = shown_answer(context, answer, measures)
        _, arrived = answer_as_read(
            context, kind, said(kind), measures, author=author, reader=reader, shown=shown
        )
        names = {one.name for one in sd_jwt.parse(view.document).disclosures}
        assert arrived.keys() - {"by"} == names - {"by"}
        return {str(name) for name in names - {"by"}}, view.code

    return read(gateway.ports, caller(reader), ActionRequest("handoff.read"), look)


@pytest.mark.parametrize("kind", ANSWERS.values(), ids=lambda kind: kind.name)
def test_under_an_embargo_a_private_party_reads_of_an_answer_what_its_row_leaves_it(gateway, kind):
    fields = {one.name for one in kind.fields}
    assert fields >= {*kind.under_embargo}
    left = {*kind.under_embargo} - ({"done"} if kind.of_recall else set())  # only where erased
    originates = kind.author is AnswerAuthor.ORIGINATOR
    author, reader = (HOTLINE, ABROAD) if originates else (ABROAD, HOTLINE)
    assert read_under_embargo(gateway, kind, author, reader, held=False)[0] == fields
    read_, code = read_under_embargo(gateway, kind, author, reader)
    assert read_ == left
    assert code in {None, "received", "kept_by_law"}
    if not originates:
        of_police, code_of_police = read_under_embargo(gateway, kind, OFMIN, HOTLINE)
        assert of_police <= left
        assert code_of_police == code


@pytest.fixture(scope="module")
def two():
    return two_gateways()


def test_an_embargo_here_hides_what_a_remote_member_answers_as_well(two):
    for kind in (one for one in ANSWERS.values() if one.author is not AnswerAuthor.ORIGINATOR):
        read_, code = read_under_embargo(two.be, kind, OFMIN_THERE, BE_HOTLINE)
        assert read_ <= {*kind.under_embargo} - ({"done"} if kind.of_recall else set())
        assert code in {None, "received", "kept_by_law"}


@pytest.mark.parametrize("kind", ANSWERS.values(), ids=lambda kind: kind.name)
def test_of_what_a_remote_member_answered_no_more_is_read_than_of_a_member_here(gateway, kind, two):
    here, code = read_under_embargo(gateway, kind, OFMIN, HOTLINE, held=False)
    there, told = read_under_embargo(two.be, kind, OFMIN_THERE, BE_HOTLINE, held=False)
    assert there == here
    assert told == (said(kind)["code"] if kind.name == "outcome" else code)


@pytest.mark.parametrize(
    ("name", "lie", "held"),
    [("outcome", "received", False), ("outcome", "more_needed", False),
     ("recall_answer", "copies_erased", False), ("recall_answer", "copies_erased", True)],
)  # fmt: skip
def test_no_more_is_read_of_an_answer_that_its_gateway_tells_as_another(name, lie, held, two):
    kind, parties = ANSWERS[name], (OFMIN_THERE, BE_HOTLINE)
    read_, _ = read_under_embargo(two.be, kind, *parties, held=held)
    assert read_under_embargo(two.be, kind, *parties, held=held, told=lie)[0] == read_
