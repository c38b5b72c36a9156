"""The root key's passphrase: from a file or a prompt, never from an argument."""

from pathlib import Path

import click


def read_passphrase(file: Path | None, *, new: bool = False) -> str:
    """What the file holds; without one it is asked for, a new one twice."""
    if file is not None:
        return _one_line(file)
    try:
        return str(
            click.prompt(
                "Passphrase of the root key", hide_input=True, confirmation_prompt=new, err=True
            )
        )
    except click.Abort:
        raise click.ClickException(
            "the root key's passphrase was not given: type it, or name its file with "
            "--root-passphrase-file"
        ) from None


def _one_line(file: Path) -> str:
    """The one line of a file, without its end."""
    try:
        text = file.read_text(encoding="utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        text = "\n"
    if "\n" in text:
        raise click.ClickException(f"{file} is not one line of text")
    return text
