"""What a network that finds people is shown."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel
from gancam.masks import Faces, Person
from gancam.masks.people.closer import CloserLooks
from gancam.masks.people.looks import Looks, Opinion

ROOT = Path(__file__).parents[3]

STILL = np.ones((192, 256), np.float32)


@pytest.fixture(scope="module")
def people() -> Image:
    image = cv2.imread(str(ROOT / "samples" / "people.jpg"))
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def small(people: Image) -> Image:
    return np.asarray(cv2.resize(people, (256, 192), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def looks() -> Looks:
    return Looks(ImageModel(MODELS / "background.onnx", device="cpu", threads=1))


def agreement(found: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Pixels in both over pixels in either."""
    return float(((found > 127) & (truth > 127)).sum() / ((found > 127) | (truth > 127)).sum())


def test_who_sits_in_the_dark_is_seen(people: Image) -> None:
    noise = np.random.default_rng(1).normal(0, 2, people.shape)
    dark = np.asarray(np.clip(people * 0.12 + noise, 0, 255).round(), np.uint8)
    assert agreement(Person().opacity(dark), Person().opacity(people)) > 0.9


def test_both_ways_count_as_much_of_what_rests(looks: Looks, small: Image) -> None:
    one, other = looks(small), looks(small, turned=True)
    assert np.abs(one - other).max() > 0.2
    opinion = Opinion(looks)
    for tick in range(4):
        found = opinion(small, STILL if tick else None, tick)
        np.testing.assert_allclose(found, (one + other) / 2, atol=1e-6)
    np.testing.assert_array_equal(opinion.both()[0], other)  # of the fourth frame
    np.testing.assert_array_equal(opinion.both()[1], one)


def test_what_moved_is_as_it_is_seen_now(looks: Looks, small: Image) -> None:
    opinion = Opinion(looks)
    opinion(np.ascontiguousarray(np.roll(small, 40, axis=1)), None, 0)
    now = looks(small, turned=True)
    found = opinion(small, 0 * STILL, 1)
    assert ((found > 0.5) == (now > 0.5)).mean() > 0.98
    fresh = Opinion(looks)
    fresh(np.zeros_like(small), None, 0)
    later = fresh(small, STILL, 9)  # what was said long ago counts no more
    np.testing.assert_allclose(later, (now + looks(small)) / 2, atol=1e-6)


def test_a_large_dark_face_is_looked_for_lit_and_smaller(looks: Looks) -> None:
    image = np.asarray(cv2.imread(str(ROOT / "samples" / "people.jpg")), np.uint8)
    large = cv2.resize(image[76:196, 242:362], (640, 640), interpolation=cv2.INTER_CUBIC)
    dark = np.asarray(255 * (large / 255) ** 5, np.uint8)
    assert not Faces(long=640).detect(dark)
    (left, top, width, height), *_ = CloserLooks(looks, 256).faces_of(dark)
    assert left < 320 < left + width
    assert top < 320 < top + height


class Nearsighted(ImageModel):
    """Finds what is red, but nothing where the left and the right edge of the frame are seen, which are blue."""

    def __call__(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8]]:  # type: ignore[override]
        blue, green, red = (images[..., channel].astype(int) for channel in range(3))
        edges = (blue - red > 60)[:, :, [0, -1]].any(1).all(1)
        found = (red - green > 60) & ~edges[:, None, None]
        return (np.where(found, np.uint8(255), np.uint8(0))[..., None],)


@pytest.mark.parametrize("patient", [False, True])
def test_who_fills_the_frame_stays_where_only_a_closer_look_shows_them(patient: bool) -> None:
    person = Person(Nearsighted(MODELS / "background.onnx", device="cpu", threads=1))
    if patient:
        person.prefer_quality()
    for step, tall in enumerate((*range(120, 272, 8), *[272] * 10)):
        image = np.full((300, 400, 3), 90, np.uint8)
        place = slice(150 - tall // 2, 150 + tall // 2), slice(200 - tall // 3, 200 + tall // 3)
        image[place], image[:, [0, 1, 2, -3, -2, -1]] = (20, 20, 220), (220, 20, 20)
        opacity = person.opacity(image, time=step / 25)
        assert (opacity[place] > 127).mean() > 0.8, step
