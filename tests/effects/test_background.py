"""What is behind a hole: seen before, in the right place and light; forgotten at a cut."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.effects.inpainting.background import Background, Found
from gancam.effects.inpainting.prescan import Prescan
from gancam.effects.inpainting.regions import INVENTED, SEEN, UNKNOWN, FrameRegion
from gancam.frame import Image
from gancam.vision.motion import Grey
from gancam.vision.push_pull import spread
from tests.helpers.clips import psnr
from tests.helpers.small import still

SIZE = (320, 240)


def scene(x: float = 0, y: float = 0, *, name: str = "skyline", light: int = 0, grain: int = 0) -> Image:
    """A large picture as a camera sees it that has moved by (x, y) pixels."""
    wide = cv2.resize(still(name), (480, 360), interpolation=cv2.INTER_CUBIC)
    place = np.array([[1, 0, -80 - x], [0, 1, -60 - y]], np.float64)
    seen = cv2.warpAffine(wide, place, SIZE, flags=cv2.INTER_CUBIC).astype(np.int16) + light
    if grain:
        seen += np.random.default_rng(grain).normal(0, 2, (*SIZE[::-1], 3)).round().astype(np.int16)
    return seen.clip(0, 255).astype(np.uint8)


def hole(left: int, top: int, wide: int = 60, tall: int = 50) -> Grey:
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[top : top + tall, left : left + wide] = 1
    return mask


def covered(image: Image, mask: Grey) -> Image:
    return np.where(mask[..., None] > 0, np.array([0, 255, 0], np.uint8), image)


def recalled(background: Background, image: Image, mask: Grey) -> tuple[FrameRegion, Found]:
    """One frame, with nothing invented."""
    window = FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape)
    background.observe(image, mask, [window])
    found = background.lookup(window, image, mask)
    background.remember(image, mask)
    return window, found


def test_a_hole_that_moves_uncovers_what_is_behind_it() -> None:
    background = Background()
    for step in range(20):
        image, mask = scene(grain=step + 1), hole(20 + 8 * step, 90)
        window, found = recalled(background, covered(image, mask), mask)
    inside = mask[window.place] > 0
    assert (found.state[inside] == SEEN).all()
    assert psnr(found.picture[inside], image[window.place][inside]) > 36  # two frames' grain
    assert (found.state[~inside] == UNKNOWN).all()
    assert background.camera.still


def test_a_moving_camera_is_followed() -> None:
    background = Background()
    for step in range(25):
        image, mask = scene(2.5 * step - 30, 0.7 * step), hole(130, 90)
        window, found = recalled(background, covered(image, mask), mask)
    inside = mask[window.place] > 0
    assert (found.state[inside] == SEEN).mean() > 0.9  # 60 pixels of hole, 62 of way
    seen = found.state == SEEN
    assert psnr(found.picture[seen], image[window.place][seen]) > 30


@pytest.mark.parametrize("step", [0.0, 1.5])
def test_what_held_a_trace_of_what_is_hidden_now_is_not_shown(step: float) -> None:
    background, mask = Background(), hole(130, 90, 40, 12)
    for index in range(8):
        image = scene(step * index)
        background.skip(np.where(mask[..., None] > 0, image // 4 + 190, image) if index > 4 else image)
    window = FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape)
    image = covered(scene(step * 8), mask)
    background.observe(image, mask, [window], mask)
    assert not background.lookup(window, image, mask).state[mask[window.place] > 0].any()
    background.remember(image, mask)
    _, found = recalled(background, covered(scene(step * 9), mask), mask)
    assert not found.state[4:-4][mask[window.place][4:-4] > 0].any()


def test_who_passes_beside_a_hole_while_the_camera_moves_takes_nothing_of_what_is_known() -> None:
    """It is doubted as long as they are there, and something is invented; then it is known again."""
    background, states = Background(), []
    for step in range(24):
        image, mask = scene(2.5 * step - 30, 0.7 * step), hole(130, 90)
        if step in (20, 21):
            cv2.rectangle(image, (100, 60), (220, 170), (30, 60, 220), -1)
        image = covered(image, mask)
        window, found = recalled(background, image, mask)
        inside = mask[window.place] > 0
        states.append(float((found.state[inside] == SEEN).mean()))
        missing = np.asarray(inside & (found.state == UNKNOWN), np.uint8)
        background.store(window, np.full_like(found.picture, 200), image, mask, missing)
    assert states[20] < 0.3
    assert states[-1] > 0.8


def test_what_is_near_moves_past_what_is_far() -> None:
    background, scores = Background(), []
    for step in range(30):
        image, mask = scene(1.5 * step - 20), hole(40 + 6 * step, 20, 30, 30)
        image[:90] = scene(1.9 * step - 30, name="otters")[:90]
        window, found = recalled(background, covered(image, mask), mask)
        seen = (mask[window.place] > 0) & (found.state == SEEN)
        if seen.sum() > 300:
            scores.append(psnr(found.picture[seen], image[window.place][seen]))
    assert len(scores) > 15
    assert not background.camera.still
    assert np.median(scores) > 37


def test_a_camera_that_goes_far_takes_its_canvas_along() -> None:
    background = Background()
    for step in range(40):
        image, mask = scene(4.0 * step - 75, 0), hole(130, 90, 40, 40)
        window, found = recalled(background, covered(image, mask), mask)
    seen = found.state == SEEN
    assert seen[mask[window.place] > 0].mean() > 0.9
    assert psnr(found.picture[seen], image[window.place][seen]) > 28
    assert background.cuts == 0


def test_what_was_seen_while_nothing_was_hidden_is_known() -> None:
    background = Background()
    for step in range(9):
        background.skip(scene(grain=step + 1))
    image, mask = scene(grain=50), hole(100, 80)
    window, found = recalled(background, covered(image, mask), mask)
    inside = mask[window.place] > 0
    assert (found.state[inside] == SEEN).all()
    assert psnr(found.picture[inside], image[window.place][inside]) > 36


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_what_was_seen_in_the_very_last_frame_is_known(gone: int) -> None:
    """A hand that has just left is not there any more."""
    background, mask = Background(whole=True), hole(140, 90)
    plain = scene()
    for frame in range(12):
        seen = plain.copy()
        if frame < 12 - gone:
            seen[100:130, 150:190] = (90, 120, 200)
        background.skip(seen)
    window, found = recalled(background, covered(plain, mask), mask)
    inside = mask[window.place] > 0
    assert (found.state[inside] == SEEN).all()
    assert psnr(found.picture[inside], plain[window.place][inside]) > 35


def test_what_is_behind_follows_the_light() -> None:
    background, mask = Background(), hole(100, 80)
    background.skip(scene())
    for step in range(12):
        image = scene(light=2 * step)
        window, found = recalled(background, covered(image, mask), mask)
    inside = mask[window.place] > 0
    assert (found.state[inside] == SEEN).all()
    assert np.abs(found.picture[inside].astype(int) - image[window.place][inside]).mean() < 2.5


@pytest.mark.parametrize("until", [0.4, 1.6])
def test_what_is_behind_follows_a_fade(until: float) -> None:
    """A fade or an exposure multiplies: what is dark changes little and what is light much, up to white."""
    background, mask = Background(), hole(100, 80)
    background.skip(scene(grain=99))
    for step in range(25):
        gain = 1 + (until - 1) * min(step / 20, 1)
        image = np.asarray((scene(grain=step + 1) * gain).round().clip(0, 255), np.uint8)
        window, found = recalled(background, covered(image, mask), mask)
        assert background.camera.still
        inside = mask[window.place] > 0
        assert (found.state[inside] == SEEN).mean() > 0.99
        assert psnr(found.picture[inside], image[window.place][inside]) > 34


def test_a_passer_by_is_no_light() -> None:
    """Beside the hole comes a thing 25 levels darker than the wall: what lay behind is not the thing's wall."""
    wall = np.full((*SIZE[::-1], 3), 150, np.uint8)
    background, mask = Background(), hole(100, 80)
    background.skip(wall)
    recalled(background, covered(wall, mask), mask)
    image = wall.copy()
    image[70:140, 90:130] = 125  # also behind the left half of the hole
    window, found = recalled(background, covered(image, mask), mask)
    left, right = hole(100, 80, 26)[window.place] > 0, hole(138, 80, 22)[window.place] > 0
    assert (found.state[left] == SEEN).mean() < 0.3
    assert (found.state[right] == SEEN).mean() > 0.7


