"""The command line, as ``gancam`` and as ``python -m gancam``."""

import atexit
import gc
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def start() -> NoReturn:
    """Run the command line and exit. A Ctrl-C while it is still being loaded is one, too: 130, without a traceback."""
    try:
        gc.disable()  # nothing that is imported becomes garbage, and looking for some is a sixth of the time it takes
        from gancam.cli.app import load_commands
        from gancam.cli.main import main

        load_commands(sys.argv[1:])
        gc.freeze()  # nor is it looked through ever after, while frames are played
        gc.enable()
        main()
    except KeyboardInterrupt:
        leave(130)
    except SystemExit as end:
        if isinstance(end.code, str):  # Python says it, and exits with 1
            raise
        leave(end.code or 0)
    except Exception as error:
        from gancam.errors import behind

        if behind(error, KeyboardInterrupt) is None:
            raise
        leave(130)


def leave(code: int) -> NoReturn:
    """Exit; at once where a thread was given up on: Python would end it within a library, which aborts the process.

    So it does after a Ctrl-C, unless other threads are to be waited for: where that came up in what a library had
    composed as text, Python ends itself by the signal, whatever exit code it is given.
    """
    threads = threading.enumerate()
    if any(thread.daemon for thread in threads) or (code == 130 and len(threads) == 1):
        atexit._run_exitfuncs()  # of what ends a process or a folder with this one
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, or there is none
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    start()
