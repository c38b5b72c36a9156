"""Asking a listener from outside whether it serves."""

import contextlib
import socket
import ssl
import time
from pathlib import Path


def listener_answers(address: tuple[str, int], name: str, root: Path, timeout: float = 2.0) -> bool:
    """Whether a listener shows a certificate of our root for `name`: a worker of it serves.

    The handshake is broken off before our half, so that a listener that demands a client
    certificate has nothing to refuse and to log.
    """
    context = ssl.create_default_context(cafile=str(root))
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(received, sent, server_hostname=name)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])  # noqa: S104
    ends = time.monotonic() + timeout
    try:
        with socket.create_connection((host, address[1]), timeout) as connection:
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    return True
                connection.sendall(sent.read())
                connection.settimeout(max(ends - time.monotonic(), 0.01))
                data = connection.recv(16_384)
                if not data:
                    return False
                received.write(data)
    except OSError:  # ssl.SSLError is one
        return False
