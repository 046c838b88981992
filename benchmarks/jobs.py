"""Offline jobs: what a kill costs, how near the speed comes to its limit, how much memory a large picture takes.

    python benchmarks/jobs.py kills  [--input CLIP] [--model sr-x2] [--kills 25] [--seed 0]
    python benchmarks/jobs.py speed  [--input CLIP] [--model sr-x2] [--rounds 3]
    python benchmarks/jobs.py memory [--model sr-x2] [--size 3840x2160] [--frames 60]

`kills`: one job is killed (SIGKILL) at random moments and resumed each time; when it is done before all kills, another
one begins. Lost by a kill is the wall time of what must be made again: since the last piece that was safe on the disk,
or since the first frame of this start. Each result is compared with that of a job that nobody killed, frame by frame.

`speed`: a frame's limit is max(slowest stage alone, CPU time of decode + effect + encode alone / cores); each stage
alone, then all together in pieces, in turn.

`memory`: the largest resident size of `gancam process` on a clip of that size.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import av
import cv2
import numpy as np

import gancam
from gancam.frame import Frame
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.media.info import VideoInfo
from gancam.pipeline import Report
from gancam.sinks.piece_store import pieces_of
from gancam.sinks.pieces import PieceWriter
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import VideoFile

CITY = Path(__file__).parent.parent / "samples" / "city.mp4"


def longer(clip: Path, path: Path, frames: int, size: tuple[int, int] | None = None) -> Path:
    """`clip` over and over, of so many frames, in another `size` where one is given."""
    with VideoFile(clip) as source:
        size = size or source.size
        images = [frame.image for frame in islice(source, 60)]
        like = VideoInfo(size=size, time_base=Fraction(1, 30_000))
        with VideoWriter(path, VideoOptions(fps=source.fps, size=size, source_info=like, quality=85)) as sink:
            for index, image in enumerate(islice(cycle(images), frames)):
                large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
                sink.write(Frame(np.asarray(large, np.uint8), index, index / source.fps))
    return path


def same(left: Path, right: Path) -> bool:
    with av.open(left) as one, av.open(right) as other:
        pairs = zip(one.decode(video=0), other.decode(video=0), strict=True)
        return all(a.pts == b.pts and np.array_equal(a.to_ndarray(), b.to_ndarray()) for a, b in pairs)


def kills(options: argparse.Namespace, folder: Path) -> None:
    rng = random.Random(options.seed)
    clip = longer(options.input, folder / "in.mp4", options.frames or 1500)
    whole, out = folder / "whole.mp4", folder / "out.mp4"
    command = [sys.executable, "-m", "gancam", "process", str(clip)]
    tail = ["-e", options.model, "-q", "--resume", "--device", "cpu"]
    began = time.monotonic()
    subprocess.run([*command, str(whole), *tail], check=True)
    seconds = time.monotonic() - began
    lost, starts, identical, jobs_done = list[float](), list[float](), True, 0
    pieces = pieces_of(out)
    while len(lost) < options.kills or out.exists() or pieces.exists():
        began, wall = time.monotonic(), time.time()
        with subprocess.Popen([*command, str(out), *tail]) as job:
            while job.poll() is None and not _begun(pieces, wall):
                time.sleep(0.002)
            starts.append(time.monotonic() - began)
            first = time.time()
            until = time.monotonic() + rng.uniform(0.0, 5.0)
            while job.poll() is None and (time.monotonic() < until or len(lost) >= options.kills):
                time.sleep(0.002)
            if job.poll() is None:
                job.send_signal(signal.SIGKILL)
                killed = time.time()
                job.wait()
                safe = [file.stat().st_mtime for file in pieces.glob("*.piece")]
                lost.append(killed - max([first, *(moment for moment in safe if moment > wall)]))
                print(f"kill {len(lost):2}: {len(safe):3} pieces safe, {lost[-1]:.2f} s lost", flush=True)
        if out.exists():
            jobs_done += 1
            found = same(whole, out)
            identical &= found
            print(f"job {jobs_done}: after {len(lost)} kills identical: {'yes' if found else 'NO'}", flush=True)
            out.unlink()
    print(f"{len(lost)} kills in {jobs_done} jobs of {seconds:.1f} s; all identical: {'yes' if identical else 'NO'}")
    print(f"work lost by a kill: median {statistics.median(lost):.2f} s, most {max(lost):.2f} s")
    print(f"start until frames are encoded again: median {statistics.median(starts):.2f} s, most {max(starts):.2f} s")


def _begun(pieces: Path, since: float) -> bool:
    return any(file.stat().st_mtime > since for file in pieces.glob("*.partial"))


def clocked(work: Callable[[], int]) -> tuple[float, float]:
    """Wall and CPU milliseconds per frame of `work`, which gives its number of frames."""
    wall, cpu = time.perf_counter(), time.process_time()
    frames = work()
    return (time.perf_counter() - wall) * 1000 / frames, (time.process_time() - cpu) * 1000 / frames


def speed(options: argparse.Namespace, folder: Path) -> None:
    cores = len(os.sched_getaffinity(0))
    effect = gancam.load(options.model, device="cpu")

    def decode() -> int:
        with VideoFile(options.input) as source:
            return sum(1 for _ in source)

    with VideoFile(options.input) as source:
        some = list(islice(source, 90))
    shown = [Frame(effect(frame.image), frame.index, frame.time) for frame in some]

    def enlarge() -> int:
        return sum(1 for frame in some if effect(frame.image) is not None)

    def encode(writer: type[VideoWriter | PieceWriter]) -> int:
        with VideoFile(options.input) as source:
            size = effect.output_size(source.size)
            video = VideoOptions(fps=source.fps, size=size, source_info=source.info, overwrite=True)
        with writer(folder / f"{writer.__name__}.mp4", video) as sink:
            for frame in shown:
                sink.write(frame)
        return len(shown)

    def together() -> int:
        report = Report()
        task = ProcessOptions(overwrite=True)
        process_video(options.input, folder / "b.mp4", [effect], task, report, notify=lambda note: None)
        return report.frames

    stages = {
        "decode": decode, "effect": enlarge, "encode": partial(encode, VideoWriter),
        "encode in pieces": partial(encode, PieceWriter), "together": together,
    }  # fmt: skip
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
        print(f"{name:16} wall {statistics.median(wall[name]):6.2f}  CPU {statistics.median(cpu[name]):6.2f}")
    print(f"fps {1000 / statistics.median(wall['together']):.1f}, over the limit {statistics.median(ratios):.2f}")


def memory(options: argparse.Namespace, folder: Path) -> None:
    width, height = map(int, options.size.split("x"))
    clip = longer(options.input, folder / "large.mp4", options.frames or 60, (width, height))
    told = "import atexit; from gancam.cli.main import main; "  # ru_maxrss would count who started it, too
    told += "atexit.register(lambda: print(open('/proc/self/status').read())); main()"
    command = [sys.executable, "-c", told, "process", clip, folder / "out.mp4", "-e", options.model, "-q"]
    began = time.monotonic()
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    most = int(done.stdout.split("VmHWM:")[1].split()[0]) * 1024
    frames = options.frames or 60
    print(f"{options.size}, {frames} frames through {options.model}: {frames / (time.monotonic() - began):.2f} fps")
    print(f"largest resident size {most / 1e9:.2f} GB (the bar is 1.5)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kills", "speed", "memory"))
    parser.add_argument("--input", type=Path, default=CITY)
    parser.add_argument("--model", default="sr-x2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, help="of the clip that is made (default: 1500 for kills, 60 for memory)")
    parser.add_argument("--size", default="3840x2160")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"kills": kills, "speed": speed, "memory": memory}[options.what](options, Path(folder))


if __name__ == "__main__":
    main()
