"""How the one person of a console at a member signs in: by a code that its host printed."""

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from gateway.console.access import Person

GOOD_FOR = timedelta(minutes=10)


class EntryCodes:
    """Codes for one person. The newest counts, once; threads share it."""

    def __init__(self, person: Person, now: Callable[[], datetime]) -> None:
        """No code counts yet."""
        self._person, self._now = person, now
        self._lock, self._code, self._until = Lock(), "", now()

    def draw(self) -> str:
        """A new code, in place of an earlier one."""
        with self._lock:
            self._code, self._until = secrets.token_urlsafe(32), self._now() + GOOD_FOR
            return self._code

    def enter(self, code: str) -> Person | None:
        """The person, if the code counts; it is used then."""
        with self._lock:
            same = hmac.compare_digest(code.encode(), self._code.encode())
            if not self._code or not same or self._now() >= self._until:
                return None
            self._code = ""
            return self._person
