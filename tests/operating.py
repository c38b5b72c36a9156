"""An operator's folder as `casegate init` leaves it: made once, copied for each test."""

import atexit
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway import config as config_file
from gateway import wiring
from gateway.cli import main
from gateway.cli.gateway_setup import make
from gateway.config import Config
from gateway.evidence import base64url
from gateway.kernel import events
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import CertificateOrder
from gateway.maintenance.issuing import serve_requests

ISSUER, PARTNERS = "https://gateway.example.org", "https://partners.example.org"
MARTIN, DUBOIS = "martin", "dubois"
PERSONS = ((MARTIN, "A. Martin"), (DUBOIS, "B. Dubois"))
NEW = 6
"""Entries of a new gateway's log: its founding, and the keys with which it signs."""
PASSPHRASE = b"correct horse battery staple"


def settings(**changes: Any) -> str:
    """The text of a configuration; ``changes`` are fields of Config."""
    values = {
        "name": "example",
        "issuer": ISSUER,
        "partners_url": PARTNERS,
        "public_bind": "127.0.0.1:8443",
        "partners_bind": "127.0.0.1:8444",
    }
    return config_file.render(**values | changes)


@cache
def _template(typed: tuple[tuple[str, ...], ...]) -> Path:
    place = Path(tempfile.mkdtemp(prefix="casegate-operator-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    if typed:
        operator(place, *typed[:-1]).done(*typed[-1])
    else:
        make(place / "gw", settings(), PERSONS, PASSPHRASE)
    return place / "gw"


@dataclass(frozen=True)
class Operator:
    """The folder of a founded gateway, and a person who types commands in front of it."""

    folder: Path

    @property
    def config(self) -> Config:
        """The configuration as it is now."""
        return wiring.load_config(self.folder)

    def set(self, section: str, key: str, value: str) -> None:
        """Change a setting in the file; ``value`` as TOML."""
        file = self.folder / wiring.CONFIG_FILE
        head, mark, rest = file.read_text(encoding="utf-8").partition(f"[{section}]\n")
        own, bracket, others = rest.partition("\n[")
        lines = own.split("\n")
        kept = [line for line in lines if not line.startswith((f"{key} =", f"# {key} ="))]
        own = "\n".join([f"{key} = {value}", *kept])
        file.write_text(head + mark + own + bracket + others, encoding="utf-8")

    @contextmanager
    def opened(self, now: Callable[[], datetime] = wiring.now) -> Iterator[wiring.GatewayRuntime]:
        """The gateway in this process, by the system's clock or another one."""
        gateway = wiring.connect(self.config)
        try:
            yield replace(gateway, ports=replace(gateway.ports, now=now))
        finally:
            gateway.close()

    def size(self) -> int:
        """How many events the log has."""
        with self.opened() as gateway, gateway.ports.begin(TransactionMode.READ) as work:
            return work.log.head().size

    def type(self, *words: object, **kwargs: Any) -> Result:
        """Type `casegate WORDS`."""
        return CliRunner().invoke(main, [str(word) for word in words], **kwargs)

    def admin(self, *words: object, persons: tuple[str, ...] = (MARTIN, DUBOIS)) -> Result:
        """Type `casegate admin` as these persons."""
        who = [word for person in persons for word in ("--as", person)]
        return self.type("admin", "--home", self.folder, *who, *words)

    def done(self, *words: object, **kwargs: Any) -> str:
        """Type `casegate admin` with success; what it printed."""
        result = self.admin(*words, **kwargs)
        assert result.exit_code == 0, result.output
        return result.stdout

    def told(self, *words: object, **kwargs: Any) -> Any:
        """The same for machines: what the JSON says."""
        return json.loads(self.done(*words, "--json", **kwargs))

    def lose_mark(self) -> None:
        """Lose the high-water mark, as with its disk."""
        for file in self.folder.glob("high-water-mark*"):
            file.unlink()


def execute(file: Path, statement: str) -> None:
    """Change a SQLite file behind the gateway's back."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


def operator(place: Path, *typed: tuple[str, ...]) -> Operator:
    """A founded gateway in a new folder below ``place``, after these commands of administrators."""
    folder = place / "gw"
    shutil.copytree(_template(typed), folder)
    return Operator(folder)


def said(result: Result) -> str:
    """The one sentence with which a command failed; an AssertionError when it is none."""
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    (line,) = result.stderr.splitlines()
    return line.removeprefix("Error: ")


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None) -> bytes:
    """A certificate request in PEM, by a key on P-256 unless one is given."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.sign(key or _key(), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def asked(
    gateway: wiring.GatewayRuntime,
    csr: str | None = None,
    *,
    organisation: str = "ofmin",
    system: str = "desk",
    recorded: bool = True,
) -> CertificateOrder:
    """A request for a certificate that waits, and was approved on record."""
    order = CertificateOrder(
        wiring.new_id(), organisation, system, csr or request().decode(), "martin"
    )
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.signing.add(order)
        if recorded:
            named = json.dumps({"csr_sha256": base64url.digest(order.csr.encode())})
            parties = events.gateway_and(organisation)
            events.record(
                work,
                "certificate.renew",
                parties,
                event=order.id,
                simulated_date=None,
                at=gateway.ports.now(),
                details=(events.shared("subject", named, parties),),
            )
        work.commit()
    return order


def certified(gw: Operator, organisation: str, system: str) -> str:
    """The certificate (PEM, with its authority's) that maintenance makes for a system."""
    with gw.opened() as gateway:
        order = asked(gateway, organisation=organisation, system=system)
        serve_requests(gateway, wiring.IssuingAuthority(gateway.config))
        with gateway.ports.begin(TransactionMode.READ) as work:
            made = work.signing.get(order.id)
    assert made is not None
    assert made.certificate is not None
    return made.certificate
