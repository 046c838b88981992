"""Which calls of a network become CUDA graphs: those of a shape that comes again and again, as frames of a video do."""

from dataclasses import dataclass

from gancam.inference.binding import Tensor

_SETTLED = 3  # calls of one shape: what comes so often will come again
_KNOWN = 3  # shapes that are counted, those that came last: frames, and the parts of them that are looked at besides
_MOST = 3  # graphs of a network, each with memory of its own: of frames, of their parts, and of a second source


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
        self._counts: dict[tuple[int, ...], int] = {}  # of the shapes that came last, the last one last

    def find(self, given: tuple[int, ...], made: tuple[int, ...]) -> CapturedCall | None:
        """Find the graph of a call; None where it is to run without.

        Args:
            given: The shape of what the network takes now.
            made: The shape of what it will make.
        """
        count = self._counts[given] = self._counts.pop(given, 0) + 1
        if len(self._counts) > _KNOWN:
            self._counts.pop(next(iter(self._counts)))
        if given not in self._calls and count >= _SETTLED and len(self._calls) < _MOST:
            tensors = Tensor.on(self._device, given), Tensor.on(self._device, made)
            self._calls[given] = CapturedCall(len(self._calls) + 1, *tensors)
        return self._calls.get(given)
