"""What is somebody for its colours alone is nobody."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks import Faces, Mask, Person
from gancam.masks.people.recoloured import Look, without_lookalikes
from gancam.masks.people.regions import Window

ROOT = Path(__file__).parents[3]
SHAPE = (180, 320)
LEFT, RIGHT = (slice(40, 140), slice(30, 90)), (slice(40, 140), slice(200, 260))
FACE = (45, 50, 20, 20)  # in what stands at the left


def scene() -> Image:
    """Two things of the colour of skin before a dark wall."""
    image = np.full((*SHAPE, 3), 40, np.uint8)
    image[LEFT] = image[RIGHT] = (120, 150, 220)
    return image


def marked(*places: tuple[slice, slice]) -> Mask:
    opacity = np.zeros(SHAPE, np.uint8)
    for place in places:
        opacity[place] = 255
    return opacity


def by_colour(small: Image, *, turned: bool = False) -> NDArray[np.float32]:
    """Takes what is red for somebody."""
    assert turned in (False, True)
    return np.asarray(small[..., 2].astype(int) - small[..., 0] > 50, np.float32)


def by_shape(small: Image, *, turned: bool = False) -> NDArray[np.float32]:
    """Takes what is not as the corner for somebody, whatever its colour."""
    assert turned in (False, True)
    return np.asarray(np.abs(small.astype(int) - small[0, 0]).max(axis=2) > 40, np.float32)


def found(look: Look, opacity: Mask, *faces: Window) -> Mask:
    return without_lookalikes(opacity, scene(), look, 256, lambda: faces)


def test_what_has_only_the_colours_of_somebody_is_nobody() -> None:
    assert not found(by_colour, marked(LEFT, RIGHT)).any()
    assert np.array_equal(found(by_shape, marked(LEFT, RIGHT)), marked(LEFT, RIGHT))


def test_whoever_has_a_face_is_somebody_and_what_stands_beside_them_is_not() -> None:
    assert np.array_equal(found(by_colour, marked(LEFT, RIGHT), FACE), marked(LEFT))
    assert not found(by_colour, marked(LEFT, RIGHT), (130, 50, 20, 20)).any(), "a face between both"


def test_of_whom_the_network_says_little_stays() -> None:
    """Who is far away, or a hand: not even in its own colours is it much."""

    def doubts(small: Image, *, turned: bool = False) -> NDArray[np.float32]:
        return by_colour(small, turned=turned) * np.float32(0.3)

    assert np.array_equal(found(doubts, marked(LEFT)), marked(LEFT))


def test_specks_are_not_asked_about() -> None:
    speck = marked((slice(40, 44), slice(30, 34)))
    assert np.array_equal(found(by_colour, speck), speck)


def test_who_hides_their_face_stays() -> None:
    """The network itself, of a picture of somebody of whom no detector finds the face."""
    image = np.asarray(cv2.imread(str(ROOT / "samples" / "people.jpg")), np.uint8)
    detector, before = Faces(long=640), Person()(image)
    x, y, wide, tall = map(round, detector.detect(image)[0].box)
    face = slice(y, y + tall), slice(x, x + wide)
    image[face] = cv2.GaussianBlur(image[face], (0, 0), tall / 3)
    assert not detector.detect(image)
    assert np.count_nonzero(Person()(image) & before) > 0.99 * np.count_nonzero(before)
