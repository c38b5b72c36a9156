"""A system gets its certificates by itself: the first by an invitation, the next by the last.

What the request asks for counts only as far as its key: subject and name come from the registry.
The certificate itself is made by whoever holds the issuing key, from a row (contracts.md 2).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from gateway.actions.authentication import NotAuthenticated, require_standing
from gateway.actions.authorization import (
    GATEWAY,
    Refused,
    Request,
    Turn,
    Written,
    authorize,
    receipt_for,
    write,
)
from gateway.actions.ports import Mode, Ports, Work
from gateway.actions.records import Caller, CertificateRequest, Credentials, Logged, SigningRequest
from gateway.actions.registry import keys
from gateway.actions.registry.desk import Change, Desk
from gateway.domain.decision import Question, organisation_entity
from gateway.domain.facts import Detail, Fact, Party, Result
from gateway.domain.invitation import Invitation
from gateway.domain.organisation import Organisation, read_system_uri
from gateway.domain.refusals import (
    AlreadyExists,
    Forbidden,
    Invalid,
    InvitationRefused,
    NotFound,
    NotInvited,
    Refusal,
    TooManyAttempts,
)
from gateway.evidence import base64url, canonical

REFUSALS_PER_MINUTE = 10
"""Refused attempts with the tokens of one organisation's invitations."""

RENEWALS_PER_DAY = 10
"""Certificates that one system may ask for by itself in a day."""


@dataclass(frozen=True)
class FirstKey:
    """The document key that comes with an enrolment: its JWK, and its proof of possession."""

    jwk: Mapping[str, Any]
    proof: str


def use(
    ports: Ports,
    name: str,
    token: str,
    asked: CertificateRequest,
    first_key: FirstKey | None = None,
) -> Written:
    """Ask for a system's certificate by an invitation; the result names the request.

    ``name`` is a client id, or an organisation's. Repeated with the same key it gives the same
    request, so that who was interrupted goes on. Raises NotInvited, TooManyAttempts, Invalid, and
    Refused for what is an event: an invitation of another system, used before for another key,
    expired or withdrawn, a first document key where there is one, or a policy's no.
    """
    invitation = _invited(ports, name, token)
    try:
        if name not in (invitation.organisation, f"{invitation.organisation}.{invitation.system}"):
            raise InvitationRefused("the invitation is for another system than the one named")
        return _use(ports, invitation, asked, first_key)
    except (InvitationRefused, Forbidden, NotFound, AlreadyExists) as refusal:
        _refuse(ports, invitation, refusal)
    except Invalid:
        with ports.begin(Mode.WRITE) as work:
            _spend(ports, work, invitation.organisation)
            work.commit()
        raise


def _invited(ports: Ports, name: str, token: str) -> Invitation:
    """The invitation with this token. It is looked up by a digest that nobody can steer.

    A wrong one writes nothing, whoever it names: nobody without a token learns who is here, takes
    the place of a writer, or uses up what those with a token may cause.
    """
    digest = base64url.digest(token.encode())
    with ports.begin(Mode.READ) as work:
        found = work.invitations.by_token(digest)
    if found is None or not hmac.compare_digest(found.token_sha256, digest):
        raise NotInvited("no invitation has this name and token")
    return found


def _spend(ports: Ports, work: Work, organisation: str) -> None:
    window = f"enrolments/{ports.now():%Y%m%dT%H%M}"
    if not work.budgets.spend(organisation, window, REFUSALS_PER_MINUTE):
        raise TooManyAttempts("too many attempts in this minute: wait, then look for the cause")


def _use(
    ports: Ports, earlier: Invitation, asked: CertificateRequest, first_key: FirstKey | None
) -> Written:
    now, event = ports.now(), ports.new_id()
    with ports.begin(Mode.REGISTRY) as work:
        invitation = work.invitations.get(earlier.id)
        member = work.organisations.get(earlier.organisation)
        if invitation is None or member is None:
            raise NotInvited("no invitation has this name and token")
        used = invitation.use(asked.key, event, now)
        _permit(ports, work, member, invitation.system)
        if used is invitation:
            logged = _taken_before(work, used)
        else:
            if first_key is not None:
                _register(ports, work, used, member, first_key)
            logged = _take(ports, work, used, asked)
    result = {"request": str(used.request), "client_id": f"{used.organisation}.{used.system}"}
    return Written(result, receipt_for(ports, logged, used.organisation))


def _permit(ports: Ports, work: Work, member: Organisation, system: str) -> None:
    registered = work.organisations.system(member.slug, system)
    if registered is None or not registered.enabled:
        raise NotFound("the system is not registered, or disabled: ask the administrators")
    entity = organisation_entity(member, ports.legal_day(ports.now()).day)
    decision = ports.policy.decide(Question(entity, "invitation.use", entity, {}))
    if not decision.allowed:
        reason = " ".join(decision.reasons) or "policy does not allow an enrolment now"
        raise Forbidden(reason, decision.rules)


def _request_of(used: Invitation) -> UUID:
    if used.request is None:
        raise NotFound("what came of the invitation is gone")
    return used.request


def _taken_before(work: Work, used: Invitation) -> Logged:
    logged = work.log.logged(_request_of(used))
    if logged is None:
        raise NotFound("what came of the invitation is gone")
    return logged


