"""Keys of members and administrators, and the gateway's own first entries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, TypeVar

from gateway.domain import refusals
from gateway.domain.audit import Coverage
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.organisation import (
    Administrator,
    MemberDocumentKey,
    MemberEncryptionKey,
    MemberKey,
    Organisation,
    organisation_uri,
)
from gateway.evidence import canonical, declarations, event, passkey, signature
from gateway.evidence.declarations import KeyDeclaration, person_uri
from gateway.evidence.log_predecessor import CONTINUED, LogPredecessor
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import DocumentError
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY, GatewayItself
from gateway.kernel.approvals import keys_of
from gateway.kernel.changes import ChangeContext
from gateway.kernel.events import gateway_and
from gateway.kernel.fields import REQUIRED
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.transact import WriteResult, receipt_for, transact
from gateway.kernel.values import IdempotencyRecord, LoggedEvent, LogQuery, TreeHead
from gateway.ledger.note import parse_checkpoint
from gateway.ledger.tiles import InclusionProofs

K = TypeVar("K", bound=MemberKey)

# --- Signed words among the values of a change, about a key: verified, or refused by field --------


def _verify_declaration(
    context: ChangeContext,
    name: str,
    *,
    author: str,
    says: str,
    kid: str | None,
    keys: Mapping[str, signature.PublicKey],
) -> KeyDeclaration:
    """Return what the value ``name`` says, by one of ``keys`` of an ``author`` (a URI), for this
    gateway.

    Raises ValidationFailed when it is missing, or says anything else, or of another key than
    ``kid``.
    """
    if context.values[name] is None:
        raise refusals.ValidationFailed(((f"/{name}", REQUIRED),))
    try:
        return declarations.verify_declaration(
            context.values[name],
            organisation=author,
            audience=context.issuer,
            says=says,
            kid=kid,
            keys=keys,
            now=context.now,
        )
    except DocumentError as error:
        raise refusals.ValidationFailed(((f"/{name}", str(error)),)) from None


# --- Members' document and encryption keys, and the requirement to sign ---------------------------


def _keys(jwks: Collection[MemberDocumentKey]) -> dict[str, signature.PublicKey]:
    return dict(signature.read_document_key(canonical.decode(key.jwk.encode())) for key in jwks)


def register_key(context: ChangeContext) -> Mapping[str, Any]:
    """Register a document key, or an encryption key: the key's own ``use`` tells which.

    An encryption key proves possession, and a document key says whose it is.
    """
    if context.values["jwk"].get("use") != "enc":
        return register_document_key(context)
    organisation = context.organisation
    kid, key = context.read("jwk", signature.read_encryption_key)
    _refuse_known(organisation, kid)
    _word(context, "proof", declarations.ENCRYPTION, kid, {kid: key})
    signers, vouched = _valid_keys(context, organisation), None
    if signers:
        _word(context, "countersignature", declarations.ENCRYPTION, kid, _keys(signers))
        vouched = str(context.values["countersignature"])
    made = MemberEncryptionKey(
        kid, _kept_jwk(context), context.now, context.event, countersignature=vouched
    )
    context.save(replace(organisation, encryption_keys=(*organisation.encryption_keys, made)))
    return {"organisation": organisation.slug, "kid": kid}


def register_document_key(context: ChangeContext) -> Mapping[str, Any]:
    """Register a document key with its proof, countersigned by a valid one."""
    organisation = context.organisation
    kid, key = context.read("jwk", signature.read_document_key)
    _refuse_known(organisation, kid)
    _word(context, "proof", declarations.POSSESSION, kid, {kid: key})
    before = _valid_keys(context, organisation)
    if before:
        _word(context, "countersignature", declarations.KEY_SUCCESSION, kid, _keys(before))
    made = MemberDocumentKey(kid, _kept_jwk(context), context.now, context.event)
    context.save(replace(organisation, document_keys=(*organisation.document_keys, made)))
    return {"organisation": organisation.slug, "kid": kid}


def _kept_jwk(context: ChangeContext) -> str:
    return canonical.encode(context.values["jwk"]).decode()


def _refuse_known(organisation: Organisation, kid: str) -> None:
    """A key is registered once, for one use: the thumbprint is the same in both."""
    if organisation.document_key(kid) or organisation.encryption_key(kid):
        raise refusals.AlreadyExists("the organisation has had this key before: make a new one")


def revoke_key(context: ChangeContext) -> Mapping[str, Any]:
    """End a document or an encryption key at once."""
    organisation = context.organisation
    kid = context.values["kid"]
    key = organisation.document_key(kid) or organisation.encryption_key(kid)
    if key is None:
        raise refusals.NotFound("the organisation has no such key")
    if not key.holds(context.now):
        raise refusals.WrongState("the key is revoked already")
    context.save(
        replace(
            organisation,
            document_keys=_ended_key(organisation.document_keys, kid, context),
            encryption_keys=_ended_key(organisation.encryption_keys, kid, context),
        ),
    )
    context.names_key = kid
    return {"organisation": organisation.slug, "kid": kid}


def _ended_key(keys: tuple[K, ...], kid: str, context: ChangeContext) -> tuple[K, ...]:
    return tuple(
        replace(key, valid_until=context.now, revoked_by=context.event) if key.kid == kid else key
        for key in keys
    )


def set_signed_only(context: ChangeContext, *, signed_only: bool) -> Mapping[str, Any]:
    """Require an organisation's own signature, or end that, on a declaration that it signed, which
    counts once."""
    organisation = context.organisation
    says = declarations.LOCK if signed_only else declarations.UNLOCK
    if organisation.signed_only is signed_only:
        has = "has a" if signed_only else "has no"
        raise refusals.WrongState(f"the organisation {has} requirement to sign already")
    use_declaration(context, says)
    context.save(replace(organisation, signed_only=signed_only))
    return {"organisation": organisation.slug, "signed_only": signed_only}


def use_declaration(context: ChangeContext, says: str) -> None:
    """Use what the organisation declared by one of its keys, once; ValidationFailed."""
    organisation = context.organisation
    keys = _keys(_valid_keys(context, organisation))
    word = _word(context, "declaration", says, None, keys)
    used = f"registration/{organisation.slug}/{word.jti}"
    if context.work.retries.get(organisation.slug, used) is not None:
        raise refusals.ValidationFailed((("/declaration", "was used before: sign again"),))
    context.work.retries.add(IdempotencyRecord(organisation.slug, used, b"", context.event))


def _valid_keys(context: ChangeContext, organisation: Organisation) -> list[MemberDocumentKey]:
    return [key for key in organisation.document_keys if key.holds(context.now)]


def _word(
    context: ChangeContext,
    name: str,
    says: str,
    kid: str | None,
    keys: Mapping[str, signature.PublicKey],
) -> declarations.KeyDeclaration:
    """A statement of the organisation's among the values of the change."""
    author = organisation_uri(context.issuer, context.change.organisation)
    return _verify_declaration(context, name, author=author, says=says, kid=kid, keys=keys)


