"""How near `gancam process` comes to its limit: each stage alone, then all together, in turn.

A frame's limit is max(slowest stage alone, CPU time of decode + effect + encode alone / cores).

    python benchmarks/end_to_end.py [--input CLIP] [--model sr-x2] [--rounds 3]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gancam
from gancam.frame import Frame
from gancam.pipeline import run
from gancam.sinks import open_sink
from gancam.sources import VideoFile


def clocked(work: Callable[[], int]) -> tuple[float, float]:
    """Wall and CPU milliseconds per frame of `work`, which gives its number of frames."""
    wall, cpu = time.perf_counter(), time.process_time()
    frames = work()
    return (time.perf_counter() - wall) * 1000 / frames, (time.process_time() - cpu) * 1000 / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, default=Path(__file__).parent.parent / "samples" / "city.mp4")
    parser.add_argument("--model", default="sr-x2")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    effect = gancam.load(options.model, device="cpu")
    folder = Path(tempfile.mkdtemp())

    def decode() -> int:
        with VideoFile(options.input) as source:
            return sum(1 for _ in source)

    with VideoFile(options.input) as source:
        some = [frame for frame, _ in zip(source, range(90), strict=False)]
    shown = [Frame(effect(frame.image), frame.index, frame.time) for frame in some]

    def enlarge() -> int:
        return sum(1 for frame in some if effect(frame.image) is not None)

    def encode() -> int:
        with VideoFile(options.input) as source:
            size = effect.output_size(source.size)
            sink = open_sink(folder / "a.mp4", fps=source.fps, size=size, like=source.footage, overwrite=True)
        for frame in shown:
            sink.write(frame)
        sink.close()
        return len(shown)

    def together() -> int:
        source = VideoFile(options.input)
        size = effect.output_size(source.size)
        sink = open_sink(
            folder / "b.mp4", fps=source.fps, size=size, like=source.footage, audio_from=options.input, overwrite=True
        )
        return run(source, [effect], [sink]).frames

    stages = {"decode": decode, "effect": enlarge, "encode": encode, "together": together}
    wall: dict[str, list[float]] = {name: [] for name in stages}
    cpu: dict[str, list[float]] = {name: [] for name in stages}
    ratios = []
    for _ in range(options.rounds):
        for name, stage in stages.items():
            once = clocked(stage)
            wall[name].append(once[0])
            cpu[name].append(once[1])
        parts = ("decode", "effect", "encode")
        limit = max(*(wall[part][-1] for part in parts), sum(cpu[part][-1] for part in parts) / cores)
        ratios.append(limit / wall["together"][-1])
    print(f"{options.input.name} with {options.model}, {cores} cores, ms a frame, medians of {options.rounds} rounds")
    for name in stages:
        print(f"{name:9} wall {statistics.median(wall[name]):6.2f}  CPU {statistics.median(cpu[name]):6.2f}")
    print(f"fps {1000 / statistics.median(wall['together']):.1f}, over the limit {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
