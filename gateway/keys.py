"""Keys of the operator and of named people: made, written, loaded, one purpose each.

A key serves one purpose: a verifier that trusts the token keys never sees a
document key among them, so a signature made for one purpose cannot be shown for another.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway import files
from gateway.domain.refusals import CaseKeysUnavailable
from gateway.evidence import base64url, seal
from gateway.evidence.signature import jwk_of, thumbprint
from gateway.files import PrivateFileError

ES256 = "ES256"
ED25519 = "Ed25519"  # RFC 9864; RFC 8037 called it EdDSA

OVERLAP = timedelta(hours=24)
"""Between two steps of a rotation: far more than key sets are cached, and than tokens live."""

LOG_OVERLAP = timedelta(days=7)
"""Before the log's old key goes: who enrols pins the key of an invitation, which lives three."""

_SECRET_BYTES = 32

Key = TypeVar("Key")
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class KeyPurpose(StrEnum):
    """What a key may sign."""

    TOKEN = "token"  # access tokens  # noqa: S105 - the name of a purpose, not a secret
    ATTEST = "attest"  # documents that the gateway signs for an organisation
    NOTIFICATION = "notification"  # what organisations hear of their events
    LOG = "log"  # checkpoints of the transparency log
    PERSON = "person"  # approvals by a named person
    DOCUMENT = "document"  # a member's own cases, offers and answers
    ENCRYPTION = "encryption"  # the one proof of possession of an encryption key; see EncryptionKey
    CLIENT = "client"  # assertions by which a member's system authenticates
    WITNESS = "witness"  # a member's cosignatures of logs, and the gateway's of its peers' logs


ALGORITHMS: dict[KeyPurpose, tuple[str, ...]] = {
    KeyPurpose.TOKEN: (ES256,),
    KeyPurpose.ATTEST: (ES256,),
    KeyPurpose.NOTIFICATION: (ES256,),
    KeyPurpose.LOG: (ED25519,),
    KeyPurpose.PERSON: (ED25519, ES256),
    KeyPurpose.DOCUMENT: (ES256, ED25519),
    KeyPurpose.ENCRYPTION: (ES256,),
    KeyPurpose.CLIENT: (ES256, ED25519),
    KeyPurpose.WITNESS: (ED25519,),
}
"""The algorithms that each purpose allows; a new key takes the first."""


GATEWAYS_OWN = (KeyPurpose.TOKEN, KeyPurpose.ATTEST, KeyPurpose.NOTIFICATION, KeyPurpose.LOG)
"""The purposes of the keys that a gateway signs with, each in a folder of its own."""

KEK = "kek"
"""The purpose of the key that wraps the keys of cases."""

KEY_NAMES: Mapping[str, str] = {
    KeyPurpose.TOKEN: "access-token",
    KEK: "key-encryption",
    KeyPurpose.ATTEST: "attestation",
    KeyPurpose.NOTIFICATION: "notification",
    KeyPurpose.LOG: "log",
}
"""What the command line calls the keys, by the purpose that is recorded."""


