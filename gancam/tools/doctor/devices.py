"""Check devices: each runs the bundled network, and is compared with fp32 on the CPU."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gancam.errors import DeviceError, GancamError, MissingExtra, NotFound
from gancam.inference.autotune import remembered
from gancam.inference.catalog import find
from gancam.inference.cuda import cuda_is_likely, gpus, nvidia_traces
from gancam.inference.hardware import usable_cores
from gancam.inference.model import Model
from gancam.inference.network import open_network
from gancam.inference.packages import RUNTIME, listed
from gancam.inference.session import prepare
from gancam.inference.trials import LEAST_PSNR, folder
from gancam.inference.variants import variants
from gancam.inference.webgpu import PLUGIN, adapters, plugin_version, webgpu_is_likely
from gancam.tools.doctor.checks import Check, Verdict, in_child
from gancam.units import milliseconds

SIZE = (640, 360)  # width and height of the frames timed
_NETWORK = "sr-x2"


def _prove(device: str) -> Iterator[dict[str, Any]]:
    """Run each variant of the bundled network on a device.

    Yields:
        ``precision``, ``ms`` (median of a frame) and ``psnr`` (dB against fp32 on the CPU, 100 at most); ``precision``
        and ``error`` where it fails.
    """
    path = find(_NETWORK)
    image = np.random.default_rng(0).integers(96, 256, (1, SIZE[1], SIZE[0], 3), dtype=np.uint8)  # hard for 8 bits
    truth = Model(path, device="cpu", precision="fp32")(image)[0]
    for precision, file in variants(path).items():
        if device in ("tensorrt", "webgpu") and precision == "int8":
            continue  # for the CPU
        try:
            run: Callable[[Any], Any] = (
                _on_tensorrt(file, precision)
                if device == "tensorrt"
                else Model(path, device=device, precision=precision)
            )
            result = run(image)[0]
            times: list[float] = []
            ends = time.perf_counter() + 0.4
            while len(times) < 3 or (len(times) < 20 and time.perf_counter() < ends):
                began = time.perf_counter()
                run(image)
                times.append(time.perf_counter() - began)
        except GancamError as error:
            yield {"precision": precision, "error": str(error)}
            continue
        psnr = min(cv2.PSNR(result[0], truth[0]), 100.0)
        yield {"precision": precision, "ms": round(1000 * statistics.median(times), 2), "psnr": round(psnr, 2)}


def _on_tensorrt(file: Path, precision: str) -> Callable[[Any], Any]:
    """Open the network itself: a `Model` would go on with CUDA."""
    network = open_network(file, "tensorrt", usable_cores(), precision=precision)
    return lambda images: (network(images),)


def _prove_cuda() -> Iterator[dict[str, Any]]:
    try:
        found, knows = gpus()
        yield {"driver_cuda": f"{knows[0]}.{knows[1]}", "gpus": [asdict(gpu) for gpu in found]}
        prepare("cuda")
        chosen = Model(find(_NETWORK), device="cuda")
    except DeviceError as error:
        yield {"lack": [error.why, error.cure]}
        return
    yield {"chosen": chosen.precision}
    for run in _prove("cuda"):
        yield {"run": run}


def _prove_tensorrt() -> Iterator[dict[str, Any]]:
    try:
        prepare("tensorrt")
    except DeviceError as error:
        yield {"lack": [error.why, error.cure]}
        return
    for run in _prove("tensorrt"):
        yield {"run": run}


def _prove_webgpu() -> Iterator[dict[str, Any]]:
    try:
        yield {"gpus": [asdict(one) for one in adapters()]}
        prepare("webgpu")
        if not webgpu_is_likely():
            return
        chosen = Model(find(_NETWORK), device="webgpu")
    except GancamError as error:
        lack = (error.why, error.cure) if isinstance(error, DeviceError) else (str(error), "use --device cpu")
        yield {"lack": lack}
        return
    yield {"chosen": chosen.precision, "auto": Model(find(_NETWORK)).device}
    for run in _prove("webgpu"):
        yield {"run": run}


def device_checks() -> Iterator[Check]:
    """Check CPU, CUDA, TensorRT and WebGPU, and what ``--device auto`` uses."""
    cpu, runs = _cpu()
    yield cpu
    cuda = _cuda(_fastest(runs))
    yield cuda
    yield _tensorrt(cuda)
    webgpu = _webgpu()
    yield webgpu
    # What `Model` does: CUDA wherever it opens, right or wrong. Where only the trial crashed, `auto` would as well.
    used = cuda if "chosen" in cuda.details else webgpu if webgpu.details.get("auto") == "webgpu" else cpu
    if used.verdict == "problem":
        yield Check("auto", "problem", f"uses {used.name}: {used.seen}", used.cure, {"device": used.name})
        return
    because = {"absent": "there is no CUDA", "problem": "CUDA does not work"}.get(cuda.verdict, "CUDA works")
    because = "faster than the CPU" if used is webgpu else because
    details = {"device": used.name, "precision": used.details["chosen"]}
    seen = f"runs {_NETWORK} on {used.name} in {used.details['chosen']}: {because}"
    if cuda.verdict == "problem":
        yield Check("auto", "warning", seen, cuda.cure, details)
    else:
        yield Check("auto", "ok", seen, "", details)


def _cpu() -> tuple[Check, list[dict[str, Any]]]:
    """The check of the CPU, and its runs."""
    try:
        chosen = Model(find(_NETWORK), device="cpu").precision
        runs = list(_prove("cpu"))
    except GancamError as error:
        why, _, cure = str(error).partition("; ") if isinstance(error, MissingExtra) else (str(error), "", "")
        return Check("cpu", "problem", why, cure or f"pip install --force-reinstall {RUNTIME}"), []
    return _judge("cpu", runs, chosen, {}), runs


def _cuda(plain: float | None) -> Check:
    """Check CUDA; `plain` is the CPU's time of a frame, in ms."""
    if not _likely():
        try:
            prepare("cuda")
        except DeviceError as error:
            traces = nvidia_traces()
            verdict: Verdict = "problem" if traces else "absent"
            return Check("cuda", verdict, error.why, error.cure, {"nvidia": traces, "gpus": []})
        except GancamError as error:
            return Check("cuda", "absent", "not without ONNX Runtime", str(error).partition("; ")[2])
    items, trouble = in_child(_prove_cuda, 120)
    said = {key: value for item in items for key, value in item.items()}
    details: dict[str, Any] = {
        "nvidia": nvidia_traces(), "driver_cuda": said.get("driver_cuda"), "gpus": said.get("gpus", []),
    }  # fmt: skip
    if "lack" in said:
        why, cure = said["lack"]
        return Check("cuda", "problem", why, cure, details)
    runs = [item["run"] for item in items if "run" in item]
    if trouble:
        details |= {"runs": runs, "chosen": said.get("chosen", "?")}
        return Check("cuda", "problem", f"the trial {trouble}", "update NVIDIA's driver, or use --device cpu", details)
    found = _judge("cuda", runs, said["chosen"], details)
    best = _fastest(runs)
    if found.verdict == "ok" and best and plain and best > plain:
        slow = f"{found.seen}; slower than the CPU's {plain:g} ms"
        return Check("cuda", "warning", slow, "use --device cpu", found.details)
    return found


