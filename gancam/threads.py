"""What passes between threads and survives signals and forks: a queue, a lock, and who is told of something new."""

import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")
_LOOK = 0.1  # seconds after which a thread that waits for room looks around


class BoundedQueue(Generic[T]):
    """A queue between one thread that puts and one that takes, of about `size` items.

    An exception out of a signal handler (Ctrl-C) may come anywhere, also while ``queue.Queue`` holds its lock, which
    is then never given back: both sides wait for ever. Here whatever is locked is locked and given back in C.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._taken: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes who waits for room; what counts is `_items`

    def put(self, item: T, *, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Wait for room, then put `item` there; return False, and do not, once `stopped` says so."""
        while self._items.qsize() >= self._size:
            if stopped():
                return False
            with suppress(queue.Empty):
                self._taken.get(timeout=_LOOK)
        self._items.put(item)
        return True

    def push(self, item: T) -> None:
        """Put `item` there at once, whether there is room or not."""
        self._items.put(item)

    def wake(self) -> None:
        """Have the thread that waits for room look at once whether it is stopped."""
        self._taken.put(None)

    def take(self) -> T:
        """Wait for an item, and return the oldest."""
        item = self._items.get()
        if self._taken.empty():
            self._taken.put(None)
        return item


class Listeners:
    """Calls each function that was added whenever there is something new; every method is for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._those: set[Callable[[], None]] = set()

    def add(self, notify: Callable[[], None]) -> None:
        """Have `notify` called at each ``notify`` from now on, by the thread of that."""
        with self._lock:
            self._those.add(notify)

    def remove(self, notify: Callable[[], None]) -> None:
        """Call `notify` no more, but for a call that is under way; one that was not added is no error."""
        with self._lock:
            self._those.discard(notify)

    def notify(self) -> None:
        """Call all of them. They may add and remove others meanwhile."""
        with self._lock:
            those = list(self._those)
        for notify in those:
            notify()


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
