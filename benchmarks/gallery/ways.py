"""The columns of the gallery: a bundled model, a function of OpenCV, or somebody else's network."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch

import gancam
from gancam.effects import ModelEffect
from gancam.frame import Image
from gancam.inference.catalog import find
from gancam.inference.hardware import usable_cores
from gancam.inference.variants import read_card, variants
from train import evaluate, foreign

Hole = np.ndarray
Call = Callable[[Image, float, Hole | None], Image]  # of a frame, its time in seconds, and what is to be filled
SERVE = """
import sys, cv2, numpy as np
net = cv2.dnn_superres.DnnSuperResImpl_create()
net.readModel(sys.argv[1])
net.setModel(sys.argv[2], int(sys.argv[3]))
while size := sys.stdin.buffer.read(8):
    height, width = np.frombuffer(size, np.int32)
    given = sys.stdin.buffer.read(int(height) * int(width) * 3)
    made = net.upsample(np.frombuffer(given, np.uint8).reshape(height, width, 3))
    sys.stdout.buffer.write(np.ascontiguousarray(made).tobytes())
    sys.stdout.buffer.flush()
"""


@dataclass(frozen=True)
class Way:
    """A column.

    Attributes:
        name: What stands under it.
        key: Names it among the times; "" where there is nothing to be measured.
        start: Begins a sequence of frames: gives what is called for each.
        model: Whether it is a bundled model's.
        parameters: Weights of its network; 0 where that is unknown, or there is none.
        kilobytes: Of the file that is played; 0 where there is none.
        said: A few words about it.
        weights: Of a network that OpenCV's dnn_superres plays; None for all else.
    """

    name: str
    key: str
    start: Callable[[], Call]
    model: str = ""
    parameters: int = 0
    kilobytes: float = 0.0
    said: str = ""
    weights: Path | None = None

    def still(self, image: Image, hole: Hole | None = None) -> Image:
        """Make one picture of `image`."""
        return self.start()(image, 0.0, hole)

    def clip(self, frames: list[Image], fps: float, hole: Hole | None = None) -> list[Image]:
        """Play a clip."""
        call = self.start()
        return [call(frame, index / fps, hole) for index, frame in enumerate(frames)]


def plain(name: str, key: str, make: Callable[[Image], Image], said: str = "") -> Way:
    """Make a column of a function of one image."""
    return Way(name, key, lambda: lambda image, time, hole: make(image), said=said)


def precision_of(name: str) -> str:
    """Name the precision that is played: int8 where there is such a file."""
    return "int8" if "int8" in variants(find(name)) else "fp32"


def ours(name: str, *, prepare: Callable[[Image], Image] | None = None, **params: object) -> Way:
    """Make a column of a bundled model, with all else as it is by default; `prepare` makes what it is shown."""
    files = variants(find(name))
    precision = precision_of(name)

    @cache
    def effect() -> ModelEffect:
        return gancam.load(find(name), kind=None, device="cpu", precision=precision, threads=usable_cores(), **params)

    def start() -> Call:
        playing = effect()
        playing.reset()

        def call(image: Image, time: float, hole: Hole | None) -> Image:
            shown = prepare(image) if prepare is not None else image
            more = {} if hole is None else {"mask": hole}
            return playing(shown, time=time, **more)

        return call

    told = ":".join([name, *(f"{key}={value}" for key, value in params.items())])
    card = read_card(files[precision])
    return Way(told, name, start, name, card.parameters, files[precision].stat().st_size / 1000, card.summary)


def bicubic(scale: int) -> Way:
    """OpenCV's bicubic interpolation."""
    return plain("bicubic", f"bicubic x{scale}", lambda image: enlarged(image, scale), "OpenCV")


def enlarged(image: Image, scale: int) -> Image:
    """Interpolate bicubically."""
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


def filled(how: int) -> Callable[[], Call]:
    """OpenCV's inpainting, with the radius that its documentation uses."""

    def call(image: Image, time: float, hole: Hole | None) -> Image:
        assert hole is not None
        return np.asarray(cv2.inpaint(image, hole, 3, how), np.uint8)

    return lambda: call


def pencil(image: Image) -> Image:
    """OpenCV's pencil drawing, in grey."""
    return np.asarray(cv2.cvtColor(cv2.pencilSketch(image)[0], cv2.COLOR_GRAY2BGR), np.uint8)


@dataclass(frozen=True)
class Peers:
    """Where networks of others are.

    Attributes:
        weights: A folder with FSRCNN_x2.pb and the like; None: those are left out.
        contrib: Python of an environment with opencv-contrib-python, which plays them.
        teachers: A folder with realesr-animevideov3-x2.param and the like, of ncnn; None: those are left out.
    """

    weights: Path | None = None
    contrib: str = ""
    teachers: Path | None = None

    def enlarge(self, scale: int) -> list[Way]:
        """List the column of the best network that OpenCV recommends for `scale` times."""
        if self.weights is None or not self.contrib:
            return []
        path = self.weights / f"FSRCNN_x{scale}.pb"
        return [self._superres(path, scale)] if path.is_file() else []

    def _superres(self, path: Path, scale: int) -> Way:
        kind = path.stem.partition("_")[0]
        server = cache(lambda: Superres(self.contrib, path, kind.lower(), scale))
        size = path.stat().st_size / 1000
        return Way(kind, f"{kind} x{scale}", lambda: lambda image, time, hole: server()(image), kilobytes=size,
                   said="OpenCV dnn_superres", weights=path)  # fmt: skip

    def restore(self, scale: int) -> list[Way]:
        """List the column of the published restoration network that enlarges `scale` times."""
        path = self.teachers / f"realesr-animevideov3-x{scale}.param" if self.teachers is not None else None
        if path is None or not path.is_file():
            return []
        network = cache(lambda: foreign.teacher(path))

        def make(image: Image) -> Image:
            return np.ascontiguousarray(evaluate.run(network(), np.ascontiguousarray(image[..., ::-1]))[..., ::-1])

        count = sum(one.numel() for one in network().parameters())
        kilobytes = path.with_suffix(".bin").stat().st_size / 1000
        return [Way(path.stem.rpartition("-")[0], f"realesr x{scale}", lambda: lambda image, time, hole: make(image),
                    parameters=count, kilobytes=kilobytes, said="Real-ESRGAN, played with PyTorch")]  # fmt: skip


class Superres:
    """OpenCV's dnn_superres, which lives in an environment of its own, as a process that is fed images."""

    def __init__(self, python: str, weights: Path, kind: str, scale: int) -> None:
        command = [python, "-c", SERVE, str(weights), kind, str(scale)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._scale = scale

    def __call__(self, image: Image) -> Image:
        """Enlarge one image."""
        height, width = image.shape[:2]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(np.array([height, width], np.int32).tobytes() + image.tobytes())
        self._process.stdin.flush()
        tall, wide = height * self._scale, width * self._scale
        given = self._process.stdout.read(tall * wide * 3)
        return np.frombuffer(given, np.uint8).reshape(tall, wide, 3).copy()

    def __del__(self) -> None:
        self._process.kill()
        self._process.wait()


def use_all_cores() -> None:
    """Let PyTorch use what the models use."""
    torch.set_num_threads(usable_cores())
