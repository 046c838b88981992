"""The bars of generators: one picture, a morph over 720p, and how even a loop is.

    python benchmarks/generators.py [NAME or .onnx ...] [--threads 2]

Times are medians of calls in turn: a round of each thing, then the next round. 30 % of the frame are covered by a
feathered region. Loops are 300 frames for ten seconds at the generator's own size; a step is the root mean square of
what changes from a frame to the next.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from gancam.effects import Effect, load
from gancam.inference.catalog import open_model
from gancam.latent.path import seeded, styles
from gancam.latent.samples import LoopSource, generators, open_generator
from gancam.sources import TestPattern

CALLS = 40  # of each thing in a round
THIRTY_PERCENT = "0.2/0.2/0.5477/0.5477"
LOOPS = ((1, 5, 9), (3, 17, 42), (2, 4, 6, 8, 10, 12), (7, 70))


def timed(calls: dict[str, Callable[[int], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every call by name; each is called with a number that counts up, so that nothing is asked twice."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    count = 0
    for _ in range(rounds):
        for name, call in calls.items():
            for _ in range(CALLS):
                count += 1
                began = time.perf_counter()
                call(count)
                spent[name].append(time.perf_counter() - began)
    return spent


def speed(name: str, threads: int, rounds: int) -> None:
    calls: dict[str, Callable[[int], object]] = {}
    frame = next(iter(TestPattern((1280, 720)))).image
    over = {"device": "cpu", "region": THIRTY_PERCENT, "fit": "cover", "feather": 0.2, "shape": "box"}
    for count in sorted({1, threads}):
        said = f"{count} thread" + "s" * (count > 1)
        model = open_generator(name, device="cpu", threads=count)
        ws = styles(model.mapping(seeded([1], model.card.latent)), model)
        morph = load(name, threads=count, **over)
        calls[f"picture, {said}"] = partial(again, model.synthesis, ws)
        calls[f"8 pictures at once, {said}"] = partial(again, model.synthesis, np.repeat(ws, 8, axis=0))
        calls[f"morph over 720p, {said}"] = partial(show, morph, frame)
    for mode in ("normal", "multiply", "soft-light", "luminosity", "clone"):
        still = load(name, blend=mode, speed=0, **over)  # its picture is made once
        calls[f"of which compositing, {mode}"] = partial(show, still, frame)
    for call in calls.values():
        call(0)
    for said, seconds in timed(calls, rounds).items():
        middle = statistics.median(seconds)
        late = float(np.percentile(seconds, 95))
        print(f"  {said:36} {1000 * middle:7.2f} ms  {1 / middle:7.0f} a second  95%: {1000 * late:.2f} ms")


def again(call: Callable[[np.ndarray], object], argument: np.ndarray, number: int) -> None:
    call(argument)


def show(morph: Effect, frame: np.ndarray, number: int) -> None:
    morph(frame, time=number / 30)


def loops(name: str) -> None:
    model = open_generator(name, device="cpu")
    for seeds in LOOPS:
        loop = LoopSource(model, seeds)
        frames = [loop.generated(index).astype(np.float32) for index in range(301)]
        steps = [math.sqrt(float(np.square(late - early).mean())) for early, late in pairwise(frames)]
        closes = "is the first" if np.array_equal(frames[0], frames[300]) else "IS NOT THE FIRST"
        ratio = max(steps) / statistics.median(steps)
        print(f"  loop {'/'.join(map(str, seeds)):18} frame 300 {closes}; largest step {ratio:.2f} of the median")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="generators (default: all that are bundled)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in options.names or generators():
        card = open_model(name, device="cpu").card
        parity = ", ".join(f"{figure} {value:g}" for figure, value in card.parity.items())
        print(f"{name}: {card.resolution}x{card.resolution}, {card.parameters} parameters, against PyTorch: {parity}")
        speed(name, options.threads, options.rounds)
        loops(name)


if __name__ == "__main__":
    main()
