"""A lock that a forked process finds free."""

import os
import sys
import threading
from weakref import WeakSet


class CallLock:
    """Lets one thread at a time in, and that one again, as ``threading.RLock``.

    What a thread of the parent held when a process was forked is free there: no such thread has come along.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _living.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @staticmethod
    def free_all() -> None:
        """Free all that there are; called in a process that was forked."""
        for lock in _living:
            lock._lock = threading.RLock()


_living: WeakSet[CallLock] = WeakSet()
if sys.platform != "win32":
    os.register_at_fork(after_in_child=CallLock.free_all)
