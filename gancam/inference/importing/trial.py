"""A process of its own in which somebody else's graphs are tried, so that one that crashes takes nothing with it.

ONNX Runtime checks much, but not all: a graph that divides whole numbers by a size of 0 ends the process that runs it.
What goes through the pipes are JSON and the bytes of arrays; no pickles.
"""

import json
import math
import os
import re
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from gancam._native import denormals_as_zero
from gancam.errors import GancamError, ModelError
from gancam.inference.hardware import memory
from gancam.inference.importing.convention import Tensor
from gancam.inference.session import open_session

PATIENCE = 600.0  # seconds after which a call counts as one that never ends
_SAID = re.compile(  # its operator, and the message
    r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:.*? while running (\w+) node\..*?Status Message: )?"
    r"(?:\S+:\d+ [\w:<>~ ]+\s)?(.*)"
)
RawPorts: TypeAlias = list[tuple[str, str, list[int]]]
"""Name, ONNX Runtime's type and shape (0: free) of inputs or outputs."""
MOST_MEMORY = 8 * 10**9  # bytes that a graph is tried with, at most
MOST_OUTPUT = 10**9  # bytes of what comes out of a trial: 512x512 enlarged by 8 in float64 are a third of it
_WANTED = re.compile(r"allocate memory for requested buffer of size (\d+)")
_LONGEST = 160  # letters of what ONNX Runtime says
_LENGTH = struct.Struct("<I")


class TrialFailed(Exception):
    """The graph does not run with what it was given, or does not give a picture."""


class NoPicture(TrialFailed):
    """The graph runs, and what it gives is no picture of any size."""


class OtherSize(NoPicture):
    """The graph runs, and what it gives is a picture of a size that is not played, whatever is said of it."""


class TooLarge(OtherSize):
    """The graph wants more memory for a small picture than a trial may take."""


