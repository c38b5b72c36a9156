"""What stands between partners and their listener: nothing, or the proxy of deploy/haproxy."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Any

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment
from gateway.serving.supervisor import listener_answers
from gateway.setting_validators import host_and_port
from tests.programs import require
from tests.waiting import PATIENCE_SECONDS, until

HAPROXY = Path(__file__).parents[2] / "deploy" / "haproxy"


class Front(StrEnum):
    """Who ends the partners' TLS."""

    DIRECT = "direct"
    HAPROXY = "haproxy"

    def settings(self, folder: Path) -> dict[str, Any]:
        """The settings of a gateway behind it."""
        if self is Front.DIRECT:
            return {}
        return {
            "partners_bind": f"unix:{folder / 'p.sock'}",
            "public_bind": f"unix:{folder / 'q.sock'}",
        }

    def serving(self, stage: DemoEnvironment) -> Any:
        """A context in which partners reach the gateway of a stage."""
        return nullcontext() if self is Front.DIRECT else haproxy(stage)


def require_haproxy() -> None:
    """Require the proxy, or do not run the journeys behind it."""
    require("the journeys behind HAProxy", "haproxy")


@contextmanager
def haproxy(stage: DemoEnvironment) -> Iterator[None]:
    """HAProxy as we ship it, and what gives it new lists, in front of a running gateway."""
    config = wiring.load_config(stage.operator)
    port, public_port = (
        int(url.rpartition(":")[2]) for url in (config.partners_url, config.issuer)
    )
    sockets = stage.folder
    environ = {
        **os.environ,
        "CASEGATE_LISTEN": f"127.0.0.1:{port}",
        "CASEGATE_FOLDER": str(stage.operator),
        "CASEGATE_SOCKET": config.partners_bind.removeprefix("unix:"),
        "CASEGATE_PUBLIC_LISTEN": f"127.0.0.1:{public_port}",
        "CASEGATE_PUBLIC_SOCKET": config.public_bind.removeprefix("unix:"),
        "CASEGATE_PROXY": str(sockets),
    }
    proxy = ["haproxy", "-W", "-S", f"{sockets / 'master.sock'},mode,600"]
    refresh = [sys.executable, str(HAPROXY / "refresh.py"), str(sockets), str(stage.operator)]
    with (stage.folder / "haproxy.log").open("w", encoding="utf-8") as log:
        processes = [
            subprocess.Popen(command, env=environ, stdout=log, stderr=log)
            for command in (
                [*proxy, "-f", str(HAPROXY / "haproxy.cfg")],
                [*refresh, "--every", "0.5"],
            )
        ]
        try:
            for one in (port, public_port):
                _wait(config, one)
            yield
        finally:
            for process in processes:
                process.terminate()
                process.wait(PATIENCE_SECONDS)


def _wait(config: Any, port: int) -> None:
    address, name = host_and_port(f"127.0.0.1:{port}"), config.partners_names[0]
    until(lambda: listener_answers(address, name, config.published / "root.pem"))
