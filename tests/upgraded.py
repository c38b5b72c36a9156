"""The gateway of 2d826964 that is kept in tests/data/upgrade, as this version finds it.

``kept`` copies it as it stopped, ``upgraded`` after the migration. ``going_on`` is the gateway in
this process, from when it stopped on, with what `tests.founding` does.
"""

import atexit
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

from cryptography import x509

from gateway import apps, keys, wiring
from gateway.cli.admin.session import approve
from gateway.kernel.changes import Change
from gateway.maintenance.process import upgrade_schema
from gateway.verification.trust import TrustAnchors
from gateway.web.app import create_partner_app
from tests.client.client_fixture import MemberClient
from tests.founded_gateway import ALICE, BENOIT, HOTLINE, Founded
from tests.operating import Operator
from tests.ports import Calendar, Clock, Opened, RememberingSigner
from tests.verification.kept import trust_folder
from tests.web.listening import DER, Listening, Partner

FOLDER = Path(__file__).parent / "data" / "upgrade" / "2d826964"
NOTED: dict[str, str] = json.loads((FOLDER / "noted.json").read_text())
EXPECTED: dict[str, int] = json.loads((FOLDER / "expected.json").read_text())
STOPPED = datetime.fromisoformat(NOTED["now"])


def noted(name: str) -> UUID:
    """The id of something in it."""
    return UUID(NOTED[name])


@cache
def _template(*, upgrade: bool) -> Path:
    place = Path(tempfile.mkdtemp(prefix="casegate-kept-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    if upgrade:
        shutil.copytree(_template(upgrade=False), place, dirs_exist_ok=True)
        assert upgrade_schema(wiring.load_config(place / "home"))
    else:
        with tarfile.open(FOLDER / "kept.tar.xz") as archive:
            archive.extractall(place, filter="tar")
    return place


def kept(place: Path) -> Operator:
    """The operator's folder, and beside it what members and others kept."""
    shutil.copytree(_template(upgrade=False), place, dirs_exist_ok=True)
    return Operator(place / "home")


def upgraded(place: Path) -> Operator:
    """The same after its migration."""
    shutil.copytree(_template(upgrade=True), place, dirs_exist_ok=True)
    return Operator(place / "home")


@dataclass
class GoingOn(Founded):
    """The gateway after it stopped; its administrators sign with their own keys."""

    people: Path = field(default_factory=Path)

    def key(self) -> str:
        """An idempotency key that was never used, before it stopped either."""
        return f"after-{super().key()}"

    def approve(self, change: Change, *people: str) -> list[str]:
        """Signed approvals of a change."""
        return [
            approve(self.ports, self.people / f"{person}.pem", person, change)
            for person in people or (ALICE, BENOIT)
        ]


@dataclass
class Desks(Listening):
    """The partners' listener of that gateway; members come with their own certificates."""

    members: Path = field(default_factory=Path)
    runtime: Any = None

    def partner(self, organisation: str = HOTLINE) -> Partner:
        """An organisation's desk."""
        pem = (self.members / f"{organisation}.crt").read_bytes()
        return Partner(self, organisation, x509.load_pem_x509_certificate(pem))

    @cached_property
    def trust(self) -> TrustAnchors:
        """The keys of the gateway and of its members."""
        return trust_folder(self.members.parent / "trust")

    def desk(self, organisation: str) -> MemberClient:
        """Its client, which signs if the member has a document key."""
        file = self.members / f"{organisation}.pem"
        key = keys.load_key(file, keys.KeyPurpose.DOCUMENT) if file.exists() else None
        return MemberClient(self, organisation, trust=self.trust, document_key=key)


@contextmanager
def going_on(home: Operator) -> Iterator[Desks]:
    """The gateway in this process, and its members' desks."""
    clock, calendar = Clock(STOPPED), Calendar(None)
    with patch.object(wiring, "now", clock), closing(wiring.connect(home.config)) as opened:
        ports = replace(opened.ports, now=clock, reference_date=calendar)
        runtime = replace(opened, ports=ports)
        signer = RememberingSigner(runtime.keys.log, Opened())
        gateway = GoingOn(ports, runtime.store, clock, signer, calendar, people=home.config.people)
        gate = replace(
            apps.gate(apps.Audience.PARTNERS, runtime),
            peer_der=lambda environ: environ.get(DER),
        )
        app: Any = create_partner_app(gate)
        members = home.folder.parent / "members"
        yield Desks(gateway, gate, app, io.StringIO(), members=members, runtime=runtime)
