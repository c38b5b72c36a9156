"""A TCP proxy before a listener: it cuts, and holds answers back, as a test says."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CUT_SHARE = 0.2
"""Of what passes while the line is bad: a connection ends there, before it or after it."""

LONGEST_HOLD = 1.5
"""Seconds that answers are held back at most, while the line is bad."""


class Line:
    """A line to a port of the loopback interface. It reads no TLS, and changes no byte: an answer
    that it cuts is of a request which was taken in, and comes again."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cuts = 0
        self._share = 0.0
        self._chance = random.Random(20260103)
        self._passing = threading.Event()
        self._passing.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connection."""
        self._listener.close()

    def hold(self) -> None:
        """Let requests pass, and hold every answer back."""
        self._passing.clear()

    def release(self) -> None:
        """Let answers pass again."""
        self._passing.set()

    @contextmanager
    def bad(self) -> Iterator[None]:
        """Cut connections at any place, and hold answers back, for as long as the context lasts."""
        ends = threading.Event()
        holding = threading.Thread(target=self._hold_now_and_then, args=(ends,), daemon=True)
        self._share = CUT_SHARE
        holding.start()
        try:
            yield
        finally:
            self._share = 0.0
            ends.set()
            holding.join()
            self.release()

    def _hold_now_and_then(self, ends: threading.Event) -> None:
        while not ends.wait(self._chance.uniform(0, LONGEST_HOLD)):
            self.hold()
            ends.wait(self._chance.uniform(0, LONGEST_HOLD))
            self.release()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._target), 10)
                except OSError:  # nobody listens there
                    near.close()
                    continue
                far.settimeout(None)
                for ends in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if answers:
                    self._passing.wait()
                if self._chance.random() < self._share:
                    self.cuts += 1
                    break
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
