"""`python -m bench.peers NAME`: what one request costs another project's server, beside ours.

Each peer gets an environment of its own below `.venv-peers/`, from `requirements/peers/`, and is
asked there in one thread, as our partners' app is here: in turns, so that both see one machine.
What is posted to a TAXII server is an object of the size of our case.

medallion  TAXII 2.1, objects in memory, no durability: its mean over the first 650 objects, for
           each POST looks at all objects
opentaxii  TAXII 2.1 on SQLite
dot        a token of django-oauth-toolkit, plain secret, SQLite with durable commits
"""

import base64
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from statistics import mean, median
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from bench.machine import call, describe, typical
from bench.workload import CASE_BYTES, HANDOFF

TURNS = 3
_LARGEST = 10_000_000
_TAXII = "application/taxii+json;version=2.1"
_ROOT = Path(__file__).parent.parent

Measure = Callable[[Path], float]


def _note(number: int) -> bytes:
    """A TAXII envelope with one STIX note, as large as our case."""
    note = {
        "type": "note",
        "spec_version": "2.1",
        "id": f"note--{UUID(int=number, version=4)}",
        "created": "2026-01-01T08:00:00.000Z",
        "modified": "2026-01-01T08:00:00.000Z",
        "content": "",
        "object_refs": [f"url--{UUID(int=17, version=5)}"],
    }
    note["content"] = "x" * (CASE_BYTES - len(json.dumps(note)))
    return json.dumps({"objects": [note]}).encode()


def _posts(app: Any, path: str, authorization: str, count: int) -> list[float]:
    headers = {"Authorization": authorization, "Content-Type": _TAXII, "Accept": _TAXII}
    return [call(app, path, headers, _note(number))[0] for number in range(count)]


def medallion(folder: Path) -> float:
    """The mean of the first 650 POSTs."""
    collection = {"id": "1", "title": "bench", "can_read": True, "can_write": True,
                  "media_types": ["application/stix+json;version=2.1"], "manifest": []}  # fmt: skip
    about = {"title": "bench", "versions": [_TAXII], "max_content_length": _LARGEST}
    root = {"information": about, "status": [], "collections": [collection]}
    data = folder / "data.json"
    data.write_text(json.dumps({"/discovery": {"title": "bench"}, "root": root}))
    module = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend"}
    settings = {
        "users": {"a": "b"},
        "taxii": {"max_page_size": 100},
        "backend": {**module, "filename": str(data)},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    app = importlib.import_module("medallion").load_app(str(folder / "settings.json"))
    authorization = f"Basic {base64.b64encode(b'a:b').decode()}"
    return mean(_posts(app, "/root/collections/1/objects/", authorization, 650))


def opentaxii(folder: Path) -> float:
    """A POST with a bearer token."""

    def database(name: str, **parameters: str) -> dict[str, Any]:
        url = f"sqlite:///{folder / name}.db"
        parameters |= {"db_connection": url}
        return {"class": name, "parameters": {**parameters, "create_tables": True}}

    store = database("opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI")
    settings = {
        "auth_api": database("opentaxii.auth.sqldb.SQLDatabaseAPI", secret="s" * 32),
        "taxii1": None,
        "taxii2": {"title": "bench", "max_content_length": _LARGEST, "persistence_api": store},
    }
    file = folder / "settings.json"  # JSON is YAML
    file.write_text(json.dumps(settings))
    os.environ["OPENTAXII_CONFIG"] = str(file)
    # 0.9.3 cannot write its own ids, UUIDs on SQLite, as JSON: each answer would be a 500.
    writer = SimpleNamespace(dumps=partial(json.dumps, default=str))
    importlib.import_module("opentaxii.taxii2.http").__dict__["json"] = writer
    app = importlib.import_module("opentaxii.http").app
    server = app.taxii_server
    with app.app_context():
        server.auth.api.create_account("a", "b", is_admin=True)
        token = server.auth.api.authenticate("a", "b")
        collections = server.servers.taxii2.persistence.api
        root = str(collections.add_api_root("bench", default=True).id)
        collection = collections.add_collection(root, "bench").id
    path = f"/taxii2/{root}/collections/{collection}/objects/"
    return typical(_posts(app, path, f"Bearer {token}", 200))


def dot(folder: Path) -> float:
    """A token by client credentials."""
    django, conf = importlib.import_module("django"), importlib.import_module("django.conf")
    conf.settings.configure(
        SECRET_KEY="s" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="oauth2_provider.urls",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "dot.db",
                "CONN_MAX_AGE": None,
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"},
            }
        },
        USE_TZ=True,
    )
    django.setup()
    importlib.import_module("django.core.management").call_command("migrate", verbosity=0)
    application = importlib.import_module("oauth2_provider.models").Application
    application.objects.create(
        client_id="desk",
        client_secret="secret",  # noqa: S106 - of a throw-away database
        hash_client_secret=False,
        client_type="confidential",
        authorization_grant_type="client-credentials",
    )
    app = importlib.import_module("django.core.wsgi").get_wsgi_application()
    headers = {
        "Authorization": f"Basic {base64.b64encode(b'desk:secret').decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    form = b"grant_type=client_credentials"
    return typical(call(app, "/token/", headers, form)[0] for _ in range(200))


PEERS: dict[str, tuple[str, Measure]] = {
    "medallion": ("POST", medallion),
    "opentaxii": ("POST", opentaxii),
    "dot": ("token", dot),
}
"""By name: the request that is asked of it, and how it is measured in its environment."""


def _environment(name: str) -> Path:
    """The Python of a peer's environment, made where there is none."""
    folder = _ROOT / ".venv-peers" / name
    python = folder / "bin" / "python"
    pins = _ROOT / "requirements" / "peers" / f"{name}.txt"
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_bytes() != pins.read_bytes():
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(pins)],
        ):
            subprocess.run(command, check=True)  # noqa: S603 - our own commands
        installed.write_bytes(pins.read_bytes())
    return python


