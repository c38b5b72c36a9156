"""`python -m bench.inside`: what one request costs in one thread, without TLS, server and queue.

The partners' app is asked in this process, over real databases on disk, and the processor time of
this thread is taken. It also tells what starting costs, and the memory of a running gateway.

What a request passes through of our code, and what it sends to the databases, is counted as well.
It is the same on every machine: where it is more than `MOST`, the exit status is 1. So it is where
a submission in a batch costs more than `BATCH_MOST` of a single one, beside which it is measured.

`--cases` fills the store first, as it is after years. Each filled case is the copy of one that went
through the gateway, under ids and a digest of its own, kept by the store as everything is kept.
Only the signatures are of another case: what opens one would see that, and none is opened. So
`casegate doctor` finds the store whole, and its time is measured, too.
"""

import contextlib
import hashlib
import io
import json
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import mean
from types import CodeType, FrameType
from typing import Any, NamedTuple
from uuid import UUID

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask

from bench import machine
from bench.baselines import LEAN_FILE, bare_app, lean_app, lean_database
from bench.servers import NotStarted, Site, gateway_process, opened, register_key, site
from bench.workload import (
    CONDITIONS,
    HANDOFF,
    ORIGINATOR,
    RECIPIENT,
    SYSTEM,
    Handoffs,
    Posts,
    filled_id,
    submission,
)
from gateway import apps, wiring
from gateway.client.signing import DocumentSigner
from gateway.domain.audit import CaseId
from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.domain.case import Case
from gateway.domain.duty import DutyKind, begin
from gateway.domain.handoff import Handoff, HandoffAnswer
from gateway.domain.searched_item import SearchedKind, keyed
from gateway.evidence import base64url, sd_jwt
from gateway.exchange.lifecycle import erasure
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.values import CaseVersion, HandoffFilter
from gateway.keys import KeyPurpose, load_key
from gateway.maintenance.comparison import compare_registry
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.store.transaction import SqliteConnection

_BATCH = 200  # filled cases of one transaction
_FEWER = 10  # times as few reads as writes
_BATCHED = 20  # submissions of one batch, which share a commit
_ERASED = 1_000  # cases after which erasure has been measured
PAGES = {
    "GET /cases, 20": (ORIGINATOR, "/cases?limit=20"),
    "GET /cases, that fit nothing": (ORIGINATOR, "/cases?state=closed"),
    "GET /handoffs, 20": (RECIPIENT, "/handoffs?box=in&limit=20"),
    "GET /handoffs, of one": (RECIPIENT, f"/handoffs?counterpart={ORIGINATOR}&state=closed"),
    "GET /events, 100": (ORIGINATOR, "/events?limit=100"),
    "GET /worklist, 100": (RECIPIENT, "/worklist?limit=100"),
}
FITS_NOTHING: Mapping[str, Mapping[str, Any]] = {
    "search by person": {"person": "nobody-1"},
    "search by action": {"actions": ["succession.approve"]},
    "search by member": {"organisation": "nobody"},
}


@dataclass(frozen=True)
class _Socket:
    """A connection as far as the app looks at it: whose certificate was shown."""

    certificate: bytes

    def getpeercert(self, binary_form: bool) -> bytes:
        return self.certificate


class _Nowhere(io.TextIOBase):
    """Where the app's log goes."""

    def write(self, text: str) -> int:
        return len(text)


