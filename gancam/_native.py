"""What native libraries keep for the whole process, changed only around our own calls and put back afterwards.

Importing gancam changes nothing of the process that it is imported into. What OpenCV, FFmpeg and SVT-AV1 let nobody
choose for one file is chosen here, for the length of a call. All contexts nest, and several threads may be in them.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2

_SILENT = cv2.utils.logging.LOG_LEVEL_SILENT
_lock = threading.Lock()
_quiet_calls, _level_before = 0, 0


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's own log off stderr meanwhile: what went wrong is said in one line by whoever called.

    The level is the process's. It comes back when the last of several leaves, unless somebody else has set it since.
    """
    global _quiet_calls, _level_before
    with _lock:
        if _quiet_calls == 0:
            _level_before = cv2.utils.logging.setLogLevel(_SILENT)
        _quiet_calls += 1
    try:
        yield
    finally:
        with _lock:
            _quiet_calls -= 1
            if _quiet_calls == 0 and cv2.utils.logging.getLogLevel() == _SILENT:
                cv2.utils.logging.setLogLevel(_level_before)


@dataclass(slots=True)
class _Held:
    """An environment variable that is ours for now."""

    value: str
    threads: list[int] = field(default_factory=list)  # a thread as often as it is in there


_held: dict[str, _Held] = {}
_left = threading.Condition()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables meanwhile, for libraries that can be told by them alone.

    What the user has set stays as it is. Threads that want the same value share it, one that wants another waits until
    they have left; within one thread the outer value stays.
    """
    me = threading.get_ident()

    def taken(name: str) -> bool:
        held = _held.get(name)
        return held is not None and held.value != variables[name] and me not in held.threads

    with _left:
        while any(map(taken, variables)):
            _left.wait()
        mine = [name for name in variables if name in _held or name not in os.environ]
        for name in mine:
            held = _held.setdefault(name, _Held(variables[name]))
            held.threads.append(me)
            os.environ[name] = held.value
    try:
        yield
    finally:
        with _left:
            for name in mine:
                held = _held[name]
                held.threads.remove(me)
                if not held.threads:
                    del _held[name]
                    if os.environ.get(name) == held.value:
                        del os.environ[name]
            _left.notify_all()


__all__ = ["environment", "quiet_opencv"]
