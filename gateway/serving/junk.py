"""Floods of warnings about connections that are no requests: counted, not written."""

import logging

JUNK_LINES = 60  # log lines a minute of one worker


class JunkFilter(logging.Filter):
    """Let pass so many warnings a minute; the next one that passes says how many did not.

    Refused handshakes and cut connections are news to the operator and a weapon in hostile hands.
    """

    def __init__(self, lines: int = JUNK_LINES) -> None:
        """`lines` a minute."""
        super().__init__()
        self._lines = lines
        self._minute = 0
        self._passed = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written; errors always are."""
        if record.levelno != logging.WARNING:
            return True
        minute = int(record.created // 60)
        if minute != self._minute:
            self._minute, self._passed = minute, 0
        if self._passed >= self._lines:
            self._left_out += 1
            return False
        self._passed += 1
        if self._left_out:
            record.msg = f"{record.msg} ({self._left_out} such lines were left out)"
            self._left_out = 0
        return True
