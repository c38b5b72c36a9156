"""The root key's passphrase: from a file or a prompt, never from an argument."""

from pathlib import Path

import click


def one_line(file: Path) -> str:
    """The one line of a file, without its end."""
    try:
        text = file.read_text(encoding="utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        text = "\n"
    if "\n" in text:
        raise click.ClickException(f"{file} is not one line of text")
    return text
