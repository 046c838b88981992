"""Prove the CUDA path on a machine that is there for minutes: one command, one JSON, one table.

    python benchmarks/gpu.py OUT --wheels WHEELS            all parts on CUDA, on a bare machine
    python benchmarks/gpu.py OUT --device cpu --quick       the rehearsal, where there is no GPU
    python benchmarks/gpu.py OUT --train DATA               the queue of trainings instead (benchmarks/gpu_train.py)

OUT/results.json and OUT/results.md are written anew after each part, so that a machine that is taken away leaves what
was measured until then. A part that fails is a line in them; the others go on. benchmarks/gpu.md says how to carry what
is needed to a machine without a network.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SITE = "GANCAM_GPU_SITE"  # an environment variable: where the carried wheels were installed
SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
WAYS = [
    ("fp32", "plain"), ("fp32", "tf32"), ("fp32", "tf32 nhwc"), ("fp16", "plain"), ("fp16", "nhwc"), ("fp16", "graph"),
    ("fp16", "nhwc graph"),
]  # fmt: skip
BARS = {"fp32": 60.0, "fp16": 45.0}  # dB of a model on the device against fp32 on the CPU
PYTHON = [sys.executable, str(Path(__file__).resolve())]

Results = dict[str, Any]


class Run:
    """What all parts are told: the device, how long they may take, and where results go."""

    def __init__(self, out: Path, device: str, *, quick: bool, ends: float) -> None:
        self.out, self.device, self.quick, self.ends = out, device, quick, ends
        self.seconds = 0.1 if quick else 1.0  # of one measurement
        self.results: Results = {"device": device, "quick": quick, "began": time.strftime("%F %T"), "parts": {}}

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        return {"90p": (160, 90)} if self.quick else SIZES

    def keep(self) -> None:
        """Write both files, each whole or not at all."""
        self.out.mkdir(parents=True, exist_ok=True)
        texts = {"results.json": json.dumps(self.results, indent=1), "results.md": table(self.results)}
        for name, text in texts.items():
            partial = self.out / f".{name}.partial"
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self.out / name)


# Wheels


def join(folder: Path) -> list[Path]:
    """Put the pieces NAME.part-aa, NAME.part-ab ... of each wheel together, and check them against NAME.sha256.

    Returns:
        The wheels of `folder`.
    """
    for first in sorted(folder.glob("*.whl.part-aa")):
        wheel = first.with_name(first.name.removesuffix(".part-aa"))
        with wheel.open("wb") as whole:
            for piece in sorted(folder.glob(f"{wheel.name}.part-*")):
                whole.write(piece.read_bytes())
    for told in sorted(folder.glob("*.whl.sha256")):
        wheel = told.with_name(told.name.removesuffix(".sha256"))
        with wheel.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != told.read_text(encoding="utf-8").split()[0]:
            raise SystemExit(f"{wheel}: is not what {told.name} says; a piece is missing or damaged")
    return sorted(folder.glob("*.whl"))


def install(folder: Path, out: Path) -> None:
    """Install the wheels of `folder` beside the results, and begin anew with them on the path."""
    site = (out / "site").resolve()
    wheels = [str(wheel) for wheel in join(folder)]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--upgrade"]
    began = time.perf_counter()
    subprocess.run([*command, "--target", str(site), *wheels], check=True)
    print(f"installed {len(wheels)} wheels in {time.perf_counter() - began:.0f} s", flush=True)
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    os.execve(sys.executable, [*PYTHON, *sys.argv[1:]], {**os.environ, SITE: str(site), "PYTHONPATH": path})


# Parts; each gives what goes into the JSON


def machine(run: Run) -> Results:
    """What the figures are of."""
    from gancam.inference.packages import runtime

    found: Results = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}", "python": platform.python_version(),
        "onnxruntime": runtime().__version__, "providers": runtime().get_available_providers(),
        "cuda_of_onnxruntime": str(vars(runtime()).get("cuda_version", "")),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
    }  # fmt: skip
    if shutil.which("nvidia-smi"):
        asked = "--query-gpu=name,memory.total,memory.used,driver_version,compute_cap"
        told = subprocess.run(["nvidia-smi", asked, "--format=csv,noheader"], capture_output=True, text=True)
        found["nvidia_smi"] = told.stdout.strip()
    return found


def doctor(run: Run) -> Results:
    """What ``gancam doctor`` says of this machine."""
    command = [sys.executable, "-m", "gancam", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    return {"exit": done.returncode, "checks": json.loads(done.stdout)["findings"]}


def parity(run: Run) -> Results:
    """Every bundled model in every precision that is for the device, against fp32 on the CPU."""
    import cv2

    from gancam.inference.autotune import trial_input
    from gancam.inference.catalog import menu
    from gancam.inference.network import open_network
    from gancam.inference.variants import variants

    rows = []
    for name, path in menu().items():
        files = {kind: file for kind, file in variants(path).items() if kind != "int8"}
        plain = open_network(files["fp32"], "cpu", run_threads())
        arrays = trial_input(plain, times=1 if run.quick else 3)
        truth = plain(*arrays)
        for kind, file in files.items():
            row: Results = {"model": name, "precision": kind, "bar": BARS[kind]}
            try:
                began = time.perf_counter()
                network = open_network(file, run.device, run_threads(), precision=kind)
                row["opened_s"] = round(time.perf_counter() - began, 2)
                row["psnr"] = round(min(cv2.PSNR(network(*arrays).reshape(-1), truth.reshape(-1)), 100.0), 1)
                row["ok"] = row["psnr"] >= row["bar"]
                row["on_the_cpu"] = dict(network.fallen)
            except Exception as error:
                row |= {"ok": False, "error": said(error)}
            rows.append(row)
    return {"rows": rows, "ok": all(row["ok"] for row in rows), "models": len(menu())}


def times(run: Run) -> Results:
    """Whole calls of sr-x2, both copies included, in every way to run it; 1080p gives 4K."""
    from gancam.inference.catalog import find
    from gancam.inference.network import open_network
    from gancam.inference.variants import variants

    files, rows = variants(find("sr-x2")), []
    truth = open_network(files["fp32"], "cpu", run_threads())(frames(next(iter(run.sizes.values())))[0][None])
    ways = [(kind, way, run.device) for kind, way in WAYS]
    if run.device.startswith("cuda"):
        ways += [(kind, "plain", run.device.replace("cuda", "tensorrt")) for kind in ("fp32", "fp16")]
    for kind, way, device in ways:
        about = {"precision": kind, "way": way, "device": device}
        try:
            rows += [{**about, **row} for row in way_rows(run, files[kind], kind, device, way, truth)]
        except Exception as error:
            rows.append({**about, "error": said(error)})
    return {"rows": rows}


def way_rows(run: Run, file: Path, kind: str, device: str, way: str, truth: Any) -> list[Results]:
    """One way to run one precision at each size; dB are against fp32 on the CPU, at the smallest size, when warm."""
    import cv2

    from gancam.inference.network import open_network
    from gancam.inference.providers import GpuOptions

    network: Any = open_network(file, device, run_threads(), precision=kind, gpu=GpuOptions.named(way))
    rows: list[Results] = []
    for label, size in run.sizes.items():
        row: Results = {"size": label}
        try:
            images, before = frames(size), network.crossed
            row |= timed([partial(network, image[None]) for image in images], run.seconds)
            row["bytes_over_the_bus"] = round((network.crossed - before) / row["calls_in_all"])
            if not rows:
                row["psnr"] = round(min(cv2.PSNR(network(images[0][None])[0], truth[0]), 100.0), 1)
        except Exception as error:
            row["error"] = said(error)
        rows.append(row)
    return rows


def default(run: Run) -> Results:
    """The same by the call that a user makes, with what it chose by itself."""
    import gancam

    rows = []
    for name in ("sr-x2", "restore-x2", "sr-x4", "style-oil", "inpaint", "colorize", "morph-fruits"):
        try:
            began = time.perf_counter()
            effect: Any = gancam.load(name, device=run.device)
            opened = round(time.perf_counter() - began, 2)
            chosen = {"precision": effect.model.precision, "way": str(effect.model.gpu), "opened_s": opened}
            for label, size in run.sizes.items():
                rows.append({"model": name, "size": label, **chosen, **timed(effect_calls(effect, size), run.seconds)})
        except Exception as error:
            rows.append({"model": name, "error": said(error)})
    return {"rows": rows}


def effect_calls(effect: Any, size: tuple[int, int]) -> list[Callable[[], Any]]:
    """Calls of an effect on different frames; what fills holes gets one of a quarter of the frame."""
    import numpy as np

    more: dict[str, Any] = {}
    if effect.card.layout == "masked":
        more["mask"] = np.zeros((size[1], size[0]), np.uint8)
        more["mask"][size[1] // 4 : size[1] * 3 // 4, size[0] // 4 : size[0] * 3 // 4] = 255
    return [partial(effect, image, **more) for image in frames(size)]


def chain(run: Run) -> Results:
    """sr-x2, and sr-x2-fast at the enlarged size: in a chain, over the sum of both alone; bar 0.9."""
    import gancam
    from gancam.pipeline import through

    label, size = ("90p", (160, 96)) if run.quick else ("720p", SIZES["720p"])
    precision = "fp32" if run.device == "cpu" else "auto"  # int8 has its pixels arranged outside its graph
    first: Any
    second: Any  # of both, the effect is nothing but the model
    first, second = pair = [
        gancam.load(name, device=run.device, precision=precision) for name in ("sr-x2", "sr-x2-fast")
    ]
    images = frames(size)
    larger = [first(image, time=0.0) for image in images]
    alone = [
        timed([partial(effect, image, time=0.0) for image in given], run.seconds)["median_ms"]
        for effect, given in zip(pair, (images, larger), strict=True)
    ]
    networks = [effect.model.network for effect in pair]
    before = [network.crossed for network in networks]
    both = timed([partial(through, image, pair, time=0.0) for image in images], run.seconds)
    crossed = [network.crossed - was for network, was in zip(networks, before, strict=True)]
    pairs = zip(images, larger, strict=True)
    same = all((through(image, pair, time=0.0) == second(large, time=0.0)).all() for image, large in pairs)
    return {
        "size": label, "alone_ms": alone, "chain_ms": both["median_ms"],
        "over_the_sum": round(both["median_ms"] / sum(alone), 3), "the_same_bytes": bool(same),
        "played_in_a_chain": all(effect.bare_model(size, time=0.0) is not None for effect in pair),
        "bytes_over_the_bus": [round(count / both["calls_in_all"]) for count in crossed],
        "precisions": [effect.model.precision for effect in pair],
    }  # fmt: skip


def live(run: Run) -> Results:
    """2,000 frames of a live source through sr-x2: age, frames dropped, memory, allocations of a frame."""
    import gancam
    from gancam.pipeline import run as play
    from gancam.sources import TestPattern
    from gancam.sources.realtime import RealtimeSource

    size, fps, count = ((160, 90), 60, 60) if run.quick else (SIZES["720p"], 100, 2000)
    effect: Any = gancam.load("sr-x2", device=run.device)
    memory = Memory(run.device)
    sink = memory.sink(count)
    report = play(RealtimeSource(TestPattern(size, fps=fps, frames=None)), [effect], [sink])
    return {
        "size": list(size), "fps_of_the_source": fps, "frames": report.frames, "dropped": report.dropped,
        "age_p50_ms": 1000 * (report.age_p50 or 0), "age_p95_ms": 1000 * (report.age_p95 or 0),
        **memory.grown(), "bytes_allocated_a_frame": allocated(effect, frames(size)),
        "stage_ms": {name: round(1000 * spent / report.frames, 2) for name, spent in report.stage_seconds.items()},
    }  # fmt: skip


def faults(run: Run) -> Results:
    """What is promised when a GPU is lost, full, or used by two."""
    import numpy as np

    import gancam
    from gancam.inference.providers import GpuOptions

    image = frames((160, 90) if run.quick else SIZES["720p"])[0]
    truth = gancam.load("sr-x2", device="cpu", precision="fp32")(image)
    model: Any = gancam.load("sr-x2", device="auto", precision="fp32").model
    network = model.network
    network._binding._session = Lost(network._binding._session)
    was, network.device, network.gpu = network.device, "cuda", GpuOptions()  # also in the rehearsal, on the CPU
    made = model(image[None])[0][0]
    lost = {"was": was, "goes_on_on": model.device, "gives_what_the_cpu_gives": bool(np.array_equal(made, truth))}
    return {"lost": lost, "full": full(run), "two_at_once": two(run)}


class Lost:
    """A session whose GPU is gone, in place of the real one."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def run_with_iobinding(self, *_: object) -> None:
        raise RuntimeError("CUDA failure 719: unspecified launch failure ; GPU=0")


