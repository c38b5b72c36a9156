"""The statement of a stream's end: what it says, and how nobody else can say it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import sd_jwt, stream
from gateway.evidence.receipt import NotInLog, UnknownLog
from gateway.evidence.sd_jwt import BadSignature, DocumentError, UnknownKey
from gateway.evidence.trust import TrustAnchors
from gateway.ledger import tree
from gateway.ledger.checkpoint import Checkpoint, sign_checkpoint
from tests.evidence.ingredients import SoftwareSigner, chance, es256
from tests.evidence.logbook import ORIGIN, Logbook

GATEWAY = "https://gateway.example.org"
ATTEST = es256("attest")
LOG = Logbook()
TRUST = TrustAnchors(log_keys=LOG.keys, origins=(ORIGIN,), gateway_keys=ATTEST.keys())
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOTE = sign_checkpoint(Checkpoint(ORIGIN, 0, tree.EMPTY_ROOT), LOG.signer)


def issued(**changes) -> str:
    said = {
        "issuer": GATEWAY,
        "organisation": "police",
        "stream_number": 3,
        "note": NOTE,
        "at": AT,
        "signer": ATTEST,
        "random": chance("stream"),
    }
    return stream.issue_head(**said | changes).compact()


def claimed(**claims) -> str:
    said = {"iss": GATEWAY, "aud": f"{GATEWAY}/organisations/police", "iat": 1, "stream_number": 1,
            "checkpoint": NOTE}  # fmt: skip
    return sd_jwt.issue(
        typ=stream.HEAD_TYP,
        claims=said | claims,
        properties=(),
        arrays=(),
        signer=ATTEST,
        random=chance("claimed"),
    ).compact()


@given(st.integers(0, 2**53 - 1), st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_is_stated_is_read(stream_number, at):
    head = stream.read_head(issued(stream_number=stream_number, at=at), TRUST)
    assert (head.organisation, head.stream_number, head.kid) == (
        "police",
        stream_number,
        ATTEST.kid,
    )
    assert head.at == at.replace(microsecond=0)
    assert (head.checkpoint.size, head.note) == (0, NOTE)


def test_another_key_does_not_speak_for_the_gateway():
    with pytest.raises(BadSignature):
        forger = SoftwareSigner(ATTEST.kid, ATTEST.alg, es256("other").private)
        stream.read_head(issued(signer=forger), TRUST)
    with pytest.raises(UnknownKey):
        stream.read_head(issued(signer=es256("other")), TRUST)
    with pytest.raises(UnknownKey):
        stream.read_head(issued(), TrustAnchors(LOG.keys, (ORIGIN,)))


def test_a_document_of_another_type_states_no_end():
    text = sd_jwt.issue(
        typ="casegate-offer+sd-jwt",
        claims={"iss": GATEWAY, "stream_number": 1},
        properties=(),
        arrays=(),
        signer=ATTEST,
        random=chance("other"),
    )
    with pytest.raises(DocumentError):
        stream.read_head(text.compact(), TRUST)


@pytest.mark.parametrize(
    ("claims", "match"),
    [
        ({"stream_number": "1"}, "not a number"),
        ({"stream_number": -1}, "not a number"),
        ({"stream_number": True}, "not a number"),
        ({"iat": None}, "not a number"),
        ({"iat": 2**52}, "year"),
        ({"checkpoint": 1}, "checkpoint"),
        ({"aud": "police"}, "no organisation"),
        ({"aud": 1}, "no organisation"),
        ({"aud": "https://other.example.org/organisations/police"}, "no organisation"),
        ({"iss": "https://other.example.org"}, "no organisation"),
    ],
)
def test_a_statement_has_its_claims(claims, match):
    with pytest.raises(DocumentError, match=match):
        stream.read_head(claimed(**claims), TRUST)


def test_a_checkpoint_in_it_is_the_logs_own():
    with pytest.raises(UnknownLog):
        stream.read_head(claimed(checkpoint=NOTE.replace(ORIGIN, "elsewhere.example")), TRUST)
    with pytest.raises(NotInLog):
        stream.read_head(claimed(checkpoint=NOTE.replace("\n0\n", "\n1\n")), TRUST)
