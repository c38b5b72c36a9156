"""A case: every state with every move, who assesses and clears, its parts as policy sees them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import case as cases
from gateway.domain.case import (
    ARRAYS,
    CLEAR,
    CLEAR_MARKING,
    DISCLOSED,
    EMBARGO_TERMS,
    FORCES,
    GROUPS,
    MARKING_PROPERTIES,
    PROPERTIES,
    ROUTING_FIELDS,
    WITH_FORCE,
    Case,
    CaseAction,
    CaseState,
    Element,
    conditions,
    element,
    embargoed,
    repeats,
    tightened,
)
from gateway.domain.refusals import SecondPersonRequired, UnconfirmedMatch, WrongState
from gateway.domain.vocabulary import (
    ATTRIBUTIONS,
    ONWARD,
    PERMITTED_ACTIONS,
    TLP,
    Handling,
    ItemKind,
    Marking,
    Purpose,
    StatementKind,
    SubjectCategory,
)
from gateway.evidence import sd_jwt
from tests.casework import case_content, machine_match
from tests.each import each
from tests.evidence.ingredients import chance, es256

TODAY = date(2026, 3, 2)
UNERASED = [state for state in CaseState if state is not CaseState.ERASED]
NOBODY: frozenset[str] = frozenset()
STEPS = {
    CaseAction.REVISE: lambda case: cases.revise(case, 2, "next", frozenset({"m-2"})),
    CaseAction.ASSESS: lambda case: cases.assess(case, "analyst-1", frozenset({"m-1"})),
    CaseAction.CLEAR: lambda case: cases.clear(case, "approver-1"),
    CaseAction.CLOSE: cases.close,
    CaseAction.ERASE: lambda case: cases.erase(case, TODAY),
}

# Written out, and not taken from the table under test.
ALLOWED = {
    "draft": {"revise": "draft", "assess": "assessed", "close": "closed"},
    "assessed": {"revise": "draft", "clear": "cleared", "close": "closed"},
    "cleared": {"revise": "draft", "close": "closed"},
    "closed": {"revise": "draft", "erase": "erased"},
}


def case(state: CaseState = CaseState.DRAFT, **changes: Any) -> Case:
    made = Case(
        "hotline-a",
        UUID(int=1),
        1,
        "digest",
        "ref-1",
        TODAY + timedelta(days=1),
        state=state,
        unconfirmed_matches=frozenset({"m-1"}),
    )
    return replace(made, **changes)


@each("state", CaseState)
@each("step", CaseAction)
def test_a_step_leads_where_the_contract_says_or_is_refused(state, step):
    target = ALLOWED.get(state, {}).get(step)
    if target is None:
        with pytest.raises(WrongState, match=state):
            STEPS[step](case(state))
        return
    assert STEPS[step](case(state)).state == target


@each("state", UNERASED)
def test_from_its_day_on_a_case_is_erased_wherever_it_stands(state):
    due = case(state, erase_on=TODAY)
    assert cases.erase(due, TODAY).state is CaseState.ERASED
    if state is not CaseState.CLOSED:
        with pytest.raises(WrongState):
            cases.erase(due, TODAY - timedelta(days=1))


@each("state", UNERASED)
def test_what_is_lost_is_erased_wherever_it_stands(state):
    assert cases.erase(case(state), TODAY, lost=True).state is CaseState.ERASED


def test_an_erased_case_names_nobody():
    before = case(CaseState.CLOSED, assessed_by="analyst-1", cleared_by="approver-1")
    after = cases.erase(before, TODAY)
    assert (after.assessed_by, after.second_assessor, after.cleared_by) == (None, None, None)


def test_an_erased_case_is_never_erased_again():
    with pytest.raises(WrongState):
        cases.erase(case(CaseState.ERASED, erase_on=TODAY), TODAY, lost=True)


def test_a_new_version_forgets_who_stood_for_the_old_one():
    before = case(CaseState.CLEARED, assessed_by="analyst-1", cleared_by="approver-1")
    after = cases.revise(before, 2, "next", frozenset({"m-2"}))
    assert after == case(version=2, digest="next", unconfirmed_matches=frozenset({"m-2"}))


def test_an_assessment_confirms_every_match_of_a_machine():
    after = cases.assess(case(), "analyst-1", frozenset({"m-1", "another"}))
    assert (after.unconfirmed_matches, after.assessed_by) == (NOBODY, "analyst-1")


@each("confirmed", [frozenset(), frozenset({"m-1"}), frozenset({"m-9"})])
def test_a_match_that_nobody_confirms_is_no_finding(confirmed):
    with pytest.raises(UnconfirmedMatch, match="m-2"):
        cases.assess(case(unconfirmed_matches=frozenset({"m-1", "m-2"})), "analyst-1", confirmed)


def test_who_assessed_a_case_does_not_clear_it():
    with pytest.raises(SecondPersonRequired):
        cases.clear(case(CaseState.ASSESSED, assessed_by="analyst-1"), "analyst-1")


def test_another_person_clears_the_case_and_is_remembered():
    after = cases.clear(case(CaseState.ASSESSED, assessed_by="analyst-1"), "approver-1")
    assert (after.assessed_by, after.cleared_by) == ("analyst-1", "approver-1")


@each("method", ["hash_match", "classifier", "human", "human_x2"])
def test_what_only_a_machine_found_waits_for_a_person(method):
    content = {"classifications": [{"id": "c-1", "method": method}]}
    waits = {"c-1"} if method in {"hash_match", "classifier"} else set()
    assert cases.unconfirmed_matches(content) == waits


def test_a_case_without_classifications_has_no_match():
    assert cases.unconfirmed_matches({}) == NOBODY


# --- content, taken apart and put together -------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_SCALAR = st.one_of(_TEXT, st.booleans(), st.integers(0, 2**32), st.lists(_TEXT, max_size=3))
_OBJECT = st.dictionaries(st.sampled_from(["text", "kind", "code", "note"]), _SCALAR, max_size=3)


_EMBARGO = st.fixed_dictionaries(dict.fromkeys((*EMBARGO_TERMS, "reason", "set_by"), _SCALAR))


def _some_of(names: Any, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(names)), value)


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """Case JSON of any parts; only what every case has is always there."""
    marking = {name: draw(_SCALAR) for name in CLEAR_MARKING}
    stated = set(MARKING_PROPERTIES) - {"embargo", "embargo_source"}
    marking |= draw(_some_of(stated, st.one_of(_SCALAR, _OBJECT)))
    marking |= draw(_some_of({"embargo"}, _EMBARGO))
    content = {"case": str(UUID(int=7)), "version": draw(st.integers(1, 99)), "marking": marking}
    if content["version"] > 1:
        content["previous"] = draw(_TEXT)
    own = PROPERTIES.keys() - set(MARKING_PROPERTIES)
    content |= draw(_some_of(own, st.one_of(_SCALAR, _OBJECT, st.lists(_OBJECT, max_size=2))))
    return content | draw(_some_of(ARRAYS, st.lists(_OBJECT, min_size=1, max_size=6)))


def issued(content: dict[str, Any]) -> sd_jwt.SdJwt:
    return sd_jwt.issue(
        typ="case",
        claims={"iss": "https://gateway.example.org", **cases.undisclosable_claims(content)},
        properties=cases.disclosable_properties(content),
        arrays=cases.disclosable_arrays(content),
        signer=es256(),
        random=chance("case"),
    )


@given(contents())
def test_a_case_comes_back_from_its_signed_document_as_it_went_in(content):
    verified = sd_jwt.verify(issued(content).compact(), typ="case", keys=es256().keys())
    assert cases.case_from_claims(sd_jwt.merge_disclosures(verified)) == content


@given(contents())
def test_a_document_without_its_disclosures_shows_the_conditions_and_no_content(content):
    bare = issued(content).present(())
    verified = sd_jwt.verify(bare.compact(), typ="case", keys=es256().keys())
    clear = {name: content["marking"][name] for name in CLEAR_MARKING}
    known = {name: content[name] for name in ("case", "version", "previous") if name in content}
    assert cases.case_from_claims(sd_jwt.merge_disclosures(verified)) == {**known, "marking": clear}


def test_an_empty_array_is_the_same_as_none():
    content = case_content(UUID(int=7), subjects=[])
    verified = sd_jwt.read_unverified(issued(content).compact())
    assert cases.case_from_claims(verified.content) == case_content(UUID(int=7), subjects=None)


def test_disclosures_come_in_one_order_whatever_that_of_the_content():
    content = case_content(UUID(int=7))
    turned = dict(reversed(content.items()))
    assert cases.disclosable_properties(turned) == cases.disclosable_properties(content)
    assert [name for name, _ in cases.disclosable_arrays(turned)] == list(ARRAYS)


def test_every_group_can_be_offered_and_the_conditions_stand_in_clear():
    assert {*PROPERTIES.values(), *ARRAYS} == set(GROUPS)
    assert {*DISCLOSED, "matter", "urgency", "urgency_reason"} == set(ROUTING_FIELDS)
    assert {PROPERTIES[name] for name in ROUTING_FIELDS} == {"routing"}
    assert CLEAR_MARKING == CLEAR


def test_who_set_an_embargo_is_disclosed_apart_from_its_terms():
    content = case_content(UUID(int=7))
    terms = {"no_notice_to_host": True, "no_publication": False, "until": "2026-04-01"}
    source = {"reason": "judge", "set_by": "office"}
    content["marking"] = {**content["marking"], "embargo": {**terms, **source}}
    disclosed = dict(cases.disclosable_properties(content))
    assert (disclosed["embargo"], disclosed["embargo_source"]) == (terms, source)


def test_the_handling_codes_of_a_case_are_those_of_all_its_parts():
    content = case_content(UUID(int=7))
    url, host = content["items"]
    content["items"] = [url, {**host, "marking": {"handling": ["H2"]}}]
    assert cases.handling_codes(content) == {*content["marking"]["handling"], "H2"}


# --- elements, as policy sees them ---------------------------------------------------------------

AMBER = Marking("AMBER", frozenset())


def described(name: str, value: dict[str, Any], marking: Marking = AMBER, **who: bool) -> Element:
    return element(name, True, value, marking, frozenset(), police=who.get("police", False))


@each("name", PROPERTIES)
def test_a_property_is_of_its_group_and_under_the_marking_of_the_case(name):
    seen = element(name, False, "anything", AMBER, frozenset(), police=True)
    assert seen == Element(PROPERTIES[name], name, name, AMBER)


@each("kind", ItemKind)
def test_an_item_is_of_its_kind(kind):
    assert described("items", {"kind": kind}) == Element("items", "items", kind, AMBER)


@each("kind", StatementKind)
def test_what_the_police_state_is_a_police_statement_whatever_its_kind(kind):
    assert described("statements", {"kind": kind}).category == kind
    assert described("statements", {"kind": kind}, police=True).category == "police_statement"


@each("category", SubjectCategory)
@each("police", [True, False])
def test_a_person_is_of_the_category_of_the_content(category, police):
    assert described("subjects", {"category": category}, police=police).category == category


@each("array", ["classifications", "references"])
def test_codes_and_references_are_of_their_scheme(array):
    assert described(array, {"scheme": "iccam"}) == Element(array, array, "iccam", AMBER)


def test_a_category_comes_from_content_and_never_from_a_label():
    value = {"category": "suspect", "group": "items", "label": "victim", "kind": "fact"}
    assert described("subjects", value).category == "suspect"


@each(
    "own, expected",
    [
        ({"tlp": "RED"}, Marking("RED", frozenset({"H0"}))),
        ({"tlp": "GREEN"}, Marking("AMBER", frozenset({"H0"}))),
        ({"handling": ["H2"]}, Marking("AMBER", frozenset({"H0", "H2"}))),
        ({}, Marking("AMBER", frozenset({"H0"}))),
    ],
)
def test_an_elements_marking_only_adds_to_that_of_the_case(own, expected):
    seen = described("items", {"kind": "url", "marking": own}, Marking("AMBER", frozenset({"H0"})))
    assert seen.marking == expected


@each("alg, tlp", [("pdq", "AMBER+STRICT"), ("photodna", "AMBER+STRICT"), ("sha256", "GREEN")])
def test_a_perceptual_hash_is_at_least_amber_strict(alg, tlp):
    value = {"kind": "hash", "hash": [{"alg": "sha1", "value": "x"}, {"alg": alg, "value": "x"}]}
    assert described("items", value, Marking("GREEN", frozenset())).marking.tlp == tlp


def test_the_elements_of_a_whole_case_can_be_described():
    content = case_content(UUID(int=7), classifications=[machine_match()])
    verified = sd_jwt.read_unverified(issued(content).compact())
    seen = {
        element(p.name, p.in_array, p.value, AMBER, frozenset(), police=False).group
        for p in verified.placed
    }
    assert seen == set(GROUPS)


# --- dates ---

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = NOW.date()


def dated(**changes: Any) -> dict[str, Any]:
    return {
        "received_at": "2026-11-26T12:04:59Z",
        "marking": {"erase_on": "2026-11-27"},
        "legal_basis": [{"source_legal_basis": {"dated": "2026-11-26"}}, {}],
        "items": [
            {
                "hosting": [{"observed_at": "2026-11-26T13:00:00+01:00"}],
                "online": [{"checked_at": "2026-11-26T12:00:00Z"}],
            },
            {"sealed": "..."},
        ],
        "statements": [{"made_at": "2026-11-26T12:00:00Z"}, {"sealed": "..."}],
        "subjects": [{"qualified_at": "2026-11-26T12:00:00Z"}, {}],
        "classifications": [{"assessed_at": "2026-11-26T12:00:00Z"}],
        **changes,
    }


def pointers(content: dict[str, Any], planned: date | None = None) -> list[str]:
    return [pointer for pointer, _ in cases.date_errors(content, NOW, DAY, planned)]


def test_dates_from_yesterday_to_the_clocks_allowance_are_taken():
    assert pointers(dated()) == []
    assert pointers({"received_at": "2020-01-01T00:00:00Z", **_least("2036-11-26")}) == []


def _least(erase_on: str) -> dict[str, Any]:
    return {"marking": {"erase_on": erase_on}, "legal_basis": []}


@each("day", ["2026-11-26", "2026-11-25", "1926-11-27", "2036-11-28", "9999-12-31"])
def test_a_case_is_erased_between_tomorrow_and_in_ten_years(day):
    assert pointers(dated(marking={"erase_on": day})) == ["/marking/erase_on"]


def test_a_version_puts_the_day_of_erasure_off_and_never_brings_it_forward():
    later, planned = {"erase_on": "2027-03-02"}, date(2027, 3, 2)
    assert pointers(dated(marking=later), planned) == []
    assert pointers(dated(marking=later), date(2027, 3, 1)) == []
    assert pointers(dated(marking=later), date(2027, 3, 3)) == ["/marking/erase_on"]


FUTURE = "2026-11-26T12:05:01Z"


@each(
    "changes, pointer",
    [
        ({"received_at": FUTURE}, "/received_at"),
        ({"received_at": "2026-11-26T12:00:00-01:00"}, "/received_at"),
        ({"items": [{"hosting": [{"observed_at": FUTURE}]}]}, "/items/0/hosting/0/observed_at"),
        ({"items": [{"online": [{"checked_at": FUTURE}]}]}, "/items/0/online/0/checked_at"),
        ({"statements": [{"made_at": FUTURE}]}, "/statements/0/made_at"),
        ({"subjects": [{}, {"qualified_at": FUTURE}]}, "/subjects/1/qualified_at"),
        ({"classifications": [{"assessed_at": FUTURE}]}, "/classifications/0/assessed_at"),
        (
            {"legal_basis": [{"source_legal_basis": {"dated": "2026-11-27"}}]},
            "/legal_basis/0/source_legal_basis/dated",
        ),
    ],
)
def test_nothing_was_done_in_the_future(changes, pointer):
    assert pointers(dated(**changes)) == [pointer]


# --- Conditions of use: what an offer states, and what a later version may add to it ---


def words(listed: Any) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([*map(str, listed)]), unique=True)


DAYS = st.dates(date(2026, 1, 1), date(2036, 1, 1)).map(date.isoformat)
FORCE = st.fixed_dictionaries({"force": st.sampled_from(FORCES), "reference": st.just("x 1")})
STATED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "tlp": st.sampled_from(TLP),
        "handling": words(Handling),
        "onward": st.sampled_from(ONWARD),
        "permitted_actions": st.sampled_from(PERMITTED_ACTIONS),
        "purpose": words(Purpose),
        "erase_on": DAYS,
        "attribution": st.sampled_from(ATTRIBUTIONS),
    },
    optional={
        "handling_note": st.sampled_from(["ask first", "never to the press"]),
        "embargo": st.fixed_dictionaries(
            {"no_notice_to_host": st.booleans(), "no_publication": st.booleans(), "until": DAYS}
        ),
        "embargo_source": st.just({"reason": "judge", "set_by": "office"}),
        "force": st.dictionaries(st.sampled_from(WITH_FORCE), FORCE),
    },
)


def test_the_conditions_of_a_case_are_its_claims_in_clear_and_what_it_discloses():
    claims = {name: name.upper() for name in (*CLEAR, *DISCLOSED)} | {"iss": "x", "case": "y"}
    assert conditions(claims) == {name: name.upper() for name in (*CLEAR, *DISCLOSED)}
    clear = {name: claims[name] for name in CLEAR}
    assert conditions(clear) == clear


def test_an_offer_has_its_own_purpose_and_names_how_it_may_leave_for_a_third_country():
    stated = conditions(dict.fromkeys(CLEAR, "x"), ("remove",), "decision 7")
    assert (stated["purpose"], stated["transfer_tool"]) == (["remove"], "decision 7")


@each("missing", CLEAR)
def test_a_case_without_one_of_the_conditions_in_clear_has_none(missing):
    with pytest.raises(KeyError):
        conditions({name: "x" for name in CLEAR if name != missing})


@given(STATED, STATED)
def test_what_a_later_version_says_makes_no_condition_looser(stated, later):
    binding = tightened(stated, later)
    assert TLP.index(binding["tlp"]) == max(TLP.index(s["tlp"]) for s in (stated, later))
    assert ONWARD.index(binding["onward"]) == max(
        ONWARD.index(s["onward"]) for s in (stated, later)
    )
    actions = PERMITTED_ACTIONS
    assert actions.index(binding["permitted_actions"]) == min(
        actions.index(s["permitted_actions"]) for s in (stated, later)
    )
    assert {*binding["handling"]} == {*stated["handling"], *later["handling"]}
    assert binding["erase_on"] == min(stated["erase_on"], later["erase_on"])
    assert binding["purpose"] == stated["purpose"]
    for one in (stated, later):
        assert one.get("handling_note", "") in binding.get("handling_note", "")
        if "embargo" in one:
            assert binding["embargo"]["until"] >= one["embargo"]["until"]


@given(STATED, STATED)
def test_a_tightening_is_idempotent_and_repeats_what_was_stated(stated, later):
    binding = tightened(stated, later)
    assert tightened(binding, later) == binding
    assert repeats(binding, stated)
    assert repeats(stated, stated)


@given(STATED, STATED)
def test_what_repeats_each_other_is_the_same(stated, later):
    if repeats(later, stated) and repeats(stated, later):
        assert later == stated


@each(
    "change",
    [
        {"tlp": "CLEAR"},
        {"tlp": "PURPLE"},
        {"handling": []},
        {"purpose": ["remove"]},
        {"erase_on": "2037-01-01"},
        {"embargo": {}},
        {"force": None},
        {"extra": "condition"},
    ],
)
def test_what_is_looser_or_foreign_repeats_nothing(change):
    stated = {
        "tlp": "AMBER",
        "handling": ["H1"],
        "onward": "forbidden",
        "permitted_actions": "none",
        "purpose": ["investigate"],
        "erase_on": "2036-01-01",
        "embargo": {"no_notice_to_host": True, "no_publication": True, "until": "2026-02-01"},
        "force": {"tlp": {"force": "law", "reference": "LED 9(3)"}},
    }
    assert not repeats({**stated, **change}, stated)


@each("missing", ["tlp", "embargo", "handling_note"])
def test_conditions_without_one_of_those_stated_repeat_nothing(missing):
    stated = {"tlp": "AMBER", "embargo": {"until": "2026-02-01"}, "handling_note": "ask"}
    assert not repeats({n: v for n, v in stated.items() if n != missing}, stated)


@each("day, holds", [(date(2026, 3, 4), True), (date(2026, 3, 5), False)])
def test_an_embargo_ends_with_the_day_before_its_until(day, holds):
    assert embargoed({"embargo": {"until": "2026-03-05"}}, day) is holds


@each("content", [{}, {"embargo": None}])
def test_no_embargo_holds_on_no_day(content):
    assert not embargoed(content, date.min)
