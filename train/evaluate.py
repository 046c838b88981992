"""How good a result is. Protocols are the field's, so that figures can be compared: each function names its own.

    gancam train evaluate RUN [RUN ...] --images DIR [--degradation webcam] [--video CLIP] [--json]

judges the networks of runs (or checkpoint files); with several, each also against the first.
"""

import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from train import checkpoint, degrade, devices, holes, losses, networks, recipe
from train.data import Pixels, by_name, crop_to_multiple, downscale, image_files, read_image
from train.judging import parsed
from train.networks import squeezenet
from train.networks.sr import Upscaler
from train.program import as_json, fail

BT601 = np.array([65.481, 128.553, 24.966]) / 255.0  # luma of RGB 0..255 in 16..235 (ITU-R BT.601)
LOWER_IS_BETTER = {"distance", "flicker", "flicker_gain", "warp_error", "warp_gain"}
NOISE = 2.5  # deviation in grey levels, as webcams have in room light
SEED = 5  # of the webcam degradation that results are judged on: never change it, or figures stop being comparable


def luma(image: Pixels) -> NDArray[np.float64]:
    """BT.601 studio-range luma ``(H, W)`` of RGB ``(H, W, 3)`` uint8, unrounded, as SR papers use it."""
    return 16.0 + image @ BT601


def psnr(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 255. Infinite for equal arrays."""
    error = float(np.mean((a - b) ** 2))
    return math.inf if error == 0 else 10.0 * math.log10(255.0**2 / error)


def psnr_y(image: Pixels, truth: Pixels, *, border: int) -> float:
    """PSNR of the luma in dB, `border` pixels cut from each side."""
    inner = slice(border, -border or None)
    return psnr(luma(image)[inner, inner], luma(truth)[inner, inner])


@torch.no_grad()
def run(generator: nn.Module, image: Pixels) -> Pixels:
    """An image-to-image network (RGB 0..1 in and out) on one uint8 image, rounded to uint8.

    Where it works on cells of pixels, the last of each row and column are repeated to whole ones.
    """
    parameter = next(generator.parameters())
    x = torch.from_numpy(image.copy()).to(parameter.device).permute(2, 0, 1)[None].float() / 255.0
    if isinstance(generator, Upscaler) and generator.multiple > 1:
        height, width = x.shape[2:]
        more = (0, -width % generator.multiple, 0, -height % generator.multiple)
        y = generator(F.pad(x, more, mode="replicate"))[:, :, : height * generator.scale, : width * generator.scale]
    else:
        y = generator(x)
    y = y.clamp(0, 1).mul(255.0).round().to(torch.uint8)
    result: Pixels = y[0].permute(1, 2, 0).cpu().numpy()
    return result


def ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Structural similarity of two planes 0..255.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861. 1 where equal: ``(2 ma mb + c1)(2 cov + c2) / ((ma^2 +
    mb^2 + c1)(va + vb + c2))`` averaged over places, means and variances under an 11x11 Gaussian of deviation 1.5 that
    lies wholly inside, ``c1 = (0.01 * 255)^2``, ``c2 = (0.03 * 255)^2``.

    Raises ``ValueError`` below 11x11 pixels.
    """
    if min(a.shape) < 11:
        raise ValueError(f"structural similarity needs 11x11 pixels, not {a.shape[1]}x{a.shape[0]}")

    def mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5)[5:-5, 5:-5], dtype=np.float64)

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    return float(np.mean((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))))


@torch.no_grad()
def distance(image: Pixels, truth: Pixels, hole: holes.Hole | None = None) -> float:
    """Perceptual distance of two RGB images of one size, of all of it or of the places in `hole`; 0 where equal.

    `losses.perceptual_distance` on SqueezeNet 1.1, 17 pixels or more a side. Lower is closer to the truth for the eye.
    """
    features = squeezenet.shared("cpu")
    seen = (features(torch.from_numpy(x.copy()).permute(2, 0, 1)[None].float() / 255.0) for x in (truth, image))
    where = None if hole is None else torch.from_numpy(hole.copy())[None, None].float()
    return float(losses.perceptual_distance(*seen, where=where))