def _take(ports: Ports, work: Work, used: Invitation, asked: CertificateRequest) -> Logged:
    """Keep the request and what became of the invitation; the event of it."""
    request = _request_of(used)
    told = {"invitation": str(used.id), "system": used.system, "key": asked.key}
    work.log.record(_fact(ports, request, "invitation.use", used, told))
    work.invitations.save(used)
    work.signing.add(
        SigningRequest(request, used.organisation, used.system, asked.pem, used.approved_by[0])
    )
    return next(one for one in work.commit() if one.event.id == request)


def _register(
    ports: Ports, work: Work, used: Invitation, member: Organisation, first_key: FirstKey
) -> None:
    """Register the first document key on the word of those who approved the invitation."""
    if member.document_keys:
        raise AlreadyExists(
            "your organisation has had a document key: enrol without one, and have the next one "
            "registered by the administrators"
        )
    values = {"jwk": first_key.jwk, "proof": first_key.proof}
    change = Change("key.register", used.organisation, values)
    event = ports.new_id()
    now = ports.now()
    today = ports.legal_day(now).day
    said = keys.REGISTRATION.read(values)
    desk = Desk(work, change, used.approved_by, now, today, event, ports.issuer, said)
    keys.register_document_key(desk, member)
    told = {"organisation": used.organisation, **values}
    work.log.record(_fact(ports, event, "key.register", used, told))


def _fact(
    ports: Ports,
    event: UUID,
    action: str,
    invitation: Invitation,
    told: Mapping[str, Any],
    *,
    denied: Refusal | None = None,
) -> Fact:
    """An event of the gateway's and the member's own; those who invited stay with the gateway."""
    today = ports.legal_day(ports.now())
    gateway = frozenset({GATEWAY})
    rules = denied.rules if isinstance(denied, Forbidden) else ()
    return Fact(
        id=event,
        action=action,
        result=Result.ALLOWED if denied is None else Result.DENIED,
        parties=(Party(GATEWAY, "gateway"), Party(invitation.organisation, "concerned")),
        details=(
            Detail("by", invitation.approved_by, gateway),
            Detail("subject", canonical.encode(told).decode(), gateway | {invitation.organisation}),
            *((Detail("rules", rules, gateway),) if rules else ()),
        ),
        simulated_date=today.simulated_date,
    )


def _refuse(ports: Ports, invitation: Invitation, refusal: Refusal) -> NoReturn:
    """Record that somebody with the token was refused, for the member too; then refuse."""
    told = {"invitation": str(invitation.id), "system": invitation.system, "why": refusal.detail}
    fact = _fact(ports, ports.new_id(), "invitation.use", invitation, told, denied=refusal)
    with ports.begin(Mode.WRITE) as work:
        _spend(ports, work, invitation.organisation)
        work.log.record(fact)
        (logged,) = work.commit()
    raise Refused(refusal, receipt_for(ports, logged, invitation.organisation))


def renew(ports: Ports, shown: Credentials, asked: CertificateRequest) -> Written:
    """Ask for a system's next certificate, on a connection with a present one.

    Repeated on the same certificate with the same key it gives the same request. Raises
    NotAuthenticated, TooManyAttempts, and Refused when policy says no.
    """
    caller = _holder(ports, shown)
    request = Request(
        "certificate.renew",
        key=f"renewal/{shown.thumbprint}/{asked.key}",
        content={"system": caller.system, "key": asked.key},
    )

    def act(turn: Turn) -> Mapping[str, Any]:
        authorize(turn, turn.entity())
        window = f"renewals.{caller.system}/{turn.now:%Y%m%d}"
        if not turn.work.budgets.spend(caller.organisation, window, RENEWALS_PER_DAY):
            raise TooManyAttempts("too many certificates for this system today: use the last one")
        client_id = f"{caller.organisation}.{caller.system}"
        turn.work.signing.add(
            SigningRequest(
                turn.event,
                caller.organisation,
                caller.system,
                asked.pem,
                client_id,
                asked_on=shown.thumbprint,
            )
        )
        told = canonical.encode({"system": caller.system, "key": asked.key}).decode()
        turn.record(
            (Party(caller.organisation, "actor"), Party(GATEWAY, "gateway")),
            Detail("subject", told, frozenset({caller.organisation, GATEWAY})),
        )
        return {"request": str(turn.event)}

    def again(_turn: Turn, logged: Logged) -> Mapping[str, Any]:
        return {"request": str(logged.event.id)}

    return write(ports, caller, request, act, again)


def _holder(ports: Ports, shown: Credentials) -> Caller:
    """The system that a certificate names; who it is counts, for no token says so here."""
    named = read_system_uri(shown.uris[0]) if len(shown.uris) == 1 else None
    if named is None or named[0] != ports.gateway:
        raise NotAuthenticated("the certificate names no system of this gateway")
    _, organisation, system = named
    with ports.begin(Mode.READ) as work:
        require_standing(ports, work, f"{organisation}.{system}", shown)
    return Caller(organisation, system, frozenset(), shown)


def outcome(ports: Ports, request: UUID) -> SigningRequest | None:
    """What became of a certificate request that `use` or `renew` named."""
    with ports.begin(Mode.READ) as work:
        return work.signing.get(request)
