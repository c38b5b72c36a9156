"""A network between the gateway and a database server: what is sent arrives later, in both ways.

`python -m bench.network SOCKET MILLISECONDS` passes on to a server's Unix socket, and prints the
port at which it is reached. Half of the time is added each way, so a round trip takes so much
longer; nothing waits for what was sent before it. The standard library alone.
"""

import contextlib
import queue
import socket
import subprocess
import sys
import threading
import time
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


def _pass_on(source: socket.socket, target: socket.socket, delay: float) -> None:
    """Let what one side sends arrive at the other after ``delay`` seconds."""
    under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def arrive() -> None:
        while True:
            due, data = under_way.get()
            time.sleep(max(0.0, due - time.perf_counter()))
            with contextlib.suppress(OSError):
                if data:
                    target.sendall(data)
                    continue
                target.shutdown(socket.SHUT_WR)
            return

    threading.Thread(target=arrive, daemon=True).start()
    data = b"."
    while data:
        try:
            data = source.recv(_READ)
        except OSError:
            data = b""
        under_way.put((time.perf_counter() + delay, data))


def main(server: str, milliseconds: float) -> None:
    """Pass on every connection until this process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            behind = socket.socket(socket.AF_UNIX)
            behind.connect(server)
            for pair in ((client, behind), (behind, client)):
                arguments = (*pair, milliseconds / 2000)
                threading.Thread(target=_pass_on, args=arguments, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
