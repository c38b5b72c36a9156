"""Plain connections with deadlines."""

import socket

import pytest

from gateway.serving import worker
from gateway.serving.worker import DeadlineStream


def test_a_plain_connection_is_cut_while_reading_and_while_writing() -> None:
    kind = type("Stream", (DeadlineStream,), {"seconds": 0.4})
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as stream:
        theirs.sendall(b"a")
        stream.setblocking(True)
        assert stream.recv(10) == b"a"
        with pytest.raises(ConnectionResetError):
            stream.recv(10)
        with pytest.raises(ConnectionResetError):
            stream.sendall(bytes(1 << 22))
        assert stream.cut


def test_each_request_has_a_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(worker.time, "monotonic", lambda: now)
    kind = type("Stream", (DeadlineStream,), {"seconds": 60})
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as stream:
        for _ in range(3):
            stream.setblocking(True)
            now += 59
            theirs.sendall(b"a")
            assert stream.recv(10) == b"a"
        now += 1
        with pytest.raises(ConnectionResetError):
            stream.recv(10)
