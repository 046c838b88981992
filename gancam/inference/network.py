"""One model file, open on one device: it runs exactly what it was told to open, or says why it cannot."""

import itertools
import logging
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gancam._native import denormals_as_zero, keep_after_fork
from gancam.errors import DeviceError, GancamError, ImageError, InputError, ModelError, OutOfMemory, first_line
from gancam.inference.binding import SKIP, Binding, Tensor
from gancam.inference.buffers import BufferPool
from gancam.inference.card import ModelCard
from gancam.inference.fixed import in_fixed_tiles
from gancam.inference.graphs import CapturedCalls
from gancam.inference.layouts import BlockLayout
from gancam.inference.place import Place, Texture, has_place
from gancam.inference.providers import GpuOptions, kind_of
from gancam.inference.recurrent import IMAGE, MADE, OUT, States, fits
from gancam.inference.session import OpenFile, explain, fallen, is_full, open_session
from gancam.inference.variants import read_card

log = logging.getLogger(__name__)
_LINKS = 4  # tensors between networks that are kept for the next call


class Network(ABC):
    """What networks of every kind share: the file, its card, and one ONNX Runtime session.

    Calls are safe from several threads; they queue.

    Attributes:
        path: The file that is open.
        device: "cpu", "cuda" or "tensorrt".
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
        self._lock = threading.Lock()

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

    def _bound(self, given: Mapping[str, Tensor], made: Mapping[str, Tensor], capture: int = SKIP) -> None:
        """Run it on tensors of the host or of its device, into such ones."""
        with self._lock, self._failing(), self._timed():
            self._binding.run(given, made, capture=capture)

    @property
    def crossed(self) -> int:
        """Bytes of all calls so far that went from the host to its device or back; 0 on the CPU."""
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


class ImageNetwork(Network):
    """A network from images to images: the layouts ``image``, ``blocks`` and ``cells`` of a card."""

    def __init__(self, opened: OpenFile) -> None:
        super().__init__(opened)
        session = opened.session
        self._blocks: BlockLayout | None = None
        self._checked = False
        self._singly = session.get_inputs()[0].shape[0] == 1  # takes one image at a time
        self._input, self._output = session.get_inputs()[0].name, session.get_outputs()[0].name
        self._cell = self._check()
        self._links: list[Tensor] = []
        self._turns = itertools.count()
        self.texture = Texture([one.name for one in session.get_overridable_initializers()], self.card)
        self._captured = CapturedCalls(opened.device) if opened.gpu.graph else None
        self(np.zeros((1, *self._smallest(), 3), np.uint8))  # finds a card that lies, and warms the session up

    def __call__(self, images: NDArray[np.uint8], *, place: Place = (0, 0)) -> NDArray[np.uint8]:  # type: ignore[override]
        """Images ``(n, h, w, 3)`` uint8 BGR -> ``(n, h * scale, w * scale, 3)``, the caller's own.

        Each begins at `place` of its `texture`. Their memory is used again when nobody holds them or a view of them.
        """
        self._check_images(images)
        begins = self.texture.at(place)
        fixed = self.card.fixed_height, self.card.fixed_width
        if fixed[0] and images.shape[1:3] != fixed:
            reach = self.card.receptive_field
            tiles = [in_fixed_tiles(self, one, size=fixed, scale=self.card.scale, reach=reach) for one in images]
            return np.stack(tiles)
        if self._singly and len(images) > 1:
            return np.concatenate([self(images[index : index + 1], place=place) for index in range(len(images))])
        if self.card.layout != "image":
            with self._lock, self._failing():
                return self._run_blocks(images, begins)
        if not self._checked:  # that the graph gives what the card says: from then on it writes where it is told to
            result: NDArray[np.uint8] = self._run([self._output], {self._input: images, **begins})[0]
            self._expect(result, self._shape_for(images.shape))
            self._checked = True
            return result
        images = np.ascontiguousarray(images)
        with self._lock, self._failing():
            result = self._buffers.take(self._shape_for(images.shape))
            held = self._captured.find(images.shape, result.shape) if self._captured is not None else None
        if held is None:
            given = {name: Tensor.over(one) for name, one in begins.items()}
            self._bound({self._input: Tensor.over(images), **given}, {self._output: Tensor.over(result)})
            return result
        with self._lock, self._failing(), self._timed():
            held.given.load(images)
            self._binding.run({self._input: held.given}, {self._output: held.made}, capture=held.number)
            held.made.store(result)
        return result

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether it takes images of that shape, ``(n, h, w, 3)``, in one run of nothing but its graph."""
        card, sides = self.card, shape[1:3]
        if card.layout != "image" or (card.fixed_height and sides != (card.fixed_height, card.fixed_width)):
            return False
        fits = min(sides) >= card.minimum and not any(side % card.multiple for side in sides)
        return fits and (shape[0] == 1 or not self._singly)

    def reset(self) -> None:
        """Forget the frames before, where the graph carries anything of them."""

    def turn(self) -> int:
        """Count how often a chain that it begins was asked for a picture."""
        return next(self._turns)

    def link(self, given: Tensor, made: Tensor) -> None:
        """Run it from tensor to tensor, of the host or of its device: images of a shape that it `takes`."""
        self._bound({self._input: given}, {self._output: made})

    @contextmanager
    def between(self, given: Tensor) -> Iterator[Tensor]:
        """Run it on `given` into memory of its device, which is the caller's meanwhile."""
        shape = self._shape_for(given.shape)
        with self._lock, self._failing():
            kept = [one for one in self._links if one.shape == shape]
            made = kept.pop() if kept else Tensor.on(self.place, shape)
            self._links = kept
        self.link(given, made)
        try:
            yield made
        finally:
            with self._lock:
                self._links = [*self._links[-_LINKS + 1 :], made]

    def result(self, given: Tensor) -> NDArray[np.uint8]:
        """Run it on `given` into an array of the host, the caller's own as that of a call."""
        with self._lock:
            made = self._buffers.take(self._shape_for(given.shape))
        self.link(given, Tensor.over(made))
        return made

    def _check(self) -> int:
        """Refuse a card that lies about its graph; input pixels along a side of a cell."""
        card, takes, gives = self.card, self._session.get_inputs(), self._session.get_outputs()
        channels = {"image": "3", "blocks": "4", "cells": "k * k * 4"}[card.layout]
        if len(takes) != 1 or len(gives) != 1 or takes[0].type != "tensor(uint8)" or len(takes[0].shape) != 4:
            raise ModelError(
                f"{self.path} takes {[(i.type, i.shape) for i in takes]}: not one uint8 (n, h, w, {channels})"
            )
        depth = takes[0].shape[3]
        cell = math.isqrt(depth // 4) if card.layout == "cells" and isinstance(depth, int) else 1
        wrong = card.multiple % max(cell, 1) != 0
        if wrong or depth != (3 if card.layout == "image" else 4 * cell**2):
            raise ModelError(f"{self.path}: its card says {card.layout}, but it takes {takes[0].shape}")
        return cell

    def _shape_for(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        return shape[0], shape[1] * self.card.scale, shape[2] * self.card.scale, 3

    def _run_blocks(self, images: NDArray[np.uint8], begins: Mapping[str, NDArray[np.int64]]) -> NDArray[np.uint8]:
        result = self._buffers.take(self._shape_for(images.shape))
        shape = images.shape[1:3]
        if self._blocks is None or self._blocks.shape != shape:
            about = self.card, shape, self._cell, str(self.path), self.spent, begins
            self._blocks = BlockLayout(self._session, self.place, *about)
        for image, pixels in zip(images, result, strict=True):
            self._blocks.run(image, pixels, begins)
        return result


class RecurrentNetwork(ImageNetwork):
    """A network from a frame of a video, and what it carries of those before, to an image: layout ``recurrent``."""

    def __init__(self, opened: OpenFile) -> None:
        self._states = States(opened.session.get_inputs())
        super().__init__(opened)
        self.reset()

    def __call__(self, images: NDArray[np.uint8], *, place: Place = (0, 0)) -> NDArray[np.uint8]:  # type: ignore[override]
        """Frames ``(n, h, w, 3)`` uint8 BGR in their order -> ``(n, h * scale, w * scale, 3)``, the caller's own."""
        self._check_images(images)
        self.texture.at(place)
        return np.concatenate([self._frame(one)[None] for one in images])

    def _frame(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        card, sides = self.card, image.shape[:2]
        size = card.fixed_height, card.fixed_width
        if not size[0] or sides == size:
            whole: NDArray[np.uint8] = self._next(image[None], sides)[0]
            return whole
        places = itertools.count()  # each tile has states of its own

        def tile(one: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return self._next(one, (*sides, next(places)))

        return in_fixed_tiles(tile, image, size=size, scale=card.scale, reach=card.receptive_field)

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Say no: it takes more than images."""
        return False

    def reset(self) -> None:
        """Forget the frames before."""
        with self._lock:
            self._states.forget()

    def _check(self) -> int:
        if not fits(self._session.get_inputs(), self._session.get_outputs()):
            raise ModelError(f"{self.path}: its card says recurrent, but its states are no pairs of NAME and NAME{OUT}")
        return 1

    def _next(self, image: NDArray[np.uint8], place: Hashable) -> NDArray[np.uint8]:
        with self._lock, self._failing(), self._timed():
            given = {IMAGE: Tensor.over(np.ascontiguousarray(image)), **self._states.given(place)}
            kept = [name + OUT for name in self._states.names]
            made, *found = self._binding.carry(given, [MADE, *kept])
            result = made.array()
            self._expect(result, self._shape_for(image.shape))
            self._states.keep(place, found)
        return np.asarray(result, np.uint8)


class MaskedNetwork(Network):
    """A network that fills holes in images: the layout ``masked`` of a card."""

    def __init__(self, opened: OpenFile) -> None:
        super().__init__(opened)
        says = {name: ("tensor(uint8)", rank) for name, rank in {"image": 4, "hole": 3, "filled": 4}.items()}
        parts = self._parts()
        self._singly = opened.session.get_inputs()[0].shape[0] == 1  # takes one image at a time
        if {name: (part.type, len(part.shape)) for name, part in parts.items()} != says or self.card.scale != 1:
            raise ModelError(
                f"{self.path}: its card says {self.card.layout}, but it has "
                + ", ".join(f"{name} {part.type} {part.shape}" for name, part in parts.items())
            )
        height, width = self._smallest()
        image, hole = np.zeros((1, height, width, 3), np.uint8), np.ones((1, height, width), np.uint8)
        self._expect(self._run(["filled"], {"image": image, "hole": hole})[0], image.shape)

    def __call__(self, images: NDArray[np.uint8], holes: NDArray[np.uint8]) -> NDArray[np.uint8]:  # type: ignore[override]
        """Images ``(n, h, w, 3)`` uint8 BGR, with `holes` ``(n, h, w)`` uint8 filled where they are not 0."""
        self._check_images(images)
        if holes.dtype != np.uint8 or holes.shape != images.shape[:3]:
            raise ImageError(f"{self.card.name} takes holes uint8 {images.shape[:3]}, not {holes.dtype} {holes.shape}")
        if self._singly and len(images) > 1:
            each = (slice(index, index + 1) for index in range(len(images)))
            return np.concatenate([self(images[one], holes[one]) for one in each])
        with self._lock:
            filled = self._buffers.take(images.shape)
        given = {"image": images, "hole": holes}
        self._bound(
            {name: Tensor.over(np.ascontiguousarray(one)) for name, one in given.items()},
            {"filled": Tensor.over(filled)},
        )
        return filled


class GeneratorNetwork(Network):
    """A generator in its two halves, mapping and synthesis: the layout ``latent`` of a card.

    Attributes:
        centre: The mean w, ``(1, latent)`` float32.
    """

    def __init__(self, opened: OpenFile) -> None:
        super().__init__(opened)
        self._check()
        # The half that is not wanted is empty where that is free. GPUs have kernels that fail on nothing, and TensorRT
        # takes none: there it gets one row, whose picture is small beside what the launch of a call costs.
        self._unused = 0 if self.device == "cpu" else 1
        self.centre: NDArray[np.float32] = self._run(["centre"], self._no_latents())[0]
        self._expect(self.centre, (1, self.card.latent), np.float32)
        self(np.zeros((1, self.card.latent), np.float32))

    def __call__(self, z: NDArray[np.float32]) -> NDArray[np.uint8]:  # type: ignore[override]
        """Numbers z ``(n, latent)`` float32 -> images ``(n, resolution, resolution, 3)`` uint8 BGR."""
        return self.synthesis(np.repeat(self.mapping(z)[:, None], self.card.layers, axis=1))

    def mapping(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map z ``(n, latent)`` float32 to w, of the same shape."""
        self._check_latents(z, "z", (self.card.latent,))
        w: NDArray[np.float32] = self._run(["w"], {**self._no_latents(), "z": z})[0]
        self._expect(w, z.shape, np.float32)
        return w

    def synthesis(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Make images of a w for each layer, ``(n, layers, latent)`` float32."""
        self._check_latents(ws, "ws", (self.card.layers, self.card.latent))
        images: NDArray[np.uint8] = self._run(["image"], {**self._no_latents(), "ws": ws})[0]
        self._expect(images, (len(ws), self.card.resolution, self.card.resolution, 3))
        return images

    def _check(self) -> None:
        latent, layers, side = self.card.latent, self.card.layers, self.card.resolution
        says = {
            "z": ("tensor(float)", [latent]), "ws": ("tensor(float)", [layers, latent]),
            "w": ("tensor(float)", [latent]), "centre": ("tensor(float)", [latent]),
            "image": ("tensor(uint8)", [side, side, 3]),
        }  # fmt: skip
        parts = self._parts()
        if {name: (part.type, part.shape[1:]) for name, part in parts.items()} != says:
            raise ModelError(
                f"{self.path}: its card says latent {latent}, {layers} layers, resolution {side}, but it has "
                + ", ".join(f"{name} {part.shape}" for name, part in parts.items())
            )

    def _check_latents(self, given: Any, what: str, shape: tuple[int, ...]) -> None:
        if not isinstance(given, np.ndarray) or given.dtype != np.float32 or given.shape[1:] != shape or not given.ndim:
            got = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
            wanted = ", ".join(map(str, ("n", *shape)))
            raise InputError(f"{self.card.name} takes {what} as float32 ({wanted}), not {got}")
        if not np.isfinite(given).all():
            raise InputError(f"{self.card.name}: {what} has values that are not finite")

    def _no_latents(self) -> dict[str, NDArray[np.float32]]:
        latent, layers = self.card.latent, self.card.layers
        rows = self._unused
        return {"z": np.zeros((rows, latent), np.float32), "ws": np.zeros((rows, layers, latent), np.float32)}


def open_network(
    path: Path,
    device: str,
    threads: int,
    spent: dict[str, float] | None = None,
    *,
    wide_sums: bool = False,
    gpu: GpuOptions | None = None,
) -> Network:
    """Open the file `path` on `device` as the kind of network that its card says.

    Args:
        path: A model file, of whatever precision.
        device: "cpu", "cuda" or "tensorrt", with the number of a GPU or without; another is never used instead.
        threads: Those of one call on the CPU, 1 or more.
        spent: Where seconds are added up, of a network that this one replaces; new without.
        wide_sums: As `open_session` takes it.
        gpu: How it is run on a GPU; None: plainly.

    Raises:
        NotFound: There is no such file.
        ModelError: It is damaged, has no card, or does not do what its card says.
        DeviceError: The device cannot be had, or cannot run it.
    """
    gpu = gpu or GpuOptions()
    if kind_of(device) == "tensorrt" and read_card(path).recurrent:
        raise DeviceError(device, f"{path.name} carries states between frames", 'use --device cuda (device="cuda")')
    session = open_session(path, device, threads, wide_sums=wide_sums, gpu=gpu, placed=has_place(path, device))
    card = ModelCard.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))
    spent = {"conversion": 0.0, "network": 0.0, "copies": 0.0} if spent is None else spent
    kinds: dict[str, type[Network]] = {
        "latent": GeneratorNetwork, "masked": MaskedNetwork, "recurrent": RecurrentNetwork,
    }  # fmt: skip
    opened = OpenFile(path, device, threads, session, card, spent, gpu)
    network = kinds.get(card.layout, ImageNetwork)(opened)
    if network.fallen:
        said = ", ".join(f"{count} {kind}" for kind, count in network.fallen.items())
        log.warning("%s: %s has no kernels for some of its nodes, the CPU does them: %s", path.name, device, said)
    return network
