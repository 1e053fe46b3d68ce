"""``python -m sidelight``: the command, by the interpreter that is at hand."""

from sidelight.cli import main

main(prog_name="sidelight")
