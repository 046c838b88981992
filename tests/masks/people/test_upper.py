"""A closer look at the upper half of people."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel
from gancam.masks import Person
from gancam.masks.people.looks import Looks
from gancam.masks.people.upper import with_upper_half

WORK_SIZE = 256


@pytest.fixture(scope="module")
def people() -> Image:
    image = cv2.imread(str(Path(__file__).parents[3] / "samples" / "people.jpg"))
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def looks() -> Looks:
    return Looks(ImageModel(MODELS / "background.onnx", device="cpu", threads=1))


def test_what_was_missed_is_found_and_below_nothing_changes(people: Image, looks: Looks) -> None:
    window = 0, 0, people.shape[1], people.shape[0]
    small = np.asarray(cv2.resize(people, (256, 192), interpolation=cv2.INTER_AREA), np.uint8)
    found = looks(small)
    rows, columns = np.nonzero(found > 0.5)
    top, bottom = rows.min(), rows.max() + 1
    missed = found.copy()
    middle = int(np.median(columns))
    place = slice(top + (bottom - top) // 8, top + (bottom - top) // 4), slice(middle - 6, middle + 6)
    missed[place] = 0
    made = with_upper_half(missed, people, window, looks, WORK_SIZE, adds=False)
    assert found[place].mean() > 0.9
    assert made[place].mean() > 0.5
    below = slice(top + int(0.6 * (bottom - top)), None)
    np.testing.assert_array_equal(made[below], missed[below])


def test_what_only_adds_takes_nothing(people: Image, looks: Looks) -> None:
    window = 0, 0, people.shape[1], people.shape[0]
    found = looks(np.asarray(cv2.resize(people, (256, 192), interpolation=cv2.INTER_AREA), np.uint8))
    doubled = np.maximum(found, np.float32(0.6))
    doubled[:, :20] = 0
    assert (with_upper_half(doubled, people, window, looks, WORK_SIZE, adds=True) >= doubled).all()
    assert (with_upper_half(doubled, people, window, looks, WORK_SIZE, adds=False) < doubled).any()


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0, 90, 256, 1), (250, 0, 6, 192), (0, 0, 256, 192)])
def test_any_part_may_be_somebody(people: Image, looks: Looks, box: tuple[int, int, int, int]) -> None:
    left, top, width, height = box
    found = np.zeros((192, 256), np.float32)
    found[top : top + height, left : left + width] = 1
    made = with_upper_half(found, people, (0, 0, people.shape[1], people.shape[0]), looks, WORK_SIZE, adds=False)
    assert made.shape == found.shape
    assert made.min() >= 0
    assert made.max() <= 1


def test_only_an_image_by_itself_is_looked_at_more(people: Image) -> None:
    """The first frame of a clip is as the second is, else somebody would lose an arm in that."""
    alone, clip = Person(), Person()
    assert (alone.opacity(people) != clip.opacity(people, time=0.0)).any()
