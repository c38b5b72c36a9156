"""The command `casegate` as a process of its own; `python -m gateway.cli` is the same."""

import atexit
import gc

from gateway.cli import main


def command() -> None:
    """Run what was typed.

    What is imported stays to the end. To search it for garbage while it grows, and again when
    the process ends, was a third of what a short command or the start of a gateway costs.
    """
    gc.set_threshold(10_000, 10, 10)
    atexit.register(gc.freeze)
    main(prog_name="casegate")


if __name__ == "__main__":
    command()
