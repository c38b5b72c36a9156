"""Waiting for what another thread or process does, however long a busy machine takes for it."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 120


def until(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """What a look finds, once it finds something."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)
    return found
