"""Signed words among the values of a change, about a key: verified, or refused by field."""

from collections.abc import Mapping

from gateway.actions.registry.desk import NOT_OF_FORM, Desk
from gateway.domain.refusals import Invalid
from gateway.evidence import registration
from gateway.evidence.registration import Word
from gateway.evidence.sd_jwt import DocumentError
from gateway.evidence.signature import PublicKey


def word(
    desk: Desk,
    name: str,
    *,
    author: str,
    says: str,
    kid: str | None,
    keys: Mapping[str, PublicKey],
) -> Word:
    """What the value ``name`` says, by one of ``keys`` of an ``author`` (a URI), for this gateway.

    Raises Invalid when it is missing, or says anything else, or of another key than ``kid``.
    """
    if desk.said[name] is None:
        raise Invalid(((f"/{name}", NOT_OF_FORM),))
    try:
        return registration.verify(
            desk.said[name],
            organisation=author,
            audience=desk.issuer,
            says=says,
            kid=kid,
            keys=keys,
            now=desk.now,
        )
    except DocumentError as error:
        raise Invalid(((f"/{name}", str(error)),)) from None