def swaying(step: int) -> Image:
    """A camera that pans over a scene while its exposure goes up and down; nothing is over- or underexposed."""
    return np.asarray(scene(-60 + 3 * step, name="lake") * 0.7 + 35 + round(25 * np.sin(step / 3)), np.uint8)


@pytest.mark.parametrize("ahead", [False, True])
def test_what_was_seen_in_other_lights_is_one_picture(ahead: bool) -> None:
    """Strips of what is behind a mark on the lens come from frames of all exposures: no step between them is seen."""
    mask = hole(120, 60)
    background = scouted([(covered(swaying(step), mask), mask) for step in range(40)]) if ahead else Background()
    worst = []
    for step in range(40):
        truth = swaying(step)
        window, found = recalled(background, covered(truth, mask), mask)
        inside = (mask[window.place] > 0) & (found.state == SEEN)
        if inside.mean() > 0.2:
            apart = cv2.blur(found.picture.astype(np.float32) - truth[window.place], (5, 5)).mean(2)
            worst.append(float(np.abs(apart)[cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0].max()))
    assert len(worst) > 15
    assert np.median(worst) < 8
    assert max(worst) < 14


def test_nothing_behind_a_hole_at_rest_changes() -> None:
    background, mask = Background(), hole(100, 80)
    background.skip(scene())
    pictures = [recalled(background, covered(scene(grain=step + 1), mask), mask)[1].picture for step in range(10)]
    inside = mask[FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape).place] > 0
    changed = [(a[inside] != b[inside]).mean() for a, b in pairwise(pictures[1:])]
    assert max(changed) < 0.02