_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class SigningKey:
    """A private key with its purpose; the private part shows in no representation."""

    purpose: KeyPurpose
    alg: str
    kid: str
    """RFC 7638 thumbprint of the public key, unpadded base64url."""
    _private: PrivateKey = field(repr=False, compare=False)

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._private.public_key()

    @property
    def public_bytes(self) -> bytes:
        """The public half of an Ed25519 key, 32 bytes."""
        return self.public_key.public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )

    def sign(self, data: bytes) -> bytes:
        """Sign as JOSE does: 64 bytes, R then S for ES256 (RFC 7518 3.4), RFC 8037 for Ed25519."""
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(data)
        r, s = decode_dss_signature(self._private.sign(data, _ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_jwk(self) -> dict[str, str]:
        """The member of a JWK set (RFC 7517): kty, crv, x, y for EC, kid, use, alg."""
        return {**jwk_of(self.public_key), "kid": self.kid, "use": "sig", "alg": self.alg}

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS #8 PEM, encrypted when a passphrase is given."""
        return private_pem(self._private, passphrase)


@dataclass(frozen=True)
class DecryptionKey:
    """A private key that opens what others sealed to its public half; it signs nothing.

    ``prover`` alone signs, once: the proof of possession at registration (NIST SP 800-56A
    rev. 3 5.6.3.2).
    """

    prover: SigningKey
    _private: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint of the public key, unpadded base64url."""
        return self.prover.kid

    def decrypt(self, text: str) -> bytes:
        """Return what stands under a seal to this key, its filling included; seal.SealError."""
        return seal.decrypt(text, self.kid, self._private)

    def public_jwk(self) -> dict[str, str]:
        """The member of a JWK set (RFC 7517), with the ``use`` "enc"."""
        jwk = jwk_of(self._private.public_key())
        return {**jwk, "kid": self.kid, "use": "enc", "alg": seal.ALG}

    def pem(self) -> bytes:
        """The private key as PKCS #8 PEM."""
        return self.prover.pem()


@dataclass(frozen=True)
class KeySet:
    """The keys of one purpose: one signs, its neighbours in time are published with it."""

    current: SigningKey
    published: tuple[SigningKey, ...] = ()
    """The next key, shown a day before its use, and the previous, while what it signed lives."""

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JWK set to publish, the signing key first."""
        return jwk_set((self.current, *self.published))


def generate_key(purpose: KeyPurpose, alg: str | None = None) -> SigningKey:
    """Make a key for a purpose; ValueError when the purpose does not allow `alg`."""
    wanted = alg or ALGORITHMS[purpose][0]
    if wanted not in ALGORITHMS[purpose]:
        raise ValueError(f"a {purpose} key is {_either(purpose)}, not {wanted}")
    if wanted == ED25519:
        return _signing_key(purpose, ed25519.Ed25519PrivateKey.generate())
    return _signing_key(purpose, ec.generate_private_key(ec.SECP256R1()))


def private_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """A private key as PKCS #8 PEM, encrypted when a passphrase is given."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def generate_encryption_key() -> DecryptionKey:
    """Make a key that others seal to."""
    return _encryption_key(ec.generate_private_key(ec.SECP256R1()))


def generate_secret() -> bytes:
    """32 random bytes, for a MAC or a key-encryption key."""
    return secrets.token_bytes(_SECRET_BYTES)


def jwk_set(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """A JWK set (RFC 7517 section 5) of public keys."""
    return {"keys": [key.public_jwk() for key in keys]}


def write_key(path: Path, key: SigningKey, passphrase: bytes | None = None) -> None:
    """Write a private key to a new file; PrivateFileError when something is there already."""
    files.create(path, key.pem(passphrase))


class PassphraseNeeded(PrivateFileError):
    """A private key is encrypted, and no passphrase was given."""


def load_key(path: Path, purpose: KeyPurpose, passphrase: bytes | None = None) -> SigningKey:
    """Read a private key; PrivateFileError when others can read it or it is of another type."""
    return _load(path, passphrase, partial(_signing_key, purpose))


def load_encryption_key(path: Path) -> DecryptionKey:
    """Read a private encryption key; PrivateFileError as for ``load_key``."""
    return _load(path, None, _encryption_key)


def load_encryption_keys(folder: Path) -> dict[str, DecryptionKey]:
    """Read every `*.pem` of a folder by key id: those that are used, and those before them."""
    keys = [load_encryption_key(path) for path in sorted(folder.glob("*.pem"))]
    return {key.kid: key for key in keys}


def _load(path: Path, passphrase: bytes | None, make: Callable[[Any], Key]) -> Key:
    """Return what is made of the private key in a file."""
    pem = files.read_private(path)
    try:
        private = serialization.load_pem_private_key(pem, passphrase)
    except TypeError as error:  # a passphrase too few or too many
        if passphrase is None:
            raise PassphraseNeeded(f"{path} needs its passphrase") from error
        raise PrivateFileError(f"{path} has no passphrase") from error
    except ValueError as error:
        raise PrivateFileError(
            f"{path} holds no private key in PEM, or the passphrase is wrong; restore it from "
            "its backup"
        ) from error
    try:
        return make(private)
    except ValueError as error:
        raise PrivateFileError(f"{path}: {error}; put the right key there") from error


def load_key_set(folder: Path, purpose: KeyPurpose) -> KeySet:
    """Read `current.pem`, and `next.pem` and `previous.pem` where they exist.

    `previous.pem` as another name of `current.pem` is of a step that was cut off: see
    `perform_step`.
    """
    current = load_key(folder / "current.pem", purpose)
    neighbours = (folder / name for name in ("next.pem", "previous.pem"))
    published = tuple(
        load_key(path, purpose)
        for path in neighbours
        if path.exists() and not path.samefile(folder / "current.pem")
    )
    kids = {key.kid for key in (current, *published)}
    if len(kids) != 1 + len(published):
        raise PrivateFileError(
            f"{folder} holds one key under two names: remove previous.pem if it is the copy of "
            "current.pem, then take the step again; else the other copy"
        )
    return KeySet(current, published)


class RotationStep(StrEnum):
    """How one key takes the place of another: the steps of a rotation, in their order."""

    PUBLISH = "publish"  # the next key is shown, and signs nothing yet
    ACTIVATE = "activate"  # it signs; the one before is still shown, for what it signed
    RETIRE = "retire"  # the one before is shown no more


@dataclass(frozen=True)
class PendingStep:
    """A step of a rotation that is due, and the key that it is about."""

    step: RotationStep
    key: SigningKey


def since(file: Path) -> datetime:
    """When a key was made, or its step taken: the time of its file."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def open_rotation(folder: Path) -> tuple[RotationStep, Path] | None:
    """The next step of a rotation that was begun, and the file of its key; else None."""
    for step, name in ((RotationStep.RETIRE, "previous.pem"), (RotationStep.ACTIVATE, "next.pem")):
        file = folder / name
        if file.exists() and not file.samefile(folder / "current.pem"):
            return step, file
    return None


def wait_before(step: RotationStep, purpose: KeyPurpose) -> timedelta:
    """How long a step waits for the one before it."""
    last_of_log = (step, purpose) == (RotationStep.RETIRE, KeyPurpose.LOG)
    return LOG_OVERLAP if last_of_log else OVERLAP


def pending_step(folder: Path, purpose: KeyPurpose, now: datetime) -> PendingStep:
    """The step that is due for the keys in a folder; nothing is changed.

    PrivateFileError before its time.
    """
    load_key_set(folder, purpose)
    if (begun := open_rotation(folder)) is None:
        return PendingStep(RotationStep.PUBLISH, generate_key(purpose))
    step, file = begun
    wait = wait_before(step, purpose)
    if now < since(file) + wait:
        raise PrivateFileError(
            f"{file} is there for less than {'a day' if wait == OVERLAP else 'a week'}, and others "
            f"may not have seen it: go on after {since(file) + wait:%Y-%m-%d %H:%M} UTC"
        )
    return PendingStep(step, load_key(file, purpose))


def perform_step(folder: Path, turn: PendingStep, now: datetime) -> None:
    """Do the step; its own time is then that of the file that the next step waits for.

    A crash in the midst of USE leaves one file under two names: then this step is due again.
    """
    current = folder / "current.pem"
    following, previous = folder / "next.pem", folder / "previous.pem"
    match turn.step:
        case RotationStep.PUBLISH:
            write_key(following, turn.key)
            files.set_time(following, now)
        case RotationStep.ACTIVATE:
            previous.unlink(missing_ok=True)
            os.link(current, previous)
            files.set_time(previous, now)
            following.replace(current)
        case RotationStep.RETIRE:
            previous.unlink()
    files.sync_folder(folder)


def write_secret(path: Path, secret: bytes) -> None:
    """Write a symmetric key, base64url on one line, to a new file."""
    files.create(path, base64url.encode(secret).encode() + b"\n")


def load_secret(path: Path) -> bytes:
    """Read a symmetric key of 32 bytes; PrivateFileError when the file holds anything else."""
    text = files.read_private(path).decode("ascii", "replace")
    try:
        secret = base64url.decode(text.removesuffix("\n"))
    except ValueError:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise PrivateFileError(f"{path} holds no secret of 32 bytes; restore it from its backup")
    return secret


def _signing_key(purpose: KeyPurpose, private: Any) -> SigningKey:
    alg = ED25519 if isinstance(private, ed25519.Ed25519PrivateKey) else None
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name == "secp256r1":
        alg = ES256
    if alg not in ALGORITHMS[purpose]:
        raise ValueError(f"a {purpose} key is {_either(purpose)}, this one is {alg or 'another'}")
    return SigningKey(purpose, alg, thumbprint(jwk_of(private.public_key())), private)


def _encryption_key(private: Any) -> DecryptionKey:
    return DecryptionKey(_signing_key(KeyPurpose.ENCRYPTION, private), private)


def _either(purpose: KeyPurpose) -> str:
    return " or ".join(ALGORITHMS[purpose])


_KEK_PREFIX = "kek-"
_KEK_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_NONCE_BYTES = 12


class FileKeyEncryption:
    """The KeyEncryptionProvider port over files ``kek-<id>``, each a secret of 32 bytes for its
    owner.

    A PKCS #11 token or a vault could replace this class behind the same port. A key is read when
    it is first needed, so a process that opens no content needs no right to read it.
    """

    def __init__(self, folder: Path, random: Callable[[int], bytes]) -> None:
        """Nothing is read before a key is needed."""
        self._folder, self._random = folder, random
        self._opened: dict[str, AESGCM] = {}

    def known(self) -> list[str]:
        names = (
            path.name.removeprefix(_KEK_PREFIX) for path in self._folder.glob(f"{_KEK_PREFIX}*")
        )
        return sorted(name for name in names if _KEK_ID.fullmatch(name))

    def make(self) -> str:
        """Create a key and return its id; PrivateFileError when it cannot be written."""
        made = self._random(8).hex()
        write_secret(self.file(made), self._random(32))
        return made

    def wrap(self, kek: str, key: bytes, about: bytes) -> bytes:
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._cipher(kek).encrypt(nonce, key, about)

    def unwrap(self, kek: str, wrapped: bytes, about: bytes) -> bytes:
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._cipher(kek).decrypt(nonce, sealed, about)
        except (InvalidTag, ValueError) as error:
            raise CaseKeysUnavailable(
                "a case key was not encrypted by this key-encryption key. The operator must "
                "restore the right one."
            ) from error

    def remove(self, kek: str) -> None:
        """Overwrite and remove a key file; a disk may keep the bytes all the same."""
        self._opened.pop(kek, None)
        files.destroy(self.file(kek))

    def require(self, kek: str) -> None:
        """Raise CaseKeysUnavailable unless the key is there and can be read."""
        self._cipher(kek)

    def file(self, kek: str) -> Path:
        """Where a key is."""
        if not _KEK_ID.fullmatch(kek):
            raise ValueError("a key-encryption key's id is 16 hexadecimal digits")
        return self._folder / f"{_KEK_PREFIX}{kek}"

    def _cipher(self, kek: str) -> AESGCM:
        if kek not in self._opened:
            try:
                secret = load_secret(self.file(kek))
            except Exception as error:  # whatever is wrong with the file, `casegate doctor` says it
                raise CaseKeysUnavailable(
                    "the key-encryption key cannot be read: the operator has to bring it back"
                ) from error
            self._opened[kek] = AESGCM(secret)
        return self._opened[kek]