def colourfulness(image: Pixels) -> float:
    """How colourful people find a picture.

    ``sqrt(var rg + var yb) + 0.3 sqrt(mean rg^2 + mean yb^2)`` with ``rg = R - G`` and ``yb = (R + G) / 2 - B``, 0..255
    (Hasler and Suesstrunk, https://doi.org/10.1117/12.477378).
    """
    r, g, b = np.moveaxis(image.astype(np.float64), 2, 0)
    rg, yb = r - g, 0.5 * (r + g) - b
    return float(math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean()))


def chroma_gain(image: Pixels, truth: Pixels) -> float:
    """How much nearer the colours of `image` are to those of `truth` than grey is.

    In dB of the PSNR of the a and b channels of CIELAB; both RGB uint8 of one size. 0 for a grey picture.
    """
    a, b = (cv2.cvtColor(x.astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab)[..., 1:] for x in (image, truth))
    error, grey = float(np.mean((a - b) ** 2)), float(np.mean(b**2))
    return 10.0 * math.log10(max(grey, 1e-6) / max(error, 1e-6))


def degraded(image: Pixels, scale: int, degradation: str, seed: int) -> Pixels:
    """The network's input for `image`: ``bicubic``, or ``webcam`` with the draw that `seed` numbers."""
    if degradation == "webcam":
        return degrade.webcam(image, scale, np.random.default_rng([SEED, seed]))
    return downscale(image, scale)


def super_resolution(
    upscale: Callable[[Pixels], Pixels], images: list[Pixels], scale: int, *, degradation: str = "bicubic"
) -> dict[str, float]:
    """Mean ``psnr_y`` (dB), ``ssim_y`` and ``distance`` over `images` (RGB).

    Each is cropped to a multiple of 4 (and of `scale`), shrunk to uint8 by Pillow's bicubic (or by the `webcam`
    degradation, whose draw is fixed by the image's place in the list), upscaled by the network, rounded. For the luma
    figures a border of `scale` pixels is cut.
    """
    scores: dict[str, list[float]] = {"psnr_y": [], "ssim_y": [], "distance": []}
    inner = slice(scale, -scale)
    for index, image in enumerate(images):
        truth = crop_to_multiple(image, math.lcm(4, scale))
        result = upscale(degraded(truth, scale, degradation, index))
        scores["psnr_y"].append(psnr_y(result, truth, border=scale))
        scores["ssim_y"].append(ssim(luma(result)[inner, inner], luma(truth)[inner, inner]))
        scores["distance"].append(distance(result, truth))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def translation(translate: Callable[[Pixels], Pixels], pairs: Iterable[tuple[Pixels, Pixels]]) -> dict[str, float]:
    """Means over inputs and truths (RGB).

    ``psnr`` (dB, at most 99) and perceptual ``distance`` to the truth; ``chroma_gain``; ``colourfulness`` of the output
    over the truth's.
    """
    scores: dict[str, list[float]] = {"psnr": [], "distance": [], "chroma_gain": [], "colourfulness": []}
    for seen, truth in pairs:
        image, truth = translate(np.ascontiguousarray(seen)), np.ascontiguousarray(truth)
        scores["psnr"].append(min(psnr(image.astype(float), truth.astype(float)), 99.0))
        scores["distance"].append(distance(image, truth))
        scores["chroma_gain"].append(chroma_gain(image, truth))
        scores["colourfulness"].append(colourfulness(image) / max(colourfulness(truth), 1e-6))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def temporal_noise(translate: Callable[[Pixels], Pixels], images: Iterable[Pixels]) -> float:
    """How much a picture that stands still changes from frame to frame under a camera's noise (`NOISE`).

    The figure is that over how much the frames themselves do: 1 is as calm as the camera. Mean over `images` (RGB).
    """
    shares = []
    for image in images:
        rng = np.random.default_rng(SEED)
        noisy = (np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).round().astype(np.uint8) for _ in range(4))
        frames = [(frame.astype(float), translate(frame).astype(float)) for frame in noisy]
        seen, made = (np.mean([np.abs(a - b).mean() for a, b in pairwise(part)]) for part in zip(*frames, strict=True))
        shares.append(made / seen)
    return float(np.mean(shares))


