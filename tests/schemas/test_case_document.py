"""The case JSON: what is taken, what is refused and where, all errors at once."""

import json
from base64 import b64encode
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.case import (
    ARRAYS,
    PROPERTIES,
    SEALABLE,
    disclosable_arrays,
    disclosable_properties,
)
from gateway.domain.media import find_media
from gateway.domain.sealed import SealedContent
from gateway.evidence import canonical, seal
from gateway.evidence.signature import read_encryption_key
from gateway.schemas.case_document import CASE, CaseInvalid, load_case
from tests.each import each
from tests.ports import encryption_key
from tests.web.partners.case_example import (
    ASSESSMENT,
    CASE_ID,
    CODE,
    FACT,
    HASH_ITEM,
    ITEM,
    OLD_CODE,
    SHA256,
    full_case,
    small_case,
)

ABSENT = object()
UUID = "018f0000-0000-7000-8000-0000000000ff"


def errors_of(case):
    with pytest.raises(CaseInvalid) as refused:
        load_case(case)
    return refused.value.errors


def pointers_of(case):
    return [pointer for pointer, _ in errors_of(case)]


def steps(pointer):
    return [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]


def changed(case, pointer, value):
    """A copy of a case with one value set, added or (ABSENT) removed."""
    case = deepcopy(case)
    *way, last = steps(pointer)
    place = case
    for step in way:
        place = place[step]
    if value is ABSENT:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return case


def leaves(value, pointer=""):
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    yield pointer, value
    for name, member in members:
        yield from leaves(member, f"{pointer}/{name}")


FULL_PLACES = [pointer for pointer, _ in leaves(full_case()) if pointer]
OBJECTS = [pointer for pointer, value in leaves(full_case()) if isinstance(value, dict)]


# --- what is taken ---


def sealed(**changes):
    """An element sealed to a key, as far as anybody but the addressee can tell."""
    key = encryption_key("police-a")
    contents = SealedContent("a", "b", CASE_ID, UUID, "reporter", {"name": "N. N."})
    text = seal.seal(contents, *read_encryption_key(key.public_jwk()))
    return {"id": UUID, "sealed_to": "police-a", "sealed": text, **changes}


def test_pages_that_were_found_apart_are_a_source_each():
    another = {"id": UUID, "kind": "url", "value": "https://b.example/", "is_source": True}
    assert load_case(changed(full_case(), "/items/2", another))["items"][2]["is_source"]


@each("name", SEALABLE)
def test_a_sealed_element_stands_in_the_place_of_an_open_one(name):
    case = full_case()
    case[name].append(sealed())
    assert load_case(case) == case


@each("name", sorted({*ARRAYS} - {*SEALABLE}))
def test_other_elements_are_not_sealed(name):
    case = full_case()
    case[name].append(sealed())
    assert f"/{name}/{len(case[name]) - 1}/sealed" in pointers_of(case)


@each(
    "changes, place",
    [
        ({"kind": "fact"}, "kind"),
        ({"marking": {"tlp": "AMBER"}}, "marking"),
        ({"category": "victim"}, "category"),
        ({"sealed_to": "Police A"}, "sealed_to"),
        ({"sealed_to": None}, "sealed_to"),
        ({"id": "x"}, "id"),
        ({"sealed": "text"}, "sealed"),
        ({"sealed": None}, "sealed"),
        ({"sealed": {"payload": "x"}}, "sealed"),
        ({"sealed": "A" * 5000}, "sealed"),
    ],
)
def test_a_sealed_element_has_no_label_and_nothing_but_a_seal(changes, place):
    case = full_case()
    case["subjects"].append(sealed(**changes))
    assert pointers_of(case) == [f"/subjects/{len(case['subjects']) - 1}/{place}"]


def test_the_id_of_a_sealed_element_is_used_once_and_may_be_named_by_others():
    case = full_case()
    case["statements"].append(sealed())
    case["subjects"][0]["basis_statement"] = [UUID]
    assert load_case(case)
    case["statements"].append(sealed())
    assert f"/statements/{len(case['statements']) - 1}/id" in pointers_of(case)


