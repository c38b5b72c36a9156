"""Whom a listener's TLS lets in, and how it follows its files."""

import contextlib
import socket
import ssl
import subprocess
import sys
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.files import replace
from gateway.pki.authority import make_issuing, make_root, make_server
from gateway.serving.tls import TlsContexts, TlsFiles, listener_environ, openssl_conf
from gateway.serving.worker import TlsSocket
from tests.each import each
from tests.serving.listeners import (
    BEFORE,
    DEADLINE,
    ISSUING,
    NOW,
    THREADS,
    TOP,
    Server,
    ask,
    client_context,
    client_pem,
    files,
    listening,
    make_folder,
    program,
    revoke,
    unix,
)
from tests.waiting import until

journey = pytest.mark.journey


@journey
def test_the_application_sees_the_certificate_of_the_connection(partners: Server) -> None:
    told = partners.good()
    assert b64decode(told["peer"]) == partners.certificate.public_bytes(serialization.Encoding.DER)
    assert told["scheme"] == "https"


@journey
def test_one_connection_carries_several_requests(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        assert [ask(tls)["body"] for _ in range(3)] == [0, 0, 0]


@journey
def test_tls_1_2_is_refused(partners: Server) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        partners.connect(partners.pem, maximum_version=ssl.TLSVersion.TLSv1_2)


@journey
def test_a_client_without_a_certificate_is_refused(partners: Server) -> None:
    assert partners.refuses(None)
    assert not partners.refuses(partners.pem)


@journey
def test_a_certificate_of_another_authority_is_refused(partners: Server) -> None:
    foreign = make_issuing("demo", make_root("demo", BEFORE), BEFORE)
    assert partners.refuses(client_pem(partners.folder, "foreign", foreign)[0])


@journey
def test_a_certificate_that_has_ended_is_refused(partners: Server) -> None:
    ended, certificate = client_pem(partners.folder, "ended", now=NOW - timedelta(days=31))
    assert certificate.not_valid_after_utc < NOW
    assert partners.refuses(ended)


@journey
def test_a_server_certificate_of_our_own_authority_is_refused(partners: Server) -> None:
    served = partners.folder / "as-client.pem"
    served.write_bytes(make_server(ISSUING, ["partner.example"], NOW))
    assert partners.refuses(served)


@journey
def test_a_revoked_certificate_is_refused_at_the_next_handshake(partners: Server) -> None:
    pem, certificate = client_pem(partners.folder, "revoked")
    assert not partners.refuses(pem)
    revoke(partners.folder, certificate.serial_number)
    assert partners.refuses(pem)
    assert not partners.refuses(partners.pem)


@journey
def test_a_broken_revocation_list_leaves_the_former_in_force(partners: Server) -> None:
    pem, certificate = client_pem(partners.folder, "still-revoked")
    revoke(partners.folder, certificate.serial_number)
    assert partners.refuses(pem)
    replace(partners.folder / "crl.pem", b"broken")
    try:
        assert partners.refuses(pem)
        assert not partners.refuses(partners.pem)
        assert b"the former stay in force" in (partners.folder / "log").read_bytes()
    finally:
        revoke(partners.folder)


@journey
def test_a_renewed_server_certificate_is_shown_at_the_next_handshake(partners: Server) -> None:
    def shown() -> int:
        with partners.connect(partners.pem) as tls:
            der = tls.getpeercert(True)
            assert der is not None
            return x509.load_der_x509_certificate(der).serial_number

    before = shown()
    pem = make_server(ISSUING, ["gateway.example", "127.0.0.1"], NOW)
    replace(partners.folder / "server.pem", pem)
    assert shown() != before


@journey
def test_no_session_can_be_resumed(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        ask(tls)
        session = tls.session
        assert not session.has_ticket
    context = client_context(partners.folder, partners.pem)
    with (
        socket.create_connection(("127.0.0.1", partners.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="gateway.example") as again,
    ):
        ask(again)
        assert not again.session_reused
        assert again.compression() is None


KNOCK = """
import sys
from pathlib import Path
from gateway.serving.supervisor import listener_answers
address = ("127.0.0.1", int(sys.argv[1]))
sys.exit(0 if listener_answers(address, "gateway.example", Path(sys.argv[2])) else 1)
"""


@journey
@pytest.mark.parametrize(
    ("group", "accepted"),
    [("X25519MLKEM768", True), ("X25519", True), ("P-384", True), ("P-521", False)],
)
def test_a_handshake_uses_one_of_the_groups_that_were_set(
    partners: Server, tmp_path: Path, group: str, accepted: bool
) -> None:
    if group.endswith("768") and ssl.OPENSSL_VERSION_INFO < (3, 5):
        pytest.skip("this OpenSSL has no post-quantum group")
    conf = tmp_path / "openssl.cnf"
    conf.write_text(
        f"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nGroups = {group}\n"
    )
    chain = str(partners.folder / "ca-chain.pem")
    knock = subprocess.run(
        [sys.executable, "-c", KNOCK, str(partners.port), chain],
        env={"PYTHONPATH": str(TOP), "OPENSSL_CONF": str(conf)},
        check=False,
    )
    assert (knock.returncode == 0) == accepted


@journey
def test_no_client_may_say_what_scheme_it_uses(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        told = ask(tls, headers="X-Forwarded-Proto: http\r\nScript-Name: /x\r\n")
    assert told["scheme"] == "https"


@journey
def test_the_public_listener_asks_for_no_certificate(tmp_path: Path) -> None:
    with listening(tmp_path, partners=False) as public:
        assert public.ask(None)["peer"] is None
        assert public.ask(public.pem)["peer"] is None


@journey
def test_behind_a_proxy_the_header_arrives_over_a_private_socket(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    settings = {"workers": 1, "threads": THREADS, "deadline": DEADLINE}
    with program(tmp_path, f"unix:{path}", **settings):
        until(path.exists)
        assert path.stat().st_mode & 0o777 == 0o660
        hostile = [unix(path) for _ in range(2 * THREADS)]
        for connection in hostile:
            connection.sendall(b"GET / HT")
        with unix(path) as connection, contextlib.ExitStack() as held:
            for each in hostile:
                held.enter_context(each)
            told = ask(connection, headers="Client-Cert: :QUJD:\r\n")
        assert (told["header"], told["peer"]) == (":QUJD:", None)


def test_authorities_of_clients_without_a_revocation_list_are_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        TlsFiles(Path("server.pem"), clients=Path("ca-chain.pem"))


def test_a_context_is_made_once_and_anew_when_a_file_is_replaced(tmp_path: Path) -> None:
    contexts = TlsContexts(files(make_folder(tmp_path)), pytest.fail)
    first = contexts.current()
    assert contexts.current() is first
    revoke(tmp_path)
    assert contexts.current() is not first
    assert first.verify_mode is ssl.CERT_REQUIRED
    assert first.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF
    assert first.num_tickets == 0
    assert issubclass(first.sslsocket_class, TlsSocket)


@pytest.mark.parametrize("name", ["server.pem", "ca-chain.pem", "crl.pem"])
@pytest.mark.parametrize("broken", [True, False])
def test_a_broken_or_missing_file_raises_one_alarm_and_changes_nothing(
    tmp_path: Path, name: str, broken: bool
) -> None:
    alarms: list[str] = []
    contexts = TlsContexts(files(make_folder(tmp_path)), alarms.append)
    first = contexts.current()
    good = (tmp_path / name).read_bytes()
    replace(tmp_path / name, b"broken")
    if not broken:
        (tmp_path / name).unlink()
    assert [contexts.current() for _ in range(3)] == [first] * 3
    assert len(alarms) == 1
    replace(tmp_path / name, good)
    assert contexts.current() is not first
    assert len(alarms) == 1


def test_without_a_first_good_state_there_is_no_context(tmp_path: Path) -> None:
    contexts = TlsContexts(files(tmp_path), pytest.fail)
    with pytest.raises(OSError, match=r"server\.pem|No such file"):
        contexts.current()


# --- OpenSSL's own settings ---


@each("version", [(3, 0, 0, 11, 0), (3, 4, 9, 0, 0)])
def test_an_older_openssl_is_not_told_of_groups_that_it_lacks(version):
    assert "Groups = X25519:P-256:P-384\n" in openssl_conf(version)


def test_a_newer_openssl_offers_the_post_quantum_hybrid_first():
    assert "Groups = X25519MLKEM768:X25519:P-256:P-384\n" in openssl_conf((3, 5, 0, 0, 0))


def test_an_openssl_configuration_of_the_operator_stays_in_force(tmp_path):
    conf = tmp_path / "server" / "openssl.cnf"
    assert listener_environ({"OPENSSL_CONF": "/etc/fips.cnf"}, conf) == {
        "OPENSSL_CONF": "/etc/fips.cnf"
    }
    assert not conf.exists()
    assert listener_environ({"A": "b"}, conf) == {"A": "b", "OPENSSL_CONF": str(conf)}
    assert conf.read_text() == openssl_conf()
