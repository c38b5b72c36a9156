"""Key-encryption keys in files of the operator's folder: the first of several possible providers.

A PKCS #11 token or a vault could replace this module behind the same port. A key is read
when it is first needed, so a process that opens no content needs no right to read it.
"""

import re
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway import files, keys
from gateway.domain.refusals import CaseKeysUnavailable

_PREFIX = "kek-"
_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_NONCE_BYTES = 12


class FileKeyEncryption:
    """The KeyEncryptionProvider port over files ``kek-<id>``, each a secret of 32 bytes for its
    owner."""

    def __init__(self, folder: Path, random: Callable[[int], bytes]) -> None:
        """Nothing is read before a key is needed."""
        self._folder, self._random = folder, random
        self._opened: dict[str, AESGCM] = {}

    def known(self) -> list[str]:
        names = (path.name.removeprefix(_PREFIX) for path in self._folder.glob(f"{_PREFIX}*"))
        return sorted(name for name in names if _ID.fullmatch(name))

    def make(self) -> str:
        """Create a key and return its id; PrivateFileError when it cannot be written."""
        made = self._random(8).hex()
        keys.write_secret(self.file(made), self._random(32))
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
        if not _ID.fullmatch(kek):
            raise ValueError("a key-encryption key's id is 16 hexadecimal digits")
        return self._folder / f"{_PREFIX}{kek}"

    def _cipher(self, kek: str) -> AESGCM:
        if kek not in self._opened:
            try:
                secret = keys.load_secret(self.file(kek))
            except Exception as error:  # whatever is wrong with the file, `casegate doctor` says it
                raise CaseKeysUnavailable(
                    "the key-encryption key cannot be read: the operator has to bring it back"
                ) from error
            self._opened[kek] = AESGCM(secret)
        return self._opened[kek]
