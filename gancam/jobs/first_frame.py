"""How large what effects make is, also of plain functions, which cannot be asked: they are shown the first frame."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gancam.effects import Effect
from gancam.frame import Frame
from gancam.pipeline import FrameCallback, apply, output_size
from gancam.sources import Source


def know_size(effects: Sequence[Effect], size: tuple[int, int]) -> bool:
    """Tell whether `effects`, one after the other, can say what they make of a (width, height) without a frame."""
    for effect in effects:
        if not effect.knows_size(size):
            return False
        size = effect.output_size(size)
    return True


def size_and_frames(
    source: Source,
    effects: Sequence[Effect],
    on_frame: Sequence[FrameCallback] = (),
    *,
    peeked: Frame | None = None,
) -> tuple[tuple[int, int], Iterator[Frame]]:
    """Give the size that `effects` make, and the frames to play; where only a frame tells the size, the first is made.

    It then comes with ``Frame.made``, so that effects see it once.

    Args:
        source: Where frames come from.
        effects: What makes the frames.
        on_frame: As ``run`` has them.
        peeked: A picture that is seen before it is played, of a live source: only a first frame that shows the same is
            made already.

    Returns:
        (width, height) as made, that of the source where it has no frames; and the frames.
    """
    frames = iter(source)
    if know_size(effects, source.size):
        return output_size(effects, source.size), frames
    first = peeked or next(frames, None)
    if first is None:
        return source.size, frames
    made = apply(first, effects, on_frame=on_frame)
    return (made.image.shape[1], made.image.shape[0]), _again(first, made, frames, peeked=peeked is not None)


def _again(first: Frame, made: Frame, frames: Iterator[Frame], *, peeked: bool) -> Iterator[Frame]:
    came = next(frames, None) if peeked else first
    if came is not None and np.array_equal(came.image, first.image):
        made = replace(made, index=came.index, time=came.time, captured=came.captured, duration=came.duration)
        came = replace(came, made=made)
    if came is not None:
        yield came
    del first, made, came  # large pictures
    yield from frames
