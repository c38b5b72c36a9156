"""An operator's folder with two members, made by the commands that an operator uses."""

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.workload import MATTER, ORIGINATOR, RECIPIENT, SYSTEM, TERRITORY
from gateway.cli import main as casegate

_APPROVERS = ("--as", "a-martin", "--as", "b-dubois")
_SINCE = "2020-01-01"

ISSUER = "https://gateway.example"
"""The name of the gateway that is measured."""


@dataclass(frozen=True)
class Addresses:
    """The ports of a gateway's two listeners on the loopback interface."""

    public: int
    partners: int


def make_folder(folder: Path, addresses: Addresses, database: str | None) -> None:
    """`casegate init`, with the database named or in the folder."""
    passphrase = folder.with_name(f"{folder.name}.passphrase")
    with _private(passphrase) as file:
        file.write(b"bench bench bench\n")
    _run(
        ["init", str(folder), "--name", "bench"],
        ["--issuer", ISSUER, "--partners-url", "https://partners.example"],
        ["--public-bind", f"127.0.0.1:{addresses.public}"],
        ["--partners-bind", f"127.0.0.1:{addresses.partners}"],
        ["--admin", "a-martin=A. Martin", "--admin", "b-dubois=B. Dubois"],
        ["--root-passphrase-file", str(passphrase)],
        ["--database-url", database] if database else [],
    )


def admit_members(operator: Path, folder: Path) -> None:
    """Admit a hotline and a competent police office, each with a system and its certificate.

    ``folder`` gets ``<organisation>.pem`` (key and certificate chain) and ``root.pem``.
    """
    _admin(operator, ["organisation", "admit", ORIGINATOR, "--name", "Hotline A"],
           ["--kind", "hotline", "--country", TERRITORY])  # fmt: skip
    _admin(operator, ["organisation", "admit", RECIPIENT, "--name", "Police office B"],
           ["--kind", "police_office", "--country", TERRITORY, "--public-authority"],
           ["--regime", "gdpr", "--regime", "led"])  # fmt: skip
    for slug, standing in ((ORIGINATOR, "full"), (RECIPIENT, "observer")):
        _admin(operator, ["membership", "grant", slug, "--standing", standing],
               ["--from", _SINCE, "--decision-ref", "bench"])  # fmt: skip
        _admin(operator, ["system", "register", slug, SYSTEM])
        _certify(operator, folder, slug)
    _admin(operator, ["mandate", "grant", RECIPIENT, "--matter", MATTER],
           ["--territory", TERRITORY, "--legal-act", "bench", "--from", _SINCE])  # fmt: skip
    root = operator / "published" / "root.pem"
    (folder / "root.pem").write_bytes(root.read_bytes())


def register_key(operator: Path, folder: Path) -> None:
    """Let the hotline sign its own cases: ``folder`` gets ``document.pem``."""
    kept = folder / "keys"
    _run(["key", "create", "--use", "signing", str(kept), "--organisation", ORIGINATOR, "--gateway", ISSUER])
    _admin(operator, ["member-key", "register", ORIGINATOR, "--jwk", str(kept / "document.jwk")],
           ["--proof", str(kept / "document.proof")])  # fmt: skip
    (kept / "document.pem").rename(folder / "document.pem")


def _certify(operator: Path, folder: Path, slug: str) -> None:
    """The member makes key and request, the operator issues; both in one file for TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr, issued = folder / f"{slug}.csr", folder / f"{slug}.crt"
    csr.write_bytes(request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    _admin(operator, ["certificate", "approve", slug, SYSTEM, "--csr", str(csr)],
           ["--out", str(issued)])  # fmt: skip
    with _private(folder / f"{slug}.pem") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        file.write(issued.read_bytes())


@contextlib.contextmanager
def _private(path: Path) -> Iterator[io.FileIO]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file  # type: ignore[misc]


def _admin(operator: Path, *arguments: Sequence[str]) -> None:
    _run(["admin", "--home", str(operator), *_APPROVERS], *arguments)


def _run(*arguments: Sequence[str]) -> None:
    """A command of the product, in this process; what it prints is of no use here."""
    with contextlib.redirect_stdout(io.StringIO()):
        casegate.main([word for part in arguments for word in part], standalone_mode=False)
