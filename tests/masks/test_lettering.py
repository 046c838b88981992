"""Captions before what has their colour: letters are told from walls, skies and gleams."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam import masks
from gancam.frame import Image
from gancam.masks import Mask
from gancam.sources import VideoFile
from tests.helpers.small import still

CITY = Path(__file__).parent.parent.parent / "samples" / "city.mp4"
WHITE = (250, 250, 250)


def captioned(
    image: Image,
    *,
    text: str = "I told you so, Mr. Hill.",
    ink: tuple[int, ...] = WHITE,
    outline: int = 3,
    at: float = 0.9,
) -> tuple[Image, Mask]:
    """The picture with a caption in it, and where its ink is."""
    made, mask = image.copy(), np.zeros(image.shape[:2], np.uint8)
    height, width = image.shape[:2]
    size, font = height / 360, cv2.FONT_HERSHEY_SIMPLEX
    thick = max(round(2 * size), 1)
    (wide, _), _ = cv2.getTextSize(text, font, size, thick)
    cv2.putText(mask, text, ((width - wide) // 2, round(height * at)), font, size, 255, thick, cv2.LINE_AA)
    around = cv2.dilate(mask, np.ones((2 * outline + 1,) * 2, np.uint8))
    for cover, colour in ((around, (0, 0, 0) if sum(ink) > 300 else (255, 255, 255)), (mask, ink)):
        share = cover[..., None] / 255.0
        made = np.asarray(np.round(made * (1 - share) + np.array(colour) * share), np.uint8)
    return made, np.asarray(mask > 127, np.uint8)


def room(seed: int = 0) -> Image:
    """A white wall with a dark door, a white rail, lamps, and a bright window in the door."""
    rng = np.random.default_rng(seed)
    image = np.full((360, 480, 3), 236, np.uint8)
    image[60:, 190:330] = (60, 70, 90)
    image[100:160, 220:300] = 250
    image[200:330, 260:264] = 245
    for x, y in ((210, 190), (300, 250), (205, 300)):
        cv2.circle(image, (x, y), 9, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
    return np.asarray(np.clip(image + rng.normal(0, 2, image.shape), 0, 255), np.uint8)


@pytest.mark.parametrize("at", [0.3, 0.9])
@pytest.mark.parametrize("where", ["room", "lake", "colosseum"])
def test_a_caption_is_marked_and_the_wall_is_not(where: str, at: float) -> None:
    scene = room() if where == "room" else np.asarray(cv2.resize(still(where), (480, 360)), np.uint8)
    image, ink = captioned(scene, at=at)
    mask = masks.ColourKey("white", soft=True, lettering=True)(image) > 0
    near = cv2.dilate(ink, np.ones((15, 15), np.uint8)) > 0
    assert mask[ink > 0].mean() > 0.97
    assert (mask & ~near).sum() < 0.1 * mask.sum()


def test_dark_and_coloured_captions_are_told_too() -> None:
    night = np.full((360, 480, 3), 4, np.uint8)
    night[200:] = (150, 130, 120)
    image, ink = captioned(night, ink=(0, 0, 0), at=0.9)
    mask = masks.ColourKey("black", soft=True, lettering=True)(image)
    assert mask[ink > 0].mean() > 0.97
    assert not mask[:180].any()
    yellow = np.full((360, 480, 3), (0, 230, 230), np.uint8)
    image, ink = captioned(yellow, ink=(0, 240, 240), at=0.5)
    mask = masks.ColourKey("yellow", tolerance=40, soft=True, lettering=True)(image)
    assert mask[ink > 0].mean() > 0.97
    assert not mask[:120].any()


@pytest.mark.parametrize("period", [4, 7])
def test_stripes_are_no_letters(period: int) -> None:
    image = np.full((360, 480, 3), (70, 160, 110), np.uint8)
    image[200:330, 180:330][:, np.arange(150) % period < 2] = 250
    image[150:196:period, 180:330] = 250
    for top in range(205, 330, 40):  # folds break them
        image[top : top + 9, 180:330] = (70, 160, 110)
    key = masks.ColourKey("white", soft=True, lettering=True)
    assert not key(image).any()
    shown, ink = captioned(image, at=0.98)
    mask = key(shown) > 0
    assert mask[ink > 0].mean() > 0.97
    assert (mask & (cv2.dilate(ink, np.ones((15, 15), np.uint8)) == 0)).sum() < 0.1 * mask.sum()


def test_nothing_is_marked_where_there_is_no_lettering() -> None:
    key = masks.ColourKey("white", soft=True, lettering=True)
    assert not key(room()).any()
    assert not key(np.full((40, 60, 3), 255, np.uint8)).any()
    assert not key(np.zeros((40, 60, 3), np.uint8)).any()
    assert key(np.full((1, 1, 3), 255, np.uint8)).shape == (1, 1)
    rng = np.random.default_rng(0)
    assert key(rng.integers(0, 256, (240, 320, 3), np.uint8)).mean() < 0.01 * 255
    with VideoFile(CITY) as source:
        shares = [(key(frame.image) > 0).mean() for frame in source if frame.index % 45 == 0]
    assert np.mean(shares) < 0.01  # where there is a bright sky, and windows in rows


def test_it_tells_where_a_colour_is_in_no_lettering() -> None:
    key = masks.ColourKey("white", lettering=True)
    assert not key.notes
    key(room())
    assert "letters" in "".join(key.notes)
    key(captioned(room())[0])
    assert not key.notes


def test_letters_before_a_wall_of_nearly_their_colour_are_told_and_more_tolerance_takes_no_fewer() -> None:
    """One word of four was taken where a wall was within the tolerance, and with twice as much none."""
    wall = np.full((360, 480, 3), 222, np.uint8)
    wall[:, 240:] = (60, 70, 90)
    image, ink = captioned(wall, text="extra fancy tools", outline=0, at=0.5)
    image[ink > 0] = 254
    for tolerance in (8.0, 20.0, 40.0, 60.0):
        mask = masks.ColourKey("white", tolerance=tolerance, soft=True, lettering=True)(image)
        assert mask[ink > 0].mean() > 0.95 * 255, tolerance
    near = cv2.dilate(ink, np.ones((25, 25), np.uint8)) > 0
    assert ((mask > 0) & ~near).mean() < 0.01
