"""The command `casegate` as a process of its own; `python -m gateway` is the same."""

import atexit
import gc
import signal


def command() -> None:
    """Run what was typed.

    What is imported stays to the end. To search it for garbage while it grows, and again when
    the process ends, was a third of what a short command or the start of a gateway costs.
    """
    gc.set_threshold(1_000_000, 10, 10)  # what stays up sets its own, see `settle`
    atexit.register(gc.freeze)
    heeds = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeds:  # Ctrl-C ends it as any program, until there is somebody to say so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from gateway.cli import interrupt, main  # noqa: PLC0415 - not before the line above

    if heeds:
        signal.signal(signal.SIGINT, interrupt)
    main(prog_name="casegate")


if __name__ == "__main__":
    command()
