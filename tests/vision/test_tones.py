"""Tones: full colours are dark for ink, and what is black stays dark."""

import numpy as np

from gancam.vision.tones import as_dark, in_tones


def test_full_colours_are_darker_than_their_luma_and_greys_are_not() -> None:
    image = np.array([[(0, 128, 255), (0, 255, 255), (60, 60, 60), (170, 180, 190), (30, 20, 140)]], np.uint8)
    tones = in_tones(image)
    assert (np.ptp(tones, axis=2) == 0).all()
    orange, yellow, dark, wall, red = tones[0, :, 0].tolist()
    assert orange < 90  # a luma of 151
    assert orange < yellow < 130  # 226
    assert (dark, wall) == (60, 182)
    assert 20 < red < 57  # 57: dark colours are not made black


def test_black_stays_black_and_the_rest_as_it_was_drawn() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, 60:110] = 15
    image[:, 110:] = 120
    drawn = np.full_like(image, 100)
    made = as_dark(drawn, image)
    assert made[:, :50].max() <= 9
    assert abs(int(made[45, 85, 0]) - 46) <= 2
    assert (made[:, 115:] == 100).all()
    assert as_dark(drawn, np.full_like(image, 60)) is drawn
