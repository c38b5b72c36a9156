"""What the fields of the interface hold, in one sentence each, and an example of every body.

The rules of a field are in its schema; docs/case.md says more. A name means the same wherever it
stands; where it does not, the schema's name stands before it.
"""

from collections.abc import Mapping
from typing import Any

_WORDS: Mapping[str, str] = {
    # the case
    "case": "The case's id, of its originator's own making.",
    "version": "The version, counted from 1.",
    "previous": "The digest of the version before; from the second version on.",
    "originator_ref": "The originator's own reference, unique among its cases.",
    "references": "Numbers of other files about the same matter.",
    "received_at": "When the originator received the report; not in the future.",
    "intake_channel": "How the report came.",
    "reporter": "What may be known of who reported, never who it was.",
    "anonymous": "Whether the reporter stayed anonymous.",
    "feedback_requested": "Whether the reporter asked for an answer.",
    "matter": "What the case is about, by which competence is decided.",
    "urgency": "How soon an answer is asked for.",
    "urgency_reason": "Why it is urgent.",
    "items": "What was reported: metadata only, never media.",
    "statements": "Facts and assessments in words.",
    "subjects": "Persons, without names.",
    "classifications": "Codes of what the content is, by scheme.",
    "marking": "How recipients may handle it; the strictest of case and element holds.",
    "legal_basis": "The grounds on which the originator shares.",
    # its elements
    "id": "The id, used once in the case and kept in later versions.",
    "kind": "Of which kind it is.",
    "value": "The value, in the form of its kind.",
    "is_source": "Whether this address is the source; one of the addresses is.",
    "parent_item": "The id of the item that it belongs to.",
    "referrer": "The address through which it was found.",
    "site_type content_type": "The type of the site or content, as INHOPE lists them.",
    "commerciality": "Whether it is offered for money.",
    "payment_method": "By what it is paid for.",
    "hosting": "Where it was found to be hosted; the last observation counts.",
    "ip": "The address of the host, IPv4 or IPv6.",
    "country territory": "A country, by its ISO 3166-1 code.",
    "isp org registrar": "Who provides access, holds the address, or sold the name.",
    "as_number": "The number of the autonomous system.",
    "is_cdn": "Whether the address is that of a content delivery network.",
    "made_at assessed_at qualified_at observed_at checked_at dated": "When; not in the future.",
    "method": "How it was found out.",
    "hash": "Fingerprints of what was reported; two of one algorithm at most.",
    "alg": "The algorithm of the fingerprint.",
    "online": "What checks of it found.",
    "status": "The status that was found.",
    "checks": "How many checks found it; 0 for somebody else's word.",
    "text": "The words; they name nobody, and hold no address, path or file.",
    "language": "The language, a BCP 47 tag.",
    "made_by_role assessor_role": "The role of who said it.",
    "source_reliability information_accuracy": "How an assessment is evaluated.",
    "content_warning": "What a reader has to expect.",
    "category": "What the person is in the case.",
    "minor": "Whether the person is a minor.",
    "age_group": "The age, as it was estimated.",
    "basis_statement": "The ids of the statements that support it.",
    "qualified_by": "The organisation that qualified the person: the originator.",
    "about": "The id of the item that the code is about, or the word case.",
    "scheme": "The scheme of the code or number.",
    "scheme_version": "The version of the scheme.",
    "code": "The code, as its scheme or table lists it.",
    "law_ref": "The provision that the code refers to.",
    "confidence": "How sure a machine was.",
    "supersedes": "The id of the classification that this one replaces.",
    "attributes": "What else was seen in the content.",
    "gender virtual self_generated ai_generated child_modelling live_stream": "What was seen.",
    "sealed_to": "The only organisation that can open the element.",
    "sealed": "The sealed content, a compact JWE.",
    # its marking and legal basis
    "tlp": "The Traffic Light Protocol's word for who may read it.",
    "handling": "Handling codes of the police.",
    "handling_note": "What a handling code asks for, in words.",
    "national": "The national marking.",
    "permitted_actions": "What recipients may do with it.",
    "attribution": "Whether the originator may, must or must not be named.",
    "release_to": "The organisations that it is released to.",
    "onward": "Whether and how it may be passed on.",
    "embargo": "What is forbidden, and until when.",
    "no_notice_to_host no_publication": "Whether this is forbidden.",
    "until": "When it ends; of a day, the first one without it.",
    "set_by": "The authority that set it.",
    "force": "What obliges to a condition, as the originator says.",
    "reference": "Where that is written: an article, an agreement.",
    "review_on": "The day on which it is to be reviewed.",
    "erase_on": "The day on which the gateway erases the case for everybody.",
    "retention_rule": "The rule that the day follows from.",
    "purpose": "What it may be used for.",
    "regime": "The data protection regime: gdpr, or led for competent authorities.",
    "article national_law art10_condition": "The provision that allows it.",
    "source_legal_basis": "What let the source collect it.",
    "transfer_tool": "What allows a transfer to a third country.",
    "necessity_note": "Why it is necessary, in words.",
    # what requests have
    "by": "Who does it: a pseudonym of your staff register.",
    "approved_by second_assessor": "The second person, by pseudonym.",
    "dpo": "The data protection officer who advised, by pseudonym.",
    "reason": "Why, in words; it is recorded.",
    "reason_code": "Why, by its code.",
    "content": "The case.",
    "clearance": "Who assessed and cleared the case in your own system.",
    "confirmed_matches": "The automated matches that a person confirmed.",
    "change": "What the version changes, and why.",
    "organisation": "An organisation, by its id.",
    "competence": "A competence: function, matter and territory.",
    "to": "Whom it is offered to: an organisation, a competence, or both.",
    "groups": "Groups of elements.",
    "digests": "Single elements, by their digests.",
    "handoff": "The handoff's id, a UUIDv7 of the originator's making.",
    "offer": "The digest of the offer that was read.",
    "conditions": "The conditions of use.",
    "expires_at": "When it ends.",
    "note": "A note, in words.",
    "event": "The id of the event that recorded it.",
    "receipt": "Proof that the event is in the log.",
    "state": "The state that it is in.",
    "next": "The address of the next page; null on the last.",
}
FIELDS: Mapping[str, str] = {one: text for names, text in _WORDS.items() for one in names.split()}
"""What a field holds, by its name."""

