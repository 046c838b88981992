"""Child processes that take Ctrl-C, whatever this process was told about it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Children begun meanwhile have the usual SIGINT, SIGTERM and SIGHUP.

    A shell that starts something with ``&`` has it ignore SIGINT, ``nohup`` SIGHUP, and children inherit that; a
    handler of our own they do not, they begin with the default. Only for the main thread.
    """
    names = {"SIGINT", "SIGTERM", "SIGHUP"} & {one.name for one in signal.Signals}  # Windows has no SIGHUP
    before = {name: signal.signal(signal.Signals[name], signal.default_int_handler) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(signal.Signals[name], handler)


@contextmanager
def uninterruptible() -> Iterator[None]:
    """Children begun meanwhile ignore SIGINT, as those that a shell starts with ``&``."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