def test_what_was_invented_is_kept_until_its_surroundings_change() -> None:
    background, mask = Background(), hole(100, 80)
    image = covered(scene(), mask)
    window, found = recalled(background, image, mask)
    inside = np.asarray(mask[window.place], np.uint8)
    assert (found.state == UNKNOWN).all()
    invented = np.where(inside[..., None] > 0, np.uint8(200), image[window.place])
    background.store(window, invented, image, mask, inside)
    _, found = recalled(background, image, mask)
    assert (found.state[inside > 0] == INVENTED).all()
    assert (found.picture[inside > 0] == 200).all()
    passing = image.copy()
    passing[70:150, 60:100] = 255 - passing[70:150, 60:100]  # something steps up to its left edge
    passing[passing > 127] -= 40
    for count in range(80):
        _, found = recalled(background, passing, mask)
        doubted = (found.state[inside > 0] == UNKNOWN).mean()
        assert doubted > 0.2 if count < 60 else doubted == 0 or count < 75
        other = np.where(found.state[..., None] == UNKNOWN, np.uint8(90), found.picture)
        background.store(window, other, passing, mask, np.asarray(inside * (found.state == UNKNOWN), np.uint8))
        if count == 10:  # it goes on: what was there before is there again
            _, found = recalled(background, image, mask)
            assert np.abs(found.picture[inside > 0].astype(int) - 200).max() <= 1
    assert (found.state[inside > 0] == INVENTED).all()  # it stays: the new is kept
    assert (np.abs(found.picture[inside > 0].astype(int) - 90) <= 1).mean() > 0.2


def test_what_was_invented_bit_by_bit_while_the_camera_moved_is_invented_anew_as_one_when_it_is_calm() -> None:
    background, mask = Background(), hole(130, 90)
    window = FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape)
    part, grey = mask[window.place], np.full((*window.size[::-1], 3), 90, np.uint8)
    anew: list[int] = []
    for step in range(24):
        image = scene(0.0 if step < 8 else 5.0 * min(step - 8, 6))  # it rests, moves for six frames, and rests
        background.observe(image, mask, [window])
        found = background.lookup(window, image, mask)
        moves = 8 < step <= 14
        fills = part if moves else np.asarray(part & (found.state == UNKNOWN), np.uint8)
        if fills.any() and not moves and background.appeared(mask).any():
            assert np.array_equal(background.appeared(mask), mask)
            anew.append(step)
        background.store(window, grey, image, mask, fills)
        background.remember(image, mask)
    assert anew == [0, 17]  # when it is hidden first, and in the third calm frame


def test_a_camera_that_never_rests_has_nothing_invented_anew() -> None:
    background, mask = Background(), hole(130, 90)
    window = FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape)
    part, grey = mask[window.place], np.full((*window.size[::-1], 3), 90, np.uint8)
    for step in range(16):
        image = scene(2.5 * step - 20)
        background.observe(image, mask, [window])
        assert background.appeared(mask).any() == (step == 0)
        background.store(window, grey, image, mask, part)
        background.remember(image, mask)


