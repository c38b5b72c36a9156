"""Chromium, as people look at pages: what axe-core says of them, and how wide they are."""

import json
import os
import secrets
import shutil
from base64 import b64encode
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.authenticator import Authenticator
from tests.programs import require

if TYPE_CHECKING:  # installed for the slow suites alone
    from playwright.sync_api import Browser, Page

AXE = Path(__file__).parent / "axe"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start the machine's Chromium without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - as above

    require("a page in a browser", "chromium")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # it refuses to start as root with one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[*sandbox, "--disable-dev-shm-usage"],
        )
        try:
            yield browser
        finally:
            browser.close()


def violations(page: "Page", axe: str, ignored: Collection[str] = ()) -> list[str]:
    """Run axe-core, of which ``axe`` is the source, and return the rules that the page breaks, but
    for those ``ignored``.

    It runs in a world of its own: the page's policy stays in force, and would refuse it else.
    """
    session = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = session.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]

    def evaluate(program: str) -> Any:
        asked = {"expression": program, "contextId": world}
        asked |= {"awaitPromise": True, "returnByValue": True}
        answer = session.send("Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    evaluate(axe)
    rules = {name: {"enabled": False} for name in ignored}
    options = {"runOnly": RULES, "rules": rules, "resultTypes": ["violations"]}
    found = evaluate(
        f"axe.run(document, {json.dumps(options)}).then(found =>"
        " found.violations.map(one => `${one.id}: ${one.nodes.map(node => node.html)}`))"
    )
    assert isinstance(found, list)
    return found


def scrolls_sideways(page: "Page") -> bool:
    """Tell whether the page is wider than the window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return width > 0


def add_authenticator(page: "Page", key: Authenticator | None = None, handle: str = "") -> None:
    """Give a page a device that keeps passkeys and verifies its person; with a ``key``, which it
    made before, whose person has this handle."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    if key is not None:
        pkcs8 = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        credential = {
            "credentialId": b64encode(secrets.token_bytes(16)).decode(),
            "isResidentCredential": True,
            "rpId": urlsplit(key.origin).hostname,
            "privateKey": b64encode(pkcs8).decode(),
            "userHandle": b64encode(handle.encode()).decode(),
            "signCount": 1,
        }
        added = {"authenticatorId": made["authenticatorId"], "credential": credential}
        session.send("WebAuthn.addCredential", added)
