"""RFC 3161 time stamps: ask an authority for one, and verify one over a text, offline.

A token is CMS (RFC 5652) with one signer. Its form is declared here, and `cryptography` reads it:
strict DER alone. The chain is checked at the token's own time, for a certificate may have ended
since. Whether it was revoked by then, nobody is asked.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, Default, Explicit, Implicit, SetOf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ObjectIdentifier, verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy

MAX_BYTES = 32 * 1024
"""Of a token, and of what an authority answers."""

_SMALLEST_RSA = 2048
_SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_HASHES = {
    _SHA256: hashes.SHA256(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
}
_SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
_TST_INFO = ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE = ObjectIdentifier("1.2.840.113549.1.9.16.2.47")

_REFUSED = (
    ValueError, LookupError, OverflowError, InvalidSignature, UnsupportedAlgorithm,
    x509.InvalidVersion, x509.DuplicateExtension,
)  # fmt: skip
"""What is raised for bytes that are not of the form, or not signed as they say."""


class TimeStampError(ValueError):
    """The token is no time stamp of this text; the message says why."""


class UnknownAuthority(ValueError):
    """The token is of nobody whom the verifier knows: it counts for nothing."""


@dataclass(frozen=True)
class TimeStamp:
    """What a token says: the text existed ``before`` that moment, a whole second.

    ``authority`` is the subject of the certificate that signed it; ``policy`` the object identifier
    of how it was issued.
    """

    before: datetime
    authority: str
    policy: str


def verify(token: bytes, text: bytes, roots: Sequence[x509.Certificate]) -> TimeStamp:
    """Check a token over a text: TimeStampError unless it is one, UnknownAuthority where no chain
    leads from it to one of the roots."""
    try:
        info, signer, certificates = _open(token, text)
        time = info.time.as_datetime()
        before, authority = time + _accuracy(info.accuracy), signer.subject.rfc4514_string()
        before += timedelta(microseconds=-before.microsecond % 1_000_000)
    except _REFUSED as error:
        why = str(error) if isinstance(error, ValueError) else "it is not whole"
        raise TimeStampError(f"no time stamp of this text: {why}") from None
    try:
        _check_chain(signer, certificates, roots, time)
    except (*_REFUSED, verification.VerificationError) as error:
        raise UnknownAuthority(f"no root that was given leads to {authority}") from error
    return TimeStamp(before, authority, info.policy.dotted_string)


def stamped_text(note: str) -> bytes:
    """Return what is stamped of a checkpoint: its text with the log's own lines, so that these
    existed, too; those of witnesses come later, or not at all."""
    text, end, lines = note.rpartition("\n\n")
    origin = note.partition("\n")[0]
    own = [line for line in lines.split("\n") if line.startswith(f"\N{EM DASH} {origin} ")]
    return "".join([text, end, *(f"{line}\n" for line in own)]).encode()


def request(text: bytes, nonce: int) -> bytes:
    """Return what asks an authority to stamp a text, and to add its certificates."""
    algorithm = _Algorithm(name=_SHA256, parameters=asn1.Null())
    imprint = _Imprint(algorithm=algorithm, digest=_digest(_SHA256, text))
    return asn1.encode_der(_Request(version=1, imprint=imprint, nonce=nonce, certificates=True))


def granted(
    answer: bytes, text: bytes, nonce: int, roots: Sequence[x509.Certificate]
) -> tuple[bytes, TimeStamp]:
    """Return the token in an authority's answer, and what it says; ValueError where it grants none,
    answers another request, or would not be believed by who brings these roots."""
    try:
        found = asn1.decode_der(_Answer, answer).token
    except _REFUSED as error:
        raise TimeStampError("its answer cannot be read") from error
    if found is None:
        raise TimeStampError("it grants no time stamp")
    token = asn1.encode_der(found)
    stamp = verify(token, text, roots)
    if asn1.decode_der(_Info, found.data.content.content).nonce != nonce:
        raise TimeStampError("it answers another request")
    return token, stamp


def _digest(algorithm: ObjectIdentifier, data: bytes) -> bytes:
    return hashlib.new(_HASHES[algorithm].name, data).digest()


def _open(
    token: bytes, text: bytes
) -> tuple["_Info", x509.Certificate, Sequence[x509.Certificate]]:
    """Return what a token says of the text, and the certificate whose key signed it; nobody knows
    yet whose that is."""
    if len(token) > MAX_BYTES:
        raise ValueError("it is too long")
    content = asn1.decode_der(_TimeStampToken, token)
    data = content.data
    if (content.kind, data.content.kind) != (_SIGNED_DATA, _TST_INFO):
        raise ValueError("it is of another type")
    info = asn1.decode_der(_Info, data.content.content)
    if info.version != 1 or any(one.critical for one in info.extensions or []):
        raise ValueError("it is of a version, or has an extension, that is not known")
    if _digest(info.imprint.algorithm.name, text) != info.imprint.digest:
        raise ValueError("it is of another text")
    (signer,) = data.signers.as_list()
    certificates = data.certificates or []
    return info, _check_signature(signer, data.content.content, certificates), certificates


def _check_signature(
    signer: "_Signer", stamped: bytes, certificates: Sequence[x509.Certificate]
) -> x509.Certificate:
    """Return the certificate that the signed attributes name by its hash (ESSCertIDv2), and whose
    key signed them."""
    attributes = [(one.kind, one.values.as_list()) for one in signer.attributes.as_list()]
    values = dict(attributes)
    (kind,), (digest,), (named,) = (
        values[name] for name in (_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE)
    )
    signs = kind.parse(ObjectIdentifier), digest.parse(bytes)
    if len(values) < len(attributes) or signs != (_TST_INFO, _digest(signer.digest.name, stamped)):
        raise ValueError("it signs another content")
    own = named.parse(_SigningCertificate).certificates[0]
    by_hash = {one.fingerprint(_HASHES[own.algorithm.name]): one for one in certificates}
    certificate, algorithm = by_hash[own.digest], _HASHES[signer.digest.name]
    signed = asn1.encode_der(signer.attributes)  # as SET OF, not as [0]: RFC 5652 section 5.4
    match certificate.public_key():
        case ec.EllipticCurvePublicKey() as key:
            key.verify(signer.signature, signed, ec.ECDSA(algorithm))
        case rsa.RSAPublicKey() as key if key.key_size >= _SMALLEST_RSA:
            key.verify(signer.signature, signed, padding.PKCS1v15(), algorithm)
        case _:
            raise ValueError("its key is of a kind that does not count")
    return certificate


def _accuracy(found: "_Accuracy | None") -> timedelta:
    if found is None:
        return timedelta()
    parts = (found.seconds or 0, found.milliseconds or 0, found.microseconds or 0)
    if min(parts) < 0 or max(parts[1:]) > 999:
        raise ValueError("its accuracy is none")
    return timedelta(0, parts[0], parts[2], parts[1])


def _check_chain(
    signer: x509.Certificate,
    certificates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    time: datetime,
) -> None:
    """A chain of certificates that were valid at that time, from the signer's, which is for time
    stamps alone, to one of the roots."""

    def stamps(_: object, __: object, usage: x509.ExtendedKeyUsage) -> None:
        if list(usage) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise ValueError("the certificate is for more than time stamps")

    def signs(_: object, __: object, usage: x509.KeyUsage | None) -> None:
        if usage is not None and not usage.key_cert_sign:
            raise ValueError("the certificate is not for signing others")

    agnostic, none = Criticality.AGNOSTIC, ExtensionPolicy.permit_all()
    end = none.require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, stamps)
    above = none.require_present(x509.BasicConstraints, agnostic, None)
    above = above.may_be_present(x509.KeyUsage, agnostic, signs)
    policy = verification.PolicyBuilder().store(verification.Store(list(roots))).time(time)
    policy = policy.extension_policies(ca_policy=above, ee_policy=end)
    policy.build_client_verifier().verify(signer, [one for one in certificates if one != signer])


# --- The form of a token, of a request and of an answer ---


@asn1.sequence
class _Algorithm:
    name: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _Imprint:
    algorithm: _Algorithm
    digest: bytes


@asn1.sequence
class _Accuracy:
    seconds: int | None
    milliseconds: Annotated[int | None, Implicit(0)]
    microseconds: Annotated[int | None, Implicit(1)]


@asn1.sequence
class _Extension:
    name: ObjectIdentifier
    critical: Annotated[bool, Default(False)]
    value: bytes


@asn1.sequence
class _Info:
    """TSTInfo (RFC 3161 section 2.4.2)."""

    version: int
    policy: ObjectIdentifier
    imprint: _Imprint
    serial: int
    time: asn1.GeneralizedTime
    accuracy: _Accuracy | None
    ordering: Annotated[bool, Default(False)]
    nonce: int | None
    authority: Annotated[list[TLV] | None, Implicit(0)]
    extensions: Annotated[list[_Extension] | None, Implicit(1)]


@asn1.sequence
class _Attribute:
    kind: ObjectIdentifier
    values: SetOf[TLV]


@asn1.sequence
class _CertificateId:
    """ESSCertIDv2 (RFC 5816 section 2.2.1)."""

    algorithm: Annotated[_Algorithm, Default(_Algorithm(name=_SHA256, parameters=None))]
    digest: bytes
    issuer: list[TLV] | None


@asn1.sequence
class _SigningCertificate:
    certificates: list[_CertificateId]
    policies: list[TLV] | None


@asn1.sequence
class _Signer:
    """SignerInfo (RFC 5652 section 5.3); the signature is of the kind of the certificate's key."""

    version: int
    named: TLV
    digest: _Algorithm
    attributes: Annotated[SetOf[_Attribute], Implicit(0)]
    algorithm: TLV
    signature: bytes
    unsigned: Annotated[SetOf[TLV] | None, Implicit(1)]


@asn1.sequence
class _Content:
    kind: ObjectIdentifier
    content: Annotated[bytes, Explicit(0)]


@asn1.sequence
class _SignedData:
    """SignedData (RFC 5652 section 5.1); certificates come in any order, which a list allows."""

    version: int
    digests: SetOf[_Algorithm]
    content: _Content
    certificates: Annotated[list[x509.Certificate] | None, Implicit(0)]
    revocations: Annotated[list[TLV] | None, Implicit(1)]
    signers: SetOf[_Signer]


@asn1.sequence
class _TimeStampToken:
    kind: ObjectIdentifier
    data: Annotated[_SignedData, Explicit(0)]


@asn1.sequence
class _Request:
    version: int
    imprint: _Imprint
    nonce: int
    certificates: bool


@asn1.sequence
class _Answer:
    """TimeStampResp (RFC 3161 section 2.4.2); one that grants nothing has no token."""

    status: list[TLV]
    token: _TimeStampToken | None
