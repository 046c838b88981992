"""Networks from a frame of a video to an image, and what they carry from it to the next."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.errors import ModelError
from gancam.inference.binding import Tensor
from gancam.inference.network.image import ImageNetwork
from gancam.inference.place import Place
from gancam.inference.session import OpenFile
from gancam.inference.tiling import in_fixed_tiles

IMAGE, FIRST, MADE = "image", "first", "image_out"  # the parts of a recurrent graph that are no states
OUT = "_out"  # what the name of a state ends with where it comes out
Kept: TypeAlias = Mapping[tuple[int, ...], Mapping[int, Mapping[str, NDArray[np.generic]]]]
"""States by the size of frames, the tile and their names."""
_MOST = 8  # sizes of frames of which states are kept
_TYPES = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_,
}  # fmt: skip


def _fits(inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
    """Whether a graph of these parts, as ONNX Runtime tells them, has those of a recurrent one."""
    takes, gives = ({part.name: part for part in ports} for ports in (inputs, outputs))
    states = {name: part for name, part in takes.items() if name not in (IMAGE, FIRST)}
    pairs = {name + OUT: part.type for name, part in states.items()}
    return (
        IMAGE in takes and takes[IMAGE].type == "tensor(uint8)" and takes[IMAGE].shape[0] == 1
        and FIRST in takes and takes[FIRST].type == "tensor(bool)"
        and MADE in gives and all(part.type in _TYPES for part in states.values())
        and pairs == {name: part.type for name, part in gives.items() if name != MADE}
    )  # fmt: skip


class States:
    """The states of one graph, of each size of frames, and there of each tile.

    They are dropped by whole sizes: a frame of which some tiles remember and others do not would show it.

    Attributes:
        names: The states by the names of their inputs.
    """

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.names = [part.name for part in inputs if part.name not in (IMAGE, FIRST)]
        self._yes, self._no = (Tensor.over(np.array(value)) for value in (True, False))
        self._empty = {
            part.name: Tensor.over(np.zeros([max(side, 1) if isinstance(side, int) else 1 for side in part.shape],
                                            _TYPES[part.type]))
            for part in inputs if part.name in self.names
        }  # fmt: skip
        self._types = {part.name: _TYPES[part.type] for part in inputs if part.name in self.names}
        self._kept: dict[tuple[int, ...], dict[int, list[Tensor]]] = {}

    def given(self, sides: tuple[int, ...], tile: int = 0) -> dict[str, Tensor]:
        """Give what the graph takes beside the image for that tile of the next frame of those `sides`."""
        kept = self._kept.get(sides, {}).get(tile)
        if kept is None:
            return {FIRST: self._yes, **self._empty}
        return {FIRST: self._no, **dict(zip(self.names, kept, strict=True))}

    def keep(self, found: list[Tensor], sides: tuple[int, ...], tile: int = 0) -> None:
        """Keep what came out for the same tile of the next frame; of many sizes the one used longest ago is dropped."""
        of_size = self._kept.pop(sides, {})
        of_size[tile] = found
        self._kept[sides] = of_size
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]

    def arrays(self) -> Kept:
        """Give copies of what is kept, in the memory of the host."""
        return {
            sides: {
                tile: {name: tensor.array() for name, tensor in zip(self.names, tensors, strict=True)}
                for tile, tensors in of_size.items()
            }
            for sides, of_size in self._kept.items()
        }

    def take(self, kept: Kept) -> None:
        """Keep what ``arrays`` gave of the same network in another precision; where names differ, nothing is kept."""
        self.forget()
        if any(list(states) != self.names for of_size in kept.values() for states in of_size.values()):
            return
        for sides, of_size in kept.items():
            self._kept[sides] = {
                tile: [Tensor.over(np.ascontiguousarray(value, self._types[name])) for name, value in states.items()]
                for tile, states in of_size.items()
            }

    def forget(self) -> None:
        """Forget the frames before."""
        self._kept = {}


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
        numbers = itertools.count()  # each tile has states of its own

        def tile(one: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return self._next(one, sides, next(numbers))

        return in_fixed_tiles(tile, image, size=size, scale=card.scale, reach=card.receptive_field)

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Say no: it takes more than images."""
        return False

    def reset(self) -> None:
        """Forget the frames before."""
        with self._lock:
            self._states.forget()

    def continue_from(self, before: ImageNetwork) -> None:
        """Take the states of `before`."""
        if isinstance(before, RecurrentNetwork):
            with before._lock:
                states = before._states.arrays()
            with self._lock:
                self._states.take(states)

    def _check(self) -> int:
        if not _fits(self._session.get_inputs(), self._session.get_outputs()):
            raise ModelError(f"{self.path}: its card says recurrent, but its states are no pairs of NAME and NAME{OUT}")
        return 1

    def _next(self, image: NDArray[np.uint8], sides: tuple[int, ...], tile: int = 0) -> NDArray[np.uint8]:
        with self._lock, self._failing(), self._timed():
            given = {IMAGE: Tensor.over(np.ascontiguousarray(image)), **self._states.given(sides, tile)}
            kept = [name + OUT for name in self._states.names]
            made, *found = self._binding.carry(given, [MADE, *kept])
            result = made.array()
            self._expect(result, self._shape_for(image.shape))
            self._states.keep(found, sides, tile)
        return np.asarray(result, np.uint8)
