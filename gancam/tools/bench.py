"""Measure how fast models are on this machine.

Each case runs in a process of its own, so that peak memory is that case's alone, and all cases in turn, so that what
else the machine does slows all of them.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gancam.effects import load
from gancam.errors import MALFORMED, DeviceError, GancamError, InputError, ModelError, NotFound, first_line
from gancam.frame import Image
from gancam.inference import autotune
from gancam.inference.autotune import remembered
from gancam.inference.catalog import find
from gancam.inference.cuda import cuda_is_likely, gpus
from gancam.inference.hardware import cpu_name, instructions, kernel_instructions, peak_memory, usable_cores
from gancam.inference.packages import runtime
from gancam.inference.session import open_session
from gancam.inference.variants import variants
from gancam.inference.webgpu import adapters, webgpu_is_likely
from gancam.sources import TestPattern
from gancam.units import is_finite
from gancam.vision.text import draw_text, text_width

VERSION = 1  # of the JSON that `Results.to_dict` gives; other versions are refused as a baseline
_CONVOLUTIONS = ("Conv", "FusedConv", "NhwcFusedConv", "QLinearConv", "ConvTranspose", "ConvInteger")
_FEWEST, _MOST = 5, 400  # calls in a round
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from gancam.tools import bench; bench.answer(sys.argv[2])"
)


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: one model on frames of one size.

    Attributes:
        model: Its name, or the path of an .onnx file.
        size: (width, height) of the frames.
        device: ``auto``, ``cpu``, ``cuda``, ``tensorrt`` or ``webgpu``.
        precision: ``auto``, ``fp32``, ``fp16`` or ``int8``.
        threads: CPU threads of the network; None for what is fastest.
    """

    model: str
    size: tuple[int, int]
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What a case took.

    Attributes:
        model: The model.
        width: Of the frames, in pixels.
        height: Of the frames, in pixels.
        device: What it really ran on.
        precision: What was really played.
        threads: CPU threads of the network.
        calls: How many calls were measured.
        median_ms: Median milliseconds of a call.
        p95_ms: 95th percentile of the milliseconds of a call.
        fps: Frames a second at the median.
        network: Share of a call's time in ONNX Runtime's graph, with all that is in it.
        conversion: Share of a call's time in conversions of pixels that the graph leaves outside.
        copies: Share of a call's time in copies of pixels.
        rest: Share of a call's time in the rest of the effect.
        convolutions_ms: Milliseconds of all convolutions of a call, as ONNX Runtime times them; None where that is
            unknown.
        cores: CPU time over wall time of the calls.
        memory_mb: The most memory that the process held, with Python and all libraries, in MB.
    """

    model: str
    width: int
    height: int
    device: str
    precision: str
    threads: int
    calls: int
    median_ms: float
    p95_ms: float
    fps: float
    network: float
    conversion: float
    copies: float
    rest: float
    convolutions_ms: float | None
    cores: float
    memory_mb: float

    @property
    def over_convolutions(self) -> float | None:
        """Time of the whole call over that of its convolutions; None where that is unknown."""
        return self.median_ms / self.convolutions_ms if self.convolutions_ms else None

    @property
    def key(self) -> tuple[str | int, ...]:
        """All that must be equal for two rows to be compared."""
        return self.model, self.width, self.height, self.device, self.precision, self.threads

    @property
    def name(self) -> str:
        """What to call it in messages and charts."""
        return f"{self.model} {self.precision} {self.width}x{self.height} {self.device}"


@dataclass(frozen=True)
class Results:
    """What was measured, and on which machine.

    Attributes:
        machine: What figures depend on: CPU, cores, GPU, versions.
        rows: One for each case.
        notes: Which precisions are not used here and why, by model.
    """

    machine: Mapping[str, object]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, object]:
        """Give all of it ready for JSON, as ``baseline`` reads it."""
        rows = [{**asdict(row), "over_convolutions": row.over_convolutions} for row in self.rows]
        return {"version": VERSION, "machine": dict(self.machine), "rows": rows, "notes": list(self.notes)}


def measure(
    cases: Sequence[Case],
    *,
    rounds: int = 3,
    seconds: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> Results:
    """Measure all cases in turn, several times.

    Args:
        cases: What to measure.
        rounds: How often each case has its turn.
        seconds: How long each case is measured in each round, about.
        progress: Called with a line of text before each measurement.

    Returns:
        Medians and percentiles over all calls of all rounds.

    Raises:
        GancamError: When a case cannot be run.
    """
    told: list[list[dict[str, Any]]] = [[] for _ in cases]
    for turn in range(rounds):
        for answers, case in zip(told, cases, strict=True):
            if progress is not None:
                progress(f"round {turn + 1} of {rounds}: {case.model} {case.precision} {case.size[0]}x{case.size[1]}")
            answers.append(_measure(case, seconds))
    rows = [_row(case, answers) for case, answers in zip(cases, told, strict=True)]
    return Results(machine(), list({row.key: row for row in rows}.values()), _notes(rows))


def _notes(rows: Sequence[Row]) -> list[str]:
    notes = []
    for model, device in dict.fromkeys((row.model, row.device) for row in rows):
        trials = remembered(variants(find(model)), device) or []
        notes += [f"{model}: {note}" for note in autotune.notes(trials, device)]
    return notes


def machine() -> dict[str, object]:
    """Describe what figures depend on: CPU, cores, GPU, system, versions."""
    gpu = None
    try:
        if cuda_is_likely():
            gpu = gpus()[0][0].name
        elif webgpu_is_likely():
            gpu = adapters()[0].name
    except GancamError:
        pass
    return {
        "cpu": cpu_name(), "cores": usable_cores(), "gpu": gpu,
        "kernel_instructions": " ".join(kernel_instructions()), "instructions": list(instructions()),
        "system": f"{platform.system()} {platform.machine()}", "onnxruntime": runtime().__version__,
        "opencv": cv2.__version__,
    }  # fmt: skip


def _row(case: Case, answers: Sequence[Mapping[str, Any]]) -> Row:
    times = sorted(one for answer in answers for one in answer["seconds"])
    middle, total = statistics.median(times), sum(times)
    shares = {kind: sum(answer["spent"][kind] for answer in answers) / total for kind in answers[0]["spent"]}
    alone = [answer["convolutions"] for answer in answers if answer["convolutions"]]
    return Row(
        case.model, *case.size, answers[0]["device"], answers[0]["precision"], answers[0]["threads"], len(times),
        median_ms=round(1000 * middle, 3), p95_ms=round(1000 * float(np.percentile(times, 95)), 3),
        fps=round(1 / middle, 2),
        **{kind: round(share, 4) for kind, share in shares.items()},
        rest=round(max(1.0 - sum(shares.values()), 0.0), 4),
        convolutions_ms=round(1000 * statistics.median(alone), 3) if alone else None,
        cores=round(sum(answer["cpu"] for answer in answers) / total, 3),
        memory_mb=round(max(answer["memory"] for answer in answers) / 1e6, 1),
    )  # fmt: skip


def _measure(case: Case, seconds: float) -> dict[str, Any]:
    """Measure one round of one case in a process of its own."""
    request = json.dumps({**asdict(case), "seconds": seconds})
    command = [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), request]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    what = f"{case.model} {case.precision} {case.size[0]}x{case.size[1]}"
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise DeviceError(case.device, f"{what} ended without an answer ({said[:200]})", "see gancam doctor") from None
    if "error" in answer:
        raise {"NotFound": NotFound, "InputError": InputError}.get(answer["kind"], ModelError)(answer["error"])
    return answer


def answer(request: str) -> None:
    """Measure a case in this process, and write what it took to the real stdout, as a line of JSON.

    Args:
        request: The fields of a ``Case``, and ``seconds``, as JSON.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # native libraries write elsewhere
        try:
            fields = json.loads(request)
            seconds = float(fields.pop("seconds"))
            said = _run(Case(**fields), seconds)
        except GancamError as error:
            said = {"error": str(error), "kind": type(error).__name__}
        except (MemoryError, cv2.error) as error:
            said = {"error": f"no memory: {first_line(error)}", "kind": "ModelError"}
        out.write(json.dumps(said) + "\n")


