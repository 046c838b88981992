"""What was tried of a model's files on this machine, and remembered until something that it depends on is another.

What is remembered is one small file a case in the user's cache folder. A file that is damaged, or of another case, is
ignored and written anew; two processes may do so at once, since a file appears whole or not at all.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gancam.errors import MALFORMED, GancamError
from gancam.files import cache_folder, replace_file
from gancam.inference.cuda import driver_version, gpus
from gancam.inference.hardware import cpu_model, instructions, usable_cores
from gancam.inference.packages import runtime_version
from gancam.inference.providers import number_of
from gancam.inference.variants import file_digest
from gancam.inference.webgpu import adapters, plugin_version
from gancam.units import is_finite, milliseconds

log = logging.getLogger(__name__)
LEAST_PSNR = 35.0  # dB of a variant against fp32 on the bundled picture; less is rejected
VERSION = 1  # of the files, and of what is tried
TILED_ON_GPU = 6  # times as wide and high as the bundled picture, 1152x960: less leaves a GPU idle, and tells nothing
_known: dict[str, list["Trial"]] = {}


@dataclass(frozen=True, slots=True)
class Trial:
    """One variant, tried: milliseconds for the bundled picture and dB against fp32 (100 at most), or its error.

    Where threads are tried, `precision` is their number.
    """

    precision: str
    ms: float
    psnr: float
    error: str = ""

    @property
    def exact(self) -> bool:
        """Whether it runs and gives what fp32 gives, to `LEAST_PSNR`."""
        return not self.error and self.psnr >= LEAST_PSNR


def recall(files: Mapping[str, Path], device: str, more: Mapping[str, object], names: set[str]) -> list[Trial] | None:
    """Recall what was tried; None where nothing is known that holds.

    Args:
        files: By precision.
        device: Where they were tried.
        more: What else the case is about, ready for JSON.
        names: The precisions that trials may have.
    """
    try:
        case = {**_case(files, device), **more}
        key = _key(case)
        if key in _known:
            return _known[key]
        stored = json.loads((folder() / f"{key}.json").read_text(encoding="utf-8"))
        if stored["case"] != case:
            return None
        if any(not (is_finite(one["ms"]) and one["ms"] >= 0 and is_finite(one["psnr"])) for one in stored["trials"]):
            return None
        trials = [Trial(str(one["precision"]), float(one["ms"]), float(one["psnr"]), str(one["error"]))
                  for one in stored["trials"]]  # fmt: skip
        if not trials or not {one.precision for one in trials} <= names:
            return None
    except (OSError, GancamError, *MALFORMED):
        return None
    _known[key] = trials
    return trials


def folder() -> Path:
    """Name the folder where choices are remembered: gancam/proofs in the user's cache folder."""
    return cache_folder() / "proofs"


def _case(files: Mapping[str, Path], device: str) -> dict[str, Any]:
    """All that a choice depends on."""
    return {
        "version": VERSION,
        "files": {kind: file_digest(path, kind) for kind, path in sorted(files.items())},
        "device": device, "hardware": hardware(device), "instructions": list(instructions()),
        "cores": usable_cores(),
        "onnxruntime": runtime_version(),
        **({"shown": tiles_on(device)} if device != "cpu" else {}),
    }  # fmt: skip


def _key(case: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(case, sort_keys=True).encode()).hexdigest()[:32]


def tiles_on(device: str) -> int:
    """Say how often the bundled picture stands beside and below itself where files are tried on `device`."""
    if device == "cpu" or (device == "webgpu" and all(one.software for one in adapters())):
        return 1
    return TILED_ON_GPU


@lru_cache
def hardware(device: str) -> str:
    """Name the processor, or the GPU and its driver. Raises ``DeviceError``."""
    if device == "cpu":
        return cpu_model()
    if device == "webgpu":
        return f"{'; '.join(map(str, adapters()))}, plugin {plugin_version()}"
    found, knows = gpus()
    return f"{found[number_of(device)].name}, driver for CUDA {knows[0]}.{knows[1]}{driver_version()}"


def remember(files: Mapping[str, Path], device: str, trials: list[Trial], more: Mapping[str, object]) -> None:
    """Keep `trials` of the case that `recall` is asked for, for later runs, and log them.

    Where another process kept some meanwhile, they become those: what plays with its choice, its workers say, may not
    meet another one.
    """
    meanwhile = recall(files, device, more, {one.precision for one in trials})
    if meanwhile is not None:
        trials[:] = meanwhile
        return
    kept = ""
    with suppress(OSError, GancamError):
        case = {**_case(files, device), **more}
        key = _key(case)
        _known[key] = trials
        folder().mkdir(parents=True, exist_ok=True)
        about = {"case": case, "name": name_of(files), "trials": [asdict(one) for one in trials]}
        replace_file(folder() / f"{key}.json", json.dumps(about, indent=1).encode(), shared=True)
        kept = "; remembered"
    what = f"{more.get('precision', '')} {next(iter(more), 'precisions')}".strip()  # "int8 threads", say
    said = ", ".join(
        f"{one.precision} fails" if one.error else f"{one.precision} {milliseconds(one.ms)} ({one.psnr:.0f} dB)"
        for one in trials
    )
    log.info("%s: %s tried on %s: %s%s", name_of(files), what, device, said, kept)


def name_of(files: Mapping[str, Path]) -> str:
    """Name the model of some files."""
    return next(iter(files.values())).name.partition(".")[0]
