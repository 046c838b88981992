"""Which precision of a model is played here, and with how many threads.

Each precision is tried on a bundled picture, compared with fp32, and the choice remembered until the model, the device
(a CPU with its instruction sets), its driver or ONNX Runtime is another. Numbers of threads are tried where cores are
of several kinds or shared.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import DeviceError, GancamError, ModelError, first_line
from gancam.frame import Image
from gancam.inference.hardware import is_x86, saturates_bytes, thread_counts, usable_cores
from gancam.inference.network import GeneratorNetwork, MaskedNetwork, Network, open_network
from gancam.inference.packages import USE_CPU
from gancam.inference.providers import GpuOptions, kind_of, ways
from gancam.inference.trials import LEAST_PSNR, Trial, name_of, recall, remember, tiles_on
from gancam.inference.variants import is_made

log = logging.getLogger(__name__)
NO_INT8 = "GANCAM_NO_INT8"  # an environment variable: set, int8 is played only where it is asked for by name
_FASTER = 1.25  # times that another variant must be faster than the usual one: timings of one machine vary
_ROUNDS = 4
_ALIKE = 1.05  # times the least: fewer threads that take no more leave cores to decoding and encoding
_HOPELESS = 3.0  # times the fastest so far: timed once only
_TILED = 3  # times as wide and high as the bundled picture: what threads are tried on
_FASTER_ON_GPU = 1.05  # times that another way to run it there must be faster than the plain one
_PREFERRED = {"cpu": ("int8", "fp32", "fp16"), "cuda": ("fp16", "fp32"), "tensorrt": ("fp16", "fp32"),
              "webgpu": ("fp16", "fp32")}  # fmt: skip
_PICTURE = Path(__file__).parent.parent / "models" / "autotune.jpg"
Run = Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to open: a file, the precision that it has, the device, and threads of one call on the CPU."""

    path: Path
    precision: str
    device: str
    threads: int
    wide_sums: bool = False  # as ``open_session`` takes it
    gpu: GpuOptions | None = None  # how it is run on a GPU


def choose(files: Mapping[str, Path], device: str, *, precision: str = "auto", threads: int | None = None) -> Choice:
    """Choose which of a model's files to open on a device, and with how many threads.

    Args:
        files: By precision, as ``variants`` gives them; at least one.
        device: "cpu", "cuda", "tensorrt" or "webgpu", the second and third with the number of a GPU or without.
        precision: One of `files`, or "auto": the fastest that is exact. Tried here where nothing is remembered.
        threads: 1 or more; None: the fewest that are as fast as any, tried where there is a choice.

    Raises:
        DeviceError: The device fails where threads are tried, or it is a GPU and there is int8 alone; it is WebGPU and
            gives another picture than the CPU; a file that does not run is only not chosen.
        ModelError: A damaged file where threads are tried; int8 was asked for, saturates here, and fp32 is beside it.
    """
    counts = [threads] if threads is not None else thread_counts()
    compared = precision == "auto" and "fp32" in files
    if precision == "auto":
        precision = usable(files, device, counts[0])[0]
    elif device == "webgpu":
        usable({precision: files[precision]}, device, counts[0])
    wide_sums = precision == "int8" and not compared and _needs_wide_sums(files, device, counts[0])
    count = thread_count(files, precision, counts) if device == "cpu" else counts[0]
    gpu = _gpu_options(files, precision, device, exact=not compared) if kind_of(device) == "cuda" else None
    return Choice(files[precision], precision, device, count, wide_sums, gpu)


def _needs_wide_sums(files: Mapping[str, Path], device: str, threads: int) -> bool:
    """Whether the int8 one of `files` is right on this CPU only with wide sums; refused where fp32 does as well."""
    if device != "cpu" or not saturates_bytes():
        return False

    psnr = saturation(
        files, lambda kind: _run(files["int8"], "cpu", threads, precision="int8", wide_sums=kind == "wide")
    )
    if psnr >= LEAST_PSNR:
        return False
    if "fp32" in files:
        raise ModelError(
            f"{files['int8']}: is inaccurate on this CPU, whose 8-bit sums saturate in this network ({psnr:.1f} dB "
            f'against the same without); use {files["fp32"].name} (--precision fp32, in Python precision="fp32")'
        )
    log.info("%s: its 8-bit sums saturate on this CPU (%.1f dB); played with wide sums", files["int8"], psnr)
    return True


