"""`casegate desk`: the console at a member's own machine, over its own client.

Here the two meet: the console knows no client, and the client no framework.
"""

import secrets
import signal
import sys
import traceback
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import click
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from gateway.cli.case_file import check_content
from gateway.cli.partner_command import EPILOG, by_option, connected, connection_option
from gateway.cli.wording import say, screen_language
from gateway.client import ClientError, Gateway
from gateway.client.desk_access import DeskPersons
from gateway.client.gateway import new_id, now
from gateway.console.access import Person
from gateway.console.app import create_console_app
from gateway.console.context import ConsoleContext
from gateway.console.entry import EntryCodes
from gateway.console.session import Sessions

LOOPBACK = "127.0.0.1"
_IDLE = 30
"""Seconds after which a connection that sends nothing is closed."""


class _Handler(WSGIRequestHandler):
    timeout = _IDLE

    def log_request(self, *_: Any) -> None:
        """Write no line: an address tells which case somebody works on."""

    def version_string(self) -> str:
        """Tell nothing of the server."""
        return "casegate"


class _TerminalLog:
    """What is granted is not told; what is refused, or failed, is a line on the error output."""

    def note(self, kind: str, **_: Any) -> None:
        """Tell nothing."""

    def refuse(self, kind: str, **fields: Any) -> None:
        """Tell the kind, and the reason where there is one."""
        click.echo(f"{kind}: {fields.get('reason', '')}".removesuffix(": "), err=True)

    def fail(self, kind: str, error: BaseException, **fields: Any) -> None:
        """Tell where it happened: the message may repeat what is in a case."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        click.echo(f"{kind}: {place}, request {fields.get('request', '')}", err=True)


@click.command(epilog=EPILOG)
@by_option
@screen_language
@connection_option
def desk(connection_file: Path, by: str) -> None:
    """Work in a browser at this machine, as one of your persons.

    Prints an address that signs PSEUDONYM in, once. Enter prints a new one; a colleague's
    pseudonym, then Enter, prints one for them, to confirm as the second person; Ctrl-C stops. What
    you do is signed with your organisation's key, where the connection names one; each document is
    verified before you see it.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with connected(connection_file) as gateway, TemporaryDirectory(prefix="casegate-") as folder:
        if not _is_in_force(gateway, by):
            raise click.UsageError(say("desk_unknown", person=by))
        codes = EntryCodes(now)
        server, origin = _server(gateway, codes, Path(folder))
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()

        def let_in(name: str) -> None:
            code = codes.draw(Person(gateway.connection.organisation, name))
            click.echo(f"{origin}/login#{code}")

        with suppress(KeyboardInterrupt):
            click.echo(say("desk_at", person=by))
            let_in(by)
            for line in sys.stdin:
                name = line.strip() or by
                if _is_in_force(gateway, name):
                    if name != by:
                        click.echo(say("desk_second_at", person=name))
                    let_in(name)
                else:
                    click.echo(say("desk_unknown", person=name), err=True)
            serving.join()
        server.shutdown()
        server.server_close()


def _is_in_force(gateway: Gateway, name: str) -> bool:
    """Tell whether a person may be named now, as far as this system can see: the gateway judges it
    again with each act."""
    try:
        return any(one["pseudonym"] == name and one["in_force"] for one in gateway.staff())
    except ClientError:
        return True


def _server(gateway: Gateway, codes: EntryCodes, folder: Path) -> tuple[BaseWSGIServer, str]:
    """The server of the console, and its address: it listens on this machine alone, under a name
    that nobody else knows."""
    told = gateway.whoami()
    day = date.fromisoformat(told["reference_date"]) if told["reference_date_simulated"] else None
    server = make_server(LOOPBACK, 0, Flask(""), threaded=True, request_handler=_Handler)
    origin = f"http://casegate-{secrets.token_hex(8)}.localhost:{server.port}"
    context = ConsoleContext(
        origin=origin,
        persons=DeskPersons(gateway, now, check_content),
        sessions=Sessions(folder / "console.db", secrets.token_bytes(32), now),
        log=_TerminalLog(),
        now=now,
        new_id=new_id,
        simulated=day,
        enter=codes.enter,
    )
    server.app = create_console_app(context)
    return server, origin
