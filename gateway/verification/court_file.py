"""What an auditor hands on: evidence, a table, a page to print and the log's checkpoint."""

import io
import shlex
import zipfile
from collections.abc import Iterable, Mapping

from gateway.evidence import canonical
from gateway.evidence.receipt import VerifiedReceipt
from gateway.verification import event_table, verifier
from gateway.verification.listing import CHECKPOINT, EVIDENCE, PAGE, TABLE
from gateway.verification.report_page import identify, name_of, render
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
