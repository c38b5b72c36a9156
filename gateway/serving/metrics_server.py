"""One text on an address of its own, made anew each time it is asked for: the operator's numbers.

On the loopback interface or a unix socket only, by plain HTTP: who may connect there is on the
host already. It answers `GET /metrics` and nothing else, and is in no listener of the network.
"""

import contextlib
import socketserver
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

PATH = "/metrics"

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = 5.0
"""How long one client may take to ask, and to read."""


class _MetricsServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a client that hung up."""


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """As above."""


def _handler(make: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_GET(self) -> None:
            if self.path != PATH:
                self.send_error(404)
                return
            body = make()
            self.send_response(200)
            self.send_header("Content-Type", MEDIA_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            return "casegate"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the library
            """Say nothing: a line here would be about the operator's own scraper."""

    return Handler


@contextlib.contextmanager
def exposing(
    address: tuple[str, int] | Path, make: Callable[[], bytes]
) -> Iterator[socketserver.BaseServer]:
    """Answer at an address while the block runs; OSError when it cannot be taken.

    A socket file that a killed process left is replaced; owner and group may connect.
    """
    server = _bound(address, _handler(make))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if isinstance(address, Path):
            address.unlink(missing_ok=True)


def _bound(
    address: tuple[str, int] | Path, handler: type[BaseHTTPRequestHandler]
) -> socketserver.BaseServer:
    if not isinstance(address, Path):
        return _MetricsServer(address, handler)
    if address.is_socket():
        address.unlink()
    server = _UnixServer(str(address), handler)
    address.chmod(0o660)
    return server
