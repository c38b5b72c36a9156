"""`casegate audit`: streams, copies of the log, searches."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import click

from gateway import files, keys
from gateway.cli import arguments, output, page
from gateway.cli.arguments import CONNECTION_FILE
from gateway.cli.failure import OutputNotWritten
from gateway.cli.partner_command import EPILOG, Failure, connected, partner_command, search_options
from gateway.cli.verify import (
    TRUST_FOLDER,
    language_option,
    page_option,
    report_command,
    trust_options,
)
from gateway.client import (
    AuditedEvent,
    AuditFilters,
    ClientError,
    Gateway,
    GatewayUnavailable,
    RecordedSearch,
)
from gateway.client.errors import raising
from gateway.client.gateway import now
from gateway.client.mirror import CosignedFile, Mirror, MirrorProgress, PublicLog
from gateway.domain.audit import CaseId, CaseReference
from gateway.domain.audit_event import ACTION_OF, READABLE_EVENTS, EventResult
from gateway.domain.audit_topics import AuditTopic, count
from gateway.domain.json_values import to_json
from gateway.domain.organisation import NAME, witness_name
from gateway.evidence import bundle, canonical
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import MAX_BYTES as MAX_RECEIPT_BYTES
from gateway.evidence.sd_jwt import MAX_TEXT
from gateway.keys import KeyPurpose
from gateway.ledger.cosignature import Cosigner
from gateway.text import catalogue
from gateway.text import month as texts
from gateway.text.numbers import pluralise
from gateway.verification import (
    account,
    court_file,
    coverage,
    event_table,
    history,
    listing,
    log_copy,
)
from gateway.verification.report import InputFile, VerificationReport
from gateway.verification.stream import of_page, verify_stream
from gateway.verification.trust import TrustAnchors


@click.group()
def audit() -> None:
    """Check event streams, copy and check logs, search events."""


# --- `casegate audit check-stream`: whether receipts are all of an organisation's events ---


MAX_PAGE_BYTES = 256 * 1024 * 1024
"""A stream in one file is read as a whole; a longer one is kept in a folder."""


@report_command(
    audit,
    "check-stream",
    click.argument("stream", metavar="DIR|FILE", type=arguments.PLACE),
    click.option(
        "--log",
        "folder",
        type=arguments.FOLDER,
        help="A copy of the log, with which all that was signed is compared.",
    ),
)
def check_stream(stream: Path, trust: TrustAnchors, folder: Path | None) -> VerificationReport:
    """Prove that receipts are all of an organisation's events.

    DIR holds what `casegate event list --out-dir DIR` kept, or what a party handed over: receipts
    (*.json) and the gateway's statements of the stream's end (*.sd-jwt), all that you have. FILE
    is what `casegate event list --json` printed.

    Example: casegate audit check-stream receipts --trust trust
    """
    copy = None
    if folder is not None:
        report, copy = log_copy.check_copy(arguments.reader(folder), trust)
        if copy is None:
            return report
    return _of_stream(stream, lambda heads, found: verify_stream(heads, found, trust, copy))


@report_command(
    audit,
    "coverage",
    click.argument("case", type=click.UUID),
    click.option(
        "--stream",
        "place",
        required=True,
        metavar="DIR|FILE",
        type=arguments.PLACE,
        help="The complete stream of the case's originator, as check-stream takes it.",
    ),
    click.option(
        "--evidence",
        "files",
        multiple=True,
        metavar="BUNDLE",
        type=output.Input(bundle.MAX_BYTES + 1),
        help="The bundle of a handoff: what its holder declared. May be repeated.",
    ),
)
def cover(
    case: UUID, place: Path, files: tuple[bytes, ...], trust: TrustAnchors
) -> VerificationReport:
    """Say who has answered a recall of CASE, offline.

    It is computed from the originator's own events, once these are proved to be all: what each
    holder answered after the recall, what it owes, and what is late; with --evidence also what it
    declared of its copies.

    Example: casegate audit coverage 0198... --stream receipts --trust trust
    """
    with raising(click.UsageError, "--evidence"):
        answers = [one for file in files for one in bundle.parse(file).answers]
    return _of_stream(
        place,
        lambda heads, found: coverage.verify_coverage(heads, found, trust, str(case), answers),
    )


def _of_stream(
    place: Path,
    verify: Callable[[Sequence[InputFile], Iterable[InputFile]], VerificationReport],
) -> VerificationReport:
    """Return what a check says of a stream in a folder, or in one file."""
    try:
        if place.is_dir():
            statements = list(_parts(place, "*.sd-jwt", MAX_TEXT))
            return verify(statements, _parts(place, "*.json", MAX_RECEIPT_BYTES))
        with raising(click.UsageError, f"{place} is not a stream of events"):
            page = of_page(output.read_start(str(place), MAX_PAGE_BYTES + 1))
        return verify(*page)
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {error.strerror}") from error


def _parts(folder: Path, form: str, longest: int) -> Iterator[InputFile]:
    for file in sorted(folder.glob(form)):
        yield InputFile(file.name, output.read_start(str(file), longest + 1))


# --- `casegate audit account`: what an auditor was shown, against a copy of the whole log ---


@report_command(
    audit,
    "account",
    click.argument("shown", metavar="FILE|DIR...", nargs=-1, required=True, type=arguments.PLACE),
    click.option(
        "--log",
        "folder",
        required=True,
        type=arguments.FOLDER,
        help="A copy of the log, as casegate audit mirror makes it.",
    ),
    documents=False,
)
def take_account(shown: tuple[Path, ...], trust: TrustAnchors, folder: Path) -> VerificationReport:
    """Count what you were shown of the whole log.

    FILE is what `casegate audit search --json` or `casegate event list --json` printed, DIR what
    `casegate audit export` wrote, or holds receipts (*.json). Exit status 15 means that entries are
    not shown.

    \b
    Example: casegate audit account shown.json --log mirror \\
        --trust trust
    """
    report, copy = log_copy.check_copy(arguments.reader(folder), trust)
    if copy is None:
        return report
    parts: list[InputFile] = []
    for place in shown:
        unread = raising(click.UsageError, f"{place} cannot be read", OSError)
        with unread, raising(click.UsageError, f"{place} is not a list of events"):
            exported = place / listing.EVIDENCE
            file = exported if exported.exists() else place
            parts += (
                _parts(file, "*.json", MAX_RECEIPT_BYTES)
                if file.is_dir()
                else account.account_of_search(output.read_start(str(file), MAX_PAGE_BYTES + 1))
            )
    return account.take_account(parts, trust, copy)


# --- `casegate audit check-copy`: whether a copy of a log is whole, offline ---


@report_command(
    audit,
    "check-copy",
    click.argument("folder", metavar="DIR", type=arguments.FOLDER),
    click.option(
        "--continued-by",
        "successor",
        type=output.Input(MAX_RECEIPT_BYTES + 1),
        metavar="RECEIPT",
        help="The first receipt of a new log (/log/predecessor there): whether it continues "
        "this one.",
    ),
    documents=False,
)
def check_copy(folder: Path, trust: TrustAnchors, successor: bytes | None) -> VerificationReport:
    """Check the copy in DIR, from entries to the signed root.

    DIR is what `casegate audit mirror` made, or any copy of a log with its files as C2SP
    tlog-tiles names them. The report names the first bad index. With --continued-by the keys of
    both logs are needed.

    Example: casegate audit check-copy mirror --trust trust
    """
    with raising(click.UsageError, "--continued-by"):
        continued_by = None if successor is None else receipts.parse(successor)
    with output.progress("entries") as tell:
        return log_copy.check_copy(arguments.reader(folder), trust, tell, continued_by)[0]


# --- `casegate audit prove-fork`: whether a folder proves that a log has two histories ---


MAX_PROOF_FILE = 128 * 1024
"""More than any checkpoint or proof has."""


@report_command(
    audit,
    "prove-fork",
    click.argument("folder", metavar="DIR", type=arguments.FOLDER),
    documents=False,
)
def prove_fork(folder: Path, trust: TrustAnchors) -> VerificationReport:
    """Prove to anybody that a log signed two histories.

    DIR holds the checkpoints (*.checkpoint) and inclusion proofs (*.tlog-proof) that a client, a
    mirror or casegate verify kept. They name nobody, and show no event. Exit status 16 is the
    proof; 15 means that what DIR holds does not contradict itself.

    Example: casegate audit prove-fork proof --trust trust
    """
    forms = (f"*{history.CHECKPOINT_SUFFIX}", f"*{history.PROOF_SUFFIX}")
    parts = [part for form in forms for part in _parts(folder, form, MAX_PROOF_FILE)]
    if not parts:
        raise click.UsageError(
            f"{folder} holds no {' and no '.join(forms)}: name the folder that was kept, as "
            "forked/ in a mirror"
        )
    return history.prove_fork(parts, trust)


# --- `casegate audit mirror`: a copy of a gateway's public log that goes on where it stopped ---


def open_log(url: str, ca: Path | None) -> PublicLog:
    """The public log at an address; nothing is sent yet."""
    return PublicLog(url, ca, now)


@audit.command(epilog=f"{EPILOG} {TRUST_FOLDER}")
@click.argument("url")
@click.argument("folder", metavar="DIR", type=arguments.ANY_FOLDER)
@trust_options(documents=False, members=False)
@click.option(
    "--ca",
    type=arguments.FILE,
    help="The gateway's root certificate (PEM). Left out, the system's authorities count.",
)
@click.option(
    "--follow",
    type=arguments.WholeNumber(1),
    metavar="SECONDS",
    help="Go on until Ctrl-C, looking for more after so many seconds; JSON is then a line a step.",
)
@click.option(
    "--cosign",
    "key",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="KEY.pem",
    help="Cosign each step with this key, made where it is missing, and send the line (-c).",
)
@click.option(
    "--first-time",
    is_flag=True,
    help="Cosign with a key that never cosigned, and has nothing beside it that says how far.",
)
@arguments.json_option
def mirror(
    url: str,
    folder: Path,
    trust: TrustAnchors,
    ca: Path | None,
    follow: int | None,
    key: Path | None,
    *,
    first_time: bool,
) -> None:
    """Copy the public log at URL into DIR, and verify each step.

    DIR has the layout of the log's files (C2SP tlog-tiles) and only grows: any web server can
    serve it on. Contradicting data is not stored, its proof is. With --cosign you are a witness:
    you confirm to others that you saw no other history.

    \b
    Example: casegate audit mirror https://gateway.example.org \\
        mirror --trust trust
    """
    try:
        with open_log(url, ca) as log, _witness(key, first=first_time) as cosign:
            copy = Mirror(log.fetch, folder, trust)

            def step() -> None:
                with output.progress("entries") as tell:
                    done = copy.step(tell)
                _tell(done, folder, cosign(copy))

            step()
            if follow is not None:
                with suppress(KeyboardInterrupt):  # the ordinary way to end it
                    _follow(step, follow)
    except ClientError as error:
        raise Failure(error) from error


@contextmanager
def _witness(key: Path | None, *, first: bool) -> Iterator[Callable[[Mirror], str | None]]:
    """Give what cosigns a copy with a member's key, sends the line, and tells its public key."""
    if key is None:
        yield lambda copy: None
        return
    places = click.get_current_context().params["places"]
    own = next((one for one in places if one.is_file() or (one / CONNECTION_FILE).exists()), None)
    if own is None:
        raise click.UsageError("--cosign needs your connection (-c), by which it sends the line")
    seen, new = CosignedFile(key), not key.exists()
    if new or first:
        seen.begin()
    with raising(click.UsageError, causes=files.PrivateFileError):
        if new:
            keys.write_key(key, keys.generate_key(KeyPurpose.WITNESS))
        signing = keys.load_key(key, KeyPurpose.WITNESS)
    with connected(own) as gateway:
        name = witness_name(gateway.connection.issuer, gateway.connection.organisation)
        witness = Cosigner(name, signing.public_bytes, signing.sign)

        def cosign(copy: Mirror) -> str:
            gateway.send_cosignature(witness.key, *copy.cosign(witness, seen, now()))
            return str(witness.key)

        yield cosign
        _warn(gateway)


