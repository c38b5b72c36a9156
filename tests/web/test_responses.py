"""Refusals as answers: the right status and words, one shape, nothing that is not to be told."""

import json

import pytest
from flask import Flask, abort
from marshmallow import Schema, ValidationError, fields

from gateway.domain import refusals
from gateway.domain.refusals import Forbidden, NotFound, Refusal, ValidationFailed
from gateway.evidence import receipt
from gateway.kernel.authentication import NotAuthenticated
from gateway.kernel.transact import RecordedRefusal
from gateway.schemas.schema_fields import pointed
from gateway.web.app import create_partner_app
from gateway.web.inputs import MAX_ERRORS
from gateway.web.problems import PROBLEMS, InsufficientScope
from tests.casework import submitted
from tests.each import each
from tests.ports import ISSUER
from tests.web.listening import Listening

SHAPE = {"type", "title", "status", "instance", "detail"}
MORE = {"errors", "rules", "receipt", "expected"}


def answer_to(line: Listening, error: BaseException, **kwargs):
    """What an app answers when a view raises an error."""
    app: Flask = create_partner_app(line.gate)

    def fail():
        raise error

    app.add_url_rule("/fail", "fail", fail)
    return app.test_client().get("/fail", **kwargs)


def sample(cls: type[Refusal]) -> Refusal:
    match cls.__name__:
        case "Forbidden":
            return Forbidden("Ask the originator.", ("R4.release_list",))
        case "ValidationFailed":
            return ValidationFailed((("/items/0", "is wrong"),))
        case "InsufficientScope":
            return InsufficientScope("cases.read")
        case _:
            return cls("do this instead")


@each("cls", PROBLEMS)
def test_every_refusal_has_the_one_shape(line, cls):
    answer = answer_to(line, sample(cls))
    row = PROBLEMS[cls]
    assert answer.status_code == answer.json["status"] == row.status
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert SHAPE <= answer.json.keys() <= SHAPE | MORE
    assert answer.json["type"] == f"{ISSUER}/problems/{row.slug}"
    assert answer.json["title"] == row.title
    assert answer.json["instance"].startswith("urn:uuid:")
    own = row.show_detail and sample(cls).detail
    assert answer.json["detail"] == (own or f"{row.title}. {row.remedy}")
    assert answer.headers.get("Retry-After") == (
        str(row.retry_after) if row.retry_after is not None else None
    )
    assert ("WWW-Authenticate" in answer.headers) == (row.challenge is not None or row.basic)


def test_only_a_refusal_by_policy_names_rules(line):
    assert answer_to(line, Forbidden("No.", ("R3.membership",))).json["rules"] == ["R3.membership"]
    assert "rules" not in answer_to(line, refusals.SecondPersonRequired("x")).json


def test_not_found_says_the_same_whatever_it_hides(line):
    hidden = answer_to(line, NotFound("a case of another")).json
    nothing = answer_to(line, NotFound()).json
    for one in (hidden, nothing):
        one.pop("instance")
    assert hidden == nothing


def test_an_address_that_no_endpoint_has_is_told_both_addresses(line):
    told = line.partners.test_client().get("/nothing/here")
    assert (told.status_code, told.json["title"]) == (404, "Not found, or not visible to you")
    assert "https://partners.example.org" in told.json["detail"]
    assert "https://gateway.example.org" in told.json["detail"]


def test_a_recorded_refusal_carries_its_receipt(line):
    given = submitted(line.gateway).receipt
    refused = RecordedRefusal(Forbidden("No.", ("R3.membership",)), given)
    answer = answer_to(line, refused).json
    assert answer["rules"] == ["R3.membership"]
    assert receipt.from_json(answer["receipt"]) == given


def test_every_error_is_listed_by_its_pointer(line):
    errors = (("/items/0/value", "is wrong"), ("", "is wrong too"))
    assert answer_to(line, ValidationFailed(errors)).json["errors"] == [
        {"pointer": "", "message": "is wrong too"},
        {"pointer": "/items/0/value", "message": "is wrong"},
    ]


