"""What is followed where the scene jumps: fast zooms and cuts back."""

import cv2
import numpy as np
import pytest

from gancam import masks
from gancam.frame import Image
from gancam.masks import matching
from gancam.masks.mask import Mask
from gancam.vision.motion import Matrix
from tests.helpers.small import still

BOX = 170, 70, 70, 90


def towards(zoom: float) -> Matrix:
    """How the first view, of a zoom of 2, is moved to one of `zoom`; the lens points a little beside the middle."""
    scale = zoom / 2
    return np.array([[scale, 0, 150 * (1 - scale)], [0, scale, 110 * (1 - scale)], [0, 0, 1]])


def view(name: str, zoom: float, light: float = 1.0) -> Image:
    first = np.array([[2, 0, -150.0], [0, 2, -110], [0, 0, 1]])
    seen = cv2.warpAffine(still(name), (towards(zoom) @ first)[:2], (320, 240), flags=cv2.INTER_AREA)
    return np.asarray(np.clip(seen * light, 0, 255), np.uint8)


def overlap(mask: Mask, zoom: float) -> float:
    left, top, wide, tall = BOX
    marked = np.zeros((240, 320), np.uint8)
    marked[top : top + tall, left : left + wide] = 255
    true = cv2.warpAffine(marked, towards(zoom)[:2], (320, 240)) > 127
    return float((true & (mask > 0)).sum() / (true | (mask > 0)).sum())


@pytest.mark.parametrize("name", ["lake", "otters", "spices", "sign"])
def test_a_fast_zoom_takes_along_what_is_followed(name: str) -> None:
    tracked = masks.Tracked(BOX)
    for index, zoom in enumerate((2, 2, 1.1, 1.0, 1.0, 1.9, 2.0)):
        mask = tracked(view(name, zoom, 0.8 if zoom < 1.5 else 1.0), time=index / 25)
        assert overlap(mask, zoom) > 0.75, f"{name}, frame {index}"
    assert tracked.notes == []


def test_what_vanishes_from_a_still_scene_is_not_sought_along_with_it() -> None:
    empty = view("lake", 2)
    full = empty.copy()
    full[80:150, 180:240] = view("spices", 1.3)[80:150, 180:240]
    tracked = masks.Tracked((180, 80, 60, 70), hold=0.3)
    for index, image in enumerate([full] * 3 + [empty] * 30):
        mask = tracked(image, time=index / 25)
    assert tracked.lost
    assert not mask.any()
    assert "lost the followed object" in tracked.notes[0]


def test_a_pause_in_which_it_was_not_seen_is_told() -> None:
    tracked = masks.Tracked(BOX, hold=5.0)
    other = np.full((240, 320, 3), 90, np.uint8)
    for index, image in enumerate([view("lake", 2)] * 3 + [other] * 10 + [view("lake", 2)] * 3):
        tracked(image, time=index / 25)
    assert len(tracked.notes) == 1
    assert "from 0.12 to 0.52 s" in tracked.notes[0]


def test_what_is_found_in_a_picture_serves_all_strokes_that_follow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = np.random.default_rng(4).integers(0, 256, (60, 80, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    drawn, boxes = masks.Drawn(follow=True), [(20, 20, 60, 50), (120, 40, 60, 50), (60, 120, 60, 60)]
    drawn(scene)
    for left, top, wide, tall in boxes:
        drawn.box((left, top), (left + wide - 1, top + tall - 1))
        drawn(scene)
    alone = [masks.Tracked(box) for box in boxes]
    for one in alone:
        one(scene)
    matched: list[object] = []
    once = matching._similarity

    def counted(before: matching.Picture, now: matching.Picture) -> Matrix | None:
        matched.append(now)
        return once(before, now)

    monkeypatch.setattr(matching, "_similarity", counted)
    for step in (3, 6, 90, 93):  # at 90 the scene jumps
        now = np.ascontiguousarray(np.roll(scene, step, axis=1))
        wanted = np.bitwise_or.reduce([one(now) for one in alone])
        apart = len(matched)
        matched.clear()
        assert (drawn(now) == wanted).all()
        assert len(matched) <= 2
        assert apart >= 3 * len(matched)
        matched.clear()