def test_a_case_may_have_nothing_but_sealed_content():
    case = small_case()
    assert load_case({**case, "items": [sealed()]})


def test_a_case_with_every_field_is_taken_as_it_is():
    assert load_case(full_case()) == full_case()


def test_a_case_with_required_fields_only_is_taken_as_it_is():
    assert load_case(small_case()) == small_case()


def test_the_example_has_every_field_of_the_profile():
    def names(schema):
        for name, field in schema.fields.items():
            yield name
            inner = getattr(getattr(field, "inner", field), "schema", None)
            if inner is not None:
                yield from names(inner)

    written = {step for p in FULL_PLACES for step in steps(p) if isinstance(step, str)}
    assert set(names(CASE)) == written


def test_no_force_is_stated_of_an_embargo_that_is_not_there():
    case = full_case()
    del case["marking"]["embargo"]
    with pytest.raises(CaseInvalid) as refused:
        load_case(case)
    assert [pointer for pointer, _ in refused.value.errors] == ["/marking/force"]


def test_what_is_disclosed_is_what_the_profile_has():
    case = load_case(full_case())
    assert [name for name, _ in disclosable_properties(case)] == list(PROPERTIES)
    assert [name for name, elements in disclosable_arrays(case) if elements] == list(ARRAYS)


def test_a_case_of_statements_only_is_taken():
    case = changed(small_case(), "/items", ABSENT)
    case["statements"] = [deepcopy(full_case()["statements"][0])]
    assert load_case(case) == case


def test_the_keys_come_out_in_the_order_of_the_profile():
    backwards = dict(reversed(small_case().items()))
    assert list(load_case(backwards)) == list(load_case(small_case()))


def test_the_evidence_layer_can_write_every_case():
    assert json.loads(canonical.encode(load_case(full_case()))) == full_case()


# --- what is refused, field by field ---

PROSE_PLACES = [
    "/originator_ref",
    "/statements/0/text",
    "/marking/handling_note",
    "/marking/retention_rule",
    "/legal_basis/0/article",
    "/legal_basis/0/national_law",
    "/legal_basis/0/art9_condition",
    "/legal_basis/0/art10_condition",
    "/legal_basis/0/source_legal_basis/text",
    "/legal_basis/0/transfer_tool",
    "/legal_basis/0/necessity_note",
    "/items/0/hosting/0/isp",
    "/items/0/hosting/0/org",
    "/items/0/hosting/0/registrar",
    "/classifications/1/law_ref",
    "/classifications/1/code",
]

