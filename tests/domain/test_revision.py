"""What a further version of a case changes: derived by comparing it with the version before."""

from copy import deepcopy
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.case import tightened
from gateway.domain.revision import ChangeKind, VersionChange, compare, loosens, strictest_change
from gateway.domain.vocabulary import ATTRIBUTIONS, PERMITTED_ACTIONS
from tests.casework import case_content, element_id
from tests.each import each

ADDITION, TIGHTENING, CORRECTION = ChangeKind
CASE = UUID("018f0000-0000-7000-8000-000000000001")
URL = f"/items/{element_id('url')}"
HOSTED = {"ip": "192.0.2.1", "observed_at": "2026-03-01T20:00:00Z"}
SEALED = {"id": element_id("host"), "sealed_to": "ofmin", "sealed": "a.b.c.d.e"}


def content(**marking: Any) -> dict[str, Any]:
    return case_content(CASE, marking=marking)


def changed(how: Any, **marking: Any) -> dict[str, Any]:
    """The case after ``how`` changed it in place."""
    made = content(**marking)
    how(made)
    return made


def item(**fields: Any) -> dict[str, Any]:
    def put(case: dict[str, Any]) -> None:
        case["items"][0] |= fields

    return changed(put)


def marked(**marking: Any) -> dict[str, Any]:
    return item(marking=marking)


def without(array: str) -> dict[str, Any]:
    return changed(lambda case: case[array].pop())


@each(
    "before, after, kind",
    [
        (content(), content(), ADDITION),
        (without("items"), content(), ADDITION),
        (content(), without("items"), CORRECTION),
        (content(), item(value="https://content.example.org/2"), CORRECTION),
        (content(), item(hosting=[HOSTED]), ADDITION),
        (item(hosting=[HOSTED]), item(hosting=[HOSTED, {**HOSTED, "ip": "192.0.2.2"}]), ADDITION),
        (item(hosting=[HOSTED]), item(hosting=[]), CORRECTION),
        (item(hosting=[HOSTED]), item(hosting=[{**HOSTED, "ip": "192.0.2.2"}]), CORRECTION),
        (content(), marked(tlp="RED"), TIGHTENING),
        (marked(tlp="RED"), marked(tlp="AMBER+STRICT"), CORRECTION),
        (marked(tlp="RED"), content(), CORRECTION),
        (marked(handling=["H1"]), marked(handling=["H1", "H2"]), TIGHTENING),
        (marked(handling=["H1"]), marked(handling=["H2"]), CORRECTION),
        (marked(tlp="RED", handling=["H1"]), marked(tlp="RED"), CORRECTION),
        (content(), content(tlp="RED"), TIGHTENING),
        (content(tlp="RED"), content(), CORRECTION),
        (content(), content(handling=["H2"]), TIGHTENING),
        (content(handling=["H2"]), content(), CORRECTION),
        (content(), content(onward="forbidden"), TIGHTENING),
        (content(onward="forbidden"), content(), CORRECTION),
        (content(), content(permitted_actions="none"), TIGHTENING),
        (content(), content(permitted_actions="contact_host"), CORRECTION),
        (content(), content(purpose=["remove"]), TIGHTENING),
        (content(purpose=["remove"]), content(), CORRECTION),
        (content(), content(erase_on="2028-03-02"), CORRECTION),
        (content(erase_on="2028-03-02"), content(), ADDITION),
        (content(), content(release_to=["ofmin"]), TIGHTENING),
        (content(release_to=["ofmin", "ocrvp"]), content(release_to=["ofmin"]), TIGHTENING),
        (content(release_to=["ofmin"]), content(release_to=["ofmin", "ocrvp"]), CORRECTION),
        (content(release_to=["ofmin"]), content(), CORRECTION),
        (content(), content(attribution="must_not"), TIGHTENING),
        (content(attribution="must_not"), content(), CORRECTION),
        (content(), content(handling_note="by hand"), TIGHTENING),
        (content(handling_note="by hand"), content(handling_note="by post"), CORRECTION),
        (content(), changed(lambda case: case.update(urgency="normal")), CORRECTION),
        (content(), changed(lambda case: case["items"].__setitem__(1, SEALED)), CORRECTION),
    ],
)
def test_the_strictest_change_of_a_version_counts(before, after, kind):
    assert compare(before, after).kind is kind


EMBARGO = {"until": "2026-04-01", "reason": "judge", "set_by": "ofmin"}


@each(
    "before, after, kind",
    [
        (None, EMBARGO, TIGHTENING),
        (EMBARGO, {**EMBARGO, "until": "2026-05-01"}, TIGHTENING),
        (EMBARGO, {**EMBARGO, "until": "2026-03-20"}, CORRECTION),
        (EMBARGO, {**EMBARGO, "reason": "operation"}, CORRECTION),
        (EMBARGO, None, CORRECTION),
    ],
)
def test_an_embargo_that_begins_or_lasts_longer_is_stricter(before, after, kind):
    assert compare(content(embargo=before), content(embargo=after)).kind is kind


