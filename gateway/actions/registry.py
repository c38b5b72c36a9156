"""The changes of the registry, one function each: values in, the organisation's entry changed.

They run in the transaction of administration.administer, after approvals and policy.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from gateway.actions.assertion import read_keys
from gateway.actions.ports import Retry, SigningRequest, Work
from gateway.domain.organisation import (
    FUNCTIONS,
    KINDS,
    SCOPES,
    SLUG,
    Competence,
    DocumentKey,
    EncryptionKey,
    MemberKey,
    Organisation,
    Period,
    Seat,
    Standing,
    Status,
    System,
    organisation_uri,
)
from gateway.domain.refusals import AlreadyExists, Invalid, NotFound, WrongState
from gateway.domain.timestamp import parse_day
from gateway.domain.vocabulary import Matter, Regime
from gateway.evidence import canonical, registration
from gateway.evidence.sd_jwt import DocumentError
from gateway.evidence.signature import PublicKey, read_document_key, read_encryption_key


@dataclass(frozen=True)
class Change:
    """A change of one organisation's entry: the action, and the values that it carries."""

    action: str
    organisation: str
    values: Mapping[str, Any]


@dataclass
class Desk:
    """One change in one transaction."""

    work: Work
    change: Change
    persons: tuple[str, ...]
    now: datetime
    event: UUID
    issuer: str


Apply = Callable[[Desk, Organisation | None], Mapping[str, Any]]

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)

T = TypeVar("T")
K = TypeVar("K", bound=MemberKey)


def _must(found: Organisation | None) -> Organisation:
    if found is None:
        raise NotFound("no organisation has that id: admit it first")
    return found


def _save(desk: Desk, organisation: Organisation) -> None:
    desk.work.organisations.save(replace(organisation, version=organisation.version + 1))


def _read(desk: Desk, name: str, read: Callable[[Any], T]) -> T:
    """A value of the change, as ``read`` understands it; Invalid when it does not."""
    try:
        return read(desk.change.values[name])
    except (LookupError, TypeError, ValueError):
        raise Invalid(((f"/{name}", "is missing, or has not the form of this field"),)) from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value


