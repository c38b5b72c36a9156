"""The bodies and queries that are served: what is read of them, and what is published of it."""

import json

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.fields import Array, Boolean, StrictSchema, Text, Whole
from gateway.domain.refusals import ValidationFailed
from gateway.web import listeners, openapi
from gateway.web.partners.case_document import CASE, Sealable
from gateway.web.partners.schema_fields import Number

SERVED = [
    CASE,
    *{
        type(schema): schema
        for one in (*listeners.PARTNERS, *listeners.PUBLIC)
        for schema in (one.body, one.query)
        if schema is not None
    }.values(),
]
COMPONENTS = openapi.document()["components"]
PUBLISHED = {
    name: jsonschema_rs.validator_for({"components": COMPONENTS, **schema})
    for name, schema in COMPONENTS["schemas"].items()
}

TEXTS = (
    "018f0000-0000-7000-8000-000000000001", "hotline-a", "2026-01-02", "2026-01-02T03:04:05Z",
    "FR", "receive/csam/FR", "R10.two_persons", "7", "", "data:image/png;base64,AA", "Müller",
)  # fmt: skip
JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2000), st.floats(), st.sampled_from(TEXTS),
    st.builds(list), st.builds(dict), st.builds(lambda: {"sealed": "x"}),
    st.lists(st.sampled_from(TEXTS)),
)  # fmt: skip


@st.composite
def values(draw, form):
    """Mostly a good value of a form, sometimes another one."""
    if draw(st.integers(0, 14)) == 0:
        return draw(JSON)
    made = None
    match form:
        case Array():
            made = [draw(values(form.inner)) for _ in range(draw(st.integers(form.least, 2)))]
        case StrictSchema():
            made = draw(objects(form))
        case Sealable():
            made = draw(objects(form.schema))
        case Text():
            good = [*form.shape.get("enum", ()), *(t for t in TEXTS if not form.fault(t))]
            made = draw(st.sampled_from(good or ["x"]))
        case Whole():
            made = form.bounds[0]
        case Number():
            made = "7"
        case Boolean():
            made = draw(st.booleans())
    return draw(JSON) if made is None else made


@st.composite
def objects(draw, schema):
    """An object of a schema, often a good one."""
    made = {
        name: draw(values(field))
        for name, field in schema.fields.items()
        if draw(st.integers(0, 19)) > (0 if field.required else 9)
    }
    return made | ({"unknown": 1} if draw(st.integers(0, 19)) == 0 else {})


@given(st.data())
def test_what_is_read_is_as_it_was_sent_and_as_it_is_published(data):
    schema = data.draw(st.sampled_from(SERVED))
    sent = data.draw(objects(schema))
    try:
        read = schema.read(sent)
    except ValidationFailed as refused:
        assert refused.errors
        return
    assert [*read] == [name for name in schema.fields if name in read]
    if not any(isinstance(field, Number) for field in schema.fields.values()):
        assert json.dumps(read, sort_keys=True) == json.dumps(sent, sort_keys=True)
    if published := PUBLISHED.get(type(schema).__name__):
        published.validate(read)
