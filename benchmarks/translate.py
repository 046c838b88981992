"""The bars of image-to-image models: how fast, and how calm on a clip that stands still.

    python benchmarks/translate.py style-glass [MODEL...] [--threads 2] [--clip CLIP]

Rate: the whole call on 640x360. Calm: mean change from frame to frame of the output over that of the source, on a clip
of one picture with a camera's noise, plain and with steady=1. How near a file is to PyTorch stands in its card
(parity); what colorize is worth, `python -m train.evaluate` says.
"""

import argparse
import statistics
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

import gancam

NOISE = 2.5  # grey levels, as webcams have in room light
FRAMES = 24


def still_clip(image: np.ndarray) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).round().astype(np.uint8) for _ in range(FRAMES)]


def change(frames: list[np.ndarray]) -> float:
    return float(np.mean([cv2.absdiff(a, b).mean() for a, b in pairwise(frames[4:])]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names or .onnx files")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--clip", type=Path, default=Path(__file__).parent.parent / "samples" / "city.mp4")
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    ok, frame = cv2.VideoCapture(str(options.clip)).read()
    if not ok:
        parser.error(f"cannot read {options.clip}")
    frame = cv2.resize(frame, (640, 360), interpolation=cv2.INTER_AREA)
    clip = still_clip(frame)
    source = change(clip)
    for name in options.models:
        effect = gancam.load(name, device="cpu", threads=options.threads)
        times = []
        for _ in range(options.calls):
            began = time.perf_counter()
            effect(frame)
            times.append(1000 * (time.perf_counter() - began))
        plain = change([effect(one) for one in clip])
        effect.params.steady = 1.0
        damped = change([effect(one) for one in clip])
        middle = statistics.median(times[5:])
        print(
            f"{name}: {effect.card.precision}, {middle:.1f} ms, {1000 / middle:.1f} fps on {options.threads} threads; "
            f"change over the source's {plain / source:.2f}, damped {damped / source:.2f}; "
            f"against PyTorch {effect.card.parity.get('psnr', 0):.1f} dB"
        )


if __name__ == "__main__":
    main()