def _run(case: Case, seconds: float) -> dict[str, Any]:
    effect: Any = load(case.model, device=case.device, precision=case.precision, threads=case.threads)
    model, (width, height) = effect.model, case.size
    threads = model.threads
    pattern = TestPattern((width, height))
    images = [pattern.image(index) for index in range(8)]
    more: dict[str, Any] = {}
    if effect.card.layout == "masked":
        more["mask"] = np.zeros((height, width), np.uint8)
        more["mask"][height // 3 : height * 2 // 3, width // 3 : width * 2 // 3] = 255
    for index in range(3):
        effect(images[index], time=index / 30, **more)
    before, cpu, times = dict(model.spent), time.process_time(), list[float]()
    ends = time.perf_counter() + seconds
    while len(times) < _FEWEST or (len(times) < _MOST and time.perf_counter() < ends):
        index = len(times) + 3
        began = time.perf_counter()
        effect(images[index % 8], time=index / 30, **more)
        times.append(time.perf_counter() - began)
    found = {
        "device": model.device, "precision": model.precision, "threads": threads, "seconds": times,
        "spent": {kind: model.spent[kind] - before[kind] for kind in before}, "cpu": time.process_time() - cpu,
        "memory": peak_memory(),
    }  # fmt: skip
    return {**found, "convolutions": _convolutions(model, threads, images[0])}


def _convolutions(model: Any, threads: int, image: Image) -> float | None:
    """Time all convolutions on `image` by ONNX Runtime, in seconds; None where that is not known."""
    layout = model.card.layout
    if (
        layout not in ("image", "blocks")
        or model.device == "webgpu"  # which is timed as long as it takes to ask for a convolution
        or model.card.work_size
        or any(s % model.card.multiple for s in image.shape[:2])
    ):
        return None
    if layout == "blocks":
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(
            model.path, model.device, threads, precision=model.precision, profile=Path(folder) / "profile"
        )
        for _ in range(13):
            session.run(None, {session.get_inputs()[0].name: image[None]})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spent: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event.get("args", {}).get("op_name") in _CONVOLUTIONS:
            spent[event["name"]].append(event["dur"] / 1e6)
    return sum(statistics.median(times[3:]) for times in spent.values()) or None


@dataclass(frozen=True, slots=True)
class Change:
    """A case that was measured before, too.

    Attributes:
        name: What to call it.
        before_ms: Its median milliseconds in the baseline.
        now_ms: Its median milliseconds now.
    """

    name: str
    before_ms: float
    now_ms: float

    @property
    def ratio(self) -> float:
        """Time now over time before: above 1 is slower."""
        return self.now_ms / self.before_ms


def baseline(path: Path) -> Results:
    """Read an earlier measurement from a file that ``gancam bench --json`` wrote.

    Raises:
        NotFound: When there is no such file.
        InputError: When it is something else, or of another version.
    """
    if not path.is_file():
        raise NotFound(f"no baseline {path}; make one with: gancam bench --json > {path}")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise InputError(
                f"baseline {path}: has version {stored['version']}, and this gancam reads {VERSION}; measure it again"
            )
        rows = [Row(**{name: one[name] for name in Row.__dataclass_fields__}) for one in stored["rows"]]
        if not all(is_finite(row.median_ms) and row.median_ms > 0 for row in rows):
            raise ValueError
        return Results(dict(stored["machine"]), rows)
    except (OSError, *MALFORMED) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"baseline {path}: was not written by gancam bench --json") from None


