"""Those who want to be told of something new."""

import threading
from collections.abc import Callable


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
