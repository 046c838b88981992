"""Tones: what is black stays dark, and a badly exposed frame gets what it lacks."""

from itertools import pairwise

import cv2
import numpy as np

from gancam.effects.translation.features import Features
from gancam.effects.translation.tones import (
    Exposure,
    as_dark,
    as_grey,
    clear_darks,
    for_pen,
    strengthened,
    without_blots,
    without_glow,
    without_veil,
)
from gancam.vision.planes import Planes
from tests.helpers.small import still


def test_black_stays_black_and_the_rest_as_it_was_drawn() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, 60:110] = 15
    image[:, 110:] = 120
    drawn = np.full_like(image, 100)
    made = as_dark(drawn, image)
    assert made[:, :50].max() <= 5
    assert abs(int(made[45, 85, 0]) - 26) <= 2
    assert (made[:, 115:] == 100).all()
    assert as_dark(drawn, np.full_like(image, 60)) is drawn


def test_a_night_that_is_painted_on_paper_stays_nearly_as_dark() -> None:
    night, day = np.full((90, 160, 3), 58, np.uint8), np.full((90, 160, 3), 58, np.uint8)
    day[:45] = 200
    for image, least, most in ((night, 80, 100), (day, 140, 140)):
        drawn = np.full_like(image, 140)
        assert as_dark(drawn.copy(), image)[80].min() == 140
        assert least <= int(as_dark(drawn, image, paper=True)[80].max()) <= most


def test_an_overexposed_picture_has_its_dark_tones_back_and_others_are_left() -> None:
    image = still("otters")
    assert without_veil(image) is image
    pale = (image * 0.35 + 165).astype(np.uint8)
    clear = without_veil(pale)
    assert np.percentile(pale, 2) >= 165
    assert np.percentile(clear, 2) < 115
    assert clear.max() >= pale.max() - 6
    wall = np.random.default_rng(0).integers(195, 206, (120, 160, 3), np.uint8)
    assert np.abs(without_veil(wall).astype(int) - wall).max() < 20  # nothing is dark there
    assert without_veil(np.full((1, 1, 3), 250, np.uint8)).shape == (1, 1, 3)