def full(run: Run) -> Results:
    """A frame of 4K, or less in the rehearsal, where a network may take a tenth of what it needs."""
    wide, high = (320, 180) if run.quick else (3840, 2160)
    code = (
        "import logging; logging.basicConfig(level=logging.WARNING); import numpy as np, gancam; "
        f"effect = gancam.load('sr-x2', device={run.device!r}); "
        f"made = effect(np.full(({high}, {wide}, 3), 90, np.uint8)); print(effect.device, made.shape)"
    )
    done = child(["-c", code], GANCAM_GPU_MEMORY="0.3")
    return {"exit": done.returncode, "said": done.stdout.strip(), "log": done.stderr.strip()[-600:]}


def two(run: Run) -> Results:
    """Two processes on one device at once: both end, with the same bytes."""
    wide, high, calls = (160, 90, 3) if run.quick else (1920, 1080, 100)
    code = (
        "import hashlib, time, numpy as np, gancam; from gancam.sources import TestPattern; "
        f"effect = gancam.load('sr-x2', device={run.device!r}); image = TestPattern(({wide}, {high})).image(3); "
        f"began = time.perf_counter(); found = {{hashlib.sha256(effect(image)).hexdigest() for _ in range({calls})}}; "
        f"print(len(found), *found, round((time.perf_counter() - began) * 1000 / {calls}, 2))"
    )
    children = [start(["-c", code]) for _ in range(2)]
    told = [process.communicate(timeout=300) for process in children]
    words = [out.split() for out, _ in told]
    good = all(process.returncode == 0 for process in children) and all(len(one) == 3 for one in words)
    if not good:
        return {"ok": False, "said": [(out + errors)[-400:] for out, errors in told]}
    return {"ok": words[0][:2] == words[1][:2], "ms_each": [float(one[2]) for one in words]}


