"""What a backup says of itself: of which log it is, until where, and what its files are.

A backup is a folder: the database in one file, the settings, what is published, and backup.json.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

import click

from gateway.actions.records import Head
from gateway.cli.screen import write_new

FORMAT = "casegate-backup/1"
MANIFEST_FILE = "backup.json"
DATABASE_FILE = "casegate.db"
PUBLISHED = "published"
LARGEST_MANIFEST = 1024 * 1024

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: of which log, until where, and the SHA-256 of each file (hex)."""

    made_at: str
    origin: str
    size: int
    root: str
    files: Mapping[str, str]

    @property
    def head(self) -> Head:
        """The head of the log in it."""
        return Head(self.size, bytes.fromhex(self.root))

    def write(self, folder: Path) -> None:
        """Put it beside what it describes."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        write_new(folder / MANIFEST_FILE, f"{text}\n".encode())

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read it; a ClickException when the folder is no whole backup of this format."""
        try:
            text = (folder / MANIFEST_FILE).read_bytes()
            values = json.loads(text) if len(text) <= LARGEST_MANIFEST else None
        except (OSError, ValueError):
            values = None
        if not _is_manifest(values):
            raise click.ClickException(f"{folder} is no backup made by `casegate backup`")
        return cls(**{name: value for name, value in values.items() if name != "format"})


def _is_manifest(values: Any) -> TypeGuard[dict[str, Any]]:
    kinds = {"format": str, "made_at": str, "origin": str, "size": int, "root": str, "files": dict}
    if not isinstance(values, dict) or values.keys() != kinds.keys():
        return False
    if not all(type(values[name]) is kind for name, kind in kinds.items()):
        return False
    hexadecimal = [values["root"], *values["files"].values()]
    return (
        values["format"] == FORMAT
        and all(_is_name(name) for name in values["files"])
        and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in hexadecimal)
    )


def _is_name(name: str) -> bool:
    """A file of the folder, or of `published` in it: no way out of it."""
    *above, last = name.split("/")
    return above in ([], [PUBLISHED]) and last not in ("", ".", "..") and "\\" not in last


def digest(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def told(head: Head) -> str:
    """A head in words."""
    entries = "1 entry" if head.size == 1 else f"{head.size} entries"
    return f"{entries}, root {head.root.hex()[:16]}"