def _warn(gateway: Gateway) -> None:
    """Tell of a log that too few witnesses, or no time-stamp authority, of the connection confirm;
    it stops nothing."""
    for told in gateway.unconfirmed():
        output.warn(told)


def _follow(step: Callable[[], None], seconds: int) -> NoReturn:
    """Look for more until stopped; report once that the log does not answer."""
    away = False
    while True:
        time.sleep(seconds)
        try:
            step()
        except GatewayUnavailable as error:
            if not away:
                output.say(f"{error}: this goes on every {seconds} s", err=True)
            away = True
        else:
            away = False


def _tell(step: MirrorProgress, folder: Path, witness: str | None) -> None:
    before = step.before.size if step.before else 0
    if output.for_machines():
        told = {"log": step.after.origin, "before": before, "size": step.after.size}
        cosigned = {} if witness is None else {"cosigned_by": witness}
        output.print_line({**told, "fetched": step.fetched, **cosigned})
        return
    if step.before == step.after:
        click.echo(f"{folder} has all {step.after.size} entries of {step.after.origin}")
    else:
        click.echo(
            f"{folder} has {step.after.size} entries of {step.after.origin}, {before} before: "
            f"one history, {step.fetched} files fetched"
        )
    if witness is not None:
        click.echo(
            f"Cosigned, and sent to the gateway. Your witness key, for witnesses.vkey: {witness}"
        )


