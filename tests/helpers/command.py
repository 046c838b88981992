"""The command line as a user runs it, and what a video holds."""

import contextlib
import io
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


def ended(*arguments: object) -> tuple[object, str]:
    """The exit code, and what is on stderr. In this process, which is ten times faster."""
    said = io.StringIO()
    before = {number: signal.getsignal(number) for number in ENDS}
    with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    for number, handler in before.items():
        signal.signal(number, handler)
    return end.value.code, said.getvalue()


def refused(*arguments: object, says: str) -> None:
    """One line on stderr and exit code 2. In this process."""
    code, said = ended(*arguments)
    assert code == 2, said
    assert says in said
    assert said.count("\n") == 1, said


def video(path: Path) -> tuple[int, tuple[int, int], int]:
    """Frames, (width, height), audio packets."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    with av.open(str(path)) as container:
        sound = sum(packet.size > 0 for packet in container.demux(audio=0)) if container.streams.audio else 0
    return len(frames), (frames[0].width, frames[0].height), sound
