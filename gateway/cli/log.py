"""`casegate log`: how far the log was signed, and its high-water mark."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from gateway import wiring
from gateway.cli.admin.session import AdminSession, key_files_option, persons_option, vouch
from gateway.cli.arguments import (
    FOLDER,
    WholeNumber,
    home_option,
    json_option,
    plain_errors,
    reader,
)
from gateway.cli.backup import describe_head
from gateway.cli.output import progress, reply
from gateway.client.errors import raising
from gateway.config import Config
from gateway.domain.refusals import LogFrozen
from gateway.evidence import canonical
from gateway.kernel.log_continuity import require_beginnings, require_prefixes
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import TreeHead
from gateway.maintenance.process import holding
from gateway.registry import keys as registry_keys
from gateway.store.log_integrity import StoredLogCorrupt, verify_log
from gateway.verification.log_copy import VerifiedCopy, check_copy
from gateway.verification.trust import TrustAnchors

_mirrors_option = click.option(
    "--mirror",
    "mirrors",
    type=FOLDER,
    multiple=True,
    help="A folder made by casegate audit mirror: it must be a beginning of the database's log.",
)


def _open_mirrors(config: Config, folders: Iterable[Path]) -> dict[Path, VerifiedCopy]:
    """Copies of this gateway's log, each verified by its key."""
    signers = wiring.load_log_signers(config)
    trust = TrustAnchors([one.key for one in signers], (config.log_origin,))
    mirrors = {}
    for folder in folders:
        report, mirror = check_copy(reader(folder), trust)
        if mirror is None:
            raise click.ClickException(f"{folder} is no mirror of this log: {report.sentence}")
        mirrors[folder] = mirror
    return mirrors


def _require_mirrored(work: UnitOfWork, mirror: VerifiedCopy) -> None:
    """Require that a mirror is a beginning of the database's log; LogFrozen says what it lacks."""
    head, signed = work.log.head(), mirror.checkpoint
    if signed.size <= head.size:
        require_beginnings(work, [TreeHead(signed.size, signed.root)])
    elif mirror.root(head.size) == head.root:
        raise LogFrozen(
            f"the database is an older copy: it is the beginning of what was signed, and lacks the "
            f"entries {head.size} to {signed.size - 1}"
        )
    else:
        raise LogFrozen(f"the database's {head.size} entries are not those that the log signed")


@click.group()
def log() -> None:
    """Show the high-water mark, or re-create it after it was lost."""


@log.command()
@home_option
@_mirrors_option
@json_option
def status(folder: Path, mirrors: tuple[Path, ...]) -> None:
    """Compare the database with what was signed, and mirrors.

    A mirror also shows what a database lacks that came back together with its high-water mark.
    Exit status: 0 they agree, 1 the log is frozen or a mirror disagrees.
    """
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        copies = _open_mirrors(config, mirrors)
        marked = wiring.read_mark(config)
        with (
            closing(wiring.connect(config)) as gateway,
            gateway.store.begin(TransactionMode.READ) as work,
        ):
            head = work.log.head()
            first = registry_keys.continuation(work)
            reason = _disagreement(lambda: require_prefixes(work, marked, ()))
            mirrored = {
                str(place): _disagreement(partial(_require_mirrored, work, copy))
                for place, copy in copies.items()
            }
    continued = first and next(
        canonical.decode(str(one.value).encode())
        for one in first.event.disclosures
        if one.kind == "subject"
    )
    signed = marked and {"size": marked.head.size, "note": marked.note}
    found = {"mark": signed, "database": {"size": head.size}, "frozen": reason}
    if not reply({**found, "mirrors": mirrored, "continues": continued}):
        click.echo(f"signed:   {describe_head(marked.head) if marked else 'no high-water mark'}")
        click.echo(f"database: {describe_head(head)}")
        if continued:
            click.echo(f"before:   {continued['log']}, {continued['size']} entries (log.continued)")
        click.echo(f"frozen:   {reason}" if reason else "They agree.")
        for place, disagreement in mirrored.items():
            click.echo(f"mirror:   {place}: {disagreement or 'it is in the database'}")
    if reason or any(mirrored.values()):
        raise SystemExit(1)


def _disagreement(compare: Callable[[], None]) -> str | None:
    try:
        compare()
    except LogFrozen as frozen:
        return frozen.detail
    return None


@log.command("adopt-mark")
@home_option
@persons_option
@key_files_option
@click.option(
    "--largest-size",
    type=WholeNumber(min=0),
    required=True,
    help="The largest log size (second line of a checkpoint) that anybody holds: ask all partners.",
)
@_mirrors_option
def adopt(
    folder: Path,
    persons: tuple[str, ...],
    key_files: Mapping[str, Path],
    largest_size: int,
    mirrors: tuple[Path, ...],
) -> None:
    """Vouch for the database after the high-water mark was lost.

    Two administrators say that it holds every entry that was ever signed; that is the log's next
    entry.

    Without its high-water mark a log is frozen. Ask every partner and monitor for the newest
    checkpoint or receipt that they hold, and give the largest size. If the database has less, it
    is an older copy, and the command refuses; so it does when a mirror has another history, which
    no number shows. The gateway must be stopped. An existing high-water mark is never lowered.

    \b
    Example: casegate log adopt-mark --home gw --as martin \\
        --as dubois --largest-size 1042
    """
    # Long: its help is the runbook of a ceremony.
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        copies = _open_mirrors(config, mirrors)
        with holding(config), closing(wiring.connect(config)) as gateway:
            with (
                raising(click.ClickException, "the log is damaged", StoredLogCorrupt),
                progress("checking") as tell,
                gateway.store.begin(TransactionMode.READ) as work,
            ):
                head = verify_log(work, tell)
                for copy in copies.values():
                    _require_mirrored(work, copy)
            if head.size < largest_size:
                raise click.ClickException(
                    f"the database has {head.size} log entries, but {largest_size} were seen: it"
                    " is an older copy. To continue with it would create a second history"
                )
            if len(persons) < 2:
                raise click.UsageError("two administrators vouch: --as PERSON --as PERSON")
            session = AdminSession(folder.absolute(), persons, key_files)
            seen = max([largest_size, *(copy.checkpoint.size for copy in copies.values())])
            vouch(session, gateway, head, seen)
    click.echo(f"Created the high-water mark: {describe_head(head)}. Start the gateway.")
