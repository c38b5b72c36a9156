"""Who calls: a certificate and a client id, checked against the registry of this moment."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.domain.organisation import (
    ADMIN_SCOPES,
    CONSOLE,
    HEALTH_SCOPE,
    SCOPES_WHILE_SUSPENDED,
    Status,
    System,
    system_of,
    system_uri,
)
from gateway.domain.out_of_service import EntryKind
from gateway.domain.refusals import Refusal
from gateway.domain.staff import scopes_of
from gateway.evidence import base64url, canonical, declarations, signature
from gateway.evidence.declarations import ApprovalKey
from gateway.evidence.passkey import ORIGIN, Passkey, read_passkey
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import HOST, Caller, Credentials, PersonCredentials

# --- A system proves who it is by its key: `private_key_jwt` (RFC 7523 2.2, FAPI 2.0) ---
#
# The keys stand in the registry as public JWKs; the assertion is signed by one of them, is
# addressed to the issuer and nobody else, lives an hour at most, and is good once.


ALGORITHMS = ("PS256", "ES256", "EdDSA")
"""What FAPI 2.0 section 5.4.1 leaves; each key takes the one of its kind."""

KEYS_AT_MOST = 2
"""The key in use, and the one that takes its place."""

LIFE_SECONDS = 3600
SKEW_SECONDS = 10
"""How far ahead of ours a client's clock may be."""

_MIN_RSA_BITS = 3072
_MAX_CHARACTERS = 4096
_TYPES = (None, "JWT", "client-authentication+jwt")
_JTI = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)  # what every database can hold


class AssertionRefused(Exception):
    """The assertion does not prove who calls; the message is for the security log."""


@dataclass(frozen=True)
class Assertion:
    """What a verified assertion says: its own id, and when it ends."""

    jti: str
    ends: datetime


def read_keys(value: Any) -> tuple[str, ...]:
    """Public JWKs as they are kept, canonical JSON each; ValueError when one is not acceptable.

    At most two, each with a `kid` of its own: P-256, Ed25519, or RSA of 3072 bits and more.
    """
    if not isinstance(value, list) or len(value) > KEYS_AT_MOST:
        raise ValueError("at most two keys")
    read = [signature.read_registered_key(member) for member in value]
    if len({kid for kid, _ in read}) < len(read):
        raise ValueError("each key has a kid of its own")
    if any(isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS for _, key in read):
        raise ValueError("an RSA key has 3072 bits or more")
    return tuple(canonical.encode(member).decode() for member in value)


def claimed_client(text: str) -> str | None:
    """The client that an assertion speaks of, before anything was checked."""
    try:
        claims = _part(text.split(".")[1]) if len(text) <= _MAX_CHARACTERS else {}
    except (IndexError, ValueError):
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None


def verify_assertion(
    text: str, keys: Sequence[str], *, client_id: str, issuer: str, now: datetime
) -> Assertion:
    """Check an assertion of ``client_id`` by its registered ``keys``; AssertionRefused otherwise.

    That its ``jti`` was not used before is for the caller to find out.
    """
    if len(text) > _MAX_CHARACTERS or text.count(".") != 2:
        raise AssertionRefused("the assertion is too long, or no compact JWS")
    signed, _, mac = text.rpartition(".")
    head, _, body = signed.partition(".")
    try:
        header, claims, given = _part(head), _part(body), base64url.decode(mac)
    except ValueError:
        raise AssertionRefused("the assertion cannot be read") from None
    _check_signature(header, keys, signed.encode("ascii"), given)
    return _judge(claims, client_id, issuer, now.timestamp())


