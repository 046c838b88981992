"""The bars of restoration: what bad webcams and starved streams do, undone.

    python benchmarks/restore.py still restore-x2 sr-x2-gan bicubic TEACHER.param --images Set14 BSD100 Kodak
    python benchmarks/restore.py still restore-x1 untouched --same-size --images Set14 BSD100 Kodak
    python benchmarks/restore.py flicker restore-x2 bicubic --clip CLIP [--frames 30]
    python benchmarks/restore.py stream restore-x2 restore-x2:stabilise=0 bicubic --clip CLIP [--frames 60]
    python benchmarks/restore.py lattice sr-x4-gan sr-x4 --scale 4 --images Set14 BSD100 Kodak
    python benchmarks/restore.py sheet restore-x2 sr-x2-gan TEACHER.param --images DIR --output sheet.png

A model is a name or an .onnx, with parameters if need be (restore-x2:stabilise=0), a run's folder, an ncnn .param or
.pt2 (a teacher, in PyTorch), or `bicubic`, or `untouched`: the degraded picture itself, for --same-size.

still     each image, cropped to a multiple of 4, is shrunk to half by Pillow's bicubic, then `jpeg`: saved at quality
          30..60; `h264`: the second of two frames of a video of rate factor 30..38; `noise`: 4 to 10 grey levels
          (deviation) and JPEG of quality 60; strengths drawn by the image's place. Means by kind and over all of:
          `foreign`, the perceptual distance by EfficientNet-lite0, which no recipe for super-resolution learns with
          (activations of unit length, squared difference: LPIPS without its learned weights); `distance`, the same by
          SqueezeNet, which the recipes do learn with; Y-PSNR; `mesh`, the lattice below. With --same-size the image
          shrunk to half is the original, and what a model makes larger is shrunk to it (by area)
flicker   `train.evaluate.flicker` on a clip: change from frame to frame where nothing moves, over bicubic's (with
          --same-size: over the clip's own)
stream    the frames of a clip are the originals, shrunk to half; a webcam sends them with noise of 4 levels (deviation)
          as JPEG of quality 60 each, a call with noise of 2 as H.264 of rate factor 33. Models, who remember, see that:
          Y-PSNR of the 4th frame on; flicker of what is still, and error along motion, over bicubic's
          (`train.evaluate.flicker`)
lattice   each image, shrunk cleanly by --scale: of its luma less its blur (Gaussian, 2 pixels), what each of the 16
          places of 4x4 blocks has on average, over the originals' own. `whole`: its deviation over the places, in grey
          levels, averaged over the whole picture; a mesh that is light here and dark there escapes it. `near`: in
          16x16 windows, the third of them that are plainest in the original, its share of all that is there
sheet     crops of the degraded pictures side by side, to be looked at

`mesh`: root mean square over the four places of a pixel's 2x2 block of the mean there of the luma less its 3x3 mean, in
grey levels: what a network draws at one place of every block, which a photo has at none.
"""

import argparse
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import gancam
from train import degrade, evaluate, foreign, losses
from train.data import Pixels, crop_to_multiple, downscale, image_files, read_image
from train.networks import efficientnet, squeezenet

KINDS = ("jpeg", "h264", "noise")
SCALE = 2
Upscale = Callable[[Pixels], Pixels]


def degraded(truth: Pixels, kind: str, seed: int, scale: int = SCALE) -> Pixels:
    rng = np.random.default_rng([11, KINDS.index(kind), seed])
    small = downscale(truth, scale) if scale > 1 else truth
    if kind == "h264":
        return degrade.h264(small, float(rng.uniform(30.0, 38.0)), rng)
    if kind == "noise":
        level = float(rng.uniform(4.0, 10.0))
        small = degrade.to_pixels(small.astype(np.float32) + rng.normal(0.0, level, small.shape).astype(np.float32))
    return jpeg(small, 60 if kind == "noise" else int(rng.integers(30, 61)))


def jpeg(image: Pixels, quality: int) -> Pixels:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def bicubic(image: Pixels) -> Pixels:
    return np.asarray(cv2.resize(image, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC), np.uint8)


def upscaler(name: str, threads: int, *, remembers: bool = False) -> Upscale:
    """RGB to RGB; every picture by itself, unless it `remembers` those before."""
    path = Path(name)
    if name in ("bicubic", "untouched"):
        return bicubic if name == "bicubic" else np.copy
    if path.suffix in (".param", ".pt2"):
        return partial(evaluate.run, foreign.teacher(path))
    if path.is_dir() or path.suffix == ".pt":
        return partial(evaluate.run, evaluate.trained(path)[1])
    name, *given = name.split(":")
    params: dict[str, Any] = dict(pair.split("=") for pair in given)  # which of them there are, the model's effect says
    effect = gancam.load(name, device="cpu", threads=threads, **params)

    def upscale(image: Pixels) -> Pixels:
        if not remembers:
            effect.reset()
        return np.ascontiguousarray(effect(np.ascontiguousarray(image[..., ::-1]))[..., ::-1])

    return upscale