class Inside:
    """The partners' app of a gateway in this process, and two members who ask it."""

    def __init__(self, made: Site, gateway: wiring.GatewayRuntime) -> None:
        """Ask for a token for each member."""
        with contextlib.redirect_stderr(_Nowhere()):
            self.app = apps.make_app(apps.Audience.PARTNERS, gateway)
        self._sockets = {}
        for member in (ORIGINATOR, RECIPIENT):
            pem = (made.stage.folder / member / "certificate.pem").read_bytes()
            leaf = x509.load_pem_x509_certificates(pem)[0]
            self._sockets[member] = _Socket(leaf.public_bytes(Encoding.DER))
        self.flow = Handoffs.of(0, "localhost", dict.fromkeys(self._sockets, ""))
        self.renew()

    def renew(self) -> None:
        """Go on with new tokens: filling a large store, or searching it, may outlast them."""
        self.tokens = {member: self.token(member)[1] for member in self._sockets}
        self.flow.templates = Handoffs.of(0, "localhost", self.tokens).templates

    def call(self, member: str, path: str, body: bytes | None = None, **fields: str) -> Any:
        """Ask as a member: microseconds and the answer's JSON; NotAnswered when refused."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        shown = {"gunicorn.socket": self._sockets[member]}
        took, answer = machine.call(self.app, path, headers, body, **shown)
        return took, json.loads(answer)

    def token(self, member: str) -> tuple[float, Any]:
        """A new token of a member's system."""
        form = f"grant_type=client_credentials&client_id={member}.{SYSTEM}".encode()
        kind = "application/x-www-form-urlencoded"
        took, answer = self.call(member, "/oauth/token", form, Content_Type=kind)
        return took, str(answer["access_token"])

    def ask(self, member: str, path: str, body: bytes | None = None, **fields: str) -> Any:
        """The same with the member's token."""
        token = f"Bearer {self.tokens[member]}"
        return self.call(member, path, body, Authorization=token, **fields)

    def handoff(
        self,
        notes: Mapping[str, Callable[..., None]] | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> dict[str, float]:
        """Microseconds of each request of one whole handoff; ``after`` is called after each.

        Of ``notes`` that of its kind hears of each call in it, as `sys.setprofile` tells it.
        """
        took: dict[str, float] = {}
        for member in (ORIGINATOR, ORIGINATOR, RECIPIENT):
            request = self.flow.next(member)
            assert request is not None  # noqa: S101 - what it would wait for was answered
            head, _, body = request.data.partition(b"\r\n\r\n")
            first, *lines = head.decode("ascii").split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines)
            sys.setprofile(notes[request.kind] if notes else None)
            try:
                took[request.kind], _ = self.call(member, first.split()[1], body, **fields)
            finally:
                sys.setprofile(None)
            self.flow.done(request)
            after()
        return took

    def submit(self, count: int = 1) -> float:
        """Microseconds of each of so many submissions; of more than one, in a batch."""
        asked = [(str(wiring.new_id()), submission(str(wiring.new_id()))) for _ in range(count)]
        if count == 1:
            ((key, one),) = asked
            body, fields = json.dumps(one).encode(), {"Idempotency_Key": key}
            took, _ = self.ask(
                ORIGINATOR, "/cases", body, Content_Type="application/json", **fields
            )
            return float(took)
        requests_ = [{"key": key, "body": one} for key, one in asked]
        body = json.dumps({"requests": requests_}).encode()
        took, answer = self.ask(
            ORIGINATOR, "/batches/submissions", body, Content_Type="application/json"
        )
        if any(one["status"] != 201 for one in answer["results"]):
            raise machine.NotAnswered(json.dumps(answer["results"])[:200])
        return float(took) / count

    def search_item(self) -> float:
        """Microseconds of the originator's search for an item that one filled case has."""
        asked = {"by": "analyst-1", "reason_code": "quality", "reason": "measured"}
        asked["url"] = "https://Files.example.org/filled/7#part"
        body, key = json.dumps(asked).encode(), str(wiring.new_id())
        fields = {"Content_Type": "application/json", "Idempotency_Key": key}
        return float(self.ask(ORIGINATOR, "/items/searches", body, **fields)[0])

    def search(self, filters: Mapping[str, Any]) -> float:
        """Microseconds of an audit search with its first page, until it has looked at all."""
        search: dict[str, Any] = {"by": "auditor-1", "reason_code": "security", "reason": "bench"}
        took, search["filters"] = 0.0, filters
        while True:
            body, key = json.dumps(search).encode(), str(wiring.new_id())
            asked, answer = self.ask(RECIPIENT, "/audit/searches", body, Idempotency_Key=key,
                                     Content_Type="application/json")  # fmt: skip
            took += float(asked)
            found = answer["result"]
            if found["pages"]:
                took += float(self.ask(RECIPIENT, f"/audit/searches/{found['search']}")[0])
            if not (following := found.get("next")):
                return took
            search["next"] = following


