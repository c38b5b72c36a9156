"""The operator's folder on the command line: its option, and one sentence for each trouble."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.cedar.policy import PolicyBroken
from gateway.config import ConfigError
from gateway.domain.refusals import Invalid, Refusal
from gateway.files import PrivateFileError
from gateway.maintenance import AlreadyRunning
from gateway.pki.authority import AuthorityError
from gateway.store.database import Unfit

_UNUSABLE = (ConfigError, PrivateFileError, AuthorityError, PolicyBroken, Unfit, AlreadyRunning)

folder_option: Callable[[Any], Any] = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The operator's folder, made by `casegate init`.",
)


def sentence_of(refusal: Refusal) -> str:
    """Why something is refused; of what is no change, each field and what is wrong with it."""
    if isinstance(refusal, Invalid):
        return "; ".join(f"{pointer[1:]} {sentence}" for pointer, sentence in refusal.errors)
    return refusal.detail


@contextmanager
def told_plainly() -> Iterator[None]:
    """End what an operator can mend as one sentence and exit status 1; defects stay tracebacks."""
    try:
        yield
    except _UNUSABLE as error:
        raise click.ClickException(str(error)) from error
    except Refusal as refusal:
        raise click.ClickException(sentence_of(refusal)) from refusal
    except OSError as error:
        if error.filename is None:
            raise click.ClickException(str(error)) from error
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
