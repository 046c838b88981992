"""How large what effects make is, also of plain functions, which cannot be asked: they are shown the first frame."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gancam.effects import Effect
from gancam.frame import Frame
from gancam.pipeline import FrameCallback, apply
from gancam.sources import Source


def know_size(effects: Sequence[Effect], size: tuple[int, int]) -> bool:
    """Tell whether `effects`, one after the other, can say what they make of a (width, height) without a frame."""
    for effect in effects:
        if not effect.knows_size(size):
            return False
        size = effect.output_size(size)
    return True


class PrimedSource(Source):
    """A source whose first frame is made already: it comes again with ``Frame.made``, so effects see it once.

    Args:
        source: What it is of; closed with this.
        effects: What makes the first frame, of a source that has any.
        on_frame: As ``run`` has them.
        peeked: A picture that is seen before it is played, of a live source: only a first frame that shows the same is
            made already.
    """

    def __init__(
        self,
        source: Source,
        effects: Sequence[Effect],
        on_frame: Sequence[FrameCallback] = (),
        *,
        peeked: Frame | None = None,
    ) -> None:
        self._source, self._frames, self._peeked = source, iter(source), peeked is not None
        self._first = peeked or next(self._frames, None)
        self._made = None if self._first is None else apply(self._first, effects, on_frame=on_frame)

    @property
    def made_size(self) -> tuple[int, int]:
        """(width, height) of the first frame as it was made; that of the source where it has no frames."""
        return self.size if self._made is None else (self._made.image.shape[1], self._made.image.shape[0])

    @property
    def fps(self) -> float:
        """The source's own."""
        return self._source.fps

    @property
    def size(self) -> tuple[int, int]:
        """The source's own."""
        return self._source.size

    @property
    def frames(self) -> int | None:
        """The source's own."""
        return self._source.frames

    @property
    def name(self) -> str:
        """The source's own."""
        return self._source.name

    @property
    def notes(self) -> Sequence[str]:
        """The source's own."""
        return self._source.notes

    @property
    def worker_seconds(self) -> float | None:
        """The source's own."""
        return self._source.worker_seconds

    @property
    def dropped(self) -> int:
        """The source's own."""
        return self._source.dropped

    @property
    def ended_early(self) -> bool:
        """The source's own."""
        return self._source.ended_early

    def skip(self, frames: int) -> None:
        """Leave out no frames: effects that must be shown one remember them all."""
        assert frames == 0

    def __iter__(self) -> Iterator[Frame]:
        first, made, self._first, self._made = self._first, self._made, None, None
        if first is not None and made is not None:
            came = next(self._frames, None) if self._peeked else first
            if came is not None and np.array_equal(came.image, first.image):
                at = replace(made, index=came.index, time=came.time, captured=came.captured, duration=came.duration)
                came = replace(came, made=at)
            if came is not None:
                yield came
            del came
        del first, made
        yield from self._frames

    def close(self) -> None:
        """Close the source."""
        self._source.close()
