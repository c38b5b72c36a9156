"""Members' document and encryption keys, and the lock on their own signature."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from gateway.actions.records import Retry
from gateway.actions.registry.desk import Desk, Form, Kind, must, prose, text
from gateway.actions.registry.words import word
from gateway.domain.organisation import (
    DocumentKey,
    EncryptionKey,
    MemberKey,
    Organisation,
    organisation_uri,
)
from gateway.domain.refusals import AlreadyExists, Invalid, NotFound, WrongState
from gateway.evidence import canonical, registration
from gateway.evidence.signature import PublicKey, read_document_key, read_encryption_key

K = TypeVar("K", bound=MemberKey)


def _keys(jwks: Collection[DocumentKey]) -> dict[str, PublicKey]:
    return dict(read_document_key(canonical.decode(key.jwk.encode())) for key in jwks)


def _register_key(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Take on a document key, or an encryption key: the key's own ``use`` tells which."""
    if desk.said["jwk"].get("use") == "enc":
        return _register_encryption_key(desk, must(found))
    return register_document_key(desk, found)


def register_document_key(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Take on a document key with its proof, and the word of a valid one before it."""
    organisation = must(found)
    kid, key = desk.read("jwk", read_document_key)
    _refuse_known(organisation, kid)
    _word(desk, "proof", registration.POSSESSION, kid, {kid: key})
    before = _valid_keys(desk, organisation)
    if before:
        _word(desk, "countersignature", registration.SUCCESSION, kid, _keys(before))
    made = DocumentKey(kid, _kept_jwk(desk), desk.now, desk.event)
    desk.save(replace(organisation, document_keys=(*organisation.document_keys, made)))
    return {"organisation": organisation.slug, "kid": kid}


def _register_encryption_key(desk: Desk, organisation: Organisation) -> Mapping[str, Any]:
    """An encryption key proves that it is at hand, and a document key says whose it is."""
    kid, key = desk.read("jwk", read_encryption_key)
    _refuse_known(organisation, kid)
    _word(desk, "proof", registration.ENCRYPTION, kid, {kid: key})
    signers, vouched = _valid_keys(desk, organisation), None
    if signers:
        _word(desk, "countersignature", registration.ENCRYPTION, kid, _keys(signers))
        vouched = str(desk.said["countersignature"])
    made = EncryptionKey(kid, _kept_jwk(desk), desk.now, desk.event, countersignature=vouched)
    desk.save(replace(organisation, encryption_keys=(*organisation.encryption_keys, made)))
    return {"organisation": organisation.slug, "kid": kid}


def _kept_jwk(desk: Desk) -> str:
    return canonical.encode(desk.said["jwk"]).decode()


def _refuse_known(organisation: Organisation, kid: str) -> None:
    """A key is registered once, for one use: the thumbprint is the same in both."""
    if organisation.document_key(kid) or organisation.encryption_key(kid):
        raise AlreadyExists("the organisation has had this key before: make a new one")


def _revoke_key(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    kid = desk.said["kid"]
    key = organisation.document_key(kid) or organisation.encryption_key(kid)
    if key is None:
        raise NotFound("the organisation has no such key")
    if not key.holds(desk.now):
        raise WrongState("the key is revoked already")
    desk.save(
        replace(
            organisation,
            document_keys=_ended_key(organisation.document_keys, kid, desk),
            encryption_keys=_ended_key(organisation.encryption_keys, kid, desk),
        ),
    )
    desk.names_key = kid
    return {"organisation": organisation.slug, "kid": kid}


def _ended_key(keys: tuple[K, ...], kid: str, desk: Desk) -> tuple[K, ...]:
    return tuple(
        replace(key, valid_to=desk.now, revoked_by=desk.event) if key.kid == kid else key
        for key in keys
    )


def _lock(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _set_lock(desk, must(found), registration.LOCK, locked=True)


def _unlock(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _set_lock(desk, must(found), registration.UNLOCK, locked=False)


def _set_lock(
    desk: Desk, organisation: Organisation, says: str, *, locked: bool
) -> Mapping[str, Any]:
    """Change the lock on the organisation's own signed word, which counts once."""
    if organisation.signed_only is locked:
        raise WrongState(f"the organisation is {'locked' if locked else 'not locked'} already")
    keys = _keys(_valid_keys(desk, organisation))
    word = _word(desk, "statement", says, None, keys)
    used = f"registration/{organisation.slug}/{word.jti}"
    if desk.work.retries.get(organisation.slug, used) is not None:
        raise Invalid((("/statement", "was used before: sign anew"),))
    desk.work.retries.add(Retry(organisation.slug, used, b"", desk.event))
    desk.save(replace(organisation, signed_only=locked))
    return {"organisation": organisation.slug, "signed_only": locked}


def _valid_keys(desk: Desk, organisation: Organisation) -> list[DocumentKey]:
    return [key for key in organisation.document_keys if key.holds(desk.now)]


def _word(
    desk: Desk, name: str, says: str, kid: str | None, keys: Mapping[str, PublicKey]
) -> registration.Word:
    """A statement of the organisation's among the values of the change."""
    author = organisation_uri(desk.issuer, desk.change.organisation)
    return word(desk, name, author=author, says=says, kid=kid, keys=keys)


def _public(value: Any) -> Mapping[str, Any]:
    """The JWK of a document or an encryption key; ValueError for any other, or a private one."""
    read = read_encryption_key if value.get("use") == "enc" else read_document_key
    read(value)
    return dict(value)


REGISTRATION = Form({"jwk": _public, "proof": text}, {"countersignature": text})
"""How a key is registered; the first one may come by an invitation."""

CHANGES: Mapping[str, Kind] = {
    "key.register": Kind(REGISTRATION, _register_key),
    "key.revoke": Kind(Form({"kid": text}, {"reason": prose}), _revoke_key),
    "organisation.lock": Kind(Form({"statement": text}), _lock),
    "organisation.unlock": Kind(Form({"statement": text}), _unlock),
}
