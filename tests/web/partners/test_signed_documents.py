"""What holds for a case and for an offer alike that its author signs, and every trick with one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from gateway.evidence import base64url, receipt, sd_jwt
from gateway.evidence.declarations import LOCK
from gateway.evidence.handoff_documents import ANSWER_TYP
from tests.casework import submitted
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN
from tests.ports import ISSUER
from tests.web.listening import Listening, Partner
from tests.web.partners.tricks import (
    HOTLINES,
    OFFICES,
    OTHER,
    Trick,
    asked,
    case,
    content,
    disclosed,
    hs256,
    nested,
    offer,
    other_hash,
    overpadded,
    refused,
    repeated,
    resigned,
    rewritten,
    rs256,
    send,
    unpadded,
    without_digests,
)


@pytest.fixture
def line(keyed_line):
    return keyed_line


@dataclass
class Kind:
    """A kind of document: how a good one is made and sent, and its JSON, which nobody signed."""

    make: Callable[..., sd_jwt.SdJwt]
    send: Callable[..., Any]
    unsigned: Callable[[], Any]


@pytest.fixture(params=["case", "offer"])
def kind(request, line, hotline):
    if request.param == "case":
        body = {"by": "intake-1", "content": content(line)}
        return Kind(
            partial(case, line),
            partial(send, hotline, "/cases"),
            lambda: hotline.post("/cases", body),
        )
    held = str(submitted(line.gateway).result["case"])
    path = f"/cases/{held}/handoffs"
    body = {**asked(held), "handoff": str(line.gateway.new_id())}
    del body["case"]
    return Kind(
        partial(offer, hotline, held),
        partial(send, hotline, path),
        lambda: hotline.post(path, body),
    )


def test_its_jti_is_the_idempotency_key(kind):
    document = kind.make()
    first, again = (kind.send(document) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["result"] == again.json["result"]
    assert first.json["receipt"]["document"] == again.json["receipt"]["document"]
    jti = sd_jwt.read_own(document).claims["jti"]
    assert kind.send(document, Idempotency_Key=jti).status_code == 201
    refused(kind.send(document, Idempotency_Key="another1"))
    other = kind.send(kind.make(jti=jti))
    assert other.json["type"].endswith("/problems/idempotency-key-reused")


def test_a_retry_gets_its_first_result_after_the_key_was_revoked(line, kind):
    document, late = kind.make(), kind.make()
    first = kind.send(document)
    line.gateway.administer("key.revoke", HOTLINE, kid=HOTLINES.kid, reason="replaced")
    assert kind.send(document).json["result"] == first.json["result"]
    assert "revoked" in refused(kind.send(late))


def dated(line: Listening, by: timedelta) -> int:
    return int((line.gateway.clock() + by).timestamp())


def later(partner: Partner, by: timedelta) -> None:
    """Let time pass; the token of before is over."""
    partner.listening.gateway.clock.advance(by)
    partner.held = None


def test_a_document_is_taken_for_a_day_and_its_repeat_gets_the_first_receipt_ever_after(
    line, hotline, kind
):
    held = line.gateway.organisation(HOTLINE).document_keys
    wait = timedelta(days=1, minutes=5)
    later(hotline, wait)
    good, late = kind.make(iat=dated(line, -wait + timedelta(seconds=1))), kind.make()
    first = kind.send(good)
    assert first.status_code == 201, first.text
    later(hotline, wait + timedelta(seconds=1))
    before = line.gateway.size()
    assert "more than a day ago" in refused(kind.send(late))
    assert line.gateway.size() == before, "nothing was done by it, so it can be signed again"
    later(hotline, timedelta(days=5))
    again = kind.send(good)
    assert (again.status_code, again.json["result"]) == (201, first.json["result"])
    assert again.json["receipt"]["document"] == first.json["receipt"]["document"]
    assert line.gateway.organisation(HOTLINE).document_keys == held


def test_no_document_is_dated_before_its_key_was_registered(line, kind):
    (key,) = line.gateway.organisation(HOTLINE).document_keys
    registered = key.valid_from - line.gateway.clock()
    skew = timedelta(minutes=5, seconds=1)
    early = kind.make(iat=dated(line, registered - skew))
    assert "before its key was registered" in refused(kind.send(early))
    near = kind.make(iat=dated(line, registered - skew + timedelta(seconds=2)))
    assert kind.send(near).status_code == 201


def test_a_repeat_by_another_document_is_told_which_one_counts(line, kind):
    """The same is asked, under the same id, and signed anew: one of the two has no record."""
    first = kind.make()
    done = kind.send(first)
    assert done.status_code == 201, done.text
    other = resigned(first, lambda claims: claims.update(iat=claims["iat"] + 1))
    answer = kind.send(other)
    assert answer.status_code == 409
    assert answer.json["type"].endswith("/problems/idempotency-key-reused")
    event = receipt.from_json(done.json["receipt"])
    assert json.loads(event.document)["id"] in answer.json["detail"]
    assert first.digest in answer.json["detail"]
    assert kind.send(first).status_code == 201


@each(
    "claims",
    [
        {"iss": f"{ISSUER}/organisations/{OFMIN}"},
        {"iss": ISSUER},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": None},
        {"attested_for": f"{ISSUER}/organisations/{HOTLINE}"},
        {"iss": ISSUER, "attested_for": f"{ISSUER}/organisations/{HOTLINE}"},
        {"jti": "short"},
        {"jti": "018F0000-0000-7000-8000-000000000001"},
        {"jti": None},
        {"iat": None},
        {"iat": True},
        {"iat": 99999999999},
        {"note": "in clear"},
        {"typ": ANSWER_TYP},
        {"typ": "JWT"},
        {"key": OTHER},  # of nobody
        {"key": OFFICES},  # of another organisation
        {"key": Trick("none", lambda _: b"")},
        {"key": Trick("HS256", hs256)},
        {"key": Trick("RS256", rs256)},
        {"key": Trick("RS256", HOTLINES.sign)},
        {"key": Trick("ES256", OTHER.sign)},
        {"key": Trick("EdDSA", HOTLINES.sign)},
        {"key": Trick("ES256", lambda _: bytes(64))},
    ],
)
def test_another_heading_type_key_or_signature_is_refused_and_no_event(line, kind, claims):
    document = kind.make(**claims)
    before = line.gateway.size()
    refused(kind.send(document))
    assert line.gateway.size() == before


def test_a_changed_claim_breaks_the_signature(kind):
    document = kind.make()
    text, signed = rewritten(document, lambda claims: claims.update(tlp="CLEAR"))
    assert "signature" in refused(kind.send(replace(document, issuer_signed=f"{text}.{signed}")))


def test_disclosures_belong_to_the_document_once_and_well_salted(kind):
    document = kind.make()
    salt = base64url.encode(bytes(16))
    refused(kind.send(disclosed(document, salt, "note", "more")))
    assert "salt" in refused(kind.send(disclosed(document, "c2FsdA", "note", "b")))
    refused(kind.send(f"{document.compact()}{document.disclosures[0].encoded}~"))
    refused(kind.send(document.compact().removesuffix("~")))


@each("change", [unpadded, overpadded, repeated, nested, without_digests, other_hash])
def test_lists_of_digests_are_padded_no_further_unique_and_at_the_top(kind, change):
    refused(kind.send(resigned(kind.make(), change)))


def test_an_organisation_that_is_locked_sends_no_json(line, kind):
    said = line.gateway.word(HOTLINE, LOCK, HOTLINES, HOTLINES)
    line.gateway.administer("organisation.require_signed", HOTLINE, declaration=said)
    answer = kind.unsigned()
    assert (answer.status_code, answer.json["rules"]) == (403, ["R2.signed_only"])
    assert "application/sd-jwt" in answer.json["detail"]
    assert kind.send(kind.make()).status_code == 201