def _tensorrt(cuda: Check) -> Check:
    unneeded = "nothing; gancam runs on CUDA without it"
    if not _likely():
        return Check("tensorrt", "absent", "needs CUDA, which is not here", "nothing; gancam does not need it")
    if cuda.verdict not in ("ok", "warning"):
        return Check("tensorrt", "absent", "needs CUDA, which does not work", "cuda first; gancam does not need this")
    items, trouble = in_child(_prove_tensorrt, 240)  # it builds an engine for each variant
    lack = next((item["lack"] for item in items if "lack" in item), None)
    if lack:
        return Check("tensorrt", "absent", lack[0], f"{unneeded}; else {lack[1]}")
    runs = [item["run"] for item in items if "run" in item]
    if trouble or not runs:
        return Check("tensorrt", "warning", f"the trial run {trouble or 'gave nothing'}", unneeded, {"runs": runs})
    return _judge("tensorrt", runs, "fp16" if any(run["precision"] == "fp16" for run in runs) else "fp32", {})


def _webgpu() -> Check:
    """Check WebGPU, but not on a driver that computes on the CPU: that takes minutes, and is slower than the CPU."""
    unneeded = "nothing; gancam does not need it"
    if not plugin_version():
        cure = f'{unneeded}; for a GPU of AMD, Intel or Apple: pip install "gancam[webgpu]"'
        return Check("webgpu", "absent", f"{PLUGIN} is not installed", cure)
    items, trouble = in_child(_prove_webgpu, 240)
    said = {key: value for item in items for key, value in item.items()}
    details: dict[str, Any] = {"plugin": plugin_version(), "gpus": said.get("gpus", [])}
    if "lack" in said:
        why, cure = said["lack"]
        return Check("webgpu", "problem", why, cure, details)
    if trouble:
        cure = "update the GPU's driver, or use --device cpu"
        return Check("webgpu", "problem", f"the trial {trouble}", cure, details)
    if "chosen" not in said:
        names = listed(one["name"] for one in details["gpus"])
        return Check("webgpu", "absent", f"there is no GPU, but software: {names}", unneeded, details)
    runs = [item["run"] for item in items if "run" in item]
    found = _judge("webgpu", runs, said["chosen"], {**details, "auto": said["auto"]})
    if found.verdict != "problem" and said["auto"] == "cpu":
        return Check("webgpu", "warning", f"{found.seen}; not faster than the CPU", "use --device cpu", found.details)
    return found


