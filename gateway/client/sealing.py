"""Seal elements of a case to one organisation, and open those that were sealed to this member.

Only two kinds of key are used: those that this member compared out of band and keeps, and those
that such a document key countersigned. A key known only from the gateway's directory may be its
operator's.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from gateway.client.cases import CaseClient, ConsultedContent
from gateway.client.connection import PartnerConnection
from gateway.client.directory import Directory
from gateway.client.errors import SealingFailed
from gateway.client.session import ConfirmedWrite
from gateway.domain.case import SealedElement, sealed_parts
from gateway.domain.organisation import organisation_uri
from gateway.domain.sealed import TYPES, SealedContent
from gateway.evidence import declarations, sd_jwt, seal
from gateway.evidence.seal import OpeningKey, SealError
from gateway.evidence.signature import read_encryption_key

Plain = Mapping[str, Mapping[str, Any]]
"""What is to be sealed, by the id of its element: ``type`` (one of `domain.sealed.TYPES`) and
``value``."""


@dataclass(frozen=True)
class OpenedElement:
    """A sealed element of opened content: what stood in it, or why it is not shown.

    ``contents`` is None when it is for another organisation or key, when it was damaged or moved
    here from elsewhere, or when its content breaks the rules of its type; ``fault`` says which.
    """

    part: SealedElement
    contents: SealedContent | None
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return type, category and value of what stood in it, or the fault."""
        if self.contents is None:
            return {"fault": self.fault}
        kind, category = self.contents.type, self.contents.category
        return {"type": kind, "category": category, "value": dict(self.contents.value)}