@torch.no_grad()
def run_inpainting(generator: nn.Module, image: Pixels, hole: holes.Hole) -> Pixels:
    """An inpainting network on one uint8 image of any size, rounded to uint8; known pixels as they were.

    The image is enlarged to the network's multiple by what is not known either.
    """
    height, width = image.shape[:2]
    multiple = int(generator.multiple)  # type: ignore[arg-type]
    more = (0, -width % multiple, 0, -height % multiple)
    parameter = next(generator.parameters())
    x = torch.from_numpy(image.copy()).to(parameter.device).permute(2, 0, 1)[None].float() / 255.0
    where = torch.from_numpy(hole.copy()).to(parameter.device)[None, None].float()
    y = generator(F.pad(x, more), F.pad(where, more, value=1.0))[:, :, :height, :width]
    filled = y.clamp(0, 1).mul(255.0).round().to(torch.uint8)[0].permute(1, 2, 0).cpu().numpy()
    return np.where(hole[..., None] > 0, filled, image)


def psnr_hole(image: Pixels, truth: Pixels, hole: holes.Hole) -> float:
    """PSNR in dB over the three colours of the pixels in the hole."""
    inside = hole > 0
    return psnr(image[inside].astype(np.float64), truth[inside].astype(np.float64))


Peers = dict[str, tuple[float, float]]  # by kind of hole: the better PSNR and the lower distance


def inpainting_peers(images: list[Pixels]) -> list[Peers]:
    """What OpenCV's two inpaintings reach, Telea's and Navier-Stokes, of radius 3.

    They fill `images` with the holes of `inpainting`: of each image and kind the better figure of the two, be
    it the one's or the other's.
    """
    found: list[Peers] = []
    for index, truth in enumerate(images):
        peers: Peers = {}
        for kind in holes.JUDGED:
            hole = holes.judged(kind, index, *truth.shape[:2])
            given = np.where(hole[..., None] > 0, np.uint8(0), truth)
            fills = [
                np.asarray(cv2.inpaint(given, hole, 3, way), np.uint8) for way in (cv2.INPAINT_TELEA, cv2.INPAINT_NS)
            ]
            peers[kind] = (
                max(psnr_hole(fill, truth, hole) for fill in fills),
                min(distance(fill, truth, hole) for fill in fills),
            )
        found.append(peers)
    return found


def inpainting(
    fill: Callable[[Pixels, holes.Hole], Pixels], images: list[Pixels], peers: list[Peers] | None = None
) -> dict[str, float]:
    """Mean figures over `images` (RGB) for each kind of hole that `holes.JUDGED` names.

    Text, boxes of 2-5 % of the area, free forms of 20-30 %, drawn from seeds that the image's place in the list
    decides:

    - ``psnr_KIND`` (dB) and ``distance_KIND`` inside the hole.
    - ``gain_KIND``: that PSNR less the better of OpenCV's Telea and Navier-Stokes of each image.
    - ``ratio_KIND``: the distance over theirs (the lower of the two of each image), means of both.

    `fill` takes the image, black in the hole, and the hole. `peers` are those of `inpainting_peers` for these images,
    computed here where they are not given.
    """
    peers = inpainting_peers(images) if peers is None else peers
    figures: dict[str, float] = {}
    for kind in holes.JUDGED:
        scores: list[tuple[float, float]] = []
        for index, truth in enumerate(images):
            hole = holes.judged(kind, index, *truth.shape[:2])
            result = fill(np.where(hole[..., None] > 0, np.uint8(0), truth), hole)
            scores.append((psnr_hole(result, truth, hole), distance(result, truth, hole)))
        psnrs, distances = np.mean(scores, 0)
        their_psnr, their_distance = np.mean([found[kind] for found in peers], 0)
        figures |= {
            f"psnr_{kind}": float(psnrs), f"gain_{kind}": float(psnrs - their_psnr),
            f"distance_{kind}": float(distances), f"ratio_{kind}": float(distances / their_distance),
        }  # fmt: skip
    return figures


