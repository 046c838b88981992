"""The command line as a user runs it, and what a video holds."""

import contextlib
import io
import logging
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from gancam.cli.main import main

ENDS = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]


def gancam(*arguments: object, cwd: Path | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gancam", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=timeout)


def here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `gancam` in this process, ten times faster: for what is not about a process's beginning, end or output."""
    words = [str(argument) for argument in arguments]
    out, said = io.StringIO(), io.StringIO()
    before = {number: signal.getsignal(number) for number in ENDS}
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []  # the command line makes its own, which writes to stderr
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
            main(words)
    finally:
        root.handlers = handlers
        for number, handler in before.items():
            signal.signal(number, handler)
    assert isinstance(end.value.code, int)
    return subprocess.CompletedProcess(words, end.value.code, out.getvalue(), said.getvalue())


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
