"""`casegate run`: the supervisor of a gateway's processes, and each of them."""

import contextlib
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from gateway.cli.arguments import Words, home_option, plain_errors
from gateway.cli.output import program
from gateway.config import CONFIG_FILE, Config, load
from gateway.serving import supervisor
from gateway.serving.tls import listener_environ
from gateway.setting_validators import host_and_port
from gateway.web.security_log import LineBudget

if TYPE_CHECKING:
    from gateway import metrics

# Each process imports what its own part needs, and no other: the supervisor nearly nothing.
# ruff: noqa: PLC0415

_LISTENERS = ("public", "partners", "console")
PARTS = (*_LISTENERS, "maintain", "deliver", "metrics")
MAINTAIN_EVERY = 1.0  # seconds: a member waits up to 5 s for the answer to a certificate request


@click.command()
@home_option
@click.option("--only", type=Words(PARTS), help="Run one of the processes, for other supervisors.")
@click.option(
    "--once",
    is_flag=True,
    help="With --only maintain: do what is due and end, before other processes start.",
)
def run(folder: Path, only: str | None, once: bool) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; finish open requests first.

    Four processes: the public listener, the partners' listener (client certificate required),
    maintenance, the only one that opens the issuing key, and delivery, the only one that calls out:
    to members' receivers of notifications. Where [console] url is set, another one serves the
    console, and where [metrics] bind is, another one the operator's metrics. Before the listeners
    open, the database schema is upgraded, and what expired while the gateway was off is renewed.
    """
    if once and only != "maintain":
        raise click.UsageError("--once goes with --only maintain")
    stream = logging.StreamHandler()
    stream.addFilter(LineBudget())  # others can cause lines: a receiver that fails now and then
    form = "%(asctime)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form, handlers=[stream])
    with plain_errors():
        config = load(folder.absolute() / CONFIG_FILE)
        if only is not None and not once and config.metrics_bind is not None:
            from gateway import metrics

            metrics.forget(config.metrics_folder, only)
        match only:
            case None:
                sys.exit(_supervise(config))
            case "public" | "partners" | "console":
                _listen(config, only)
            case "metrics":
                _show_numbers(config)
            case "deliver":
                _deliver(config)
            case _:
                _maintain(config, once=once)


def _supervise(config: Config) -> int:
    supervisor.end_with_supervisor()
    _require_free(config)
    folder = str(config.folder)
    command = [sys.executable, "-P", "-m", "gateway", "run", "--home", folder, "--only"]
    environ = listener_environ(os.environ, config.server / "openssl.cnf")
    first = subprocess.run([*command, "maintain", "--once"], env=environ, check=False)  # noqa: S603 - our own command
    if first.returncode != 0:
        click.echo("the gateway cannot start: see above", err=True)
        return 1
    parts = ["public", "partners", "maintain", "deliver"]
    parts += ["console"] if config.console_url is not None else []
    parts += ["metrics"] if config.metrics_bind is not None else []
    answers = {part: partial(_answers, config, part) for part in _LISTENERS}
    specs = [supervisor.ProcessSpec(part, [*command, part], answers.get(part)) for part in parts]
    click.echo(f"public    {config.issuer}\npartners  {config.partners_url}")
    if config.console_url is not None:
        click.echo(f"console   {config.console_url}")
    if config.simulated_reference_date is not None:
        click.echo(
            f"for demonstrations only: rights are judged on {config.simulated_reference_date}"
        )
    root = config.published / "root.pem"
    click.echo(f"try       curl --cacert {shlex.quote(str(root))} {config.issuer}/readyz")
    click.echo(f"          {program()} doctor --home {shlex.quote(folder)}")
    return supervisor.Supervisor(specs, environ).run()


def _require_free(config: Config) -> None:
    """Refuse to start where another process has an address of the gateway's."""
    for part in _LISTENERS:
        bind = getattr(config, f"{part}_bind")
        if bind.startswith("unix:") or (part == "console" and config.console_url is None):
            continue
        (kind, *_, address), *_ = socket.getaddrinfo(*host_and_port(bind), type=socket.SOCK_STREAM)
        with socket.socket(kind, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(address)
            except OSError as error:
                raise click.ClickException(
                    f"{bind} is not free ({error.strerror}): stop what runs there, or change "
                    f"[{part}] bind"
                ) from error


def _answers(config: Config, part: str) -> bool:
    bind, root = getattr(config, f"{part}_bind"), config.published / "root.pem"
    if bind.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as tried:
            return tried.connect_ex(bind.removeprefix("unix:")) == 0
    address = host_and_port(bind)
    if part != "console":
        names = config.public_names if part == "public" else config.partners_names
        return supervisor.listener_answers(address, names[0], root)
    if config.console_tls is not None:
        return supervisor.listener_answers(address, address[0], None)
    with contextlib.suppress(OSError), socket.create_connection(address, 1.0):
        return True
    return False


def _listen(config: Config, part: str) -> NoReturn:
    from gateway import apps, wiring
    from gateway.serving.listener import serve

    if part == "console":
        if config.console_url is None:
            raise click.UsageError("there is no console: set [console] url")
        wiring.open_console_folder(config)
    wiring.connect(config).close()  # a worker would show a traceback
    worker = apps.Worker(apps.Audience(part), config, partial(_counting, config, part))
    serve(worker.make_app, apps.listener(worker))


def _maintain(config: Config, *, once: bool) -> None:
    from gateway.doctor.findings import keep_findings
    from gateway.maintenance import process

    alarm = logging.getLogger("casegate.maintain").warning
    counts = None if once else _counting(config, "maintain")
    show = None
    if counts is not None:
        from gateway import metrics

        show = metrics.Gauges().show
    _until_stopped(
        lambda pause: process.run(
            config,
            lambda: pause(MAINTAIN_EVERY),
            alarm,
            once=once,
            show=show,
            examine=keep_findings,
            counts=counts,
        )
    )


def _deliver(config: Config) -> None:
    from gateway import delivery

    alarm = logging.getLogger("casegate.deliver").warning
    counts = _counting(config, "deliver")
    _until_stopped(lambda pause: delivery.run(config, pause, alarm, counts))


def _counting(config: Config, part: str, place: int = 0) -> "metrics.Counts | None":
    """Count from here on what this process does; None where nothing is counted."""
    if config.metrics_bind is None:
        return None
    from gateway import metrics

    metrics.make_folder(config.metrics_folder)
    metrics.begin(config.metrics_folder, part, place)
    counts = metrics.Counts(part)
    counts.began()
    return counts


def _show_numbers(config: Config) -> None:
    """Add up what the other processes count; no key and no database is opened here."""
    bind = config.metrics_bind
    if bind is None:
        raise click.UsageError("nothing is counted: set [metrics] bind")
    from gateway import metrics

    metrics.make_folder(config.metrics_folder)
    unix = bind.startswith("unix:")
    address = Path(bind.removeprefix("unix:")) if unix else host_and_port(bind)
    with metrics.exposing(address, lambda: metrics.render(config.metrics_folder)):
        _until_stopped(_wait)


def _wait(pause: Callable[[float], bool]) -> None:
    """Wait for the stop."""
    while not pause(60.0):
        pass


def _until_stopped(work: Callable[[Callable[[float], bool]], None]) -> None:
    """Run a loop that asks, by a pause of seconds, whether to stop."""
    supervisor.end_with_supervisor()
    supervisor.settle()
    stopped = threading.Event()

    def stop(_signum: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    work(stopped.wait)