WRONG = [
    ("/case", CASE_ID.upper()),
    ("/version", 0),
    ("/version", -1),
    ("/version", 1.0),
    ("/version", "1"),
    ("/version", True),
    ("/version", 1_000_001),
    ("/previous", "R1J0n9eXy9Hk0kYk3Zw1bT4o8Xb2mQ6uVfWc7LqPz5F"),  # spare bits are set
    ("/previous", None),
    ("/originator_ref", " "),
    ("/originator_ref", "a\nb"),
    ("/references/0/value", "Somebody Real"),
    ("/received_at", "2026-01-02T10:00:00"),
    ("/received_at", 1767348000),
    ("/reporter/anonymous", "true"),
    ("/reporter/anonymous", 1),
    ("/reporter/feedback_requested", None),
    ("/matter", []),
    ("/matter", "csam"),
    ("/matter", {"csam": 1}),
    ("/matter", ["csam", "csam"]),
    ("/items/0/value", "https://user:secret@a.example/"),
    ("/items/0/value", "https://a.example/" + "a" * 2040),
    ("/items/0/value", "data:image/png;base64,AAAA"),
    ("/items/0/is_source", 1),
    ("/items/0/referrer", "C:\\x"),
    ("/items/0/payment_method", ["cash"]),
    ("/items/0/hosting/0/ip", "192.0.2.010"),
    ("/items/0/hosting/0/as_number", 0),
    ("/items/0/hosting/0/as_number", 2**32),
    ("/items/0/hosting/0/is_cdn", "no"),
    ("/items/0/hash/0/value", SHA256.upper()),
    ("/items/0/hash/0/value", SHA256[:-1]),
    ("/items/0/hash/0/value", SHA256 + "\n"),
    ("/items/0/online/0/checks", -1),
    ("/items/1/value", "A" * 32),
    ("/statements/0/text", "a\0b"),
    ("/statements/0/text", "a\ud800b"),
    ("/statements/0/text", "a\u202eb"),
    ("/statements/0/content_warning", 2),
    ("/statements/1/information_accuracy", 3),
    ("/subjects/0/minor", False),
    ("/subjects/0/basis_statement", []),
    ("/classifications/0/confidence", 0.9),
    ("/classifications/0/confidence", 101),
    ("/classifications/0/about", "item"),
    ("/classifications/1/attributes/virtual", True),
    ("/marking/handling", ["H0", "H0"]),
    ("/marking/national", "diffusion_restreinte"),
    ("/marking/release_to", ["Police A"]),
    ("/marking/embargo/until", ABSENT),
    ("/marking/embargo/no_publication", "no"),
    ("/marking/embargo/reason", "judge"),
    ("/marking/purpose", []),
    ("/marking/purpose", ["fun"]),
    ("/legal_basis", []),
    *((place, "see data:image/png;base64,AAAA") for place in PROSE_PLACES),
]
"""Words, patterns, days and free text: tests/domain/test_fields; which field has which form is
in docs/openapi.json."""


@each("pointer, value", WRONG)
def test_a_wrong_value_is_refused_at_its_place(pointer, value):
    found = errors_of(changed(full_case(), pointer, value))
    assert any(place == pointer or place.startswith(f"{pointer}/") for place, _ in found)


@each("pointer", FULL_PLACES)
def test_null_is_refused_everywhere(pointer):
    assert pointer in pointers_of(changed(full_case(), pointer, None))


@each("pointer", FULL_PLACES)
def test_a_value_of_another_shape_is_refused_in_its_place(pointer):
    for value in (1.5, [[]], {"a": 1}):
        found = pointers_of(changed(full_case(), pointer, value))
        assert any(place == pointer or place.startswith(f"{pointer}/") for place in found)


@each("pointer", OBJECTS)
def test_an_unknown_field_is_refused_in_every_object(pointer):
    for name in ("note", "shown_as", "secret", "created_by_org"):
        assert f"{pointer}/{name}" in pointers_of(changed(full_case(), f"{pointer}/{name}", "x"))


@each("name", ["_schema", "é", "a/b", "x" * 65, "", "a\ud800"])
def test_a_field_with_a_strange_name_is_refused_and_not_repeated(name):
    found = errors_of({**small_case(), name: 1})
    assert [pointer for pointer, _ in found] == [""]
    assert "profile does not have" in found[0][1]


REQUIRED = [pointer for pointer, _ in leaves(small_case()) if pointer and "/0" not in pointer]


@each("pointer", [p for p in REQUIRED if p != "/items"])
def test_a_required_field_is_missed(pointer):
    assert (pointer, "is required") in errors_of(changed(small_case(), pointer, ABSENT))


@each("value", [None, [], "case", 1, True])
def test_what_is_no_object_is_no_case(value):
    assert errors_of(value) == (("", "must be an object"),)


def test_no_message_repeats_what_was_sent():
    secret = "Zq9secret"
    for pointer in FULL_PLACES:
        for value in (secret, [secret], {secret: secret}):
            try:
                load_case(changed(full_case(), pointer, value))
            except CaseInvalid as refused:
                messages = [message for _, message in refused.errors]
                assert secret not in " ".join(messages)


def test_a_tmk_body_is_refused_with_its_reason():
    case = changed(full_case(), "/items/0/hash/0", {"alg": "tmk_pdqf", "value": "A" * 64})
    assert [e for e in errors_of(case) if e[0] == "/items/0/hash/0/value" and "TMK" in e[1]]