def test_what_was_invented_for_thin_letters_is_invented_anew_when_things_move() -> None:
    """A few pixels from what is seen now, that tells better; in wide holes what was invented stays as it is."""
    letters, wide = np.zeros(SIZE[::-1], np.uint8), hole(100, 80)
    for left in range(90, 200, 16):
        letters[90:110, left : left + 6] = 1
    near = scene()
    near[60:140] = np.minimum(near[60:140], 235) + np.uint8(12)  # somebody's shadow is gone
    for mask, keeps in ((letters, False), (wide, True)):
        for later, at_rest in ((scene(), True), (near, True), (scene(3, 1), False)):
            background = Background()
            window, found = recalled(background, covered(scene(), mask), mask)
            inside = np.asarray(mask[window.place], np.uint8)
            background.store(window, scene()[window.place], scene(), mask, inside)
            _, found = recalled(background, covered(later, mask), mask)
            assert background.camera.still == at_rest
            kept = (found.state[inside > 0] == INVENTED).mean()
            assert kept > 0.85 if keeps or np.array_equal(later, scene()) else kept < 0.1


def test_a_cut_empties_it() -> None:
    background, mask = Background(), hole(100, 80)
    background.skip(scene())
    recalled(background, covered(scene(), mask), mask)
    other = covered(scene(name="otters"), mask)
    _, found = recalled(background, other, mask)
    assert (found.state == UNKNOWN).all()
    assert background.cuts == 1
    small = np.ascontiguousarray(other[:100, :100])
    window, found = recalled(background, small, np.ascontiguousarray(mask[:100, :100] | 1))
    assert found.picture.shape[:2] == window.size[::-1] == (100, 100)


def test_spread_goes_through_what_is_known_and_is_smooth_between() -> None:
    values = np.zeros((9, 13, 1), np.float32)
    weights = np.zeros((9, 13), np.float32)
    assert not spread(values, weights).any()
    values[0, 0], weights[0, 0] = 5.0, 1.0
    np.testing.assert_allclose(spread(values, weights), 5.0, rtol=1e-4)
    values[8, 12], weights[8, 12] = -5.0, 1.0
    surface: NDArray[np.float32] = spread(values, weights)[..., 0]
    assert surface[0, 0] == 5.0
    assert surface[8, 12] == -5.0
    assert abs(float(surface[4, 6])) < 3.0
    assert np.abs(np.diff(surface, axis=1)).max() < 5.0


def test_a_mask_put_upon_a_thing_does_not_show_that_thing() -> None:
    """What was there before the mask is what is to go; what a thing that came with its mask hides is not."""
    thing = scene()
    thing[90:120, 110:150] = (20, 20, 230)
    for background in (Background(), Background()):
        background.skip(thing)
        _, found = recalled(background, thing, hole(100, 80))
        assert (found.state == UNKNOWN).all()
        window, found = recalled(background, thing, hole(100, 80, 80))  # a stroke that goes on
        assert (found.state[:, : 180 - window.left] == UNKNOWN).all()
    jumped, mask = Background(), hole(100, 80)
    jumped.skip(scene())
    window, found = recalled(jumped, covered(scene(), mask), mask)
    assert (found.state[mask[window.place] > 0] == SEEN).all()


def scouted(frames: list[tuple[Image, Grey]]) -> Background:
    scout = Prescan()
    for image, mask in frames:
        if not mask.any():
            scout.skip(image)
            continue
        scout.observe(image, mask, [FrameRegion.around(cv2.boundingRect(mask), 16, mask.shape)])
        scout.remember(image, mask)
    return Background(scout.finish())


def captioned(step: int, appears: int = 9, goes: int = 99, *, light: int = 0) -> Image:
    """A fixed camera; letters are over the scene from a frame on. They hide a fifth of the box that marks them."""
    image = scene(grain=step + 1, light=light)
    if appears <= step < goes:
        cv2.putText(image, "I said", (104, 116), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2, cv2.LINE_AA)
    return image


