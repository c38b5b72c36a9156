"""The event document: what stands in clear about an event, and what is only committed to.

The document identifies nobody. Who took part and why are disclosures, ``[salt, kind, value]``,
whose digests stand in ``sd``: each reader gets its own, and each can be erased while the entry
in the log goes on verifying.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from io import BytesIO
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import EVENT_TYPES, AuditEvent, EventResult, Operation
from gateway.evidence import base64url, canonical, sd_jwt
from gateway.evidence.sd_jwt import Disclosure
from gateway.ledger.tree import MAX_DOCUMENT_BYTES, NONCE_BYTES

VERSION = 1
PARTY = "party"
"""The one kind of disclosure that may repeat: an organisation, its role, its stream number."""

APPROVALS = "approvals"
"""What persons signed of it; `compose` keeps a place for it, so that their own side alone sees
whether they did."""

SUBJECT = "subject"
"""The kind of the detail that says what was changed, as canonical JSON."""

KEY = "key"
"""The kind of the detail that names a revoked key: a list of organisation id and key id."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_TYPE = re.compile(r"[a-z_]+(\.[a-z_]+)+", re.ASCII)
_REQUIRED = frozenset({"v", "log", "id", "time", "operation", "type", "result", "policy", "sd"})
_OPTIONAL = frozenset(
    {"handoff", "case_digest", "package_digest", "document_sha256", "simulated_date"}
)


class EventError(ValueError):
    """An event document or its disclosures break a rule; the message says which."""


@dataclass
class EventDisclosure:
    """One value of an event that its document only commits to, and who may read it.

    ``encoded`` is the text that travels. It is read when a part of it is asked for: receipts need
    only the text. ``made`` is the same, where it was composed here and now.
    """

    encoded: str
    readers: frozenset[str]
    made: Disclosure | None = field(default=None, compare=False, repr=False)

    @cached_property
    def _read(self) -> Disclosure:
        return self.made or sd_jwt.read_stored_disclosure(self.encoded)

    @property
    def digest(self) -> str:
        """The SHA-256 of ``encoded`` as ``sd`` has it."""
        return self._read.digest

    @property
    def kind(self) -> str:
        """Return what the value is: `party`, or the kind of an `EventDetail`."""
        return str(self._read.name)

    @property
    def value(self) -> Any:
        """The value itself, as JSON."""
        return self._read.value


@dataclass(frozen=True)
class EventDocument:
    """A fact as it enters the log: the document's bytes are hashed and stored as they are."""

    id: UUID
    document: bytes
    nonce: bytes
    disclosures: tuple[EventDisclosure, ...]

    def shown_to(self, organisation: str) -> tuple[str, ...]:
        """The encoded disclosures that go into the organisation's receipt."""
        return tuple([d.encoded for d in self.disclosures if organisation in d.readers])


@dataclass(frozen=True)
class DisclosedDetails:
    """What an event document says in clear, and its disclosed values by kind.

    ``withheld`` counts the digests without a disclosure: values for other readers, erased ones,
    and decoys. Only the gateway can distinguish them, so it is not a count of secrets.
    """

    said: Mapping[str, Any]
    shown: tuple[tuple[str, Any], ...]
    withheld: int


def compose(
    fact: AuditEvent,
    *,
    log: str,
    at: datetime,
    policy: str,
    stream_numbers: Mapping[str, int],
    random: Callable[[int], bytes],
) -> EventDocument:
    """Make the event document of a fact, with its nonce and disclosures.

    ``log`` is the log's origin, ``at`` an aware time, ``policy`` the revision that decided,
    ``stream_numbers`` the place of the event in each party's own stream (1, 2, 3...), ``random(n)``
    gives n unpredictable bytes. The number of digests is padded to 4, 8, 16... so that it does
    not tell how many took part, nor whether persons signed. Raises EventError when the document is
    longer than 16 KiB.
    """
    # Long: all members of an event document, from one draw of random bytes.
    count = len(fact.parties) + len(fact.details)
    places = count + all(one.kind != APPROVALS for one in fact.details)
    decoys = sd_jwt.padded_size(places) - count
    needed = sd_jwt.SALT_BYTES * count + sd_jwt.DECOY_BYTES * decoys + NONCE_BYTES
    random = BytesIO(random(needed)).read  # one draw for all
    told = list[tuple[str, Any, frozenset[str]]]()
    for one in fact.parties:
        number = stream_numbers[one.organisation]
        value = {"organisation": one.organisation, "role": one.role, "stream_number": number}
        told.append((PARTY, value, frozenset({one.organisation})))
    for detail in fact.details:
        if detail.kind == PARTY:
            raise EventError("a detail is not a party")
        said = detail.value if isinstance(detail.value, str) else list(detail.value)
        told.append((detail.kind, said, detail.readers))
    made = [(sd_jwt.make_disclosure(kind, value, random), who) for kind, value, who in told]
    digests = [one.digest for one, _ in made]
    digests += [sd_jwt.decoy_digest(random) for _ in range(decoys)]
    name, operation, _ = EVENT_TYPES[fact.action]
    clear: dict[str, Any] = {
        "v": VERSION,
        "log": log,
        "id": str(fact.id),
        "time": _timestamp(at),
        "operation": operation.value,
        "type": name,
        "result": fact.result.value,
        "policy": policy,
        "sd": sorted(digests),
    }
    clear |= {n: str(value) for n in _OPTIONAL if (value := getattr(fact, n)) is not None}
    document = canonical.encode(clear)
    if len(document) > MAX_DOCUMENT_BYTES:
        raise EventError(f"the event document is longer than {MAX_DOCUMENT_BYTES} bytes")
    disclosures = tuple([EventDisclosure(one.encoded, who, one) for one, who in made])
    return EventDocument(fact.id, document, random(NONCE_BYTES), disclosures)