@cache
def eye() -> efficientnet.EfficientNetLite0:
    return efficientnet.shared("cpu")


Seen = tuple[list[torch.Tensor], list[torch.Tensor]]


@torch.no_grad()
def see(image: Pixels) -> Seen:
    """What EfficientNet-lite0 and SqueezeNet see in it."""
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255.0
    return eye().activations(x), squeezenet.shared("cpu")(x)


def mesh(image: Pixels) -> float:
    luma = evaluate.luma(image)
    rough = luma - cv2.blur(luma, (3, 3))
    return float(
        np.sqrt(np.mean([rough[row::SCALE, column::SCALE].mean() ** 2 for row in (0, 1) for column in (0, 1)]))
    )


def judge(image: Pixels, truth: Pixels, seen: Seen) -> list[float]:
    distances = [float(losses.perceptual_distance(a, b)) for a, b in zip(seen, see(image), strict=True)]
    return [*distances, evaluate.psnr_y(image, truth, border=SCALE), mesh(image)]


def shrunk(made: Pixels, truth: Pixels) -> Pixels:
    if made.shape == truth.shape:
        return made
    return np.asarray(cv2.resize(made, (truth.shape[1], truth.shape[0]), interpolation=cv2.INTER_AREA), np.uint8)


def still(options: argparse.Namespace) -> None:
    files = [file for folder in options.images for file in image_files(folder)]
    upscalers = {name: upscaler(name, options.threads) for name in options.models}
    scores: dict[tuple[str, str], list[list[float]]] = {(name, kind): [] for name in upscalers for kind in KINDS}
    meshes = []
    for index, file in enumerate(files):
        truth = crop_to_multiple(read_image(file), 4)
        if options.same_size:
            truth = downscale(truth, SCALE)
        seen = see(truth)
        meshes.append(mesh(truth))
        for kind in KINDS:
            low = degraded(truth, kind, index, 1 if options.same_size else SCALE)
            for name, upscale in upscalers.items():
                scores[name, kind].append(judge(shrunk(upscale(low), truth), truth, seen))
    print(f"{len(files)} pictures; the originals' own mesh is {np.mean(meshes):.3f}")
    for name in upscalers:
        for kind in KINDS:
            print(_line(f"{name} {kind}", np.mean(scores[name, kind], 0)))
        print(_line(f"{name} all", np.mean([np.mean(scores[name, kind], 0) for kind in KINDS], 0)))


def _line(name: str, scores: np.ndarray) -> str:
    distance, near, psnr, lattice = scores
    return f"{name}: foreign {distance:.4f}  distance {near:.4f}  {psnr:.2f} dB  mesh {lattice:.3f}"


def flicker(options: argparse.Namespace) -> None:
    for name in options.models:
        upscale = upscaler(name, options.threads, remembers=True)
        for clip in options.clip:
            scale = 1 if options.same_size else SCALE
            figures = evaluate.flicker(upscale, evaluate.read_clip(clip, limit=options.frames), scale)
            text = "  ".join(f"{figure} {value:.3f}" for figure, value in figures.items())
            print(f"{name} {clip.name}: {text}", flush=True)


def sent(frames: list[Pixels], kind: str) -> list[Pixels]:
    """`frames` as a webcam or a call sends them."""
    rng = np.random.default_rng(0)
    level = 4.0 if kind == "webcam" else 2.0
    noisy = [
        degrade.to_pixels(frame.astype(np.float32) + rng.normal(0, level, frame.shape).astype(np.float32))
        for frame in frames
    ]
    return degrade.streamed(noisy, 33.0) if kind == "call" else [jpeg(frame, 60) for frame in noisy]


def stream(options: argparse.Namespace) -> None:
    found: dict[tuple[str, str], list[list[float]]] = {}
    for clip in options.clip:
        frames = [crop_to_multiple(frame, 4) for frame in evaluate.read_clip(clip, limit=options.frames)]
        for kind in ("webcam", "call"):
            seen = sent([downscale(frame, SCALE).astype(np.float32) for frame in frames], kind)
            for name in options.models:
                upscale = upscaler(name, options.threads, remembers=True)
                made = [upscale(frame) for frame in seen]
                both = list(zip(made, frames, strict=True))[3:]
                psnr = float(np.mean([evaluate.psnr_y(one, truth, border=SCALE) for one, truth in both]))
                figures = evaluate.flicker(replayed(made), seen, SCALE)
                scores = [psnr, figures["flicker_gain"], figures["warp_gain"]]
                found.setdefault((kind, name), []).append(scores)
                print(_streamed(f"{clip.name} {kind} {name}", scores), flush=True)
    for (kind, name), rows in found.items():
        print(_streamed(f"all {kind} {name}", list(np.mean(rows, 0))))


