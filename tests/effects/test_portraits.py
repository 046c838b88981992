"""Small faces, which a style draws once more from nearer."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import gancam
from gancam.effects.translation.features import calmed
from gancam.effects.translation.portraits import WIDTH, Portraits, Window
from gancam.frame import Image
from gancam.vision.planes import Planes
from gancam.vision.scenes import Scenes

PEOPLE = Path(__file__).parents[2] / "samples" / "people.jpg"
Plane = NDArray[np.float32]
FACE = 302.0, 136.0, 54.0  # where it is: the middle, and how wide


@pytest.fixture(scope="module")
def people() -> Image:
    return np.asarray(cv2.imread(str(PEOPLE)), np.uint8)


class Video(Portraits):
    """Portraits of frames that follow each other."""

    def __init__(self, *frames: Image) -> None:
        super().__init__()
        self._scenes = Scenes()
        for frame in frames:
            self.show(frame)

    def show(self, frame: Image) -> None:
        self.look(frame, self._scenes(frame))


def windows(
    portraits: Portraits, frame: Image, shown: float = 1.0, *, most: int = 2, share: int = 1
) -> Sequence[Window]:
    return portraits.windows((frame.shape[1], frame.shape[0]), shown, Fraction(1, share), most)


def middle(window: Window) -> tuple[float, float]:
    return window.place.left + window.place.width / 2, window.place.top + window.place.height / 2


def test_a_small_face_is_cut_out_as_wide_as_it_is_to_be_drawn(people: Image) -> None:
    (window,) = windows(Video(people), people)
    assert np.hypot(*np.subtract(middle(window), FACE[:2])) < 10
    assert FACE[2] * window.nearer == pytest.approx(WIDTH, rel=0.15)
    assert window.cut(people).shape[:2] == window.size[::-1]
    assert window.share == 1.0


def test_nothing_is_seen_of_the_edge_of_a_window(people: Image) -> None:
    (window,) = windows(Video(people), people)
    made = people.copy()
    window.lay(np.full((window.size[1], window.size[0], 3), 255, np.uint8), made, 1.0, Planes())
    changed = np.abs(made.astype(int) - people).max(2)[window.place.slices]
    assert changed.max() > 20
    assert max(changed[0].max(), changed[-1].max(), changed[:, 0].max(), changed[:, -1].max()) <= 2


@pytest.mark.parametrize(("shown", "nearer"), [(0.5, 4.0), (2.0, 1.19), (2.4, 0.0), (0.2, 0.0)])
def test_how_much_nearer_depends_on_what_the_network_is_shown(people: Image, shown: float, nearer: float) -> None:
    """Not at all where the face is large there, or has no features."""
    found = windows(Video(people), people, shown)
    assert (found[0].nearer if found else 0.0) == pytest.approx(nearer, rel=0.16)


def test_a_share_of_the_work_size_cuts_out_the_same_and_draws_it_smaller(people: Image) -> None:
    (whole,) = windows(Video(people), people)
    (half,) = windows(Video(people), people, 0.5, share=2)
    assert middle(half) == pytest.approx(middle(whole), abs=1)
    assert (half.place.width, half.place.height) == pytest.approx((whole.place.width, whole.place.height), rel=0.06)
    assert half.size == pytest.approx((whole.size[0] / 2, whole.size[1] / 2), abs=4)


def test_noise_moves_no_window(people: Image) -> None:
    rng = np.random.default_rng(0)
    portraits, places = Video(), set()
    for _ in range(13):
        noise = rng.normal(0, 4, people.shape)
        portraits.show(np.clip(people + noise, 0, 255).astype(np.uint8))
        places.add(windows(portraits, people)[0].place)
    assert len(places) == 1


def test_who_walks_is_followed_and_who_leaves_fades(people: Image) -> None:
    portraits = Video()
    for step in range(24):
        portraits.show(np.ascontiguousarray(np.roll(people, 3 * step, axis=1)))
        (window,) = windows(portraits, people)
        assert abs(middle(window)[0] - FACE[0] - 3 * step) < 10
    empty = cv2.GaussianBlur(np.roll(people, 69, axis=1), (0, 0), 12)  # the same scene, where nobody can be made out
    shares = []
    for _ in range(24):
        portraits.show(np.asarray(empty, np.uint8))
        shares.append(max((one.share for one in windows(portraits, people)), default=0.0))
    assert shares[0] == 1.0
    assert shares[-1] == 0.0
    assert all(0 <= before - after < 0.25 for before, after in pairwise(shares))


def test_a_cut_shows_its_faces_at_once_and_forgets_the_others(people: Image) -> None:
    mirrored = np.ascontiguousarray(255 - people[::-1])
    portraits = Video(people, people)
    portraits.show(mirrored)
    assert not windows(portraits, mirrored)
    portraits.show(people)
    assert windows(portraits, people)[0].share == 1.0


def test_a_pan_past_a_busy_scene_forgets_nobody(people: Image) -> None:
    rng = np.random.default_rng(0)
    busy = np.repeat(np.repeat(rng.integers(0, 256, (96, 128, 3), np.uint8), 5, 0), 5, 1)
    busy[60:230, 220:390] = people[60:230, 220:390]
    frames = [np.ascontiguousarray(np.roll(busy, 6 * step, axis=1)) for step in range(9)]
    assert cv2.absdiff(frames[0], frames[1]).mean() > 20, "as two scenes do"
    portraits = Video()
    seen: list[Window] = []
    for frame in frames:
        portraits.show(frame)
        seen += windows(portraits, frame)
    assert len(seen) == len(frames)
    assert all(one.portrait is seen[0].portrait for one in seen)
    assert [middle(one)[0] - middle(seen[0])[0] for one in seen] == pytest.approx([6 * n for n in range(9)], abs=3)


def test_whose_turn_comes_later_fades_in(people: Image) -> None:
    """Two faces, of which one is drawn from nearer at a time; that leaves."""
    both = np.hstack([people, people[:, ::-1]])
    portraits, frame = Video(), np.ascontiguousarray(both)
    portraits.show(frame)
    (first,) = windows(portraits, frame, most=1)
    alone = frame.copy()
    x = slice(0, 640) if first.place.left < 640 else slice(640, 1280)
    alone[:, x] = cv2.GaussianBlur(alone[:, x], (0, 0), 30)
    shares = []
    for _ in range(30):
        portraits.show(alone)
        (window,) = windows(portraits, alone, most=1)
        shares.append(0.0 if window.portrait is first.portrait else window.share)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert max(after - before for before, after in pairwise(shares)) < 0.25


def test_a_face_beyond_the_frame_is_cut_and_laid(people: Image) -> None:
    frame = np.ascontiguousarray(people[110:, 290:])
    portraits = Video(people)
    (window,) = windows(portraits, people)
    moved = replace(window, place=window.place._replace(left=-20, top=-30), share=1.0)
    seen, made = moved.cut(frame), frame.copy()
    moved.lay(np.asarray(255 - seen, np.uint8), made, 1.0, Planes())
    changed = np.abs(made.astype(int) - frame).max(2) > 0
    assert changed.any()
    assert not changed[moved.place.bottom :].any()
    assert not changed[:, moved.place.right :].any()
    gone = replace(window, place=window.place._replace(left=5000), share=1.0)
    gone.lay(seen, made, 1.0, Planes())


def test_half_a_face_behind_somebody_keeps_its_colours(people: Image) -> None:
    """Of what is drawn nearer a little more is skin, of what lies under it a little less: their medians are others."""
    (window,) = windows(Video(people), people)
    rows = window.place.slices[0]
    middle = (rows.start + rows.stop) // 2
    skin, hair = (np.full(3, level, np.uint8) for level in (200, 20))
    under, near = np.empty_like(people), np.empty((*window.size[::-1], 3), np.uint8)
    under[: middle - 2], under[middle - 2 :] = skin, hair
    near[: near.shape[0] // 2 + 4], near[near.shape[0] // 2 + 4 :] = skin, hair
    laid = under.copy()
    window.lay(near, laid, 1.0, Planes())
    assert np.array_equal(laid[: middle - 4], under[: middle - 4])
    assert np.array_equal(laid[middle + 8 :], under[middle + 8 :])


def test_a_face_is_held_where_it_is_drawn_and_as_far(people: Image) -> None:
    """From nearer, as large as it is, or in part both while it grows."""
    portraits = Video(people)
    for shown in np.arange(0.8, 3.0, 0.05):
        wide = round(people.shape[1] * shown)
        near = sum(one.share for one in windows(portraits, people, wide / people.shape[1]))
        (large,) = portraits.large(wide, Fraction(1))
        assert near + large.share == pytest.approx(1.0, abs=1e-6)
        assert large.width == pytest.approx(FACE[2] * shown, rel=0.15)
    assert near == 0.0


def test_where_the_eyes_of_a_face_are_is_known_in_the_frame_and_in_what_is_drawn_of_it(people: Image) -> None:
    portraits = Video(people)
    (window,), (face,) = windows(portraits, people), portraits.large(people.shape[1], Fraction(1))
    times = window.size[0] / window.place.width
    assert window.face.marks == pytest.approx((face.marks - (window.place.left, window.place.top)) * times, abs=1)
    assert window.face.width == pytest.approx(WIDTH, rel=0.15)
    right, left, _, *mouth = face.marks
    assert right[0] < left[0]
    assert max(right[1], left[1]) < min(mouth[0][1], mouth[1][1])


@pytest.mark.parametrize("name", ["style-comic", "style-mosaic"])
def test_a_large_face_is_drawn_more_like_itself(people: Image, name: str) -> None:
    around = people[61:201, 230:378]
    near = np.asarray(cv2.resize(around, None, fx=2.4, fy=2.4, interpolation=cv2.INTER_CUBIC), np.uint8)
    shown, plain = (gancam.load(name, device="cpu", faces=faces)(near) for faces in (1.0, 0.0))
    apart = [
        cv2.absdiff(*(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY)[96:264, 108:237] for one in (made, near))).mean()
        for made in (shown, plain)
    ]
    assert apart[0] < 0.99 * apart[1]


@pytest.mark.parametrize("name", ["style-comic", "style-mosaic", "style-oil", "sketch"])
def test_a_style_gives_a_small_face_its_features(people: Image, name: str) -> None:
    """What differs but for tones is the face alone, in ink and oil also hands; it is more like itself, finely."""
    shown, plain = (gancam.load(name, device="cpu", faces=faces)(people) for faces in (1.0, 0.0))
    drawn = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) for image in (shown, plain)]
    strokes = [image - cv2.GaussianBlur(image, (0, 0), 2.5) for image in drawn]
    changed = np.abs(strokes[0] - strokes[1]) > 10
    rows, columns = np.nonzero(changed)
    assert len(rows) > 300
    across, down = (2.5, 4.0) if name in ("sketch", "style-oil") else (1.1, 1.5)
    assert np.abs(columns - FACE[0]).max() < across * FACE[2]
    assert np.abs(rows - FACE[1]).max() < down * FACE[2]

    def fine(image: Image) -> Plane:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        band = cv2.GaussianBlur(grey, (0, 0), 0.6) - cv2.GaussianBlur(grey, (0, 0), 2.5)
        return np.asarray(band[101:171, 275:329], np.float32)

    face = Video(people).large(people.shape[1], Fraction(1))[0]._replace(share=1.0)
    aim = fine(calmed(people, [face])).ravel()

    def alike(image: Image) -> float:
        return float(np.corrcoef(fine(image).ravel(), aim)[0, 1])

    assert alike(shown) > alike(plain) + 0.02


def test_frames_that_were_looked_through_leave_the_same_faces(people: Image) -> None:
    frames = [np.ascontiguousarray(np.roll(people, 4 * step, axis=1)) for step in range(6)]
    made, looked_through = (gancam.load("style-comic", device="cpu", precision="fp32") for _ in range(2))
    for frame in frames[:-1]:
        made(frame)
        looked_through.skim(frame)
    assert np.array_equal(made(frames[-1]), looked_through(frames[-1]))
