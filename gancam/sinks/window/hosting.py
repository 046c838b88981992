"""A window that lives on a loop of its own, beside the loop of the frames."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

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
    played: Future[T] = Future()

    def run() -> None:
        try:
            played.set_result(play())
        except BaseException as error:  # raised again where it is waited for
            played.set_exception(error)

    window.hosted = True
    thread = threading.Thread(target=run, name="gancam-play", daemon=True)
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
    return played.result()