def _part(text: str) -> Mapping[str, Any]:
    value = canonical.decode(base64url.decode(text), fractions=True)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _check_signature(
    header: Mapping[str, Any], keys: Sequence[str], signed: bytes, given: bytes
) -> None:
    if not header.keys() <= {"alg", "kid", "typ"} or header.get("typ") not in _TYPES:
        raise AssertionRefused("the assertion's header says more than alg, kid and typ")
    known = signature.public_keys({"keys": [json.loads(text) for text in keys]})
    kid = header.get("kid")
    if kid is None and len(known) == 1:
        (kid,) = known
    key = known.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise AssertionRefused("the assertion is by a key that is not registered")
    if not signature.is_valid(header.get("alg"), key, signed, given):
        raise AssertionRefused("the assertion's signature is not by its key")


def _judge(claims: Mapping[str, Any], client_id: str, issuer: str, now: float) -> Assertion:
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise AssertionRefused("the assertion speaks of another client")
    if claims.get("aud") != issuer:  # the one string: no list, no other address (CVE-2025-27370)
        raise AssertionRefused("the assertion is not addressed to the issuer and nobody else")
    ends = _time(claims, "exp")
    if ends is None or ends <= now or ends > now + LIFE_SECONDS + SKEW_SECONDS:
        raise AssertionRefused("the assertion has ended, never does, or ends too late")
    for name in ("iat", "nbf"):
        begins = _time(claims, name)
        if begins is not None and begins > now + SKEW_SECONDS:
            raise AssertionRefused(f"the assertion's {name} is in the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise AssertionRefused("the assertion has no id, or none of the ordinary form")
    return Assertion(jti, datetime.fromtimestamp(ends, UTC))


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 2), which may have a fraction; None when it is left out."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AssertionRefused(f"the assertion's {name} is not a time")
    return float(value)


# --- The registry's word on a certificate, a token and an assertion ---


REMEMBERED = timedelta(hours=1)
REQUESTS_REMEMBERED = timedelta(days=30)
"""How long after its end a token or an assertion is remembered: clocks of nodes may differ."""


_HEARD = frozenset({Status.ACTIVE, Status.ENROLLED, Status.SUSPENDED})


class NotAuthenticated(Refusal):
    """The connection's certificate does not stand for this client now.

    ``detail`` goes to the security log only: a caller learns nothing about who exists.
    """


def authenticate(ports: Ports, client_id: str, shown: Credentials | PersonCredentials) -> System:
    """The registered system behind a client id on a connection; NotAuthenticated otherwise."""
    with ports.begin(TransactionMode.READ) as work:
        return require_standing(ports, work, system_of(client_id), shown)


def require_standing(
    ports: Ports,
    work: UnitOfWork,
    names: tuple[str, str] | None,
    shown: Credentials | PersonCredentials,
) -> System:
    """The system for which credentials stand as of this transaction; NotAuthenticated otherwise.

    ``names`` are those of the organisation and the system.

    RFC 8705 2.1: the chain was validated by the listener; here exactly the registered name must
    match, so that a certificate of one member never stands for another. Asked anew for each
    request, and again in the transaction of what is done: a suspension is effective for the next
    one in every worker (RS5), and leaves the scopes for duties alone.
    """
    if names is None:
        raise NotAuthenticated("the client id is not of the form organisation.system")
    organisation, system = names
    if isinstance(shown, PersonCredentials):
        return _console_of(ports, work, names, shown)
    if shown.uris != (system_uri(ports.gateway, organisation, system),):
        raise NotAuthenticated("the certificate names another system than the client id")
    certificate = work.organisations.certificate(shown.thumbprint)
    if certificate is None or certificate.revoked_at is not None:
        raise NotAuthenticated("the certificate is unknown here, or revoked")
    if (certificate.organisation, certificate.system) != names:
        raise NotAuthenticated("the certificate was issued to another system")
    if certificate.not_after <= ports.now():
        raise NotAuthenticated("the certificate has expired")
    registered = work.organisations.system(organisation, system)
    if registered is None or not registered.enabled:
        raise NotAuthenticated("the system is not registered, or disabled")
    member = work.organisations.get(organisation)
    if member is None or member.status not in _HEARD:
        raise NotAuthenticated(_NOT_HEARD)
    issued, valid_from = shown.issued, registered.tokens_valid_from
    # A token tells its time in seconds: one of the second of the withdrawal counts as earlier.
    if issued is not None and valid_from is not None and issued <= int(valid_from.timestamp()):
        raise NotAuthenticated("the token was issued before one of the client's keys was withdrawn")
    return registered if member.status is not Status.SUSPENDED else _for_duties(work, registered)