# --- `casegate audit search`: events of others, as far as an audit access reaches ---


class _CaseName(click.ParamType[CaseId | CaseReference]):
    """A case as ORIGINATOR/UUID, or by its originator's own reference."""

    name = "case"

    def convert(self, value: Any, param: Any, ctx: Any) -> CaseId | CaseReference:
        """Read both parts."""
        originator, _, case = str(value).partition("/")
        if not NAME.fullmatch(originator) or not case:
            self.fail(f"{value!r} is not of the form ORIGINATOR/UUID or ORIGINATOR/REFERENCE")
        try:
            return CaseId(originator, UUID(case))
        except ValueError:
            return CaseReference(originator, case)


class _Action(click.ParamType[str]):
    """An action, by the policy's word or by the type of its event."""

    name = "action"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The policy's word; a usage error names what is near."""
        action = ACTION_OF.get(value, str(value))
        if action not in READABLE_EVENTS:
            near = get_close_matches(action, READABLE_EVENTS) or sorted(READABLE_EVENTS)
            self.fail(f"'{value}' is no action: as {', '.join(near)}", param, ctx)
        return action


_SEARCHING = (
    *search_options,
    click.option(
        "--case",
        type=_CaseName(),
        metavar="ORIGINATOR/UUID",
        help="Events of one case; or ORIGINATOR/REFERENCE, where the originator told you its own.",
    ),
    click.option("--handoff", type=click.UUID, metavar="UUID", help="Events of one handoff."),
    click.option(
        "--organisation",
        metavar="ID",
        callback=arguments.organisation_name,
        help="Events in which it took part.",
    ),
    click.option("--person", metavar="PSEUDONYM", help="Events that this person asked for."),
    click.option(
        "--action",
        "actions",
        multiple=True,
        type=_Action(),
        metavar="ACTION",
        help="As handoff.offer; or the event's type, as handoff.offered. May be repeated.",
    ),
    click.option("--rule", metavar="RULE", help="Events that this rule decided, as R3.membership."),
    click.option(
        "--result",
        "results",
        multiple=True,
        type=arguments.Words(EventResult),
        help="How they ended. May be repeated.",
    ),
    click.option(
        "--topic",
        "topics",
        multiple=True,
        type=arguments.Words(AuditTopic),
        help="What they are about, as audit month counts it. May be repeated.",
    ),
    click.option(
        "--from",
        "since",
        type=arguments.Moment(days=True),
        help="From this time, or from this day (UTC), on.",
    ),
    click.option(
        "--before",
        "until",
        type=arguments.Moment(days=True),
        help="Before this time, or before this day (UTC).",
    ),
    click.option("--limit", type=arguments.WholeNumber(1), help="Find no more than this many."),
)
"""What a search is asked by."""


