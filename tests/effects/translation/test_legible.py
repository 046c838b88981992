"""Letters that a pen drawing keeps: on paper with their paper, amid hatching within an outline."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.legible import legible, outlined
from gancam.frame import Image
from gancam.vision.planes import Planes

BOX = slice(60, 100), slice(60, 260)  # what is written on


def page(paper: int, ink: int) -> Image:
    image = np.full((160, 320, 3), paper, np.uint8)
    cv2.putText(image, "Level 0.35", (70, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (ink,) * 3, 2, cv2.LINE_AA)
    return image


def written() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    seen = np.zeros((160, 320), np.uint8)
    seen[BOX] = 255
    return seen


def hatching(light: int) -> Image:
    drawn = np.full((160, 320, 3), light, np.uint8)
    rows, columns = np.indices(drawn.shape[:2])
    drawn[(rows + columns) % 6 < 3] = 20
    return drawn


@pytest.mark.parametrize(("paper", "ink", "light"), [(32, 200, 110), (150, 245, 250), (120, 20, 230)])
def test_amid_hatching_letters_have_no_plate(paper: int, ink: int, light: int) -> None:
    image, drawn = page(paper, ink), hatching(light)
    made = legible(image, drawn, written(), Planes(), hatched=True)
    strokes = np.abs(image[..., 0].astype(int) - paper) > 60
    far = cv2.dilate(strokes.view(np.uint8), np.ones((15, 15), np.uint8)) == 0
    assert np.array_equal(made[far], drawn[far])
    assert (np.abs(made[strokes].astype(int) - drawn[strokes]) > 20).any()
    within = cv2.dilate(strokes.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    shown = outlined(image, drawn, written())
    assert float((shown[within] > 250).mean()) > 0.95


@pytest.mark.parametrize(("paper", "ink", "drawn"), [(240, 20, 250), (12, 220, 10)])
def test_on_paper_and_on_black_all_that_is_written_on_is_kept(paper: int, ink: int, drawn: int) -> None:
    seen = written()
    shown = outlined(page(paper, ink), np.full((160, 320, 3), drawn, np.uint8), seen)
    assert np.array_equal(shown, seen)


def test_where_nothing_is_written_and_on_any_size_the_drawing_stays() -> None:
    drawn = hatching(200)
    assert np.array_equal(legible(page(32, 32), drawn, None, Planes(), hatched=True), drawn)
    one = np.full((1, 1, 3), 90, np.uint8)
    assert outlined(one, one, np.full((1, 1), 255, np.uint8)).shape == (1, 1)