# --- what holds inside an element and between elements ---

TOGETHER = [
    ("/version", 1, "/previous"),
    ("/previous", ABSENT, "/previous"),
    ("/references/0/id", ITEM, "/items/0/id"),
    ("/items/1/id", ITEM, "/items/1/id"),
    ("/items/0/id", CASE_ID, "/items/0/id"),
    ("/items/1/parent_item", UUID, "/items/1/parent_item"),
    ("/items/1/parent_item", FACT, "/items/1/parent_item"),
    ("/items/1/parent_item", HASH_ITEM, "/items/1/parent_item"),
    ("/items/0/parent_item", HASH_ITEM, "/items/0/parent_item"),
    ("/items/0/is_source", False, "/items"),
    ("/items/0/is_source", ABSENT, "/items"),
    ("/items/1/is_source", True, "/items/1/is_source"),
    ("/items/1/kind", "host", "/items/1/value"),
    ("/statements/1/source_reliability", ABSENT, "/statements/1/source_reliability"),
    ("/statements/1/information_accuracy", ABSENT, "/statements/1/information_accuracy"),
    ("/subjects/0/basis_statement/0", UUID, "/subjects/0/basis_statement/0"),
    ("/subjects/0/basis_statement/1", ITEM, "/subjects/0/basis_statement/1"),
    ("/subjects/0/qualified_by", ABSENT, "/subjects/0/qualified_by"),
    ("/subjects/0/qualified_at", ABSENT, "/subjects/0/qualified_at"),
    ("/classifications/0/about", UUID, "/classifications/0/about"),
    ("/classifications/0/about", FACT, "/classifications/0/about"),
    ("/classifications/0/code", "A3", "/classifications/0/code"),
    ("/classifications/0/code", "a1", "/classifications/0/code"),
    ("/classifications/1/scheme_version", ABSENT, "/classifications/1/scheme_version"),
    ("/classifications/1/supersedes", UUID, "/classifications/1/supersedes"),
    ("/classifications/1/supersedes", CODE, "/classifications/1/supersedes"),
    ("/classifications/0/supersedes", CODE, "/classifications/0/supersedes"),
    ("/marking/handling_note", ABSENT, "/marking/handling_note"),
    ("/marking/release_to", [], "/marking/release_to"),
    ("/marking/review_on", "2027-01-01", "/marking/review_on"),
    ("/marking/embargo/no_notice_to_host", False, "/marking/embargo"),
    ("/items/0/marking", {"tlp": "AMBER"}, "/items/0/marking/tlp"),
]


@each("pointer, value, refused_at", TOGETHER)
def test_what_does_not_fit_together_is_refused_at_its_place(pointer, value, refused_at):
    assert refused_at in pointers_of(changed(full_case(), pointer, value))


def test_a_case_without_content_is_refused():
    assert pointers_of(changed(small_case(), "/items", ABSENT)) == [""]
    assert pointers_of(changed(small_case(), "/items", [])) == [""]


def test_a_baseline_that_two_persons_stand_for_is_contested_by_two_persons_only():
    case = full_case()
    case["classifications"][0] |= {"scheme": "interpol_baseline", "code": "baseline"}
    assert load_case(case)
    case["classifications"][0]["method"] = "human_x2"
    case["classifications"][1]["method"] = "human"
    assert pointers_of(case) == ["/classifications/1/supersedes"]
    case["classifications"][1]["method"] = "human_x2"
    assert load_case(case)


def test_a_perceptual_hash_needs_a_strict_label_somewhere():
    case = full_case()
    case["items"][0]["marking"] = {}
    assert pointers_of(case) == ["/items/0/marking/tlp"]
    assert load_case(changed(case, "/marking/tlp", "AMBER+STRICT"))
    assert load_case(changed(case, "/items/0/marking", {"tlp": "RED"}))


