"""JSON files that administrators were handed: public keys, applications, contacts."""

from pathlib import Path
from typing import Any

import click

from gateway.evidence import canonical


def read_jwk(file: Path) -> Any:
    """A public key as its file has it, for the registry to judge; ClickException for no JSON."""
    return _read(file, "no JWK")


def read_object(file: Path) -> dict[str, Any]:
    """A JSON object; ClickException for anything else."""
    said = _read(file, "no JSON")
    if not isinstance(said, dict):
        raise click.ClickException(f"{file} is no JSON object")
    return said


def _read(file: Path, fault: str) -> Any:
    try:
        return canonical.decode(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file} is {fault}: {error}") from error