class TrialProcess:
    """Opens graphs and runs them elsewhere. It ends with the last that refers to it; one that died starts anew."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._opened: dict[str, int] = {}  # path: number, in the process that is alive
        self._lock = threading.Lock()

    def open(self, path: Path, threads: int) -> tuple[RawPorts, RawPorts]:
        """Open a file. Gives name, type and shape of its inputs and of its outputs.

        Raises ``ModelError`` where ONNX Runtime cannot open it, or dies of it.
        """
        try:
            answer, _ = self._asked({"open": str(path), "threads": threads})
        except TrialFailed as error:
            raise ModelError(f"{path} cannot be opened: {error}") from error
        if "error" in answer:
            raise ModelError(str(answer["error"]))
        self._opened[str(path)] = int(answer["number"])
        return answer["inputs"], answer["outputs"]

    def run(self, path: Path, threads: int, given: Mapping[str, Tensor], output: str) -> Tensor:
        """One output of a file that was opened. Raises `TrialFailed`."""
        if str(path) not in self._opened:  # the process that had it died
            self.open(path, threads)
        request = {"run": self._opened[str(path)], "inputs": list(given), "output": output}
        answer, found = self._asked(request, *given.values())
        if found is None and "gigabytes" in answer:
            sizes = ", ".join(f"{name} {list(one.shape)}" for name, one in given.items())
            raise TooLarge(
                f"for {sizes} it wants {answer['gigabytes']:.1f} GB of memory at once{answer['failed']}: what takes so "
                "much for a small picture is not played"
            )
        if found is None:
            raise TrialFailed(str(answer["failed"]))
        return found

    def _asked(self, request: dict[str, Any], *arrays: Tensor) -> tuple[dict[str, Any], Tensor | None]:
        with self._lock:
            process = self._alive()
            assert process.stdin is not None
            assert process.stdout is not None
            expired = threading.Event()

            def stop() -> None:
                expired.set()  # first: the end of the process is seen before this thread goes on
                process.kill()

            late = threading.Timer(PATIENCE, stop)
            late.name = "gancam-trial"
            late.start()
            try:
                _send(process.stdin, request, *arrays)
                answer, found = _received(process.stdout)
                return answer, found[0] if found else None
            except (OSError, EOFError, ValueError) as error:
                process.kill()
                code = process.wait()
                self._opened.clear()
                slow = f"it takes longer than {PATIENCE:g} s" if expired.is_set() else ""
                raise TrialFailed(slow or f"it ends the process that runs it (exit code {code})") from error
            finally:
                late.cancel()
                late.join()

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                _end(self._process)
            folders = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": folders.rstrip(os.pathsep)},
            )  # fmt: skip
            self._opened.clear()
            weakref.finalize(self, _end, self._process)
        return self._process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # of what was not sent any more
                pipe.close()


def _send(pipe: IO[bytes], message: dict[str, Any], *arrays: Tensor) -> None:
    """Write the length of a JSON text, that, and the bytes of the arrays that it describes."""
    kinds = [[array.dtype.str, list(array.shape)] for array in arrays]
    data = json.dumps({**message, "arrays": kinds}).encode()
    pipe.write(_LENGTH.pack(len(data)) + data)
    for array in arrays:
        pipe.write(np.ascontiguousarray(array).tobytes())
    pipe.flush()


def _received(pipe: IO[bytes]) -> tuple[dict[str, Any], list[Tensor]]:
    message: dict[str, Any] = json.loads(_read(pipe, *_LENGTH.unpack(_read(pipe, _LENGTH.size))))
    arrays = []
    for kind, shape in message["arrays"]:
        dtype = np.dtype(kind)
        data = _read(pipe, dtype.itemsize * math.prod(shape))
        arrays.append(np.frombuffer(data, dtype).reshape(shape))
    return message, arrays


def _read(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError
    return data


def serve(given: IO[bytes], answers: IO[bytes]) -> None:
    """Open and run what is asked for until nobody asks any more: the whole life of the other process."""
    sessions: list[Any] = []
    while True:
        try:
            request, arrays = _received(given)
        except EOFError:
            return
        if "open" in request:
            _send(answers, _opened(Path(request["open"]), int(request["threads"]), sessions))
            continue
        tensors = dict(zip(request["inputs"], arrays, strict=True))
        try:
            with denormals_as_zero():
                found = sessions[request["run"]].run([request["output"]], tensors)[0]
        except Exception as error:  # ONNX Runtime raises a class of its own for each reason
            wanted = _WANTED.search(str(error))
            failed = {"failed": "", "gigabytes": int(wanted[1]) / 1e9} if wanted else {"failed": _plain(error)}
            _send(answers, failed)
            continue
        if isinstance(found, np.ndarray) and found.nbytes > MOST_OUTPUT:
            failed = {"failed": f" ({request['output']} is {list(found.shape)})", "gigabytes": found.nbytes / 1e9}
            _send(answers, failed)
        elif isinstance(found, np.ndarray) and found.dtype != object:
            _send(answers, {}, found)
        else:
            _send(answers, {"failed": f"{request['output']} is no tensor of numbers"})


def _plain(error: Exception) -> str:
    """What ONNX Runtime says, without where in its source it says so."""
    line = str(error).strip().partition("\n")[0]
    found = _SAID.fullmatch(line)
    text = f"{found[1] + ': ' if found[1] else ''}{found[2]}" if found else line
    return text.strip() if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(' ')[0].strip()} ..."


def _opened(path: Path, threads: int, sessions: list[Any]) -> dict[str, Any]:
    try:
        session = open_session(path, "cpu", threads)
    except GancamError as error:
        return {"error": str(error)}
    sessions.append(session)
    ports = [[[one.name, one.type, [side if isinstance(side, int) else 0 for side in one.shape]] for one in ends]
             for ends in (session.get_inputs(), session.get_outputs())]  # fmt: skip
    return {"number": len(sessions) - 1, "inputs": ports[0], "outputs": ports[1]}


def limit_memory(most: int) -> None:
    """Let this process have `most` bytes of memory of its own, where the system has such limits (not on Windows)."""
    with suppress(ImportError, OSError, ValueError):
        resource: Any = import_module("resource")
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    limit_memory(min(memory()[1], MOST_MEMORY))
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    serve(sys.stdin.buffer, pipe)
