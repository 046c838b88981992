"""Arrays in the memory of a device, and what binds them to a session: the same lines for the CPU and for a GPU.

What a network is given and what it makes are ONNX Runtime's own values. One that lies over an array of the host is
bound as it is: on the CPU nothing is copied, on a GPU ONNX Runtime copies it over the bus, at the array's own 8 bits a
channel. One that lies on the device goes from network to network without a copy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancam.inference.cuda import copy_to_host
from gancam.inference.packages import runtime
from gancam.inference.providers import is_cuda, number_of

SKIP = -1  # as a capture: none, and none is replayed


class Tensor:
    """An array in the memory of the host or of a GPU.

    Attributes:
        shape: Its sides.
        place: "cpu", or the number of the NVIDIA GPU.
    """

    def __init__(self, value: Any, shape: tuple[int, ...], place: str) -> None:
        self._value, self.shape, self.place = value, shape, place

    @classmethod
    def over(cls, array: NDArray[np.generic]) -> "Tensor":
        """Lay one over a C-contiguous array of the host, which it keeps alive and shares its memory with."""
        return cls(runtime().OrtValue.ortvalue_from_numpy(array), array.shape, "cpu")

    @classmethod
    def on(cls, device: str, shape: tuple[int, ...]) -> "Tensor":
        """Make one, uint8 and of unknown content, in the memory of `device`; ONNX Runtime raises where that is full."""
        where = "cuda" if is_cuda(device) else "cpu"
        value = runtime().OrtValue.ortvalue_from_shape_and_type(shape, np.uint8, where, number_of(device))
        return cls(value, shape, place_of(device))

    @property
    def bytes(self) -> int:
        """Its size, in bytes."""
        return int(self._value.tensor_size_in_bytes())

    @property
    def address(self) -> int:
        """The address of its first byte in the memory of its device."""
        return int(self._value.data_ptr())

    def array(self) -> NDArray[np.generic]:
        """Copy it into an array of the host."""
        found: NDArray[np.generic] = self._value.numpy()
        return found

    def load(self, array: NDArray[np.generic]) -> None:
        """Copy `array`, of the same shape and kind, into it."""
        self._value.update_inplace(array)

    def store(self, array: NDArray[np.generic]) -> None:
        """Copy it into `array`, C-contiguous and of the same shape and kind.

        Straight into it from a GPU, by its driver: ONNX Runtime would make an array of its own.
        """
        if self.place == "cpu" or not copy_to_host(self.address, array, int(self.place)):
            np.copyto(array, self._value.numpy())


class Binding:
    """A session with what it takes and what it makes bound to memory that is chosen for each call.

    Not for several threads at once.

    Args:
        session: An ONNX Runtime session.
        device: What it was opened on.
    """

    def __init__(self, session: Any, device: str) -> None:
        self._session, self._bound = session, session.io_binding()
        self._place = place_of(device)
        self.uncaptured: Any = _captured(SKIP) if self._place != "cpu" else None
        self.crossed = 0  # bytes so far that went over the bus, since they were in other memory than the device's
        self._crossing = 0  # the same of each run of what is bound

    def run(self, given: Mapping[str, Tensor], made: Mapping[str, Tensor], *, capture: int = SKIP) -> None:
        """Run the session once; afterwards nothing is bound.

        Args:
            given: Each of its inputs.
            made: Those of its outputs that are wanted, which it writes.
            capture: The number of the CUDA graph that this is: captured when it is new, else replayed, so the tensors
                must be those of the first time; `SKIP`: none.
        """
        self.bind(given, made)
        try:
            self.play(capture)
        finally:  # else the arrays under them would be held until the next call
            self._bound.clear_binding_inputs()
            self._bound.clear_binding_outputs()

    def carry(self, given: Mapping[str, Tensor], wanted: Sequence[str]) -> list[Tensor]:
        """Run the session once as `run` does, and give the outputs `wanted`, of any shape, in memory of its device."""
        self.bind(given, {})
        for name in wanted:
            self._bound.bind_output(name, *(("cpu",) if self._place == "cpu" else ("cuda", int(self._place))))
        try:
            self.play()
            values = self._bound.get_outputs()
        finally:
            self._bound.clear_binding_inputs()
            self._bound.clear_binding_outputs()
        return [Tensor(one, tuple(one.shape()), self._place) for one in values]

    def bind(self, given: Mapping[str, Tensor], made: Mapping[str, Tensor]) -> None:
        """Bind tensors for every `play` from now on, as `run` does for one."""
        for name, tensor in given.items():
            self._bound.bind_ortvalue_input(name, tensor._value)
        for name, tensor in made.items():
            self._bound.bind_ortvalue_output(name, tensor._value)
        both = () if self._place == "cpu" else (*given.values(), *made.values())
        self._crossing = sum(one.bytes for one in both if one.place != self._place)

    def play(self, capture: int = SKIP) -> None:
        """Run the session once with what is bound."""
        options = self.uncaptured if capture == SKIP else _captured(capture)
        self._session.run_with_iobinding(self._bound, options)
        self.crossed += self._crossing


def place_of(device: str) -> str:
    """Name the memory that a device is given and gives arrays in: "cpu", or the number of an NVIDIA GPU.

    That of WebGPU is out of reach: what it is given and gives, ONNX Runtime copies.
    """
    return str(number_of(device)) if is_cuda(device) else "cpu"


def _captured(number: int) -> Any:
    """ONNX Runtime's options of a run that is the CUDA graph `number`, or that is none."""
    options = runtime().RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(number))
    return options
