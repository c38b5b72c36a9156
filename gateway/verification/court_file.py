"""What an auditor hands on: evidence, a table, a page to print and the log's checkpoint."""

import hashlib
import io
import shlex
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.evidence import canonical
from gateway.evidence.receipt import VerifiedReceipt
from gateway.verification import event_table, verifier
from gateway.verification.listing import CHECKPOINT, EVIDENCE, PAGE, TABLE
from gateway.verification.report_page import render
from gateway.verification.trust import TrustAnchors


def parts_of(
    data: bytes, events: Iterable[VerifiedReceipt], trust: TrustAnchors, language: str, folder: str
) -> dict[str, bytes]:
    """The files of a folder for the evidence of a search, by their names."""
    checkpoint = next(iter(canonical.decode(data)["logs"].values()))["checkpoint"]
    parts = {
        EVIDENCE: data,
        TABLE: event_table.to_csv([*map(event_table.cells, events)]).encode(),
        CHECKPOINT: checkpoint.encode(),
    }
    return {**parts, PAGE: page_of(parts, trust, language, folder)}


def archive(folder: str, parts: Mapping[str, bytes]) -> bytes:
    """The folder as a ZIP archive; the same folder is the same archive."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as zipped:
        for part, data in parts.items():
            zipped.writestr(zipfile.ZipInfo(f"{folder}/{part}"), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def page_of(
    parts: Mapping[str, bytes], trust: TrustAnchors, language: str, folder: str = ""
) -> bytes:
    """The page of an exported folder: what `casegate verify` says of its other files; or, without a
    folder, of what a search found."""
    beside = dict(parts)
    data = beside.pop(EVIDENCE)
    if folder:
        report = verifier.verify(data, trust, beside=beside)
        command = shlex.join(["casegate", "verify", folder, "--trust", "KEYS"])
        checked = identify(command, name_of(folder, beside), data, trust)
    else:
        report = verifier.verify(data, trust)
        checked = identify("casegate audit search", "search", None, trust)
    return render({folder: report}, {folder: checked}, language).encode()


def name_of(name: str, beside: Mapping[str, bytes] | None) -> str:
    """A file by its name alone; no path, which would name persons and cases."""
    name = Path(name).name
    return name if beside is None else f"{name}/{EVIDENCE}"


def identify(command: str, name: str, data: bytes | None, trust: TrustAnchors) -> dict[str, Any]:
    """Return what identifies a report: the file, or the command on a folder, the day, the version,
    the command and the keys."""
    return {
        "file": name,
        **({} if data is None else {"sha256": hashlib.sha256(data).hexdigest()}),
        "checked_on": f"{datetime.now(UTC):%Y-%m-%d}",  # noqa: TID251 - the day of this machine
        "casegate": __version__,
        "command": command,
        "keys": trust.named_keys(),
    }
