"""Files: people who are in the first frame, and found in a later one."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.frame import Frame, Image
from gancam.masks import Boxes, Person
from gancam.masks.opening import meet
from tests.helpers.small import still

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def people() -> Image:
    image = cv2.imread(str(ROOT / "samples" / "people.jpg"))
    assert image is not None
    return np.asarray(cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA), np.uint8)


def read_of(images: Sequence[Image], person: Person) -> int:
    """How many frames of a file are read to meet who is in them."""
    read = 0

    def frames() -> Iterator[Frame]:
        nonlocal read
        for index, image in enumerate(images):
            read += 1
            yield Frame(image, index, index / 25)

    meet([person, Boxes((1, 1, 9, 9))], frames)
    return read


def test_later_frames_are_looked_at_where_nobody_is_found_in_the_first(people: Image) -> None:
    lake = np.asarray(still("lake"), np.uint8)
    assert read_of([people] * 20, Person(hold=1.0)) == 1
    assert read_of([lake, *[people] * 19], Person(hold=1.0)) == 15
    assert read_of([lake, people], Person(hold=0.0)) == 0  # it remembers nobody


def test_who_is_seen_in_the_first_frame_is_seen_as_without_the_others(people: Image) -> None:
    """A backdrop beside a speaker was held for somebody, because of what later frames had made of it."""
    alone, met = Person(hold=1.0), Person(hold=1.0)
    assert read_of([people, *[np.asarray(still("lake"), np.uint8)] * 4], met) == 1
    assert np.array_equal(met(people, time=0.0), alone(people, time=0.0))
