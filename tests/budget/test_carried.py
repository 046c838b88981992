"""Effects that are too slow for every frame, made beside them and carried along by motion."""

import copy
import pickle
import threading

import cv2
import numpy as np
import pytest

from gancam.budget import Budget
from gancam.budget.carried import Carried
from gancam.effects import Effect, slots
from gancam.errors import ImageError
from gancam.frame import Image, ImageLike
from tests.helpers.budget import Slow, own_time
from tests.helpers.small import still


class Tint(Effect):
    """Makes everything 40 levels lighter, and waits for leave."""

    def __init__(self, times: int = 1) -> None:
        self.may, self.calls, self.times = threading.Event(), 0, times
        self.may.set()

    def __call__(self, image: ImageLike, *, time: float | None = None) -> Image:
        self.may.wait(120)
        self.calls += 1
        half = np.array(image, np.uint8)
        half[:, : half.shape[1] // 2] += 40
        return half.repeat(self.times, axis=0).repeat(self.times, axis=1)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[0] * self.times, size[1] * self.times


def test_what_is_carried_never_waits_and_moves_with_the_picture() -> None:
    scene = np.asarray(cv2.resize(still("lake"), (480, 240)) // 2, np.uint8)
    effect = Tint()
    effect.may.clear()
    carried = Carried(effect)
    first = np.ascontiguousarray(scene[:, 40:360])
    assert np.array_equal(carried(first), first)  # nothing is there yet
    effect.may.set()
    carried.settle()
    out = carried(first)
    carried.settle()
    assert cv2.PSNR(out, effect(first)) > 40
    effect.may.clear()
    moved = np.ascontiguousarray(scene[:, 48:368])  # the camera went on by 8 pixels, and the effect is not done
    out = carried(moved)
    lighter = cv2.absdiff(out, moved).mean(axis=2)
    assert lighter[:, 10:140].mean() == pytest.approx(40, abs=6)
    assert lighter[:, 165:310].mean() < 4
    edge = [int(np.argmax(row < 20)) for row in lighter[40:200:8]]
    assert np.median(edge) == pytest.approx(152, abs=3)  # where the middle of the first picture is now
    effect.may.set()
    carried.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "gancam-carry"]


def test_nothing_is_carried_over_a_cut() -> None:
    effect = Tint()
    carried = Carried(effect)
    before, after = (np.asarray(cv2.resize(still(name), (320, 240)) // 2, np.uint8) for name in ("lake", "otters"))
    carried(before)
    carried.settle()
    effect.may.clear()
    assert not np.array_equal(carried(before), before)
    assert np.array_equal(carried(after), after)
    effect.may.set()
    carried.settle()  # of what was given before the cut
    assert np.array_equal(carried(after), after)
    carried.settle()
    assert not np.array_equal(carried(after), after)
    carried.close()


def test_what_is_carried_is_of_the_picture_that_was_given_in_whatever_buffer() -> None:
    seen: list[int] = []

    class Sees(Tint):
        def __call__(self, image: ImageLike, *, time: float | None = None) -> Image:
            made = super().__call__(image, time=time)
            seen.append(int(np.asarray(image).mean()))
            return made

    effect = Sees()
    carried, buffer = Carried(effect), np.empty((24, 32, 3), np.uint8)
    for value in (10, 20, 30):
        effect.may.clear()
        buffer[:] = value
        assert carried(buffer, time=0.0) is not buffer
        buffer[:] = 200  # the caller reads the next picture into it
        effect.may.set()
        carried.settle()
    carried.close()
    assert seen == [10, 20, 30]


@pytest.mark.parametrize(("size", "times"), [((1, 1), 1), ((3, 5), 2), ((50, 90), 2), ((360, 640), 2)])
def test_what_is_carried_has_the_size_of_the_effect(size: tuple[int, int], times: int) -> None:
    carried = Carried(Tint(times))
    image = np.full((*size, 3), 99, np.uint8)
    for _ in range(3):
        out = carried(image)
        assert out.shape == (size[0] * times, size[1] * times, 3)
        carried.settle()
    assert carried(image[: size[0] // 2 + 1]).shape[0] == (size[0] // 2 + 1) * times  # another size in mid-play
    carried.reset()
    assert np.array_equal(carried(image)[::times, ::times], image)
    carried.close()


def test_an_error_of_what_is_carried_is_raised() -> None:
    class Broken(Tint):
        def __call__(self, image: ImageLike, *, time: float | None = None) -> Image:
            raise ImageError("broken")

    carried = Carried(Broken())
    image = np.zeros((24, 32, 3), np.uint8)
    carried(image)
    carried.settle()
    with pytest.raises(ImageError, match="broken"):
        carried(image)
    carried.close()


def test_a_slow_effect_is_carried_before_it_is_left_out() -> None:
    said: list[str] = []
    budget = Budget(Slow(), 0.06, carry=True, off=True, notify=said.append, clock=own_time)
    budget.prepare((64, 48))
    assert [name for name in ("Slow (", "Slow carried by motion (", "Slow off (") if name in said[0]]
    assert "Slow carried by motion" in budget.playing
    assert budget(np.zeros((48, 64, 3), np.uint8)).shape == (48, 64, 3)
    budget.close()


def test_a_copy_measures_anew() -> None:
    (slot,) = slots([Slow(strength=0.25)])
    budget = Budget([slot], 0.06, carry=True, off=True, clock=own_time)
    budget.prepare((64, 48))
    assert "Slow carried by motion" in budget.playing
    image = np.full((48, 64, 3), 9, np.uint8)
    copies = copy.deepcopy(budget), pickle.loads(pickle.dumps(budget))
    for copied in copies:
        assert copied.playing == "Slow"
        assert isinstance(copied.effects[0].effect, Slow)
        assert copied.params.values() == {"strength": 0.25}
        assert copied.params is copied.effects[0].params is not budget.params
    copies[0].seconds = 5.0
    assert (copies[0](image) == 49).all()
    slot.on = False
    assert copy.deepcopy(budget).effects[0](image) is image
    slot.on = True
    alone = copy.deepcopy(slot)  # in which something is carried
    assert alone(image).shape == image.shape
    alone.close()
    budget.close()
