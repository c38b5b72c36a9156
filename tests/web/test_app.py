"""What holds for every answer of both apps."""

import io
from dataclasses import replace

from gateway.web.app import create_partner_app, create_public_app
from gateway.web.context import BODY_BYTES
from gateway.web.oauth import FORM_BYTES
from tests.each import each
from tests.founded_gateway import HOTLINE
from tests.web.listening import DER, PARTNERS, Partner, certificate, der, listening


def assert_hardened(answer) -> None:
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Cache-Control" in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_kind_of_answer_has_the_security_headers(line):
    hotline = line.partner()
    public = line.anybody()
    answers = [
        hotline.get("/whoami"),
        hotline.get("/nowhere"),
        hotline.send("GET", "/whoami"),
        hotline.send("PUT", "/cases"),
        hotline.ask_token(),
        hotline.ask_token(grant_type="x"),
        public.get("/checkpoint"),
        public.get("/ca.pem"),
        public.get("/problems/not-found"),
        public.get("/nowhere"),
    ]
    for answer in answers:
        assert_hardened(answer)


def test_what_partners_read_is_never_stored(line):
    assert line.partner().get("/whoami").headers["Cache-Control"] == "no-store"


def test_two_gateways_in_one_process_do_not_disturb_each_other():
    one, other = listening(), listening()
    assert one.partner().get("/whoami").status_code == 200
    assert other.partner().get("/whoami").status_code == 200
    held = one.partner().token()
    stranger = Partner(other, HOTLINE, certificate(HOTLINE))
    assert stranger.get("/whoami", token=held).status_code == 200, "same keys, same address"
    third = listening(partners_url="https://third.example")
    third.partner()
    assert Partner(third, HOTLINE, certificate(HOTLINE)).get("/whoami", token=held).status_code == (
        401
    )


def test_apps_are_made_anew_each_time(line):
    assert create_partner_app(line.gate) is not create_partner_app(line.gate)
    assert create_public_app(line.gate) is not create_public_app(line.gate)


def test_a_body_beyond_the_limit_is_refused(line):
    hotline = line.partner()
    body = b'"' + b"a" * BODY_BYTES + b'"'
    headers = {"Idempotency-Key": line.key()}
    answer = hotline.call(
        "POST", "/cases", data=body, content_type="application/json", headers=headers
    )
    assert answer.status_code == 413
    assert answer.json["type"].endswith("/problems/content-too-large")


def in_chunks(partner: Partner, path: str, body: bytes, media: str):
    """A request whose length is not stated, as the listeners hand it on."""
    assert partner.certificate is not None
    return partner.listening.partners.test_client().open(
        path,
        method="POST",
        base_url=PARTNERS,
        input_stream=io.BytesIO(body),
        content_type=media,
        headers={
            "Idempotency-Key": partner.listening.key(),
            "Transfer-Encoding": "chunked",
            **({"Authorization": f"Bearer {partner.token()}"} if path == "/cases" else {}),
        },
        environ_overrides={DER: der(partner.certificate), "wsgi.input_terminated": True},
    )


@each("size", [BODY_BYTES, BODY_BYTES + 1, BODY_BYTES * 2])
def test_a_body_of_unknown_length_is_refused_not_cut(line, size):
    """What stands before the limit would be good JSON by itself."""
    body = b"{}" + b" " * (size - 2)
    assert in_chunks(line.partner(), "/cases", body, "application/json").status_code == 413


def test_a_body_of_unknown_length_below_the_limit_is_read(line):
    assert in_chunks(line.partner(), "/cases", b"{}", "application/json").status_code == 422


def test_a_form_of_unknown_length_is_bounded_too(line):
    form = b"grant_type=client_credentials&client_id=" + b"a" * FORM_BYTES
    media = "application/x-www-form-urlencoded"
    answer = in_chunks(line.partner(), "/oauth/token", form, media)
    assert answer.status_code == 400
    assert answer.json["error_description"] == "the body is too long"


def test_the_operator_sets_the_limit(line):
    small = listening(line.gateway, body_bytes=100)
    answer = Partner(small, HOTLINE, line.partner().certificate).post("/cases", {"a": "b" * 100})
    assert answer.status_code == 413


@each("path", ["/whoami/", "/WHOAMI", "/./whoami", "/whoami%2f", "/%77hoami", "/whoami%3F"])
def test_another_spelling_of_an_address_is_another_address(line, path):
    assert line.partner().get(path).status_code == 404


def test_slashes_before_an_address_make_another_one(line):
    hotline = line.partner()
    told = {"Authorization": f"Bearer {hotline.token()}"}
    for slashes, status in (("/", 200), ("//", 404), ("///", 404)):
        # As a listener passes it on; the client of the tests would read a host's name in it.
        environ = {
            DER: der(hotline.certificate),
            **dict.fromkeys(("PATH_INFO", "RAW_URI"), f"{slashes}whoami"),
        }
        client = line.partners.test_client()
        answer = client.get("/", base_url=PARTNERS, headers=told, environ_overrides=environ)
        assert answer.status_code == status


@each("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
def test_a_method_that_was_not_declared_is_refused(line, method):
    answer = line.partner().call(method, "/cases")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_head_is_no_method_that_comes_along_with_get(line):
    assert line.partner().call("HEAD", "/whoami").status_code == 405
    assert line.anybody().head("/checkpoint").status_code == 405


@each("coding", ["gzip", "identity", ""])
def test_a_body_in_a_coding_is_refused(line, coding):
    hotline = line.partner()
    answer = hotline.post("/cases", {}, headers={"Content-Encoding": coding})
    assert answer.status_code == 415
    assert answer.json["type"].endswith("/problems/unsupported-media-type")


def test_the_partners_api_is_not_on_the_public_listener(line):
    for path in ("/whoami", "/cases", "/handoffs", "/events", "/oauth/token"):
        assert line.anybody().get(path).status_code == 404
        assert line.anybody().post(path).status_code == 404


def test_each_request_has_its_own_id(line):
    seen = {line.anybody().get("/nowhere").json["instance"] for _ in range(3)}
    assert len(seen) == 3


def test_both_listeners_tell_whether_they_work(line):
    assert line.anybody().get("/healthz").json == {"status": "ok"}
    assert line.partner().send("GET", "/healthz").json == {"status": "ok"}


def test_a_listener_without_its_database_is_not_well(line):
    def lost(mode):
        raise OSError("no such file")

    broken = listening(line.gateway, ports=replace(line.gate.ports, begin=lost))
    assert broken.anybody().get("/healthz").status_code == 500
