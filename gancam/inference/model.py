"""An .onnx file as a callable: device, precision and layout chosen here and hidden from everybody else."""

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam._native import denormals_as_zero
from gancam.errors import (
    DeviceError,
    GancamError,
    ImageError,
    InputError,
    ModelError,
    NotFound,
    OutOfMemory,
    ParameterError,
    did_you_mean,
    first_line,
)
from gancam.inference.autotune import LEAST_PSNR, Run, fastest, picture, ranked
from gancam.inference.buffers import BufferPool
from gancam.inference.card import ModelCard
from gancam.inference.cuda import cuda_is_likely
from gancam.inference.hardware import thread_counts
from gancam.inference.layouts import BlockLayout
from gancam.inference.session import explain, is_full, open_session
from gancam.inference.variants import variants

Device = Literal["auto", "cpu", "cuda"]
log = logging.getLogger(__name__)
_BRIGHT, _LOST = 48, 0.02  # grey levels of what is not black; share of the places that may be lost
_TILED = 3  # times as wide and high as the bundled picture: what threads are tried on
_PREFERRED = {"cpu": ("int8", "fp32", "fp16"), "cuda": ("fp16", "fp32")}


class Model:
    """A model file that runs.

    ``card``, ``device`` ("cpu" or "cuda": what it really runs on), ``precision`` and ``threads`` tell what was chosen.
    With ``device="auto"`` CUDA is used where it works, with ``precision="auto"`` the variant that proved itself the
    fastest of those that the device does exactly (``gancam.inference.autotune``; on first use that takes a moment): as
    a rule int8 on a CPU with 8-bit dot products, fp16 on CUDA, else fp32. Where another variant than fp32 gives black
    for what is not (a sum became infinite), fp32 makes that picture, and the log says so once. `threads` are those of
    one call on the CPU (default: as many as this process may use cores, or as few as are found to do as well where
    several share a core or some are slower: ``gancam.inference.autotune``); they sleep between calls instead of
    spinning. ``spent`` adds up the seconds of all calls: in the "network", which is ONNX Runtime's graph with all that
    is in it, and where the graph leaves them to us in "conversion" and "copies" of pixels.

    Calls are safe from several threads; they queue. A generator (layout ``latent``) also has its two halves,
    ``mapping`` and ``synthesis``, and its ``centre``, as the network in PyTorch has them.

    Raises ``NotFound`` for a missing file, ``ModelError`` for a damaged one, one without a card, or one that does not
    do what its card says, ``DeviceError`` when a device asked for by name cannot run it, ``ParameterError`` for an
    unknown device or a precision there is no file of.
    """

    def __init__(
        self, path: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._blocks: BlockLayout | None = None
        self.spent = {"conversion": 0.0, "network": 0.0, "copies": 0.0}
        self._shelf = BufferPool()
        self._bound: Any = None
        self._watched, self._told = False, False
        self._plain: Model | None = None
        path = Path(path)
        files = variants(path)
        if not files:
            raise NotFound(f"no model file {path}")
        if device not in get_args(Device):
            raise ParameterError(f"device {device!r} must be auto, cpu or cuda")
        if precision != "auto" and precision not in files:
            raise ParameterError(f"{path} has no {precision!r} variant{did_you_mean(precision, files)}")
        if threads is not None and threads < 1:
            raise ParameterError(f"threads {threads} must be 1 or more")
        counts = [threads] if threads is not None else thread_counts()
        self.threads = counts[0]
        self._files, self._asked = files, precision
        self._by_itself = device == "auto"
        wanted = [device] if device != "auto" else (["cuda", "cpu"] if cuda_is_likely() else ["cpu"])
        for self.device in wanted:
            self.precision = precision if precision != "auto" else _usable(self.device, files, self.threads)[0]
            self.path = files[self.precision]
            try:
                if self.device == "cpu":
                    self.threads = _threads(files, self.precision, counts)
                self._open(self.threads)
                break
            except DeviceError as error:
                if self.device == wanted[-1]:
                    raise
                log.warning("%s; running on the CPU instead", error)

        self._watched = self.precision != "fp32" and self.card.layout not in ("latent", "masked")

    def alike(self, path: Path | None = None) -> list["Model"]:
        """The model at `path` (default: this one) opened anew, on the same device with the same threads, once in each
        precision that the device does exactly, or only in the one that was asked for by name. Raises as `Model` does,
        but gives an empty list for a model that has no such precision."""
        files = self._files if path is None else variants(path)
        kinds = _usable(self.device, files, self.threads) if self._asked == "auto" else [self._asked]
        return [
            Model(files[kind], device=self.device, precision=kind, threads=self.threads)
            for kind in kinds
            if kind in files
        ]

    def _open(self, threads: int) -> None:
        self._session = open_session(self.path, self.device, threads)
        self._checked = False
        self.card = ModelCard.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(self.path))
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        if self.card.layout == "latent":
            self._check_halves()
        elif self.card.layout == "masked":
            self._check_masked()
        else:
            self._check()

    def _check(self) -> None:
        """Refuse a card that lies about its graph; the small run also warms the session up."""
        takes, gives = self._session.get_inputs(), self._session.get_outputs()
        channels = {"image": "3", "blocks": "4", "cells": "k * k * 4"}[self.card.layout]
        if len(takes) != 1 or len(gives) != 1 or takes[0].type != "tensor(uint8)" or len(takes[0].shape) != 4:
            raise ModelError(
                f"{self.path} takes {[(i.type, i.shape) for i in takes]}: not one uint8 (n, h, w, {channels})"
            )
        depth = takes[0].shape[3]
        self._cell = math.isqrt(depth // 4) if self.card.layout == "cells" and isinstance(depth, int) else 1
        wrong = self.card.multiple % max(self._cell, 1) != 0
        if wrong or depth != (3 if self.card.layout == "image" else 4 * self._cell**2):
            raise ModelError(f"{self.path}: its card says {self.card.layout}, but it takes {takes[0].shape}")
        self(np.zeros((1, *self._small(), 3), np.uint8))

    def _small(self) -> tuple[int, int]:
        """Height and width of a small image that it takes."""
        side = self.card.multiple * -(-max(self.card.minimum, 4) // self.card.multiple)
        return side, side + self.card.multiple

    def _check_masked(self) -> None:
        """The same for one that fills."""
        parts = {part.name: part for part in (*self._session.get_inputs(), *self._session.get_outputs())}
        says = {name: ("tensor(uint8)", rank) for name, rank in {"image": 4, "hole": 3, "filled": 4}.items()}
        if {name: (part.type, len(part.shape)) for name, part in parts.items()} != says or self.card.scale != 1:
            raise ModelError(
                f"{self.path}: its card says {self.card.layout}, but it has "
                + ", ".join(f"{name} {part.type} {part.shape}" for name, part in parts.items())
            )
        height, width = self._small()
        self(np.zeros((1, height, width, 3), np.uint8), np.ones((1, height, width), np.uint8))

    def _check_halves(self) -> None:
        """The same for a generator."""
        latent, layers, side = self.card.latent, self.card.layers, self.card.resolution
        says = {
            "z": ("tensor(float)", [latent]), "ws": ("tensor(float)", [layers, latent]),
            "w": ("tensor(float)", [latent]), "centre": ("tensor(float)", [latent]),
            "image": ("tensor(uint8)", [side, side, 3]),
        }  # fmt: skip
        parts = {part.name: part for part in (*self._session.get_inputs(), *self._session.get_outputs())}
        if {name: (part.type, part.shape[1:]) for name, part in parts.items()} != says:
            raise ModelError(
                f"{self.path}: its card says latent {latent}, {layers} layers, resolution {side}, but it has "
                + ", ".join(f"{name} {part.shape}" for name, part in parts.items())
            )
        centre: NDArray[np.float32] = self._run(["centre"], self._no_latents())[0]
        self._expect(centre, (1, latent), np.float32)
        self._centre = centre
        self(np.zeros((1, latent), np.float32))

    def __call__(self, *arrays: NDArray[Any]) -> tuple[NDArray[np.uint8], ...]:
        """BGR images ``(n, h, w, 3)`` uint8 -> one array ``(n, h * scale, w * scale, 3)`` uint8 BGR, newly made. Of a
        generator: z ``(n, latent)`` float32 -> ``(n, resolution, resolution, 3)`` uint8 BGR. One that fills (layout
        ``masked``) takes images and holes ``(n, h, w)`` uint8, not 0 where to fill.

        Raises ``InputError`` (for images its ``ImageError``) for a shape or dtype the model does not take,
        ``ModelError`` when the graph cannot run or its output is not what its card says, ``NoRoom`` when memory is
        full, ``DeviceError`` when CUDA gives up; where that was chosen by "auto", the CPU goes on instead and the log
        says so. Images are the caller's: their memory is used for later ones when nobody holds them, nor a view of
        them, any more.
        """
        try:
            return self._call(*arrays)
        except OutOfMemory:
            raise
        except DeviceError as error:
            if self.device == "cpu" or not self._by_itself:
                raise
            log.warning("%s; going on on the CPU", error)
            self._go_on_the_cpu()
            return self._call(*arrays)

    def _go_on_the_cpu(self) -> None:
        with self._lock:
            self.device, self._blocks, self._bound, self._plain = "cpu", None, None, None
            if self._asked == "auto":
                self.precision = _usable("cpu", self._files, self.threads)[0]
                self.path = self._files[self.precision]
        self._open(self.threads)

    def _call(self, *arrays: NDArray[Any]) -> tuple[NDArray[np.uint8], ...]:
        if self.card.layout == "masked":
            return (self._fill(*arrays),)
        (given,) = arrays
        if self.card.layout == "latent":
            return (self.synthesis(np.repeat(self.mapping(given)[:, None], self.card.layers, axis=1)),)
        self._check_images(given)
        result = self._images(given)
        if self._watched and self._went_black(given, result):
            return (self._in_fp32(given, result),)
        return (result,)

    def _images(self, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.card.layout != "image":
            with self._lock, self._failing():
                return self._run_blocks(given)
        if not self._checked:  # that the graph gives what the card says: from then on it writes where it is told to
            result: NDArray[np.uint8] = self._run([self._output], {self._input: given})[0]
            self._expect(result, (len(given), *self._scaled(given), 3))
            self._checked = True
            return result
        given = np.ascontiguousarray(given)
        with self._lock, self._failing():
            if self._bound is None:
                self._bound = self._session.io_binding()
            result = self._shelf.take((len(given), *self._scaled(given), 3))
            self._bound.bind_input(self._input, "cpu", 0, np.uint8, given.shape, given.ctypes.data)
            self._bound.bind_output(self._output, "cpu", 0, np.uint8, result.shape, result.ctypes.data)
            began = time.perf_counter()
            with denormals_as_zero():
                self._session.run_with_iobinding(self._bound)
            self.spent["network"] += time.perf_counter() - began
            return result

    def _went_black(self, given: NDArray[np.uint8], result: NDArray[np.uint8]) -> bool:
        """Whether some of a few hundred places are black that were not: what is no number becomes 0 in 8 bits."""
        step, scale = max(round(math.sqrt(given.shape[1] * given.shape[2] / 256)), 1), self.card.scale
        seen, shown = given[:, ::step, ::step], result[:, :: step * scale, :: step * scale]
        lost = (seen.min(3) >= _BRIGHT) & (shown.max(3) == 0)
        return bool(np.count_nonzero(lost) > _LOST * lost.size)

    def _in_fp32(self, given: NDArray[np.uint8], result: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`given` by fp32; from then on black is believed where fp32 gives it too."""
        if self._plain is None:
            path = self.path.with_name(self.path.name.removesuffix(f".{self.precision}.onnx") + ".onnx")
            if path == self.path or not path.is_file():
                self._watched = False
                return result
            self._plain = Model(path, device=self.device, precision="fp32", threads=self.threads)
        truth = self._plain._images(given)
        if cv2.PSNR(truth.reshape(-1), result.reshape(-1)) >= LEAST_PSNR:
            self._watched = False
            return result
        if not self._told:
            self._told = True
            log.warning("%s gave black for a picture that is not; such pictures are made in fp32", self.path.name)
        return truth

    def _fill(self, images: NDArray[np.uint8], holes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self._check_images(images)
        if holes.dtype != np.uint8 or holes.shape != images.shape[:3]:
            raise ImageError(f"{self.card.name} takes holes uint8 {images.shape[:3]}, not {holes.dtype} {holes.shape}")
        filled: NDArray[np.uint8] = self._run([self._output], {"image": images, "hole": holes})[0]
        self._expect(filled, images.shape)
        return filled

    @property
    def layers(self) -> int:
        """How many w make a picture of this generator."""
        return self.card.layers

    @property
    def centre(self) -> NDArray[np.float32]:
        """The mean w of this generator, ``(1, latent)``. Raises ``ModelError`` for a model that is none."""
        self._refuse_unless_generator()
        return self._centre

    def mapping(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """z ``(n, latent)`` float32 -> w of the same shape. Raises as a call does, ``ModelError`` for no generator."""
        self._check_latents(z, "z", (self.card.latent,))
        empty = self._no_latents()
        w: NDArray[np.float32] = self._run(["w"], {**empty, "z": z})[0]
        self._expect(w, z.shape, np.float32)
        return w

    def synthesis(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        """A w for each layer, ``(n, layers, latent)`` float32 -> ``(n, resolution, resolution, 3)`` uint8 BGR. Raises
        as `mapping` does."""
        self._check_latents(ws, "ws", (self.card.layers, self.card.latent))
        images: NDArray[np.uint8] = self._run(["image"], {**self._no_latents(), "ws": ws})[0]
        self._expect(images, (len(ws), self.card.resolution, self.card.resolution, 3))
        return images

    def _refuse_unless_generator(self) -> None:
        if self.card.layout != "latent":
            raise ModelError(f"{self.card.name} is no generator: it is for {self.card.effect}")

    def _check_latents(self, given: Any, what: str, shape: tuple[int, ...]) -> None:
        self._refuse_unless_generator()
        if not isinstance(given, np.ndarray) or given.dtype != np.float32 or given.shape[1:] != shape or not given.ndim:
            got = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
            wanted = ", ".join(map(str, ("n", *shape)))
            raise InputError(f"{self.card.name} takes {what} as float32 ({wanted}), not {got}")
        if not np.isfinite(given).all():
            raise InputError(f"{self.card.name}: {what} has values that are not finite")

    def _no_latents(self) -> dict[str, NDArray[np.float32]]:
        latent, layers = self.card.latent, self.card.layers
        return {"z": np.empty((0, latent), np.float32), "ws": np.empty((0, layers, latent), np.float32)}

    def _run(self, wanted: list[str], given: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        with self._lock, self._failing():
            began = time.perf_counter()
            with denormals_as_zero():
                found: list[NDArray[Any]] = self._session.run(wanted, given)
            self.spent["network"] += time.perf_counter() - began
            return found

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """What ONNX Runtime raises, in our words."""
        try:
            yield
        except (GancamError, MemoryError):
            raise
        except Exception as error:
            if self.device != "cpu":
                raise explain(self.device, error) from error
            if is_full(str(error)):
                raise OutOfMemory(
                    "cpu", "no memory is left for this", "smaller frames, or close other programs"
                ) from error
            raise ModelError(f"{self.path} cannot run: {first_line(error)}") from error

    def _check_images(self, images: NDArray[np.uint8]) -> None:
        card = self.card
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ImageError(f"{card.name} takes uint8 (n, h, w, 3), not {images.dtype} {images.shape}")
        sides = images.shape[1:3]
        if min(sides) < card.minimum or any(side % card.multiple for side in sides):
            rule = f"at least {card.minimum} pixels a side, in multiples of {card.multiple}"
            raise ImageError(f"{card.name} takes images of {rule}, not {sides[1]}x{sides[0]}")

    def _scaled(self, images: NDArray[np.uint8]) -> tuple[int, int]:
        return images.shape[1] * self.card.scale, images.shape[2] * self.card.scale

    def _expect(self, result: Any, shape: tuple[int, ...], kind: Any = np.uint8) -> None:
        if result.shape != shape or result.dtype != kind:
            card = self.card
            says = f"latent {card.latent}, {card.layers} layers, resolution {card.resolution}"
            says = says if card.layout == "latent" else f"scale {card.scale} and {card.layout}"
            raise ModelError(
                f"{self.path}: its card says {says}, so {np.dtype(kind)} {shape}, but it gave {result.dtype} "
                f"{result.shape}"
            )

    def _run_blocks(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        result = self._shelf.take((len(images), *self._scaled(images), 3))
        shape = images.shape[1:3]
        if self._blocks is None or self._blocks.shape != shape:
            self._blocks = BlockLayout(self._session, self.card, shape, self._cell, str(self.path), self.spent)
        for image, pixels in zip(images, result, strict=True):
            self._blocks.run(image, pixels)
        return result


def _usable(device: str, files: dict[str, Path], threads: int) -> list[str]:
    """The precisions of `files` that `device` does exactly, the one to play first."""
    usual = [kind for kind in _PREFERRED[device] if kind in files]
    if len(usual) < 2 or "fp32" not in usual:
        return usual or list(files)

    def opened(kind: str) -> Run:
        model = Model(files[kind], device=device, precision=kind, threads=threads)
        arrays = _proof_of(model)
        return lambda: model(*arrays)[0]

    return [one.precision for one in ranked(files, device, usual, opened)] or ["fp32"]


def _threads(files: dict[str, Path], precision: str, counts: list[int]) -> int:
    """With how many of `counts` threads `precision` is played on the CPU."""

    def opened(count: int) -> Run:
        model = Model(files[precision], device="cpu", precision=precision, threads=count)
        arrays = _proof_of(model)
        if model.card.layout != "latent":  # as large as what is played: in small pictures threads mostly wait
            arrays = [np.tile(one, (1, _TILED, _TILED, *(1,) * (one.ndim - 3))) for one in arrays]
        return lambda: model(*arrays)[0]

    return fastest(files, "cpu", precision, counts, opened)


def _proof_of(model: Model) -> list[NDArray[Any]]:
    """What `model` is shown to prove itself."""
    card = model.card
    if card.layout == "latent":
        return [np.random.default_rng(0).standard_normal((2, card.latent), np.float32)]
    image = picture()
    height, width = (card.multiple * max(side // card.multiple, -(-card.minimum // card.multiple), 1)
                     for side in image.shape[:2])  # fmt: skip
    if height > image.shape[0] or width > image.shape[1]:
        image = np.asarray(cv2.resize(image, (max(width, image.shape[1]), max(height, image.shape[0]))), np.uint8)
    arrays = [np.ascontiguousarray(image[None, :height, :width])]
    if card.layout == "masked":
        arrays.append(np.ones((1, height, width), np.uint8))
        arrays[1][:, :, ::3] = 0
    return arrays
