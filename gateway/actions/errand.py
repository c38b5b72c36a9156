"""Changes that a system brings over the network: whether it may, and each under one key once."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from gateway.actions.approvals import digest_of
from gateway.actions.authentication import require_caller
from gateway.actions.ports import Ports, Work
from gateway.actions.records import Caller, Logged, Retry
from gateway.actions.registry.desk import Change
from gateway.domain.refusals import KeyReused, Stale


@dataclass(frozen=True)
class Errand:
    """Which system brings a change over the network, what for, and under which retry key."""

    caller: Caller
    key: str
    what: str = "make"


def earlier(ports: Ports, work: Work, change: Change, errand: Errand | None) -> Logged | None:
    """What the errand's key has done before; None when it is new. Raises KeyReused.

    The system that brings the change must be one that may, as of this transaction.
    """
    if errand is None:
        return None
    require_caller(ports, work, errand.caller)
    done = work.retries.get(errand.caller.organisation, errand.key)
    if done is None:
        return None
    if not hmac.compare_digest(done.fingerprint, _fingerprint(ports, change, errand)):
        raise KeyReused("this retry key was used with another request: choose a new key")
    logged = work.log.logged(done.event)
    if logged is None:
        raise Stale("what came of the earlier request is gone: ask again")
    return logged


def remember(ports: Ports, work: Work, change: Change, errand: Errand | None, event: UUID) -> None:
    """Let the errand's key stand for what was done."""
    if errand is not None:
        own = errand.caller.organisation
        work.retries.add(Retry(own, errand.key, _fingerprint(ports, change, errand), event))


def _fingerprint(ports: Ports, change: Change, errand: Errand) -> bytes:
    asked = f"{errand.what}/{digest_of(change)}".encode()
    return hmac.digest(ports.fingerprint_key, asked, "sha256")
