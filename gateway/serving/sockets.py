"""Sockets with deadlines for the client at the other end."""

import errno
import socket
import ssl
import time
from typing import Any, ClassVar


class _Deadlines(socket.socket):
    """The deadlines of one connection, for a socket class to inherit before its own.

    `setblocking(True)`, which gthread calls before the handshake and before each request, starts
    the reading deadline; the first write after a read starts the writing deadline. Passing one
    raises ConnectionResetError, which gthread takes as the client's own departure, and sets `cut`.
    """

    seconds: ClassVar[float]
    cut = False
    _read_until: float | None = None
    _write_until: float | None = None

    def setblocking(self, flag: bool) -> None:
        """Start the deadlines anew, or go without any when the poller watches the socket."""
        self._read_until = time.monotonic() + self.seconds if flag else None
        self._write_until = None
        super().settimeout(self.seconds if flag else 0.0)

    def settimeout(self, value: float | None) -> None:
        """Keep a socket that should wait for ever, or not at all, under the rule above."""
        if not value:
            self.setblocking(value is None)
        else:
            super().settimeout(value)

    def _before_read(self) -> None:
        self._write_until = None
        self._keep(self._read_until)

    def _before_write(self) -> None:
        if self._read_until is not None and self._write_until is None:
            self._write_until = time.monotonic() + self.seconds
        self._keep(self._write_until)

    def _keep(self, deadline: float | None) -> None:
        """Allow the next call what is left until a deadline."""
        if deadline is None:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._passed()
        super().settimeout(left)

    def _passed(self) -> ConnectionResetError:
        self.cut = True
        return ConnectionResetError(errno.ECONNRESET, "cut at its deadline")


class DeadlineSocket(_Deadlines, ssl.SSLSocket):
    """A TLS connection with deadlines; an SSLContext makes it (`sslsocket_class`)."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands before the reading deadline."""
        self._before_read()
        try:
            super().do_handshake(block)
        except TimeoutError as error:
            raise self._passed() from error

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - as in ssl
        """Read before the reading deadline; `recv` and `recv_into` come here."""
        self._before_read()
        try:
            return super().read(len, buffer)
        except TimeoutError as error:
            raise self._passed() from error

    def send(self, data: Any, flags: int = 0) -> int:
        """Write before the writing deadline; `sendall` comes here."""
        self._before_write()
        try:
            return super().send(data, flags)
        except TimeoutError as error:
            raise self._passed() from error


class DeadlineStream(_Deadlines):
    """A plain connection with deadlines: from the proxy, over a unix socket."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read before the reading deadline."""
        self._before_read()
        try:
            return super().recv(size, flags)
        except TimeoutError as error:
            raise self._passed() from error

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Write everything before the writing deadline."""
        self._before_write()
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise self._passed() from error