def read_member_key(value: Any) -> Mapping[str, Any]:
    """The JWK of a document or an encryption key; ValueError for any other, or a private one."""
    read = (
        signature.read_encryption_key if value.get("use") == "enc" else signature.read_document_key
    )
    read(value)
    return dict(value)


# --- The gateway's named administrators: one more, or one less; never fewer than two --------------


def add_administrator(context: ChangeContext) -> Mapping[str, Any]:
    """Register an administrator, with proof of a key that no administrator has or had."""
    jwk, person = context.values["jwk"], context.values["person"]
    kid, key = signature.read_registered_key(jwk)
    author = person_uri(context.issuer, person)
    _verify_declaration(
        context, "proof", author=author, says=declarations.POSSESSION, kid=kid, keys={kid: key}
    )
    _require_new_key(context, key)
    made = Administrator(person, context.values["name"], canonical.encode(jwk).decode())
    context.work.organisations.add_person(made)
    return {"person": made.id}


def _require_new_key(context: ChangeContext, key: signature.PublicKey) -> None:
    if any(key in keys_of(one) for one in context.work.organisations.persons()):
        raise refusals.WrongState("another administrator has or had this key: make a new one")


def add_passkey(context: ChangeContext) -> Mapping[str, Any]:
    """Register a passkey of an administrator, which proves itself by a statement of its own."""
    jwk = context.values["jwk"]
    person = _administrator(context)
    kid, made = passkey.read_passkey(jwk)
    proved = {"person": person.id, "jwk": jwk}
    try:
        said = declarations.verify_approval(
            context.values["proof"], person=person.id, audience=context.issuer, keys={kid: made}
        )
    except DocumentError as error:
        raise refusals.ValidationFailed((("/proof", str(error)),)) from None
    digest = declarations.change_digest(context.change.action, context.change.organisation, proved)
    if (said.action, said.change) != (context.change.action, digest):
        raise refusals.ValidationFailed((("/proof", "is about another person, or another key"),))
    _require_new_key(context, made.key)
    _save_keys(context, person, [*_recorded(person), dict(jwk)])
    return {"person": person.id, "kid": kid}


