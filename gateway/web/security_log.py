"""What goes to the operator instead of the audit log: refusals of nobody in particular, failures.

One JSON object a line. No token, no body, no path as it was sent, no name of a person: a line has
the request's id, the endpoint, the refusal, and the certificate's thumbprint where there is one.
Hostile callers can cause lines, so each kind has a budget; the next line tells what was left out.
"""

import json
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

LINES = 60
"""Lines a minute of one kind in one worker."""

GRANTED = 10
"""How many times as many lines of what was granted: who got a token is asked after a theft."""

FRAMES = 12
"""The innermost frames of a failure that are written."""


def failure_place(error: BaseException) -> str:
    """The kind of a failure and where it happened; its message may repeat what is secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} in {where}"


class SecurityLog:
    """Writes lines to a stream; threads share it."""

    def __init__(self, stream: TextIO, now: Callable[[], datetime], lines: int = LINES) -> None:
        """``lines`` is the budget of each kind of refusal or failure in a minute."""
        self._now = now
        self._lines = lines
        self._lock = Lock()
        self._minute = ""
        self._written: dict[str, int] = {}
        self._left_out: dict[str, int] = {}
        self._stream = stream

    def note(self, kind: str, **fields: Any) -> None:
        """Write what was granted, as a token issued, within a larger budget."""
        if (counted := self._counted(kind, GRANTED)) is not None:
            self._write("info", kind, {**fields, **counted})

    def refuse(self, kind: str, **fields: Any) -> None:
        """Write a refusal within its budget; beyond it, only count."""
        if (counted := self._counted(kind)) is not None:
            self._write("warning", kind, {**fields, **counted})

    def fail(self, kind: str, error: BaseException, **fields: Any) -> None:
        """Write where something unexpected happened, within the budget of its kind.

        Its message stays out: those of a database or a parser repeat the values they got.
        """
        if (counted := self._counted(kind)) is None:
            return
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
        where = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        self._write("error", kind, {"error": name, "where": where, **fields, **counted})

    def _counted(self, kind: str, times: int = 1) -> Mapping[str, Any] | None:
        """Return what a line says of its time, and of those that were left out before it.

        None where it is one too many in this minute.
        """
        at = self._now().isoformat(timespec="milliseconds")
        with self._lock:
            if at[:16] != self._minute:
                self._minute, self._written = at[:16], {}
            written = self._written.get(kind, 0)
            if written >= times * self._lines:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return None
            self._written[kind] = written + 1
            left_out = self._left_out.pop(kind, 0)
        return {"at": at, "left_out": left_out} if left_out else {"at": at}

    def _write(self, level: str, kind: str, fields: Mapping[str, Any]) -> None:
        """One line in one call, so that the lines of threads and processes do not mix."""
        self._stream.write(json.dumps({**fields, "event": kind, "level": level}) + "\n")
        self._stream.flush()


class LineBudget(logging.Filter):
    """Let pass so many lines of a level a minute; the next one that passes says how many did not.

    For the logs of processes: cut connections, failures and receivers that fail now and then are
    news to the operator and a weapon in hostile hands. Of an exception its place is written: its
    message may repeat what is secret.
    """

    def __init__(self, lines: int = LINES) -> None:
        """`lines` a minute of each level."""
        super().__init__()
        self._lines = lines
        self._minute = 0
        self._passed = Counter[int]()
        self._left_out = Counter[int]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is written."""
        minute, level = int(record.created // 60), record.levelno
        if minute != self._minute:
            self._minute = minute
            self._passed.clear()
        if self._passed[level] >= self._lines:
            self._left_out[level] += 1
            return False
        self._passed[level] += 1
        if record.exc_info and record.exc_info[1]:
            record.msg = f"{record.msg} ({failure_place(record.exc_info[1])})"
            record.exc_info = None
        if left_out := self._left_out.pop(level, 0):
            record.msg = f"{record.msg} ({left_out} such lines were left out)"
        return True