def _searched(
    gateway: Gateway,
    by: str,
    reason_code: str,
    reason: str,
    limit: int | None,
    actions: tuple[str, ...],
    results: tuple[str, ...],
    topics: tuple[str, ...],
    case: CaseId | CaseReference | None,
    **filters: Any,
) -> list[RecordedSearch]:
    """The searches of the log that these options ask for."""
    _warn(gateway)
    named = case if isinstance(case, CaseReference) else None
    asked = AuditFilters(
        **filters,
        case=case if isinstance(case, CaseId) else None,
        actions=tuple(dict.fromkeys(actions)),
        results=tuple(dict.fromkeys(results)),
        topics=tuple(dict.fromkeys(topics)),
    )
    return gateway.audit(by, reason_code, reason, asked, limit=limit, reference=named)


@partner_command(
    audit,
    *_SEARCHING,
    click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values (RFC 4180)."),
    page_option,
    language_option,
)
def search(gateway: Gateway, as_csv: bool, page: Path | None, language: str, **asked: Any) -> None:
    """Search events that an audit access of yours covers.

    Never content. The search is an event itself, with who reads, why, by which filters and exactly
    what was shown; each member whose events it finds learns of it once. Every receipt is verified.
    What is withheld lies beyond the coverage, is erased, or is padding.

    \b
    Example: casegate audit search --by auditor-1 \\
        --reason-code lawfulness --reason 'Audit 2026/3' \\
        --result denied --from 2026-03-01
    """
    if output.for_machines() and as_csv:
        raise click.UsageError("choose one of --json and --csv")
    searches = _searched(gateway, **asked)
    shown = [event for one in searches for event in one.events]
    if page is not None:
        evidence = {listing.EVIDENCE: gateway.evidence(searches)}
        output.write_new(page, court_file.page_of(evidence, gateway.connection.trust, language))
    told = {
        "searches": [{"receipt": receipts.to_json(one.receipt)} for one in searches],
        "events": [
            {
                "index": one.index,
                "event": one.confirmed.event,
                "parties": list(one.parties),
                "asked_in": event_table.asked_in(one.confirmed),
                "details": dict(one.details),
                "withheld": one.confirmed.opened.withheld,
                "receipt": receipts.to_json(one.receipt),
            }
            for one in shown
        ],
    }
    if not output.reply(told):
        _print_found(shown, searches[-1].unknown, asked, as_csv=as_csv)


