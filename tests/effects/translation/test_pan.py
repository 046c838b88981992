"""How far a camera went: found again when it is known, and nothing where it stands."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.effects.translation.pan import Pan
from gancam.frame import Image
from tests.helpers.small import still

SIZE = (320, 180)


def view(x: float, y: float, *, angle: float = 0.0, zoom: float = 1.0, name: str = "skyline") -> Image:
    """A larger picture as a camera sees it that has turned, so that its middle is `x` and `y` pixels further on."""
    wide = cv2.resize(still(name), (640, 480), interpolation=cv2.INTER_CUBIC)
    matrix = cv2.getRotationMatrix2D((320, 240), angle, zoom)
    matrix[:, 2] += np.array([x - 160, y - 150])
    return np.asarray(cv2.warpAffine(wide, matrix, SIZE, flags=cv2.INTER_CUBIC), np.uint8)


def noisy(image: Image, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 2.5, image.shape)
    return np.asarray((image + noise).round().clip(0, 255), np.uint8)


def pixels(pan: Pan, image: Image) -> NDArray[np.float64]:
    """Down and to the right."""
    return np.array(pan(image)) * image.shape[:2]


@pytest.mark.parametrize("step", [(3, 0), (-2.5, 1), (0.4, 0.3), (0, 12)])
def test_a_known_pan_is_found(step: tuple[float, float]) -> None:
    pan, count = Pan(), 8 if max(map(abs, step)) > 3 else 30
    found = [pixels(pan, noisy(view(step[0] * index, step[1] * index), index)) for index in range(count)]
    assert not found[0].any()
    begun = next(index for index, one in enumerate(found) if one.any())
    assert begun <= max(2, 9 / max(map(abs, step)))  # what passes for a hand that trembles is small
    went = found[-1] - found[begun]
    assert np.abs(went - np.array(step)[::-1] * (count - 1 - begun)).max() < 1.5


@pytest.mark.parametrize("turn", [{"angle": 0.6}, {"zoom": 0.01}])
def test_of_a_turn_and_a_zoom_the_middle_counts(turn: dict[str, float]) -> None:
    pan = Pan()
    for index in range(20):
        angle, zoom = turn.get("angle", 0.0) * index, 1.0 + turn.get("zoom", 0.0) * index
        found = pixels(pan, view(2 * index, 0, angle=angle, zoom=zoom))
    assert 30 < found[1] < 42
    assert abs(found[0]) < 4


def test_a_camera_at_rest_stands_still_whatever_moves_before_it() -> None:
    pan = Pan()
    for index in range(40):
        image = view(0, 0)
        image[50:180, 6 * index : 6 * index + 90] = cv2.resize(still("otters"), (90, 130))[:, : 320 - 6 * index]
        assert pan(noisy(image, index)) == (0.0, 0.0)


def test_a_head_before_a_plain_wall_moves_nothing() -> None:
    pan = Pan()
    head = cv2.resize(still("otters"), (150, 150))
    for index in range(30):
        image = np.full((180, 320, 3), 150, np.uint8)
        left = 80 + round(12 * np.sin(index / 3))
        image[30:, left : left + 150] = head
        assert pan(noisy(image, index)) == (0.0, 0.0)


def test_a_hand_that_trembles_moves_nothing() -> None:
    pan, rng = Pan(), np.random.default_rng(0)
    for index in range(30):
        assert pan(noisy(view(*rng.uniform(-0.7, 0.7, 2)), index)) == (0.0, 0.0)


def test_a_camera_that_stops_stays_where_it_came_to() -> None:
    pan = Pan()
    for index in range(12):
        pan(noisy(view(3 * index, 0), index))
    rest = [pan(noisy(view(33, 0), 100 + index)) for index in range(40)]
    assert len(set(rest[5:])) == 1
    assert rest[-1] != (0.0, 0.0)


def test_it_begins_anew_at_a_cut_another_size_and_when_told() -> None:
    pan = Pan()

    def moved() -> bool:
        return any([pan(view(3 * index, 0)) for index in range(8)][-1])

    assert moved()
    assert pan(view(0, 0, name="otters")) == (0.0, 0.0)
    assert moved()
    assert pan(np.ascontiguousarray(view(0, 0)[:160])) == (0.0, 0.0)
    assert moved()
    pan.reset()
    assert pan(view(30, 0)) == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (7, 9), (180, 320)])
def test_a_picture_with_nothing_to_follow_stays(shape: tuple[int, int]) -> None:
    pan = Pan()
    for level in (10, 12, 40, 42, 42):
        assert pan(np.full((*shape, 3), level, np.uint8)) == (0.0, 0.0)


def test_the_same_frames_give_the_same() -> None:
    frames = [noisy(view(2.3 * index, -1.1 * index, angle=0.2 * index), index) for index in range(15)]
    one, other = Pan(), Pan()
    assert [one(frame) for frame in frames] == [other(frame) for frame in frames]


def test_a_camera_that_shakes_a_little_after_it_moved_moves_nothing_to_and_fro() -> None:
    """In a car the texture went to and fro by a step, in 80 of 120 frames."""
    pan, rng = Pan(), np.random.default_rng(5)
    for index in range(12):
        pan(view(2.0 * index, 0))
    told = [pan(view(22.0 + x, y)) for x, y in rng.uniform(-0.6, 0.6, (30, 2))]
    assert len(set(told)) <= 3


def test_a_camera_that_drifts_slowly_moves_nothing_and_one_that_goes_on_from_there_does_without_a_jump() -> None:
    """All strokes jumped by two pixels once in five frames, over a hand that held a camera nearly still."""
    pan = Pan()
    for index in range(40):
        assert pan(noisy(view(0.25 * index, 0.1 * index), index)) == (0.0, 0.0)
    found = np.array([pixels(pan, view(10 + 2.0 * index, 4)) for index in range(20)])
    steps = np.abs(np.diff(found, axis=0)).max(1)
    assert steps.max() < 5
    assert abs(found[-1][1] - found[4][1] - 30) < 3
