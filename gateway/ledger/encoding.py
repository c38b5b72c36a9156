"""The two text encodings of all C2SP formats, decimals and base64, read strictly.

Python's own parsers are too kind for signed text: `int` takes "+5", "1_000" and other scripts'
digits, `b64decode` takes stray bits after the last byte. Two spellings of one value would then
verify where other implementations refuse one of them.
"""

import re
from base64 import b64decode
from binascii import b2a_base64

# Sizes and indices fit a signed 64-bit integer: what databases and other implementations hold.
MAX_SIZE = 2**63 - 1

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def encode_base64(data: bytes) -> str:
    """Write standard base64 with padding (RFC 4648 section 4)."""
    return b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Read standard base64 with padding; raise ValueError unless it is the one canonical form."""
    data = b64decode(text, validate=True)
    if encode_base64(data) != text:
        raise ValueError("base64 is not in its canonical form")
    return data


def parse_decimal(text: str) -> int:
    """Read an ASCII decimal without sign or leading zeros, 0 to MAX_SIZE; else raise ValueError."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a plain decimal number")
    number = int(text)
    if number > MAX_SIZE:
        raise ValueError("number is out of range")
    return number
