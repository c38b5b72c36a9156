"""Let a running HAProxy take up a renewed certificate, new authorities and revocation lists.

    refresh.py SOCKETS FOLDER [--every SECONDS]

HAProxy reads these files once. A new list, which comes each hour, is given to it through its admin
socket: open connections stay, the next handshake sees it. For a new certificate or authority, which
come each month, its master reloads: a new worker begins with all files of now, the one before ends
its connections. (HAProxy can be given those through the socket, too; up to 3.0.11 it then crashes
at the next change.) SOCKETS is the folder with admin.sock and master.sock. Without --every it looks
once. What HAProxy refuses is logged and tried again; the former stays in force.
"""

import argparse
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LIST = "published/crl.pem"
OTHERS = ("published/ca-chain.pem", "server/partners.pem", "server/public.pem")

TIMEOUT = 30.0  # seconds for HAProxy to answer; a reload waits for the new worker

Version = tuple[int, int]


class Refused(Exception):
    """HAProxy did not take a file; the message is its own."""


def ask(path: Path, command: str) -> str:
    """HAProxy's answer to a command."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(TIMEOUT)
        line.connect(str(path))
        line.sendall(command.encode("ascii") + b"\n")
        return b"".join(iter(lambda: line.recv(65_536), b"")).decode("utf-8", "replace").strip()


def give_list(sockets: Path, file: Path) -> None:
    """Replace the revocation lists that HAProxy has; Refused if it does not."""
    admin = sockets / "admin.sock"
    lines = [line for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
    pem = "\n".join(lines)  # an empty line would end it
    answer = ask(admin, f"set ssl crl-file {file} <<\n{pem}\n")
    if "transaction" not in answer:
        raise Refused(f"{file}: {answer}")
    answer = ask(admin, f"commit ssl crl-file {file}")
    if "Success" not in answer:
        ask(admin, f"abort ssl crl-file {file}")
        raise Refused(f"{file}: {answer}")


def reload(sockets: Path) -> None:
    """Let a new worker begin with the files of now; Refused when it cannot: the old one goes on."""
    answer = ask(sockets / "master.sock", "reload")
    if not answer.startswith("Success=1"):
        raise Refused(f"the reload failed: {answer}")


def versions(folder: Path) -> dict[str, Version]:
    """What changes when a file is replaced; OSError when one is missing."""
    found = {name: (folder / name).stat() for name in (LIST, *OTHERS)}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


def refresh(sockets: Path, folder: Path, given: dict[str, Version]) -> str:
    """Let HAProxy have what changed since it was ``given``; what went wrong, in words."""
    try:
        now = versions(folder)
        if any(given.get(name) != now[name] for name in OTHERS):
            reload(sockets)
        elif given.get(LIST) != now[LIST]:
            give_list(sockets, folder / LIST)
        given.update(now)
    except (OSError, ValueError, Refused) as error:
        return str(error)
    return ""


def main(arguments: Sequence[str]) -> int:
    """Check once, or continually; the exit status is 1 when something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sockets", type=Path, help="the folder with HAProxy's sockets")
    parser.add_argument("folder", type=Path, help="the operator's folder, as in haproxy.cfg")
    parser.add_argument("--every", type=float, metavar="SECONDS", help="look again and again")
    asked = parser.parse_args(arguments)
    given: dict[str, Version] = {}
    told = None
    while True:
        trouble = refresh(asked.sockets, asked.folder, given)
        if trouble != told:
            print(trouble or "HAProxy has all files of now", file=sys.stderr, flush=True)
        told = trouble
        if asked.every is None:
            return 1 if trouble else 0
        time.sleep(asked.every)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
