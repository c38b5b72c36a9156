"""`casegate audit`: what an auditor proves and reads, each subcommand in a module of its own."""

import click

from gateway.cli.audit.complete import complete


@click.group()
def audit() -> None:
    """Prove a stream of events complete."""


audit.add_command(complete)
