"""The command line, as ``gancam`` and as ``python -m gancam``."""

import sys
from typing import NoReturn


def start() -> NoReturn:
    """Run the command line and exit. A Ctrl-C while it is still being loaded is one, too: 130, without a traceback."""
    try:
        from gancam.cli.main import main

        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    start()
