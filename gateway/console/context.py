"""What a page of the console works with: the parts of the app, and who is signed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from flask import abort, current_app, g, request

from gateway.console import wording
from gateway.console.access import Access, Person, Persons
from gateway.console.session import BrowserSession, Sessions

SESSION_COOKIE = "__Host-casegate"
LANGUAGE_COOKIE = "__Host-casegate-language"

View = TypeVar("View", bound=Callable[..., Any])


class Log(Protocol):
    """The security log: one line for what was granted, refused, or failed."""

    def note(self, kind: str, **fields: Any) -> None:
        """Write what was granted."""

    def refuse(self, kind: str, **fields: Any) -> None:
        """Write a refusal."""

    def fail(self, kind: str, error: BaseException, **fields: Any) -> None:
        """Write where something unexpected happened."""


@dataclass(frozen=True)
class ConsoleContext:
    """The parts of the console. ``origin`` is its address, for good: browsers keep passkeys to it.

    ``simulated`` is the reference date that a demonstration set. ``answered`` hears of each answer,
    where anybody counts them: its route's template, method, status and seconds. ``enter`` is of a
    console at a member, where persons sign in by a code, and nobody by a passkey.
    """

    origin: str
    persons: Persons
    sessions: Sessions
    log: Log
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    simulated: date | None = None
    answered: Callable[[str, str, int, float], None] | None = None
    body_bytes: int = 256 * 1024
    enter: Callable[[str], Person | None] | None = None

    @property
    def host(self) -> str:
        """The host name to which passkeys are bound (rpId)."""
        return urlsplit(self.origin).hostname or ""

    @property
    def at_member(self) -> bool:
        """Tell whether it stands at a member's own machine, where nobody has a passkey."""
        return self.enter is not None


@dataclass(frozen=True)
class SignedIn:
    """Who is signed in, and what they may ask."""

    session: BrowserSession
    access: Access

    @property
    def person(self) -> Person:
        """The person of the session."""
        return self.session.person


def console() -> ConsoleContext:
    """The parts of the app of this request."""
    return cast(ConsoleContext, current_app.extensions["console"])


def signed_in() -> SignedIn:
    """Return who is signed in. Only for pages that ask for it: see `without_session`."""
    return cast(SignedIn, g.signed_in)


def without_session(view: View) -> View:
    """Let a page be seen by who is not signed in."""
    vars(view)["without_session"] = True
    return view


def say(key: str, **values: Any) -> str:
    """A text of the console in the language of the request."""
    return wording.say(key, g.language, **values)


def sent(name: str) -> str:
    """A field of the form that was sent; empty where it has none of that name."""
    return request.form.get(name, "")


def sent_key() -> str:
    """The idempotency key that a form drew: 400 for any other, which would be of no form."""
    try:
        return str(UUID(sent("key")))
    except ValueError:
        abort(400)


def following(found: Mapping[str, Any], query: Mapping[str, str]) -> str | None:
    """The query of a list's next page, which the interface names; None on the last one."""
    if found["next"] is None:
        return None
    named = dict(parse_qsl(urlsplit(found["next"]).query))
    return urlencode({**query, "after": named["after"]})