@contextlib.contextmanager
def inside(database: str = "sqlite") -> Iterator[tuple[Inside, Site, wiring.GatewayRuntime]]:
    """A site, and its gateway in this process."""
    with site(database) as made:
        today = wiring.now().date()
        days = {"from": str(today), "until": str(today + timedelta(days=300))}
        access = {"coverage": "all", "decision_ref": "bench", **days}
        made.stage.administer("audit_access.grant", RECIPIENT, access)
        with opened(made.stage.operator) as gateway:
            yield Inside(made, gateway), made, gateway


class Walk(NamedTuple):
    """What one request passes through, from HTTP to SQL.

    Of our own code ``functions`` that have a name, in ``files``, so ``depth`` inside one another:
    who reads it must. ``statements`` are all that the databases are sent, that of the keys
    included; ``round_trips`` are the waits for an answer of PostgreSQL.
    """

    statements: int
    round_trips: int
    functions: int
    files: int
    depth: int


MOST: Mapping[str, Mapping[str, int]] = {
    "submit": {"statements": 13, "round_trips": 11, "functions": 330},
    "offer": {"statements": 16, "round_trips": 11, "functions": 347},
    "accept": {"statements": 17, "round_trips": 14, "functions": 285},
}
"""What a request may pass through at most. On PostgreSQL round trips alone count: locks are
statements, too, and go in the message of what they are for."""

BATCH_MOST = 0.55
"""What a submission in a batch of twenty may cost, to a single one of the same run."""


MOST_GROWTH = 1.3
"""What a request, a list or a search may cost with `GROWN` cases, to one with the fewest."""
GROWN = 100_000
MOST_OF_DOCTOR = 4e6
"""Microseconds of `casegate doctor` with `GROWN` cases, once maintenance proved the rows."""


class _Follower:
    """Follows one request; what it finds is the same on every machine."""

    _ours = str(Path(wiring.__file__).parent)

    def __init__(self) -> None:
        self._seen = set[CodeType]()
        self._depth = self._deepest = self._statements = self._round_trips = 0

    def note(self, frame: FrameType, event: str, called: Any) -> None:
        """Hear of a call, as `sys.setprofile` tells it."""
        if event == "c_call":
            run = isinstance(getattr(called, "__self__", None), SqliteConnection)
            self._statements += run and called.__name__ in ("execute", "executemany")
        elif event in {"call", "return"}:
            self._pass(frame.f_code, 1 if event == "call" else -1)

    def _pass(self, code: CodeType, step: int) -> None:
        if step > 0 and code.co_filename.endswith("postgresql_connection.py"):
            self._statements += code.co_qualname == "BoundedConnection.send"
            self._round_trips += code.co_qualname == "BoundedConnection.wait"
        if code.co_filename.startswith(self._ours):
            self._depth += step
            self._deepest = max(self._deepest, self._depth)
            self._seen.add(code)

    def found(self) -> Walk:
        """What the request passed through."""
        passed = {(one.co_filename, one.co_qualname) for one in self._seen}
        named = [name for _, name in passed if not name.endswith(">")]
        files = {file for file, _ in passed}
        return Walk(self._statements, self._round_trips, len(named), len(files), self._deepest)


def walk(app: Inside) -> dict[str, Walk]:
    """Follow each request of one handoff."""
    followers = {kind: _Follower() for kind in HANDOFF}
    app.handoff({kind: one.note for kind, one in followers.items()})
    return {kind: one.found() for kind, one in followers.items()}


def beyond(walked: Mapping[str, Walk]) -> list[str]:
    """What is more than it may be, as sentences."""
    return [
        f"{kind}: {found} {name.replace('_', ' ')}, {most} at most"
        for kind, bounds in MOST.items()
        for name, most in bounds.items()
        if (found := getattr(walked[kind], name)) > most
        and (name == "round_trips" or not walked[kind].round_trips)
    ]


