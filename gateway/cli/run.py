"""`casegate run`: the supervisor of a gateway's four processes, and each of them."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from gateway import maintenance, wiring
from gateway.cli.folder import folder_option, told_plainly
from gateway.config import Config, host_and_port
from gateway.serving.knock import listener_answers
from gateway.serving.listener import serve
from gateway.serving.openssl import listener_environ
from gateway.serving.supervisor import ProcessSpec, Supervisor, end_with_supervisor

PARTS = ("public", "partners", "deliver", "maintain")
MAINTAIN_EVERY = 1.0  # seconds: a member waits up to 5 s for the answer to a certificate request


@click.command()
@folder_option
@click.option(
    "--only",
    type=click.Choice(PARTS),
    help="Run one of the four processes, for other supervisors.",
)
@click.option(
    "--once",
    is_flag=True,
    help="With --only maintain: do what is due and end, before other processes start.",
)
def run(folder: Path, only: str | None, once: bool) -> None:
    """Keep a gateway up until it is told to stop (Ctrl-C or SIGTERM); requests then drain.

    Four processes: the public listener, the partners' listener (client certificate required),
    delivery, and maintenance, which alone opens the issuing key. Before the listeners open, the
    database is brought to the tables of this version, and what expired while the gateway was off
    is renewed.
    """
    if once and only != "maintain":
        raise click.UsageError("--once goes with --only maintain")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    with told_plainly():
        config = wiring.load_config(folder.absolute())
        match only:
            case None:
                sys.exit(_supervise(config))
            case "public" | "partners":
                wiring.connect(config).close()  # what fails in a worker is told as a traceback
                _listen(config, only)
            case "deliver":
                _until_stopped(_deliver)
            case _:
                _maintain(config, once=once)


def _supervise(config: Config) -> int:
    folder = str(config.folder)
    command = [sys.executable, "-m", "gateway.cli", "run", "--folder", folder, "--only"]
    environ = listener_environ(os.environ, config.server / "openssl.cnf")
    first = subprocess.run([*command, "maintain", "--once"], env=environ, check=False)  # noqa: S603 - our own command
    if first.returncode != 0:
        click.echo("the gateway cannot start: see above", err=True)
        return 1
    specs = [
        ProcessSpec("public", [*command, "public"], lambda: _answers(config, "public")),
        ProcessSpec("partners", [*command, "partners"], lambda: _answers(config, "partners")),
        ProcessSpec("deliver", [*command, "deliver"]),
        ProcessSpec("maintain", [*command, "maintain"]),
    ]
    click.echo(f"public    {config.issuer}\npartners  {config.partners_url}")
    if config.legal_date is not None:
        click.echo(f"for demonstrations only: rights are judged on {config.legal_date}")
    return Supervisor(specs, environ).run()


def _answers(config: Config, part: str) -> bool:
    bind, names = (
        (config.public_bind, config.public_names)
        if part == "public"
        else (config.partners_bind, config.partners_names)
    )
    if bind.startswith("unix:"):
        return Path(bind.removeprefix("unix:")).is_socket()
    return listener_answers(host_and_port(bind), names[0], config.published / "root.pem")


def _listen(config: Config, part: str) -> NoReturn:
    from gateway import apps  # noqa: PLC0415 - the other parts work without a web framework

    opened: list[wiring.Gateway] = []

    def make() -> Any:
        # In each worker: connections and locks do not survive a fork (evidence.md L31).
        opened.append(wiring.connect(config))
        return apps.make_app(apps.Part(part), opened[0])

    def let_go() -> None:
        for gateway in opened:
            gateway.close()

    serve(make, apps.listener(apps.Part(part), config, let_go))


def _maintain(config: Config, *, once: bool) -> None:
    alarm = logging.getLogger("casegate.maintain").warning
    _until_stopped(
        lambda pause: maintenance.run(config, lambda: pause(MAINTAIN_EVERY), alarm, once=once)
    )


def _deliver(pause: Callable[[float], bool]) -> None:
    """Nothing is delivered before notices exist (docs/adr/0009): wait for the stop."""
    while not pause(60.0):
        pass


def _until_stopped(work: Callable[[Callable[[float], bool]], None]) -> None:
    """Run a loop that asks, by a pause of seconds, whether it was told to stop."""
    end_with_supervisor()
    stopped = threading.Event()

    def stop(_signum: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    work(stopped.wait)
