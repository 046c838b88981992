"""An .onnx file as a callable: device, precision and layout chosen here and hidden from everybody else."""

import logging
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import devices
from gancam.card import ModelCard, Precision
from gancam.errors import DeviceError, GancamError, ImageError, ModelError, NotFound, ParameterError, near

Device = Literal["auto", "cpu", "cuda"]
log = logging.getLogger(__name__)
LEAST_PSNR = 35.0  # dB of a variant against fp32, on noise
_PREFERRED = {"cpu": ("int8", "fp32", "fp16"), "cuda": ("fp16", "fp32")}


def variants(path: Path) -> dict[str, Path]:
    """The files of one model by precision: `NAME.onnx` (fp32) and, beside it, `NAME.fp16.onnx` and `NAME.int8.onnx`.

    A path that names a variant itself stands for that file alone.
    """
    stem = path.name.removesuffix(".onnx")
    for precision in get_args(Precision):
        if stem.endswith(f".{precision}"):
            return {precision: path}
    found = {"fp32": path} | {kind: path.with_name(f"{stem}.{kind}.onnx") for kind in ("fp16", "int8")}
    return {kind: file for kind, file in found.items() if file.is_file()}


def read_card(path: Path) -> ModelCard:
    """The card of one file, at the cost of reading it but of optimising nothing. Raises as `Model` does."""
    return ModelCard.from_metadata(
        devices.session(path, "cpu", 1, optimise=False).get_modelmeta().custom_metadata_map, str(path)
    )