def test_places_are_named_by_array_and_id():
    changed_here = compare(content(), item(value="https://content.example.org/2"))
    assert changed_here.changes == {URL: CORRECTION}
    assert set(compare(content(), content(tlp="RED")).changes) == {"/marking/tlp"}


@each(
    "said, pointer",
    [
        (VersionChange(ADDITION, "other", "why"), "/change/kind"),
        (VersionChange(TIGHTENING, "other", "why"), "/change/kind"),
        (VersionChange(CORRECTION, "other", "why"), "/change/pointers"),
        (VersionChange(CORRECTION, "other", "why", ("/urgency",)), "/change/pointers"),
        (VersionChange(CORRECTION, "other", "why", (URL, "/matter")), "/change/pointers"),
        (VersionChange(CORRECTION, "other", "why", (URL,)), None),
    ],
)
def test_a_correction_is_called_so_and_names_what_it_corrects(said, pointer):
    found = compare(content(), item(value="https://content.example.org/2"))
    assert [where for where, _ in found.label_errors(said)] == ([pointer] if pointer else [])


def test_a_version_may_be_called_stricter_than_it_is():
    found = compare(content(), item(hosting=[HOSTED]))
    assert not found.label_errors(VersionChange(CORRECTION, "other", "why", (URL,)))
    assert not found.label_errors(VersionChange(TIGHTENING, "other", "why"))


def test_what_touches_a_holder_is_what_it_was_offered():
    found = compare(content(), item(value="https://content.example.org/2"))
    assert found.touched([("items", element_id("url"))]) == ("items",)
    assert found.touched([("items", element_id("host")), ("matter", "")]) == ()
    assert compare(content(), content(tlp="RED")).touched([]) == ("marking",)


_markings = st.fixed_dictionaries(
    {
        "tlp": st.sampled_from(["AMBER", "AMBER+STRICT", "RED"]),
        "handling": st.sets(st.sampled_from(["H0", "H1", "H2", "H3"])).map(sorted),
        "onward": st.sampled_from(["listed_only", "ask_originator", "forbidden"]),
        "permitted_actions": st.sampled_from(PERMITTED_ACTIONS),
        "attribution": st.sampled_from(ATTRIBUTIONS),
    }
)


@given(_markings, _markings)
def test_what_is_stricter_one_way_is_a_correction_the_other_way(one, other):
    there, back = (
        compare(content(**one), content(**other)),
        compare(content(**other), content(**one)),
    )
    if one == other:
        assert there.kind is back.kind is ADDITION
    else:
        assert CORRECTION in (there.kind, back.kind)
        assert (there.kind, back.kind) != (TIGHTENING, TIGHTENING)


@given(_markings, _markings)
def test_the_conditions_that_bind_loosen_none_of_either_version(one, other):
    both = tightened(content(**one)["marking"], content(**other)["marking"])
    for each_one in (one, other):
        assert compare(content(**each_one), content(**deepcopy(both))).kind is not CORRECTION


@each("kinds", [[], [ADDITION], [ADDITION, TIGHTENING], [*ChangeKind]])
def test_of_several_changes_the_strictest_counts(kinds):
    assert strictest_change(kinds) is (kinds or [ADDITION])[-1]


def classified(method: str) -> dict[str, Any]:
    found = {"id": str(CASE), "scheme": "fr_law", "code": "csam", "method": method}
    return {**content(tlp="AMBER"), "classifications": [found]}


@each(
    "before, after, looser",
    [
        (content(tlp="RED"), content(tlp="AMBER"), True),
        (content(tlp="AMBER"), content(tlp="RED"), False),
        (content(handling=["H1"]), content(handling=[]), True),
        (content(handling=["H0"]), content(handling=["H1"]), False),
        (marked(tlp="RED"), item(), True),
        (marked(tlp="RED"), marked(tlp="AMBER"), True),
        (marked(tlp="RED"), changed(lambda _: None, tlp="RED"), False),
        (marked(handling=["H1"]), marked(handling=["H2"]), True),
        (content(), without("items"), False),
        (classified("human"), classified("hash_match"), True),
        (classified("human_x2"), classified("human"), True),
        (classified("classifier"), classified("human_x2"), False),
        (content(urgency="normal"), content(), False),
    ],
)
def test_what_loosens_is_a_lower_tlp_fewer_codes_or_a_weaker_method(before, after, looser):
    assert loosens(before, after) is looser


@each(
    "code, pointers, ids",
    [
        ("unlawful", (URL, "/urgency"), (element_id("url"),)),
        ("inaccurate", (URL,), ()),
    ],
)
def test_a_correction_names_the_elements_that_were_unlawful(code, pointers, ids):
    said = VersionChange(CORRECTION, code, "why", pointers)
    assert said.unlawful == ids
