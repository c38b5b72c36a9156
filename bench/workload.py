"""The fixed workload: one case of 2,126 bytes with a new id each time, and the requests around it.

Everything follows from a seed and the number of the run, so two runs of the bench send the same
bytes, except for tokens. Times and ids are constants too: only the day of erasure, which the
gateway holds against its clock, follows the year.
"""

import json
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

CASE_BYTES = 2126
SEED = 20_260_101

ORIGINATOR, RECIPIENT = "hotline-a", "police-office-b"
SYSTEM = "desk"
"""Two members, and what the system of each is called."""
MATTER, TERRITORY = "csam", "FR"

STAFF = ("analyst-1", "approver-2", "officer-3", "auditor-1")
"""The persons of both."""

SUBMIT, OFFER, ACCEPT, POST = "submit", "offer", "accept", "post"
"""Kinds of request: the three of a handoff, and the one that baselines take."""

HANDOFF = (SUBMIT, OFFER, ACCEPT)

_CASE_FILE = Path(__file__).with_name("case.json")
_START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_RUN_MS = 10_000_000  # ids of one run: more than it can use
_MARK = "00000000-0000-7000-8000-000000000000"  # where a request's own ids go; ids have one length
_MARK_2 = "00000000-0000-7000-8000-000000000001"


CONDITIONS: dict[str, Any] = {
    "tlp": "AMBER",
    "handling": [],
    "onward": "ask_originator",
    "permitted_actions": "ask_first",
    "purpose": ["investigate"],
    "erase_on": f"{time.gmtime().tm_year + 4}-01-01",
    "attribution": "may",
}
"""Of use: those of the offer, which an acceptance repeats."""


def case_content(case: str) -> dict[str, Any]:
    """The case of case.json under another id; its compact JSON has CASE_BYTES bytes."""
    text = _CASE_FILE.read_text(encoding="utf-8").replace(_MARK, case)
    content: dict[str, Any] = json.loads(text)
    content["marking"]["erase_on"] = CONDITIONS["erase_on"]
    sentence = "The page was seen online and its host was looked up. "
    missing = CASE_BYTES - len(_compact(content))
    content["statements"][0]["text"] = (sentence * CASE_BYTES)[: missing - 1] + "."
    return content


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


class Ids:
    """UUIDv7 whose time is a counter (RFC 9562 5.7): unique over all runs, in order."""

    def __init__(self, run: int) -> None:
        """Ids of one run; runs are numbered from 0."""
        self._moment = _START_MS + run * _RUN_MS
        self._random = Random(f"{SEED}/{run}")  # noqa: S311 - a workload, not a secret

    def __call__(self) -> str:
        """The next id."""
        self._moment += 1
        tail = self._random.getrandbits(62)
        return str(UUID(int=(self._moment << 80) | (7 << 76) | (2 << 62) | tail))


@dataclass(frozen=True)
class Request:
    """Bytes to send, what they ask, and the id of the thing that they make or move."""

    kind: str
    id: str
    data: bytes


@dataclass(frozen=True)
class Template:
    """A request with places for its own ids; all ids have one length, so Content-Length stands."""

    kind: str
    data: bytes

    def fill(self, id_: str, second: str = "") -> Request:
        """The request about ``id_``; a handoff's request also names its case, ``second``."""
        data = self.data.replace(_MARK.encode(), id_.encode())
        if second:
            data = data.replace(_MARK_2.encode(), second.encode())
        return Request(self.kind, id_, data)


def template(kind: str, host: str, path: str, body: Any, token: str | None) -> Template:
    """A POST of JSON; writes with a token carry a retry key made of kind and id."""
    content = _compact(body)
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    if token is not None:
        lines += [f"Authorization: Bearer {token}", f"Idempotency-Key: {kind}.{_MARK}"]
    return Template(kind, "\r\n".join([*lines, "", ""]).encode("ascii") + content)


def submission(case: str) -> dict[str, Any]:
    """The body of a submission: a case that its originator has assessed and cleared."""
    return {
        "by": "analyst-1",
        "content": case_content(case),
        "clearance": {
            "assessed_by": "analyst-1",
            "cleared_by": "approver-2",
            "confirmed_matches": [],
        },
    }


@dataclass
class Posts:
    """A flow for baselines: every connection posts submissions, one after the other."""

    ids: Ids
    post: Template

    @classmethod
    def of(cls, run: int, host: str) -> "Posts":
        """The posts of a run."""
        return cls(Ids(run), template(POST, host, "/cases", submission(_MARK), None))

    def next(self, _role: str) -> Request:
        """What a connection sends next."""
        return self.post.fill(self.ids())

    def done(self, request: Request) -> None:
        """Nothing follows from a post."""


@dataclass
class Handoffs:
    """A flow of whole handoffs: what one connection was answered is what another goes on with."""

    ids: Ids
    templates: dict[str, Template]
    to_offer: deque[str] = field(default_factory=deque)
    to_accept: deque[str] = field(default_factory=deque)

    @classmethod
    def of(cls, run: int, host: str, tokens: dict[str, str]) -> "Handoffs":
        """The handoffs of a run, with a token for each of the two organisations."""
        sender, receiver = tokens[ORIGINATOR], tokens[RECIPIENT]
        offer = {
            "handoff": _MARK,
            "by": "approver-2",
            "to": {"competence": {"matter": MATTER, "territory": TERRITORY}},
            "groups": ["basis", "items", "statements", "subjects", "classifications"],
            "purpose": ["investigate"],
        }
        acceptance = {"by": "officer-3", "conditions": CONDITIONS}
        templates = (
            template(SUBMIT, host, "/cases", submission(_MARK), sender),
            template(OFFER, host, f"/cases/{_MARK_2}/handoffs", offer, sender),
            template(ACCEPT, host, f"/handoffs/{_MARK}/acceptance", acceptance, receiver),
        )
        return cls(Ids(run), {one.kind: one for one in templates})

    def next(self, role: str) -> Request | None:
        """What a connection of an organisation sends next; None: it has to wait for another."""
        if role == RECIPIENT:
            return self.templates[ACCEPT].fill(self.to_accept.popleft()) if self.to_accept else None
        if not self.to_offer:
            return self.templates[SUBMIT].fill(self.ids())
        return self.templates[OFFER].fill(self.ids(), self.to_offer.popleft())

    def done(self, request: Request) -> None:
        """Go on from a request that was answered well."""
        if request.kind == SUBMIT:
            self.to_offer.append(request.id)
        elif request.kind == OFFER:
            self.to_accept.append(request.id)


def filled_id(number: int, kind: int) -> UUID:
    """The id of what a filled store holds, in order of ``number``: before those of any run."""
    moment = _START_MS - 1_000_000_000 + number
    return UUID(int=(moment << 80) | (7 << 76) | (2 << 62) | kind)
