"""The command line as a user runs it, and what a video holds."""

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import pytest

from gancam.cli.main import main

ENDS = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]


def gancam(*arguments: object, cwd: Path | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gancam", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=timeout)


def here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `gancam` in this process, ten times faster: for what is not about a process's beginning, end or output."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = _ended(arguments)
    return subprocess.CompletedProcess([*map(str, arguments)], code, out.getvalue(), said.getvalue())


def through(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `gancam` in this process with pipes: its standard input, which holds `given`, its output, and its errors."""
    pipes = [os.pipe() for _ in range(3)]
    came = {1: b"", 2: b""}

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(pipes[0][1], "wb") as pipe:
            pipe.write(given)

    def take(number: int) -> None:
        with os.fdopen(pipes[number][0], "rb") as pipe:
            came[number] = pipe.read()

    threads = [threading.Thread(target=feed), *(threading.Thread(target=take, args=(number,)) for number in came)]
    for thread in threads:
        thread.start()
    with contextlib.ExitStack() as opened, pytest.MonkeyPatch.context() as patch:
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            opened.enter_context(_descriptor(number, pipes[number][number > 0]))
            stream = opened.enter_context(open(number, "w" if number else "r", closefd=False))
            patch.setattr(sys, name, stream)
        code = _ended(arguments)
    for thread in threads:
        thread.join()
    return subprocess.CompletedProcess([*map(str, arguments)], code, came[1], came[2])


@contextlib.contextmanager
def _descriptor(number: int, pipe: int) -> Iterator[None]:
    """Have the end of a pipe as descriptor `number`, and close it afterwards."""
    before = os.dup(number)
    os.dup2(pipe, number)
    os.close(pipe)
    try:
        yield
    finally:
        os.dup2(before, number)
        os.close(before)


def _ended(arguments: Sequence[object]) -> int:
    """Run a command here; its exit code."""
    before = {number: signal.getsignal(number) for number in ENDS}
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []  # the command line makes its own, which writes to stderr
    try:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
    finally:
        root.handlers = handlers
        for number, handler in before.items():
            signal.signal(number, handler)
    assert isinstance(end.value.code, int)
    return end.value.code


def refused(*arguments: object, says: str) -> None:
    """One line on stderr and exit code 2. In this process."""
    done = here(*arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def video(path: Path) -> tuple[int, tuple[int, int], int]:
    """Frames, (width, height), audio packets."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    with av.open(str(path)) as container:
        sound = sum(packet.size > 0 for packet in container.demux(audio=0)) if container.streams.audio else 0
    return len(frames), (frames[0].width, frames[0].height), sound
