"""`casegate encrypt`: encrypt the cases of a gateway that were stored before there were keys."""

from contextlib import closing
from pathlib import Path

import click

from gateway import maintenance, wiring
from gateway.actions.cases import reference
from gateway.cli.gateway_setup import begin_keys
from gateway.cli.home import folder_option, told_plainly
from gateway.cli.output import progress
from gateway.store.copies import rewrite
from gateway.store.encryption import encrypt as encrypt_content


@click.command()
@folder_option
def encrypt(folder: Path) -> None:
    """Encrypt cases that were stored in clear, each by a key of its own.

    A gateway that has such cases does not start. It must be stopped; make a backup first. The
    key-encryption key and the keys database are made where there are none. The command may be cut
    off anywhere and run again. Backups of before hold the cases in clear for as long as you keep
    them.
    """
    with told_plainly():
        config = wiring.load_config(folder.absolute())
        with maintenance.holding(config):
            maintenance.upgrade_schema(config)
            begin_keys(config)
            with closing(wiring.connect(config, encrypted=False)) as gateway:
                ports = gateway.ports
                with progress("encrypting") as tell:
                    done = encrypt_content(
                        ports.begin,
                        gateway.keyring,
                        lambda originator, text: reference(ports, originator, text),
                        tell,
                    )
            if config.database_file is not None:
                rewrite(config.database_file)
    click.echo(f"Encrypted {done} cases." if done else "Nothing was in clear.")
    click.echo(f"Back up the key-encryption key now: {config.keys}/kek-*")
