"""The device and the threads that the programs of `train` compute with: found usable before anything begins."""

import logging
import os

import torch

log = logging.getLogger(__name__)


def usable(name: str | None, *, needs: str = "") -> torch.device:
    """Return the device that ``--device`` names, a GPU or else the CPU where it was not given.

    Args:
        name: As PyTorch calls it; None: the usual one.
        needs: What to say besides of one that cannot be used.

    Raises:
        ValueError: PyTorch has no such device, or cannot compute on it here.
    """
    chosen = usual() if name is None else name
    try:
        device = torch.device(chosen)
        torch.zeros(1, device=device).item()  # one that holds no numbers (meta) can be named, too
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # it asserts that it was built with CUDA
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise ValueError(
            f"--device {chosen or repr(chosen)}: PyTorch cannot use it ({reason}){needs}; --device cpu always works"
        ) from error
    return device


def usual() -> str:
    """Name the device that is taken where none is asked for."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def take_threads(threads: int | None) -> None:
    """Compute with so many threads from now on, with as many as the machine has at most; None: as PyTorch likes."""
    if not threads:
        return
    if threads > (most := os.cpu_count() or 1):
        log.warning("--threads %d: this machine has %d, which are taken", threads, most)
    torch.set_num_threads(min(threads, most))