def _likely() -> bool:
    try:
        return cuda_is_likely()
    except GancamError:
        return False


def _cache() -> str:
    """The folder where choices are remembered; empty where there is none."""
    try:
        return str(folder())
    except NotFound:
        return ""


def _judge(device: str, runs: list[dict[str, Any]], chosen: str, details: Mapping[str, Any]) -> Check:
    """Judge the runs of one device by the precision that a model plays there.

    Another precision that fails is a warning; one that is inaccurate is only mentioned.
    """
    trials = remembered(variants(find(_NETWORK)), device) or []
    details = {**details, "network": _NETWORK, "frame": list(SIZE), "chosen": chosen, "runs": runs}
    details |= {"remembered": [asdict(trial) for trial in trials], "cache": _cache() or None}
    wrong = {run["precision"]: run.get("error") or f"inaccurate here ({run['psnr']:.1f} dB vs fp32)"
             for run in runs if "error" in run or run["psnr"] < LEAST_PSNR}  # fmt: skip
    right = [run for run in runs if run["precision"] not in wrong]
    where = details["gpus"][0]["name"] + ": " if details.get("gpus") else ""
    parts = [f"{run['precision']} {milliseconds(run['ms'])}" + (f" ({run['psnr']:.0f} dB)" if run["psnr"] < 100 else "")
             for run in right]  # fmt: skip
    seen = f"{where}{', '.join(parts)} a {SIZE[0]}x{SIZE[1]} frame of {_NETWORK}" if parts else f"{where}nothing runs"
    seen += "".join(f"; {precision}: {why}" for precision, why in wrong.items())
    kept = f"remembered in {_cache()}" if _cache() else "found out anew each time: there is no home folder"
    seen += f"; plays {chosen}, which is {kept}" if trials else ""
    if chosen not in {run["precision"] for run in right}:
        other = f"use --precision {right[0]['precision']}" if right else "use --device cpu"
        cure = other if right or device != "cpu" else f"pip install --force-reinstall {RUNTIME}"
        return Check(device, "problem", seen, cure, details)
    if any("error" in run for run in runs):
        return Check(device, "warning", seen, f"nothing; gancam uses {chosen} here", details)
    return Check(device, "ok", seen, "", details)


def _fastest(runs: list[dict[str, Any]]) -> float | None:
    return min((run["ms"] for run in runs if "ms" in run), default=None)
