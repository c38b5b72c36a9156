"""A listener of the real kind around a tiny application: what the tests of this folder talk to."""

import json
import os
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from gateway.serving.framing import HANDSHAKE_TROUBLES
from gateway.serving.listener import Listener, serve
from gateway.serving.tls import TlsFiles
from gateway.web.context import WAIT_FOR

LARGE = bytes(1 << 20) * 16  # more than the kernel buffers for a client that does not read


def news() -> int:
    """How much news there is: the length of a file."""
    try:
        return (Path(sys.argv[1]) / "news").stat().st_size
    except FileNotFoundError:
        return 0


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`/` tells what the application saw; `/slow` takes its time; `/large` is large.

    `/last` is the last answer of its connection, and leaves the body unread. `/news` is answered
    when there is news, or when it can wait no longer.
    """
    if environ["PATH_INFO"] == "/last":
        start_response("401 Unauthorized", [("Content-Length", "0"), ("Connection", "close")])
        return [b""]
    body = environ["wsgi.input"].read()
    path = environ["PATH_INFO"]
    if path == "/slow":
        time.sleep(0.8)  # longer than the deadline of the tests
    if path == "/news" and not news():
        environ.get(WAIT_FOR, lambda *_: None)("anybody", news())
    if path == "/large":
        start_response("200 OK", [("Content-Length", str(len(LARGE)))])
        return [LARGE]
    connection = environ["gunicorn.socket"]
    der = connection.getpeercert(True) if hasattr(connection, "getpeercert") else None
    told = {
        "peer": None if der is None else b64encode(der).decode(),
        "header": environ.get("HTTP_CLIENT_CERT"),
        "scheme": environ["wsgi.url_scheme"],
        "pid": os.getpid(),
        "body": len(body),
        "news": news(),
    }
    text = json.dumps(told).encode()
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]


def main(folder: Path, bind: str, settings: dict[str, Any]) -> None:
    """Serve the folder's certificates at an address; leave a file when a worker begins and ends."""
    tls = None
    if not bind.startswith("unix:"):
        partners = settings.pop("partners")
        tls = TlsFiles(
            folder / "server.pem",
            folder / "ca-chain.pem" if partners else None,
            folder / "crl.pem" if partners else None,
        )

    def mark(what: str) -> None:
        (folder / f"{os.getpid()}.{what}").touch()  # called in the worker: its own pid

    def tell(trouble: str, reason: str) -> None:
        if trouble in HANDSHAKE_TROUBLES:
            sys.stderr.write(f"{trouble}: {reason}\n")

    serve(
        lambda: answer,
        Listener(
            name="test",
            bind=bind,
            tls=tls,
            met=tell,
            heads=lambda names: dict.fromkeys(names, news()),
            on_worker_start=partial(mark, "began"),
            on_worker_exit=partial(mark, "ended"),
            **settings,
        ),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