def saturation(files: Mapping[str, Path], opened: Callable[[str], Run]) -> float:
    """Measure what saturation costs the int8 one of `files` on this CPU: dB against wide sums, 100 at most.

    Args:
        files: By precision.
        opened: Opens the int8 file as "wide" or as "plain", and gives what makes its picture; called only where nothing
            is remembered.

    Raises:
        ModelError: And the others that opening raises.
    """
    more = {"sums": "wide"}
    trials = recall(files, "cpu", more, {"plain", "wide"})
    if trials is None:
        wide, plain = (opened(kind)() for kind in ("wide", "plain"))
        trials = [Trial("plain", 0.0, round(_psnr(plain, wide), 2)), Trial("wide", 0.0, 100.0)]
        remember(files, "cpu", trials, more)
    return trials[0].psnr


def usable(files: Mapping[str, Path], device: str, threads: int) -> list[str]:
    """List the precisions of `files` that `device` does exactly, the one to play first in front, the others by time.

    Of WebGPU, whose drivers are many, each is compared with the CPU. Raises ``DeviceError`` where none is exact there.
    """
    if os.environ.get(NO_INT8, "0") not in ("", "0"):
        files = {kind: path for kind, path in files.items() if kind != "int8"} or files
    usual = [kind for kind in _PREFERRED[kind_of(device)] if kind in files]
    if device == "cpu" and is_x86():  # ONNX Runtime widens 16 bits there; a file of them is tried all the same
        usual = [kind for kind in usual if not is_made(files[kind], kind)]
    if not usual and device != "cpu":
        raise DeviceError(device, f"of {name_of(files)} there is int8 alone, which is for the CPU", USE_CPU)
    opened = lambda kind: _run(files[kind], device, threads, precision=kind, times=tiles_on(device))
    if device == "webgpu":
        return _right_on_webgpu(files, usual, opened)
    if len(usual) < 2 or "fp32" not in usual or kind_of(device) == "tensorrt":  # which takes minutes for each
        return usual or list(files)
    return [one.precision for one in ranked(files, device, usual, opened)] or ["fp32"]


def _right_on_webgpu(files: Mapping[str, Path], usual: Sequence[str], opened: Callable[[str], Run]) -> list[str]:
    kind = usual[-1]  # fp32 where there is a file of it
    truth = lambda: _run(files[kind], "cpu", usable_cores(), precision=kind, times=tiles_on("webgpu"))()
    trials = ranked(files, "webgpu", usual, opened, truth)
    if not trials and (known := remembered(files, "webgpu")):
        raise DeviceError("webgpu", f"{name_of(files)}: {'; '.join(notes(known, 'webgpu'))}", USE_CPU)
    return [one.precision for one in trials] or [kind]  # which fails, and says why


def beats_cpu(files: Mapping[str, Path], device: str, precision: str, threads: int | None) -> bool:
    """Whether a GPU makes a picture in much less time than the CPU, each as `choose` has it played there.

    Tried where nothing is remembered. Raises as `choose` does.
    """
    more = {"beside": "cpu", "precision": precision, "threads": threads}
    trials = recall(files, device, more, {"cpu", device})
    if trials is None:
        runs: dict[str, Run] = {}
        for where in ("cpu", device):
            choice = choose(files, where, precision=precision, threads=threads)
            runs[where] = _run(choice.path, where, choice.threads, precision=choice.precision,
                               wide_sums=choice.wide_sums, times=tiles_on(device), gpu=choice.gpu)  # fmt: skip
        trials = [Trial(where, round(1000 * taken, 3), 100.0) for where, taken in _least(runs).items()]
        remember(files, device, trials, more)
    times = {one.precision: one.ms for one in trials}
    return times[device] * _FASTER < times["cpu"]


def thread_count(files: Mapping[str, Path], precision: str, counts: Sequence[int]) -> int:
    """Choose with how many of `counts` threads `precision` is played on the CPU; tried where nothing is remembered."""
    # As large as what is played: in small pictures threads wait.
    opened = lambda count: _run(files[precision], "cpu", count, precision=precision, times=_TILED)
    return fastest(files, "cpu", precision, counts, opened)


