"""`casegate verify`: the verdict on a receipt, a signed document or a handoff's bundle, offline.

Neither network nor database: the file and the keys that the verifier brings decide alone.
"""

import click

from gateway.cli.arguments import json_option
from gateway.cli.screen import Input
from gateway.cli.trust import CODES, FOLDER, end_with, trusting
from gateway.evidence import bundle, verdict
from gateway.evidence.trust import Trust


@click.command(epilog=f"{CODES}. {FOLDER}")
@click.argument("file", metavar="FILE", type=Input(bundle.MAX_BYTES + 1))
@trusting()
@json_option
@click.pass_context
def verify(context: click.Context, file: bytes, trust: Trust, as_json: bool) -> None:
    """Verify a receipt, a signed document or a bundle offline.

    FILE is what a partner or a court was given; "-" reads the standard input. The keys must come
    to you by another way than the file itself.
    """
    end_with(context, verdict.verify(file, trust), as_json)
