"""Settings that native libraries keep for the whole process, changed only around our own calls.

Importing gancam changes nothing of the process that it is imported into. What OpenCV, FFmpeg, SVT-AV1 and ONNX Runtime
do not let one choose for one file is chosen here, for the length of a call, and put back afterwards. All contexts nest,
and several threads may be in them.
"""

import ctypes
import os
import platform
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import cv2

if TYPE_CHECKING:
    import av
    from av.sidedata.sidedata import Type as SideDataType

T = TypeVar("T")
_SILENT = cv2.utils.logging.LOG_LEVEL_SILENT
_lock = threading.Lock()
_quiet_calls, _level_before = 0, 0


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's own log off stderr meanwhile: the caller says in one line what went wrong.

    The level is the process's. It comes back when the last of several leaves, unless it was set by others since.
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


def side_data(frame: "av.VideoFrame") -> "list[tuple[SideDataType, bytes]]":
    """Give what FFmpeg has beside a decoded frame, each with its kind, also where PyAV does not know one of those.

    PyAV raises ``ValueError`` for such a frame, that of a photo with EXIF (31) say, as its enumeration of kinds lacks a
    number: here it gets one for as long as that is asked.
    """
    from av.sidedata.sidedata import Type

    def read() -> "list[tuple[SideDataType, bytes]]":
        beside: Any = frame.side_data  # whose stub says that it holds texts
        return [(one.type, bytes(one)) for one in beside]

    def named(cls: Any, value: int) -> Any:
        made: Any = object.__new__(cls)
        made._name_, made._value_ = f"KIND_{value}", value
        return made

    with suppress(ValueError):
        return read()
    with _lock:
        kinds: Any = Type
        kinds._missing_ = classmethod(named)
        try:
            return read()
        finally:
            del kinds._missing_


def described(container: "av.container.InputContainer") -> str:
    """Give FFmpeg's own description of an open file, a line for each stream, as its command line prints it.

    That is written to FFmpeg's log, whose level is the process's: it is turned up meanwhile, and what others write
    there then is dropped, as it is by default.
    """
    import av.logging

    with _lock:
        before = av.logging.get_level()
        with av.logging.Capture(local=False):
            av.logging.set_level(max(before or 0, av.logging.INFO))
            try:
                return str(container.dumps_format())  # type: ignore[attr-defined]  # its stubs lack it
            finally:
                av.logging.set_level(before)


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


def apart(work: Callable[[], T]) -> T:
    """Do `work` in a thread of its own, and return or raise what it does.

    For what changes the thread that does it: ONNX Runtime's first session of a process sets for good how that thread,
    and all that it starts later, treat denormal numbers.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # raised where it is waited for
            done.set_exception(error)

    thread = threading.Thread(target=run, name="gancam-apart", daemon=True)
    thread.start()
    try:
        return done.result()
    finally:
        thread.join()


_sessions: WeakSet[object] = WeakSet()


def keep_after_fork(session: object) -> None:
    """Never destroy `session` in a process that is forked from this one.

    It would wait for its threads, which a fork leaves behind.
    """
    _sessions.add(session)


def _keep_sessions() -> None:
    for session in _sessions:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


_opencv_threads: list[int] = []  # of forks under way


def _end_opencv_threads() -> None:
    """End the threads that OpenCV keeps: what one of them holds while a process is forked is held there for ever."""
    _opencv_threads.append(cv2.getNumThreads())
    cv2.setNumThreads(1)


def _allow_opencv_threads() -> None:
    """Let OpenCV begin as many as before, when it needs them."""
    cv2.setNumThreads(_opencv_threads.pop())


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_keep_sessions)
    os.register_at_fork(
        before=_end_opencv_threads, after_in_parent=_allow_opencv_threads, after_in_child=_allow_opencv_threads
    )

_MXCSR = 28  # its place in x86-64's fenv_t, of glibc and musl
_ZEROS = 0x8040  # flush to zero, denormals are zero


@lru_cache
def _mathematics() -> ctypes.PyDLL | None:
    """The system's library of fegetenv and fesetenv, where they reach what is meant: on Linux on x86-64."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return None
    try:
        library = ctypes.PyDLL("libm.so.6")
        return library if library.fegetenv and library.fesetenv else None
    except (OSError, AttributeError):
        return None


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Let this thread take numbers below 1e-38 for 0 meanwhile, where that can be had.

    Some CPUs take a hundred times as long for them. Costs a few microseconds.
    """
    library = _mathematics()
    if library is None:
        yield
        return
    before = ctypes.create_string_buffer(32)
    library.fegetenv(before)
    inside = bytearray(before.raw)
    struct.pack_into("<I", inside, _MXCSR, struct.unpack_from("<I", inside, _MXCSR)[0] | _ZEROS)
    library.fesetenv(bytes(inside))
    try:
        yield
    finally:
        library.fesetenv(before)


__all__ = ["apart", "denormals_as_zero", "described", "environment", "keep_after_fork", "quiet_opencv"]
