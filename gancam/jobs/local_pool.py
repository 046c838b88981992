"""Workers that are processes of this machine."""

import math
import multiprocessing as mp
import signal
import tempfile
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from gancam.inference.hardware import usable_cores
from gancam.jobs.spec import EffectChainSpec
from gancam.jobs.worker import Worker, WorkItem, WorkResult


class WorkerPool(Protocol):
    """Workers by number. A worker is free, or has one order."""

    notes: list[str]

    def free(self) -> list[int]:
        """Who waits for an order."""

    def give(self, worker: int, order: WorkItem) -> None: ...

    def take(self) -> tuple[int, WorkResult | None]:
        """Wait for somebody to finish: who, and what was made; None for a worker that died (another one comes in its
        place). Raises ``SinkError`` where no worker is left."""

    def close(self) -> None:
        """Stop all workers, whatever they do."""


class LocalPool:
    """Workers that are processes of this machine."""

    def __init__(self, recipe: EffectChainSpec, workers: int) -> None:
        self.notes: list[str] = []
        self._recipe = recipe
        self._folder = tempfile.TemporaryDirectory(prefix="gancam-")
        self._context = mp.get_context("spawn")  # what the networks' libraries hold does not survive a fork
        self._processes: dict[int, tuple[Any, Connection]] = {}
        self._busy: set[int] = set()
        self._hired = 0
        for _ in range(workers):
            self._hire()

    def _hire(self) -> None:
        ours, theirs = self._context.Pipe()
        folder = Path(self._folder.name) / str(self._hired)
        folder.mkdir()
        process = self._context.Process(target=_serve, args=(theirs, self._recipe, folder), daemon=True)
        process.start()
        theirs.close()
        self._processes[self._hired] = process, ours
        self._hired += 1

    @property
    def pids(self) -> dict[int, int]:
        """The process of each worker."""
        return {worker: process.pid for worker, (process, _) in self._processes.items()}

    def free(self) -> list[int]:
        return [worker for worker in self._processes if worker not in self._busy]

    def give(self, worker: int, order: WorkItem) -> None:
        self._busy.add(worker)
        with suppress(OSError):  # it died meanwhile, which `take` tells
            self._processes[worker][1].send(order)

    def take(self) -> tuple[int, WorkResult | None]:
        pipes = {self._processes[worker][1]: worker for worker in self._busy}
        pipe = wait(list(pipes))[0]
        assert isinstance(pipe, Connection)
        worker = pipes[pipe]
        self._busy.discard(worker)
        try:
            made: WorkResult | None = pipe.recv()
        except (EOFError, OSError):
            process, _ = self._processes.pop(worker)
            pipe.close()
            process.join()
            made = None
            self._hire()
        return worker, made

    def close(self) -> None:
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


def _serve(pipe: Connection, recipe: EffectChainSpec, folder: Path) -> None:
    """A worker process: until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us, who then closes the pipe
    worker = Worker(recipe, folder)
    try:
        while True:
            pipe.send(worker(pipe.recv()))
    except (EOFError, OSError):
        pass
    finally:
        worker.close()


def share_of_threads(workers: int) -> int:
    """How many threads each of so many networks on this machine gets."""
    return max(math.ceil(usable_cores() / workers), 1)
