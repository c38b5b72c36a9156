"""Plain connections with deadlines."""

import socket
import time

import pytest

from gateway.serving.worker import DeadlineStream


def test_a_plain_connection_is_cut_while_reading_and_while_writing() -> None:
    kind = type("Stream", (DeadlineStream,), {"seconds": 0.05})
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as stream:
        stream.setblocking(True)
        theirs.sendall(b"a")
        assert stream.recv(10) == b"a"
        with pytest.raises(ConnectionResetError, match="deadline"):
            stream.recv(10)
        with pytest.raises(ConnectionResetError, match="deadline"):
            stream.sendall(bytes(1 << 22))
        assert stream.cut


def test_each_request_has_a_deadline_of_its_own() -> None:
    kind = type("Stream", (DeadlineStream,), {"seconds": 0.2})
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as stream:
        for _ in range(3):
            stream.setblocking(True)
            time.sleep(0.1)
            theirs.sendall(b"a")
            assert stream.recv(10) == b"a"
        time.sleep(0.15)
        with pytest.raises(ConnectionResetError, match="deadline"):
            stream.recv(10)
