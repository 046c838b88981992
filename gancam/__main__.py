"""The command line, as ``python -m gancam``."""

from gancam.cli.main import main

main()
