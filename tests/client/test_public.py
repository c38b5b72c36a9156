"""The public listener as anybody reads it."""

import ssl

import httpx
import pytest

from gateway.client import GatewayUnavailable, SettingsError, UnexpectedAnswer
from gateway.client.mirror import PublicListener, PublicLog
from tests.each import each
from tests.founding import START


def public(status: int, body: bytes = b"x", url: str = "https://gateway.example") -> PublicLog:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=body))
    return PublicLog(url, None, lambda: START, sleep=lambda _: None, transport=transport)


def test_a_file_is_fetched_by_its_path():
    with public(200, b"data", "https://gateway.example:8443/") as log:
        assert log.fetch("tile/0/000") == b"data"


def test_what_is_not_there_is_a_lookup_error():
    with public(404) as log, pytest.raises(LookupError):
        log.fetch("tile/0/000")


@pytest.mark.parametrize(("status", "error"), [(503, GatewayUnavailable), (500, GatewayUnavailable),
                                               (429, GatewayUnavailable), (403, UnexpectedAnswer),
                                               (301, UnexpectedAnswer)])  # fmt: skip
def test_other_answers_are_errors(status, error):
    with public(status) as log, pytest.raises(error):
        log.fetch("checkpoint")


@each("url", ["http://gateway.example", "https://gateway.example/log",
                                 "https://a b", "https://", "gateway.example"])  # fmt: skip
def test_an_address_is_https_and_a_host(url):
    with pytest.raises(SettingsError, match="https://host"):
        public(200, url=url)


def test_tls_is_1_3_and_a_root_file_must_be_one(tmp_path):
    context = PublicListener("https://gateway.example").tls()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SettingsError):
        PublicListener("https://gateway.example", tmp_path / "ca.pem").tls()
