"""What stands before a plain ground, cut out: against discs that were drawn with known coverage."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gancam.frame import Image
from gancam.vision.cutout import MARGIN, cut_out, ground
from tests.helpers.small import still

WHITE, RED = (242, 243, 242), (40, 30, 200)


def disc(
    side: int, colour: tuple[int, int, int] = RED, before: tuple[int, int, int] = WHITE, share: float = 0.35
) -> Image:
    """A disc with a smooth edge: drawn sixteen times as large."""
    large = np.full((16 * side, 16 * side, 3), before, np.uint8)
    cv2.circle(large, (8 * side, 8 * side), round(16 * side * share), colour, -1)
    return np.asarray(cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def test_the_ground_is_what_three_corners_show() -> None:
    picture = disc(64)
    assert ground(picture) == WHITE
    picture[-20:, :20] = (0, 90, 0)
    assert ground(picture) == WHITE
    picture[-20:, -20:] = (90, 0, 90)
    assert ground(picture) is None
    assert ground(still("otters")[:128, :128]) is None
    assert ground(np.zeros((1, 1, 3), np.uint8)) == (0, 0, 0)


@pytest.mark.parametrize("side", [32, 64, 128])
def test_a_disc_keeps_its_colour_and_its_coverage(side: int) -> None:
    found = cut_out(disc(side), WHITE, (300, 300))
    true = disc(300, (255,) * 3, (0,) * 3, 0.35 * (1 - 2 * MARGIN))[..., 0]
    wrong = np.abs(found.alpha.astype(int) - true)
    assert wrong.mean() < 3
    assert abs(float(found.alpha.mean()) / true.mean() - 1) < 0.03
    seen = found.alpha > 20
    assert np.abs(found.image[seen].astype(int) - RED).max() < 12  # nothing of the white around it
    assert found.shadow[200:, 200:].max() > 60
    assert found.shadow[:20].max() < 20


@pytest.mark.parametrize("size", [(40, 40), (300, 300), (864, 864), (300, 500)])
def test_a_shadow_fades_out_before_the_pictures_edge(size: tuple[int, int]) -> None:
    shadow = cut_out(disc(64, share=0.5), WHITE, size).shadow  # the disc touches all edges
    rim = np.concatenate([shadow[0], shadow[-1], shadow[:, 0], shadow[:, -1]])
    assert rim.max() <= 8
    assert shadow.max() > 200


def test_what_shines_stays_and_the_hole_of_a_zero_does_not() -> None:
    fruit = disc(64)
    fruit[26:30, 26:30] = WHITE
    assert (cut_out(fruit, WHITE, (64, 64)).alpha[28:36, 28:36] == 255).all()
    zero = disc(64, (255,) * 3, (0,) * 3)
    cv2.circle(zero, (32, 32), 12, (0, 0, 0), -1)
    alpha = cut_out(zero, (0, 0, 0), (64, 64)).alpha
    assert alpha[32, 32] == 0
    assert alpha[32, 15:18].max() == 255


def test_a_thin_line_is_as_bright_as_it_was() -> None:
    line = np.zeros((28, 28, 3), np.uint8)
    cv2.line(line, (8, 20), (20, 8), (250, 250, 250), 1, cv2.LINE_AA)
    found = cut_out(line, (0, 0, 0), (112, 112))
    assert found.alpha.max() > 240
    assert found.image[found.alpha > 128].min() > 180


def test_what_the_pictures_edge_cut_off_is_round_and_a_stem_that_meets_it_stays() -> None:
    """A disc larger than the picture has a straight side below; above it has a stem."""
    picture = np.full((128, 128, 3), WHITE, np.uint8)
    cv2.circle(picture, (64, 80), 55, RED, -1, cv2.LINE_AA)
    picture[:40, 60:67] = RED
    alpha = cut_out(picture, WHITE, (300, 300)).alpha > 127
    rows = np.flatnonzero(alpha.any(axis=1))
    widths = alpha.sum(1)[rows]
    assert widths.max() > 210
    assert widths[-1] < 0.25 * widths.max()  # it was half of it
    assert 10 < widths[2] < 20
    filled = np.count_nonzero(picture[..., 1] < 140) * (0.84 * 300 / 128) ** 2
    assert 0.95 * filled < alpha.sum() < 1.01 * filled


@settings(max_examples=40)
@given(
    picture=st.integers(1, 40).flatmap(lambda side: st.sampled_from((0, 1, 2)).map(lambda kind: (side, kind))),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
)  # fmt: skip
def test_any_picture_at_any_size(picture: tuple[int, int], size: tuple[int, int]) -> None:
    side, kind = picture
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    whole = (np.full_like(noise, WHITE), np.full_like(noise, RED), noise)[kind]
    found = cut_out(whole, WHITE, size)
    assert found.image.shape == (size[1], size[0], 3)
    assert found.alpha.shape == found.shadow.shape == (size[1], size[0])
    assert found.image.dtype == found.alpha.dtype == found.shadow.dtype == np.uint8
    if kind == 0:
        assert not found.alpha.any()
