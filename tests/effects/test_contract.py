"""What every effect has from its base class, functions as effects, and effects in slots."""

import copy
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import gancam
from gancam.effects import CallLock, Effect, EffectSlot, as_effect, slots
from gancam.frame import Frame, Image
from gancam.params import Params, parameter

IMAGE = np.zeros((4, 6, 3), np.uint8)


class Doubling(Effect):
    """Doubles the picture, and writes down what it is told."""

    remembers, notes, status, device = False, ["a note"], "half saved", "cuda"

    def __init__(self) -> None:
        self.told: list[object] = []

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return image.repeat(2, axis=0).repeat(2, axis=1)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[0] * 2, size[1] * 2

    def reset(self) -> None:
        self.told.append("reset")

    def close(self) -> None:
        self.told.append("close")

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        self.told.append(("ahead", whole))

    def frame_took(self, seconds: float) -> None:
        self.told.append(seconds)

    def listen_to(self, path: Path) -> None:
        self.told.append(path)

    def identity(self) -> dict[str, str | None]:
        return {"device": "cuda"}


def test_only_the_call_must_be_written() -> None:
    class Same(Effect):
        def __call__(self, image: Image, *, time: float | None = None) -> Image:
            return image

    same = Same()
    assert (same.name, same.level, same.card, same.params.values()) == ("Same", "", None, {})
    assert same.output_size((6, 4)) == (6, 4)
    assert (same.remembers, same.can_skim) == (True, False)
    assert (same.notes, same.status, same.pad, same.device) == ([], "", None, "cpu")
    assert same.quality_levels() == [[same]]
    assert same.identity() == {}


@dataclass
class DimParams(Params):
    by: float = parameter(0.5, minimum=0.0, maximum=1.0, help="how much light is taken away")


class Dim(Effect):
    params: DimParams = DimParams()

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return np.asarray(image * (1 - self.params.by), np.uint8)


class DimByDefault(Effect):
    """Says of its parameters of which class they are, no more."""

    params: DimParams

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return np.asarray(image * (1 - self.params.by), np.uint8)


@pytest.mark.parametrize("kind", [Dim, DimByDefault])
def test_each_effect_has_parameters_of_its_own(kind: type[Dim]) -> None:
    first, second = kind(), kind()
    first.params.by = 1.0
    assert (second.params.by, kind().params.by, kind(by=0.25).params.by) == (0.5, 0.5, 0.25)
    for other in (copy.copy(first), copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        assert other.params.by == 1.0
    other = copy.deepcopy(first)
    other.params.by = 0.2
    assert first.params.by == 1.0
    assert slots([first])[0].params is first.params


def test_parameters_given_to_a_class_are_checked() -> None:
    with pytest.raises(gancam.ParameterError, match="by=2: needs a number from 0 to 1"):
        Dim(by=2)
    with pytest.raises(gancam.ParameterError, match="no parameter 'bx'"):
        Dim(bx=1)


def test_functions_are_effects_with_the_time_if_they_take_it() -> None:
    times: list[float | None] = []

    def told(image: Image, *, time: float | None = None) -> Image:
        times.append(time)
        return image[:2]

    effect = as_effect(told)
    assert effect(IMAGE, time=0.5).shape == (2, 6, 3)
    assert times == [0.5]
    assert effect.output_size((6, 4)) == (6, 2)
    assert effect.name == "told"
    assert as_effect(lambda image: 255 - image)(IMAGE, time=1.0).min() == 255
    assert as_effect(effect) is effect


def test_a_function_is_shown_a_black_picture_once_for_a_size_that_it_has_not_seen() -> None:
    seen: list[int] = []

    def doubled(image: Image) -> Image:
        seen.append(int(image.max()))
        return image.repeat(2, axis=0)

    (slot,) = slots([doubled])
    bright = np.full((4, 6, 3), 9, np.uint8)
    assert slot(bright).shape == (8, 6, 3)
    slot.on = False
    for _ in range(5):
        assert slot(bright).shape == (8, 6, 3)
    assert slot.output_size((6, 4)) == (6, 8)
    assert seen == [9]
    for _ in range(3):
        assert slot(bright[:2]).shape == (4, 6, 3)
    assert seen == [9, 0]


def test_a_function_may_come_to_give_another_size() -> None:
    times = [1]
    effect = as_effect(lambda image: image.repeat(times[0], axis=0))
    assert effect.output_size((6, 4)) == (6, 4)
    times[0] = 2
    effect(IMAGE)
    assert effect.output_size((6, 4)) == (6, 8)
    for side in range(1, 100):
        assert effect.output_size((side, 1)) == (side, 2)


def test_a_slot_passes_everything_on() -> None:
    inner = Doubling()
    (slot,) = slots([inner])
    assert (slot.remembers, list(slot.notes), slot.status, slot.device) == (False, ["a note"], "half saved", "cuda")
    slot.reset()
    slot.read_ahead(lambda: iter(()), whole=False)
    slot.listen_to(Path("a.wav"))
    slot.frame_took(0.25)
    slot.close()
    assert inner.told == ["reset", ("ahead", False), Path("a.wav"), 0.25, "close"]
    assert slot.identity() == {"device": "cuda"}
    assert slot.quality_levels() == [[inner]]
    slot.on = False
    assert slot(IMAGE).shape == (8, 12, 3)
    assert slot.status == ""


def test_slots_have_names_of_their_own_and_stay_as_they_are() -> None:
    chain = slots([Doubling(), Doubling(), lambda image: image])
    assert [slot.name for slot in chain] == ["Doubling", "Doubling#2", "<lambda>"]
    again = slots(chain)
    assert all(one is two for one, two in zip(chain, again, strict=True))
    assert isinstance(again[0], EffectSlot)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_what_a_thread_holds_is_free_in_a_forked_process() -> None:
    lock, held, over = CallLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait(120)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(120)
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends a child that waits for ever
        with lock:
            os._exit(0)
    over.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_a_function_that_remembers_does_not_remember_the_black_image_that_tells_its_size() -> None:
    class Trails:
        seen = 0

        def __call__(self, image: Image) -> Image:
            self.seen += 1
            return image

    trails = Trails()
    assert gancam.effects.FunctionEffect(trails).output_size((6, 4)) == (6, 4)
    assert trails.seen == 0