class Model:
    """A model file that runs.

    ``card``, ``device`` ("cpu" or "cuda": what it really runs on) and ``precision`` tell what was chosen. With
    ``device="auto"`` CUDA is used where it works, with ``precision="auto"`` the fastest variant that the device does
    exactly: int8 on a CPU with 8-bit dot products, fp16 on CUDA, else fp32. `threads` are those of one call on the CPU
    (default: all that this process may use); they sleep between calls instead of spinning.

    Calls are safe from several threads; they queue.

    Raises ``NotFound`` for a missing file, ``ModelError`` for a damaged one, one without a card, or one that does not
    do what its card says, ``DeviceError`` when a device asked for by name cannot run it, ``ParameterError`` for an
    unknown device or a precision there is no file of.
    """

    def __init__(
        self, path: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._blocks: _Blocks | None = None
        path = Path(path)
        files = variants(path)
        if not files:
            raise NotFound(f"no model file {path}")
        if device not in get_args(Device):
            raise ParameterError(f"device {device!r} must be auto, cpu or cuda")
        if precision != "auto" and precision not in files:
            raise ParameterError(f"{path} has no {precision!r} variant{near(precision, files)}")
        if threads is not None and threads < 1:
            raise ParameterError(f"threads {threads} must be 1 or more")
        threads = threads or devices.usable_cores()
        self._files, self._asked, self._threads = files, precision, threads
        wanted = [device] if device != "auto" else (["cuda", "cpu"] if devices.cuda_is_likely() else ["cpu"])
        for self.device in wanted:
            self.precision = precision if precision != "auto" else _usable(self.device, files)[0]
            self.path = files[self.precision]
            try:
                self._open(threads)
                break
            except DeviceError as error:
                if self.device == wanted[-1]:
                    raise
                log.warning("%s; running on the CPU instead", error)

    def alike(self, path: Path | None = None) -> list["Model"]:
        """The model at `path` (default: this one) opened anew, on the same device with the same threads, once in each
        precision that the device does exactly, or only in the one that was asked for by name. Raises as `Model` does,
        but gives an empty list for a model that has no such precision."""
        files = self._files if path is None else variants(path)
        kinds = _usable(self.device, files) if self._asked == "auto" else [self._asked]
        return [
            Model(files[kind], device=self.device, precision=kind, threads=self._threads)
            for kind in kinds
            if kind in files
        ]

    def _open(self, threads: int) -> None:
        self._session = devices.session(self.path, self.device, threads)
        self.card = ModelCard.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(self.path))
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        self._check()

    def _check(self) -> None:
        """Refuse a card that lies about its graph; the small run also warms the session up."""
        takes, gives = self._session.get_inputs(), self._session.get_outputs()
        channels = {"image": 3, "blocks": 4}[self.card.layout]
        if len(takes) != 1 or len(gives) != 1 or takes[0].type != "tensor(uint8)" or len(takes[0].shape) != 4:
            raise ModelError(
                f"{self.path} takes {[(i.type, i.shape) for i in takes]}: not one uint8 (n, h, w, {channels})"
            )
        if takes[0].shape[3] != channels:
            raise ModelError(f"{self.path}: its card says {self.card.layout}, but it takes {takes[0].shape}")
        side = self.card.multiple * -(-max(self.card.minimum, 4) // self.card.multiple)
        height, width = side, side + self.card.multiple
        self(np.zeros((1, height, width, 3), np.uint8))

    def __call__(self, *arrays: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
        """BGR images ``(n, h, w, 3)`` uint8 -> one array ``(n, h * scale, w * scale, 3)`` uint8 BGR, newly made.

        Raises ``ImageError`` for a shape or dtype the model does not take, ``ModelError`` when the graph cannot run or
        its output is not what its card says, ``DeviceError`` when CUDA gives up (its memory is full, say).
        """
        (images,) = arrays
        self._check_images(images)
        with self._lock:
            try:
                if self.card.layout == "blocks":
                    return (self._run_blocks(images),)
                (result,) = self._session.run([self._output], {self._input: images})
            except (GancamError, MemoryError):
                raise
            except Exception as error:
                if self.device != "cpu":
                    raise devices.explain(self.device, error) from error
                raise ModelError(f"{self.path} cannot run: {devices.first_line(error)}") from error
            self._expect(result, (len(images), *self._scaled(images), 3))
            return (result,)

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

    def _expect(self, result: Any, shape: tuple[int, ...]) -> None:
        if result.shape != shape or result.dtype != np.uint8:
            says = f"its card says scale {self.card.scale} and {self.card.layout}"
            raise ModelError(f"{self.path}: {says}, so uint8 {shape}, but it gave {result.dtype} {result.shape}")

    def _run_blocks(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        result = np.empty((len(images), *self._scaled(images), 3), np.uint8)
        shape = images.shape[1:3]
        if self._blocks is None or self._blocks.shape != shape:
            self._blocks = _Blocks(self._session, shape, self.card.scale, str(self.path))
        for image, pixels in zip(images, result, strict=True):
            self._blocks.run(image, pixels)
        return result


class _Blocks:
    """Buffers of one image size around a graph of layout ``blocks``, bound once, so that a call allocates nothing."""

    def __init__(self, session: Any, shape: tuple[int, int], scale: int, where: str) -> None:
        self.shape = shape
        self._session = session
        self._scale = scale
        takes, gives = session.get_inputs()[0], session.get_outputs()[0]
        depth = gives.shape[3] if len(gives.shape) == 4 else None
        if depth not in (3 * scale * scale, 4 * scale * scale):
            raise ModelError(f"{where}: its card says scale {scale} and blocks, but it gives {gives.shape}")
        self._channels = depth // (scale * scale)
        height, width = shape
        row = scale * self._channels  # bytes of one row of sub-pixels, which numpy moves as one item
        item = np.dtype(np.uint64) if row == 8 else np.dtype((np.void, row))
        self._padded = np.empty((height, width, 4), np.uint8)
        blocks = np.empty((1, height, width, depth), np.uint8)
        self._rows = blocks.reshape(height, width, scale, row).view(item)[..., 0]
        self._pixels = np.empty((height * scale, width * scale, self._channels), np.uint8)
        self._item = item
        self._binding = session.io_binding()
        for bind, value, array in (
            (self._binding.bind_input, takes, self._padded[None]),
            (self._binding.bind_output, gives, blocks),
        ):
            bind(value.name, "cpu", 0, np.uint8, array.shape, array.ctypes.data)

    def run(self, image: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
        cv2.cvtColor(image, cv2.COLOR_BGR2BGRA, dst=self._padded)
        self._session.run_with_iobinding(self._binding)
        pixels = result if self._channels == 3 else self._pixels
        height, width = self.shape
        target = pixels.reshape(height, self._scale, width, -1).view(self._item)[..., 0]
        for row in range(self._scale):
            target[:, row] = self._rows[:, :, row]
        if self._channels == 4:
            cv2.cvtColor(self._pixels, cv2.COLOR_BGRA2BGR, dst=result)


def _usable(device: str, files: dict[str, Path]) -> list[str]:
    """The precisions of `files` that `device` does exactly, the one that is usually fastest first."""
    kinds = [kind for kind in _PREFERRED[device] if kind in files]
    if {"int8", "fp32"} <= set(kinds) and not _exact(files["int8"], files["fp32"]):
        kinds.remove("int8")
    return kinds or list(files)


@lru_cache(maxsize=64)
def _exact(int8: Path, fp32: Path) -> bool:
    """Whether this machine's int8 kernels give the picture that fp32 gives. Those for AVX2 without 8-bit dot products
    saturate sums of two products: fast, and wrong where the picture is bright. Noise around white finds them out."""
    image = np.random.default_rng(0).integers(96, 256, (1, 48, 48, 3), dtype=np.uint8)
    fast = Model(int8, device="cpu", precision="int8", threads=1)(image)[0]
    true = Model(fp32, device="cpu", precision="fp32", threads=1)(image)[0]
    if cv2.PSNR(fast, true) >= LEAST_PSNR:
        return True
    log.warning("%s: this CPU's 8-bit kernels are not exact; running in fp32", int8.name)
    return False
