"""The keys with which named persons approve."""

from gateway.domain.organisation import Person
from gateway.domain.refusals import ApprovalRefused
from gateway.evidence import canonical
from gateway.evidence.signature import PublicKey, public_keys


def keys_of(person: Person) -> dict[str, PublicKey]:
    """The person's key, by its id; ValueError when it is none."""
    return public_keys({"keys": [canonical.decode(person.public_key.encode())]})


def key_of(person: Person) -> PublicKey:
    """The key with which a person approves; ApprovalRefused when it is none."""
    try:
        (key,) = keys_of(person).values()
    except ValueError:
        raise ApprovalRefused("a person's key is the public JWK of a signing key") from None
    return key
