"""What stays marked of people after they were seen: along with a camera that runs, and not over a cut."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.masks import Person
from gancam.masks.people.belief import without_fancies
from gancam.masks.people.trail import Trail
from tests.helpers.small import still

ROOT = Path(__file__).parents[3]

SEEN = np.zeros((360, 640), np.uint8)
SEEN[100:200, 300:400] = 255
NOBODY = np.zeros_like(SEEN)


def pictures() -> list[np.ndarray]:
    wide = cv2.resize(still("otters"), (400, 240), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[60:204, left : left + 256]) for left in (40, 80)]


def test_marks_run_with_the_camera() -> None:
    trail, (before, now) = Trail(), pictures()
    assert trail(SEEN, 0.0).sum() > 100 * 100
    trail.carry(before, now)
    marked = trail(NOBODY, 0.04)  # the network is mistaken, for all it knows
    x, y, wide, tall = cv2.boundingRect(marked)
    assert abs(x + wide / 2 - (350 - 100)) < 3  # 40 pixels of the small picture
    assert abs(y - 98) < 3
    assert 102 < tall < 120  # with room for feet
    for step in range(5):
        trail.carry(before, now)
        marked = trail(NOBODY, 0.08 + 0.04 * step)
    assert not marked.any()  # who is out of the picture is not missed


def test_the_nearer_somebody_is_the_further_fine_hair_reaches() -> None:
    beyond = []
    for radius in (20, 170):
        somebody = np.zeros_like(SEEN)
        cv2.circle(somebody, (320, 180), radius, 255, -1)
        beyond.append(cv2.boundingRect(Trail()(somebody, 0.0))[2] // 2 - radius)
    assert beyond == [2, 4]


def figure(top: int, bottom: int) -> np.ndarray:
    """Somebody who stands, as a network sees them: without shoes."""
    somebody = np.zeros_like(SEEN)
    cv2.ellipse(somebody, (320, (top + bottom) // 2), (24, (bottom - top) // 2), 0, 0, 360, 255, -1)
    return somebody


def test_shoes_and_their_shadow_are_marked_of_who_stands() -> None:
    somebody = figure(100, 240)
    left, top, wide, tall = cv2.boundingRect(Trail()(somebody, 0.0))
    assert 246 <= top + tall <= 256  # at least a twentieth of their height further down
    assert top >= 96  # and no more around their head
    assert (left, left + wide) == pytest.approx((296, 344), abs=12)


@pytest.mark.parametrize(("top", "bottom"), [(150, 420), (0, 0)])
def test_where_the_picture_ends_nobody_has_feet(top: int, bottom: int) -> None:
    somebody = figure(top, bottom) if bottom else np.zeros_like(SEEN)
    marked = Trail()(somebody, 0.0)
    assert not marked[somebody == 0].sum() > 0.15 * np.count_nonzero(somebody)


def test_who_lies_has_no_feet_below() -> None:
    lies = np.zeros_like(SEEN)
    cv2.ellipse(lies, (320, 200), (120, 30), 0, 0, 360, 255, -1)
    _, top, _, tall = cv2.boundingRect(Trail()(lies, 0.0))
    assert top + tall <= 234


def test_in_an_image_those_are_nobody_in_whom_the_network_hardly_believes() -> None:
    found = np.zeros((144, 256), np.float32)
    corners = ((20, 20, 40), (90, 20, 40), (5, 200, 3))
    sure, doubtful, tiny = ((slice(y, y + side), slice(x, x + side)) for y, x, side in corners)
    for place, level in ((sure, 0.95), (doubtful, 0.7), (tiny, 0.9)):
        found[place] = level
    mirrored = np.zeros_like(found)
    mirrored[sure] = 0.9

    def of(faces: list[tuple[int, int, int, int]]) -> np.ndarray:
        return without_fancies(found, (0, 0, 512, 288), lambda: (found, mirrored), lambda: faces)

    assert [float(of([])[place].max()) > 0 for place in (sure, doubtful, tiny)] == [True, False, False]
    kept = of([(50, 190, 50, 60)])
    assert [float(kept[place].max()) > 0 for place in (sure, doubtful, tiny)] == [True, True, False]
    assert (kept[kept > 0] == found[kept > 0]).all()


def test_a_fast_pan_is_no_other_scene_and_a_cut_is() -> None:
    """All that is known of people is kept, which else would be looked for anew in each frame."""
    people = np.asarray(cv2.imread(str(ROOT / "samples" / "people.jpg")), np.uint8)
    wide = np.hstack([people, cv2.resize(still("spices"), (640, 480))])
    person, views = Person(), [np.ascontiguousarray(wide[:, at : at + 640]) for at in range(0, 320, 40)]
    assert any(cv2.absdiff(*pair).mean() > 20 for pair in pairwise(views)), "as two scenes do"
    for view in views:
        person(view)
    assert person._age == len(views)
    person(np.ascontiguousarray(cv2.resize(still("lake"), (640, 480))))
    assert person._age == 1


def test_a_cut_ends_the_marks_also_where_each_frame_is_looked_at_alone() -> None:
    people = np.asarray(cv2.imread(str(ROOT / "samples" / "people.jpg")), np.uint8)
    after = np.asarray(cv2.resize(still("lake"), (640, 480)), np.uint8)
    person = Person(hold=0.0, wide=True)
    assert person(people, time=0.0).any()
    assert np.array_equal(person(after, time=0.04), Person(hold=0.0, wide=True)(after, time=0.0))


@pytest.mark.parametrize("rate", [10, 30, 60, 120, 240, 1000])
def test_marks_fade_in_a_fifth_of_a_second_at_any_rate(rate: int) -> None:
    trail, beside = Trail(), np.zeros_like(SEEN)
    beside[100:200, 100:200] = 255
    trail(SEEN, 1.0)
    marked = [bool(trail(beside, 1 + step / rate)[150, 350]) for step in range(1, rate // 2 + 1)]
    last = 1 + sum(marked)  # frames after which nothing of the first place is marked
    assert all(marked[: last - 1])
    assert abs(last / rate - 0.2) <= 0.011 + 0.5 / rate