_NOT_HEARD = "the organisation is not active, enrolled or suspended"


def _for_duties(work: UnitOfWork, registered: System) -> System:
    """A system with the scopes that it has while its organisation is suspended."""
    if (EntryKind.ORGANISATION, registered.organisation) in work.organisations.out_of_service():
        raise NotAuthenticated("the organisation's entry is out of service")
    return replace(registered, scopes=registered.scopes & SCOPES_WHILE_SUSPENDED)


def require_caller(ports: Ports, work: UnitOfWork, caller: Caller) -> None:
    """Require that a caller still is who they were, and may still what their token says.

    Raises NotAuthenticated.
    """
    if caller.credentials is HOST:
        return
    names = (caller.owner, caller.system)
    system = require_standing(ports, work, names, caller.credentials)
    if not caller.scopes <= system.scopes:
        raise NotAuthenticated("the system's scopes have changed")
    caller.authenticated.append(system)


# --- A person in a browser: their passkey, and their entry of a register ---


def authenticate_person(ports: Ports, organisation: str, shown: PersonCredentials) -> Caller:
    """A person in a browser as the caller that they are now; NotAuthenticated otherwise.

    ``organisation`` is `GATEWAY` for an administrator.
    """
    with ports.begin(TransactionMode.READ) as work:
        console = require_standing(ports, work, (organisation, CONSOLE), shown)
    return Caller(organisation, CONSOLE, console.scopes, shown, authenticated=[console])


def passkeys_of(ports: Ports, organisation: str, person: str) -> Mapping[str, Passkey]:
    """The passkeys by which a person may sign in now, by their ids; none of who may not.

    ``organisation`` is `GATEWAY` for an administrator.
    """
    with ports.begin(TransactionMode.READ) as work:
        return passkeys_in(ports, work, organisation, person)


def passkeys_in(
    ports: Ports, work: UnitOfWork, organisation: str, person: str
) -> Mapping[str, Passkey]:
    """Likewise as of a transaction."""
    if _scopes(ports, work, organisation, person) is None:
        return {}
    return dict(map(read_passkey, _passkeys(work, organisation, person)))


def approval_keys_of(ports: Ports, organisation: str, person: str) -> Mapping[str, ApprovalKey]:
    """All keys by which a person signs approvals, or did, by their ids; none of an unknown one.

    ``organisation`` is `GATEWAY` for an administrator.
    """
    with ports.begin(TransactionMode.READ) as work:
        if organisation != GATEWAY:
            kept = work.staff.passkeys(organisation, person)
            return dict(read_passkey(canonical.decode(one.jwk.encode())) for one in kept)
        administrator = work.organisations.person(person)
    if administrator is None:
        return {}
    recorded = canonical.decode(administrator.public_key.encode())
    return declarations.read_approval_keys(recorded, revoked=True)


def _console_of(
    ports: Ports, work: UnitOfWork, names: tuple[str, str], shown: PersonCredentials
) -> System:
    """The console with what a person may do there."""
    organisation, system = names
    scopes = _scopes(ports, work, organisation, shown.pseudonym)
    if scopes is None or system != CONSOLE:
        raise NotAuthenticated("the person is not in force where they sign in")
    if shown.invitation is not None:
        found = work.staff.invitation(organisation, shown.pseudonym)
        if (
            found is None
            or found.token_sha256 != shown.invitation
            or found.expires_at <= ports.now()
        ):
            raise NotAuthenticated("the person has no open invitation of this token")
        scopes = frozenset()  # an invitation opens nothing but itself
    elif shown.kid not in (one["kid"] for one in _passkeys(work, organisation, shown.pseudonym)):
        raise NotAuthenticated("the passkey is unknown here, or revoked")
    console = System(organisation, system, scopes)
    if organisation == GATEWAY:
        return console
    member = work.organisations.get(organisation)
    if member is None or member.status not in _HEARD:
        raise NotAuthenticated(_NOT_HEARD)
    return console if member.status is not Status.SUSPENDED else _for_duties(work, console)


