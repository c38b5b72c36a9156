"""`python -m gateway.cli`: the command `casegate` without its script."""

from gateway.cli import main

main(prog_name="casegate")
