"""Colours that go back to their outlines."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.vision.chroma import Settled, chroma_of, coloured, washed
from tests.helpers.clips import psnr
from tests.helpers.small import still


def saved(image: Image, quality: int) -> Image:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


def colours(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)[..., 1:], np.uint8)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("name", ["skyline", "otters", "sign"])
def test_colours_that_were_smeared_come_nearer_to_their_outlines(name: str, scale: int) -> None:
    image = still(name)
    small = cv2.resize(image, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    came = cv2.resize(saved(np.asarray(small, np.uint8), 20), image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    made = Settled()(np.asarray(came, np.uint8), 1.0)
    assert psnr(colours(made), colours(image)) > psnr(colours(np.asarray(came, np.uint8)), colours(image)) + 0.1
    lumas = (cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).astype(int) for each in (came, made))
    assert np.abs(np.subtract(*lumas)).mean() < 0.6  # its luma is as it was


def test_a_picture_has_the_luma_and_the_colours_that_it_is_made_of_or_less_colour() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    assert np.array_equal(coloured(np.asarray(grey, np.uint8), chroma_of(image)), image)
    chroma = chroma_of(image)
    for least, end in ((0, 1), (250, 251), (0, 256)):  # of luma: black, nearly white, and any
        other = rng.integers(least, end, (60, 80)).astype(np.uint8)
        made = coloured(other, chroma)
        assert cv2.absdiff(cv2.cvtColor(made, cv2.COLOR_BGR2GRAY), other).max() <= 1
        left = made.astype(int) - other[..., None]
        assert ((left * chroma >= 0) | (np.abs(left) <= 2) | (np.abs(chroma) <= 2)).all()  # none is turned around
        assert (np.abs(left) <= np.abs(chroma) + 2).all()


def test_grey_stays_and_so_does_what_is_not_to_be_settled() -> None:
    image = still("otters")
    grey = np.asarray(cv2.merge([image[..., 1]] * 3), np.uint8)
    assert np.array_equal(Settled()(grey, 1.0), grey)
    assert np.array_equal(Settled()(image, 0.0), image)


def test_a_colour_of_the_picture_that_luma_does_not_tell_of_stays() -> None:
    """Red spots on a green of the same luma."""
    image = np.full((240, 320, 3), (60, 130, 90), np.uint8)
    luma = int(cv2.cvtColor(image[:1, :1], cv2.COLOR_BGR2GRAY)[0, 0])
    red = (40, 60, round((luma - 0.114 * 40 - 0.587 * 60) / 0.299))
    spots = [(x, y) for x in range(30, 320, 40) for y in range(30, 240, 40)]
    for spot in spots:
        cv2.circle(image, spot, 7, red, -1)
    made = Settled()(image, 1.0)
    for x, y in spots:
        assert np.abs(made[y, x].astype(int) - red).max() < 12


@pytest.mark.parametrize("shape", [(1, 1), (31, 400), (33, 47), (480, 641)])
def test_any_size(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    made = Settled()(image, 1.0)
    assert made.shape == image.shape
    assert made.dtype == np.uint8


def test_levels_that_come_and_go_in_a_video_stay() -> None:
    image = still("lake")
    rng = np.random.default_rng(5)
    frames = [np.clip(image + rng.normal(0, 1, image.shape), 0, 255).round().astype(np.uint8) for _ in range(4)]
    held = Settled()
    alone = [Settled()(frame, 1.0) for frame in frames]
    given = [held(frame, 1.0, still=True) for frame in frames]
    assert np.array_equal(given[0], alone[0])
    came, stayed = ([made.astype(int) - frame for made, frame in zip(each, frames, strict=True)]
                    for each in (alone, given))  # fmt: skip
    assert np.abs(stayed[3] - stayed[2]).mean() < 0.5 * np.abs(came[3] - came[2]).mean()
    held.reset()
    assert np.array_equal(held(frames[3], 1.0, still=True), alone[3])


def test_a_wash_under_ink_has_the_colours_of_what_is_drawn_and_leaves_ink_and_paper() -> None:
    """Luma of white paper has no room for colours: skin was paper, while all else had its own."""
    image = np.full((120, 160, 3), 255, np.uint8)
    image[:, 40:80], image[:, 80:120] = (60, 84, 128), (178, 198, 232)
    drawn = np.full_like(image, 255)
    drawn[:, 79:82] = 0
    made = washed(drawn, image).astype(int)
    for columns in (slice(50, 70), slice(92, 110), slice(130, 160)):
        assert np.abs(made[:, columns] - image[:, columns]).max() <= 2
    assert made[:, 80].max() == 0
    drawn[:, 40:80][::2] = 0  # hatching
    hatched = washed(drawn, image)[20:100, 50:70].reshape(-1, 3).mean(0)
    assert np.abs(hatched - (60, 84, 128)).max() < 16


def test_a_wash_keeps_the_colour_of_thin_lines_and_lays_none_under_dark_ones() -> None:
    image = np.full((240, 320, 3), 250, np.uint8)
    image[60:63, 20:300] = (210, 90, 30)  # a line of link text, say
    image[160:163, 20:300] = (40, 55, 75)
    paper = np.full_like(image, 255)
    made = washed(paper, image).astype(int)
    blue, red = made[61, 40:280, 0].mean(), made[61, 40:280, 2].mean()
    assert blue - red > 60
    assert made[161, 40:280].min() > 235
