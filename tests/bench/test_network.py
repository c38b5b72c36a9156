"""A slower network to a server: what is sent arrives, whole and in its order."""

import socket
import threading
from pathlib import Path

import pytest

from bench.network import slowed

pytestmark = pytest.mark.journey


def test_what_is_sent_comes_back_whole_and_in_its_order(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "echo"))
        server.listen()

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)

        threading.Thread(target=echo, daemon=True).start()
        with (
            slowed(str(tmp_path / "echo"), 2.0) as port,
            socket.create_connection(("127.0.0.1", port), 10) as client,
        ):
            sent = [bytes([n]) * 1000 for n in range(100)]
            for piece in sent:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: client.recv(1 << 16), b"")) == b"".join(sent)
