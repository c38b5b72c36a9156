"""`casegate audit`: what an auditor proves and reads, each subcommand in a module of its own."""

import click

from gateway.cli.audit.complete import complete
from gateway.cli.audit.events import events
from gateway.cli.audit.fsck import fsck
from gateway.cli.audit.mirror import mirror


@click.group()
def audit() -> None:
    """Prove a stream of events complete; copy a log and check it; read events under a grant."""


for command in (complete, events, fsck, mirror):
    audit.add_command(command)