def replayed(made: list[Pixels]) -> Upscale:
    """What gives the pictures of `made` in turn, whatever it is shown."""
    shown = iter(made)
    return lambda _: next(shown)


def _streamed(name: str, scores: list[float]) -> str:
    return f"{name}: {scores[0]:.2f} dB  flicker {scores[1]:.3f}  along motion {scores[2]:.3f}"


def lattice(options: argparse.Namespace) -> None:
    files = [file for folder in options.images for file in image_files(folder)]
    upscalers = {name: upscaler(name, options.threads) for name in options.models}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("originals", *upscalers)}
    for file in files:
        truth = crop_to_multiple(read_image(file), 12)
        low, plain = downscale(truth, options.scale), _plainest(rough(truth))
        for name, made in (("originals", truth), *((name, upscale(low)) for name, upscale in upscalers.items())):
            seen = rough(made)
            whole = float(windows(seen).mean((0, 2)).std())
            found[name].append((whole, near(seen, plain)))
    means = {name: np.mean(values, 0) for name, values in found.items()}
    for name, value in means.items():
        whole, share = value / means["originals"]
        print(f"{name}: whole {value[0]:.3f} grey levels, {whole:.2f} times the originals'; near {share:.2f} times")


WINDOW = 16  # pixels a side of what may have a mesh of its own
PLAIN = 1 / 3  # of the windows are looked at
ROUNDING = 0.1  # square grey levels, below which there is nothing to see


def rough(image: Pixels) -> np.ndarray:
    luma = evaluate.luma(image)
    return (luma - cv2.GaussianBlur(luma, (0, 0), 2.0))[8:-8, 8:-8]


def windows(rough: np.ndarray) -> np.ndarray:
    """(window, place of a 4x4 block, block)."""
    rows, columns = (length // WINDOW for length in rough.shape)
    cut = rough[: rows * WINDOW, : columns * WINDOW].reshape(rows, WINDOW // 4, 4, columns, WINDOW // 4, 4)
    return cut.transpose(0, 3, 2, 5, 1, 4).reshape(rows * columns, 16, -1)


def _plainest(rough: np.ndarray) -> np.ndarray:
    energy = windows(rough).var((1, 2))
    return np.asarray(energy <= np.quantile(energy, PLAIN))


def near(rough: np.ndarray, where: np.ndarray) -> float:
    """Of the energy in each window, on average, what every block has at the same place."""
    cut = windows(rough)[where]
    return float((cut.mean(2).var(1) / (cut.var((1, 2)) + ROUNDING)).mean())


def sheet(options: argparse.Namespace) -> None:
    upscalers = [upscaler(name, options.threads) for name in options.models]
    rows, side = [], options.side
    files = [file for folder in options.images for file in image_files(folder)]
    for index, file in enumerate(files[:: options.step]):
        truth = crop_to_multiple(read_image(file), 4)
        low = degraded(truth, KINDS[index % 3], index)
        top, left = ((length - side) // 2 for length in truth.shape[:2])
        shown = [bicubic(low), *(upscale(low) for upscale in upscalers), truth]
        rows.append(np.hstack([picture[top : top + side, left : left + side] for picture in shown]))
    cv2.imwrite(str(options.output), np.vstack(rows)[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("still", "flicker", "stream", "lattice", "sheet"))
    parser.add_argument("models", nargs="+", help="names, .onnx, runs, .param, .pt2, bicubic")
    parser.add_argument("--images", type=Path, nargs="+", default=[], help="folders of sharp pictures")
    parser.add_argument("--clip", type=Path, nargs="+", default=[], help="videos")
    parser.add_argument("--scale", type=int, default=4, help="of the models, for the lattice")
    parser.add_argument("--same-size", action="store_true", help="models that keep the size, such as restore-x1")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("sheet.png"))
    parser.add_argument("--side", type=int, default=256, help="of a crop")
    parser.add_argument("--step", type=int, default=1, help="every how many pictures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    {"still": still, "flicker": flicker, "stream": stream, "lattice": lattice, "sheet": sheet}[options.kind](options)


if __name__ == "__main__":
    main()
