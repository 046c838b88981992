"""People who walk before a camera that stands still: marked late and in part, and gone with all they carry."""

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.background import Background
from gancam.effects.inpainting.lasting import usual
from gancam.effects.inpainting.prescan import Prescan
from gancam.effects.inpainting.regions import SEEN, FrameRegion
from gancam.frame import Image
from gancam.vision.motion import Grey
from tests.helpers.small import still

SIZE = (320, 240)
WALL = np.asarray(cv2.resize(still("lake"), SIZE, interpolation=cv2.INTER_AREA), np.uint8)
BODY, PAPER, SHOE = (30, 30, 60), (40, 10, 250), (20, 240, 20)


def grained(image: Image, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 2, image.shape).round()
    return np.asarray((image + noise).clip(0, 255), np.uint8)


def walker(left: int, step: int = 0, *, wall: Image = WALL) -> tuple[Image, Grey, Grey]:
    """Somebody with a paper, how they are marked, and all that is theirs; beyond the frame where `left` is."""
    image, body, whole = wall.copy(), np.zeros(SIZE[::-1], np.uint8), np.zeros(SIZE[::-1], np.uint8)
    for (x, y, wide, tall), colour in (
        ((0, 80, 40, 110), BODY),
        ((-12, 120, 14, 18), PAPER),
        ((4, 190, 14, 6), SHOE),
        ((24, 190, 14, 6), SHOE),
    ):
        place = slice(y, y + tall), slice(max(left + x, 0), max(left + x + wide, 0))
        image[place] = colour
        whole[place] = 1
        if colour == BODY:
            body[place] = 1
    return grained(image, step + 1), body, whole


def taken(background: Background, image: Image, marked: Grey, time: float) -> tuple[Grey, Image, Grey]:
    """One frame: what is hidden, the frame with what is known behind it, and of what that is."""
    hidden = background.belonging(image, marked, time)
    result, state = image.copy(), np.zeros(SIZE[::-1], np.uint8)
    if not hidden.any():
        background.skip(image)
        return hidden, result, state
    window = FrameRegion.around(cv2.boundingRect(hidden), 16, hidden.shape)
    background.observe(image, hidden, [window])
    if not isinstance(background, Prescan):
        found = background.lookup(window, image, hidden)
        state[window.place] = found.state
        cv2.copyTo(found.picture, np.asarray(found.state > 0, np.uint8), result[window.place])
    background.remember(image, hidden)
    return hidden, result, state


NOBODY = np.zeros(SIZE[::-1], np.uint8)


def empty(background: Background, frames: int = 12) -> float:
    """A second of the wall alone; returns the time after it."""
    for step in range(frames):
        taken(background, grained(WALL, 100 + step), NOBODY, step / 10)
    return frames / 10


def wrong(result: Image, truth: Image) -> int:
    apart = cv2.blur(cv2.absdiff(result, truth), (3, 3)).max(2)
    return int((apart > 25).sum())


def test_who_is_marked_late_leaves_nothing_and_takes_along_what_they_carry() -> None:
    background = Background(people=True)
    start = empty(background)
    for step in range(30):
        image, body, whole = walker(300 - 8 * step, step)
        late = step < 5 or step % 7 == 3  # and now and then the upper half is missed
        half = body.copy()
        half[:130] = 0
        hidden, result, _ = taken(background, image, NOBODY if step < 5 else half if late else body, start + step / 10)
        if step >= 5:
            assert (hidden >= whole).all(), step
            assert wrong(result, WALL) == 0, step
            assert hidden.sum() < 1.5 * whole.sum()


@pytest.mark.parametrize("ahead", [True, False])
def test_in_a_file_what_is_seen_later_is_known_from_the_first_frame_on(ahead: bool) -> None:
    """Somebody stands there unmarked when it begins, and walks off."""
    frames = []
    for step in range(40):
        image, body, _ = walker(200 - 8 * max(step - 2, 0), step)
        frames.append((image, NOBODY if step < 2 else body))
    if not ahead:
        background = Background(people=True)
    else:
        scout = Prescan(people=True)
        for step, (image, marked) in enumerate(frames):
            taken(scout, image, marked, step / 10)
        background = Background(scout.finish(), people=True)
    debris = []
    for step, (image, marked) in enumerate(frames):
        _, result, state = taken(background, image, marked, step / 10)
        if step in (3, 4, 5):
            debris.append(wrong(result, WALL))
            assert not ahead or (state[marked > 0] == SEEN).all()
    assert max(debris) == 0 if ahead else min(debris) > 500


