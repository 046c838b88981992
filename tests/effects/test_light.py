"""What is recalled behind a hole is believed only while what is around it is as it was at that very moment."""

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.background import Background
from gancam.effects.inpainting.light import witnesses
from gancam.effects.inpainting.prescan import Prescan
from gancam.effects.inpainting.regions import INVENTED, SEEN, FrameRegion
from gancam.frame import Image
from gancam.vision.motion import Grey
from tests.helpers.small import still

SIZE = (320, 240)
HAND = (250, 20, 250)


def scene(x: float = 0, y: float = 0) -> Image:
    """What a camera that has moved by (x, y) sees; so soft that it is easily filled."""
    wide = cv2.GaussianBlur(cv2.resize(still("skyline"), (480, 360)), (0, 0), 3)
    place = np.array([[1, 0, -80 - x], [0, 1, -60 - y]], np.float64)
    return np.asarray(cv2.warpAffine(wide, place, SIZE, flags=cv2.INTER_CUBIC), np.uint8)


def letters(text: str = "DINNER") -> Grey:
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.putText(mask, text, (60, 140), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 1, 6)
    return mask


def played(background: Background, image: Image, mask: Grey) -> tuple[Image, Grey]:
    """One frame, filled by a plain method where nothing is known; and what was known."""
    if not mask.any():
        background.skip(image)
        return image, mask
    window = FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape)
    seen = np.where(mask[..., None] > 0, np.uint8(255), image)
    background.observe(seen, mask, [window])
    found = background.lookup(window, seen, mask)
    known = np.asarray((found.state > 0) & (mask[window.place] > 0))
    result = seen.copy()
    result[window.place][known] = found.picture[known]
    missing = mask.copy()
    missing[window.place][known] = 0
    result = np.asarray(cv2.inpaint(result, missing, 5, cv2.INPAINT_TELEA), np.uint8)
    background.store(window, result[window.place], seen, mask, missing[window.place])
    background.remember(seen, mask)
    return result, np.asarray(found.state, np.uint8)


def test_what_stood_there_when_a_caption_came_is_not_shown_once_it_has_left() -> None:
    """Also where what is around the caption is known as it will be when that has gone."""
    clip: list[tuple[Image, Image, Grey]] = []
    for index in range(24):
        truth, mask = scene(), letters() if 8 <= index < 18 else np.zeros(SIZE[::-1], np.uint8)
        if index < 9:
            cv2.rectangle(truth, (40, 90), (220, 190), (200, 240, 250), cv2.FILLED)
        clip.append((truth, truth, mask))
    prescan = Prescan(whole=True)
    for image, _, mask in clip:
        if mask.any():
            prescan.observe(image, mask, [])
            prescan.remember(image, mask)
        else:
            prescan.skip(image)
    background = Background(prescan.finish(), whole=True)
    for index, (image, truth, mask) in enumerate(clip):
        result, _ = played(background, image, mask)
        if index > 9 and mask.any():
            wrong = cv2.absdiff(result, truth).max(2)[mask > 0] > 60
            assert wrong.mean() < 0.05, index


@pytest.mark.parametrize("shake", [0, 5])
def test_who_passes_beside_a_hole_leaves_nothing_in_it(shake: int) -> None:
    """Also where a hand holds the camera, and the hole is followed."""
    background, rng = Background(), np.random.default_rng(1)
    for index in range(34):
        x, y = rng.integers(-shake, shake + 1, 2).tolist()
        image, mask = scene(x, y), np.zeros(SIZE[::-1], np.uint8)
        mask[80 - y : 160 - y, 130 - x : 190 - x] = 1
        if 6 <= index < 22:  # comes from the left, down to below half of the hole, and leaves
            reach = 4 * min(index - 6, 21 - index)
            cv2.rectangle(image, (20, 40 + reach), (110 + reach, 90 + reach), HAND, cv2.FILLED)
        result, _ = played(background, image, mask)
        if index >= 26:
            assert np.abs(result[mask > 0].astype(int) - HAND).max(1).min() > 70, index


def test_of_what_moves_behind_letters_nothing_old_is_believed() -> None:
    """A shoulder that sways by a few pixels."""
    background, mask, off = Background(whole=True), letters(), []
    rng = np.random.default_rng(0)
    for index in range(30):
        image = scene()
        edge = 150 + 0.8 * max(index - 5, 0)
        pattern = (90 + 60 * np.sin((np.arange(SIZE[0]) - edge) / 6.0)).clip(0, 255)
        image[60:, int(edge) :] = np.dstack([pattern + 30, pattern, pattern - 20]).clip(0, 255)[:, int(edge) :]
        image = (image + rng.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)
        result, state = played(background, image, mask if index > 4 else np.zeros_like(mask))
        if index > 8:
            window = FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape)
            seen = (state == SEEN) & (mask[window.place] > 0)
            wrong = cv2.absdiff(result[window.place], image[window.place]).max(2)
            off.append(float((seen & (wrong > 40)).sum() / mask.sum()))
    assert max(off) < 0.05


@pytest.mark.parametrize(("tall", "keeps"), [(30, False), (70, True)])
def test_what_was_invented_for_a_time_stamp_is_not_taken_along_by_a_pan(tall: int, keeps: bool) -> None:
    """Wide holes do take it along: there a network knows less each time."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[100 : 100 + tall, 60:200] = 1
    background, window = Background(), FrameRegion.around((60, 100, 140, tall), 16, mask.shape)
    for x in (0, 4):
        image = scene(x)
        background.observe(image, mask, [window])
        state = background.lookup(window, image, mask).state
        background.store(window, image[window.place], image, mask, mask[window.place])
        background.remember(image, mask)
    assert not background.camera.still
    kept = float((state[mask[window.place] > 0] == INVENTED).mean())
    assert kept > 0.8 if keeps else kept < 0.1


def test_a_witness_belongs_to_what_is_nearest() -> None:
    new, kept = np.zeros((60, 60), np.bool_), np.zeros((60, 60), np.bool_)
    new[20:40, 10:20], kept[20:40, 40:50] = True, True
    found = witnesses(new, kept)
    assert found[30, 22]
    assert not found[30, 38]
    assert not found[58, 15]
    assert not witnesses(kept & new, kept).any()
    assert witnesses(new, kept & new)[30, 34]
