"""Effects where a program puts them: in threads, processes, copies and batches."""

import copy
import multiprocessing
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

import gancam
from gancam.effects import EffectSlot, ModelEffect, load
from gancam.frame import Image
from tests.helpers.small import still

SIZES = (176, 100), (112, 160)
SIGN = np.asarray(cv2.resize(still("sign"), (220, 200)), np.uint8)
CHAIN: dict[str, Callable[[], ModelEffect]] = {
    "sr": lambda: load("sr-x2-fast", device="cpu", threads=1, strength=0.5, threshold=2.0),
    "translate": lambda: load("sketch", device="cpu", threads=1, stabilise=0.7, region="0.2/0/0.5/1"),
    "inpaint": lambda: load("inpaint", device="cpu", threads=1, box="60/40/50/40", track=True),
    "given": lambda: load("inpaint", device="cpu", threads=1, mask=gancam.masks.Boxes((9, 9, 30, 20)), memory=False),
    "morph": lambda: load("morph-fruits", device="cpu", threads=1, keyframes="3/17", opacity=0.5),
    "lively": lambda: load("morph-fruits", device="cpu", threads=1, drive="motion", where="object", box="60/40/50/40"),
}


def frames(size: tuple[int, int], count: int = 3) -> list[Image]:
    """Views of one picture that move by two pixels."""
    width, height = size
    return [np.ascontiguousarray(SIGN[40 : 40 + height, shift : shift + width]) for shift in range(0, 2 * count, 2)]


def played(effect: gancam.Effect, images: list[Image]) -> list[Image]:
    return [effect(image, time=index / 25).copy() for index, image in enumerate(images)]


def same(one: list[Image], other: list[Image]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.fixture(params=CHAIN)
def effect(request: pytest.FixtureRequest) -> ModelEffect:
    return CHAIN[str(request.param)]()


def test_a_copy_has_all_but_the_memory(effect: ModelEffect) -> None:
    images = frames(SIZES[0])
    wanted = played(effect, images)
    for made in (copy.deepcopy(effect), pickle.loads(pickle.dumps(effect))):
        assert made.params.values() == effect.params.values()
        assert made.model is not effect.model
        assert repr(made) == repr(effect)
        assert same(played(made, images), wanted)


def test_a_copy_goes_its_own_way() -> None:
    first = load("sr-x2-fast", device="cpu", threads=1)
    second = copy.deepcopy(first)
    second.params.strength = 0.0
    assert first.params.strength == 1.0
    assert not np.array_equal(first(SIGN), second(SIGN))


@pytest.mark.parametrize("wrap", [EffectSlot, lambda one: gancam.Budget([one], 5.0)], ids=["slot", "budget"])
def test_what_holds_effects_is_copied_too(wrap: Callable[[gancam.Effect], gancam.Effect]) -> None:
    whole = wrap(load("sketch", device="cpu", precision="fp32", threads=1))
    image = frames(SIZES[0])[0]
    assert pickle.loads(pickle.dumps(whole))(image).shape == copy.deepcopy(whole)(image).shape == image.shape


def test_threads_with_pictures_of_two_sizes_get_pictures_of_theirs(effect: ModelEffect) -> None:
    by_size = [frames(size)[0] for size in SIZES]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda turn: effect(by_size[turn % 2], time=turn / 25), range(12)))
    for turn, result in enumerate(results):
        height, width = by_size[turn % 2].shape[:2]
        assert (result.shape[1], result.shape[0]) == effect.output_size((width, height))


@pytest.mark.parametrize("name", ["morph", "given"])
def test_threads_change_no_picture_of_one_that_remembers_nothing(name: str) -> None:
    effect, images = CHAIN[name](), [frames(size)[0] for size in SIZES]
    alone = [effect(images[turn % 2], time=turn / 25) for turn in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda turn: effect(images[turn % 2], time=turn / 25), range(12)))
    assert same(alone, together)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_process_can_go_on(effect: ModelEffect) -> None:
    images = frames(SIZES[0])
    wanted = played(effect, images)
    effect.reset()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(played(effect, images)))
    child.start()
    assert receiver.poll(300), "the forked process gave nothing"
    assert same(receiver.recv(), wanted)
    child.join(120)
    assert child.exitcode == 0


def test_a_batch_is_frames_that_follow_each_other(effect: ModelEffect) -> None:
    images = frames(SIZES[0])
    one_by_one = [effect(image, time=index / 30).copy() for index, image in enumerate(images)]
    effect.reset()
    at_once = effect(np.stack(images), time=0.0)
    assert same(list(at_once), one_by_one)
    width, height = effect.output_size(SIZES[0])
    assert effect(np.empty((0, SIZES[0][1], SIZES[0][0], 3), np.uint8)).shape == (0, height, width, 3)


def test_a_batch_may_have_a_mask_for_each_image() -> None:
    erase, images = load("inpaint", device="cpu", threads=1, memory=False), np.stack(frames(SIZES[0]))
    holes = np.zeros(images.shape[:3], np.uint8)
    holes[0, 20:40, 20:40] = holes[2, 50:70, 90:120] = 1
    each = erase(images, mask=holes)
    assert same(list(each), [erase(image, mask=hole) for image, hole in zip(images, holes, strict=True)])
    assert np.array_equal(each[1], images[1])
    assert same(list(erase(images, mask=holes[0])), [erase(image, mask=holes[0]) for image in images])
    with pytest.raises(gancam.MaskError):
        erase(images, mask=holes[:2])


@pytest.mark.parametrize(
    "images", [np.zeros((2, 8, 8, 4), np.uint8), np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 0, 8, 3), np.uint8)]
)
def test_what_is_no_batch_is_refused(images: Image) -> None:
    with pytest.raises(gancam.ImageError, match="need uint8"):
        load("sr-x2-fast", device="cpu", threads=1)(images)


def test_the_kind_that_is_asked_for_is_the_kind_that_comes() -> None:
    assert isinstance(load("sketch", kind=gancam.Translate, device="cpu"), gancam.Translate)
    with pytest.raises(gancam.ModelError, match="sketch: is played by Translate, not by Morph"):
        load("sketch", kind=gancam.Morph, device="cpu")


def test_it_says_what_it_is() -> None:
    effect = load("sketch", device="cpu", precision="fp32", threads=1)
    effect.params.strength = 0.25
    assert repr(effect) == "<gancam.Translate 'sketch' device='cpu' precision='fp32' strength=0.25>"
