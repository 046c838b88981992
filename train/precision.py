"""In which precision a run computes: the fastest of a timed trial on the machine that it runs on.

bf16 is twice as fast as fp32 on a CPU that has it, and takes five times as long on one that has not; no name of a CPU
says which it will be for the convolutions of a network at hand. So a few steps of the run itself are timed.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

NAMES = ("auto", "fp32", "bf16", "fp16")  # auto: what a trial finds
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
GAIN = 0.9  # of fp32's time: what another precision must come under to be worth its rounding
ROUNDS = 3  # steps of each precision, in turn, of which the fastest counts
HOPELESS = 4.0  # times the first step of fp32, which prepares kernels: a precision that the machine emulates
PATIENCE = 0.4  # seconds of a trial's rounds; one more round is begun before them


@dataclass(frozen=True)
class Choice:
    """A precision and why it is.

    Attributes:
        name: fp32, bf16 or fp16.
        why: For the first line of a run.
    """

    name: str
    why: str


def candidates(device: torch.device) -> tuple[str, ...]:
    """List what is tried: fp16 on a GPU alone, where alone it is fast wherever it is there."""
    return ("fp32", "bf16", "fp16") if device.type == "cuda" else ("fp32", "bf16")


def autocast(device: torch.device, name: str) -> torch.autocast:
    """Make the context in which a network computes in precision `name`."""
    return torch.autocast(device.type, DTYPES.get(name, torch.bfloat16), enabled=name in DTYPES)


def choose(times: Mapping[str, float]) -> Choice:
    """Choose by seconds of a step in each precision; fp32 is among them."""
    best = min(times, key=times.__getitem__)
    if times[best] > GAIN * times["fp32"]:
        best = "fp32"
    told = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in times.items())
    return Choice(best, f"by a trial: {told} an iteration")


def measure(
    names: Sequence[str],
    step: Callable[[str], None],
    *,
    agree: Callable[[float], float] = lambda seconds: seconds,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time a step in each precision: the fastest of some, which are made in turn.

    What takes more than `HOPELESS` times as long as fp32 for its first step is not tried again.

    Args:
        names: The precisions, fp32 first.
        step: Makes one step in a precision and waits for its end.
        agree: Makes one of each process's time, where several train together, that all of them hold for true.
        clock: Gives the time in seconds.
    """

    def timed(name: str) -> float:
        began = clock()
        step(name)
        return agree(clock() - began)

    first = {name: timed(name) for name in names}  # prepares kernels and memory, too
    going = [name for name in names if first[name] <= HOPELESS * first["fp32"]]
    times = first | {name: timed(name) for name in going}
    spent = sum(times.values())
    for _ in range(ROUNDS - 1):
        if spent > PATIENCE:
            break
        for name in going:
            took = timed(name)
            spent += took
            times[name] = min(times[name], took)
    return times


@cache
def fastest(network: nn.Module) -> str:
    """Find the precision in which `network` makes one RGB picture of 64x64 soonest, by a trial."""
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    x = torch.zeros(1, 3, 64, 64, device=device).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def step(name: str) -> None:
        with autocast(device, name):
            network(x)

    return choose(measure(candidates(device), step)).name