def _timestamp(at: datetime) -> str:
    if at.tzinfo is None:
        raise EventError("an event's time has a time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(document: bytes) -> dict[str, Any]:
    """Read an event document, with exactly the fields that docs/protocol/documents.md lists.

    Raises EventError unless the bytes are canonical and every field has its form: two readers
    must never understand one document in two ways.
    """
    if len(document) > MAX_DOCUMENT_BYTES:
        raise EventError(f"the event document is longer than {MAX_DOCUMENT_BYTES} bytes")
    try:
        fields = canonical.decode(document)
        if not isinstance(fields, dict) or canonical.encode(fields) != document:
            raise EventError("the bytes are not a canonical JSON object")
    except ValueError as error:
        raise EventError(f"the event document cannot be read: {error}") from None
    if not _REQUIRED <= fields.keys() <= _REQUIRED | _OPTIONAL:
        raise EventError("the event document does not have the fields of its version")
    for name, value in fields.items():
        if not _FORMS[name](value):
            raise EventError(f"the event document's field {name} is malformed")
    return fields


def open_disclosures(document: bytes, encoded: Sequence[str]) -> DisclosedDetails:
    """Read the disclosures of an event document: each one's digest is in it, none twice.

    A part of the disclosures is as good as all. Raises EventError for a disclosure of another
    event, one shown twice, a second one of a kind that occurs once, or a malformed one.
    """
    return open_read(read(document), encoded)


def open_read(said: Mapping[str, Any], encoded: Sequence[str]) -> DisclosedDetails:
    """Likewise of the fields that `read` found."""
    digests = set(said["sd"])
    shown = [_disclosed(text, digests) for text in encoded]
    kinds = [kind for kind, _ in shown if kind != PARTY]
    if len(set(encoded)) != len(encoded) or len(set(kinds)) != len(kinds):
        raise EventError("a disclosure occurs twice")
    return DisclosedDetails(said, tuple(shown), len(digests) - len(shown))


def _disclosed(text: str, digests: set[str]) -> tuple[str, Any]:
    try:
        disclosure = sd_jwt.read_disclosure(text)
    except ValueError as error:
        raise EventError(str(error)) from None
    if disclosure.digest not in digests:
        raise EventError("a disclosure belongs to another event")
    if disclosure.name is None or (disclosure.name == PARTY and not _is_party(disclosure.value)):
        raise EventError("a disclosure is not of the form that events have")
    return disclosure.name, disclosure.value


def _is_party(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"organisation", "role", "stream_number"}
        and isinstance(value["organisation"], str)
        and isinstance(value["role"], str)
        and type(value["stream_number"]) is int
        and value["stream_number"] > 0
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and base64url.DIGEST.fullmatch(value) is not None


def _is_id(value: Any) -> bool:
    return _is_written(value, lambda text: str(UUID(text)))


def _is_date(value: Any) -> bool:
    return _is_written(value, lambda text: date.fromisoformat(text).isoformat())


def _is_time(value: Any) -> bool:
    return (
        isinstance(value, str)
        and _TIME.fullmatch(value) is not None
        and _is_written(value, lambda text: _timestamp(datetime.fromisoformat(text)))
    )


def _is_written(value: Any, rewrite: Callable[[str], str]) -> bool:
    """Tell whether a text is exactly how its own meaning is written: readers are often kinder."""
    try:
        return isinstance(value, str) and rewrite(value) == value
    except ValueError:
        return False


def _is_digests(value: Any) -> bool:
    return (
        isinstance(value, list)
        and all(_is_digest(digest) for digest in value)
        and value == sorted(set(value))
        and len(value) == sd_jwt.padded_size(len(value))
    )


_FORMS: Mapping[str, Callable[[Any], bool]] = {
    "v": lambda value: type(value) is int and value == VERSION,
    "log": _is_text,
    "id": _is_id,
    "time": _is_time,
    "operation": tuple(map(str, Operation)).__contains__,
    "type": lambda value: isinstance(value, str) and _TYPE.fullmatch(value) is not None,
    "result": tuple(map(str, EventResult)).__contains__,
    "policy": _is_text,
    "handoff": _is_id,
    "case_digest": _is_digest,
    "package_digest": _is_digest,
    "document_sha256": _is_digest,
    "simulated_date": _is_date,
    "sd": _is_digests,
}