def batched(app: Inside, rounds: int) -> dict[str, float]:
    """Typical microseconds of a submission, alternately single and in a batch."""
    pairs = [(app.submit(), app.submit(_BATCHED)) for _ in range(max(10, rounds // _FEWER))]
    names = ("submit, beside batches", f"submit, in a batch of {_BATCHED}")
    return {
        name: machine.typical(one)
        for name, one in zip(names, zip(*pairs, strict=True), strict=True)
    }


def beyond_single(figures: Mapping[str, float]) -> list[str]:
    """Whether a batch is dearer than it may be, as a sentence."""
    single, batch = figures["submit, beside batches"], figures[f"submit, in a batch of {_BATCHED}"]
    if batch <= BATCH_MOST * single:
        return []
    return [f"submit in a batch: {batch / single:.2f} of a single one, {BATCH_MOST} at most"]


def handoffs(
    app: Inside, rounds: int, beside: Mapping[str, Callable[[], float]] | None = None
) -> dict[str, float]:
    """Typical microseconds of each request of a handoff, and of a token.

    What is ``beside`` it is asked once after each, so that both are disturbed alike, and find the
    caches of the processor as cold: what is asked ten times running costs a fifth less.
    """
    times: dict[str, list[float]] = {}

    def ask_beside() -> None:
        for name, ask in (beside or {}).items():
            times.setdefault(name, []).append(ask())

    for _ in range(rounds):
        took_of = app.handoff(after=ask_beside) | {"token": app.token(ORIGINATOR)[0]}
        for kind, took in took_of.items():
            times.setdefault(kind, []).append(took)
    return {kind: machine.typical(took) for kind, took in times.items()}


def fill(ports: Ports, recipient: str, cases: int, filled: Callable[[int], Any]) -> None:
    """Add cases, each offered to ``recipient``; ``filled`` hears how many each transaction added.

    Raises LookupError when it was offered none before, through the gateway.
    """
    pattern = _pattern(ports, recipient)
    for first in range(0, cases, _BATCH):
        numbers = range(first, min(first + _BATCH, cases))
        with ports.begin(TransactionMode.WRITE) as work:
            for number in numbers:
                case, version, handoff, offer = _copy(pattern, number)
                work.cases.add(case, version)
                work.items.put(
                    case.originator,
                    CaseId(case.originator, case.id),
                    case.id,
                    version.version,
                    [keyed(SearchedKind.URL, f"http://files.example.org/filled/{number}")],
                )
                by = (Party(case.originator, "actor"),)
                who = {"assessors": (case.assessed_by,), "cleared_by": case.cleared_by}
                work.log.record(_event("case.submit", version.event, version.digest, by, **who))
                work.handoffs.add(handoff, offer)
                due = handoff.due_at or offer.at
                owed = begin(handoff, DutyKind.ANSWER, offer.event, offer.at, due)
                work.duties.add(owed)
                parties = Party(case.originator, "originator"), Party(recipient, "recipient")
                work.log.record(
                    replace(
                        _event("handoff.offer", offer.event, version.digest, parties),
                        handoff=handoff.id,
                        package_digest=handoff.package_digest,
                    )
                )
            work.commit()
        filled(len(numbers))


_Pattern = tuple[Case, CaseVersion, Handoff, HandoffAnswer]


def _pattern(ports: Ports, recipient: str) -> _Pattern:
    with ports.begin(TransactionMode.READ) as work:
        for handoff in work.handoffs.page(recipient, "in", HandoffFilter(), None, 1):
            case = work.cases.get(handoff.originator, handoff.case)
            version = work.cases.version(handoff.case_digest)
            if case is not None and version is not None:
                return case, version, handoff, work.handoffs.answers(handoff.id)[0]
    raise LookupError("no handoff to copy: let one through the gateway first")


def _copy(pattern: _Pattern, number: int) -> _Pattern:
    case, version, handoff, offer = pattern
    case_id, handoff_id, submitted, offered = (filled_id(number, kind) for kind in range(4))
    digest = base64url.encode(hashlib.sha256(case_id.bytes).digest())
    document = _claiming(offer.document, handoff=str(handoff_id), case_digest=digest)
    return (
        replace(case, id=case_id, originator_ref=str(case_id), digest=digest,
                cleared_digest=digest, revision=1),
        replace(version, case=case_id, digest=digest, event=submitted),
        replace(handoff, id=handoff_id, case=case_id, case_digest=digest, state=offer.state,
                offer_digest=sd_jwt.stored_claims(document)[0], sequence=offer.sequence,
                accepted_groups=None, held=0, held_under=None,
                due_at=offer.at + timedelta(days=7)),
        replace(offer, handoff=handoff_id, event=offered, document=document),
    )  # fmt: skip


def _claiming(document: str, **claims: str) -> str:
    """A document that claims something else, under the signature of before."""
    signed, *disclosures = document.split("~")
    header, payload, signature = signed.split(".")
    members = json.loads(base64url.decode(payload)) | claims
    changed = base64url.encode(json.dumps(members, separators=(",", ":")).encode())
    return "~".join((f"{header}.{changed}.{signature}", *disclosures))


def _event(
    action: str, event: UUID, digest: str, parties: tuple[Party, ...], **details: Any
) -> AuditEvent:
    readers = frozenset({parties[0].organisation})
    said = {"by": "approver-2", **details}
    return AuditEvent(
        id=event,
        action=action,
        result=EventResult.ALLOWED,
        parties=parties,
        details=tuple(EventDetail(name, value, readers) for name, value in said.items()),
        case_digest=digest,
    )


def erase(ports: Ports) -> float:
    """Microseconds of the erasure of one case on its day, the keys destroyed, as maintenance does.

    The clock is put past the day on which all of them end.
    """
    after = datetime.fromisoformat(CONDITIONS["erase_on"]).replace(tzinfo=UTC, day=2)
    late, erased, began = replace(ports, now=lambda: after), 0, time.thread_time_ns()
    while erased < _ERASED and (cases := erasure.erase_due(late)):
        erased += cases
    return (time.thread_time_ns() - began) / 1000 / erased


def requests(database: str, cases: int, rounds: int) -> tuple[dict[str, float], dict[str, Walk]]:
    """Typical microseconds of each kind of request, with so many cases in the store before."""
    with inside(database) as (app, made, gateway):
        app.handoff()
        if cases:
            with click.progressbar(
                length=cases, label=f"filling in {cases:,}", file=sys.stderr
            ) as bar:
                fill(gateway.ports, RECIPIENT, cases, bar.update)
            app.renew()
        with contextlib.closing(lean_database(made.stage.folder / LEAN_FILE)) as lean:
            beside = {
                "BARE beside it": _baseline(bare_app()),
                "LEAN beside it": _baseline(lean_app(lean)),
            }
            figures = handoffs(app, rounds, beside)
        walked = walk(app)
        figures["mean of the three"] = mean(figures[kind] for kind in HANDOFF)
        before = machine.family_seconds(*made.databases)
        for _ in range(rounds):
            app.handoff()
        spent = machine.family_seconds(*made.databases) - before
        figures["PostgreSQL beside it"] = spent / rounds / len(HANDOFF) * 1e6
        figures |= batched(app, rounds)
        signed = _signed(made, gateway.config.issuer)
        measures: dict[str, Callable[[], float]] = {
            "submit, signed": lambda: app.ask(
                ORIGINATOR, "/cases", signed(), Content_Type="application/sd-jwt"
            )[0],
            **{name: partial(_page, app, *page) for name, page in PAGES.items()},
            "search by item": app.search_item,
            **{name: partial(app.search, filters) for name, filters in FITS_NOTHING.items()},
        }
        for name, measure in measures.items():
            app.renew()
            times = max(5, rounds // _FEWER)
            figures[name] = machine.typical(measure() for _ in range(times))
        figures |= doctor(made, gateway)
        figures["erasure of a case"] = erase(gateway.ports)
        return figures, walked


def grown(columns: Mapping[int, Mapping[str, float]]) -> list[str]:
    """What a store of up to `GROWN` cases makes dearer than it may, as sentences."""
    least, told = columns[min(columns)], []
    alike = (*HANDOFF, "token", "submit, signed", *PAGES, "search by item", *FITS_NOTHING)
    for cases in sorted(columns):
        figures = columns[cases]
        if cases > GROWN:
            continue
        told += [
            f"{name}: {figures[name] / least[name]:.2f} times with {cases:,} cases, {MOST_GROWTH} "
            "at most"
            for name in alike
            if figures[name] > MOST_GROWTH * least[name]
        ]
        if figures["doctor, from the proved"] > MOST_OF_DOCTOR:
            told.append(f"casegate doctor with {cases:,} cases: more than 4 s of processor time")
    return told


def doctor(made: Site, gateway: wiring.GatewayRuntime) -> dict[str, float]:
    """Processor microseconds of `casegate doctor` before and after maintenance proved the rows.

    Raises NotAnswered when they are not found whole.
    """
    command = ("doctor", "--home", str(gateway.config.folder))
    whole = once(*command)
    upkeep = Maintenance(gateway, wiring.IssuingAuthority(gateway.config), TIMETABLE)
    report = compare_registry(upkeep, gateway.ports.now())
    if report.alarms:
        raise machine.NotAnswered("; ".join(report.alarms[:3]))
    return {"doctor, the whole": whole, "doctor, from the proved": once(*command)}


def _baseline(app: Flask) -> Callable[[], float]:
    """A post to a baseline in this thread, and its microseconds: by them machines compare."""
    flow, headers = Posts.of(0, "localhost"), {"Content-Type": "application/json"}

    def post() -> float:
        body = flow.next("").data.partition(b"\r\n\r\n")[2]
        return float(machine.call(app, "/cases", headers, body)[0])

    return post


def _page(app: Inside, member: str, path: str) -> float:
    return float(app.ask(member, path)[0])


def _signed(made: Site, issuer: str) -> Callable[[], bytes]:
    """New cases that their originator signed itself."""
    author = DocumentSigner(
        issuer,
        ORIGINATOR,
        load_key(register_key(made.stage), KeyPurpose.DOCUMENT),
        wiring.now,
        wiring.new_id,
        secrets.token_bytes,
    )
    return lambda: author.case(submission(str(wiring.new_id()))).compact().encode()


def start_up(*arguments: str) -> float:
    """Processor microseconds of a command of the product: the least of six."""
    return min(once(*arguments) for _ in range(6))


def once(*arguments: str) -> float:
    """The same of one run; the command may find something wrong."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "gateway", *arguments]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - our own command
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent * 1e6


def memory() -> list[tuple[str, float]]:
    """Megabytes of each process of `casegate run`; pages that they share count by their share."""
    with site() as made, gateway_process(made.stage) as supervisor:
        time.sleep(5)  # until every worker stands
        return [
            (" ".join(machine.command(pid)[-2:]), machine.proportional_megabytes(pid))
            for pid in sorted(machine.family(supervisor))
        ]


@click.command()
@click.option(
    "--cases",
    "levels",
    type=click.IntRange(0),
    multiple=True,
    default=(0,),
    show_default=True,
    help="Cases that the store is filled with first; repeat it to see what growth costs.",
)
@click.option("--rounds", type=click.IntRange(20), default=200, show_default=True)
@click.option(
    "--db",
    "database",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
)
def bench(levels: tuple[int, ...], rounds: int, database: str) -> None:
    """Print processor microseconds: of a request in one thread, of starting; memory in MB.

    Exit code 1 when a request passes through more than it may, or a batch, or a store of up to
    100,000 cases, makes one dearer than it may be; 2 when nothing could be measured.
    """
    try:
        found = {cases: requests(database, cases, rounds) for cases in sorted(set(levels))}
        processes = memory()
    except (NotStarted, machine.NotAnswered) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)
    columns = {cases: figures for cases, (figures, _) in found.items()}
    walked = found[min(found)][1]
    click.echo(f"{machine.describe()}, {database}\n")
    click.echo(f"{'CPU us, with so many cases':26}" + "".join(f"{n:>12,}" for n in columns))
    for name in columns[min(columns)]:
        values = "".join(f"{figures[name]:12,.0f}" for figures in columns.values())
        click.echo(f"{name:26}{values}")
    for cases, figures in columns.items():
        ratio = figures["mean of the three"] / figures["LEAN beside it"]
        click.echo(f"mean of the three to LEAN, with {cases:,} cases: {ratio:.2f}")
    for kind, one in walked.items():
        click.echo(
            f"{kind:10}{one.statements:3} statements,{one.round_trips:3} round trips,"
            f"{one.functions:4} functions of{one.files:3} files, {one.depth} deep"
        )
    for arguments in (("--help",), ("verify", "--help")):
        click.echo(f"casegate {' '.join(arguments):17}{start_up(*arguments):12,.0f}")
    click.echo(f"\nmemory of casegate run {sum(size for _, size in processes):15,.0f} MB")
    for name, size in processes:
        click.echo(f"    {name:22}{size:12,.0f}")
    if more := [*beyond(walked), *beyond_single(columns[min(columns)]), *grown(columns)]:
        click.echo("\n" + "\n".join(more), err=True)
        sys.exit(1)


if __name__ == "__main__":
    bench()
