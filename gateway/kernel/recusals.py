"""Persons who keep away from a case, by their own declared interest (R9): known by a keyed digest.

Who reads the staff register learns neither the case nor what binds the person to it.
"""

import hmac

from gateway.domain.refusals import ValidationFailed
from gateway.domain.staff import StaffEntry
from gateway.evidence import base64url
from gateway.kernel.ports import Ports
from gateway.kernel.transact import RequestContext


def recusal_digest(ports: Ports, entry: StaffEntry, case: str) -> str:
    """The digest of a case, ``<originator>/<case id>``, in the entry of one person."""
    named = f"recusal {entry.organisation} {entry.pseudonym} {case}"
    return base64url.encode(hmac.digest(ports.fingerprint_key, named.encode(), "sha256"))


def refuse_recused(context: RequestContext, originator: str, case: object) -> None:
    """Refuse a request on a case that names somebody who keeps away from it.

    Raises ValidationFailed, which names each person's field.
    """
    errors = [
        (pointer, "keeps away from this case in your staff register: name another person")
        for pointer, entry in context.named
        if recusal_digest(context.ports, entry, f"{originator}/{case}") in entry.recusals
    ]
    if errors:
        raise ValidationFailed(errors)
