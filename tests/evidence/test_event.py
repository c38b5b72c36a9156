"""Log documents: nobody is named in clear, and what is disclosed is what was committed to."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import base64url, canonical, event, sd_jwt
from gateway.evidence.event import EventError
from tests.each import each
from tests.evidence.ingredients import chance

ID = UUID("01890000-0000-7000-8000-00000000abcd")
HANDOFF = UUID("01890000-0000-7000-8000-000000000002")
AT = datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC)
DIGEST = base64url.digest(b"case")
FACT = AuditEvent(
    id=ID,
    action="handoff.accept",
    result=EventResult.ALLOWED,
    parties=(Party("police", "actor"), Party("hotline", "originator")),
    details=(
        EventDetail("by", "staff-7", frozenset({"police"})),
        EventDetail("groups", ("items", "basis"), frozenset({"police", "hotline"})),
    ),
    handoff=HANDOFF,
    case_digest=DIGEST,
    package_digest=base64url.digest(b"package_digest"),
    document_sha256=base64url.digest(b"statement"),
    simulated_date=date(2023, 10, 31),
)


def composed(fact: AuditEvent = FACT, **changes) -> event.EventDocument:
    parts = {
        "log": "log.example.org/casegate",
        "at": AT,
        "policy": "r1",
        "stream_numbers": {"police": 7, "hotline": 3},
        "random": chance(),
    }
    return event.compose(fact, **parts | changes)


def test_the_document_has_the_fields_of_the_contract_and_names_nobody():
    made = composed()
    fields = event.read(made.document)
    digests = fields.pop("sd")
    assert fields == {
        "v": 1,
        "log": "log.example.org/casegate",
        "id": str(ID),
        "time": "2026-01-02T03:04:05.678Z",
        "operation": "collection",
        "type": "handoff.accepted",
        "result": "allowed",
        "policy": "r1",
        "handoff": str(HANDOFF),
        "case_digest": DIGEST,
        "package_digest": FACT.package_digest,
        "document_sha256": FACT.document_sha256,
        "simulated_date": "2023-10-31",
    }
    assert digests == sorted(digests)
    for secret in (b"police", b"hotline", b"staff-7", b"items"):
        assert secret not in made.document
    assert made.document == canonical.encode(fields | {"sd": digests})
    assert len(made.nonce) == 32


def test_absent_fields_are_left_out():
    bare = AuditEvent(ID, "case.read", EventResult.NOT_FOUND, (Party("aa", "actor"),))
    fields = event.read(composed(bare, stream_numbers={"aa": 1}).document)
    assert fields.keys() == {
        "v",
        "log",
        "id",
        "time",
        "operation",
        "type",
        "result",
        "policy",
        "sd",
    }


def test_all_disclosures_open_to_what_happened():
    made = composed()
    opened = event.open_disclosures(made.document, [d.encoded for d in made.disclosures])
    assert opened.shown == (
        ("party", {"organisation": "police", "role": "actor", "stream_number": 7}),
        ("party", {"organisation": "hotline", "role": "originator", "stream_number": 3}),
        ("by", "staff-7"),
        ("groups", ["items", "basis"]),
    )
    assert opened.shown == tuple((d.kind, d.value) for d in made.disclosures)
    assert opened.withheld == 4


def test_each_party_is_given_its_own_part_and_what_it_may_read():
    made = composed()
    opened = event.open_disclosures(made.document, made.shown_to("hotline"))
    assert opened.shown == (
        ("party", {"organisation": "hotline", "role": "originator", "stream_number": 3}),
        ("groups", ["items", "basis"]),
    )
    assert opened.withheld == 6
    assert made.shown_to("stranger") == ()


@each("parties, size", [(1, 4), (3, 4), (4, 8), (9, 16), (17, 32)])
def test_the_number_of_digests_does_not_tell_how_many_took_part_nor_that_they_signed(parties, size):
    members = tuple(Party(f"org-{n}", "concerned") for n in range(parties))
    fact = replace(FACT, parties=members, details=())
    signed = replace(fact, details=(EventDetail(event.APPROVALS, ("a.b.c",), frozenset()),))
    for one in (fact, signed):
        made = composed(one, stream_numbers={m.organisation: 1 for m in members})
        assert len(event.read(made.document)["sd"]) == size


def test_the_time_is_in_utc_whatever_the_zone():
    east = AT.astimezone(timezone(timedelta(hours=2)))
    assert composed(at=east).document == composed().document


def test_a_time_without_zone_is_refused():
    with pytest.raises(EventError, match="zone"):
        composed(at=AT.replace(tzinfo=None))


def test_two_events_share_no_salt_and_no_nonce():
    one, other = composed(), composed(random=chance("other"))
    assert one.nonce != other.nonce
    assert not {d.digest for d in one.disclosures} & {d.digest for d in other.disclosures}


def test_a_document_that_is_too_long_is_refused():
    with pytest.raises(EventError, match="longer"):
        composed(policy="p" * 16_384)
    with pytest.raises(EventError, match="longer"):
        event.read(b" " * 16_385)


def test_a_detail_cannot_pose_as_a_party():
    with pytest.raises(EventError, match="party"):
        composed(replace(FACT, details=(EventDetail("party", "police"),)))


def changed(**fields) -> bytes:
    document = json.loads(composed().document) | fields
    return canonical.encode({k: v for k, v in document.items() if v is not ...})


D1, D2, D3, D4 = sorted(base64url.digest(bytes([n])) for n in range(4))


@each(
    "document",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b" " + composed().document,
        composed().document + b"\n",
        composed().document[:-1],
        composed().document.replace(b'"v":1', b'"v":1.0'),
        composed().document.replace(b'"v":1', b'"v":1,"v":1'),
        changed(v=2),
        changed(v=True),
        changed(v="1"),
        changed(previous="x"),
        changed(time=...),
        changed(sd=...),
        changed(log=""),
        changed(log=1),
        changed(policy=""),
        changed(policy=None),
        changed(id=str(ID).upper()),
        changed(id="{" + str(ID) + "}"),
        changed(id=1),
        changed(handoff="x"),
        changed(handoff=None),
        changed(time="2026-01-02T03:04:05Z"),
        changed(time="2026-01-02T03:04:05.678+00:00"),
        changed(time="2026-13-02T03:04:05.678Z"),
        changed(time="2026-01-02T03:04:0\u0665.678Z"),
        changed(time=1),
        changed(operation="reading"),
        changed(operation=[]),
        changed(result="ok"),
        changed(result={}),
        changed(type="accepted"),
        changed(type="handoff.Accepted"),
        changed(type=1),
        changed(case_digest="x"),
        changed(package_digest=DIGEST + "="),
        changed(document_sha256=1),
        changed(simulated_date="20231031"),
        changed(simulated_date="2023-02-30"),
        changed(sd=[]),
        changed(sd={}),
        changed(sd=[D1, D2, D3]),
        changed(sd=[D2, D1, D3, D4]),
        changed(sd=[D1, D1, D3, D4]),
        changed(sd=[D1, D2, D3, 4]),
        changed(sd=[D1, D2, D3, "x"]),
    ],
)
def test_a_document_that_is_not_exactly_ours_is_refused(document):
    with pytest.raises(EventError):
        event.read(document)


def test_a_document_with_other_good_values_is_read():
    assert event.read(changed(sd=[D1, D2, D3, D4], type="handoff.offered"))


def test_a_disclosure_of_another_event_is_refused():
    other = composed(random=chance("other"))
    with pytest.raises(EventError):
        event.open_disclosures(composed().document, [other.disclosures[0].encoded])


def test_a_disclosure_shown_twice_is_refused():
    made = composed()
    with pytest.raises(EventError, match="twice"):
        event.open_disclosures(made.document, [made.disclosures[0].encoded] * 2)


def sealing(*disclosures: sd_jwt.Disclosure) -> tuple[bytes, list[str]]:
    """A document that commits to the given disclosures, good or bad."""
    decoys = [base64url.digest(bytes([n])) for n in range(4 - len(disclosures))]
    document = changed(sd=sorted([*decoys, *(d.digest for d in disclosures)]))
    return document, [d.encoded for d in disclosures]


def test_a_second_disclosure_of_a_kind_that_occurs_once_is_refused():
    random = chance()
    document, encoded = sealing(
        sd_jwt.make_disclosure("by", "one", random), sd_jwt.make_disclosure("by", "other", random)
    )
    with pytest.raises(EventError, match="twice"):
        event.open_disclosures(document, encoded)
    assert event.open_disclosures(document, encoded[:1]).shown == (("by", "one"),)


@each(
    "name, value",
    [
        (None, "element"),
        ("party", "police"),
        ("party", {"organisation": "police", "role": "actor"}),
        ("party", {"organisation": "police", "role": "actor", "stream_number": 0}),
        ("party", {"organisation": "police", "role": "actor", "stream_number": True}),
        ("party", {"organisation": 1, "role": "actor", "stream_number": 1}),
    ],
)
def test_a_committed_disclosure_of_another_form_is_refused(name, value):
    document, encoded = sealing(sd_jwt.make_disclosure(name, value, chance()))
    with pytest.raises(EventError, match="form"):
        event.open_disclosures(document, encoded)


def test_a_malformed_disclosure_is_refused():
    with pytest.raises(EventError):
        event.open_disclosures(composed().document, ["not a disclosure"])


@given(st.binary(max_size=80), st.lists(st.text(max_size=10), max_size=3))
def test_arbitrary_input_is_refused(document, encoded):
    with pytest.raises(EventError):
        event.read(document)
    with pytest.raises(EventError):
        event.open_disclosures(document, encoded)


@given(st.sets(st.integers(0, 3)))
def test_any_part_of_the_disclosures_opens_to_that_part(chosen):
    made = composed()
    part = [made.disclosures[n] for n in sorted(chosen)]
    opened = event.open_disclosures(made.document, [d.encoded for d in part])
    assert opened.shown == tuple((d.kind, d.value) for d in part)
    assert opened.withheld == 8 - len(part)