def _run(
    path: Path,
    device: str,
    threads: int,
    *,
    precision: str,
    times: int = 1,
    wide_sums: bool = False,
    gpu: GpuOptions | None = None,
) -> Run:
    """Open a file in a `precision`; what is given makes its picture, `times` as wide and high as the bundled one."""
    network = open_network(path, device, threads, precision=precision, wide_sums=wide_sums, gpu=gpu)
    arrays = trial_input(network, times=times)
    return lambda: network(*arrays)


def trial_input(network: Network, *, times: int = 1) -> list[NDArray[np.generic]]:
    """Give the arrays that `network` is tried on: the bundled picture at a size that it takes, or two z.

    Args:
        network: What is tried.
        times: How often the picture stands beside and below itself.
    """
    card = network.card
    if isinstance(network, GeneratorNetwork):
        return [np.random.default_rng(0).standard_normal((2, card.latent), np.float32)]
    image = picture()
    height, width = (card.multiple * max(side // card.multiple, -(-card.minimum // card.multiple), 1)
                     for side in image.shape[:2])  # fmt: skip
    if height > image.shape[0] or width > image.shape[1]:
        image = np.asarray(cv2.resize(image, (max(width, image.shape[1]), max(height, image.shape[0]))), np.uint8)
    images = np.ascontiguousarray(image[None, :height, :width])
    images = np.tile(images, (1, times, times, 1))
    if not isinstance(network, MaskedNetwork):
        return [images]
    holes = np.ones((1, height, width), np.uint8)
    holes[:, :, ::3] = 0
    return [images, np.tile(holes, (1, times, times))]


def picture() -> Image:
    """Read the bundled picture, 192x160.

    Four photos, and noise around white, where 8-bit sums saturate on some CPUs.
    """
    data = np.frombuffer(_PICTURE.read_bytes(), np.uint8)
    photos = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    noise = np.random.default_rng(0).integers(96, 256, (32, photos.shape[1], 3), dtype=np.uint8)
    return np.concatenate([photos, noise])


def ranked(
    files: Mapping[str, Path],
    device: str,
    usual: Sequence[str],
    opened: Callable[[str], Run],
    truth: Run | None = None,
) -> list[Trial]:
    """List the variants of `files` on `device` that give what fp32 gives, the one to play first, the others by time.

    Args:
        files: By precision.
        device: "cpu", "cuda" or "webgpu".
        usual: Precisions, of which the first is played unless another is a quarter faster.
        opened: Opens a precision and gives what makes its picture; called only where nothing is remembered.
        truth: Makes the picture to compare with; None: that of fp32 there.

    Returns:
        Trials; none when there is nothing to compare, or nothing is exact.
    """
    trials = remembered(files, device)
    if trials is None:
        trials = _try(usual, opened, truth)
        if next((one.error for one in trials if one.precision == "fp32"), "") or all(one.error for one in trials):
            return []  # not this one's fault alone: nothing is known
        remember(files, device, trials, {})
        for note in notes(trials, device):
            log.info("%s: %s", name_of(files), note)
    return _order(trials)


def remembered(files: Mapping[str, Path], device: str) -> list[Trial] | None:
    """Recall what was tried before, in the same order; None where nothing is known that holds."""
    return recall(files, device, {}, set(files))


def notes(trials: Sequence[Trial], device: str) -> list[str]:
    """Say which of `trials` on `device` are not used and why, and what is used instead: a line each."""
    where = "CPU" if device == "cpu" else "GPU"
    used = next((one.precision for one in _order(trials)), "fp32")
    return [
        f"{one.precision} does not run on this {where} ({one.error}); using {used}" if one.error
        else f"{one.precision} is inaccurate on this {where} ({one.psnr:.1f} dB vs fp32); using {used}"
        for one in trials if not one.exact
    ]  # fmt: skip


def fastest(
    files: Mapping[str, Path], device: str, precision: str, counts: Sequence[int], opened: Callable[[int], Run]
) -> int:
    """Find with how many of `counts` threads `precision` makes a picture in the least time.

    Of numbers that take about the same, it is the smallest: cores are left to decoding and encoding. `opened(count)`
    opens the network with so many, and gives what makes the picture; it is called only where there is a choice and
    nothing is remembered.
    """
    if len(counts) == 1:
        return counts[0]
    more = {"threads": list(counts), "precision": precision}
    trials = recall(files, device, more, {str(count) for count in counts})
    if trials is None:
        times = _least({str(count): opened(count) for count in counts})
        trials = [Trial(count, round(1000 * taken, 3), 100.0) for count, taken in times.items()]
        remember(files, device, trials, more)
    return _fewest(trials)


def _gpu_options(files: Mapping[str, Path], precision: str, device: str, *, exact: bool) -> GpuOptions:
    """How `precision` is run on a GPU; `exact` leaves out what rounds more than fp32 does."""
    opened = lambda way: _run(
        files[precision], device, 1, precision=precision, times=tiles_on(device), gpu=GpuOptions.named(way)
    )
    return best_way(files, device, precision, ways(precision, exact=exact), opened)


def best_way(
    files: Mapping[str, Path], device: str, precision: str, names: Sequence[str], opened: Callable[[str], Run]
) -> GpuOptions:
    """Find the fastest way to run `precision` on a GPU that gives what the plain way gives.

    Args:
        files: By precision.
        device: The GPU.
        precision: One of `files`.
        names: Ways by their names, the plain one first; one that fails is not chosen.
        opened: Opens the network in a way, and gives what makes its picture; called only where nothing is remembered.
    """
    more = {"ways": list(names), "precision": precision}
    trials = recall(files, device, more, set(names))
    if trials is None:
        trials, plain = [], None
        for name in names:  # one after the other: only one at a time needs memory
            try:
                run = opened(name)
                for _ in range(_ROUNDS):
                    shown = run().copy()  # of the last, which may be a graph that is replayed
                plain = shown if plain is None else plain
                taken = min(_timed(run) for _ in range(_ROUNDS))
                trials.append(Trial(name, round(1000 * taken, 3), round(_psnr(shown, plain), 2)))
            except (GancamError, MemoryError) as error:
                trials.append(Trial(name, 0.0, 0.0, first_line(error) or "no memory"))
        if trials[0].error:
            return GpuOptions()  # nothing to compare with; opening says why
        remember(files, device, trials, more)
    return GpuOptions.named(_order(trials, _FASTER_ON_GPU)[0].precision)


def _least(runs: Mapping[str, Run]) -> dict[str, float]:
    """The least seconds of each, which were run in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            times[name].append(_timed(run))
    return {name: min(taken) for name, taken in times.items()}


def _fewest(trials: Sequence[Trial]) -> int:
    least = min(one.ms for one in trials)
    return min(int(one.precision) for one in trials if one.ms <= least * _ALIKE)


def _order(trials: Sequence[Trial], faster: float = _FASTER) -> list[Trial]:
    """The exact ones of `trials`, of which the usual choice comes first: the one to play first, the others by time."""
    exact = [one for one in trials if one.exact]
    ordered = sorted(exact, key=lambda one: one.ms)
    if not ordered:
        return []
    chosen = ordered[0] if ordered[0].ms * faster < exact[0].ms else exact[0]
    return [chosen, *(one for one in ordered if one is not chosen)]


def _try(kinds: Sequence[str], opened: Callable[[str], Run], truth: Run | None = None) -> list[Trial]:
    """`truth` or fp32 first, to compare with; then all in turn."""
    runs: dict[str, Run] = {}
    shown: dict[str, NDArray[np.uint8]] = {}
    errors: dict[str, str] = {}
    times: dict[str, list[float]] = {}
    for kind in sorted(kinds, key=lambda kind: kind != "fp32"):
        try:
            runs[kind] = opened(kind)
            shown[kind] = runs[kind]().copy()
            times[kind] = [_timed(runs[kind])]
        except (GancamError, MemoryError) as error:
            errors[kind] = first_line(error) or "no memory"
    right = truth() if truth is not None and times else shown.get("fp32")
    for _ in range(_ROUNDS - 1 if len(times) > 1 else 0):
        for kind, run in runs.items():
            if kind in times and times[kind][0] < _HOPELESS * min(min(other) for other in times.values()):
                times[kind].append(_timed(run))
    return [
        Trial(kind, 0.0, 0.0, errors[kind]) if kind in errors
        else Trial(kind, round(1000 * min(times[kind]), 3), round(_psnr(shown[kind], right), 2))
        for kind in kinds
    ]  # fmt: skip


def _timed(run: Run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _psnr(one: NDArray[np.uint8], truth: NDArray[np.uint8] | None) -> float:
    if truth is None or one.shape != truth.shape:
        return 0.0
    return min(float(cv2.PSNR(one.reshape(-1), truth.reshape(-1))), 100.0)
