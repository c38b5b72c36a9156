"""The log's entries: a commitment to a document that reveals nothing about it.

An entry stays public, its document does not: a nonce of 32 random bytes keeps the document from
being guessed. After document and nonce are erased, the entry and all proofs remain valid.
"""

from hashlib import sha256

NONCE_BYTES = 32
# Documents are small by design; the limit keeps hashing and storing under the log's lock short.
MAX_DOCUMENT_BYTES = 16 * 1024

_VERSION = b"\x01"
_DOMAIN = b"casegate-entry-v1\n"


def entry_commitment(document: bytes, nonce: bytes) -> bytes:
    """Return 0x01 || SHA-256("casegate-entry-v1\\n" || nonce || document), 33 bytes.

    `document` is hashed as stored, byte for byte, never serialised again. Raises ValueError when
    it is longer than 16 KiB or when `nonce` is not exactly 32 bytes.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce has exactly 32 bytes")
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ValueError("the document is longer than 16 KiB")
    return _VERSION + sha256(_DOMAIN + nonce + document).digest()