def test_something_dark_that_comes_into_a_pale_frame_changes_its_tones_slowly() -> None:
    """By percentiles all of the frame grew lighter at once, by a third of its range, and back when it left."""
    pale = (still("otters") * 0.35 + 165).astype(np.uint8)
    height, width = pale.shape[:2]
    means = []
    for step in range(60):  # 0.2 % of the frame more each time
        frame = pale.copy()
        frame[: height // 2, : step * width // 250] = 10
        means.append(float(without_veil(frame)[height // 2 :].mean()))
    assert max(abs(after - before) for before, after in pairwise(means)) < 6
    assert means[-1] > means[0] + 20, "what has black has no veil"


def test_a_dark_picture_is_lit_and_becomes_as_dark_again() -> None:
    image = (still("otters") * 0.25).astype(np.uint8)
    exposure = Exposure.of(image)
    assert exposure is not None
    lit = exposure.up[image]
    assert lit.mean() > 1.8 * image.mean()
    assert np.abs(exposure.down[lit].astype(int) - image).max() <= 1
    assert (exposure.up[0], exposure.up[255], exposure.down[0], exposure.down[255]) == (0, 255, 0, 255)
    assert (np.diff(exposure.up.astype(int)) >= 0).all()


def test_the_light_of_a_picture_does_not_jump_with_its_mean() -> None:
    tables = [Exposure.of(np.full((8, 8, 3), level, np.uint8)) for level in range(96)]
    assert tables[80] is None
    levels = [np.arange(256) if one is None else one.up.astype(int) for one in tables]
    assert max(int(np.abs(a - b).max()) for a, b in pairwise(levels[24:])) <= 8
    assert levels[79].tolist() != list(range(256))


def test_a_drawing_of_something_dark_is_little_more_colourful_than_it() -> None:
    """Dark skin became orange: hardly any colour, lit, and made stronger by a style."""
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, :80] = (20, 23, 27)  # brown, a quarter saturated
    image[:, 80:] = (45, 5, 35)  # neon
    exposure = Exposure.of(image)
    assert exposure is not None
    drawn = np.zeros_like(image)
    drawn[:, :80] = (60, 120, 220)
    drawn[:, 80:] = (230, 20, 180)
    plain = cv2.LUT(drawn, exposure.down)
    made = exposure.applied(drawn.copy(), image, Planes()).astype(int)

    def saturation(pixels: np.ndarray) -> float:
        return float((pixels.max(-1) - pixels.min(-1)).mean() / pixels.max(-1).mean())

    skin, neon = np.s_[:, :60], np.s_[:, 100:]
    assert saturation(plain[skin]) > 0.8
    assert saturation(made[skin]) < 0.65
    assert (made[neon] == plain[neon]).all()
    grey = cv2.cvtColor(made.astype(np.uint8), cv2.COLOR_BGR2GRAY).astype(int)
    assert np.abs(grey - cv2.cvtColor(plain, cv2.COLOR_BGR2GRAY))[skin].max() <= 2, "as light as it was"


def test_the_share_of_a_dark_picture_grows_smoothly_from_nothing() -> None:
    shares = [
        0.0 if (one := Exposure.of(np.full((8, 8, 3), level, np.uint8))) is None else one.share
        for level in range(1, 96)
    ]
    assert shares[0] == 1.0
    assert shares[-1] == 0.0
    assert max(before - after for before, after in pairwise(shares)) < 0.05


def test_darks_stay_clear_below_paint_and_what_is_light_is_painted() -> None:
    seen = np.full((60, 80, 3), (20, 26, 34), np.uint8)  # dark hair, an eye in it
    seen[20:40, 20:40] = (60, 66, 78)
    seen[:, 60:] = 150
    painted = np.full_like(seen, 90)
    painted[:, :60] = (96, 60, 44)  # navy
    made = clear_darks(painted.copy(), seen, Planes(), 0.85)
    assert np.abs(made[:, :18].astype(int) - seen[:, :18]).max() < 16
    assert made[30, 30].mean() > made[10, 10].mean() + 20
    assert np.array_equal(made[:, 62:], painted[:, 62:])
    half = clear_darks(painted.copy(), seen, Planes(), 0.5)[10, 10].astype(int)
    assert (np.minimum(seen[10, 10], painted[10, 10]) < half).all()
    assert (half < np.maximum(seen[10, 10], painted[10, 10])).all()


def test_a_picture_without_colours_gets_none_and_one_with_a_little_keeps_them() -> None:
    grey = np.random.default_rng(0).integers(40, 220, (120, 160, 1), np.uint8).repeat(3, 2)
    drawn = np.clip(grey.astype(int) + np.array([9, 0, -4]), 0, 255).astype(np.uint8)
    assert np.ptp(as_grey(drawn.copy(), grey), axis=2).max() == 0
    coloured = grey.copy()
    coloured[:30, :30] = (40, 60, 160)
    assert np.array_equal(as_grey(drawn.copy(), coloured), drawn)


def test_dark_hair_has_no_black_blots_and_outlines_beside_what_is_light_stay_black() -> None:
    seen = np.full((120, 160, 3), (40, 50, 60), np.uint8)
    seen[:, 80:] = 200
    drawn = seen.copy()
    drawn[30:50, 20:40], drawn[:, 77:83] = 0, 0
    drawn[80:90, 20:40] = 90  # what is lighter is a tone of its own
    made = without_blots(drawn.copy(), seen, Planes())
    assert made[40, 30].min() > 0.8 * 40
    assert made[:, 77:83].max() < 16
    assert (made[80:90, 20:40] == 90).all()
    assert np.array_equal(made[:, 90:], drawn[:, 90:])


def test_a_pale_ground_does_not_glow_around_things_and_what_is_on_it_stays() -> None:
    """Comics left a white rim around a pepper on grey, as what is even is set right but next to an edge."""
    image = np.full((120, 160, 3), (235, 226, 224), np.uint8)
    image[40:80, 60:100] = (20, 40, 220)
    drawn = image.copy()
    drawn[28:92, 48:112] = 255
    drawn[40:80, 60:100] = (0, 20, 255)
    drawn[40:80, 60:63] = 0
    made = without_glow(drawn.copy(), image)
    ground = np.ones((120, 160), bool)
    ground[40:80, 60:100] = False
    assert (made[ground].max(0) <= np.array((235, 226, 224)) + 20).all()
    assert (made[ground].mean(0) <= np.array((235, 226, 224)) + 5).all()
    assert (made[50:70, 70:90] == drawn[50:70, 70:90]).all()
    dark = still("otters") // 2
    assert without_glow(dark, dark) is dark


def test_thin_washes_become_stronger_and_ink_and_paper_stay() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 256, 1), 3, axis=2)
    made = strengthened(ramp.copy())[0, :, 0].astype(int)
    assert (made[0], made[255]) == (0, 255)
    assert (np.diff(made) >= 0).all()
    assert 10 <= 128 - made[128] <= 20
    assert 255 - made[250] <= 8


def test_for_a_pen_full_colours_are_darker_than_their_luma_and_a_face_keeps_its_own() -> None:
    image = np.full((120, 160, 3), (30, 150, 200), np.uint8)
    image[:, :20] = 140
    made = for_pen(image, [])
    assert (made[:, :20] == 140).all()
    assert (made[..., 0] == made[..., 2]).all()
    assert made[60, 80, 0] < 0.8 * 151  # its luma
    marks = np.tile((110.0, 60.0), (5, 1))
    faced = for_pen(image, [Features((110.0, 60.0), 40.0, marks)])
    assert np.abs(faced[60, 110].astype(int) - image[60, 110]).max() <= 1
    assert (faced[:, :60] == made[:, :60]).all()
    assert (for_pen(image, [Features((110.0, 60.0), 40.0, marks, seen=0.0)]) == made).all()


def test_hands_of_the_skin_of_a_face_keep_their_colours_before_a_pen_and_wood_does_not() -> None:
    """They were hatched beside a white face."""
    image = np.full((240, 320, 3), 120, np.uint8)
    image[60:140, 120:200] = image[184:226, 54:96] = (130, 160, 210)
    image[184:226, 224:266] = (60, 100, 150)
    face = Features((160.0, 100.0), 60.0, np.tile((160.0, 100.0), (5, 1)))
    apart = np.ptp(for_pen(image, [face]), axis=2)
    assert apart[205, 75] > 70
    assert apart[205, 245] < 10
    assert np.ptp(for_pen(image, [face._replace(seen=0.0)]), axis=2).max() == 0


def test_a_curtain_of_the_colour_of_skin_behind_a_head_is_no_hand_before_a_pen() -> None:
    """It was left blank, and a head before it had no outline."""
    image = np.full((240, 320, 3), (130, 160, 210), np.uint8)
    face = Features((160.0, 100.0), 60.0, np.tile((160.0, 100.0), (5, 1)))
    apart = np.ptp(for_pen(image, [face]), axis=2)
    assert apart[40:101, [80, 110, 210, 240]].max() <= 2
    assert apart[[100, 150], 160].min() > 70  # a face, and a neck


def test_red_around_a_face_is_shown_to_a_pen_as_red_or_grey_and_hardly_as_what_lies_between() -> None:
    image = np.full((240, 320, 3), (30, 25, 180), np.uint8)  # a mix of it and its grey has a hue of skin
    face = Features((160.0, 110.0), 90.0, np.tile((160.0, 110.0), (5, 1)))
    apart = np.ptp(for_pen(image, [face]), axis=2)
    assert apart[110, 160] > 150
    assert apart[110, 10] == 0
    assert ((apart > 20) & (apart < 130)).mean() < 0.03
