"""What recurrent graphs carry from one frame of a video to the next."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.inference.binding import Tensor

IMAGE, FIRST, MADE = "image", "first", "image_out"  # the parts of a recurrent graph that are no states
OUT = "_out"  # what the name of a state ends with where it comes out
Kept: TypeAlias = Mapping[tuple[int, ...], Mapping[int, Mapping[str, NDArray[np.generic]]]]
"""States by the size of frames, the tile and their names."""
_MOST = 8  # sizes of frames of which states are kept
_TYPES = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_,
}  # fmt: skip


def fits(inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
    """Say whether a graph has the parts that a recurrent one has, of ONNX Runtime's types.

    Args:
        inputs: Its inputs, as ONNX Runtime tells them.
        outputs: Its outputs.
    """
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
