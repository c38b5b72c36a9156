"""Outcomes: which fields go together, and what each reader reads of each, by the kinds of both."""

from datetime import UTC, datetime, timedelta
from itertools import product

from gateway.domain.answers import ANSWERS, misplaced
from gateway.domain.handoff import ON_REQUISITION, OUTCOMES, RELEASABLE, SHOWN_TO_ALL
from gateway.domain.outcome import (
    ConsultationNotice,
    codes_shown_for,
    informs_originator,
    outcome_as_read,
    outcome_errors,
)
from tests.each import each

OUTCOME = ANSWERS["outcome"]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OWN = {"note": "who is suspected", "evidence_ref": "PV 2026/7", "reason": "because"}
FOR_ORIGINATOR = {"to_originator": "thank you"}
SAID = {**OWN, **FOR_ORIGINATOR, "items": ["an id"]}

READ_AS_CLOSED = {
    "child_safeguarded",
    "victim_identified",
    "suspect_identified",
    "no_further_action",
}


def read(code, *, author=True, reader=False, embargoed=False, **said):
    """The code and the fields of an outcome as read; by default of the police, by others."""
    fields = {"code": code, **SAID, **said}
    seen, shown = outcome_as_read(
        fields, author_is_police=author, reader_is_police=reader, embargoed=embargoed
    )
    assert seen in codes_shown_for(OUTCOME, shown)
    assert shown.items() <= fields.items()
    return seen, shown


@each("code", sorted(OUTCOMES - SHOWN_TO_ALL))
def test_others_read_of_a_police_outcome_its_arrival_or_its_end_and_what_is_for_them(code):
    seen, shown = read(code)
    assert seen == ("closed" if code in READ_AS_CLOSED else "received")
    assert shown == FOR_ORIGINATOR


@each("code", sorted(SHOWN_TO_ALL))
def test_others_read_that_it_is_a_duplicate_or_a_question_and_of_which_items(code):
    question = {"what": "source_log", "text": "which", "requisition": "none"}
    assert read(code, **question) == (
        code,
        {"code": code, "items": ["an id"], **FOR_ORIGINATOR, **question},
    )


@each("release", RELEASABLE)
@each("code", sorted(OUTCOMES - SHOWN_TO_ALL))
def test_what_the_police_release_is_read_in_place_of_the_code(code, release):
    assert read(code, release=release) == (release, {"release": release, **FOR_ORIGINATOR})


@each("author, reader", [(True, True), (False, True), (False, False)])
@each("code", sorted(OUTCOMES))
def test_the_police_read_every_outcome_and_all_parties_that_of_others(code, author, reader):
    assert read(code, author=author, reader=reader) == (code, {"code": code, **SAID})


@each("author", [True, False])
@each("code", sorted(OUTCOMES))
def test_under_an_embargo_its_arrival_alone_is_read(code, author):
    assert read(code, author=author, release="in_progress", embargoed=True) == ("received", {})


def test_a_reader_holds_the_code_that_it_is_shown_against_what_is_disclosed():
    assert codes_shown_for(OUTCOME, {}) == {"received", "closed"}
    assert codes_shown_for(OUTCOME, {"release": "in_progress"}) == {"in_progress"}
    said = {"code": "removed", "release": "in_progress"}
    assert codes_shown_for(OUTCOME, said) == {"removed"}
    recalled = ANSWERS["recall_answer"]
    assert codes_shown_for(recalled, {}) == {"kept_by_law"}
    assert codes_shown_for(recalled, {"done": "declined"}) == {"declined"}


LATER = (NOW + timedelta(days=1)).isoformat()


@each(
    "pointer, fields",
    [
        ("/what", {"code": "more_needed"}),
        ("/what", {"code": "received", "what": "other"}),
        ("/text", {"code": "received", "text": "which"}),
        ("/text", {"code": "more_needed", "what": "other"}),
        ("/until", {"code": "received", "until": LATER}),
        ("/until", {"code": "more_needed", "what": "other", "text": "x", "until": NOW.isoformat()}),
        ("/requisition", {"code": "case_opened", "requisition": "none"}),
        *(("/requisition", {"code": "more_needed", "what": one}) for one in ON_REQUISITION),
        ("/items", {"code": "assessment_not_confirmed"}),
        *(("/release", {"code": one, "release": "in_progress"}) for one in SHOWN_TO_ALL),
    ],
)
def test_fields_that_do_not_go_together_are_named(pointer, fields):
    said = {"items": ["an id"], **fields} if pointer == "/release" else fields
    if said["code"] == "more_needed" and pointer == "/release":
        said |= {"what": "other", "text": "which"}
    assert [at for at, _ in outcome_errors(said, NOW)] == [pointer]


@each(
    "fields",
    [
        {"code": "more_needed", "what": "other", "text": "which browser", "until": LATER},
        {"code": "more_needed", "what": "victim_contact", "requisition": "none"},
        {"code": "assessment_not_confirmed", "items": ["an id"]},
        {"code": "victim_identified", "release": "in_progress", "to_originator": "thank you"},
    ],
)
def test_fields_that_go_together_are_taken(fields):
    assert outcome_errors(fields, NOW) == ()


# --- Of which consultations an originator learns, by the kinds of both and the setting ---


def told(notice, *, public=False, police=True, embargoed=False, before=False):
    return informs_originator(
        notice,
        originator_is_public=public,
        reader_is_police=police,
        embargoed=embargoed,
        informed_before=before,
    )


@each("public, police", [(True, True), (True, False), (False, False)])
@each("notice, embargoed, before", list(product(ConsultationNotice, [True, False], [True, False])))
def test_authorities_and_originators_of_others_learn_of_each(
    notice, embargoed, before, public, police
):
    assert told(notice, public=public, police=police, embargoed=embargoed, before=before)


@each(
    "notice, first, later",
    [
        (ConsultationNotice.NONE, False, False),
        (ConsultationNotice.FIRST, True, False),
        (ConsultationNotice.EACH, True, True),
    ],
)
def test_a_private_originator_learns_of_the_police_what_the_operator_chose(notice, first, later):
    assert told(notice) is first
    assert told(notice, before=True) is later


@each("notice, before", list(product(ConsultationNotice, [True, False])))
def test_under_an_embargo_a_private_originator_learns_of_none(notice, before):
    assert not told(notice, embargoed=True, before=before)


def test_a_field_of_a_question_goes_with_the_code_of_one_and_says_so():
    said = {"code": "received", "what": "other", "requisition": "none"}
    assert [*misplaced(ANSWERS["outcome"].fields, said)] == [
        ("/what", "goes with the code more_needed"),
        ("/requisition", "goes with the code more_needed"),
    ]


def test_what_says_why_a_case_is_kept_goes_with_no_erasure():
    fields = ANSWERS["recall_answer"].fields
    kept = {"authority": "a", "reference": "b", "legal_basis": "c", "until": "2027-01-01"}
    found = [at for at, _ in misplaced(fields, {"done": "copies_erased", **kept})]
    assert sorted(found) == ["/authority", "/legal_basis", "/reference", "/until"]
    beside = {"done": "declined", "backups_until": "2027-01-01"}
    assert [at for at, _ in misplaced(fields, beside)] == ["/backups_until"]
    assert [*misplaced(fields, {"done": "declined", **kept})] == []
