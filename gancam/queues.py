"""A queue between two threads that survives an exception out of a signal handler."""

import queue
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

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
