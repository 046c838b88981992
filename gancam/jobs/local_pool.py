"""Workers that are processes of this machine."""

import math
import multiprocessing as mp
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from threading import current_thread, main_thread
from typing import Protocol, cast

from gancam.inference.hardware import usable_cores
from gancam.jobs.spec import EffectChainSpec
from gancam.jobs.worker import Worker, WorkItem, WorkResult


class WorkerPool(Protocol):
    """Workers, each with a number. A worker is free, or makes one ``WorkItem``.

    Attributes:
        notes: What the user should know of the pool.
    """

    notes: list[str]

    def free(self) -> list[int]:
        """List the workers that wait for work.

        Raises:
            SinkError: Where no worker is left.
        """

    def give(self, worker: int, order: WorkItem) -> None:
        """Let a free worker make `order`; returns at once."""

    def take(self) -> tuple[int, WorkResult | None]:
        """Wait until a worker is done.

        Returns:
            Its number, and what it made; None where it died (another one takes its place under another number).
        """

    def close(self) -> None:
        """Stop all workers, whatever they do."""


class LocalPool:
    """Workers that are processes of this machine.

    Args:
        chain_spec: The effects that each of them loads.
        workers: How many.
    """

    def __init__(self, chain_spec: EffectChainSpec, workers: int) -> None:
        self.notes: list[str] = []
        self._chain_spec = chain_spec
        self._folder = tempfile.TemporaryDirectory(prefix="gancam-")
        self._context = mp.get_context("spawn")  # what the networks' libraries hold does not survive a fork
        self._processes: dict[int, tuple[SpawnProcess, Connection]] = {}
        self._busy: set[int] = set()
        self._started = 0
        for _ in range(workers):
            self._start()

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        folder = Path(self._folder.name) / str(self._started)
        folder.mkdir()
        process = self._context.Process(target=_serve, args=(theirs, self._chain_spec, folder), daemon=True)
        with _ctrl_c_held():
            process.start()
        theirs.close()
        self._processes[self._started] = process, ours
        self._started += 1

    @property
    def pids(self) -> dict[int, int]:
        """The process number of each worker."""
        return {worker: process.pid for worker, (process, _) in self._processes.items() if process.pid is not None}

    def free(self) -> list[int]:
        """List the workers that wait for work."""
        return [worker for worker in self._processes if worker not in self._busy]

    def give(self, worker: int, order: WorkItem) -> None:
        """Let a free worker make `order`; returns at once."""
        self._busy.add(worker)
        with suppress(OSError):  # it died meanwhile, which `take` tells
            self._processes[worker][1].send(order)

    def take(self) -> tuple[int, WorkResult | None]:
        """Wait until a worker is done, or has died (None)."""
        pipes = {self._processes[worker][1]: worker for worker in self._busy}
        pipe = cast("Connection", wait(list(pipes))[0])  # of a class of its own under Windows
        worker = pipes[pipe]
        self._busy.discard(worker)
        try:
            made: WorkResult | None = pipe.recv()
        except (EOFError, OSError):
            process, _ = self._processes.pop(worker)
            pipe.close()
            process.join()
            made = None
            self._start()
        return worker, made

    def close(self) -> None:
        """Stop all workers, whatever they do."""
        for worker, (process, pipe) in self._processes.items():
            pipe.close()
            if worker in self._busy:
                process.kill()
        for process, _ in self._processes.values():
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self._processes.clear()
        self._folder.cleanup()


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment; processes that are begun meanwhile never hear it.

    A worker takes a second for its imports before it can ignore the signal itself, and would end in a traceback; so it
    would where Ctrl-C came between its start and what it is told. Other threads hear the signal though this one does
    not, so its handler waits, too.
    """
    usual = signal.getsignal(signal.SIGINT)
    if sys.platform == "win32" or current_thread() is not main_thread() or not callable(usual):
        yield  # where it is no matter: nobody else hears Ctrl-C, or it is ignored
        return
    ensure_running()  # a process that multiprocessing starts first: it lets Ctrl-C through again
    came = list[int]()
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, usual)
        if came:
            signal.raise_signal(signal.SIGINT)


def _serve(pipe: Connection, chain_spec: EffectChainSpec, folder: Path) -> None:
    """Serve as a worker process until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the pipe
    worker = Worker(chain_spec, folder)
    try:
        while True:
            pipe.send(worker(pipe.recv()))
    except (EOFError, OSError):
        pass
    finally:
        worker.close()


def share_of_threads(workers: int) -> int:
    """Share this machine's cores among so many networks: threads for each, 1 or more."""
    return max(math.ceil(usable_cores() / workers), 1)
