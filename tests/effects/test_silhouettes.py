"""The wall beside a face that is filled: it stays, and none of its colour comes into the fill."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import gancam
from gancam.effects.inpainting import silhouettes
from gancam.effects.inpainting.silhouettes import Silhouettes
from gancam.frame import Image
from gancam.masks import Faces, Person
from tests.helpers.small import still

WALL = 40, 200, 60


@pytest.fixture(scope="module")
def person() -> Image:
    """Somebody near, with a face turned to the camera, before a wall of a colour that is nowhere on them."""
    image = cv2.imread(str(Path(__file__).parents[2] / "samples" / "people.jpg"))
    assert image is not None
    x, y, wide, tall = (round(value) for value in Faces().detect(np.asarray(image, np.uint8))[0].box)
    near = image[max(y - tall, 0) : y + 3 * tall, max(x - 2 * wide, 0) : x + 3 * wide]
    share = Person().opacity(np.asarray(near, np.uint8)).astype(np.float32)[..., None] / 255
    return np.asarray(near * share + np.array(WALL, np.float32) * (np.float32(1) - share), np.uint8)


def green(image: np.ndarray) -> np.ndarray:
    blue, level, red = (image[..., channel].astype(int) for channel in range(3))
    return np.asarray(level - np.maximum(blue, red))


def test_no_wall_flows_in_over_a_face_and_none_is_filled(person: Image) -> None:
    filled = gancam.load("inpaint", device="cpu", threads=1, mask="faces")(person, time=0.0)
    face = Faces(grow=1.0)(person)
    inner = (cv2.erode(face, np.ones((9, 9), np.uint8)) > 0) & (green(person) < 20)
    assert np.abs(filled[face > 0].astype(int) - person[face > 0]).mean() > 10
    assert green(filled)[inner].max() < 40
    wall = (face > 0) & (green(person) > 120) & (cv2.blur(np.asarray(person[..., 2]), (7, 7)) < 64)
    assert np.array_equal(filled[wall], person[wall])


def test_who_is_not_found_is_filled_all_over() -> None:
    """A face is hidden also where the network sees nobody around it."""
    image = still("spices")
    face = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(face, (60, 60), (25, 35), 0, 0, 360, 1, cv2.FILLED)
    assert not Silhouettes()(image, 0.0, face)[face > 0].any()


def test_between_looks_the_wall_goes_along_with_a_face(person: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    face = Faces(grow=1.0)(person)
    found = Silhouettes()
    first = found(person, 0.0, face)
    monkeypatch.setattr(found, "_looked", lambda *_: pytest.fail("was looked for"))
    moved = found(np.asarray(np.roll(person, 6, 1), np.uint8), 1 / 30, np.asarray(np.roll(face, 6, 1), np.uint8))
    near = np.asarray(np.roll(face, 6, 1)) > 0
    assert (moved == np.roll(first, 6, 1))[near].mean() > 0.98


def test_in_a_file_each_frame_is_looked_at(person: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    face = Faces(grow=1.0)(person)
    found, looks, look = Silhouettes(), [], Silhouettes._looked

    def counted(self: Silhouettes, small: Image, time: float | None) -> np.ndarray:
        looks.append(time)
        return look(self, small, time)

    monkeypatch.setattr(Silhouettes, "_looked", counted)
    for frame in range(silhouettes._EVERY + 1):
        found(person, frame / 30, face)
    assert len(looks) == 2
    found.take_time()
    found(person, 1.0, face)
    found(person, 1.1, face)
    assert len(looks) == 4
