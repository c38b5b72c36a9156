"""How persons sign in to a console at a member: each by a code that its host printed for them."""

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from gateway.console.access import Person

GOOD_FOR = timedelta(minutes=10)


class EntryCodes:
    """Codes for persons. The newest of each counts, once; threads share it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """No code counts yet."""
        self._now, self._lock = now, Lock()
        self._codes = dict[Person, tuple[str, datetime]]()

    def draw(self, person: Person) -> str:
        """A new code for a person, which ends an earlier one."""
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[person] = code, self._now() + GOOD_FOR
        return code

    def enter(self, code: str) -> Person | None:
        """The person whose code it is, if it counts; it is used then."""
        with self._lock:
            for person, (drawn, until) in self._codes.items():
                if hmac.compare_digest(code.encode(), drawn.encode()) and self._now() < until:
                    del self._codes[person]
                    return person
            return None
