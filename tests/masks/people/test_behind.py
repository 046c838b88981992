"""People behind others: who is found once these are taken out of the picture."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks import Mask, Person
from gancam.masks.people.person import behind
from tests.helpers.small import still

SHAPE = (120, 160)


def crowd(*radii: int) -> Image:
    """Red discs of these sizes beside each other on grey."""
    image = np.full((*SHAPE, 3), 128, np.uint8)
    for at, radius in enumerate(radii):
        cv2.circle(image, (30 + 50 * at, 60), radius, (0, 0, 255), -1)
    return image


def largest(image: Image) -> Mask:
    """What sees only the largest red disc: 255 there."""
    red = np.asarray(image[..., 2].astype(int) - image[..., 0] > 120, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(red)
    if count < 2:
        return np.zeros(SHAPE, np.uint8)
    return np.where(labels == 1 + int(stats[1:, 4].argmax()), np.uint8(255), np.uint8(0))


def red(image: Image) -> NDArray[np.bool_]:
    return np.asarray((image == (0, 0, 255)).all(2))


def test_those_behind_are_found_one_after_the_other() -> None:
    image = crowd(22, 15, 10)
    front = largest(image)
    others = behind(image, front, largest)
    assert np.array_equal((front | others) > 0, red(image))
    assert not (others & front).any()


def test_nobody_else_is_nobody() -> None:
    image = crowd(22)
    assert not behind(image, largest(image), largest).any()
    assert not behind(image, np.zeros(SHAPE, np.uint8), largest).any()
    assert not behind(image, np.full(SHAPE, 255, np.uint8), largest).any()


def test_specks_are_nobody() -> None:
    image = crowd(22, 1)
    assert not behind(image, largest(image), largest).any()


def test_one_who_stands_alone_is_marked_as_before() -> None:
    """The network itself, shown a picture without the person whom it found, finds nobody more."""
    image = np.asarray(cv2.imread(str(Path(__file__).parents[3] / "samples" / "people.jpg")), np.uint8)
    alone = Person(wide=True)(image)
    again = behind(
        image,
        alone * np.uint8(255),
        lambda picture: np.asarray(Person(wide=True).opacity(picture) // 128 * 255, np.uint8),
    )
    assert np.count_nonzero(again) < 0.002 * again.size


def test_what_is_nobody_is_not_marked_in_an_image_by_itself() -> None:
    """Otters and an osprey may be somebody to a network; where nobody surely is, nothing is marked."""
    for name in ("otters", "osprey", "spices", "lake"):
        image = still(name)
        if not Person()(image).any():
            assert not Person(wide=True)(image).any(), name


def test_all_of_a_group_are_found_in_an_image_by_itself() -> None:
    """Five in a row, of whom the network sees four at a time."""
    image = np.asarray(cv2.imread(str(Path(__file__).parents[3] / "samples" / "people.jpg")), np.uint8)
    one = Person()(image)
    left, top, wide, tall = cv2.boundingRect(one)
    size = round(0.33 * wide), round(0.33 * tall)
    person, shape = (cv2.resize(each[top : top + tall, left : left + wide], size, interpolation=cv2.INTER_AREA)
                     for each in (image, one * np.uint8(255)))  # fmt: skip
    group, truth = np.full((720, 1280, 3), (150, 160, 165), np.uint8), np.zeros((720, 1280), np.bool_)
    for index in range(5):
        x, y = index * (1280 - size[0]) // 4, 720 - size[1] - index % 2 * 60
        place = slice(y, y + size[1]), slice(x, x + size[0])
        cv2.copyTo(person, np.asarray(shape > 127, np.uint8), group[place])
        truth[place] |= shape > 127
    found = Person().opacity(group) > 127
    assert found[truth].mean() > 0.97
    assert found[~truth].mean() < 0.001
    assert found[truth].mean() > (Person().opacity(group, time=0.0) > 127)[truth].mean()