def compare(results: Results, before: Results) -> tuple[list[Change], list[str]]:
    """Compare with an earlier measurement.

    Args:
        results: What was measured now.
        before: What was measured earlier, as ``baseline`` gives it.

    Returns:
        The cases that both have, and a line for each difference of the machines.

    Raises:
        InputError: When they have no case in common.
    """
    earlier = {row.key: row for row in before.rows}
    changes = [
        Change(row.name, earlier[row.key].median_ms, row.median_ms) for row in results.rows if row.key in earlier
    ]
    if not changes:
        raise InputError(
            "the baseline has none of these cases: model, size, device, precision and threads must be the same"
        )
    differs = [
        f"{name.replace('_', ' ')} was {before.machine[name]}, is {value} now"
        for name, value in results.machine.items()
        if name in before.machine and name != "instructions" and before.machine[name] != value  # that list is too long
    ]
    return changes, differs


def picture(results: Results) -> Image:
    """Draw the medians as bars, with a line to the 95th percentile: BGR, uint8, 1100 pixels wide."""
    rows, height, left = results.rows, 44, 430
    sheet = np.full((height * len(rows) + 70, 1100, 3), 250, np.uint8)
    ink, scale = (40, 40, 40), 520 / max(row.p95_ms for row in rows)
    about = f"{results.machine['cpu']}, {results.machine['cores']} cores"
    _write(sheet[:60], f"{about}: ms a frame (blue: network, grey: rest, line: to the 95th percentile)", 34, 12)
    for number, row in enumerate(rows):
        y = 60 + height * number
        end, within = left + round(row.median_ms * scale), left + round(row.median_ms * row.network * scale)
        sheet[y : y + 24, left:end] = (190, 190, 190)
        sheet[y : y + 24, left:within] = (170, 120, 40)
        sheet[y + 11 : y + 13, end : left + round(row.p95_ms * scale)] = ink
        _write(sheet[y : y + height, :left], row.name, 18, 11)
        said = f"{row.median_ms:.1f} ({row.fps:.{0 if row.fps >= 10 else 1}f} fps)"
        draw_text(sheet, said, (1080, y + 18), 11, ink, right=True)
    return sheet


def _write(place: Image, words: str, baseline: int, height: int) -> None:
    """Write `words` into `place`, 20 pixels from its sides: smaller where they do not fit, then cut in front."""
    room = place.shape[1] - 40
    while text_width(words, height) > room:
        if height > 8:  # pixels of a capital letter, below which it is read with pains
            height -= 1
        else:
            words = ".." + words.removeprefix("..")[1:]
    draw_text(place, words, (20, baseline), height, (40, 40, 40))