def _peer(name: str, python: Path) -> float:
    """One measure of a peer, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as folder:
        process = subprocess.run(  # noqa: S603 - ourselves, in another environment
            [str(python), "-m", "bench.peers", "--measure", name, folder],
            cwd=_ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
    if process.returncode != 0:
        print(process.stderr[-3000:], file=sys.stderr)
        sys.exit(2)
    return float(process.stdout)


def main(name: str) -> None:
    """Measure a peer and the gateway in turns, and print both."""
    from bench.inside import handoffs, inside  # noqa: PLC0415 - no peer has what it needs

    python, theirs, ours = _environment(name), [], []
    with inside() as (app, _, _):
        for _ in range(TURNS):
            theirs.append(_peer(name, python))
            ours.append(handoffs(app, 100))
    print(f"{describe()}\n\n{'':32}  CPU us   peer : it")
    peer = median(theirs)
    print(f"{f'{name}: a {PEERS[name][0]}':32} {peer:7,.0f}")
    figures = {kind: median(turn[kind] for turn in ours) for kind in ours[0]}
    if PEERS[name][0] == "POST":
        figures["a whole handoff"] = sum(figures[kind] for kind in HANDOFF)
    for kind, value in figures.items():
        if (kind == "token") == (PEERS[name][0] == "token"):
            print(f"{f'the gateway: {kind}':32} {value:7,.0f} {peer / value:11.2f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--measure", name, folder]:
            with redirect_stdout(sys.stderr):
                figure = PEERS[name][1](Path(folder))
            print(figure, flush=True)
            os._exit(0)  # its threads would go on
        case [name] if name in PEERS:
            main(name)
        case _:
            print(f"usage: python -m bench.peers {'|'.join(PEERS)}", file=sys.stderr)
            sys.exit(2)
