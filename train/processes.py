"""Several processes that train one run, as torchrun starts them: which one this is, and what all of them agree on.

Each learns from pictures of its own. All else must be alike in all of them, whatever happens to one: a process that
stops, skips a step or writes alone leaves the others waiting for it, or with other weights than its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import torch
from torch import Tensor, distributed

PATIENCE = timedelta(days=1)  # for the first process, which judges and makes pools while the others wait


@dataclass(frozen=True)
class Group:
    """The processes of one run; one alone agrees with itself.

    Attributes:
        rank: Which of them this is, from 0; the first writes the files of the run.
        local_rank: Which of those of this machine it is, from 0.
        size: How many there are.
    """

    rank: int = 0
    local_rank: int = 0
    size: int = 1

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Group":
        """Read RANK, LOCAL_RANK and WORLD_SIZE, which torchrun sets.

        Raises ``ValueError`` for what is no number, and for a rank that none of so many processes has: none would write
        the files of the run.
        """
        rank, size = _number(environment, "RANK", 0), _number(environment, "WORLD_SIZE", 1)
        if not 0 <= rank < size:
            raise ValueError(f"RANK = {rank} must be 0 or more and under WORLD_SIZE = {size}, as torchrun sets them")
        return cls(rank, _number(environment, "LOCAL_RANK", rank), size)

    def device(self, name: str) -> str:
        """Which device `name` is for this process: of several each has a GPU of its own.

        Raises ``ValueError`` where `name` is one GPU, and there are several processes.
        """
        kind, _, index = name.partition(":")
        if self.size == 1 or kind != "cuda":
            return name
        if index:
            raise ValueError(
                f"--device {name} is one GPU, and each of the {self.size} processes needs one of its own: "
                f"give --device cuda"
            )
        return f"cuda:{self.local_rank}"

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Connect the processes, whose networks are on `device`, meanwhile. Raises ``ValueError`` where it cannot be.

        Of several on GPUs, `device` becomes the one that CUDA uses where none is named.
        """
        if self.size == 1:
            yield
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def largest(self, *numbers: float, device: torch.device) -> list[float]:
        """Find the largest that any process gave for each of some `numbers`, whole ones up to 2**24; all must ask."""
        if self.size == 1:
            return list(numbers)
        found = torch.tensor(numbers, dtype=torch.float32, device=device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return [float(number) for number in found.tolist()]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each of some tensors, in place, by its mean over the processes."""
        if self.size > 1:
            for flat in _flattened(tensors):
                distributed.all_reduce(flat)
                flat.div_(self.size)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Replace each of some tensors, in place, by that of the first process."""
        if self.size > 1:
            for flat in _flattened(tensors):
                distributed.broadcast(flat, 0)

    def first_alone(self, do: Callable[[], object], device: torch.device) -> None:
        """Have the first process do something while the others wait.

        Raises what `do` raises, and ``ValueError`` in the others, which would wait for the first for good otherwise.
        """
        if self.size == 1:
            do()
            return
        failed = 1.0
        try:
            if self.rank == 0:
                do()
            failed = 0.0
        finally:
            failed = self.largest(failed, device=device)[0]
        if failed:
            raise ValueError("the first process failed; it says why")


def _number(environment: Mapping[str, str], name: str, usual: int) -> int:
    value = environment.get(name, "")
    try:
        return int(value) if value else usual
    except ValueError:
        raise ValueError(f"{name} = {value!r} must be a whole number, as torchrun sets it") from None


def _flattened(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the values of all tensors of a kind as one, which is much sooner sent, and write back what it becomes."""
    every = sorted(tensors, key=lambda tensor: str(tensor.dtype))
    for _, kind in groupby(every, key=lambda tensor: tensor.dtype):
        alike = [tensor.detach() for tensor in kind]
        flat = torch.cat([tensor.reshape(-1) for tensor in alike])
        yield flat
        for tensor, values in zip(alike, torch.split(flat, [tensor.numel() for tensor in alike]), strict=True):
            tensor.copy_(values.view_as(tensor))
