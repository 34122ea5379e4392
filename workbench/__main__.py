"""``python -m workbench``: the command, whichever environment's Python runs it."""

from workbench.cli import main

main()
