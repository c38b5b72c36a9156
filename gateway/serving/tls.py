"""A listener's TLS: its files, taken up anew when replaced, and OpenSSL's own settings."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any


@dataclass(frozen=True)
class TlsFiles:
    """The files of a listener's TLS, each replaced whole (`files.replace`)."""

    certificate: Path
    """PEM: key, certificate, issuing certificate."""
    clients: Path | None = None
    """PEM of the authorities of clients; None: no client certificate is asked for."""
    crl: Path | None = None
    """PEM of their revocation lists."""
    key: Path | None = None
    """PEM of the key, where it is in a file of its own."""

    def __post_init__(self) -> None:
        """Refuse a listener that would take clients without looking at revocations."""
        if (self.clients is None) != (self.crl is None):
            raise ValueError("authorities of clients and revocation lists go together")

    def versions(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file is replaced; OSError when one is missing."""
        files = (self.certificate, self.clients, self.crl, self.key)
        found = (file.stat() for file in files if file is not None)
        return tuple((status.st_mtime_ns, status.st_ino, status.st_size) for status in found)


class TlsContexts:
    """The TLS settings of a listener, made anew when one of its files was replaced.

    A new context, never a list added to the old one: a session begun before would not be checked
    against it. Asked for every connection. Safe to share between threads.
    """

    def __init__(self, files: TlsFiles, alarm: Callable[[str], Any]) -> None:
        """`alarm` hears, once for each state of the files, that they cannot be used."""
        self._files = files
        self._alarm = alarm
        self._lock = Lock()
        self._versions: Any = None
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """The context for the files of now, or the last good one; OSError when there was none."""
        with self._lock:
            try:
                versions: Any = self._files.versions()
            except OSError as error:
                versions = str(error)
            if versions != self._versions or self._context is None:
                try:
                    self._context = _server_context(self._files)
                except OSError as error:  # ssl.SSLError is one
                    if self._context is None:
                        raise
                    self._alarm(f"TLS files cannot be used, the former stay in force: {error}")
                self._versions = versions
            return self._context


def _server_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.3 alone (RFC 9325 3.1.1), no compression, no tickets; strict chains and lists.

    No tickets, because a resumed session would skip the check of the revocation list.
    """
    from gateway.serving.worker import TlsSocket  # noqa: PLC0415 - gunicorn comes with it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.sslsocket_class = TlsSocket
    context.load_cert_chain(files.certificate, files.key)
    if files.clients is not None and files.crl is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_CRL_CHECK_LEAF
        context.load_verify_locations(files.clients)
        context.load_verify_locations(files.crl)
    return context


# --- OpenSSL's own settings, for what Python cannot set by itself ---


def openssl_conf(version: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO) -> str:
    """OpenSSL's settings for the key exchange groups, which Python cannot set by itself.

    The post-quantum hybrid comes first where this OpenSSL has it (3.5). The floor is TLS 1.2,
    for outbound connections of the same processes; listeners set their own.
    """
    groups = ["X25519", "P-256", "P-384"]
    if version >= (3, 5):
        groups.insert(0, "X25519MLKEM768")
    return (
        "openssl_conf = casegate\n"
        "[casegate]\nssl_conf = tls\n"
        "[tls]\nsystem_default = defaults\n"
        f"[defaults]\nMinProtocol = TLSv1.2\nGroups = {':'.join(groups)}\n"
    )


def listener_environ(environ: Mapping[str, str], conf: Path) -> dict[str, str]:
    """The environment of the gateway's processes: writes OpenSSL's settings and points to them.

    Settings that the operator points to already (a system-wide policy, FIPS) stay in force.
    """
    if "OPENSSL_CONF" in environ:
        return dict(environ)
    conf.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf.write_text(openssl_conf(), encoding="ascii")
    return {**environ, "OPENSSL_CONF": str(conf)}