def revoke_passkey(context: ChangeContext) -> Mapping[str, Any]:
    """Let nothing count any more that a passkey of an administrator signed, whenever that was."""
    person, kid = _administrator(context), context.values["kid"]
    recorded = _recorded(person)
    known = [one for one in recorded if passkey.ORIGIN in one and one["kid"] == kid]
    if not known:
        raise refusals.NotFound("the administrator has no passkey with that id")
    if declarations.REVOKED in known[0]:
        raise refusals.WrongState("the passkey is revoked already")
    ended = {**known[0], declarations.REVOKED: True}
    _save_keys(context, person, [ended if one == known[0] else one for one in recorded])
    return {"person": person.id, "kid": kid}


def _administrator(context: ChangeContext) -> Administrator:
    person = context.work.organisations.person(context.values["person"])
    if person is None:
        raise refusals.NotFound("no administrator has that id")
    return person


def _recorded(person: Administrator) -> list[dict[str, Any]]:
    return declarations.recorded_keys(canonical.decode(person.public_key.encode()))


def _save_keys(
    context: ChangeContext, person: Administrator, jwks: Sequence[Mapping[str, Any]]
) -> None:
    recorded = canonical.encode({"keys": list(jwks)}).decode()
    context.work.organisations.save_person(replace(person, public_key=recorded))


def read_passkey(value: Any) -> Mapping[str, Any]:
    """The JWK of a passkey; ValueError for any other."""
    passkey.read_passkey(value)
    return dict(value)


def read_approval_key(value: Any) -> Mapping[str, Any]:
    """The JWK of a key that verifies signatures; ValueError for any other, or a private one."""
    signature.read_registered_key(value)
    return dict(value)


def disable_administrator(context: ChangeContext) -> Mapping[str, Any]:
    """Let a person's word count no more, from now on, whatever they signed before."""
    named = context.values["person"]
    person = _administrator(context)
    if not person.enabled:
        raise refusals.WrongState("the administrator is disabled already")
    others = [p for p in context.work.organisations.persons() if p.enabled and p.id != named]
    if len(others) < 2:
        raise refusals.WrongState("two administrators must remain: add another one first")
    context.work.organisations.save_person(replace(person, enabled=False))
    return {"person": named}


def found(
    ports: Ports,
    persons: Sequence[Administrator],
    civil_time_zone: str,
    predecessor: LogPredecessor | None = None,
) -> WriteResult:
    """Enrol the first administrators of a new gateway: two, named, with different keys.

    The log says in which time zone its days are. With a ``predecessor`` the first entry of the log
    is that it continues that one. The one change without approvals: there is no administrator yet.
    WrongState ever after.
    """
    public = [key for person in persons for key in keys_of(person)]
    shared = any(one == other for one, other in combinations(public, 2))
    if len(persons) < 2 or shared or len({p.id for p in persons}) < len(persons):
        raise refusals.InvalidApproval(
            "a gateway is founded by two persons or more, with a key each"
        )
    named = tuple(person.id for person in persons)

    def act(context: RequestContext) -> Mapping[str, Any]:
        if context.work.organisations.persons():
            raise refusals.WrongState("the gateway was founded before")
        for person in persons:
            context.work.organisations.add_person(person)
        if predecessor is not None:
            told = events.shared("subject", predecessor.encode(), gateway_and())
            events.record_by_gateway(
                ports, context.work, "log.continue", gateway_and(), told, at=context.now
            )
        named_so = [vars(person) for person in persons]
        said = {"persons": named_so, "civil_time_zone": civil_time_zone}
        context.record(gateway_and(), events.subject(said, *gateway_and()))
        return {"event": str(context.event)}

    return transact(ports, GatewayItself(), ActionRequest("gateway.create", by=named), act)


CREATED = EVENT_TYPES["gateway.create"][0]


def continuation(work: UnitOfWork) -> LoggedEvent | None:
    """The first event of a log that continues another; None in any other log."""
    return _early(work, 1, CONTINUED)


