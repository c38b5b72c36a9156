"""Signed documents with parts that can be withheld: issue, present, verify SD-JWTs (RFC 9901).

A compact document is ``header.payload.signature~disclosure~disclosure~``. Key-binding JWTs are
refused: the reader of a presentation is named by the offer, not by a key in the document.
What is verified has no byte that its profile does not name: nothing else travels in it (ADR 0040).
Times (``exp``, ``nbf``, ``iat``) are the caller's to judge: there is no clock here.
"""

import copy
import json
import re
from binascii import a2b_base64
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from struct import unpack
from typing import Any, NamedTuple, Protocol

from gateway.evidence import base64url, canonical, signature
from gateway.evidence.signature import PublicKey

MAX_TEXT = 512 * 1024
"""The longest compact document, in characters: twice the longest request body."""

SALT_BYTES = 16
"""128 bits, so that a withheld value cannot be found by guessing (RFC 9901 9.3)."""

DECOY_BYTES = 32
"""What a decoy is the digest of."""

SMALLEST_PADDING = 4

MAX_DIGESTS = 1024
"""Digests of a whole document: what the padding of 500 elements and some properties comes to."""

_SALT = re.compile(r"[A-Za-z0-9_-]{22,43}", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # RFC 7638: all that a message repeats of one
_HEADER = frozenset({"alg", "kid", "typ"})
_RESERVED = frozenset({"_sd", "...", "_sd_alg"})
_MISPLACED = frozenset({"...", "_sd_alg"})
_ELEMENT = frozenset({"..."})


class DocumentError(ValueError):
    """The text is not a document that we accept; the message says which rule it breaks."""


class UnknownKey(DocumentError):
    """The document names a key that the verifier was not given."""


class BadSignature(DocumentError):
    """The signature is not the named key's over these bytes."""


class UnmatchedDisclosure(DocumentError):
    """A disclosure is shown whose digest the signed part does not have."""


class Signer(Protocol):
    """A private key somewhere: its id, its JOSE algorithm, and the one thing that it does."""

    @property
    def kid(self) -> str:
        """The id under which verifiers know the public key."""

    @property
    def alg(self) -> str:
        """ES256, PS256, EdDSA or Ed25519."""

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message`` in JOSE form (r||s for ECDSA, RFC 7518 3.4)."""


class Unsigned(NamedTuple):
    """In place of the signer of a draft: its documents verify with no key."""

    kid: str
    alg: str

    def sign(self, message: bytes) -> bytes:
        """Return what is no signature of any key."""
        return bytes(64)


class Disclosure(NamedTuple):
    """One part that can be withheld. ``name`` is None for the element of an array.

    ``encoded`` is the text that travels; ``digest`` its SHA-256, which the signature covers.
    """

    encoded: str
    digest: str
    salt: str
    name: str | None
    value: Any
    nested: bool = True
    """Whether digests may be in the value; False only where it is known that there are none."""


@dataclass(frozen=True)
class SdJwt:
    """A signed document and the disclosures that are shown with it."""

    issuer_signed: str
    disclosures: tuple[Disclosure, ...]

    @cached_property
    def digest(self) -> str:
        """The document's name, whatever is shown: SHA-256 of ``header.payload``.

        Not of the signature: ECDSA has several for one text, and they are of one document.
        """
        return base64url.digest(self.issuer_signed.rpartition(".")[0].encode("ascii"))

    def compact(self) -> str:
        """The text form (RFC 9901 4), which always ends with a tilde."""
        return "~".join([self.issuer_signed, *[d.encoded for d in self.disclosures], ""])

    def present(self, digests: Collection[str]) -> "SdJwt":
        """The same document with only the disclosures named; digests it lacks are passed over."""
        shown = tuple(d for d in self.disclosures if d.digest in digests)
        return replace(self, disclosures=shown)


class DisclosedValue(NamedTuple):
    """A disclosed value and where it belongs: the property, or the array, of that name."""

    digest: str
    name: str
    in_array: bool
    value: Any


@dataclass(frozen=True)
class VerifiedSdJwt:
    """What a signature stands for.

    ``claims`` are those in clear; ``placed`` the disclosed ones, in the order of the document's
    disclosures; ``withheld`` counts the digests without disclosure, of which some are only
    decoys: nobody but the issuer can tell. ``content`` has everything shown in its place.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    placed: tuple[DisclosedValue, ...]
    withheld: int
    content: Mapping[str, Any] = field(repr=False)

    @property
    def disclosed(self) -> dict[str, Any]:
        """The disclosed values by name, in a document whose arrays have none."""
        return {one.name: one.value for one in self.placed}


def padded_size(count: int) -> int:
    """The least of 4, 8, 16, 32... that holds ``count``: all that a list of digests may tell."""
    size = SMALLEST_PADDING
    while size < count:
        size *= 2
    return size


def decoy_digest(random: Callable[[int], bytes]) -> str:
    """A digest that belongs to no disclosure (RFC 9901 4.2.7)."""
    drawn = random(DECOY_BYTES)
    if len(drawn) != DECOY_BYTES:
        raise RuntimeError("fewer random bytes were drawn than are needed")
    return base64url.digest(drawn)


def make_disclosure(name: str | None, value: Any, random: Callable[[int], bytes]) -> Disclosure:
    """Make the disclosure of a property, or of an array's element when ``name`` is None.

    Raises DocumentError for a name that is SD-JWT's own.
    """
    drawn = random(SALT_BYTES)
    if len(drawn) != SALT_BYTES:
        raise RuntimeError("fewer random bytes were drawn than are needed")
    salt = base64url.encode(drawn)
    text = canonical.compact([salt, value] if name is None else [salt, name, value])
    if '"_sd' in text or '"..."' in text:  # as a name, or as a value that means no harm
        refuse_reserved([value if name is None else {name: value}])
    encoded = base64url.encode(text.encode("utf-8"))
    return Disclosure(encoded, base64url.digest(encoded.encode("ascii")), salt, name, value)


def read_disclosure(encoded: str) -> Disclosure:
    """Read one disclosure (RFC 9901 4.2); DocumentError when it is malformed or weakly salted."""
    parts = _read(encoded, "a disclosure")
    if not isinstance(parts, list) or len(parts) not in (2, 3):
        raise DocumentError("a disclosure is not an array of two or three")
    salt, name, value = parts[0], (parts[1] if len(parts) == 3 else None), parts[-1]
    if not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise DocumentError(
            "a disclosure's salt has not the 22 to 43 characters of 128 to 256 bits"
        )
    if len(parts) == 3 and (not isinstance(name, str) or name in _RESERVED):
        raise DocumentError("a disclosure has a name that no claim may have")
    return Disclosure(encoded, base64url.digest(encoded.encode("ascii")), salt, name, value)


def issue(
    *,
    typ: str,
    claims: Mapping[str, Any],
    properties: Sequence[tuple[str, Any]],
    arrays: Sequence[tuple[str, Sequence[Any]]],
    signer: Signer,
    random: Callable[[int], bytes],
) -> SdJwt:
    """Sign a document; ``claims`` in clear, each property and each array element disclosable.

    The digests of the properties, and of each array, are padded with decoys to padded_size, the
    empty ones too, so that neither number nor absence shows. The elements of an array keep
    their order; decoys stand between them at random places. The disclosures come in the order
    given: properties, then arrays. ``random(n)`` gives n unpredictable bytes.

    Raises DocumentError when a name occurs twice or is SD-JWT's own.
    """
    return issue_read(
        typ=typ, claims=claims, properties=properties, arrays=arrays, signer=signer, random=random
    )[0]


def issue_read(
    *,
    typ: str,
    claims: Mapping[str, Any],
    properties: Sequence[tuple[str, Any]],
    arrays: Sequence[tuple[str, Sequence[Any]]],
    signer: Signer,
    random: Callable[[int], bytes],
) -> tuple[SdJwt, VerifiedSdJwt]:
    """Sign a document as `issue` does, and give what its readers will find in it, too."""
    lists = dict(arrays)
    clear = {**claims, **{name: [] for name in lists}}
    content = {**claims, **dict(properties), **{name: [*lists[name]] for name in lists}}
    if len(content) != len(claims) + len(properties) + len(arrays):
        raise DocumentError("two claims have one name")
    refuse_reserved([clear])
    # One draw for all: a call of the system for each salt would cost more than the rest of it.
    counts = [len(properties), *map(len, lists.values())]
    padded = [(size, size - count) for count in counts if (size := padded_size(count)) > count]
    drawn = SALT_BYTES * sum(counts) + sum(8 * size + DECOY_BYTES * more for size, more in padded)
    random = BytesIO(random(drawn)).read  # see `_with_decoys`
    header = {"alg": signer.alg, "kid": signer.kid, "typ": typ}
    sealed = [make_disclosure(name, value, random) for name, value in properties]
    placed = [DisclosedValue(d.digest, str(d.name), False, d.value) for d in sealed]
    payload = dict(claims)
    payload["_sd"] = sorted(_with_decoys([d.digest for d in sealed], random))
    size = len(payload["_sd"])
    payload["_sd_alg"] = "sha-256"
    for name, values in arrays:
        elements = [make_disclosure(None, value, random) for value in values]
        digests = _with_decoys([d.digest for d in elements], random)
        payload[name] = [{"...": digest} for digest in digests]
        size += len(digests)
        placed += [DisclosedValue(d.digest, name, True, d.value) for d in elements]
        sealed += elements
    head = base64url.encode(canonical.compact(header).encode("utf-8"))
    signed = f"{head}.{base64url.encode(canonical.compact(payload).encode('utf-8'))}"
    signature = base64url.encode(signer.sign(signed.encode("ascii")))
    verified = VerifiedSdJwt(header, clear, (*placed,), size - len(sealed), content)
    return SdJwt(f"{signed}.{signature}", (*sealed,)), verified


def complete(draft: SdJwt, signer: Signer) -> SdJwt:
    """Sign what a draft says in place of its signature: the same document, by its digest."""
    signed = draft.issuer_signed.rpartition(".")[0]
    signature = base64url.encode(signer.sign(signed.encode("ascii")))
    return replace(draft, issuer_signed=f"{signed}.{signature}")


def refuse_reserved(value: Any) -> None:
    """Refuse content that would be read as a digest (RFC 9901 4.1); DocumentError."""
    if isinstance(value, dict):
        if not _RESERVED.isdisjoint(value):
            raise DocumentError("a claim has a name that SD-JWT keeps for itself")
        value = value.values()
    for element in value:
        if isinstance(element, dict | list | tuple):
            refuse_reserved(element)


def _with_decoys(digests: Sequence[str], random: Callable[[int], bytes]) -> list[str]:
    size = padded_size(len(digests))
    if size == len(digests):
        return [*digests]
    # The slots with the smallest random keys are the real ones: every choice is as likely.
    keys = unpack(f">{size}Q", random(8 * size))
    real = {*sorted(range(size), key=keys.__getitem__)[: len(digests)]}
    source = iter(digests)
    return [next(source) if slot in real else decoy_digest(random) for slot in range(size)]


def _read(encoded: str, what: str) -> Any:
    try:
        return canonical.decode(base64url.decode(encoded), fractions=True)
    except ValueError as error:
        raise DocumentError(f"{what} cannot be read: {error}") from None


def parse(text: str) -> SdJwt:
    """Read a compact document without judging its signature.

    Raises DocumentError: more than MAX_TEXT characters, no tilde at the end (so, a key-binding
    JWT), a part that is not canonical base64url of strict JSON, a salt of less than 128 bits or
    more than 256, two disclosures with one digest.
    """
    return _split(text)[0]


def _split(text: str) -> tuple[SdJwt, dict[str, Any], dict[str, Any], bytes]:
    """The document, and its header, payload and signature bytes."""
    if len(text) > MAX_TEXT:
        raise DocumentError(f"the document is longer than {MAX_TEXT} characters")
    issuer_signed, *encoded = text.split("~")
    if not encoded or encoded.pop():
        raise DocumentError("the document does not end after its disclosures, with a tilde")
    header, payload, signed = _open(issuer_signed)
    disclosures = tuple(read_disclosure(part) for part in encoded)
    if len({d.digest for d in disclosures}) != len(disclosures):
        raise DocumentError("a disclosure occurs twice")
    return SdJwt(issuer_signed, disclosures), header, payload, signed


def _open(issuer_signed: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, payload and signature bytes of the issuer-signed part (RFC 7515 7.1)."""
    parts = issuer_signed.split(".")
    if len(parts) != 3:
        raise DocumentError("the signed part is not header, payload and signature")
    header, payload = _read(parts[0], "the header"), _read(parts[1], "the payload")
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise DocumentError("header and payload are JSON objects")
    try:
        return header, payload, base64url.decode(parts[2])
    except ValueError as error:
        raise DocumentError(f"the signature cannot be read: {error}") from None


def verify(
    text: str,
    *,
    typ: str,
    keys: Mapping[str, PublicKey],
    audience: str | None = None,
    issuer: str | None = None,
) -> VerifiedSdJwt:
    """Verify a compact document; ``keys`` are the issuer's, by key id (RFC 9901 7.1).

    ``audience`` and ``issuer`` are compared when given. Raises UnknownKey when the document's
    key id is not in ``keys``, BadSignature when the signature fails, and DocumentError when
    the document breaks a rule.
    """
    # 1. The form.
    document, header, payload, signed = _split(text)
    # 2. The header says what we expect, and asks for nothing that we would have to understand.
    if header.get("typ") != typ:
        raise DocumentError(f"the document is not of the type {typ}")
    if header.keys() != _HEADER:
        raise DocumentError("the header has alg, kid and typ, and nothing else")
    kid = header.get("kid")
    if not isinstance(kid, str) or kid not in keys:
        named = f" {kid}" if isinstance(kid, str) and _KEY_ID.fullmatch(kid) else ""
        raise UnknownKey(f"no key{named} was given for the document's issuer")
    # 3. The signature, by the algorithm that the key is for.
    message = document.issuer_signed.rpartition(".")[0].encode("ascii")
    if not signature.is_valid(header.get("alg"), keys[kid], message, signed):
        raise BadSignature(f"the signature is not that of the key {kid}")
    # 4. Disclosures fit into the payload, each at one place.
    verified = _fit(header, payload, document.disclosures)
    # 5. For whom and from whom, by what stands in clear (RFC 9901 9.7).
    _check_audience(verified.claims, audience)
    if issuer is not None and verified.claims.get("iss") != issuer:
        found = ascii(verified.claims.get("iss"))[:200]
        raise DocumentError(f"the document is from another issuer: {found}, not {issuer}")
    # 6. Of what RFC 9901 leaves open, only what the profile names.
    _check_profile(document, header, payload)
    return verified


def _check_profile(document: SdJwt, header: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    """Digests stand in lists at the top alone, padded and of their form; JSON is spelled plainly.

    Otherwise a document could carry anything at all past whoever reads only what it says.
    """
    parts = document.issuer_signed.split(".")
    spelled: list[tuple[str, Any]] = [(parts[0], header), (parts[1], payload)]
    spelled += [
        (d.encoded, [d.salt, *([] if d.name is None else [d.name]), d.value])
        for d in document.disclosures
    ]
    if not all(_is_plain(base64url.decode(encoded), value) for encoded, value in spelled):
        raise DocumentError(
            "JSON is written without spaces, or with one after each comma and colon"
        )
    refuse_reserved([one.value for one in document.disclosures])
    total = 0
    for digests in digest_lists(payload).values():
        if not all(isinstance(one, str) and base64url.DIGEST.fullmatch(one) for one in digests):
            raise DocumentError("a digest is 43 characters of base64url, which are 256 bits")
        if len(digests) != padded_size(len(digests)):
            raise DocumentError("digests are padded with decoys to 4, 8, 16, 32...")
        total += len(digests)
    if total > MAX_DIGESTS:
        raise DocumentError(f"a document has at most {MAX_DIGESTS} digests")


def digest_lists(payload: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The digests of a payload by where they stand: ``_sd``, or the array of that name.

    Raises DocumentError when digests stand anywhere else.
    """
    lists = {}
    for name, value in payload.items():
        if name == "_sd":
            lists[name] = value
        elif isinstance(value, list) and any(isinstance(e, dict) and "..." in e for e in value):
            if not all(isinstance(e, dict) and e.keys() == _ELEMENT for e in value):
                raise DocumentError("an array has only disclosures, or none")
            lists[name] = [e["..."] for e in value]
        elif name != "_sd_alg":
            refuse_reserved([value])
    return lists


def _is_plain(text: bytes, value: Any) -> bool:
    """Tell whether JSON is spelled as the common encoders spell it, with or without spaces."""
    if text == canonical.compact(value).encode("utf-8"):
        return True
    spellings = (
        json.dumps(value, ensure_ascii=escaped, separators=between)
        for escaped in (False, True)
        for between in ((", ", ": "), (",", ":"))
    )
    return text in (one.encode("utf-8") for one in spellings)


def read_unverified(text: str) -> VerifiedSdJwt:
    """Read a document without checking its signature: only one's own, verified when stored.

    All the rules on disclosures hold. Raises DocumentError.
    """
    document, header, payload, _ = _split(text)
    return _fit(header, payload, document.disclosures)


def read_stored(text: str) -> VerifiedSdJwt:
    """Read a document of one's own store, which it entered verified and is authenticated in.

    What `read_unverified` gives, without the checks that there is one spelling and no repeated
    key. Raises DocumentError for what cannot be read at all.
    """
    document = parse_stored(text)
    try:
        header, payload = (
            _decode(_text_of(part.encode("ascii")))[0]
            for part in document.issuer_signed.split(".")[:2]
        )
    except (ValueError, TypeError) as error:
        raise DocumentError(f"a stored document cannot be read: {error}") from None
    return _fit(header, payload, document.disclosures)


def parse_stored(text: str) -> SdJwt:
    """Likewise what `parse` gives."""
    issuer_signed, *encoded = text.split("~")
    return SdJwt(issuer_signed, tuple([read_stored_disclosure(one) for one in encoded[:-1]]))


def stored_claims(text: str) -> tuple[str, dict[str, Any]]:
    """The digest of a document of one's own store, and what stands in clear in it, its digests
    too. Raises DocumentError."""
    document = SdJwt(text.partition("~")[0], ())
    try:
        signed = document.issuer_signed.split(".")[1]
        payload: dict[str, Any] = _decode(_text_of(signed.encode()))[0]
    except (ValueError, TypeError, IndexError) as error:
        raise DocumentError(f"a stored document cannot be read: {error}") from None
    return document.digest, payload


def read_stored_disclosure(encoded: str, digest: str = "") -> Disclosure:
    """Likewise one disclosure; ``digest`` is its own, where the caller has it."""
    try:
        spelled = encoded.encode("ascii")
        text = _text_of(spelled)
        salt, *name, value = _decode(text)[0]
    except (ValueError, TypeError) as error:
        raise DocumentError(f"a stored disclosure cannot be read: {error}") from None
    nested = '"_sd' in text or '"..."' in text or "\\u" in text
    digest = digest or base64url.digest(spelled)
    return Disclosure(encoded, digest, salt, name[0] if name else None, value, nested)


def _text_of(encoded: bytes) -> str:
    return a2b_base64(encoded.translate(_STANDARD) + b"==").decode("utf-8")


_decode = json.JSONDecoder().raw_decode  # what follows the value was looked at when it was stored
_STANDARD = bytes.maketrans(b"-_", b"+/")


def read_own(document: SdJwt) -> VerifiedSdJwt:
    """Return what one's own signature stands for, of a document that was issued here and now."""
    header, payload, _ = _open(document.issuer_signed)
    return _fit(header, payload, document.disclosures)


def payload_of(document: SdJwt) -> dict[str, Any]:
    """The payload as it was signed, its digests included; nothing is verified."""
    return _open(document.issuer_signed)[1]


def _fit(
    header: Mapping[str, Any], payload: Mapping[str, Any], disclosures: Sequence[Disclosure]
) -> VerifiedSdJwt:
    """Put the disclosures into their places (RFC 9901 7.1, steps 2 to 5)."""
    claims = dict(payload)
    if claims.pop("_sd_alg", "sha-256") != "sha-256":
        raise DocumentError("digests are SHA-256, and the document wants another function")
    reading = _PayloadReader(disclosures)
    content = reading.fill(claims)
    placed = reading.placed()
    return VerifiedSdJwt(header, _strip(claims), placed, reading.withheld, content)


def _check_audience(claims: Mapping[str, Any], audience: str | None) -> None:
    named = claims.get("aud")
    if audience is not None and audience not in (named if isinstance(named, list) else [named]):
        raise DocumentError("the document is for another audience")


class _PayloadReader:
    """One walk through a payload: puts disclosures in place, and sees each digest once."""

    def __init__(self, disclosures: Iterable[Disclosure]) -> None:
        self._disclosures = {d.digest: d for d in disclosures}
        self._placed: dict[str, DisclosedValue] = {}
        self._seen: set[str] = set()

    @property
    def withheld(self) -> int:
        return len(self._seen) - len(self._placed)

    def placed(self) -> tuple[DisclosedValue, ...]:
        """Return what was placed, in the order of the disclosures; all of them must have been."""
        if len(self._placed) != len(self._disclosures):
            raise UnmatchedDisclosure("a disclosure does not belong to the document")
        return tuple(map(self._placed.__getitem__, self._disclosures))

    def fill(self, claims: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
        """An object with its disclosed members in place (RFC 9901 7.1, step 3)."""
        if not _MISPLACED.isdisjoint(claims):
            raise DocumentError("a name that SD-JWT keeps for itself is where it may not be")
        filled = {
            name: self._fill_value(name, value, depth) if isinstance(value, dict | list) else value
            for name, value in claims.items()
            if name != "_sd"
        }
        digests = claims.get("_sd", [])
        if not isinstance(digests, list):
            raise DocumentError("digests are texts in an array")
        for digest in digests:
            placed = self._place(digest, None, depth)
            if placed is None:
                continue
            if placed.name in filled:
                raise DocumentError("a disclosure is not for the place where its digest stands")
            filled[placed.name] = placed.value
        return filled

    def _fill_value(self, name: str, value: Any, depth: int) -> Any:
        # Each disclosure is shallow, but one may lead to the next without end.
        if depth >= canonical.MAX_DEPTH:
            raise DocumentError("disclosures are nested too deeply")
        if isinstance(value, dict):
            return self.fill(value, depth + 1)
        if isinstance(value, list):
            filled: list[Any] = []
            for element in value:
                if isinstance(element, dict) and element.keys() == _ELEMENT:
                    placed = self._place(element["..."], name, depth)
                    if placed is not None:
                        filled.append(placed.value)
                else:
                    filled.append(self._fill_value(name, element, depth + 1))
            return filled
        return value

    def _place(self, digest: Any, array: str | None, depth: int) -> DisclosedValue | None:
        """The disclosure of a digest, put into its place: as an element of an array, or as a
        property. None when it is withheld."""
        if not isinstance(digest, str):
            raise DocumentError("digests are texts in an array")
        if digest in self._seen:
            raise DocumentError("a digest occurs twice in the document")
        self._seen.add(digest)
        disclosure = self._disclosures.get(digest)
        if disclosure is None:
            return None
        name = disclosure.name if array is None else array
        if name is None or (array is not None and disclosure.name is not None):
            raise DocumentError("a disclosure is not for the place where its digest stands")
        value = disclosure.value
        if disclosure.nested:
            value = self._fill_value(name, value, depth + 1)
        placed = self._placed[digest] = DisclosedValue(digest, name, array is not None, value)
        return placed


def _strip(value: Any) -> Any:
    """The same value without the digests of disclosures."""
    if isinstance(value, dict):
        return {
            name: _strip(member) if isinstance(member, dict | list) else member
            for name, member in value.items()
            if name != "_sd"
        }
    if isinstance(value, list):
        return [_strip(e) for e in value if not (isinstance(e, dict) and e.keys() == _ELEMENT)]
    return value


def merge_disclosures(verified: VerifiedSdJwt) -> dict[str, Any]:
    """The claims with every disclosed property and element in its place; the caller's own copy."""
    return copy.deepcopy(dict(verified.content))
