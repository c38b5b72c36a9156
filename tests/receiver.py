"""A member's receiver of notifications (RFC 8935): a small TLS server that does as it is told."""

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt

from gateway.pki.authority import make_issuing, make_root, make_server

Answer = Callable[[BaseHTTPRequestHandler], None]


def take(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(202)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with a status, a body and headers."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def refuse(error: str = "invalid_key", description: str = "which key?") -> Answer:
    told = json.dumps({"err": error, "description": description}).encode()
    return answer(400, told, Content_Type="application/json")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@dataclass
class Receiver:
    """``heard`` are the claims of every token, in order; ``taken`` of those answered by 202.

    ``ports`` are those that the tokens came from. ``answers`` are used up one by one; after them
    each token is taken.
    """

    port: int
    ca: Path
    heard: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    clients: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}/events"

    def numbers(self) -> list[int]:
        """The stream numbers of what was taken."""
        return [_event(claims)["stream_number"] for claims in self.taken]


def _event(claims: dict[str, Any]) -> dict[str, Any]:
    (told,) = claims["events"].values()
    return dict(told)


@contextlib.contextmanager
def receiving(folder: Path, clients: Path, port: int = 0) -> Iterator[Receiver]:
    """A receiver that asks for a client certificate below ``clients`` (PEM), on this host."""
    now = datetime.now(UTC)  # noqa: TID251 - real TLS is judged by the real clock
    root = make_root("receiver", now)
    issuing = make_issuing("receiver", root, now)
    (folder / "receiver.pem").write_bytes(make_server(issuing, ["localhost"], now))
    (folder / "receiver-ca.pem").write_bytes(root.certificate_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "receiver.pem")
    context.load_verify_locations(clients)
    context.verify_mode = ssl.CERT_REQUIRED

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            claims = jwt.decode(text, options={"verify_signature": False})
            made.heard.append(claims)
            made.headers.append(dict(self.headers))
            made.ports.append(self.client_address[1])
            made.clients.append(self.connection.getpeercert())  # type: ignore[attr-defined]
            reply = made.answers.pop(0) if made.answers else take
            if reply is take:
                made.taken.append(claims)
            reply(self)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that has left
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    made = Receiver(server.server_address[1], folder / "receiver-ca.pem")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
