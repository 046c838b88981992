"""What networks of every kind share: a file, its card, and one session that runs exactly that or says why it cannot."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gancam._native import denormals_as_zero, keep_after_fork
from gancam.errors import GancamError, ImageError, ModelError, OutOfMemory, first_line
from gancam.inference.binding import Binding, Tensor
from gancam.inference.buffers import BufferPool
from gancam.inference.providers import kind_of
from gancam.inference.session import OpenFile, explain, fallen, is_full
from gancam.inference.webgpu import ONE_AT_A_TIME


class Network(ABC):
    """What networks of every kind share: the file, its card, and one ONNX Runtime session.

    Calls are safe from several threads; they queue.

    Attributes:
        path: The file that is open.
        device: "cpu", "cuda", "tensorrt" or "webgpu".
        place: The same, with the number of a GPU that is not the first: "cuda:1".
        gpu: How it is run on a GPU.
        fallen: Nodes of it that a GPU cannot do, so that the CPU does them, by kind.
        threads: Those of one call on the CPU; they sleep between calls instead of spinning.
        card: What the file says of itself.
        spent: Seconds of all calls so far: in the "network", which is ONNX Runtime's graph with all that is in it, and,
            where the graph leaves them to us, in "conversion" and "copies" of pixels.
    """

    def __init__(self, opened: OpenFile) -> None:
        self.path, self.place, self.threads, self.card = opened.path, opened.device, opened.threads, opened.card
        self.device, self.spent, self.gpu = kind_of(opened.device), opened.spent, opened.gpu
        self.fallen: Mapping[str, int] = fallen(opened.session, opened.device)
        self._session = opened.session
        self._binding = Binding(opened.session, opened.device)
        self._buffers = BufferPool(opened.device)
        keep_after_fork(opened.session)
        self._lock = ONE_AT_A_TIME if self.device == "webgpu" else threading.RLock()

    def __del__(self) -> None:
        if vars(self).get("device") == "webgpu":  # where a session must not be freed while another runs
            with ONE_AT_A_TIME:
                vars(self).clear()

    @abstractmethod
    def __call__(self, *arrays: NDArray[np.generic], **named: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Make images; each kind of network says of what, and takes nothing else."""

    def _parts(self) -> dict[str, Any]:
        """The inputs and outputs of the graph by name."""
        return {part.name: part for part in (*self._session.get_inputs(), *self._session.get_outputs())}

    def _run(self, wanted: list[str], given: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run it with whatever shapes come out: for the first call, which finds a card that lies."""
        with self._lock, self._failing(), self._timed():
            found: list[NDArray[Any]] = self._session.run(wanted, given, self._binding.uncaptured)
            return found

    def _bound(self, given: Mapping[str, Tensor], made: Mapping[str, Tensor]) -> None:
        """Run it on tensors of the host or of its device, into such ones."""
        with self._lock, self._failing(), self._timed():
            self._binding.run(given, made)

    @property
    def crossed(self) -> int:
        """Bytes of all calls so far that went from the host to its NVIDIA GPU or back; 0 elsewhere."""
        return self._binding.crossed

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.perf_counter()
        with denormals_as_zero():
            yield
        self.spent["network"] += time.perf_counter() - began

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn what ONNX Runtime raises into errors of gancam."""
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

    def _smallest(self) -> tuple[int, int]:
        """Height and width of a small image that it takes."""
        if self.card.fixed_height:
            return self.card.fixed_height, self.card.fixed_width
        side = self.card.multiple * -(-max(self.card.minimum, 4) // self.card.multiple)
        return side, side + self.card.multiple

    def _check_images(self, images: NDArray[np.uint8]) -> None:
        card = self.card
        if not isinstance(images, np.ndarray):
            raise ImageError(f"{card.name} takes an array of uint8 (n, h, w, 3), not {type(images).__name__}")
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ImageError(f"{card.name} takes uint8 (n, h, w, 3), not {images.dtype} {images.shape}")
        sides = images.shape[1:3]
        if min(sides) < card.minimum or any(side % card.multiple for side in sides):
            rule = f"at least {card.minimum} pixels a side, in multiples of {card.multiple}"
            raise ImageError(f"{card.name} takes images of {rule}, not {sides[1]}x{sides[0]}")

    def _expect(self, result: NDArray[Any], shape: tuple[int, ...], kind: DTypeLike = np.uint8) -> None:
        """Refuse an output that is not what the card promises."""
        if result.shape != shape or result.dtype != kind:
            card = self.card
            says = f"latent {card.latent}, {card.layers} layers, resolution {card.resolution}"
            says = says if card.layout == "latent" else f"scale {card.scale} and {card.layout}"
            raise ModelError(
                f"{self.path}: its card says {says}, so {np.dtype(kind)} {shape}, but it gave {result.dtype} "
                f"{result.shape}"
            )