def civil_time_zone(work: UnitOfWork) -> str | None:
    """The time zone with which the gateway was founded; None before that, and where its event
    does not say it."""
    created = _early(work, 2, CREATED)
    return None if created is None else created.subject.get("civil_time_zone")


def _early(work: UnitOfWork, most: int, typ: str) -> LoggedEvent | None:
    """The event of a type among the first ones of the gateway's own."""
    for _, first in work.log.stream(GATEWAY, 0, most):
        logged = work.log.logged(first)
        if logged and event.read(logged.event.document)["type"] == typ:
            return logged
    return None


# --- The gateway's own keys and authorities ------------------------------------------------------


def adopt_mark(context: ChangeContext) -> Mapping[str, Any]:
    """Record for which head two persons vouch: that of the log to which this is the next entry."""
    head, values = context.work.log.head(), context.values
    if (values["size"], values["root"]) != (str(head.size), head.root.hex()):
        raise refusals.WrongState(
            "the log has another head than the one that was approved: begin again"
        )
    return dict(values)


def record_step(context: ChangeContext) -> Mapping[str, Any]:
    """Record which key or authority takes which step, before it is taken.

    The step itself is taken by whoever holds the key files; so none of these comes over the
    network.
    """
    return dict(context.values)


PUBLISHED, WITHDRAWN = (EVENT_TYPES[f"gateway_key.{one}"].name for one in ("publish", "withdraw"))
MOST_KEYS = 10_000
"""More than any gateway ever has: what is withdrawn stays on record."""


def publish_keys(ports: Ports, present: Iterable[Mapping[str, str]]) -> None:
    """Record each key, once, that the gateway signs with; none before it is founded."""
    with ports.begin(TransactionMode.READ) as work:
        founded, told = bool(work.organisations.persons()), _named(work, PUBLISHED)
    new = [one for one in present if (one["purpose"], one["key"]) not in told]
    _record(ports, "gateway_key.publish", new if founded else ())


def withdraw_key(ports: Ports, purpose: str, key: str) -> None:
    """Record, once, that the gateway signs no more with a key.

    Of a key of the log the event keeps the last checkpoint that it signed: it leads whoever knows
    this key, and was away meanwhile, to the next one.
    """
    with ports.begin(TransactionMode.READ) as work:
        head, told = work.log.head(), _named(work, WITHDRAWN)
    last = {"checkpoint": ports.checkpoint_signer.sign(head)} if purpose == "log" else {}
    new = [] if (purpose, key) in told else [{"purpose": str(purpose), "key": key, **last}]
    _record(ports, "gateway_key.withdraw", new)


def _record(ports: Ports, action: str, keys: Sequence[Mapping[str, str]]) -> None:
    if keys:
        with ports.begin(TransactionMode.WRITE) as work:
            for one in keys:
                events.record_by_gateway(ports, work, action, gateway_and(), said=one)
            work.commit()


def _named(work: UnitOfWork, typ: str) -> set[tuple[str, str]]:
    return {(one.subject["purpose"], one.subject["key"]) for one in _key_events(work, typ)}


def _key_events(work: UnitOfWork, *types: str) -> Sequence[LoggedEvent]:
    whole, size = Coverage(whole=True), work.log.head().size
    query = LogQuery(coverage=whole, limit=MOST_KEYS, before=size, types=types)
    found = (work.log.logged(one.event) for one in work.log.search(query))
    return [one for one in found if one is not None]


def key_history(ports: Ports) -> Sequence[Receipt]:
    """The receipts of all events that published and withdrew keys of the gateway, oldest first.

    That of a key of the log leads to the last checkpoint that the key before it signed, where that
    was withdrawn since: who knows one of them learns all that follow.
    """
    with ports.begin(TransactionMode.READ) as work:
        told = [*_key_events(work, PUBLISHED, WITHDRAWN)]
        ends = [(one.index, one.subject.get("checkpoint")) for one in told]
        for at, one in enumerate(told):
            later = (note for index, note in ends if note and index > one.index)
            if one.subject["purpose"] == "log" and (note := next(later, None)):
                signed = parse_checkpoint(note.partition("\n\n")[0] + "\n")
                path = InclusionProofs(work.log.tile, signed.size).of(one.index)
                told[at] = replace(
                    one, proof=path, head=TreeHead(signed.size, signed.root), note=note
                )
    return [receipt_for(ports, one, GATEWAY) for one in told]
