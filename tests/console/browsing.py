"""A console without a gateway behind it, and a browser with a passkey in front of it."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.test import TestResponse

from gateway.console.access import Person, PersonInvitation
from gateway.console.app import create_console_app
from gateway.console.context import ConsoleContext
from gateway.console.session import Sessions
from gateway.domain.refusals import InvalidInvitation
from gateway.evidence import base64url, passkey
from gateway.web.security_log import SecurityLog
from tests.authenticator import CONSOLE, PRESENT, VERIFIED, Authenticator


class _Compiled(dict[str, bytes], BytecodeCache):
    """The console's templates as they were compiled for the first app of this process."""

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self:
            bucket.bytecode_from_string(self[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()
OFFICER = Person("ofmin", "ofmin-if47")
WITH_KEY = 0x40


class Nothing:
    """An access that shows nothing."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def read(self, endpoint, query=None, /, **ids):
        return {"items": [], "next": None, "skipped": []}

    def reaches(self, *endpoints):
        return True


@dataclass
class Register:
    """Who may sign in, as a test says it."""

    keys: dict[Person, dict[str, passkey.Passkey]] = field(default_factory=dict)
    invitations: dict[str, PersonInvitation] = field(default_factory=dict)

    def passkeys(self, person):
        return self.keys.get(person, {})

    def access(self, person, session, kid):
        return Nothing(person) if kid in self.passkeys(person) else None

    def invitation(self, token):
        return self.invitations.get(token)

    def registration(self, person, jwk):
        by = "me" if person.organisation else person.name
        return passkey.draft("casegate-approval+passkey", jwk["kid"], {"iss": by, "aud": "it"})

    def register(self, token, jwk, statement, key):
        kid, registered = passkey.read_passkey(jwk)
        invitation = self.invitations.pop(token, None)
        if invitation is None:
            raise InvalidInvitation("the invitation was used")
        passkey.verify(
            statement,
            typ="casegate-approval+passkey",
            keys={kid: registered},
            audience="it",
            issuer="me",
        )
        self.keys.setdefault(invitation.person, {})[kid] = registered


class Console:
    """The app over a register, on a clock that tests move."""

    def __init__(self, folder, origin: str = CONSOLE, simulated: date | None = None) -> None:
        self.folder = folder
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
        self.drawn = 0
        self.register = Register()
        self.written = io.StringIO()
        self.sessions = Sessions(folder / "console.db", b"s" * 32, lambda: self.now)
        self.context = ConsoleContext(
            origin=origin,
            persons=self.register,
            sessions=self.sessions,
            log=SecurityLog(self.written, lambda: self.now),
            now=lambda: self.now,
            new_id=self._new_id,
            simulated=simulated,
        )
        self.show()

    def show(self, **changes: Any) -> None:
        """Make the app, after ``changes`` of its context."""
        self.context = replace(self.context, **changes)
        self.app = create_console_app(self.context)
        self.app.jinja_env.bytecode_cache = _COMPILED

    def _new_id(self) -> UUID:
        self.drawn += 1
        return UUID(int=self.drawn)

    def later(self, **ahead: float) -> None:
        self.now += timedelta(**ahead)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]

    def browser(self, person: Person = OFFICER) -> "Browser":
        """A browser whose person has a passkey."""
        made = Browser(self, Authenticator(origin=self.context.origin), person)
        kid, registered = passkey.read_passkey(made.device.jwk)
        self.register.keys.setdefault(person, {})[kid] = registered
        return made


class Browser:
    """Sends what a browser sends, from its own pages."""

    def __init__(self, console: Console, device: Authenticator, person: Person) -> None:
        self.console, self.device, self.person = console, device, person
        self.client = console.app.test_client()
        self.base = console.context.origin

    def get(self, path: str, **given: Any) -> TestResponse:
        return self.client.get(path, base_url=self.base, **given)

    def post(
        self, path: str, fields: Mapping[str, str] | None = None, **headers: str | None
    ) -> TestResponse:
        """``headers`` beside Origin and Sec-Fetch-Site, or instead of them; None leaves one out."""
        sent = {"Origin": self.base, "Sec_Fetch_Site": "same-origin", **headers}
        named = {name.replace("_", "-"): one for name, one in sent.items() if one is not None}
        return self.client.post(path, base_url=self.base, data=fields, headers=named)

    def send(self, page: TestResponse, action: str, /, **fields: str) -> TestResponse:
        """Send the form of a page, with its hidden fields."""
        return self.post(action, {**form(page, action), **fields})

    def sign_in(self, **changes: Any) -> TestResponse:
        """Sign in with the passkey; ``changes`` as the device takes them."""
        return self.send(self.get("/login"), "/login", credential=self.answer("/login", **changes))

    def answer(self, action: str, page: TestResponse | None = None, **changes: Any) -> str:
        """What the browser writes into ``credential`` of a form."""
        handle = changes.pop("handle", "/".join(self.person).encode())
        asked = changes.pop("asked", None) or options(page or self.get("/login"), action)
        made = self.device.answer(base64url.decode(asked["challenge"]), **changes)
        response = {**made, "userHandle": base64url.encode(handle)}
        return json.dumps({"id": "Y3JlZA", "type": "public-key", "response": response})

    def create(self, page: TestResponse, action: str, **changes: Any) -> str:
        """What it writes where a passkey is to be made."""
        asked = options(page, action)
        public = self.device.private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.device.flags = PRESENT | VERIFIED | WITH_KEY
        told = {"type": "webauthn.create", "data": lambda data: data + bytes(18) + b"cred"}
        made = self.device.answer(base64url.decode(asked["challenge"]), **{**told, **changes})
        self.device.flags = PRESENT | VERIFIED
        response = {**made, "publicKey": base64url.encode(der), "transports": ["internal"]}
        return json.dumps({"id": "Y3JlZA", "type": "public-key", "response": response})


def cookie(browser: Browser) -> str:
    """The token in the cookie of a browser's session; empty where it has none."""
    found = browser.client.get_cookie("__Host-casegate", browser.console.context.host)
    return "" if found is None else found.value


def form(page: TestResponse, action: str) -> dict[str, str]:
    """The hidden fields of the form of a page that is sent to an address."""
    body = re.search(rf'<form [^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert body, page.text
    return {
        name: unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', body[0])
    }


def make_passkey(browser: Browser, page: TestResponse, place: str) -> TestResponse:
    """Make a passkey on a page, and let it sign what it is asked to."""
    made = browser.create(page, f"{place}/passkey")
    page = browser.send(page, f"{place}/passkey", credential=made)
    proof = browser.answer(f"{place}/proof", page)
    return browser.send(page, f"{place}/proof", credential=proof)


def options(page: TestResponse, action: str) -> dict[str, Any]:
    """What the script of a page is told to ask the browser for."""
    asked = re.search(rf'action="{action}" data-passkey="\w+" data-options="([^"]*)"', page.text)
    assert asked, page.text
    return json.loads(unescape(asked[1]))