def _among(words: Collection[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return read


def _set_of(words: Collection[str]) -> Callable[[Any], frozenset[str]]:
    def read(value: Any) -> frozenset[str]:
        if not isinstance(value, list) or not value or not set(value) <= set(words):
            raise ValueError
        return frozenset(value)

    return read


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _country(value: Any) -> str:
    if not _COUNTRY.fullmatch(value):
        raise ValueError
    return str(value)


def _admit(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    public_authority = _read(desk, "public_authority", _flag)
    regimes = _read(desk, "regimes", _set_of([str(regime) for regime in Regime]))
    if Regime.LED in regimes and not public_authority:
        raise Invalid((("/regimes", "only a public authority acts under the led regime"),))
    desk.work.organisations.add(
        Organisation(
            slug=desk.change.organisation,
            name=_read(desk, "name", _text),
            kind=_read(desk, "kind", _among(KINDS)),
            public_authority=public_authority,
            regimes=regimes,
            country=_read(desk, "country", _country),
            status=Status.ACTIVE,
        )
    )
    return {"organisation": desk.change.organisation, "status": str(Status.ACTIVE)}


def _move_status(found: Organisation | None, before: Status, after: Status) -> Organisation:
    organisation = _must(found)
    if organisation.status is not before:
        raise WrongState(f"the organisation is {organisation.status}, not {before}")
    return replace(organisation, status=after)


def _suspend(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    _save(desk, _move_status(found, Status.ACTIVE, Status.SUSPENDED))
    return {"organisation": desk.change.organisation, "status": str(Status.SUSPENDED)}


def _reinstate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    _save(desk, _move_status(found, Status.SUSPENDED, Status.ACTIVE))
    return {"organisation": desk.change.organisation, "status": str(Status.ACTIVE)}


def _period(desk: Desk) -> Period:
    start = _read(desk, "from", parse_day)
    end = None if desk.change.values.get("until") is None else _read(desk, "until", parse_day)
    try:
        return Period(start, end)
    except ValueError as error:
        raise Invalid((("/until", str(error)),)) from None


def _grant_standing(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    standing = _read(desk, "standing", Standing)
    seat = Seat(standing, _period(desk), _read(desk, "decision_ref", _text))
    if any(seat.period.overlaps(other.period) for other in organisation.seats):
        raise WrongState("a seat is held in that period already: end it first")
    seats = sorted((*organisation.seats, seat), key=lambda s: s.period.start)
    _save(desk, replace(organisation, seats=tuple(seats)))
    return {"organisation": organisation.slug, "standing": str(seat.standing)}


def _end_standing(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    end = _read(desk, "until", parse_day)
    seats = [_ended(s, end) if s.period.holds(end) else s for s in organisation.seats]
    if tuple(seats) == organisation.seats:
        raise WrongState("no seat is held on that day")
    _save(desk, replace(organisation, seats=tuple(seats)))
    return {"organisation": organisation.slug, "until": end.isoformat()}


def _ended(seat: Seat, end: date) -> Seat:
    return replace(seat, period=_cut(seat.period, end))


def _cut(period: Period, end: date) -> Period:
    try:
        return Period(period.start, end)
    except ValueError as error:
        raise Invalid((("/until", str(error)),)) from None


def _grant_competence(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    competence = Competence(
        id=desk.event,
        organisation=organisation.slug,
        function=_read(desk, "function", _among(FUNCTIONS)),
        matter=str(_read(desk, "matter", Matter)),
        territory=_read(desk, "territory", _country),
        legal_act=_read(desk, "legal_act", _text),
        period=_period(desk),
        registered_by=desk.event,
    )
    held = [c.period for c in organisation.competences if c.key == competence.key]
    if any(competence.period.overlaps(period) for period in held):
        raise WrongState("the organisation holds that competence in that period already")
    _save(desk, replace(organisation, competences=(*organisation.competences, competence)))
    return {"organisation": organisation.slug, "competence": competence.key}


def _end_competence(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    key, end = _read(desk, "competence", _text), _read(desk, "until", parse_day)
    ended = [
        replace(c, period=_cut(c.period, end)) if c.key == key and c.period.holds(end) else c
        for c in organisation.competences
    ]
    if tuple(ended) == organisation.competences:
        raise WrongState("the organisation does not hold that competence on that day")
    _save(desk, replace(organisation, competences=tuple(ended)))
    return {"organisation": organisation.slug, "competence": key}


def _register_system(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    name = _read(desk, "system", _slug)
    system = System(organisation.slug, name, _read(desk, "scopes", _set_of(SCOPES)))
    desk.work.organisations.add_system(system)
    return {"client_id": system.client_id, "scopes": sorted(system.scopes)}


def _slug(value: Any) -> str:
    if not SLUG.fullmatch(value):
        raise ValueError
    return str(value)


def _set_keys(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    name, keys = _read(desk, "system", _slug), _read(desk, "keys", read_keys)
    if desk.work.organisations.system(organisation.slug, name) is None:
        raise NotFound("the organisation has no system of that name: register it first")
    _end_tokens_of_withdrawn(desk, organisation.slug, name, keys)
    desk.work.organisations.set_client_keys(organisation.slug, name, keys)
    return {"client_id": f"{organisation.slug}.{name}", "keys": len(keys)}


def _end_tokens_of_withdrawn(desk: Desk, slug: str, system: str, keys: Sequence[str]) -> None:
    """A key that is withdrawn may be in other hands: what was had by it ends with it."""
    if not set(desk.work.organisations.client_keys(slug, system)) <= set(keys):
        desk.work.organisations.end_tokens(slug, system, desk.now)


def _approve_certificate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    system = _read(desk, "system", _slug)
    if desk.work.organisations.system(organisation.slug, system) is None:
        raise NotFound("the organisation has no system of that name: register it first")
    csr = _read(desk, "csr", _text)
    request = SigningRequest(desk.event, organisation.slug, system, csr, desk.persons[0])
    desk.work.signing.add(request)
    return {"request": str(request.id)}


def _revoke_certificate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    thumbprint = _read(desk, "thumbprint", _text)
    certificate = desk.work.organisations.certificate(thumbprint)
    if certificate is None or certificate.organisation != organisation.slug:
        raise NotFound("the organisation has no such certificate")
    if certificate.revoked_at is not None:
        raise WrongState("the certificate is revoked already")
    desk.work.organisations.save_certificate(replace(certificate, revoked_at=desk.now))
    return {"thumbprint": thumbprint}


def _keys(jwks: Collection[DocumentKey]) -> dict[str, PublicKey]:
    return dict(read_document_key(canonical.decode(key.jwk.encode())) for key in jwks)


def _register_key(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Take on a document key, or an encryption key: the key's own ``use`` tells which."""
    jwk = desk.change.values.get("jwk")
    if isinstance(jwk, Mapping) and jwk.get("use") == "enc":
        return _register_encryption_key(desk, _must(found))
    organisation = _must(found)
    kid, key = _read(desk, "jwk", read_document_key)
    _refuse_known(organisation, kid)
    _word(desk, "proof", registration.POSSESSION, kid, {kid: key})
    before = _valid_keys(desk, organisation)
    if before:
        _word(desk, "countersignature", registration.SUCCESSION, kid, _keys(before))
    made = DocumentKey(kid, _kept_jwk(desk), desk.now, desk.event)
    _save(desk, replace(organisation, document_keys=(*organisation.document_keys, made)))
    return {"organisation": organisation.slug, "kid": kid}


def _register_encryption_key(desk: Desk, organisation: Organisation) -> Mapping[str, Any]:
    """An encryption key proves that it is at hand, and a document key says whose it is."""
    kid, key = _read(desk, "jwk", read_encryption_key)
    _refuse_known(organisation, kid)
    _word(desk, "proof", registration.ENCRYPTION, kid, {kid: key})
    signers, vouched = _valid_keys(desk, organisation), None
    if signers:
        _word(desk, "countersignature", registration.ENCRYPTION, kid, _keys(signers))
        vouched = str(desk.change.values["countersignature"])
    made = EncryptionKey(kid, _kept_jwk(desk), desk.now, desk.event, countersignature=vouched)
    _save(desk, replace(organisation, encryption_keys=(*organisation.encryption_keys, made)))
    return {"organisation": organisation.slug, "kid": kid}


def _kept_jwk(desk: Desk) -> str:
    return canonical.encode(desk.change.values["jwk"]).decode()


def _refuse_known(organisation: Organisation, kid: str) -> None:
    """A key is registered once, for one use: the thumbprint is the same in both."""
    if organisation.document_key(kid) or organisation.encryption_key(kid):
        raise AlreadyExists("the organisation has had this key before: make a new one")


def _revoke_key(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    kid = _read(desk, "kid", _text)
    key = organisation.document_key(kid) or organisation.encryption_key(kid)
    if key is None:
        raise NotFound("the organisation has no such key")
    if not key.holds(desk.now):
        raise WrongState("the key is revoked already")
    _save(
        desk,
        replace(
            organisation,
            document_keys=_ended_key(organisation.document_keys, kid, desk.now),
            encryption_keys=_ended_key(organisation.encryption_keys, kid, desk.now),
        ),
    )
    return {"organisation": organisation.slug, "kid": kid}


def _ended_key(keys: tuple[K, ...], kid: str, now: datetime) -> tuple[K, ...]:
    return tuple(replace(key, valid_to=now) if key.kid == kid else key for key in keys)


def _lock(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _set_lock(desk, _must(found), registration.LOCK, locked=True)


def _unlock(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _set_lock(desk, _must(found), registration.UNLOCK, locked=False)


def _set_lock(
    desk: Desk, organisation: Organisation, says: str, *, locked: bool
) -> Mapping[str, Any]:
    """Change the lock on the organisation's own signed word, which counts once."""
    if organisation.signed_only is locked:
        raise WrongState("the organisation is that already")
    keys = _keys(_valid_keys(desk, organisation))
    word = _word(desk, "statement", says, None, keys)
    used = f"registration/{organisation.slug}/{word.jti}"
    if desk.work.retries.get(organisation.slug, used) is not None:
        raise Invalid((("/statement", "was used before: sign anew"),))
    desk.work.retries.add(Retry(organisation.slug, used, b"", desk.event))
    _save(desk, replace(organisation, signed_only=locked))
    return {"organisation": organisation.slug, "signed_only": locked}


def _valid_keys(desk: Desk, organisation: Organisation) -> list[DocumentKey]:
    return [key for key in organisation.document_keys if key.holds(desk.now)]


def _word(
    desk: Desk, name: str, says: str, kid: str | None, keys: Mapping[str, PublicKey]
) -> registration.Word:
    """A signed statement among the values of the change; Invalid when it is not as it must be."""
    text = _read(desk, name, _text)
    try:
        return registration.verify(
            text,
            organisation=organisation_uri(desk.issuer, desk.change.organisation),
            audience=desk.issuer,
            says=says,
            kid=kid,
            keys=keys,
            now=desk.now,
        )
    except DocumentError as error:
        raise Invalid(((f"/{name}", str(error)),)) from None


CHANGES: Mapping[str, Apply] = {
    "organisation.admit": _admit,
    "organisation.suspend": _suspend,
    "organisation.reinstate": _reinstate,
    "standing.grant": _grant_standing,
    "standing.end": _end_standing,
    "competence.grant": _grant_competence,
    "competence.end": _end_competence,
    "system.register": _register_system,
    "system.key": _set_keys,
    "certificate.issue": _approve_certificate,
    "certificate.revoke": _revoke_certificate,
    "key.register": _register_key,
    "key.revoke": _revoke_key,
    "organisation.lock": _lock,
    "organisation.unlock": _unlock,
}
"""Every change that administrators make, by its action."""
