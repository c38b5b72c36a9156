"""The operator's folder on the command line: its option, and one sentence for each trouble."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.domain.refusals import Refusal, ValidationFailed

home_option: Callable[[Any], Any] = click.option(
    "--home",
    "folder",
    envvar="CASEGATE_HOME",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    show_envvar=True,
    help="The operator's folder, made by `casegate init`.",
)


def sentence_of(refusal: Refusal) -> str:
    """Why something is refused; for an invalid change, each field and its error."""
    if isinstance(refusal, ValidationFailed):
        return "; ".join(f"{pointer[1:]} {sentence}" for pointer, sentence in refusal.errors)
    return refusal.detail


@contextmanager
def told_plainly() -> Iterator[None]:
    """Report what an operator can correct in one sentence, exit status 1; not defects."""
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(sentence_of(refusal)) from refusal
    except OSError as error:
        if error.filename is None:
            raise click.ClickException(str(error)) from error
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    except Exception as error:
        if isinstance(error, _unusable()):
            raise click.ClickException(str(error)) from error
        raise


def _unusable() -> tuple[type[Exception], ...]:
    """What an operator can mend. Imported when something failed: a supervisor needs none of it."""
    from gateway.cedar.policy import InvalidPolicies  # noqa: PLC0415
    from gateway.config import ConfigError  # noqa: PLC0415
    from gateway.files import PrivateFileError  # noqa: PLC0415
    from gateway.maintenance import AlreadyRunning  # noqa: PLC0415
    from gateway.pki.authority import AuthorityError  # noqa: PLC0415
    from gateway.store.database import UnsuitableDatabase  # noqa: PLC0415

    return (
        ConfigError,
        PrivateFileError,
        AuthorityError,
        InvalidPolicies,
        UnsuitableDatabase,
        AlreadyRunning,
    )
