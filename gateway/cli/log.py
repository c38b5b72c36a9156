"""`casegate log`: how far the log was signed, and a new high-water mark after it was lost."""

from contextlib import closing
from pathlib import Path

import click

from gateway import maintenance, wiring
from gateway.cli.arguments import json_option
from gateway.cli.home import home_option, told_plainly
from gateway.cli.output import print_json, progress
from gateway.config import Config
from gateway.domain.refusals import LogFrozen
from gateway.kernel.log_continuity import require_prefixes
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.store.high_water_mark import open_mark
from gateway.store.log_integrity import StoredLogCorrupt, verify_log


def describe_head(head: TreeHead) -> str:
    """A head in words."""
    entries = "1 entry" if head.size == 1 else f"{head.size} entries"
    return f"{entries}, root {head.root.hex()[:16]}"


def read_mark(config: Config) -> SignedTreeHead | None:
    """The high-water mark of the folder's log; nothing is made where it is missing."""
    file = config.mark_file
    if file is not None and not file.exists():
        return None
    with closing(open_mark(config.mark_url, file=file, origin=config.log_origin)) as mark:
        return mark.read()


@click.group()
def log() -> None:
    """Show the high-water mark, or re-create it after it was lost."""


@log.command()
@home_option
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Show the high-water mark beside the database. Exit status: 0 they fit, 1 FROZEN."""
    with told_plainly():
        config = wiring.load_config(folder.absolute())
        marked = read_mark(config)
        with (
            closing(wiring.connect(config)) as gateway,
            gateway.store.begin(TransactionMode.READ) as work,
        ):
            head = work.log.head()
            reason = None
            try:
                require_prefixes(work, marked, ())
            except LogFrozen as frozen:
                reason = frozen.detail
    if as_json:
        signed = marked and {"size": marked.head.size, "note": marked.note}
        print_json({"mark": signed, "database": {"size": head.size}, "frozen": reason})
    else:
        click.echo(f"signed:   {describe_head(marked.head) if marked else 'the mark is missing'}")
        click.echo(f"database: {describe_head(head)}")
        click.echo(f"FROZEN: {reason}" if reason else "They fit.")
    if reason:
        raise SystemExit(1)


@log.command("adopt-mark")
@home_option
@click.option(
    "--largest-size",
    type=click.IntRange(min=0),
    required=True,
    help="The largest log size (second line of a checkpoint) that anybody holds: ask all partners.",
)
def adopt(folder: Path, largest_size: int) -> None:
    """Vouch for the database after the high-water mark was lost.

    You say that it holds every entry that was ever signed.

    A log without its mark is frozen, for nobody can tell whether its database is the newest. Ask
    every partner and monitor for the newest checkpoint or receipt that they hold, and give the
    largest size. If the database has less, it is an older copy, and nothing is adopted. The
    gateway must be stopped. A mark that is there is never lowered.
    """
    with told_plainly():
        config = wiring.load_config(folder.absolute())
        with maintenance.holding(config), closing(wiring.connect(config)) as gateway:
            try:
                with (
                    progress("checking") as tell,
                    gateway.store.begin(TransactionMode.READ) as work,
                ):
                    head = verify_log(work, tell)
            except StoredLogCorrupt as error:
                raise click.ClickException(f"the log is damaged: {error}") from error
            if head.size < largest_size:
                raise click.ClickException(
                    f"the log in the database has the size {head.size}, but {largest_size} was seen: it is"
                    " an older copy, and to go on with it would make a second history"
                )
            gateway.notary.adopt(head)
    click.echo(f"Created the high-water mark: {describe_head(head)}. Start the gateway.")
