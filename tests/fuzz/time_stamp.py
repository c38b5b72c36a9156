"""Time-stamp tokens and answers of authorities (RFC 3161): only what is documented escapes.

Oracle: whatever verifies says the same as the token that it was made of.
"""

import contextlib
import warnings
from functools import cache

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from gateway.evidence import time_stamp
from gateway.evidence.time_stamp import TimeStamp, TimeStampError, UnknownAuthority
from tests.fuzz.target import VECTORS

TEXT = (VECTORS / "tsa" / "ck").read_bytes()
NONCE = 0x1B05B898D2F7D90E


@cache
def roots() -> list[x509.Certificate]:
    """The root of the kept tokens."""
    return x509.load_pem_x509_certificates((VECTORS / "tsa" / "ca.pem").read_bytes())


@cache
def honest() -> dict[bytes, TimeStamp]:
    """The kept tokens, and what they say."""
    answers = (answer.read_bytes() for answer in (VECTORS / "tsa").glob("*.tsr"))
    return dict(time_stamp.granted(one, TEXT, NONCE, roots()) for one in answers)


def seeds() -> list[bytes]:
    """The kept tokens and answers."""
    return [*honest(), *(file.read_bytes() for file in (VECTORS / "tsa").glob("*.ts?"))]


def check(data: bytes) -> None:
    """See the module."""
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # of certificates that are odd
    for read in (time_stamp.verify, answered):
        with contextlib.suppress(TimeStampError, UnknownAuthority):
            assert read(data, TEXT, roots()) in honest().values()


def answered(data: bytes, text: bytes, brought: list[x509.Certificate]) -> TimeStamp:
    """What the token in an answer says."""
    return time_stamp.granted(data, text, NONCE, brought)[1]
