"""What the gateway is compared with: servers that do less, behind the same listener.

`python -m bench.baselines KIND PORT OPERATOR LIMIT` listens as the partners' listener of the
folder OPERATOR does, with its TLS, workers and threads:

bare     Flask answers a constant
lean     Flask, one raw SQLite transaction (the case, a log entry, the head) with a durable commit,
         one Ed25519 signature of the head: the least that a signed log can cost
limit    Flask and the gateway's own store, in the folder LIMIT: case row, event in the log, signed
         checkpoint; no authentication, no validation, no policy, no high-water mark
"""

import base64
import hashlib
import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NoReturn
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, Response, request

from bench.workload import ORIGINATOR
from gateway import wiring
from gateway.domain.audit_event import AuditEvent, EventResult, Party
from gateway.domain.case import Case, CaseState
from gateway.domain.vocabulary import Urgency
from gateway.evidence import base64url
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import CaseVersion
from gateway.ledger.note import Checkpoint, sign_checkpoint
from gateway.maintenance.published import PARTNERS_CERTIFICATE
from gateway.serving import listener
from gateway.serving.listener import Listener
from gateway.serving.tls import TlsFiles

BARE, LEAN, LIMIT = "bare", "lean", "limit"
BASELINES = (BARE, LEAN, LIMIT)

LEAN_FILE = "lean.db"
"""LEAN's database, beside the folder of LIMIT."""

_LEAN_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS cases (id TEXT PRIMARY KEY, document BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entries (place INTEGER PRIMARY KEY, event TEXT NOT NULL, leaf BLOB)
    STRICT;
CREATE TABLE IF NOT EXISTS head (size INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
INSERT INTO head SELECT 0, x'' WHERE NOT EXISTS (SELECT 1 FROM head);
COMMIT;
"""


def _app(answer: Callable[[bytes], bytes]) -> Flask:
    """An app that answers the bytes posted to /cases by ``answer``."""
    app = Flask(__name__, static_folder=None, template_folder=None)

    @app.post("/cases")
    def post() -> Response:
        return Response(answer(request.get_data()), content_type="application/json")

    return app


def bare_app() -> Flask:
    """A constant answer."""
    return _app(lambda _: b'{"result":"a constant answer"}')


def lean_database(file: Path) -> sqlite3.Connection:
    """LEAN's database with its tables, made where there are none."""
    connection = sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)
    connection.executescript(_LEAN_TABLES)
    return connection


def lean_app(connection: sqlite3.Connection) -> Flask:
    """Store each posted case with an entry and the new head, and sign the head."""
    lock, key = threading.Lock(), Ed25519PrivateKey.generate()

    def answer(data: bytes) -> bytes:
        case, event = json.loads(data)["content"]["case"], str(wiring.new_id())
        leaf = hashlib.sha256(data).digest()
        with lock:
            connection.execute("BEGIN IMMEDIATE")
            ((size, root),) = connection.execute("SELECT size, root FROM head")
            root = hashlib.sha256(root + leaf).digest()
            connection.execute("INSERT INTO cases VALUES (?, ?)", (case, data))
            connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (size, event, leaf))
            connection.execute("UPDATE head SET size = ?, root = ?", (size + 1, root))
            connection.execute("COMMIT")
        note = f"lean.example/log\n{size + 1}\n{base64.b64encode(root).decode()}\n"
        signature = base64.b64encode(key.sign(note.encode())).decode()
        return json.dumps({"event": event, "note": note, "signature": signature}).encode()

    return _app(answer)


def limit_app(gateway: wiring.GatewayRuntime) -> Flask:
    """Store each posted case with an event, in the gateway's own store, and sign the head.

    The store and the key alone: no mark is raised and nothing is compared with it.
    """
    signer = gateway.keys.log

    def answer(data: bytes) -> bytes:
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
        return json.dumps(
            {"event": str(event), "checkpoint": sign_checkpoint(head, signer)}
        ).encode()

    return _app(answer)


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
        summary={"urgency": str(Urgency.NORMAL)},
        document=data.decode("utf-8"),
    )
    return case, version


def serve(kind: str, port: int, operator: Path, limit: Path) -> NoReturn:
    """Listen until SIGTERM."""
    config = wiring.load_config(operator)
    apps: dict[str, Callable[[], Flask]] = {
        BARE: bare_app,
        LEAN: lambda: lean_app(lean_database(limit.parent / LEAN_FILE)),
        LIMIT: lambda: limit_app(wiring.connect(wiring.load_config(limit))),
    }
    tls = TlsFiles(
        config.server / PARTNERS_CERTIFICATE,
        config.published / "ca-chain.pem",
        config.published / "crl.pem",
    )
    listener.serve(
        apps[kind],
        Listener(
            name=kind,
            bind=f"127.0.0.1:{port}",
            tls=tls,
            workers=config.workers,
            threads=config.threads,
            deadline=config.request_deadline,
        ),
    )


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
