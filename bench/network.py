"""A network between the gateway and a database server: what is sent arrives later, in both ways.

`python -m bench.network SOCKET MILLISECONDS` passes on to a server's Unix socket, and prints the
port at which it is reached. Half of the time is added each way, so a round trip takes so much
longer; nothing waits for what was sent before it. One thread does it all: what the network costs
in processor time is taken from the servers that are measured. The standard library alone.
"""

import contextlib
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator

_READ = 1 << 16


@contextlib.contextmanager
def slowed(server: str, milliseconds: float) -> Iterator[int]:
    """The port at which a server's socket is reached over such a network, until the block ends."""
    command = [sys.executable, "-m", "bench.network", server, str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _arrive(under_way: deque[tuple[float, socket.socket, bytes]]) -> float | None:
    """Deliver what is due; in how many seconds the next is."""
    while under_way:
        due, target, data = under_way[0]
        left = due - time.perf_counter()
        if left > 0:
            return left
        under_way.popleft()
        with contextlib.suppress(OSError):
            if data:
                target.sendall(data)
            else:
                target.shutdown(socket.SHUT_WR)
    return None


def main(server: str, milliseconds: float) -> None:
    """Pass on every connection until this process is ended."""
    under_way: deque[tuple[float, socket.socket, bytes]] = deque()
    ways: dict[int, tuple[socket.socket, socket.socket]] = {}
    with socket.create_server(("127.0.0.1", 0)) as listener, select.epoll() as poller:
        poller.register(listener, select.EPOLLIN)
        print(listener.getsockname()[1], flush=True)
        while True:
            # The poller's own timeout is of whole milliseconds.
            select.select([poller], [], [], _arrive(under_way))
            for number, _ in poller.poll(0):
                if number == listener.fileno():
                    client, _ = listener.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    behind = socket.socket(socket.AF_UNIX)
                    behind.connect(server)
                    for source, target in ((client, behind), (behind, client)):
                        ways[source.fileno()] = source, target
                        poller.register(source, select.EPOLLIN)
                    continue
                source, target = ways[number]
                try:
                    data = source.recv(_READ)
                except OSError:
                    data = b""
                if not data:
                    poller.unregister(source)
                under_way.append((time.perf_counter() + milliseconds / 2000, target, data))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