def _print_found(
    shown: Sequence[AuditedEvent],
    unknown: Iterable[str],
    filters: Mapping[str, Any],
    *,
    as_csv: bool,
) -> None:
    """Print events; where there are none, also which of the ``filters`` name what is unknown."""
    if as_csv:
        rows = [event_table.cells(one.confirmed) for one in shown]
        click.echo(event_table.to_csv(rows), nl=False)
        return
    for one in shown:
        cells = event_table.cells(one.confirmed)
        entry, when, kind, result = (cells[name] for name in _FIRST_LINE)
        ended = output.colour(result, "green" if result == EventResult.ALLOWED else "yellow")
        click.echo(f"{entry:>7}  {output.format_time(when)}  {kind}  {ended}")
        for name, cell in cells.items():
            if cell and name not in (*_FIRST_LINE, "case_digest", "id"):
                told = _READ_AS[name](cell) if name in _READ_AS else cell
                output.print_wrapped(f"{name.replace('_', ' ')} {told}", " " * 9, 11)
    click.echo(f"\n{_counted(shown)}")
    for name in unknown if not shown else ():
        click.echo(_UNKNOWN[name].format(filters.get(name)))


_UNKNOWN = {
    "person": "Nobody named {} asked for anything that your audit access covers.",
    "case": "No event that your audit access covers is about a case of that name.",
    "rule": "No rule is named {}, nor decided anything that your audit access covers.",
}
"""Why there are no events: a filter fits nothing, whatever the others."""


def _counted(shown: Sequence[AuditedEvent]) -> str:
    """How many events there are, by result and day, and how many entries between are not shown."""
    if not shown:
        return "No events in what your audit access covers."
    first, last = shown[0].index, shown[-1].index
    beyond = last - first + 1 - len(shown)
    results = Counter(str(one.confirmed.event["result"]) for one in shown)
    days = sorted(str(one.confirmed.event["time"])[:10] for one in shown)
    counted = ", ".join(f"{number} {result}" for result, number in sorted(results.items()))
    return (
        f"{pluralise(len(shown), 'event')} ({counted}), {days[0]} to {days[-1]}, "
        f"entries {first} to {last}.\n"
        f"{beyond} entries between them are not shown (outside the filters or your audit access)."
    )


