"""What the gateway is compared with: servers that do less, and a durable INSERT without a server.

Run as a program, `python -m bench.baselines KIND OPERATOR PORT [LIMIT]` listens like the partners'
listener of the operator's folder, with the same TLS, workers and threads:

answer      a plain WSGI answer            flask   the same answer by Flask
limit       Flask, a durable case row, an event in the log, a signed checkpoint, in the folder
            LIMIT; no authentication, no validation, no policy
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import psycopg
from flask import Flask, Response, request

from bench.workload import CASE_BYTES, ORIGINATOR
from gateway import maintenance, wiring
from gateway.config import Config
from gateway.domain.audit_event import AuditEvent, EventResult, Party
from gateway.domain.case import Case, CaseState
from gateway.evidence import base64url
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import CaseVersion
from gateway.ledger.checkpoint import Checkpoint, sign_checkpoint
from gateway.serving import listener
from gateway.serving.listener import Listener
from gateway.serving.tls import TlsFiles

ANSWER, FLASK, LIMIT = "answer", "flask", "limit"

_CONSTANT = b'{"result":"a constant answer"}'


def plain_app() -> Callable[..., Iterable[bytes]]:
    """A WSGI app that reads the body and answers a constant."""
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(_CONSTANT)))]

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", headers)
        return [_CONSTANT]

    return app


def flask_app() -> Flask:
    """The same with Flask."""
    app = Flask(__name__, static_folder=None, template_folder=None)

    @app.post("/cases")
    def post() -> Response:
        request.get_data()
        return Response(_CONSTANT, content_type="application/json")

    return app


def limit_app(gateway: wiring.GatewayRuntime) -> Flask:
    """Store each posted case with an event, in the gateway's own store, and sign the head.

    The store and the key alone: no mark is raised and nothing is compared with it.
    """
    app = Flask(__name__, static_folder=None, template_folder=None)
    signer = gateway.keys.log

    @app.post("/cases")
    def post() -> Response:
        data = request.get_data()
        event = gateway.ports.new_id()
        case, version = _case(UUID(json.loads(data)["content"]["case"]), data, event)
        with gateway.store.begin(TransactionMode.WRITE) as work:
            work.cases.add(case, version)
            work.log.record(
                AuditEvent(
                    id=event,
                    action="case.submit",
                    result=EventResult.ALLOWED,
                    parties=(Party(ORIGINATOR, "originator"),),
                    case_digest=case.digest,
                )
            )
            (logged,) = work.commit()
        head = Checkpoint(signer.name, logged.head.size, logged.head.root)
        answer = {"event": str(event), "checkpoint": sign_checkpoint(head, signer)}
        return Response(json.dumps(answer), content_type="application/json")

    return app


def _case(id_: UUID, data: bytes, event: UUID) -> tuple[Case, CaseVersion]:
    digest = base64url.digest(data)
    case = Case(
        originator=ORIGINATOR,
        id=id_,
        version=1,
        digest=digest,
        originator_ref=str(id_),
        erase_on=date.max,
        state=CaseState.CLEARED,
    )
    version = CaseVersion(
        originator=ORIGINATOR,
        case=id_,
        version=1,
        digest=digest,
        assurance="attested",
        event=event,
        summary={},
        document=data.decode("utf-8"),
    )
    return case, version


def insert_rate(database: str, folder: Path, seconds: float) -> float:
    """Durable INSERTs of a case's bytes a second, one connection, a commit each.

    Into a new SQLite file in ``folder``, or into a table of the PostgreSQL ``database``.
    """
    row = bytes(CASE_BYTES)
    if database.startswith("postgresql"):
        with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS bench_insert (n bigint, data bytea)")
            insert = "INSERT INTO bench_insert VALUES (%s, %s)"
            return _rate(lambda n: connection.execute(insert, (n, row)), seconds)
    file = folder / f"insert-{time.monotonic_ns()}.db"
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE bench_insert (n INTEGER PRIMARY KEY, data BLOB)")
        insert = "INSERT INTO bench_insert VALUES (?, ?)"
        return _rate(lambda n: connection.execute(insert, (n, row)), seconds)
    finally:
        connection.close()
        file.unlink()


def _rate(insert: Callable[[int], Any], seconds: float) -> float:
    done, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        insert(done)
        done += 1
    return done / passed


def _listener(config: Config, port: int, on_exit: Callable[[], None]) -> Listener:
    return Listener(
        name="bench",
        bind=f"127.0.0.1:{port}",
        tls=TlsFiles(
            config.server / maintenance.PARTNERS_CERTIFICATE,
            config.published / "ca-chain.pem",
            config.published / "crl.pem",
        ),
        workers=config.workers,
        threads=config.threads,
        deadline=config.request_deadline,
        on_worker_exit=on_exit,
    )


def serve(kind: str, operator: Path, port: int, limit: Path | None) -> NoReturn:
    """Listen until SIGTERM."""
    opened: list[wiring.GatewayRuntime] = []

    def make() -> Any:
        if kind == ANSWER:
            return plain_app()
        if kind == FLASK or limit is None:
            return flask_app()
        opened.append(wiring.connect(wiring.load_config(limit)))
        return limit_app(opened[0])

    def let_go() -> None:
        for gateway in opened:
            gateway.close()

    listener.serve(make, _listener(wiring.load_config(operator), port, let_go))


if __name__ == "__main__":
    _kind, _operator, _port, *_limit = sys.argv[1:]
    serve(_kind, Path(_operator), int(_port), Path(_limit[0]) if _limit else None)
