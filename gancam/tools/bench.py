"""How fast models are here: each case in a process of its own, all cases in turn, so that what else the machine does
meets all of them, and peak memory is one case's alone."""

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
from gancam.errors import DeviceError, GancamError, InputError, ModelError, NotFound, first_line
from gancam.frame import Image
from gancam.inference import autotune
from gancam.inference.autotune import remembered
from gancam.inference.catalog import find
from gancam.inference.cuda import cuda_is_likely, gpus
from gancam.inference.hardware import cpu_name, peak_memory, usable_cores
from gancam.inference.packages import runtime
from gancam.inference.session import open_session
from gancam.inference.variants import variants
from gancam.sources import TestPattern
from gancam.vision.text import draw_text

VERSION = 1  # of what `to_dict` gives; another is refused as a baseline
SLOWER = 0.1  # share of the time that a case may take more than in the baseline before it is a regression
_CONVOLUTIONS = ("Conv", "FusedConv", "NhwcFusedConv", "QLinearConv", "ConvTranspose", "ConvInteger")
_FEWEST, _MOST = 5, 400  # calls in a round
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from gancam.tools import bench; "
    "bench.answer(json.loads(sys.argv[2]))"
)


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: `effect(image)` of one model on pictures of one size."""

    model: str
    size: tuple[int, int]  # width, height
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What a case took. Shares are of the time of a call: in the network (ONNX Runtime's graph, with all that is in
    it), in conversion and copies of pixels where the graph leaves them outside, and in the rest of the effect."""

    model: str
    width: int
    height: int
    device: str  # what it really ran on
    precision: str
    threads: int
    calls: int
    median_ms: float
    p95_ms: float
    fps: float  # of the median
    network: float
    conversion: float
    copies: float
    rest: float
    convolutions_ms: (
        float | None
    )  # all convolutions of one call, as ONNX Runtime times them; None where that is unknown
    cores: float  # CPU time over wall time of the calls
    memory_mb: float  # the most that the process held, with Python and all libraries

    @property
    def over_convolutions(self) -> float | None:
        """The whole call over its convolutions alone."""
        return self.median_ms / self.convolutions_ms if self.convolutions_ms else None

    @property
    def key(self) -> tuple[Any, ...]:
        """What must be the same for two rows to be compared."""
        return self.model, self.width, self.height, self.device, self.precision, self.threads

    @property
    def name(self) -> str:
        return f"{self.model} {self.precision} {self.width}x{self.height} {self.device}"


@dataclass(frozen=True)
class Results:
    """All rows, and the machine that they are true of."""

    machine: Mapping[str, Any]
    rows: Sequence[Row]
    notes: Sequence[str] = ()  # which precisions are not used here and why, by model

    def to_dict(self) -> dict[str, Any]:
        rows = [{**asdict(row), "over_convolutions": row.over_convolutions} for row in self.rows]
        return {"version": VERSION, "machine": dict(self.machine), "rows": rows, "notes": list(self.notes)}


