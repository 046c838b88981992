"""What holds of every bundled model, however its effect is set: what it remembers, gives away, and takes."""

from collections.abc import Sequence

import numpy as np
import pytest

from gancam.effects import Effect, declared_for
from gancam.errors import GancamError
from gancam.frame import Image
from tests.helpers.modes import FREE, Mode, all_models, all_modes, made, scene

STEP, BEGIN = 0.2, 4  # seconds from frame to frame; the first frame that another worker would make
SIZES = [(1, 1), (1, 2), (2, 1), (1, 70), (70, 1), (3, 3), (2, 33)]
QUICK: list[Mode] = [
    ("sr-x2-fast", {}),
    ("colorize", {}),
    ("morph-fruits", {}),
    ("sketch", {"anchor": "frame", "faces": 0.0}),
    ("inpaint", {"memory": False, "box": "0/0/30/26"}),
    ("inpaint", {"memory": False, "find": "scratches"}),
    ("inpaint", {"memory": False, "find": "overlay"}),
    ("inpaint", {"memory": False, "key": "white", "letters": "on"}),
]


def _every(modes: list[Mode]) -> Sequence[object]:
    """Those of `modes`, the quick ones by default and all others as slow ones."""
    rest = [mode for mode in modes if mode not in QUICK]
    named = [pytest.param(mode, id=_name(mode)) for mode in QUICK]
    return named + [pytest.param(mode, id=_name(mode), marks=pytest.mark.slow) for mode in rest]


def _name(mode: Mode) -> str:
    return ":".join((mode[0], *(f"{name}={value}" for name, value in mode[1].items())))


EVERY = pytest.mark.parametrize("mode", _every([*all_models(), *all_modes()]))


def _played(effect: Effect, frames: list[Image], first: int = 0) -> list[Image]:
    return [effect(frames[at], time=at * STEP).copy() for at in range(first, len(frames))]


@pytest.mark.parametrize("name", sorted(FREE))
def test_its_parameters_are_those_that_the_command_line_knows(name: str) -> None:
    effect = made((name, {}))
    assert effect.card is not None
    assert declared_for(effect.card) is type(effect.params)


@EVERY
def test_a_file_may_be_begun_at_any_frame_where_nothing_is_remembered(mode: Mode) -> None:
    """That is what several workers and resumed jobs rely on; what can_skim sees the frames before first."""
    frames, effect = scene(mode), made(mode)
    if effect.remembers and not effect.can_skim:
        return
    whole = _played(effect, frames)
    effect.reset()
    if effect.remembers:
        for at in range(BEGIN):
            effect.skim(frames[at], time=at * STEP)
    for one, other in zip(whole[BEGIN:], _played(effect, frames, BEGIN), strict=True):
        assert np.array_equal(one, other)


@EVERY
def test_what_it_gives_is_the_callers_to_draw_on(mode: Mode) -> None:
    frames, effect = scene(mode, 8), made(mode)
    clean = _played(effect, frames)
    effect.reset()
    for at, (frame, expected) in enumerate(zip(frames, clean, strict=True)):
        given = effect(frame.copy(), time=at * STEP)
        assert np.array_equal(given, expected)
        given[...] = at * 37 % 256


@EVERY
def test_pictures_of_a_few_pixels_are_taken_or_refused(mode: Mode) -> None:
    rng, effect = np.random.default_rng(0), made(mode)
    for height, width in SIZES:
        for at in range(3):
            frame = rng.integers(0, 256, (height, width, 3), np.uint8)
            try:
                given = effect(frame, time=at * STEP)
            except GancamError:
                continue
            assert given.shape[1::-1] == effect.output_size((width, height))
