"""The short way to read a good body, held to the library that judges the bad ones."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields

from gateway.schemas.case_document import CASE, SEALED
from gateway.schemas.schema_fields import Number, StrictArray, StrictSchema, StrictString
from gateway.web import listeners
from tests.web.partners.case_example import full_case

_BODIES = [
    schema
    for one in (*listeners.PARTNERS, *listeners.PUBLIC)
    for schema in (one.body, one.query)
    if isinstance(schema, StrictSchema)
]
SERVED = [CASE, SEALED, *{type(schema): schema for schema in _BODIES}.values()]

TEXTS = (
    "018f0000-0000-7000-8000-000000000001", "hotline-a", "2026-01-02", "2026-01-02T03:04:05Z",
    "FR", "receive/csam/FR", "R10.two_persons", "7", "", "data:image/png;base64,AA", "Müller",
)  # fmt: skip
JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2000), st.floats(), st.sampled_from(TEXTS),
    st.just([]), st.just({}), st.just({"sealed": "x"}), st.lists(st.sampled_from(TEXTS)),
)  # fmt: skip


def outcome(schema, data):
    try:
        loaded = schema.load(data)
    except ValidationError as refused:
        return refused.messages
    return [loaded, [*loaded]]


def judged(schema, data):
    """What comes of it when marshmallow alone reads, at every level."""
    with patch.object(StrictSchema, "load", Schema.load):
        return outcome(schema, data)


@st.composite
def values(draw, field):
    """Mostly a good value of a field, sometimes another one."""
    if draw(st.integers(0, 14)) == 0:
        return draw(JSON)
    if isinstance(field, StrictArray):
        return [draw(values(field.inner)) for _ in range(draw(st.integers(field.least, 2)))]
    if isinstance(field, fields.Nested):
        return draw(objects(field.schema))
    if isinstance(field, StrictString):
        good = [*field.metadata.get("enum", ()), *(t for t in TEXTS if not field.fault(t))]
        return draw(st.sampled_from(good)) if good else "x"
    if isinstance(field, fields.Integer):
        return "7" if isinstance(field, Number) else field.metadata["minimum"]
    return draw(st.booleans() if isinstance(field, fields.Boolean) else JSON)


@st.composite
def objects(draw, schema):
    """An object of a schema, often a good one."""
    made = {
        name: draw(values(field))
        for name, field in schema.load_fields.items()
        if draw(st.integers(0, 19)) > (0 if field.required else 9)
    }
    return made | ({"unknown": 1} if draw(st.integers(0, 19)) == 0 else {})


@given(st.data())
def test_the_short_way_gives_what_marshmallow_gives_or_leaves_the_fault_to_it(data):
    schema = data.draw(st.sampled_from(SERVED))
    sent = data.draw(objects(schema))
    assert outcome(schema, sent) == judged(schema, sent)


@given(st.data())
def test_of_a_case_with_one_thing_changed_too(data):
    case = full_case()
    place = case
    while True:
        keys = [*place] if isinstance(place, dict) else [*range(len(place))]
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    if data.draw(st.booleans()):
        place[key] = data.draw(JSON)
    else:
        del place[key]
    assert outcome(CASE, case) == judged(CASE, case)


def test_what_is_no_object_is_left_to_marshmallow():
    for schema in SERVED:
        for sent in (None, [], "x", 1):
            assert outcome(schema, sent) == judged(schema, sent)


def test_every_good_body_takes_the_short_way():
    with patch.object(Schema, "load", side_effect=AssertionError("the long way")):
        assert CASE.load(full_case()) == full_case()
    assert [type(one).__name__ for one in SERVED if one.compiled is None] == []
