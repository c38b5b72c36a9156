"""What a seal may hold: types, fields, and R1 on every text."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.sealed import TYPES, SealedContent, validation_errors
from tests.each import each

ABOUT = str(UUID(int=(7 << 76) | (2 << 62) | 5))

GOOD = [
    ("item", {"kind": "url", "value": "https://a.example/x", "note": "seen once"}),
    ("credentials", {"about": ABOUT, "user": "reader", "secret": "correct horse"}),
    ("statement", {"kind": "fact", "text": "A line.\nAnother line."}),
    ("identity", {"about": ABOUT, "name": "N. N.", "born": "2011"}),
    ("reporter", {"contact": "through the hotline"}),
]


@each("kind, value", GOOD)
def test_content_of_each_type_may_be_sealed(kind, value):
    assert validation_errors(kind, value) == []


def test_every_type_has_an_example_here():
    assert {kind for kind, _ in GOOD} == TYPES.keys()


@each(
    "kind, value, pointer",
    [
        ("picture", {"name": "x"}, "/type"),
        ("reporter", "text", "/value"),
        ("reporter", {}, "/value"),
        ("identity", {"about": ABOUT}, "/value"),
        ("identity", {"name": "x"}, "/value/about"),
        ("identity", {"about": "x", "name": "x"}, "/value/about"),
        ("identity", {"about": ABOUT, "name": 7}, "/value/name"),
        ("identity", {"about": ABOUT, "name": " "}, "/value/name"),
        ("identity", {"about": ABOUT, "name": "x" * 301}, "/value/name"),
        ("identity", {"about": ABOUT, "name": "a\u202eb"}, "/value/name"),
        ("identity", {"about": ABOUT, "category": "suspect"}, "/value"),
        ("statement", {"kind": "rumour", "text": "x"}, "/value/kind"),
        ("statement", {"kind": "fact", "text": "x" * 1501}, "/value/text"),
        ("item", {"kind": "url", "value": "not an address"}, "/value/value"),
        ("item", {"kind": "url", "value": "https://u:p@a.example/"}, "/value/value"),
        ("item", {"kind": "url", "value": 7}, "/value/value"),
        ("item", {"kind": [], "value": "x"}, "/value/kind"),
    ],
)
def test_content_that_breaks_a_rule_of_its_type_is_told_by_its_place(kind, value, pointer):
    assert pointer in [place for place, _ in validation_errors(kind, value)]


@each("kind", ["reporter", "identity", "credentials", "statement", "item"])
@each("text", ["data:image/png;base64,AAAA", "/9j/" + "4AAQSkZJRgABAQAAAQABAAD" * 4])
def test_nothing_but_metadata_is_sealed(kind, text):
    field = {"statement": "text"}.get(kind, "note")
    value = {**dict(GOOD)[kind], field: text}
    assert f"/value/{field}" in [place for place, _ in validation_errors(kind, value)]


@each("kind, value", GOOD)
def test_group_and_category_follow_from_the_content(kind, value):
    contents = SealedContent("a", "b", "c", "d", kind, value)
    assert contents.group == TYPES[kind].group
    assert contents.category == value.get("kind", kind)


@given(st.sampled_from(sorted(TYPES)), st.dictionaries(st.text(), st.text() | st.integers()))
def test_no_fault_repeats_what_was_given(kind, value):
    said = " ".join(sentence for _, sentence in validation_errors(kind, value))
    long = [text for text in value.values() if isinstance(text, str) and len(text) > 40]
    assert not any(text in said for text in long)
