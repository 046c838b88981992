"""The bars of image-to-image models.

    python benchmarks/translate.py speed style-mosaic [MODEL...] [--threads 2] [--clip CLIP]
    python benchmarks/translate.py fruits apple2tomato --a fruits.zip/Apple --b fruits.zip/Tomato
    python benchmarks/translate.py faces sr-faces-x4 --data FOLDER

speed     the whole default call on frames of the clip at 640x360, the median and that of the quietest ten calls in a
          row (where others use the machine), of any model that keeps or enlarges a picture; and how calm: mean change
          from frame to frame of the output over that of the source, on a clip of one picture with a camera's noise,
          plain and with stabilise=1
fruits    what becomes of As, as a classifier sees it that is trained on half of the real As and Bs; how many of the
          other half it gets right is told beside it
faces     super-resolution of faces of `--data`: Y-PSNR and perceptual distance beside bicubic, and how often the result
          is nearer, by a pretrained classifier's features, to its own truth than to any other one's

How near a file is to PyTorch stands in its card (parity); what colorize is worth, `gancam train evaluate` says.
`fruits` and `faces` need PyTorch.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

import gancam

NOISE = 2.5  # grey levels, as webcams have in room light
FRAMES = 24
CALM = 10  # calls


def still_clip(image: np.ndarray) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).round().astype(np.uint8) for _ in range(FRAMES)]


def change(frames: list[np.ndarray]) -> float:
    return float(np.mean([cv2.absdiff(a, b).mean() for a, b in pairwise(frames[4:])]))


def speed(options: argparse.Namespace) -> None:
    cv2.setNumThreads(options.threads)
    source, frames = cv2.VideoCapture(str(options.clip)), []
    while len(frames) < options.calls and (frame := source.read()[1]) is not None:
        frames.append(cv2.resize(frame, (640, 360), interpolation=cv2.INTER_AREA))
    if len(frames) < 2 * CALM:
        raise SystemExit(f"speed needs {2 * CALM} frames of {options.clip}, and --calls of as many")
    frame = frames[0]
    clip = still_clip(frame)
    source = change(clip)
    for name in options.models:
        effect = gancam.load(name, device="cpu", threads=options.threads)
        times = []
        for index in range(options.calls):
            began = time.perf_counter()
            effect(frames[index % len(frames)])
            times.append(1000 * (time.perf_counter() - began))
        effect.reset()
        plain = change([effect(one) for one in clip])
        effect.params.set("stabilise", 1.0)
        damped = change([effect(one) for one in clip])
        middle = statistics.median(times[5:])
        quiet = min(statistics.median(times[first : first + CALM]) for first in range(5, len(times) - CALM + 1))
        print(
            f"{name}: {effect.card.precision}, {middle:.1f} ms, at best {quiet:.1f} ms, {1000 / quiet:.1f} fps on "
            f"{options.threads} threads; "
            f"change over the source's {plain / source:.2f}, damped {damped / source:.2f}; "
            f"against PyTorch {effect.card.parity.get('psnr', 0):.1f} dB"
        )


def fruits(options: argparse.Namespace) -> None:
    import torch

    from train.data import Pictures
    from train.generation import feature_network

    if options.a is None or options.b is None:
        raise SystemExit("fruits needs --a and --b")
    see = feature_network(torch.device("cpu")).features
    a, b = (Pictures(path, resolution=options.resolution).images for path in (options.a, options.b))
    seen = [torch.from_numpy(see(images)) for images in (a, b)]
    x, y = torch.cat(seen), torch.cat([torch.zeros(len(a)), torch.ones(len(b))])
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    weights = torch.zeros(x.shape[1] + 1, requires_grad=True)
    learning = torch.arange(len(x)) % 2 == 0

    def logits(features: torch.Tensor) -> torch.Tensor:
        return (features - mean) / deviation @ weights[1:] + weights[0]

    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits(x[learning]), y[learning])
        total: torch.Tensor = entropy + 1e-2 * weights[1:].square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[arg-type]
    right = ((logits(x) > 0) == (y > 0))[~learning].float().mean()
    for name in options.models:
        effect = gancam.load(name, device="cpu", threads=options.threads)
        made = np.stack([effect(np.ascontiguousarray(image[..., ::-1]))[..., ::-1] for image in a])
        called = (logits(torch.from_numpy(see(made))) > 0).float()
        print(
            f"{name}: {float(called.mean()):.1%} of {len(a)} are called {options.b.name} "
            f"({float(called[~learning[: len(a)]].mean()):.1%} of those the classifier never saw); real ones of "
            f"the half it never saw: {float(right):.1%} right"
        )


def faces(options: argparse.Namespace) -> None:
    import torch

    from train.data import downscale, image_files, read_image
    from train.evaluate import super_resolution
    from train.generation import feature_network

    if options.data is None:
        raise SystemExit("faces needs --data")
    truths = [read_image(path) for path in image_files(options.data)]
    see = feature_network(torch.device("cpu")).features

    def own(upscale: Callable[[np.ndarray], np.ndarray]) -> float:
        features = [see(np.stack(images)) for images in (truths, [upscale(downscale(truth, 4)) for truth in truths])]
        known, found = (one - features[0].mean(0) for one in features)
        known, found = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (known, found))
        return float(((found @ known.T).argmax(1) == np.arange(len(truths))).mean())

    def bicubic(image: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC))

    plain = super_resolution(bicubic, truths, 4)
    print(
        f"bicubic: {plain['psnr_y']:.2f} dB, distance {plain['distance']:.4f}; {own(bicubic):.1%} nearest to their own"
    )
    for name in options.models:
        effect = gancam.load(name, device="cpu", threads=options.threads)

        def upscale(image: np.ndarray, effect: gancam.Effect = effect) -> np.ndarray:
            return effect(np.ascontiguousarray(image[..., ::-1]))[..., ::-1]

        scores = super_resolution(upscale, truths, 4)
        print(
            f"{name}, {len(truths)} faces: {scores['psnr_y'] - plain['psnr_y']:+.2f} dB, distance "
            f"{scores['distance'] / plain['distance'] - 1:+.0%}; {own(upscale):.1%} nearest to their own"
        )


KINDS = {"speed": speed, "fruits": fruits, "faces": faces}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("models", nargs="+", help="names or .onnx files")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--calls", type=int, default=120)
    parser.add_argument("--clip", type=Path, default=Path(__file__).parent.parent / "samples" / "city.mp4")
    parser.add_argument("--a", type=Path, help="pictures to be translated: a folder, or one within a .zip")
    parser.add_argument("--b", type=Path, help="pictures of what they shall become")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--data", type=Path, help="folder of faces that the model was not trained on")
    options = parser.parse_args()
    KINDS[options.kind](options)


if __name__ == "__main__":
    main()
