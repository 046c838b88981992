"""Paper: letters stand on the ground that is drawn, and nothing but that ground moves."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.paper import on_ground
from gancam.effects.translation.writing import written
from gancam.frame import Image
from gancam.vision.text import draw_text


def _slide(ground: int = 245, ink: tuple[int, int, int] = (40, 40, 40)) -> Image:
    image = np.full((360, 640, 3), ground, np.uint8)
    draw_text(image, "Revenue and costs", (40, 100), 14, ink)
    draw_text(image, "small print, see page 17", (40, 160), 9, ink)
    return image


def _moved(image: Image, by: tuple[int, int, int]) -> Image:
    return np.clip(image.astype(int) + by, 0, 255).astype(np.uint8)


def test_letters_are_laid_on_the_ground_that_is_drawn() -> None:
    image = _slide(200)
    seen = written(image)
    drawn = np.clip(image.astype(int) + np.array([30, -20, -60]), 0, 255).astype(np.uint8)
    drawn[90:175] = cv2.blur(drawn[90:175], (31, 31))
    laid = on_ground(image, drawn, seen)
    paper = (seen == 255) & (image.min(2) == 200)
    assert np.abs(laid[paper].astype(int) - (230, 180, 140)).max() <= 2
    assert np.ptp(laid[seen == 255].min(1)) > 100
    assert np.array_equal(on_ground(image, image, seen), image)


def test_white_letters_stay_white_on_a_bar_that_is_drawn_much_darker() -> None:
    """They went as dark as the bar did."""
    image = _slide(150, (250, 250, 250))
    seen = written(image)
    dark = np.full_like(image, (90, 40, 20))
    laid = on_ground(image, dark, seen)
    letters, bar = (seen == 255) & (image.min(2) > 240), (seen == 255) & (image.max(2) == 150)
    assert laid[letters].min() > 215
    assert np.abs(laid[bar].astype(int) - (90, 40, 20)).max() <= 2


def _board() -> tuple[Image, Image]:
    """White letters in the corner of a green board on a light table, and where the board is."""
    image = np.full((360, 640, 3), (205, 215, 220), np.uint8)
    image[40:300, 60:420] = (60, 140, 20)
    draw_text(image, "USB USER PORT", (322, 276), 12, (225, 235, 230))
    board = np.zeros((360, 640), np.uint8)
    board[40:300, 60:420] = 255
    return image, board


def test_the_end_of_a_board_goes_as_the_board_does_and_the_table_as_the_table() -> None:
    """Both went as the six pixels did that had a colour between theirs: a black box."""
    image, board = _board()
    seen = np.zeros((360, 640), np.uint8)
    seen[262:312, 310:432] = 255  # letters, and some of the table
    drawn = np.where(board[..., None] > 0, _moved(image, (20, 60, 10)), _moved(image, (-30, -20, -10)))
    drawn[262:312, 310:432] = 90
    drawn[255:262, 330:345] = (0, 0, 0)
    laid = on_ground(image, drawn, seen)
    for colour, by in (((60, 140, 20), (20, 60, 10)), ((205, 215, 220), (-30, -20, -10))):
        paper = (seen > 0) & (image == colour).all(2)
        assert np.abs(laid[paper].astype(int) - np.add(colour, by)).mean() < 3
    letters = (seen > 0) & (board > 0) & (image[..., 2] > 180)
    assert laid[letters].min() > 150


@pytest.mark.parametrize("bars", [True, False])
def test_papers_of_one_page_go_each_as_what_is_drawn_around_them(*, bars: bool) -> None:
    """A sidebar went as the page beside it did, with stairs."""
    image = np.full((360, 640, 3), (28, 26, 25), np.uint8)
    image[:, :160] = (52, 44, 44)
    drawn = _moved(image, (0, 0, -6))
    drawn[:, :160] = (70, 60, 56)
    seen = np.zeros((360, 640), np.uint8)
    for line in range(12):
        for left, word in ((20, "models.py"), (180, "from module import name")):
            draw_text(image, word, (left, 40 + 24 * line), 10, (190, 190, 190))
            seen[36 + 24 * line : 56 + 24 * line, left - 6 : left + 14 * (8 + line % 3)] = 255
        if bars:
            seen[36:310, 100:190] = 255  # what joins them
    laid = on_ground(image, drawn, seen)
    for colour, made in (((52, 44, 44), (70, 60, 56)), ((28, 26, 25), (28, 26, 19))):
        paper = (seen > 0) & (image == colour).all(2)
        assert np.abs(laid[paper].astype(int) - made).mean() < 1


@pytest.mark.parametrize(("ground", "made"), [(255, (215, 240, 250)), (0, (30, 20, 24))])
def test_paper_that_is_white_or_black_goes_as_well(ground: int, made: tuple[int, int, int]) -> None:
    """White stayed white, so that a sheet of cream had white plates."""
    image = _slide(ground, (255 - ground,) * 3)
    seen = written(image)
    laid = on_ground(image, np.full_like(image, made), seen)
    assert np.abs(laid[(seen == 255) & (image == ground).all(2)].astype(int) - made).max() <= 2
    assert abs(int(np.median(laid[(image == 255 - ground).all(2)])) - (255 - ground)) <= 2


def test_what_is_not_seen_around_stays_as_it_is() -> None:
    image = _slide(60, (240, 240, 240))
    image[80:200, 20:400] = (180, 200, 230)
    draw_text(image, "on a label", (40, 130), 14, (20, 20, 20))
    seen = np.zeros((360, 640), np.uint8)
    seen[76:204, 16:404] = 255
    drawn = _moved(image, (40, -20, 30))
    laid = on_ground(image, drawn, seen)
    assert np.array_equal(laid[100:180, 40:380], image[100:180, 40:380])


def test_ground_that_is_drawn_of_many_shades_is_not_followed() -> None:
    image = _slide(150)
    seen = written(image)
    drawn = np.where(np.random.default_rng(0).random((30, 53, 1)) < 0.5, 40, 220).astype(np.uint8)
    drawn = np.broadcast_to(cv2.resize(drawn, (640, 360), interpolation=cv2.INTER_NEAREST)[..., None], image.shape)
    assert np.array_equal(on_ground(image, drawn, seen), image)


def test_shades_of_one_paper_go_together() -> None:
    """The shade that is not seen around stayed, and was a stain."""
    image = np.full((360, 640, 3), (60, 140, 20), np.uint8)
    image[100:200, 40:180] = (38, 112, 4)
    draw_text(image, "PA10 PA12 PC10 PC12", (60, 150), 14, (230, 230, 230))
    seen = np.zeros((360, 640), np.uint8)
    seen[90:210, 30:330] = 255
    laid = on_ground(image, _moved(image, (20, 60, 10)), seen)
    for colour in ((60, 140, 20), (38, 112, 4)):
        paper = (seen > 0) & (image == colour).all(2)
        assert laid[paper][:, 1].mean() > colour[1] + 35


def test_paper_goes_no_further_than_it_may() -> None:
    image = _slide(250)
    seen = written(image)
    cream, hatched = (np.full_like(image, colour) for colour in ((236, 246, 250), (120, 120, 120)))
    paper = (seen == 255) & (image.min(2) == 250)
    assert np.abs(on_ground(image, cream, seen, most=20)[paper].astype(int) - (236, 246, 250)).max() <= 1
    assert np.array_equal(on_ground(image, hatched, seen, most=20), image)
