"""The figures of live play, one subcommand each; every one prints one line.

    python benchmarks/live.py age       a 30 fps source through an effect that sleeps 100 ms: age of what is shown
    python benchmarks/live.py window    640x360 at 30 fps through sr-x2 into a window on a virtual display (needs Xvfb)
    python benchmarks/live.py dead      a server killed and started again: until the placeholder, until it is back
    python benchmarks/live.py close     exceptions in effect, source or sink: until all is closed, and threads left
    python benchmarks/live.py memory    resident memory of minutes of live play through sr-x2, somebody watching
    python benchmarks/live.py reload    new files of sr-x2-fast while it plays: seconds to their picture, drops
    python benchmarks/live.py cost      720p at 30 fps through nothing into nothing: CPU time as a share of one core

``--quick`` makes each short, to see that it works.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gancam.effects import WatchedEffect, load  # noqa: E402
from gancam.errors import SinkError, SourceError  # noqa: E402
from gancam.frame import Frame, Image  # noqa: E402
from gancam.pipeline import run  # noqa: E402
from gancam.sinks import Sink, SinkContext, open_sink  # noqa: E402
from gancam.sources import Source, TestPattern, VideoFile  # noqa: E402
from gancam.sources.live import LiveSource  # noqa: E402
from gancam.sources.realtime import RealtimeSource  # noqa: E402
from gancam.sources.stream import Stream  # noqa: E402
from tests.helpers.servers import needs_rtsp_server, repeated, rtsp_server  # noqa: E402


class Shown(Sink):
    """A sink that notes how old each picture is, and ends the run after `enough`."""

    def __init__(self, enough: int = 10**9) -> None:
        self.ages: list[float] = []
        self._enough, self._count = enough, 0

    @property
    def closed(self) -> bool:
        return self._count >= self._enough

    def write(self, frame: Frame) -> None:
        self._count += 1
        if frame.captured is not None:
            self.ages.append(1000 * (time.monotonic() - frame.captured))


def percentiles(values: list[float]) -> tuple[float, float]:
    return float(np.percentile(values, 50)), float(np.percentile(values, 95))


def age(quick: bool) -> None:
    def slow(image: Image, *, time: float | None = None) -> Image:
        threading.Event().wait(0.1)
        return image

    sink = Shown(60 if quick else 2000)
    report = run(RealtimeSource(TestPattern((640, 360), fps=30, frames=None)), [slow], [sink])
    middle, most = percentiles(sink.ages)
    quarter = len(sink.ages) // 4
    first, last = percentiles(sink.ages[:quarter]), percentiles(sink.ages[-quarter:])
    print(
        f"age: {report.frames} frames shown, {middle:.1f} ms median, {most:.1f} ms p95; p95 of the last quarter "
        f"{last[1]:.1f} against {first[1]:.1f} of the first ({100 * (last[1] / first[1] - 1):+.1f} %), medians "
        f"{last[0]:.1f} and {first[0]:.1f}; {report.dropped} dropped"
    )


@contextmanager
def display() -> Iterator[str]:
    """A virtual display of its own."""
    if shutil.which("Xvfb") is None:
        sys.exit("a window needs a virtual display: apt install xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as answer:
                yield f":{answer.readline().strip()}"
        finally:
            server.terminate()


def window(quick: bool) -> None:
    seconds = 6 if quick else 60
    cores = sorted(os.sched_getaffinity(0))[:2]
    with display() as name, tempfile.TemporaryDirectory() as folder:
        stats = Path(folder) / "stats.jsonl"
        command = [sys.executable, "-m", "gancam", "live", "test", "-e", "sr-x2", "--to", "window", "--device", "cpu"]
        command += ["--seconds", str(seconds), "--stats", str(stats), "--json"]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "DISPLAY": name}, capture_output=True, text=True, check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )  # fmt: skip
        lines = [json.loads(line) for line in stats.read_text().splitlines()]
    report = json.loads(done.stdout)
    steady = [line for line in lines if line["time"] >= 2]
    fps = (len(steady) - 1) / (steady[-1]["time"] - steady[0]["time"])
    middle, most = percentiles([line["age_ms"] for line in steady if line["age_ms"] is not None])
    waits = {name: round(1000 * spent / report["frames"], 1) for name, spent in report["stage_seconds"].items()}
    print(
        f"window: {fps:.1f} fps shown on {len(cores)} cores over {steady[-1]['time'] - 2:.0f} s, age {middle:.0f} ms "
        f"median, {most:.0f} ms p95; ms a frame: {waits}"
    )


def dead(quick: bool) -> None:
    rounds, needs = 1 if quick else 10, needs_rtsp_server()
    if needs.args[0]:
        print(f"dead: rtsp is left out, it {needs.kwargs['reason']}")
    for kind in ("http",) if needs.args[0] else ("rtsp", "http"):
        lost, back = [], []
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            clip = repeated(Path(folder) / "clip.mp4", 10)
            port = 0

            @contextmanager
            def serve(kind: str = kind, clip: Path = clip) -> Iterator[str]:
                nonlocal port
                if kind == "rtsp":
                    with rtsp_server(clip, port=port) as port:
                        yield f"rtsp://127.0.0.1:{port}/clip"
                else:
                    with http_server(port) as port:
                        yield f"http://127.0.0.1:{port}/stream.mjpg"

            with serve() as url:
                source = stack.enter_context(Stream(url))
                frames = iter(source)
                play_on(frames, 2)
            for _ in range(rounds):
                died = time.monotonic()  # killed, and waited for
                next(frame for frame in frames if frame.captured is None)
                lost.append(time.monotonic() - died)
                play_on(frames, random.uniform(0, 4))
                with serve():
                    there = time.monotonic()
                    next(frame for frame in frames if frame.captured is not None)
                    back.append(time.monotonic() - there)
                    play_on(frames, 1)
        print(
            f"dead: {kind}, {rounds} times: placeholder after {statistics.median(lost):.2f} s median, "
            f"{max(lost):.2f} at most; back {statistics.median(back):.2f} s median, {max(back):.2f} at most, after the "
            "server"
        )


def play_on(frames: Iterator[Frame], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        next(frames)


@contextmanager
def http_server(port: int) -> Iterator[int]:
    """gancam itself, playing the test pattern over HTTP; killed at the end. Gives the port."""
    command = [sys.executable, "-u", "-m", "gancam", "live", "test", "-e", "none", "--to", f"mjpeg:{port}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            note = server.stderr.readline()
            yield int(note.partition("127.0.0.1:")[2].partition("/")[0])
        finally:
            server.kill()


def close(quick: bool) -> None:
    trials = 10 if quick else 200
    dice = random.Random(0)
    times: dict[str, list[float]] = {"effect": [], "source": [], "sink": []}
    left = 0
    with tempfile.TemporaryDirectory() as folder:
        clip = repeated(Path(folder) / "clip.mp4", 10)
        with http_server(0) as port:
            for trial in range(trials):
                kind = dice.choice(list(times))
                source, sinks = some_source(dice, clip, port), some_sinks(dice, Path(folder) / f"{trial}.mp4")
                times[kind].append(break_in(source, sinks, kind, dice.randrange(1, 8)))
                left += sum(thread.name.startswith("gancam-") for thread in threading.enumerate())
    everything = [*chain.from_iterable(times.values())]
    parts = ", ".join(f"{kind} {len(some)} times {max(some):.3f}" for kind, some in times.items() if some)
    print(
        f"close: {trials} exceptions, all closed after {statistics.median(everything):.3f} s median, "
        f"{percentiles(everything)[1]:.3f} s p95, {max(everything):.3f} s at most ({parts}); {left} threads left"
    )


def some_source(dice: random.Random, clip: Path, port: int) -> LiveSource:
    kind = dice.randrange(3)
    if kind == 0:
        return RealtimeSource(TestPattern((320, 192), fps=60, frames=None))
    return RealtimeSource(VideoFile(clip)) if kind == 1 else Stream(f"http://127.0.0.1:{port}/stream.mjpg", reconnect=0)


def some_sinks(dice: random.Random, path: Path) -> list[str]:
    """Names of one to three of these."""
    return dice.sample(["mjpeg:0", "udp://127.0.0.1:9", str(path)], dice.randrange(1, 4))


class Fails(Exception):
    pass


def break_in(source: LiveSource, targets: list[str], kind: str, after: int) -> float:
    """Play until something fails; seconds from there until ``run`` has closed everything."""
    failed, count = 0.0, 0

    def fail(error: type[Exception]) -> None:
        nonlocal failed
        failed = time.monotonic()
        raise error("on purpose")

    def effect(image: Image, *, time: float | None = None) -> Image:
        nonlocal count
        count += 1
        if kind == "effect" and count > after:
            fail(Fails)
        return image

    class Broken(Shown):
        def write(self, frame: Frame) -> None:
            if kind == "sink" and count > after:
                fail(SinkError)

    class Breaks(Source):
        """`source`, failing after some frames."""

        fps, size = source.fps, source.size

        def __iter__(self) -> Iterator[Frame]:
            for frame in source:
                if kind == "source" and count > after:
                    fail(SourceError)
                yield frame

        def close(self) -> None:
            source.close()

    sinks: list[Sink] = [open_sink(target, SinkContext(fps=source.fps, size=source.size)) for target in targets]
    with suppress(Fails, SinkError, SourceError):
        run(Breaks(), [effect], [*sinks, Broken()])
    return time.monotonic() - failed


def memory(quick: bool, minutes: float) -> None:
    minutes = 0.4 if quick else minutes
    first = 0.2 if quick else 1.0
    command = [sys.executable, "-u", "-m", "gancam", "live", "test", "-e", "sr-x2", "--to", "mjpeg:0"]
    sizes: list[tuple[float, float]] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as player:
        try:
            assert player.stderr is not None
            url = player.stderr.readline().partition("watch at ")[2].split()[0]
            watcher = threading.Thread(target=watch, args=(f"{url}stream.mjpg",), daemon=True)
            watcher.start()
            began = time.monotonic()
            while (passed := (time.monotonic() - began) / 60) < minutes:
                pages = int(Path(f"/proc/{player.pid}/statm").read_text().split()[1])
                sizes.append((passed, pages * os.sysconf("SC_PAGESIZE") / 1e6))
                time.sleep(1)
        finally:
            player.kill()
    after = [size for passed, size in sizes if passed >= first]
    print(
        f"memory: {minutes:g} minutes, {after[0]:.1f} MB after the first {first:g}, {after[-1]:.1f} MB at the end "
        f"({after[-1] - after[0]:+.1f}), {max(after):.1f} MB at most ({max(after) - after[0]:+.1f})"
    )


def watch(url: str) -> None:
    with suppress(OSError), urllib.request.urlopen(url) as stream:
        while stream.read(1 << 16):
            pass


class Ready(Source):
    """A source whose pictures cost nothing."""

    fps, size = 30.0, (1280, 720)

    def __init__(self, count: int) -> None:
        self._images = [TestPattern(self.size).image(index) for index in range(8)]
        self._count = count

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            yield Frame(self._images[index % 8], index, index / 30)


def cost(quick: bool) -> None:
    count = 150 if quick else 1800

    def nothing(image: Image, *, time: float | None = None) -> Image:
        return image

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        sink = open_sink(clip, SinkContext(fps=30, size=(1280, 720)))
        run(TestPattern((1280, 720), frames=count), [], [sink])
        shares = {}
        sources: list[tuple[str, Source]] = [
            ("pictures at hand", Ready(count)),
            ("test pattern", TestPattern((1280, 720), frames=count)),
            ("H.264 file", VideoFile(clip)),
        ]
        for name, source in sources:
            report = run(RealtimeSource(source), [nothing], [Shown()])
            shares[name] = 100 * report.cpu_seconds / report.seconds
    print("cost: " + ", ".join(f"{name} {share:.1f} %" for name, share in shares.items()) + " of one core")


def reload(quick: bool) -> None:
    times = 3 if quick else 20
    with tempfile.TemporaryDirectory() as folder:
        file, original = Path(folder) / "playing.onnx", ROOT / "gancam" / "models" / "sr-x2-fast.onnx"
        shutil.copyfile(original, file)
        source = RealtimeSource(TestPattern((320, 180), fps=30, frames=None))
        opened = partial(load, file, precision="fp32", threads=1)
        effect = WatchedEffect(file, opened, dropped=lambda: source.dropped)

        def write() -> None:
            for _ in range(times):
                time.sleep(2.0)
                shutil.copyfile(original, file.with_suffix(".part"))
                file.with_suffix(".part").replace(file)
            time.sleep(1.5)
            source.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            report = run(source, [effect], [Shown()])
        finally:
            writer.join()
            effect.close()
    print(f"reload: {effect.cost.describe()}; {report.dropped} of {report.frames + report.dropped} in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["age", "window", "dead", "close", "memory", "reload", "cost"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--minutes", type=float, default=20, help="of memory")
    options = parser.parse_args()
    if options.what == "memory":
        memory(options.quick, options.minutes)
    else:
        kinds = {"age": age, "window": window, "dead": dead, "close": close, "reload": reload, "cost": cost}
        kinds[options.what](options.quick)


if __name__ == "__main__":
    main()
