"""What a check of the machine finds, and how to run one in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Literal, TypeVar

Verdict = Literal["ok", "warning", "problem", "absent"]
Item = TypeVar("Item", bound=Mapping[str, object])  # what a probe yields
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from gancam.tools.doctor.checks import answer; answer(sys.argv[2])"
)


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one thing.

    Attributes:
        name: What was checked; fixed, for scripts.
        verdict: ``absent`` where it is not here, and nothing is broken by that.
        seen: What was found, in words.
        cure: What would help; empty only where the verdict is ok.
        details: The figures behind `seen`, ready for JSON.
    """

    name: str
    verdict: Verdict
    seen: str
    cure: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Give it ready for JSON."""
        return asdict(self)


def answer(probe: str) -> None:
    """Write what a function yields to the real stdout, as JSON lines; native libraries write to stderr meanwhile.

    Args:
        probe: MODULE:NAME of the function.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        module, _, name = probe.partition(":")
        for item in getattr(import_module(module), name)():
            out.write(json.dumps(item) + "\n")
            out.flush()


def in_child(probe: Callable[[], Iterator[Item]], seconds: float) -> tuple[list[Item], str]:
    """Run a probe in a process of its own, which it may crash.

    Args:
        probe: A function of a module, without arguments, that yields objects ready for JSON.
        seconds: How long it may take.

    Returns:
        What it yielded, and what went wrong there; empty where nothing did.
    """
    command = [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), f"{probe.__module__}:{probe.__name__}"]
    trouble, said = "", b""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
        out, said = done.stdout, done.stderr
        if done.returncode < 0:
            trouble = f"crashed ({signal.Signals(-done.returncode).name})"
        elif done.returncode:
            trouble = f"failed (exit code {done.returncode})"
    except subprocess.TimeoutExpired as error:
        out, trouble = error.stdout or b"", f"no end after {seconds:g} s"
    except OSError as error:
        out, trouble = b"", f"could not be started ({error.strerror})"
    if trouble:
        lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
        where = -1 if "Traceback" in "".join(lines[:1]) else 0
        trouble += f": {lines[where][:160]}" if lines else ""
    whole = out[: out.rfind(b"\n") + 1]  # without a line that was cut off
    return [json.loads(line) for line in whole.splitlines()], trouble


def c_string(raw: bytes | bytearray) -> str:
    """Decode a text that ends with a zero byte."""
    return bytes(raw).partition(b"\0")[0].decode(errors="replace").strip()


def gigabytes(size: int) -> str:
    """Write bytes as gigabytes."""
    return f"{size / 1e9:.1f} GB"
