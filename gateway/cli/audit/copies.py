"""A copy of a log on the disk, as the audit commands read it."""

from pathlib import Path

import click

from gateway.ledger.replica import ReadFile


def reader(folder: Path) -> ReadFile:
    """Reads the files of a copy by their tlog-tiles paths."""

    def read(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError:
            raise LookupError(path) from None
        except OSError as error:
            raise click.UsageError(f"{folder / path} cannot be read: {error.strerror}") from error

    return read