def test_what_moves_elsewhere_or_is_larger_is_not_theirs() -> None:
    background = Background(people=True)
    start = empty(background)
    for step in range(8):
        image, body, whole = walker(240, step)
        image[100:200, 20 + 4 * step : 160 + 4 * step] = (200, 90, 40)  # a van drives up to them
        hidden, _, _ = taken(background, image, body, start + step / 10)
        assert (hidden >= whole).all()
        assert hidden[:, :200].sum() == 0
    for step in range(8, 22):
        image, body, _ = walker(240, step)
        image[100:200, 20 + 4 * step : 160 + 4 * step] = (200, 90, 40)  # behind them
        hidden, _, _ = taken(background, image, body, start + step / 10)
    assert hidden[:, :200].sum() == 0


@pytest.mark.slow
def test_who_is_lost_on_the_way_stays_hidden_and_what_is_put_down_is_seen() -> None:
    background = Background(people=True)
    start = empty(background)
    for step in range(25):
        image, body, whole = walker(280 - 6 * step, step)
        lost = 8 <= step < 20
        hidden, result, _ = taken(background, image, NOBODY if lost else body, start + step / 10)
        if step > 1:
            assert (hidden >= whole).all(), step
            assert wrong(result, WALL) == 0
    start += 2.5
    room = WALL.copy()
    room[150:190, 120:140] = (60, 160, 60)  # a bag, left where they were
    for step in range(60):
        image, body, _ = walker(130 - 6 * step, step, wall=room) if step < 24 else (grained(room, step), NOBODY, NOBODY)
        hidden, result, _ = taken(background, image, body, start + step / 10)
    assert not hidden.any()
    for step in range(20):
        image, body, _ = walker(280 - 8 * step, step, wall=room)
        hidden, result, _ = taken(background, image, body, start + 6 + step / 10)
        assert wrong(result, room) == 0, step  # it is part of the scene


@pytest.mark.parametrize("light", [-30, 8, 40])
def test_when_the_light_changes_nothing_else_is_theirs(light: int) -> None:
    background = Background(people=True)
    start = empty(background)
    wall = np.asarray((WALL.astype(np.int16) + light).clip(0, 255), np.uint8)
    for step in range(20):
        image, body, whole = walker(280 - 8 * step, step, wall=WALL if step < 6 else wall)
        hidden, result, _ = taken(background, image, body, start + step / 10)
        assert hidden.sum() < 1.6 * whole.sum(), step
    assert wrong(result, wall) < 0.05 * whole.sum()


def test_where_the_camera_moves_the_mask_is_what_it_is() -> None:
    background = Background(people=True)
    start = empty(background)
    wide = np.asarray(cv2.resize(still("lake"), (480, 240), interpolation=cv2.INTER_AREA), np.uint8)
    for step in range(8):
        wall = np.ascontiguousarray(wide[:, 5 * step : 5 * step + SIZE[0]])
        image, body, _ = walker(240, step, wall=wall)
        hidden, _, _ = taken(background, image, body, start + step / 10)
    assert np.array_equal(hidden, body)


def test_something_that_comes_is_told_as_somebody_who_may_be_there() -> None:
    background = Background(people=True)
    start = empty(background)
    assert not background.strangers
    image, _, whole = walker(200)
    taken(background, image, NOBODY, start)
    (box,) = background.strangers
    apart = np.abs(np.array(box) - cv2.boundingRect(whole)).max()
    assert apart <= 4
    image[:] = WALL
    image[100:114, 40:46] = BODY  # far away
    taken(background, image, NOBODY, start + 0.05)
    assert [box[3] for box in background.strangers] == [pytest.approx(14, abs=4)]
    image[:] = WALL
    image[100:130, 40:300] = BODY  # a board
    taken(background, image, NOBODY, start + 0.1)
    assert not background.strangers


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
