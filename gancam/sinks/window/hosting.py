"""A window that lives on a loop of its own, beside the loop of the frames."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from gancam.sinks.window import Window

T = TypeVar("T")
_LOOK = 0.02  # seconds between looks whether playing has ended, once the window is closed


def host(window: Window, play: Callable[[], T], stop: Callable[[], None]) -> T:
    """Call `play`, which writes frames to `window`, on another thread, while this one draws it and answers its user.

    So keys, mouse and sliders are answered at once, however long a frame takes. On macOS, and wherever Ctrl-C is to be
    heard, this is the main thread.

    Args:
        window: The window; its other methods are called by `play` alone.
        play: Returns when there are no more frames, or soon after `window` is closed.
        stop: Makes `play` return soon; called from this thread where an exception (Ctrl-C) ends this loop. A second one
            is raised at once, and leaves `play` to itself.

    Returns:
        What `play` returns.

    Raises:
        BaseException: What `play` raises, or what ended this loop.
    """
    player = _Player(play)
    window.hosted = True
    thread = threading.Thread(target=player, name="gancam-play", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            if window.closed:
                window.put_away()
                thread.join(_LOOK)
            else:
                window.turn()
    except BaseException:
        stop()
        window.put_away()
        thread.join()
        raise
    window.put_away()
    thread.join()
    return player.result()


class _Player(Generic[T]):
    """A call on another thread, and what became of it."""

    def __init__(self, play: Callable[[], T]) -> None:
        self._play = play
        self._returned: list[T] = []
        self._error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self._returned.append(self._play())
        except BaseException as error:  # raised again where it is waited for
            self._error = error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._returned[0]