def test_a_schema_error_is_told_by_pointers(line):
    class Inner(Schema):
        a = fields.Integer(required=True)

    class Outer(Schema):
        one = fields.Nested(Inner())
        many = fields.List(fields.Nested(Inner()))

    with pytest.raises(ValidationError) as raised:
        Outer().load({"one": {}, "many": [{"a": 1}, {"a": "x"}, {"a": 1, "b": 2}]})
    answer = answer_to(line, raised.value)
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json["errors"]} == {
        "/one/a",
        "/many/1/a",
        "/many/2/b",
    }


def test_a_name_that_no_field_of_ours_could_have_is_not_repeated():
    for name in ("a name with spaces", "x" * 70, "Müller_Hans", "a/b", ""):
        assert list(pointed({name: ["is unknown"]})) == [("", "is unknown")]


def test_very_many_errors_are_cut_short_and_counted(line):
    errors = [(f"/x{n}", "is unknown") for n in range(5000)]
    found = answer_to(line, ValidationFailed(errors)).json["errors"]
    assert len(found) == MAX_ERRORS + 1
    assert str(5000 - MAX_ERRORS) in found[-1]["message"]


@each("code, slug", [(400, "malformed-request"), (404, "not-found"), (405, "method-not-allowed"),
     (413, "content-too-large"), (406, "bad-request"), (418, "bad-request"),
     (451, "bad-request")])  # fmt: skip
def test_what_the_framework_refuses_has_the_one_shape_and_its_own_status(line, code, slug):
    app = create_partner_app(line.gate)
    app.add_url_rule("/fail", "fail", lambda: abort(code))
    answer = app.test_client().get("/fail")
    assert answer.status_code == answer.json["status"] == code
    assert answer.json["type"] == f"{ISSUER}/problems/{slug}"
    assert answer.json.keys() == SHAPE


def test_a_failure_is_told_without_a_word_about_its_cause(line):
    answer = answer_to(line, RuntimeError("password=hunter2"))
    assert answer.status_code == 500
    assert answer.json.keys() == SHAPE
    assert "hunter2" not in answer.text
    (written,) = line.lines()
    assert written["event"] == "server-error"
    assert answer.json["instance"] == f"urn:uuid:{written['request']}"
    assert "hunter2" not in line.stream.getvalue()


def test_a_refusal_without_a_row_is_a_failure(line):
    class Novel(Refusal):
        pass

    assert answer_to(line, Novel("what now?")).status_code == 500


def test_refusals_that_are_no_events_stand_in_the_security_log(line):
    noted = {cls.__name__ for cls, row in PROBLEMS.items() if row.security_logged}
    assert {"ValidationFailed", "TooManyDenials", "NotAuthenticated", "NoCredentials"} <= noted
    answer_to(line, ValidationFailed((("/a", "is wrong"),)))
    answer_to(line, refusals.TooManyDenials("slow down"))
    answer_to(line, NotAuthenticated("the certificate is unknown here, or revoked"))
    assert [written["event"] for written in line.lines()] == [
        "validation-failed",
        "too-many-denials",
        "invalid-token",
    ]
    assert line.lines()[-1]["reason"] == "the certificate is unknown here, or revoked"


def test_a_refusal_that_is_an_event_is_not_noted_twice(line):
    given = submitted(line.gateway).receipt
    answer_to(line, RecordedRefusal(refusals.WrongState("it is closed"), given))
    assert line.lines() == []


def test_no_line_repeats_what_was_sent(line):
    answer_to(line, ValidationFailed((("/a", "is wrong"),)), query_string={"q": "a-secret-word"})
    assert "a-secret-word" not in line.stream.getvalue()


def test_an_error_body_is_json_of_one_line(line):
    answer = answer_to(line, NotFound())
    assert json.loads(answer.text) == answer.json
    assert "\n" not in answer.text