def read_clip(path: Path, *, limit: int = 90) -> Iterator[Pixels]:
    """The first `limit` frames of a video, RGB. Raises ``FileNotFoundError``, ``ValueError`` for what is no video."""
    if not path.is_file():
        raise FileNotFoundError(f"no video {path}")
    reader = cv2.VideoCapture(str(path))
    try:
        for index in range(limit):
            found, frame = reader.read()
            if not found:
                if index == 0:
                    raise ValueError(f"{path} is not a video: no frame of it can be read")
                return
            yield np.ascontiguousarray(frame[:, :, ::-1])
    finally:
        reader.release()


class _Shown(NamedTuple):
    """A frame in grey, and the lumas of a network's output for it and of the frame upscaled bicubically."""

    grey: NDArray[np.uint8]
    output: NDArray[np.float32]
    plain: NDArray[np.float32]


def _changes(now: _Shown, before: _Shown, motion: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums of |o_t - o_(t-1)| and |u_t - u_(t-1)| as `flicker` has them, and how many places they are over.

    Rows: places that stand still; places that `motion`, ``(h, w, 2)`` of the small frame, explains, moved along it.
    """
    height, width = now.output.shape
    scale = height // motion.shape[0]
    motion = np.asarray(cv2.resize(motion, (width, height), interpolation=cv2.INTER_LINEAR)) * scale
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    to = columns + motion[..., 0], rows + motion[..., 1]
    output, plain = (
        cv2.remap(x, *to, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for x in (before.output, before.plain)
    )
    still = np.hypot(motion[..., 0], motion[..., 1]) < 0.1 * scale
    followed = np.abs(now.plain - plain) < 8.0
    return np.array([
        [
            np.abs(now.output - old_output)[where].sum(dtype=np.float64),
            np.abs(now.plain - old_plain)[where].sum(dtype=np.float64),
            where.sum(),
        ]
        for where, old_output, old_plain in ((still, before.output, before.plain), (followed, output, plain))
    ])  # fmt: skip


def flicker(upscale: Callable[[Pixels], Pixels], frames: Iterable[Pixels], scale: int) -> dict[str, float]:
    """How much a network stirs what is still or only moves, in levels of luma (BT.601), against bicubic upscaling.

    With o_t the output for frame t, u_t the frame upscaled bicubically, w_t the optical flow from t to t - 1 (DIS, on
    the small frames), and W the warp of frame t - 1 along it:

    - ``flicker``: mean |o_t - o_(t-1)| over places where |w_t| < 0.1 pixels of the small frame: what stands still.
      ``flicker_gain``: that over mean |u_t - u_(t-1)| there. 1: as calm as bicubic; a network that boils has more.
    - ``warp_error``: mean |o_t - W o_(t-1)| over places where the flow explains the source, |u_t - W u_(t-1)| < 8
      levels (the warping error of Lai et al. 2018, https://arxiv.org/abs/1808.00449, that test instead of theirs for
      what comes into view). ``warp_gain``: that over the same of u. A sharper picture has somewhat more.

    A still video has no flicker, and gains of 1 where bicubic has none either. Raises ``ValueError`` under two frames.
    """
    sums = np.zeros((2, 3))  # rows: still, warped; columns: of o, of u, places
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before: _Shown | None = None
    count = 0
    for count, frame in enumerate(frames, 1):  # noqa: B007
        size = (frame.shape[1] * scale, frame.shape[0] * scale)
        bicubic = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
        output, plain = (luma(image).astype(np.float32) for image in (upscale(frame), bicubic))
        now = _Shown(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8), output, plain)
        if before is not None:
            motion = flow.calc(now.grey, before.grey, np.zeros((*now.grey.shape, 2), np.float32))
            sums += _changes(now, before, np.asarray(motion, np.float32))
        before = now
    if count < 2:
        raise ValueError(f"flicker needs two frames, not {count}")
    changes = sums[:, :2] / np.maximum(sums[:, 2:], 1.0)
    gains = [ours / theirs if theirs > 0 else 1.0 if ours == 0 else math.inf for ours, theirs in changes]
    return {
        "flicker": float(changes[0, 0]),
        "flicker_gain": float(gains[0]),
        "warp_error": float(changes[1, 0]),
        "warp_gain": float(gains[1]),
    }


def trained(path: Path) -> tuple[str, Upscaler]:
    """The name and the averaged generator of a run (its folder or checkpoint), ready to be used.

    Raises ``FileNotFoundError``, ``ValueError`` for a damaged checkpoint or a network that is not image to image.
    """
    state = checkpoint.load(path)
    plan = recipe.parse(state["recipe"], name=state["name"])
    network = networks.build(**plan.network)
    if not isinstance(network, Upscaler):
        raise ValueError(f"{path} holds a network of family {plan.network['family']!r}, which upscales nothing")
    networks.fill(network, state["ema"], plan.name, path)
    return str(state["name"]), network.eval().requires_grad_(False)


def score_run(
    path: Path, folders: list[Path], degradations: list[str], clips: list[Path], device: torch.device
) -> tuple[str, dict[str, dict[str, float]]]:
    """A run's name and its figures, by test (``Set14 webcam``, a clip's name) and figure.

    Raises as `trained` does, ``FileNotFoundError`` for a folder without images and ``ValueError`` for one that cannot
    be read.
    """
    name, network = trained(path)
    upscale, scale = partial(run, network.to(device)), network.scale
    figures: dict[str, dict[str, float]] = {}
    for title, folder in by_name(folders).items():
        images = [read_image(file) for file in image_files(folder)]
        for degradation in degradations:
            figures[f"{title} {degradation}"] = super_resolution(upscale, images, scale, degradation=degradation)
    for title, clip in by_name(clips).items():
        figures[title] = flicker(upscale, read_clip(clip), scale)
    return name, figures


def table(results: list[tuple[str, dict[str, dict[str, float]]]]) -> str:
    """What `score_run` found for each run as lines of text; from the second on with the change against the first."""
    lines = []
    for test, first in results[0][1].items():
        lines.append(test)
        for name, figures in results:
            is_first = figures is results[0][1]
            cells = [
                f"{figure} {value:.4f}" + ("" if is_first else _change(figure, value, first[figure]))
                for figure, value in figures[test].items()
            ]
            lines.append(f"  {name:<12} {'   '.join(cells)}")
    return "\n".join(lines)


def _change(figure: str, value: float, first: float) -> str:
    """How far a figure is from the `first` of its name; nothing where that is no number."""
    if not math.isfinite(value - first):
        return ""
    if first and figure in LOWER_IS_BETTER:
        return f" ({100.0 * (value / first - 1.0):+.1f}%)"
    return f" ({value - first:+.4f})"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = parsed("evaluate", arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    devices.take_threads(options.threads)
    degradations = options.degradation or ["bicubic", "webcam"]
    try:
        device = devices.usable(options.device)
        results = [score_run(path, options.images, degradations, options.video, device) for path in options.runs]
    except (OSError, ValueError, RuntimeError) as error:
        return fail(error)
    told = [
        {"run": str(path), "name": name, "figures": f} for path, (name, f) in zip(options.runs, results, strict=True)
    ]
    sys.stdout.write((as_json(told, indent=1) if options.json else table(results)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