def _scopes(
    ports: Ports, work: UnitOfWork, organisation: str, person: str
) -> frozenset[str] | None:
    """The scopes of a person who is in force; None for anybody else."""
    if organisation == GATEWAY:
        administrator = work.organisations.person(person)
        enabled = administrator is not None and administrator.enabled
        return frozenset(ADMIN_SCOPES) if enabled else None
    now = ports.now()
    day = ports.reference_date(now).day
    entries = work.staff.named(organisation, [person])
    held = [scopes_of(one.roles) for one in entries if one.in_force(day, now)]
    if held and HEALTH_SCOPE in held[0]:
        # It is the operator's where two administrators gave one of its systems an admin scope.
        systems = work.organisations.systems(organisation)
        if not any(one.enabled and one.scopes & {*ADMIN_SCOPES} for one in systems):
            return held[0] - {HEALTH_SCOPE}
    return held[0] if held else None


def _passkeys(work: UnitOfWork, organisation: str, person: str) -> Sequence[Mapping[str, Any]]:
    """The JWKs of a person's passkeys that are not revoked."""
    if organisation != GATEWAY:
        kept = work.staff.passkeys(organisation, person)
        return [canonical.decode(one.jwk.encode()) for one in kept if one.in_force]
    administrator = work.organisations.person(person)
    recorded = "{}" if administrator is None else administrator.public_key
    keys = declarations.recorded_keys(canonical.decode(recorded.encode()))
    return [one for one in keys if ORIGIN in one and one.get(declarations.REVOKED) is not True]


def authenticate_client(
    ports: Ports,
    newest: AbstractContextManager[UnitOfWork],
    client_id: str,
    shown: Credentials,
    assertion: str | None,
) -> System:
    """The registered system that asks for a token; NotAuthenticated otherwise.

    A system with registered keys proves itself with an assertion, beside the certificate that its
    tokens are bound to (C5); every other one with the certificate alone (C1: the registered
    method is the only one). ``newest`` begins to read the newest registry: an older one forgot what
    was revoked since.
    """
    with newest as work:
        system = require_standing(ports, work, system_of(client_id), shown)
        keys = work.organisations.client_keys(system.organisation, system.name)
    if (assertion is not None) is not bool(keys):
        raise NotAuthenticated("the client is registered for another method")
    if assertion is not None:
        try:
            verified = verify_assertion(
                assertion, keys, client_id=client_id, issuer=ports.issuer, now=ports.now()
            )
        except AssertionRefused as refused:
            raise NotAuthenticated(str(refused)) from refused
        with ports.begin(TransactionMode.WRITE) as work:  # once among all workers
            if not work.used_assertions.consume(client_id, verified.jti, verified.ends):
                raise NotAuthenticated("the assertion was used before")
            work.commit()
    return system


def prune_remembered(ports: Ports) -> None:
    """Forget the assertions and runs not passed that ended `REMEMBERED` ago.

    Requests are remembered for `REQUESTS_REMEMBERED`: a repeat returns the first result so long.
    """
    with ports.begin(TransactionMode.WRITE) as work:
        work.used_assertions.prune(ports.now() - REMEMBERED)
        work.conformance.prune(ports.now() - REMEMBERED)
        work.retries.prune(ports.now() - REQUESTS_REMEMBERED)
        work.commit()
