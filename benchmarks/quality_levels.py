"""What each quality level that `gancam.Budget` chooses among costs here, and how good it is, beside bicubic scaling.

    python benchmarks/quality_levels.py --images Set14 [--model sr-x2-gan ...]

Quality as in the README (`train.evaluate`), on clean and on webcam input; cost at 640x360, levels in turn, medians. The
order of the levels was chosen by these figures: run it again when a model or a way to save time is added.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

import gancam
from train import evaluate
from train.data import Pixels, image_files, read_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder of whole images")
    parser.add_argument("--model", nargs="+", default=["sr-x2-gan", "sr-x4-gan", "sr-x4"])
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    images = [read_image(file) for file in image_files(options.images)]
    frame = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    for model in options.model:
        effect = gancam.load(model, device="cpu", threads=options.threads)
        scale = effect.card.scale

        def bicubic(image: gancam.Image, scale: int = scale) -> gancam.Image:
            return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)

        levels: dict[str, Callable[[gancam.Image], gancam.Image]] = {"bicubic": bicubic}
        levels |= {way.level: way for ways in effect.quality_levels() for way in ways}
        costs: dict[str, list[float]] = {name: [] for name in levels}
        for _ in range(options.rounds + 1):
            for name, level in levels.items():
                began = time.perf_counter()
                level(frame)
                costs[name].append(1000 * (time.perf_counter() - began))
        print(f"{model}: ms a frame; PSNR (Y) and distance, clean; the same, webcam")
        for name, level in levels.items():

            def upscale(image: Pixels, level: Callable[[gancam.Image], gancam.Image] = level) -> Pixels:
                return np.ascontiguousarray(level(np.ascontiguousarray(image[..., ::-1]))[..., ::-1])

            said = f"  {name:24} {statistics.median(costs[name][1:]):7.1f}"
            for degradation in ("bicubic", "webcam"):
                figures = evaluate.super_resolution(upscale, images, scale, degradation=degradation)
                said += f"   {figures['psnr_y']:6.2f} {figures['distance']:7.4f}"
            print(said, flush=True)


if __name__ == "__main__":
    main()