def measure(
    cases: Sequence[Case],
    *,
    rounds: int = 3,
    seconds: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> Results:
    """`rounds` rounds of all `cases` in turn, each about `seconds` long; medians over all calls.

    Raises ``GancamError`` with what the case said that could not be run.
    """
    told: list[list[dict[str, Any]]] = [[] for _ in cases]
    for turn in range(rounds):
        for answers, case in zip(told, cases, strict=True):
            if progress is not None:
                progress(f"round {turn + 1} of {rounds}: {case.model} {case.precision} {case.size[0]}x{case.size[1]}")
            answers.append(_ask(case, seconds))
    rows = [_row(case, answers) for case, answers in zip(cases, told, strict=True)]
    return Results(machine(), list({row.key: row for row in rows}.values()), _notes(rows))


def _notes(rows: Sequence[Row]) -> list[str]:
    notes = []
    for model, device in dict.fromkeys((row.model, row.device) for row in rows):
        trials = remembered(variants(find(model)), device) or []
        notes += [f"{model}: {note}" for note in autotune.notes(trials, device)]
    return notes


def machine() -> dict[str, Any]:
    """What figures depend on."""
    gpu = None
    try:
        if cuda_is_likely():
            gpu = gpus()[0][0].name
    except GancamError:
        pass
    return {
        "cpu": cpu_name(), "cores": usable_cores(), "gpu": gpu,
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


def _ask(case: Case, seconds: float) -> dict[str, Any]:
    """One round of one case."""
    asked = json.dumps({**asdict(case), "seconds": seconds})
    command = [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), asked]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    what = f"{case.model} {case.precision} {case.size[0]}x{case.size[1]}"
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise DeviceError(case.device, f"{what} ended without an answer ({said[:200]})", "see gancam doctor") from None
    if "error" in answer:
        raise {"NotFound": NotFound, "InputError": InputError}.get(answer["kind"], ModelError)(answer["error"])
    return answer


def answer(asked: Mapping[str, Any]) -> None:
    """In the process of its own: run the case and write what it took to the real stdout, as a line of JSON."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # native libraries write elsewhere
        try:
            said = _run(Case(**{name: value for name, value in asked.items() if name != "seconds"}), asked["seconds"])
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
    """Seconds of all convolutions on `image` as ONNX Runtime times them, where the network is shown the frame whole."""
    layout = model.card.layout
    if layout not in ("image", "blocks") or model.card.working or any(s % model.card.multiple for s in image.shape[:2]):
        return None
    if layout == "blocks":
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(model.path, model.device, threads, profile=Path(folder) / "profile")
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
    """A row beside the same one of a baseline; `ratio` over 1 is slower."""

    name: str
    before_ms: float
    now_ms: float

    @property
    def ratio(self) -> float:
        return self.now_ms / self.before_ms


def baseline(path: Path) -> dict[str, Any]:
    """What `Results.to_dict` gave once. Raises ``NotFound``, ``InputError`` for a file that is none."""
    if not path.is_file():
        raise NotFound(f"no baseline {path}; make one with: gancam bench --json > {path}")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise InputError(f"baseline {path}: is of version {stored['version']}, not {VERSION}: measure it anew")
        for row in stored["rows"]:
            if not float(row["median_ms"]) > 0 or not all(name in row for name in Row.__dataclass_fields__):
                raise ValueError
        return {"machine": dict(stored["machine"]), "rows": list(stored["rows"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"baseline {path}: is not what gancam bench --json writes") from None


def compare(results: Results, before: Mapping[str, Any]) -> tuple[list[Change], list[str]]:
    """Each row beside the same of `before`, a ``baseline``, and what differs of the machines. Raises ``InputError``
    when they have nothing in common."""
    names = list(Row.__dataclass_fields__)
    earlier = {row.key: row for row in (Row(**{name: one[name] for name in names}) for one in before["rows"])}
    changes = [
        Change(row.name, earlier[row.key].median_ms, row.median_ms) for row in results.rows if row.key in earlier
    ]
    if not changes:
        raise InputError("the baseline has none of these cases: same models, sizes, devices, precisions and threads")
    differs = [
        f"{name}: {before['machine'].get(name)} then, {value} now"
        for name, value in results.machine.items()
        if before["machine"].get(name) != value
    ]
    return changes, differs


def picture(results: Results) -> Image:
    """Bars of the medians, a line to the 95th percentile, as an image."""
    rows, height, left = results.rows, 44, 430
    sheet = np.full((height * len(rows) + 70, 1100, 3), 250, np.uint8)
    ink, scale = (40, 40, 40), 520 / max(row.p95_ms for row in rows)
    about = f"{results.machine['cpu']}, {results.machine['cores']} cores: milliseconds a frame, network / rest"
    draw_text(sheet, about, (20, 34), 12, ink)
    for number, row in enumerate(rows):
        y = 60 + height * number
        end, within = left + round(row.median_ms * scale), left + round(row.median_ms * row.network * scale)
        sheet[y : y + 24, left:end] = (190, 190, 190)
        sheet[y : y + 24, left:within] = (170, 120, 40)
        sheet[y + 11 : y + 13, end : left + round(row.p95_ms * scale)] = ink
        draw_text(sheet, row.name, (20, y + 18), 11, ink)
        draw_text(sheet, f"{row.median_ms:.1f} ({row.fps:.0f} fps)", (1080, y + 18), 11, ink, right=True)
    return sheet
