"""Say by the exit status whether the listeners named on the command line answer.

The public one is asked for /healthz, which reads the database. The partners' one demands a client
certificate, so it is asked for its own: a worker answers.
"""

import http.client
import os
import socket
import ssl
import sys
from pathlib import Path

from gateway.config import CONFIG_FILE, Config, load
from gateway.serving.supervisor import listener_answers
from gateway.setting_validators import host_and_port

TIMEOUT = 4.0
"""Seconds; the container's own limit is a little longer."""


def reads_database(config: Config) -> bool:
    """Whether the public listener answers /healthz with 200."""
    name, root = config.public_names[0], config.published / "root.pem"
    host, port = host_and_port(config.public_bind)
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what it binds
    context = ssl.create_default_context(cafile=str(root))
    connection = http.client.HTTPConnection(name)
    try:
        # Connected here, known by its public name: as behind a firewall that forwards the port.
        raw = socket.create_connection((here, port), TIMEOUT)
        connection.sock = context.wrap_socket(raw, server_hostname=name)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(parts: list[str]) -> int:
    """0 when all of them answer, 1 otherwise."""
    config = load(Path(os.environ.get("CASEGATE_HOME", ".")).absolute() / CONFIG_FILE)
    root = config.published / "root.pem"
    answers = {
        "public": lambda: reads_database(config),
        "partners": lambda: listener_answers(
            host_and_port(config.partners_bind), config.partners_names[0], root, TIMEOUT
        ),
    }
    return 0 if all(answers[part]() for part in parts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
