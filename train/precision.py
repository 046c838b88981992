"""In which precision a run computes: the fastest of a timed trial on the machine that it runs on.

bf16 is twice as fast as fp32 on a CPU that has it, and takes five times as long on one that has not; no name of a CPU
says which it will be for the convolutions of a network at hand. So a few steps of the run itself are timed.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import nn

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
GAIN = 0.9  # of fp32's time: what another precision must come under to be worth its rounding
ROUNDS = 3  # steps of each precision, in turn, of which the fastest counts
HOPELESS = 4.0  # times the first step of fp32, which prepares kernels: a precision that the machine emulates
PATIENCE = 0.4  # seconds of a trial's rounds; one more round is begun before them
_found: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()  # what `fastest` found, as long as a network is there


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
    """Choose by seconds of a step in each precision, infinite where steps diverge; fp32 is among them."""
    best = min(times, key=times.__getitem__)
    if times[best] > GAIN * times["fp32"]:
        best = "fp32"
    told = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in times.items() if math.isfinite(seconds))
    lost = [name for name, seconds in times.items() if not math.isfinite(seconds)]
    said = [f"{told} an iteration"] if told else []
    said += [f"{', '.join(lost)} {'diverge' if len(lost) > 1 else 'diverges'}"] if lost else []
    return Choice(best, f"by a trial: {'; '.join(said)}")


def measure(
    names: Sequence[str],
    step: Callable[[str], None],
    *,
    agree: Callable[[float], float] = lambda seconds: seconds,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time a step in each precision: the fastest of some, which are made in turn.

    What takes more than `HOPELESS` times as long as fp32 for its first step is not tried again, nor is one of which any
    step diverges: it takes for ever, however soon that step was over.

    Args:
        names: The precisions, fp32 first.
        step: Makes one step in a precision and waits for its end. Raises ``ArithmeticError`` where what it computes is
            no finite number.
        agree: Makes one of each process's time, where several train together, that all of them hold for true.
        clock: Gives the time in seconds.

    Returns:
        Seconds by precision; infinite: its steps diverge.
    """

    def timed(name: str) -> float:
        began = clock()
        try:
            step(name)
        except ArithmeticError:
            return agree(math.inf)
        return agree(clock() - began)

    first = {name: timed(name) for name in names}  # prepares kernels and memory, too
    going = [name for name in names if first[name] <= HOPELESS * first["fp32"]]
    times = first | {name: timed(name) for name in going if math.isfinite(first[name])}
    spent = sum(filter(math.isfinite, times.values()))
    for _ in range(ROUNDS - 1):
        if spent > PATIENCE:
            break
        for name in going:
            if math.isfinite(times[name]):
                took = timed(name)
                spent += took if math.isfinite(took) else 0.0
                times[name] = min(times[name], took) if math.isfinite(took) else took
    return times


def fastest(network: nn.Module) -> str:
    """Find the precision in which `network` makes one RGB picture of 64x64 soonest, by one trial of each network."""
    if (known := _found.get(network)) is not None:
        return known
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    x = torch.zeros(1, 3, 64, 64, device=device).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def step(name: str) -> None:
        with autocast(device, name):
            if not torch.isfinite(network(x)).all():
                raise ArithmeticError("the network's picture is not finite")

    _found[network] = choose(measure(candidates(device), step)).name
    return _found[network]