class Sealing(CaseClient, Directory):
    """Sealing elements of one's own cases, and opening what was sealed to this member."""

    def seal(self, content: Mapping[str, Any], plain: Plain, to: str) -> dict[str, Any]:
        """A case (JSON) in which elements are sealed to the organisation ``to``; nothing is sent.

        ``plain`` has, by the id of each element, its ``type`` and ``value`` (`domain.sealed`). A
        sealed element replaces the one of its id, or is appended to its array. Raises
        SealingFailed: no key of ``to`` that the connection confirms, or invalid content.
        """
        key = key_for(self.organisation(to), self.connection)
        return seal_elements(content, plain, to, key, self.connection)

    def reseal(
        self,
        case: UUID | str,
        by: str,
        plain: Plain,
        *,
        before: str,
        to: str,
        reason_code: str,
        reason: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> ConfirmedWrite:
        """Seal to ``to`` what was sealed to ``before``, in a new version of one's own case.

        This is what a redirection asks of the originator. ``plain`` has the content of exactly
        those elements again (SealingFailed names them when it does not): their seals open for
        ``before`` alone. The case is opened for it, a consultation with person and reason.
        """
        key = key_for(self.organisation(to), self.connection)
        opened = self.consult_case(case, by, reason_code, reason)
        to_reseal(opened.content, before, plain)
        sealed = seal_elements(opened.content, plain, to, key, self.connection)
        previous = sd_jwt.parse(opened.presentation).digest
        following = {**sealed, "version": sealed["version"] + 1, "previous": previous}
        places = [f"/{part.group}/{part.id}" for part in sealed_parts(sealed) if part.id in plain]
        change = {"kind": "correction", "reason_code": "resealed", "reason": reason}
        return self.revise(following, by, {**change, "pointers": places}, clearance)

    def unseal(self, opened: ConsultedContent) -> tuple[OpenedElement, ...]:
        """Open what is sealed in the content that a consultation opened: that is its record."""
        return unseal(opened.content, opened.author, self._opening, self.connection)


def key_for(
    organisation: Mapping[str, Any], connection: PartnerConnection
) -> tuple[str, EllipticCurvePublicKey]:
    """The newest key of an organisation (as the directory shows it) that counts and is theirs.

    It is theirs when the connection keeps it, or when a document key that the connection keeps
    countersigned it. Raises SealingFailed when there is none.
    """
    slug = str(organisation.get("organisation"))
    listed = [key for key in organisation.get("encryption_keys", ()) if key["valid_until"] is None]
    if not listed:
        raise SealingFailed(f"{slug} has no encryption key: ask it to have one registered")
    for key in reversed(listed):
        kept = connection.seal_to.get(slug, {}).get(key["kid"]) or _vouched(key, slug, connection)
        if kept is not None:
            return str(key["kid"]), kept
    raise SealingFailed(
        f"only the gateway says that {listed[-1]['kid']} is a key of {slug}. Compare it with "
        f"{slug} out of band, then put it, or the document key that countersigned it, into "
        f"{slug}.json in the folder organisation_keys"
    )


def _vouched(
    key: Mapping[str, Any], slug: str, connection: PartnerConnection
) -> EllipticCurvePublicKey | None:
    """A key of the directory that a document key which we keep has countersigned."""
    countersignature, signers = key.get("countersignature"), connection.compared.get(slug)
    if not isinstance(countersignature, str) or not signers:
        return None
    try:
        kid, public = read_encryption_key(key.get("jwk"))
        declarations.verify_declaration(
            countersignature,
            organisation=organisation_uri(connection.issuer, slug),
            audience=connection.issuer,
            says=declarations.ENCRYPTION,
            kid=kid,
            keys=signers,
            now=None,  # it is valid for as long as the registry lists the key
        )
    except ValueError:
        return None
    return public if kid == key["kid"] else None


def seal_elements(
    content: Mapping[str, Any],
    plain: Plain,
    to: str,
    key: tuple[str, EllipticCurvePublicKey],
    connection: PartnerConnection,
) -> dict[str, Any]:
    """A case (JSON) with elements sealed to the organisation ``to``.

    Each replaces the element of its id, or is appended to its array. Raises SealingFailed with
    every error; nothing is sealed then.
    """
    sealed = dict(content)
    faults = []
    for element, entry in plain.items():
        contents = _contents(content, element, entry, to, connection)
        if contents is None:
            faults.append(f"{element}: /type must be one of: {', '.join(TYPES)}")
            continue
        try:
            text = seal.seal(contents, *key)
        except ValueError as error:
            faults.append(f"{element}: {error}")
            continue
        made = {"id": element, "sealed_to": to, "sealed": text}
        there = sealed.get(contents.group, [])
        if not isinstance(there, list) or not all(isinstance(one, Mapping) for one in there):
            faults.append(f"{element}: /{contents.group} of the case must be an array of objects")
            continue
        known = [one.get("id") == element for one in there]
        replaced = [made if same else one for one, same in zip(there, known, strict=True)]
        sealed[contents.group] = replaced if any(known) else [*there, made]
    if faults:
        raise SealingFailed("nothing was sealed; " + "; ".join(faults))
    return sealed


def _contents(
    content: Mapping[str, Any],
    element: str,
    entry: Mapping[str, Any],
    to: str,
    connection: PartnerConnection,
) -> SealedContent | None:
    if not isinstance(entry, Mapping) or entry.keys() != {"type", "value"}:
        return None
    kind, value = entry["type"], entry["value"]
    if not isinstance(kind, str) or kind not in TYPES or not isinstance(value, Mapping):
        return None
    return SealedContent(
        originator=organisation_uri(connection.issuer, connection.organisation),
        addressee=organisation_uri(connection.issuer, to),
        case=str(content["case"]),
        element=element,
        type=kind,
        value=value,
    )


def to_reseal(content: Mapping[str, Any], before: str, plain: Collection[str]) -> list[str]:
    """The ids of what is sealed to ``before``; SealingFailed unless ``plain`` has exactly these.

    The plain text is the originator's to keep: nobody but the addressee can open a seal.
    """
    wanted = [part.id for part in sealed_parts(content) if part.sealed_to == before]
    if not wanted:
        raise SealingFailed(f"nothing in the case is sealed to {before}")
    missing = sorted(set(wanted) - set(plain))
    beyond = sorted(set(plain) - set(wanted))
    if missing or beyond:
        problems = [f"give the content of {', '.join(missing)} again"] if missing else []
        problems += [f"{', '.join(beyond)} is not sealed to {before}"] if beyond else []
        raise SealingFailed("; ".join(problems))
    return wanted


def unseal(
    content: Mapping[str, Any],
    author: str,
    keys: Mapping[str, OpeningKey],
    connection: PartnerConnection,
) -> tuple[OpenedElement, ...]:
    """Open each sealed element of a case that ``author`` is the originator of."""
    return tuple(
        _unsealed(part, str(content["case"]), author, keys, connection)
        for part in sealed_parts(content)
    )


def _unsealed(
    part: SealedElement,
    case: str,
    author: str,
    keys: Mapping[str, OpeningKey],
    connection: PartnerConnection,
) -> OpenedElement:
    if part.sealed_to != connection.organisation:
        return OpenedElement(part, None, f"it is sealed to {part.sealed_to}")
    try:
        contents = seal.open_sealed(part.text, keys)
    except SealError as error:
        return OpenedElement(part, None, str(error))
    here = replace(
        contents,
        originator=organisation_uri(connection.issuer, author),
        addressee=organisation_uri(connection.issuer, part.sealed_to),
        case=case,
        element=part.id,
    )
    if contents != here or contents.group != part.group:
        return OpenedElement(part, None, "it was sealed for another place, and is not shown")
    return OpenedElement(part, contents)
