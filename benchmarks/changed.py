"""What changed-tile reuse saves and costs: clips played whole and with a threshold, in turn, and duplicate frames.

    python benchmarks/changed.py CLIP [CLIP ...] [--model sr-x2] [--threshold 0 32 40] [--frames 90]

The PSNR is that of all frames together against computing everything (the worst frame's beside it).
"""

import argparse
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import gancam
from gancam.frame import Frame, Image
from gancam.sources import VideoFile

clock = time.perf_counter


def play(effect: gancam.Effect, frames: list[Frame], kept: list[Image] | None = None) -> float:
    """Seconds a frame, the first left out."""
    effect.reset()
    times = []
    for frame in frames:
        began = clock()
        out = effect(frame.image, time=frame.time)
        times.append(clock() - began)
        if kept is not None:
            kept.append(out)
    return statistics.mean(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--model", default="sr-x2")
    parser.add_argument("--threshold", type=float, nargs="+", default=[0.0, 32.0, 40.0])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", help="CPU time instead of wall time, for a busy machine")
    options = parser.parse_args()
    if options.cpu:
        global clock
        clock = time.process_time
    everything = gancam.load(options.model, device="cpu", threads=options.threads)
    savers = {
        threshold: gancam.load(options.model, device="cpu", threads=options.threads, threshold=threshold)
        for threshold in options.threshold
    }
    for clip in options.clips:
        with VideoFile(clip) as source:
            frames = [frame for frame, _ in zip(source, range(options.frames), strict=False)]
        truth: list[Image] = []
        play(everything, frames, truth)
        print(f"{clip.name}: {len(frames)} frames of {frames[0].image.shape[1]}x{frames[0].image.shape[0]}")
        ratios: dict[float, list[float]] = {threshold: [] for threshold in savers}
        for _ in range(options.rounds):
            for threshold, saver in savers.items():
                ratios[threshold].append(play(everything, frames) / play(saver, frames))
        for threshold, saver in savers.items():
            shown: list[Image] = []
            play(saver, frames, shown)
            errors = [cv2.norm(one, two, cv2.NORM_L2SQR) / one.size for one, two in zip(truth, shown, strict=True)]
            said = [
                f"{10 * math.log10(255**2 / error):.1f} dB" if error else "identical"
                for error in (statistics.mean(errors), max(errors))
            ]
            ratio = statistics.median(ratios[threshold])
            print(f"  threshold {threshold:g}: {ratio:.2f} times the rate; {said[0]} (worst frame {said[1]})")
    same = [replace(frames[0], time=index / 30) for index in range(20)]
    for threshold, saver in savers.items():
        ratio = statistics.median(play(everything, same) / play(saver, same) for _ in range(5))
        print(f"duplicates, threshold {threshold:g}: {ratio:.1f} times the rate")
    assert np.array_equal(everything(frames[0].image), next(iter(savers.values()))(frames[0].image))


if __name__ == "__main__":
    main()