# What parts share


def run_threads() -> int:
    from gancam.inference.hardware import usable_cores

    return usable_cores()


def frames(size: tuple[int, int]) -> list[Any]:
    """Eight different frames, so that no cache holds all of them."""
    from gancam.sources import TestPattern

    pattern = TestPattern(size)
    return [pattern.image(index) for index in range(8)]


def timed(calls: list[Callable[[], Any]], seconds: float) -> Results:
    """Milliseconds of whole calls in turn, after each was made once, and a graph had its chance to be captured."""
    for call in calls[:6]:
        call()
    spent: list[float] = []
    ends = time.perf_counter() + seconds
    while len(spent) < 5 or (time.perf_counter() < ends and len(spent) < 1000):
        began = time.perf_counter()
        calls[len(spent) % len(calls)]()
        spent.append(1000 * (time.perf_counter() - began))
    median = statistics.median(spent)
    return {
        "median_ms": round(median, 3), "p95_ms": round(sorted(spent)[int(0.95 * len(spent))], 3),
        "fps": round(1000 / median, 1), "calls_in_all": len(spent) + min(len(calls), 6),
    }  # fmt: skip


class Memory:
    """How much memory of the host and of the GPU is held, after the first tenth and at the end."""

    def __init__(self, device: str) -> None:
        self._device, self._seen = device, list[tuple[int, int]]()

    def look(self) -> None:
        import psutil

        from gancam.inference.cuda import free_memory
        from gancam.inference.providers import number_of

        free = free_memory(number_of(self._device)) if not self._device.startswith("cpu") else 0
        self._seen.append((int(psutil.Process().memory_info().rss), free or 0))

    def sink(self, count: int) -> Any:
        from gancam.frame import Frame
        from gancam.sinks import Sink

        memory = self

        class Counting(Sink):
            """Takes so many frames, and looks at the memory meanwhile."""

            def __init__(self) -> None:
                self._count = 0

            @property
            def closed(self) -> bool:
                return self._count >= count

            def write(self, frame: Frame) -> None:
                self._count += 1
                if self._count in (count // 10, count):
                    memory.look()

        return Counting()

    def grown(self) -> Results:
        first, last = self._seen[0], self._seen[-1]
        return {
            "host_grew_mb": round((last[0] - first[0]) / 1e6, 1),
            "gpu_grew_mb": round((first[1] - last[1]) / 1e6, 1),
        }


def allocated(effect: Any, images: list[Any]) -> int:
    """The most bytes of Python and numpy that a call of `effect` allocates, once it is warm."""
    import tracemalloc

    for image in images:
        effect(image)
    most = 0
    tracemalloc.start()
    try:
        for image in images:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            effect(image)
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return most


def start(arguments: list[str], **environment: str) -> "subprocess.Popen[str]":
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip


def child(arguments: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
    process = start(arguments, **environment)
    out, errors = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


def said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:400]


# The table


def bars(results: Results) -> list[Results]:
    """What was promised, and whether it holds: only of what was measured, and times only where they say something."""
    parts, telling = results["parts"], not results["quick"] and results["device"] != "cpu"
    found: list[Results] = []

    def add(what: str, bar: str, figure: Any, ok: bool) -> None:
        found.append({"what": what, "bar": bar, "figure": figure, "ok": ok})

    rows = parts.get("parity", {}).get("rows", [])
    for kind, least in BARS.items():
        told = [row.get("psnr", 0.0) for row in rows if row["precision"] == kind]
        if told:
            add(f"least of all models, {kind} against fp32 on the CPU", f"{least:g} dB", min(told), min(told) >= least)
    for row in parts.get("default", {}).get("rows", []):
        if telling and (row["model"], row.get("size")) == ("sr-x2", "1080p") and "fps" in row:
            add("1080p to 4K, sr-x2, default call", "120 fps", row["fps"], row["fps"] >= 120)
    part = parts.get("chain", {})
    if "over_the_sum" in part:
        if telling:
            add("chain of two over the sum of both", "0.9", part["over_the_sum"], part["over_the_sum"] <= 0.9)
        add("chain of two gives the same bytes", "yes", part["the_same_bytes"], part["the_same_bytes"])
    return found


def table(results: Results) -> str:
    """The results as Markdown: a table for each part."""
    about = results["parts"].get("machine", {})
    gpu = about.get("nvidia_smi") or "no GPU: a rehearsal" * (results["device"] == "cpu") or "?"
    lines = [f"# gancam on {results['device']}: {gpu}", "", f"Begun {results['began']}. "]
    lines[-1] += "Quick: the figures say nothing." if results["quick"] else ""
    told = {"bars": {"rows": bars(results)}, **results["parts"]}
    for name, part in told.items():
        took = f", {part['took_s']} s" if "took_s" in part else ""
        lines += ["", f"## {name}{took}", ""]
        rows = part.get("rows")
        if rows:
            columns = list(dict.fromkeys(key for row in rows for key in row))
            lines += ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
            lines += ["| " + " | ".join(cell(row.get(key, "")) for key in columns) + " |" for row in rows]
        lines += [f"- {key}: {cell(value)}" for key, value in part.items() if key not in ("rows", "took_s", "checks")]
        for check in part.get("checks", []):
            lines.append(f"- {check['verdict']}: {check['name']}: {check['seen']}")
    return "\n".join(lines)


def cell(value: Any) -> str:
    return str(value).replace("|", "/").replace("\n", " ") if not isinstance(value, dict) else json.dumps(value)


PARTS: dict[str, Callable[[Run], Results]] = {
    "machine": machine, "doctor": doctor, "parity": parity, "times": times, "default": default, "chain": chain,
    "live": live, "faults": faults,
}  # fmt: skip


def play(run: Run, names: Iterable[str]) -> bool:
    """Run the parts one after the other; whether all came to their end."""
    whole = True
    for name in names:
        if time.monotonic() > run.ends:
            run.results["parts"][name] = {"error": "left out: the time was up"}
            whole = False
            continue
        began = time.perf_counter()
        try:
            found = PARTS[name](run)
        except Exception as error:
            found, whole = {"error": said(error), "where": traceback.format_exc()[-1500:]}, False
        run.results["parts"][name] = {**found, "took_s": round(time.perf_counter() - began, 1)}
        run.keep()
        print(
            f"{name}: {run.results['parts'][name].get('error', 'done')}, {time.perf_counter() - began:.1f} s",
            flush=True,
        )
    run.keep()
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N, or cpu for a rehearsal")
    parser.add_argument("--wheels", type=Path, help="folder of wheels, or of their pieces, that are installed first")
    parser.add_argument("--quick", action="store_true", help="tiny pictures and few calls: to see that all parts run")
    parser.add_argument("--minutes", type=float, default=8.0, help="no part begins later than that")
    parser.add_argument("--only", help=f"parts, with commas between: {', '.join(PARTS)}")
    parser.add_argument("--train", type=Path, metavar="DATA", help="play the queue of trainings on the data below DATA")
    options = parser.parse_args()
    if options.wheels is not None and SITE not in os.environ:
        install(options.wheels, options.out)
    sys.path.insert(0, str(ROOT))
    if options.train is not None:
        from benchmarks.gpu_train import play_queue

        return play_queue(options.train, options.out, options.device, minutes=options.minutes, quick=options.quick)
    run = Run(options.out, options.device, quick=options.quick, ends=time.monotonic() + 60 * options.minutes)
    names = options.only.split(",") if options.only else list(PARTS)
    whole = play(run, names)
    print((options.out / "results.md").read_text(encoding="utf-8"))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