def _in_words(text: str) -> str:
    """The members of a JSON object, but not the signed documents in it; other text as it is."""
    try:
        members = canonical.decode(text.encode())
    except ValueError:
        return text
    if not isinstance(members, dict):
        return text
    told = {n: "signed" if str(v).startswith("eyJ") else v for n, v in members.items()}
    return output.sanitise(output.format_value(told))


_FIRST_LINE = ("entry", "time", "event", "result")
_READ_AS: Mapping[str, Callable[[str], str]] = {"due": output.format_time, "subject": _in_words}
"""The cells of an event that people read otherwise than a table has them."""


# --- `casegate audit month`: what an auditor looks at first ---


@partner_command(
    audit,
    *search_options,
    click.option(
        "--month",
        "first",
        required=True,
        type=click.DateTime(["%Y-%m"]),
        metavar="YYYY-MM",
        help="The month (UTC).",
    ),
    language_option,
)
def month(
    gateway: Gateway, by: str, reason_code: str, reason: str, first: datetime, language: str
) -> None:
    """Count what happened in a month, by six topics.

    What was consulted and why, what was refused, what is overdue, break-glass with late reviews,
    changes of members, and the log: its size, and who confirmed it. It is a search, and as such one
    event. Every receipt is verified, and the counts are made again from them.

    \b
    Example: casegate audit month --by auditor-1 \\
        --reason-code lawfulness --reason 'Audit 2026/3' --month 2026-03
    """
    _warn(gateway)
    since = first.replace(tzinfo=UTC)
    until = (since + timedelta(days=31)).replace(day=1)
    asked = AuditFilters(topics=tuple(AuditTopic), since=since, until=until)
    searches = gateway.audit(by, reason_code, reason, asked)
    summary = [gateway.audit_summary(one) for one in searches][-1]
    counted = count(AuditTopic, [event.facts for one in searches for event in one.events])
    told = {**summary, "topics": to_json(counted)}
    if output.reply({**told, "searches": [str(one.confirmed.event["id"]) for one in searches]}):
        return
    columns = [catalogue.phrase("screens", key, language) for key in texts.COLUMNS]
    blocks = []
    for one in told["topics"]:
        rows = texts.rows(one["counts"], language)
        beside = texts.about_log(told, language) if one["topic"] == AuditTopic.LOG else []
        lines = [texts.counted(one, language), *beside]
        heading = texts.name(one["topic"], language)
        blocks.append(page.Block(heading, lines=lines, rows=rows, columns=columns if rows else ()))
    page.show(texts.title(since, until, language), blocks)


# --- `casegate audit export`: what an auditor hands on ---


@partner_command(
    audit,
    *_SEARCHING,
    click.option(
        "--out",
        required=True,
        type=arguments.NewFile(folder=True),
        metavar="FOLDER",
        help="The new folder.",
    ),
    click.option("--zip", "as_zip", is_flag=True, help="Write it as one file, FOLDER.zip."),
    language_option,
)
def export(gateway: Gateway, out: Path, as_zip: bool, language: str, **asked: Any) -> None:
    """Search as audit search does, and write what a court gets.

    The folder has the evidence (evidence.json), a table (events.csv), a page to print (report.html)
    and the log's checkpoint. `casegate verify FOLDER` checks it without a network.

    \b
    Example: casegate audit export --by auditor-1 \\
        --reason-code criminal_proceedings --reason 'Order 12/345' \\
        --case point-de-contact/0198... --out order-12-345 --lang fr
    """
    zipped = out.with_name(f"{out.name}.zip")
    if as_zip and zipped.exists():
        raise click.UsageError(f"{zipped} exists. Move it away, or use another name.")
    searches = _searched(gateway, **asked)
    events = [event.confirmed for one in searches for event in one.events]
    data, trust = gateway.evidence(searches), gateway.connection.trust
    parts = court_file.parts_of(data, events, trust, language, out.name)
    with raising(OutputNotWritten, causes=files.PrivateFileError):
        if as_zip:
            files.create(zipped, court_file.archive(out.name, parts))
        else:
            files.create_folder(out, parts)
    made = zipped if as_zip else out
    output.reply(
        {"out": str(made), "events": len(events)},
        f"{made} holds {pluralise(len(events), 'event')} and what proves them",
        "Whoever has the keys checks it: "
        + ("unpack it, then " if as_zip else "")
        + f"casegate verify {out.name} --trust KEYS",
        word="Done",
    )
