"""Skin of all tones keeps its own in a drawing, and all else stays as it was drawn."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.features import Features
from gancam.effects.translation.skin import in_own_tones
from gancam.frame import Image

TONES = [(38, 48, 66), (60, 84, 128), (110, 146, 196), (178, 198, 232)]  # BGR: very dark, brown, tanned, pale


MARKS = np.array([(150, 82), (170, 82), (160, 90), (152, 98), (168, 98)], float)
FACE = Features((160.0, 90.0), 50.0, MARKS)
ELSEWHERE = Features((30.0, 90.0), 50.0, MARKS - (130, 0))


def person(tone: tuple[int, int, int], wall: tuple[int, int, int] = (210, 205, 200)) -> Image:
    image = np.empty((180, 320, 3), np.uint8)
    image[:] = wall
    image[30:150, 100:220] = tone
    return image


def drawing(image: Image, wall: float = 1.0) -> Image:
    """As networks draw: people lighter, more yellow, with black outlines; and the wall so many times as light."""
    drawn = np.clip(image * (1.1, 1.3, 1.5) + (0, 10, 25), 0, 255).astype(np.uint8)
    beyond = np.ones(image.shape[:2], bool)
    beyond[30:150, 100:220] = False
    drawn[beyond] = np.clip(image[beyond] * wall, 0, 255).astype(np.uint8)
    return np.asarray(cv2.rectangle(drawn, (100, 30), (219, 149), (0, 0, 0), 3), np.uint8)


@pytest.mark.parametrize("tone", TONES)
def test_skin_keeps_its_tone_and_lines_stay_black(tone: tuple[int, int, int]) -> None:
    image = person(tone)
    drawn = drawing(image)
    made = in_own_tones(drawn.copy(), image, [FACE])
    assert np.abs(made[50:130, 120:200].astype(int) - tone).max() <= 8
    assert made[90, 100].max() == 0
    assert (made[:, :90] == drawn[:, :90]).all(), "a wall stays as it was drawn"


@pytest.mark.parametrize("tone", TONES)
def test_skin_grows_a_little_lighter_where_all_does(tone: tuple[int, int, int]) -> None:
    image = person(tone, wall=(120, 118, 116))
    plain, light = (in_own_tones(drawing(image, wall), image, [FACE])[50:130, 120:200].mean() for wall in (1.0, 1.5))
    assert 1.04 < light / plain < 1.1


@pytest.mark.parametrize("thing", [(0, 130, 250), (10, 20, 230), (60, 160, 60), (200, 120, 60), (230, 228, 232)])
def test_oranges_peppers_leaves_sky_and_paper_are_no_skin(thing: tuple[int, int, int]) -> None:
    image = person(thing)
    drawn = drawing(image)
    made = in_own_tones(drawn.copy(), image, [ELSEWHERE])
    assert (made[:, 115:205] == drawn[:, 115:205]).mean() > 0.8, "but for edges before a wall"
    assert (made[45:135, 115:205] == drawn[45:135, 115:205]).all()


def test_the_light_on_a_face_is_skin_though_it_has_no_colour() -> None:
    image = person((66, 63, 60))
    drawn = drawing(image)
    marks = np.array([(140, 80), (180, 80), (160, 95), (145, 115), (175, 115)], float)
    made = in_own_tones(drawn.copy(), image, [Features((160.0, 90.0), 100.0, marks)])
    assert np.abs(made[80:100, 150:170].astype(int) - (66, 63, 60)).max() <= 3
    assert (in_own_tones(drawn.copy(), image, [Features((160.0, 90.0), 100.0, marks, 0.0)]) == drawn).all()


def test_what_has_the_hue_of_skin_stays_where_nobody_is() -> None:
    image = person(TONES[2])
    drawn = drawing(image)
    assert (in_own_tones(drawn.copy(), image, []) == drawn).all()
    far = Features((300.0, 10.0), 8.0, MARKS)
    assert (in_own_tones(drawn.copy(), image, [far])[:, 100:220] == drawn[:, 100:220]).all()
    gone = in_own_tones(drawn.copy(), image, [FACE._replace(seen=0.0, share=0.0)])
    assert (gone == drawn).all()


def test_shades_that_are_drawn_stay() -> None:
    image = person(TONES[2])
    drawn = drawing(image)
    drawn[88:92, 130:190] = drawn[88:92, 130:190] // 2
    made = in_own_tones(drawn.copy(), image, [FACE]).astype(int)
    assert made[90, 160].sum() < 0.7 * made[60, 160].sum()


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (37, 53)])
def test_any_size(shape: tuple[int, int]) -> None:
    image = np.empty((*shape, 3), np.uint8)
    image[:] = TONES[1]
    made = in_own_tones(np.full_like(image, 200), image, [FACE])
    assert made.shape == image.shape