def test_what_a_caption_appears_over_is_known_and_what_stays_is_unknown() -> None:
    box = hole(98, 84, 90, 44)
    for light in (0, 6):  # it may come with a change of light
        background = Background()
        for step in range(9):
            background.skip(captioned(step))
        for step in range(9, 14):
            window, found = recalled(background, captioned(step, light=light), box)
        inside = box[window.place] > 0
        assert (found.state[inside] == SEEN).mean() > 0.99
        assert psnr(found.picture[inside], scene(light=light)[window.place][inside]) > 36
    late = Background()
    for step in range(14):
        late.skip(captioned(step))
    _, found = recalled(late, captioned(14), box)  # as the letters were there before the box
    assert (found.state == UNKNOWN).all()


def test_what_a_caption_that_goes_was_over_is_known_from_the_start() -> None:
    box, none = hole(98, 84, 90, 44), hole(0, 0, 0, 0)
    frames = [(captioned(step, 0, 6), box if step < 6 else none) for step in range(12)]
    background = scouted(frames)
    window, found = recalled(background, *frames[0])
    inside = box[window.place] > 0
    assert (found.state[inside] == SEEN).mean() > 0.99
    assert psnr(found.picture[inside], scene()[window.place][inside]) > 36


@pytest.mark.parametrize("pause", [0, 3])
def test_who_walks_before_a_mask_follows_him_is_not_what_was_behind_him(pause: int) -> None:
    """He, too, changes much of what the mask marks from one frame to the next, but he did so before."""
    background = Background()
    for step in range(10 + pause):
        image, mask = scene(grain=step + 1), hole(20 + 8 * step, 70, 50, 80)
        cv2.circle(image, (45 + 8 * step, 90), 12, (40, 30, 160), -1)
        cv2.rectangle(image, (32 + 8 * step, 100), (58 + 8 * step, 140), (60, 20, 120), -1)
        if step < 9 + pause:
            background.skip(image)
    _, found = recalled(background, image, mask)
    assert (found.state == UNKNOWN).mean() > 0.99


def test_what_is_uncovered_later_is_known_from_the_start() -> None:
    masks = [hole(120 + 6 * max(step - 5, 0), 90) for step in range(25)]
    frames = [(covered(scene(grain=step + 1), mask), mask) for step, mask in enumerate(masks)]
    background = scouted(frames)
    window, found = recalled(background, *frames[0])
    inside = masks[0][window.place] > 0
    assert (found.state[inside] == SEEN).all()
    assert psnr(found.picture[inside], scene()[window.place][inside]) > 36


def test_what_a_camera_uncovers_later_is_known_across_its_canvases() -> None:
    mask = hole(130, 90, 40, 40)
    frames = [(covered(scene(4.0 * step - 75), mask), mask) for step in range(40)]
    background = scouted(frames)
    for step, (image, _) in enumerate(frames[:28]):
        window, found = recalled(background, image, mask)
        seen, inside = found.state == SEEN, mask[window.place] > 0
        assert seen[inside].mean() > 0.85
        assert psnr(found.picture[seen], scene(4.0 * step - 75)[window.place][seen]) > 25


def test_what_a_mask_is_taken_off_is_not_what_was_behind_it() -> None:
    thing = scene()
    thing[90:120, 110:150] = (20, 20, 230)
    background = scouted([(thing, hole(100, 80))] * 5 + [(thing, hole(0, 0, 0, 0))] * 3)
    _, found = recalled(background, thing, hole(100, 80))
    assert (found.state == UNKNOWN).all()


def test_the_frames_border_leaves_no_line_in_what_is_remembered() -> None:
    """A camera moves by parts of pixels over a light wall, and on to another canvas; what is recalled is the wall."""
    wall = np.asarray(cv2.GaussianBlur(scene(name="lake"), (0, 0), 3) // 3 + 160, np.uint8)
    wide = np.asarray(cv2.resize(wall, (960, 720), interpolation=cv2.INTER_CUBIC), np.uint8)
    background, mask = Background(), hole(250, 90, 60, 50)
    for step in range(60):
        place = np.array([[1, 0, -80 - 5.3 * step], [0, 1, -200 - 0.7 * step]], np.float64)
        image = np.asarray(cv2.warpAffine(wide, place, SIZE, flags=cv2.INTER_CUBIC), np.uint8)
        window, found = recalled(background, image, mask)
        off = np.abs(found.picture.astype(int) - image[window.place])[found.state == SEEN]
        assert not off.size or off.max() < 40
