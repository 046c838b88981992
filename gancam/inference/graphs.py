"""Which calls of a network become CUDA graphs: those of a shape that comes again and again, as frames of a video do."""

from dataclasses import dataclass

from gancam.inference.binding import Tensor

_SETTLED = 3  # calls of one shape in a row: what comes so often will come again
_MOST = 2  # graphs of a network, since each keeps memory of its own: those of frames, and of a second source's


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """A call that is a CUDA graph: its number, and the memory that it always reads and writes."""

    number: int
    given: Tensor
    made: Tensor


class CapturedCalls:
    """The captured calls of one network, by shape.

    Args:
        device: Where the network runs.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._calls: dict[tuple[int, ...], CapturedCall] = {}
        self._latest: tuple[int, ...] = ()
        self._count = 0

    def find(self, given: tuple[int, ...], made: tuple[int, ...]) -> CapturedCall | None:
        """Find the graph of a call; None where it is to run without.

        Args:
            given: The shape of what the network takes now.
            made: The shape of what it will make.
        """
        self._count = self._count + 1 if given == self._latest else 1
        self._latest = given
        if given not in self._calls and self._count >= _SETTLED and len(self._calls) < _MOST:
            tensors = Tensor.on(self._device, given), Tensor.on(self._device, made)
            self._calls[given] = CapturedCall(len(self._calls) + 1, *tensors)
        return self._calls.get(given)
