"""How long each column takes at 640x360: models as `gancam bench` measures them, the others on the same frames."""

import os
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks import against_opencv
from benchmarks.gallery.ways import Peers, Way, precision_of
from benchmarks.inpainting import timed
from gancam.frame import Image
from gancam.inference.hardware import usable_cores
from gancam.sources import TestPattern
from gancam.tools import bench

SIZE = (640, 360)
CALLS = 8  # of a column that is not a model's; the first 5 do not count


def measure(ways: Iterable[Way], peers: Peers, *, rounds: int = 2, seconds: float = 0.3) -> dict[str, object]:
    """Measure the median milliseconds of a whole call of each; returns them by key, with the machine."""
    by_key = {way.key: way for way in ways if way.key}
    cases = [bench.Case(way.model, SIZE, "cpu", precision_of(way.model)) for way in by_key.values() if way.model]
    results = bench.measure(list(dict.fromkeys(cases)), rounds=rounds, seconds=seconds)
    found = {row.model: round(row.median_ms, 2) for row in results.rows}
    pattern = TestPattern(SIZE)
    frames = [pattern.image(index % 8) for index in range(CALLS)]
    for key, way in by_key.items():
        if not way.model:
            took = _alone(way, frames) if way.weights is None else _superres(way.weights, peers, frames[0])
            found[key] = round(took, 2)
    load = os.getloadavg()[0]
    kept = {name: results.machine[name] for name in ("cpu", "cores", "kernel_instructions", "onnxruntime", "opencv")}
    return {"machine": {**kept, "load": round(load, 2)}, "ms": dict(sorted(found.items()))}


def _alone(way: Way, frames: list[Image]) -> float:
    hole = np.zeros(frames[0].shape[:2], np.uint8)
    hole[SIZE[1] // 3 : SIZE[1] * 2 // 3, SIZE[0] // 3 : SIZE[0] * 2 // 3] = 255  # as `bench` has it
    call = way.start()
    return timed(lambda image: call(image, 0.0, hole), frames)


def _superres(weights: Path, peers: Peers, frame: Image) -> float:
    kind, scale = weights.stem.split("_x")
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "frame.npy"
        np.save(saved, frame)
        arguments = [str(saved), str(weights), kind.lower(), str(usable_cores()), "5", scale]
        return statistics.median(against_opencv.timed(peers.contrib, "-c", against_opencv.PEER_CODE, *arguments))