SCOPES_SAY: Mapping[str, str] = {
    "directory.read": "Read the directory of members.",
    "cases.write": "Submit, assess, clear and close cases.",
    "cases.read": "Read and consult one's own cases.",
    "handoffs.offer": "Offer cases, and withdraw offers.",
    "handoffs.read": "Read handoffs, without content.",
    "handoffs.answer": "Answer handoffs, and consult what was accepted.",
    "events.read": "Read one's own events and receipts.",
    "audit.search": "Search events by an audit access.",
    "staff": "Keep the staff register.",
    "admin": "Bring changes that administrators signed.",
}

_ID = "0198c1f2-7a00-7000-8000-000000000001"
_DIGEST = "o05A2lYQIVC6QQgyi1E9mAsHyXJrkWMvbLtH3F7KS6Y"

SAMPLES: Mapping[str, Any] = {
    "date-time": "2026-01-02T03:04:05+00:00",
    "date": "2026-01-02",
    "uuid": _ID,
    "uri": "https://gateway.example/problems/not-found",
    "AddressBody": {"competence": {"function": "receive", "matter": "csam", "territory": "FR"}},
    "ChangeBody": {
        "action": "organisation.suspend",
        "organisation": "ofmin",
        "values": {"reason": "Its key was stolen"},
        "approvals": ["eyJ...~"],
    },
    "article": "Art. 6(1)(f)",
    "as_number": 64500,
    "by": "pdc-7k3f",
    "assessed_by": "pdc-7k3f",
    "cleared_by": "pdc-9m2q",
    "second_assessor": "pdc-9m2q",
    "approved_by": "pdc-9m2q",
    "dpo": "pdc-4h8w",
    "pointers": ["/urgency"],
    "country": "FR",
    "erase_on": "2027-01-02",
    "id": "0198c1f2-7a00-7000-8000-000000000002",
    "language": "en",
    "organisation": "ofmin",
    "originator": "point-de-contact",
    "originator_ref": "HA-2026-0001",
    "person": "pdc-7k3f",
    "reason": "As agreed by telephone",
    "territory": "FR",
    "text": "The page was online when it was checked.",
    "value": "https://content.example.org/page",
}
"""Values for examples: by the name of a field or schema, or by a format."""


def describe_fields(schemas: Mapping[str, Any]) -> None:
    """Give each field of the schemas the sentence of its name, where it has none of its own."""
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            if name in FIELDS:
                field.setdefault("description", FIELDS[name])


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    """A value that fits a schema, with the fields that it must have."""
    if "$ref" in schema:
        of = schema["$ref"].rpartition("/")[2]
        return SAMPLES.get(of) or example_of(schemas[of], schemas, name)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return example_of(schema[several][0], schemas, name)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        members = schema.get("properties", {})
        wanted = [*schema.get("required", ()), *sorted(_SHOWN & members.keys())]
        return {one: example_of(members[one], schemas, one) for one in dict.fromkeys(wanted)}
    if kind == "array":
        return SAMPLES.get(name) or [example_of(schema["items"], schemas, name)]
    return _plain(schema, kind, name)


def _plain(schema: Mapping[str, Any], kind: str, name: str) -> Any:
    if kind in ("integer", "boolean"):
        return SAMPLES.get(name, schema.get("minimum", 1) if kind == "integer" else True)
    coded = len(schema.get("pattern", "")) > _LONG_PATTERN
    word = _DIGEST if coded else name.replace("_", "-") or "text"
    return SAMPLES.get(name, SAMPLES.get(schema.get("format", ""), word))


_LONG_PATTERN = 30
"""Only digests have patterns of more characters, beside ids."""

_SHOWN = frozenset({"groups", "is_source", "items"})
"""Fields that need not be there, and without which a case or an offer is none."""