def test_h3_on_an_element_needs_the_note_of_the_case():
    case = small_case()
    case["items"][0]["marking"] = {"handling": ["H3"]}
    assert pointers_of(case) == ["/marking/handling_note"]


def test_a_hash_item_may_have_the_value_of_one_of_its_hashes():
    photodna = "0a" * 144
    case = changed(full_case(), "/marking/tlp", "RED")
    case["items"][1] |= {"value": photodna, "hash": [{"alg": "photodna", "value": photodna}]}
    assert load_case(case) == case


def test_all_errors_come_at_once():
    case = full_case()
    wanted = []
    for pointer, value, refused_at in [
        ("/urgency", "now", "/urgency"),
        ("/items/0/hash/0/value", "x", "/items/0/hash/0/value"),
        ("/items/1/parent_item", UUID, "/items/1/parent_item"),
        ("/statements/1/information_accuracy", ABSENT, "/statements/1/information_accuracy"),
        ("/marking/purpose", [], "/marking/purpose"),
        ("/legal_basis/0/note", "x", "/legal_basis/0/note"),
    ]:
        case = changed(case, pointer, value)
        wanted.append(refused_at)
    assert pointers_of(case) == sorted(wanted)


# --- limits ---


def test_600_elements_are_taken_and_one_more_is_not():
    case = small_case()
    others = 599 - sum(len(v) for _, v in leaves(case) if isinstance(v, list))
    for n in range(others):
        item = {"id": f"018f0000-0000-7000-8000-1{n:011d}", "kind": "host", "value": "a.example"}
        case["items"].append(item)
    assert load_case(case)
    case["matter"] += ["grooming", "sextortion"]
    assert errors_of(case) == (("", "has more than 600 array elements"),)


@each("depth", [12, 500, 100_000])
def test_deep_nesting_is_refused_before_anything_recurses(depth):
    deep = []
    for _ in range(depth):
        deep = {"a": deep}
    assert errors_of({"items": deep}) == (("", "is nested deeper than 12 levels"),)
    while deep:  # taken apart by hand: Python's own destructor recurses
        deep = deep["a"]


# --- whatever is sent ---

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=90)
    | st.binary(min_size=40, max_size=90).map(lambda data: b64encode(data).decode())
    | st.sampled_from(["data:image/png;base64,AA", "C:\\a", "file:///a", "H3", "RED", ITEM, FACT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
# Values with a form of their own, where R1 is that form: hashes, addresses and numbers.
FORMED = ("/value", "/ip", "/previous", "/referrer")


@given(JSON)
def test_no_json_breaks_the_check(value):
    with pytest.raises(CaseInvalid):
        load_case(value)


@given(st.lists(st.tuples(st.sampled_from(FULL_PLACES), JSON), min_size=1, max_size=4))
def test_whatever_is_taken_has_no_float_no_foreign_key_and_no_file(changes):
    case = full_case()
    for pointer, value in changes:
        try:
            case = changed(case, pointer, value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    try:
        taken = load_case(case)
    except CaseInvalid as refused:
        assert refused.errors
        return
    canonical.encode(taken)
    for pointer, value in leaves(taken):
        assert pointer.isascii()
        assert not isinstance(value, float)
        if isinstance(value, str) and not pointer.endswith(FORMED):
            assert find_media(value) is None


@given(st.sampled_from(PROSE_PLACES), st.text(max_size=120))
def test_free_text_is_taken_exactly_when_it_is_plain(pointer, text):
    case = changed(full_case(), pointer, text)
    try:
        taken = load_case(case)
    except CaseInvalid as refused:
        assert {place for place, _ in refused.errors} == {pointer}
        return
    assert taken == case
    assert find_media(text) is None


def test_the_assessments_of_the_example_are_told_apart():
    kinds = {s["id"]: s["kind"] for s in load_case(full_case())["statements"]}
    assert kinds == {FACT: "fact", ASSESSMENT: "assessment"}
    assert full_case()["classifications"][1]["supersedes"] == OLD_CODE
