"""The chapter of a member's life: from application to active, and stopped on an open connection."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.demo.stage import ADMINS, MEMBERS
from gateway.client import Gateway
from gateway.client.errors import ClientError
from gateway.domain.organisation import SCOPES
from gateway.evidence import base64url

if TYPE_CHECKING:
    from gateway.cli.demo.story import Story

NEWCOMER = "hotline-new"
ABROAD = MEMBERS[-1].slug

APPLICATION: dict[str, Any] = {
    "name": "A new hotline",
    "kind": "hotline",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "LU",
    "standing": "associate",
    "purposes": ["remove", "protect_child"],
    "about": "We answer the phone day and night.",
    "received_on": "2023-10-02",
    "contacts": [{"role": "head", "name": "Nobody", "address": "head@hotline.example"}],
}
RESOLUTION = {
    "decision_ref": "Board decision of 31 October 2023",
    "decided_on": "2023-10-31",
    "document_sha256": base64url.digest(b"the minutes of the demonstration's board"),
}
SEAT = {"standing": "associate", "from": "2023-10-31", "decision_ref": RESOLUTION["decision_ref"]}


class Membership:
    """How one comes in by two commands of its own, and how one is stopped."""

    def __init__(self, story: "Story") -> None:
        """Tell it within a story, while the gateway runs."""
        self._story = story

    def tell(self) -> None:
        """Tell both."""
        self._story.act("A new hotline: from application to its first case")
        self._decide()
        self._join()
        self._story.act("A member is suspended while its connection is open")
        self._suspend()

    def _decide(self) -> None:
        change = self._story.change
        change("organisation.apply", NEWCOMER, APPLICATION, f"recorded {NEWCOMER}'s application")
        decided = f"recorded that the board approved it ({RESOLUTION['decided_on']})"
        change("organisation.approve", NEWCOMER, RESOLUTION, decided)
        change("standing.grant", NEWCOMER, SEAT, f"gave {NEWCOMER} an associate's seat")
        system = {"system": "desk", "scopes": sorted(SCOPES)}
        change("system.register", NEWCOMER, system, f"registered {NEWCOMER}'s system")

    def _join(self) -> None:
        folder = self._story.stage.folder
        invitation, home = folder / "invitation.json", folder / NEWCOMER
        who = [word for person, _ in ADMINS for word in ("--as", person)]
        operator = ["admin", "--folder", str(self._story.stage.operator), *who]
        _run(*operator, "invitation", "make", NEWCOMER, "desk", "--out", str(invitation))
        self._story.note("the administrators make an invitation: good once, for 72 hours")
        _run("enroll", str(invitation), "--folder", str(home))
        self._story.note(f"{NEWCOMER}: casegate enroll: key, certificate, document key, first call")
        settings = home / "connection.toml"
        _run("conformance", "run", "--connection", str(settings), "--by", "intake-1")
        self._story.note(
            f"{NEWCOMER}: casegate conformance run: sends, receives, verifies, refuses"
        )
        reason = {"reason": "conformance passed"}
        self._story.change("organisation.activate", NEWCOMER, reason, f"activated {NEWCOMER}")
        with self._story.stage.client(NEWCOMER) as newcomer:
            found = newcomer.whoami()["organisation"]
        self._story.note(f"    {found['name']} takes part: {found['standing']}")

    def _suspend(self) -> None:
        reason = {"reason": "a key may be known"}
        with self._story.stage.client(ABROAD) as member:
            member.whoami()
            self._story.note(f"{ABROAD} is connected, its token holds")
            what = f"suspended {ABROAD}"
            self._story.change("organisation.suspend", ABROAD, reason, what)
            self._story.note(f"    its next request on that connection: {_refused(member)}")
            what = f"reinstated {ABROAD}"
            self._story.change("organisation.reinstate", ABROAD, reason, what)
        with self._story.stage.client(ABROAD) as member:
            member.whoami()
        self._story.note(f"    {ABROAD} works again")


def _refused(member: Gateway) -> str:
    try:
        member.whoami()
    except ClientError as refused:
        return f"refused ({refused})"
    raise RuntimeError("a suspended member was answered")


def _run(*words: str) -> None:
    """A command of ours, as a person types it."""
    command = [sys.executable, "-m", "gateway.cli", *words]
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} {' '.join(words[:2])}: {done.stderr}")
