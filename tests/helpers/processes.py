"""Two processes of one group, as torchrun starts them, on this machine's CPU."""

import os
import time
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import distributed

LIMIT = 120.0  # seconds after which two processes are taken to wait for each other for good


class Pair:
    """Two processes that stay, since each takes seconds to begin; `folder` is for what they find each other by."""

    def __init__(self, folder: Path) -> None:
        context = get_context("spawn")
        pipes = [context.Pipe() for _ in range(2)]
        self._ends = [pipe[0] for pipe in pipes]
        self._processes = [
            context.Process(target=_serve, args=(rank, pipe[1], folder / "store"), daemon=True)
            for rank, pipe in enumerate(pipes)
        ]
        for process in self._processes:
            process.start()

    def __call__(self, scenario: Callable[..., object], *arguments: object) -> list[Any]:
        """Call `scenario(rank, *arguments)`, a function of a module, in both, and return what each returned.

        Raises ``RuntimeError`` with what one of them raised, ``TimeoutError`` where they wait for each other.
        """
        for end in self._ends:
            end.send((scenario, arguments))
        until = time.monotonic() + LIMIT
        found = [end.recv() for end in self._ends if end.poll(max(until - time.monotonic(), 0.0))]
        for _, failed in found:
            if failed:
                raise RuntimeError(failed)
        if len(found) < len(self._ends):
            raise TimeoutError(f"two processes did not end within {LIMIT:g} s")
        return [made for made, _ in found]

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()
            process.join()


def _serve(rank: int, pipe: Connection, store: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=store.as_uri(), rank=rank, world_size=2)
    while True:
        scenario, arguments = pipe.recv()
        try:
            pipe.send((scenario(rank, *arguments), ""))
        except Exception:
            pipe.send((None, traceback.format_exc()))
