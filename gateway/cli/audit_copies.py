"""`casegate audit`: streams and copies of the log, checked offline, and `mirror`, which copies."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import click

from gateway import files, keys
from gateway.cli import arguments, output
from gateway.cli.arguments import CONNECTION_FILE
from gateway.cli.partner_command import EPILOG, Failure, connected
from gateway.cli.verify import TRUST_FOLDER, report_command, trust_options
from gateway.client import ClientError, Gateway, GatewayUnavailable
from gateway.client.errors import raising
from gateway.client.gateway import now
from gateway.client.mirror import CosignedFile, Mirror, MirrorProgress, PublicLog
from gateway.domain.organisation import witness_name
from gateway.evidence import bundle
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import MAX_BYTES as MAX_RECEIPT_BYTES
from gateway.evidence.sd_jwt import MAX_TEXT
from gateway.keys import KeyPurpose
from gateway.ledger.cosignature import Cosigner
from gateway.verification import account, coverage, history, listing, log_copy
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
        warn_of_unconfirmed(gateway)


def warn_of_unconfirmed(gateway: Gateway) -> None:
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
