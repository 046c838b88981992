"""Faces before and after a style draws them."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.effects.translation.features import Features, brought_out, calmed, held, without_blemishes
from gancam.frame import Image

SKIN = 70, 95, 140  # BGR
MARKS = np.array([(-0.2, -0.15), (0.2, -0.15), (0, 0.05), (-0.16, 0.28), (0.16, 0.28)])
AT = 160.0, 120.0


def face(width: float = 100.0, share: float = 1.0, at: tuple[float, float] = AT) -> Features:
    return Features(at, width, MARKS * width + at, share)


def skin() -> Image:
    return np.full((240, 320, 3), SKIN, np.uint8)


def spot(
    image: Image, place: tuple[float, float], size: tuple[float, float], level: int, width: float = 100.0
) -> Image:
    """Paint an ellipse of grey on a copy; place and size in widths of the face."""
    x, y = (round(middle + part * width) for middle, part in zip(AT, place, strict=True))
    axes = max(round(size[0] * width), 1), max(round(size[1] * width), 1)
    return np.asarray(cv2.ellipse(image.copy(), (x, y), axes, 0, 0, 360, (level,) * 3, cv2.FILLED), np.uint8)


def grey(image: Image) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)


@pytest.mark.parametrize("width", [40.0, 90.0, 130.0, 180.0])
@pytest.mark.parametrize("dark", [1.0, 0.4])
def test_shine_on_a_nose_comes_near_to_skin_in_light_and_colour(width: float, dark: float) -> None:
    image = np.asarray(skin() * dark, np.uint8)
    shining = spot(image, (0, 0), (0.05, 0.12), 230, width)
    made = calmed(shining, [face(width)])
    x, y = (round(part) for part in AT)
    before, after = (one[y, x].astype(int) - image[y, x] for one in (shining, made))
    assert (after < 0.65 * before).all()
    assert np.ptp(made[y, x].astype(int)) > 20 * dark  # the spot was grey


def test_the_white_of_eyes_teeth_and_all_beside_a_face_keep_their_light() -> None:
    image = skin()
    for place, size in (((-0.2, -0.15), (0.06, 0.03)), ((0.2, -0.15), (0.06, 0.03)), ((0, 0.28), (0.1, 0.03))):
        image = spot(image, place, size, 240)
    image = spot(image, (1.0, 0.0), (0.05, 0.05), 240)
    assert np.abs(calmed(image, [face()]).astype(int) - image).max() <= 12


def test_a_face_without_shine_and_a_frame_without_faces_stay_as_they_are() -> None:
    image = skin()
    assert np.abs(calmed(image, [face()]).astype(int) - image).max() <= 1
    shining = spot(image, (0, 0), (0.05, 0.1), 230)
    assert calmed(shining, []) is shining
    assert calmed(shining, [face(share=0.0)]) is shining
    assert held(image, shining, [], "laid") is image


def test_shine_goes_as_far_as_a_face_counts() -> None:
    """So that a face that is found or lost lets nothing jump."""
    shining = spot(skin(), (0, 0), (0.05, 0.1), 230)
    x, y = (round(part) for part in AT)
    light = [int(calmed(shining, [face(share=share)])[y, x, 0]) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    steps = -np.diff(light)
    assert steps.min() > 0
    assert np.ptp(steps) <= 2


def freckled(width: float, image: Image, level: int = 40) -> Image:
    for place in ((-0.3, 0.1), (0.3, 0.1), (-0.33, 0.2), (0.0, -0.45), (0.1, -0.48)):
        image = spot(image, place, (0.012, 0.012), level, width)
    return image


@pytest.mark.parametrize("width", [90.0, 180.0])
@pytest.mark.parametrize("level", [40, 210])
def test_freckles_and_drops_on_a_face_nearly_go(width: float, level: int) -> None:
    """Pens made stubble of them."""
    image = skin()
    seen = freckled(width, image, level)
    made = without_blemishes(seen, [face(width)])
    before, after = (np.abs(grey(one) - grey(image)).max() for one in (seen, made))
    assert before > 40
    assert after < 0.25 * before


def test_wrinkles_eyes_beards_and_all_beside_a_face_stay() -> None:
    image = skin()
    seen = spot(image, (-0.2, -0.15), (0.05, 0.02), 20)  # an eye
    x, y = (round(part) for part in AT)
    seen = np.asarray(cv2.line(seen, (x - 20, y - 32), (x + 20, y - 32), (50, 60, 80), 2), np.uint8)
    seen = np.asarray(cv2.line(seen, (x + 18, y + 8), (x + 32, y + 22), (50, 60, 80), 2), np.uint8)
    seen = spot(seen, (1.0, 0.0), (0.01, 0.01), 20)
    made = without_blemishes(seen, [face()])
    assert np.abs(made.astype(int) - seen).max() <= 8
    seen[y + 38 :, :] = np.random.default_rng(0).integers(20, 90, (240 - y - 38, 320, 1), np.uint8)  # a beard
    beard = (slice(y + 42, y + 52), slice(x - 10, x + 10))
    made = without_blemishes(seen, [face()])
    assert abs(float(grey(made)[beard].mean()) - float(grey(seen)[beard].mean())) < 6
    assert without_blemishes(seen, []) is seen
    tiny = skin()[:12, :12].copy()
    assert without_blemishes(tiny, [Features((6.0, 6.0), 10.0, MARKS * 10 + 6)]).shape == tiny.shape


def test_cells_of_a_mosaic_are_quieter_on_a_face_than_beside_it() -> None:
    """On a near face they looked like scales."""
    seen = skin()
    drawn = seen.copy()
    drawn[::10] = drawn[:, ::10] = 20
    made = held(drawn, seen, [face()], "laid")
    lead = [float(grey(one)[round(AT[1]) + 10 : round(AT[1]) + 22, 150:170].std()) for one in (drawn, made)]
    assert 0.1 * lead[0] < lead[1] < 0.4 * lead[0]


@pytest.mark.parametrize("strokes", ["laid", "lines"])
@pytest.mark.parametrize("level", [0, 255])
def test_a_line_across_skin_stays_within_reach_of_it(strokes: str, level: int) -> None:
    seen = skin()
    drawn = spot(seen, (0, 0.05), (0.02, 0.1), level)
    made = held(drawn, seen, [face()], strokes)
    x, y = round(AT[0]), round(AT[1] + 5)
    before, after = (abs(float(grey(one)[y, x] - grey(seen)[y, x])) for one in (drawn, made))
    assert after < 0.7 * before
    assert after > 20  # it is seen


def test_a_mosaic_lets_eyes_be_where_they_are() -> None:
    seen = spot(skin(), (-0.2, -0.15), (0.05, 0.03), 30)
    drawn = spot(skin(), (-0.2, -0.05), (0.05, 0.03), 30)  # too low
    made = held(drawn, seen, [face()], "laid")
    aim = grey(seen)[90:125, 125:155]
    before, after = (np.corrcoef(grey(one)[90:125, 125:155].ravel(), aim.ravel())[0, 1] for one in (drawn, made))
    assert after > max(before, 0) + 0.4


def test_a_drawing_that_agrees_and_one_that_is_lighter_as_a_whole_stay_as_they_are() -> None:
    seen = spot(skin(), (-0.2, -0.15), (0.08, 0.05), 80)
    assert np.abs(held(seen, seen, [face()], "lines").astype(int) - seen).max() <= 1
    lighter = seen + np.uint8(60)
    assert np.abs(held(lighter, seen, [face()], "lines").astype(int) - lighter).max() <= 1


def test_hatching_and_all_beside_a_face_stay_as_they_were_drawn() -> None:
    rng = np.random.default_rng(0)
    seen, drawn = skin(), rng.integers(0, 256, (240, 320, 3), np.uint8)
    assert held(drawn, seen, [face()], "hatched") is drawn
    made = held(drawn, seen, [face()], "laid")
    changed = np.argwhere((made != drawn).any(2))
    assert len(changed) > 1000
    assert np.abs(changed[:, 1] - AT[0]).max() <= 62
    assert np.abs(changed[:, 0] - AT[1]).max() <= 81
    assert np.array_equal(drawn, np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8))


@pytest.mark.parametrize("width", [70.0, 96.0, 128.0, 160.0])
def test_a_face_that_grows_a_little_changes_little(width: float) -> None:
    """At 96 and 160 pixels it is looked at in another size."""
    seen = spot(spot(skin(), (0, 0), (0.05, 0.1), 230, width), (-0.2, -0.15), (0.06, 0.03), 40, width)
    drawn = 255 - np.asarray(cv2.GaussianBlur(seen, (0, 0), 3), np.uint8)
    sizes = face(width * 0.995), face(width * 1.005)
    ways = [(calmed(seen, [one]), held(drawn, seen, [one], "laid")) for one in sizes]
    for before, after in zip(*ways, strict=True):
        changed = cv2.absdiff(before, after)
        assert changed.mean() < 0.5
        assert changed.max() < 40


@pytest.mark.parametrize("at", [(0.0, 0.0), (319.0, 239.0), (-60.0, 100.0), (500.0, 100.0), (160.0, -70.0)])
@pytest.mark.parametrize("width", [3.0, 9.0, 77.0, 300.0, 2000.0])
def test_a_face_may_be_anywhere_and_of_any_size(at: tuple[float, float], width: float) -> None:
    shining = spot(skin(), (0, 0), (0.05, 0.1), 230)
    made = calmed(shining, [face(width, at=at)])
    assert made.shape == shining.shape
    assert (made <= shining).all()
    assert held(made, shining, [face(width, at=at)], "lines").shape == shining.shape


def pale_face(shade: int) -> Image:
    """Eyes and a mouth that are darker than skin by so many levels."""
    image = skin()
    for place, size in (((-0.2, -0.15), (0.08, 0.04)), ((0.2, -0.15), (0.08, 0.04)), ((0, 0.28), (0.14, 0.05))):
        x, y = (round(middle + part * 100) for middle, part in zip(AT, place, strict=True))
        axes = round(size[0] * 100), round(size[1] * 100)
        cv2.ellipse(image, (x, y), axes, 0, 0, 360, [level - shade for level in SKIN], cv2.FILLED)
    return cv2.GaussianBlur(image, (0, 0), 3).astype(np.uint8)


def test_a_pale_face_has_features_for_a_pen() -> None:
    """Somebody out of focus had a face of white paper in a sketch."""
    image = pale_face(20)
    made = brought_out(image, [face()])
    x, y = round(AT[0] + 20), round(AT[1] - 15)
    assert grey(image)[y, x] - grey(made)[y, x] > 10, "an eye is darker"
    changed = np.abs(made.astype(int) - image).max(-1)
    assert changed[:, :90].max() == changed[:, 230:].max() == 0, "nothing beside the face"
    assert brought_out(image, []) is image


def test_a_clear_face_stays_as_it_is_and_a_shade_more_is_a_little_more() -> None:
    clear = pale_face(60)
    clear[80:160, 120:200:16] = clear[80:160, 121:200:16] = clear[80:160, 122:200:16] = 10  # much to see
    clear[80:160, 128:200:16] = clear[80:160, 129:200:16] = 240
    assert brought_out(clear, [face()]) is clear
    some = [brought_out(pale_face(30), [face(share=share)]).astype(int).sum() for share in (0.0, 0.5, 1.0)]
    assert some[0] > some[1] > some[2]
