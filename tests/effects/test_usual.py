"""What the first frames of a clip show most of the time, and what stays known of it while a camera shakes."""

import numpy as np

from gancam.effects.inpainting.background import Background
from gancam.effects.inpainting.prescan import Prescan
from gancam.effects.inpainting.usual import usual
from gancam.frame import Image
from gancam.vision.motion import Grey
from tests.helpers.small import still


def ridden(index: int, shake: int = 0) -> tuple[Image, Grey, Grey]:
    """Somebody (marked) on a thing that is not, which pass through a view; and where both are."""
    image = np.roll(still("lake"), shake, axis=0).copy()
    left, marked, both = 8 + 11 * index, np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
    image[60:110, left : left + 30], marked[60:110, left : left + 30] = (40, 30, 200), 1
    image[110:130, left : left + 34], both[60:130, left : left + 34] = (20, 200, 220), 1
    return image, marked, both


def test_what_most_frames_show_is_known_though_nobody_stands_still_for_half_a_second() -> None:
    frames = [ridden(index) for index in range(12)]
    found = usual([image for image, _, _ in frames], [marked for _, marked, _ in frames])
    assert found is not None
    picture, known = found
    assert known[60:130].mean() > 0.95
    assert np.abs(picture[known > 0].astype(int) - still("lake")[known > 0]).max() <= 2
    assert usual([frames[0][0]] * 4, [frames[0][1]] * 4) is None, "too few"


def test_who_is_marked_in_nearly_all_frames_is_no_scene() -> None:
    image, marked, _ = ridden(4)
    found = usual([image] * 12, [marked] * 11 + [marked * 0])
    assert found is not None
    assert not found[1][marked > 0].any()
    assert found[1][marked == 0].all()


def test_what_somebody_rides_is_filled_with_them_from_the_first_frame_of_a_short_clip_that_shakes_once() -> None:
    """It stood alone in a fog: no place was seen for half a second, and what was known was forgotten as it shook."""
    clip = [ridden(index, shake=2 * (index == 16)) for index in range(18)]
    scout = Prescan(people=True)
    for index, (image, marked, _) in enumerate(clip):
        scout.belonging(image, marked, index / 25)
        scout.observe(image, marked, [])
        scout.remember(image, marked)
    play = Background(scout.finish(), people=True)
    for index, (image, marked, both) in enumerate(clip):
        whole = play.belonging(image, marked, index / 25)
        assert index == 16 or whole[both > 0].mean() > 0.95, index
        play.observe(image, whole, [])
        play.remember(image, whole)
