"""Where tests write: in memory, where there is room for all of a run."""

import os
import shutil
from pathlib import Path

_SHARED = Path("/dev/shm")  # noqa: S108 - folders of our own are made in it
ENOUGH = 4 * 1024**3
"""Bytes that are free there."""


def memory() -> Path | None:
    """The folder whose files are in memory; None where there is none with room.

    What waits for a disk on which others write takes many times as long, and nothing that a test
    writes is to outlive the machine.
    """
    if not os.access(_SHARED, os.W_OK) or os.statvfs(_SHARED).f_flag & os.ST_NOEXEC:
        return None  # the tests run programs that they write
    return _SHARED if shutil.disk_usage(_SHARED).free > ENOUGH else None
