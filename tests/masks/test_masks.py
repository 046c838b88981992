"""Masks: where they are, what they refuse, that they follow and say when they cannot."""

import copy
import inspect
import json
import math
import os
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gancam import masks
from gancam.errors import GancamError, MaskError, NotFound, OutputExists, SinkError
from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.masks import Face, Faces, Mask
from gancam.masks.track_file import from_counts, to_counts
from tests.helpers.small import still

BLACK = np.zeros((40, 60, 3), np.uint8)
WEIGHTS = Path(os.environ.get("GANCAM_DATA", Path(__file__).parents[2] / "shared" / "data")) / "weights"


# Checks


@pytest.mark.parametrize(
    "mask",
    [
        np.full((40, 60), 7, np.uint8), np.ones((40, 60), np.bool_), np.full((40, 60), 0.6, np.float32),
        np.ones((40, 60, 1), np.uint8),
    ],
)  # fmt: skip
def test_masks_of_all_kinds_mark(mask: NDArray[Any]) -> None:
    checked = masks.check_mask(mask, BLACK)
    assert checked.shape == (40, 60)
    assert checked.dtype == np.uint8
    assert (checked != 0).all()
    assert not masks.check_mask(np.zeros_like(mask), BLACK).any()


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((40, 61), np.uint8), "61x40, the picture 60x40"), (np.zeros((40, 60, 3), np.uint8), "one value a"),
        (None, "NoneType"), (np.full((40, 60), 255.0), "beyond 0..1"), (np.full((40, 60), np.nan), "beyond 0..1"),
        (np.zeros((40, 60), np.int32), "int32"),
    ],
)  # fmt: skip
def test_what_is_no_mask_is_refused(mask: Any, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        masks.check_mask(mask, BLACK)


OPEN = {name: getattr(masks, name) for name in masks.__all__}
PUBLIC = sorted(
    name
    for name, one in OPEN.items()
    if inspect.isroutine(one) or (inspect.isclass(one) and not inspect.isabstract(one))
)
WRONG: list[Any] = [
    None, "x", 3, -1.0, math.nan, math.inf, [], ("a", "b"), ("a", "b", "c", "d"), (1, 2, "x"), (1, None), {"a": 1},
    np.zeros(3), b"x",
]  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_wrong_arguments_and_pictures_are_errors_of_gancams_own(name: str) -> None:
    """Whatever one argument is, all others as they should be; what is taken is shown a picture, and what is none."""
    whole, box = np.ones((40, 60), np.uint8), (1, 2, 10, 20)
    right: dict[str, Any] = {
        "what": whole, "sources": whole, "mask": whole, "image": BLACK, "boxes": box, "colour": "red", "text": "red",
        "polygons": ((0, 0), (9, 0), (9, 9)), "function": lambda image: whole, "path": "none.png", "start": 1.0,
        "end": 2.0, "landmarks": None, "box": box, "score": 0.6,
    }  # fmt: skip
    kind = getattr(masks, name)
    known = inspect.signature(kind).parameters
    tried = [(one, value) for one, entry in known.items() for value in WRONG if not isinstance(entry.default, bool)]
    for changed, value in [("", None), *tried]:
        given = {
            one: value if one == changed else right[one]
            for one, entry in known.items()
            if one == changed or entry.default is entry.empty
        }
        spread = [given.pop(one) for one, entry in known.items() if entry.kind is entry.VAR_POSITIONAL]
        try:
            made = kind(*spread, **given)
        except GancamError:
            continue
        for image in (BLACK, None, "x", BLACK[..., 0]) if isinstance(made, masks.MaskSource) else ():
            with suppress(GancamError):
                made(image, time=0.5)


def test_a_function_gives_masks_with_or_without_the_time() -> None:
    plain = masks.source(lambda image: image[..., 0] == 0)
    assert plain(BLACK).all()

    def late(image: Image, time: float | None = None) -> NDArray[np.bool_]:
        return np.full(image.shape[:2], (time or 0) > 1)

    assert not masks.source(late)(BLACK, time=0.5).any()
    assert masks.source(late)(BLACK, time=1.5).all()
    with pytest.raises(MaskError, match="what the mask function gave is 3x2"):
        masks.source(lambda image: np.zeros((2, 3), np.uint8))(BLACK)
    with pytest.raises(MaskError, match="int cannot be used as a mask"):
        masks.source(3)


# Files


def write(path: Path, pixels: NDArray[Any]) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


def test_alpha_or_brightness_marks(tmp_path: Path) -> None:
    square = np.zeros((40, 60), np.uint8)
    square[10:20, 5:30] = 255
    logo = np.dstack([np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8), square // 2])
    for name, pixels in {"alpha": logo, "grey": square, "equal": np.dstack([square] * 3)}.items():
        mask = masks.MaskFile(write(tmp_path / f"{name}.png", pixels))(BLACK)
        assert np.array_equal(mask > 0, square > 0), name
    opaque = np.dstack([square] * 3 + [np.full_like(square, 255)])  # an alpha that says nothing
    assert np.array_equal(masks.MaskFile(write(tmp_path / "opaque.png", opaque))(BLACK) > 0, square > 0)
    deep = write(tmp_path / "deep.png", square.astype(np.uint16) * 257)
    assert np.array_equal(masks.MaskFile(deep)(BLACK) > 0, square > 0)
    assert np.array_equal(masks.MaskFile(deep, invert=True)(BLACK) > 0, square == 0)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_file_of_0_and_1_marks_where_it_is_1(tmp_path: Path, depth: type[np.unsignedinteger[Any]]) -> None:
    square = np.zeros((40, 60), depth)
    square[10:20, 5:30] = 1
    for name, pixels in {"grey": square, "equal": np.dstack([square] * 3)}.items():
        source = masks.MaskFile(write(tmp_path / f"{name}.png", pixels))
        assert np.array_equal(source(BLACK), square), name
        assert source.notes == []


def test_a_file_that_marks_nothing_says_so(tmp_path: Path) -> None:
    dark = np.full((40, 60), 100, np.uint8)
    path = write(tmp_path / "dark.png", dark)
    said = [f"mask {path}: marks nothing, all of it is dark: no more than 100 of 255, and 128 marks"]
    kinds = masks.MaskFile, masks.Inverse, masks.Union, masks.Between, masks.Recorded, masks.Tracked
    for kind in kinds:
        source = kind(path)
        assert list(source.notes) == said
    black = write(tmp_path / "black.png", dark * 0)
    assert masks.MaskFile(black).notes == [f"mask {black}: marks nothing, all of it is black"]
    assert masks.MaskFile(write(tmp_path / "light.png", dark + 60)).notes == []


def test_a_mask_file_fits_frames_of_its_aspect(tmp_path: Path) -> None:
    square = np.zeros((40, 60), np.uint8)
    square[:, :30] = 255
    source = masks.MaskFile(write(tmp_path / "half.png", square))
    assert np.array_equal(source(np.zeros((80, 120, 3), np.uint8)), np.repeat([[1, 0]], 80, 0).repeat(60, 1))
    with pytest.raises(MaskError, match=r"half\.png: is 60x40, the picture 60x60: another aspect"):
        source(np.zeros((60, 60, 3), np.uint8))


def test_files_that_are_no_masks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.png"):
        masks.MaskFile(tmp_path / "none.png")
    for name, data in {"empty.png": b"", "words.png": b"no picture"}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MaskError, match="not an image"):
            masks.MaskFile(tmp_path / name)
    photo = write(tmp_path / "photo.png", still("otters"))
    with pytest.raises(MaskError, match="colours without transparency"):
        masks.MaskFile(photo)
    floats = np.zeros((4, 4), np.float32)
    with pytest.raises(MaskError, match="8 or 16 bits"):
        masks.MaskFile(write(tmp_path / "deep.tiff", floats))


# Shapes


@given(st.integers(-20, 70), st.integers(-20, 50), st.integers(1, 90), st.integers(1, 90))
def test_a_box_marks_its_pixels(x: int, y: int, wide: int, tall: int) -> None:
    expected = np.zeros((40, 60), np.uint8)
    expected[max(y, 0) : max(y + tall, 0), max(x, 0) : max(x + wide, 0)] = 1
    source = masks.Boxes((x, y, wide, tall))
    if expected.any():
        assert np.array_equal(source(BLACK), expected)
    else:
        with pytest.raises(MaskError, match="lies outside the picture of 60x40"):
            source(BLACK)


@pytest.mark.parametrize("box", [(1, 2, 0, 4), (1, 2, 3, -1)])
def test_a_box_without_area_is_refused(box: Any) -> None:
    with pytest.raises(MaskError, match="needs x/y/width/height"):
        masks.Boxes(box)


@pytest.mark.parametrize("box", [(math.nan, 0, 1, 1), (math.inf, 0, 1, 1), (10**400, 0, 1, 1)])
def test_a_box_of_what_is_no_number_is_refused(box: Any) -> None:
    with pytest.raises(MaskError, match="needs four numbers"):
        masks.Boxes(box)
    with pytest.raises(MaskError, match="corners"):
        masks.Polygons([(0, 0), (9, 0), box[:2]])


def test_a_box_of_three_numbers_is_refused() -> None:
    three: Any = (1, 2, 3)
    with pytest.raises(MaskError, match=r"box \(1, 2, 3\): needs four numbers"):
        masks.Boxes(three)


def test_polygons_mark_their_insides() -> None:
    source = masks.Polygons([(10, 5), (50, 5), (30, 35)], [(-10, -10), (5, -10), (5, 5), (-10, 5)])
    mask = source(BLACK)
    assert mask[6, 30]
    assert mask[34, 30]
    assert mask[2, 2]
    assert not mask[30, 12]
    assert 550 < mask[5:].sum() < 700
    with pytest.raises(MaskError, match="lies outside"):
        masks.Polygons([(100, 100), (120, 100), (120, 120)])(BLACK)
    for corners in ([(1, 1), (2, 2)], [(0, 0), (1, 0), (math.nan, 1)], [(0, 0), (1, 0), (1e9, 1)]):
        with pytest.raises(MaskError, match="three corners"):
            masks.Polygons(corners)


def test_what_is_drawn_stays_until_it_is_erased() -> None:
    drawn = masks.Drawn()
    assert not drawn(BLACK).any()
    drawn.brush([(10, 10), (30, 10)], 3)
    drawn.box((40, 20), (50, 30))
    mask = drawn(BLACK)
    assert mask[10, 20]
    assert mask[12, 31]
    assert mask[25, 45]
    assert not mask[30, 10]
    before = mask.copy()
    drawn.erase([(45, 25)], 20)
    after = drawn(BLACK)
    assert np.array_equal(mask, before)  # what was given is not changed
    assert not after[25, 45]
    assert after[10, 12]
    drawn.clear()
    assert not drawn(BLACK).any()


def test_time_ranges() -> None:
    whole = np.ones((40, 60), np.uint8)
    ranged = masks.Between(whole, 2.0, 9.5)
    assert [bool(ranged(BLACK, time=time).any()) for time in (0, 1.99, 2, 9.49, 9.5, 30)] == [0, 0, 1, 1, 0, 0]
    counted = masks.Between(whole, 0.09, 0.19)  # without times: thirtieths of a second
    assert [bool(counted(BLACK).any()) for _ in range(8)] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert (ranged.notes, counted.notes) == ([], [])
    for start, end in ((math.nan, 2), (0, math.nan), (math.inf, math.inf)):
        with pytest.raises(MaskError, match="needs seconds"):
            masks.Between(whole, start, end)
    for start, end in ((3, 3), (4, 2), (-1, 2)):
        with pytest.raises(MaskError, match="must come before"):
            masks.Between(whole, start, end)


def test_a_time_range_that_no_frame_lies_in_is_told() -> None:
    late = masks.Between(masks.Boxes((0, 0, 5, 5)), 9, 20)
    assert late.notes == []
    for time in (0.5, 1.25):
        late(BLACK, time=time)
    assert late.notes == ["from=9s to=20s: nothing was marked, as the frames were of 0.50 s to 1.25 s"]
    late(BLACK, time=9)
    assert late.notes == []
    late.reset()
    late(BLACK, time=30)
    assert late.notes == ["from=9s to=20s: nothing was marked, as the frames were of 30.00 s to 30.00 s"]
    assert masks.Between(np.ones((40, 60), np.uint8), 9).notes == []


def test_a_union_marks_what_any_marks() -> None:
    union = masks.Union(masks.Boxes((0, 0, 5, 5)), masks.Boxes((20, 20, 5, 5)), np.zeros((40, 60), np.uint8))
    assert int(union(BLACK).sum()) == 50


# Following


def scene(angle: float = 0, zoom: float = 1, shift: tuple[float, float] = (0, 0), *, seen: bool = True) -> Image:
    """A textured square that moves over another texture."""
    ground = cv2.resize(still("lake"), (480, 360))
    logo = cv2.resize(still("spices"), (90, 70))
    turn = cv2.getRotationMatrix2D((45, 35), angle, zoom)
    turn[:, 2] += np.array([150 + shift[0], 120 + shift[1]])
    if not seen:
        return np.asarray(ground, np.uint8)
    over = cv2.warpAffine(logo, turn, (480, 360))
    where = cv2.warpAffine(np.ones((70, 90), np.uint8), turn, (480, 360))
    return np.where(where[..., None] > 0, over, ground).astype(np.uint8)


def iou(a: Mask, b: Mask) -> float:
    return float(((a > 0) & (b > 0)).sum() / max(((a > 0) | (b > 0)).sum(), 1))


def true_mask(angle: float, zoom: float, shift: tuple[float, float]) -> Mask:
    turn = cv2.getRotationMatrix2D((45, 35), angle, zoom)
    turn[:, 2] += np.array([150 + shift[0], 120 + shift[1]])
    return np.asarray(cv2.warpAffine(np.ones((70, 90), np.uint8), turn, (480, 360)), np.uint8)


Motion = Callable[[int], tuple[float, float, tuple[float, float]]]


@pytest.mark.parametrize(
    "motion",
    [lambda t: (0, 1, (4 * t, 2 * t)), lambda t: (3 * t, 1, (0, 0)), lambda t: (0, 1 + 0.03 * t, (0, 0)),
     lambda t: (2 * t, 1 - 0.015 * t, (3 * t, -2 * t))],
    ids=["translation", "rotation", "scale", "all"],
)  # fmt: skip
def test_an_object_is_followed(motion: Motion) -> None:
    tracked = masks.Tracked((150, 120, 90, 70))
    for step in range(20):
        mask = tracked(scene(*motion(step)))
        assert not tracked.lost
        assert iou(mask, true_mask(*motion(step))) > 0.9, step


def test_a_lost_object_marks_nothing_until_it_is_back() -> None:
    tracked = masks.Tracked((150, 120, 90, 70), hold=0.0)
    tracked(scene(), time=0.0)
    for step in range(6):
        assert not tracked(scene(seen=False), time=1 + step / 30).any()
    assert tracked.lost
    assert "lost the followed object at 1.00 s" in tracked.notes[0]
    back = [tracked(scene(shift=(60, 30)), time=2 + step / 30) for step in range(6)]
    assert not tracked.lost
    assert iou(back[-1], true_mask(0, 1, (60, 30))) > 0.9
    assert "found" in tracked.notes[1]


@pytest.mark.parametrize("around", [masks.Between, masks.Inverse, masks.Union, masks.Recorded])
def test_a_source_of_others_resets_them_too(around: Callable[[masks.MaskSource], masks.MaskSource]) -> None:
    class Told(masks.Boxes):
        times = 0

        def reset(self) -> None:
            self.times += 1

    inner = Told((1, 2, 3, 4))
    around(inner).reset()
    assert inner.times == 1


def test_notes_are_of_lately_and_of_what_came_since_it_was_reset() -> None:
    class Short(masks.Tracked):
        NOTES = 3

    tracked, frame = Short((150, 120, 90, 70), hold=0.0), 0
    for _ in range(3):
        for seen in (True,) * 6 + (False,) * 2:
            tracked(scene(seen=seen), time=frame / 30)
            frame += 1
    assert len(tracked.notes) == 3
    assert f"{(frame - 2) / 30:.2f} s" in tracked.notes[-1]
    tracked.reset()
    assert tracked.notes == []


def test_what_is_not_seen_stays_marked_for_a_while() -> None:
    tracked = masks.Tracked((150, 120, 90, 70), hold=0.2)
    before = tracked(scene(), time=0.0)
    for step in range(1, 6):
        mask = tracked(scene(seen=False), time=step / 30)
        assert mask[before > 0].all()
        assert not tracked.lost
    assert not tracked.notes
    assert not [tracked(scene(seen=False), time=step / 30) for step in range(6, 9)][-1].any()
    assert tracked.lost


def bent(step: int) -> tuple[Image, Mask]:
    """A thing that moves to the right while its rows swing against each other, as legs do; and its mask."""
    ground = np.asarray(cv2.resize(still("lake"), (480, 360)), np.uint8)
    thing = np.asarray(cv2.resize(still("spices"), (60, 120)), np.uint8)
    image, mask = ground.copy(), np.zeros((360, 480), np.uint8)
    for row in range(120):
        swing = round(14 * np.sin(row / 15) * np.sin(1.1 * step))
        left = 120 + 5 * step + swing
        image[100 + row, left : left + 60] = thing[row]
        mask[100 + row, left : left + 60] = 1
    return image, mask


def test_what_bends_stays_marked() -> None:
    tracked = masks.Tracked((120, 100, 60, 120))
    for step in range(20):
        image, truth = bent(step)
        mask = tracked(image, time=step / 10)
        assert not tracked.lost, step
        if step > 2:
            assert mask[truth > 0].mean() > 0.9, step
        assert mask.mean() < 3 * truth.mean(), step


def test_a_tracker_refuses_what_it_cannot_hold_on_to() -> None:
    flat = np.full((120, 160, 3), 90, np.uint8)
    with pytest.raises(MaskError, match="nothing to hold on to in the marked 40x30 pixels at 20/10"):
        masks.Tracked((20, 10, 40, 30))(flat)
    with pytest.raises(MaskError, match="nothing is marked"):
        masks.Tracked(np.zeros((120, 160), np.uint8))(flat)


def test_strokes_are_taken_back_one_by_one() -> None:
    drawn = masks.Drawn()
    assert drawn.size is None
    drawn(BLACK)
    assert drawn.size == (60, 40)
    drawn.pen(down=True)
    drawn.brush([(10, 10)], 3)
    drawn.brush([(10, 10), (20, 10)], 3)
    assert drawn(BLACK)[10, 15]  # filled while it is drawn
    drawn.pen(down=False)
    drawn(BLACK)
    assert drawn.box((40, 20), (50, 30)) == {}
    assert drawn.mask[25, 45]
    drawn(BLACK)
    drawn.undo()
    assert not drawn.mask[25, 45]
    assert drawn(BLACK)[10, 15]
    drawn.undo()
    drawn.undo()
    assert not drawn(BLACK).any()


def test_many_strokes_take_little_time_and_memory() -> None:
    frame, drawn = np.zeros((720, 1280, 3), np.uint8), masks.Drawn()
    drawn(frame)
    tracemalloc.start()
    try:
        for index in range(100):
            drawn.brush([(10 + 12 * index, 100), (20 + 12 * index, 120)], 12)
            marked = drawn(frame)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 6 * marked.nbytes
    for index in reversed(range(100)):
        assert drawn(frame)[100, 10 + 12 * index]
        drawn.undo()
        assert not drawn(frame)[120, 26 + 12 * index]


def test_a_stroke_that_was_erased_is_none_to_take_back() -> None:
    drawn = masks.Drawn()
    drawn(BLACK)
    for left in (5, 40):
        drawn.box((left, 5), (left + 10, 15))
        drawn(BLACK)
    drawn.erase([(45, 10)], 15)
    drawn.undo()
    assert not drawn(BLACK).any()


@pytest.mark.parametrize("radius", [1e5, 40_000, 300])
def test_a_brush_may_be_larger_than_the_picture(radius: float) -> None:
    drawn = masks.Drawn()
    drawn(BLACK)
    drawn.brush([(5, 5), (1e12, 5)], radius)
    assert drawn(BLACK).all()


@pytest.mark.parametrize("place", [math.inf, math.nan, "a"])
def test_a_place_that_is_none_is_not_drawn(place: Any) -> None:
    drawn = masks.Drawn()
    drawn(BLACK)
    for draw in (
        lambda: drawn.box((place, 0), (5, 5)),
        lambda: drawn.brush([(5, place)], 5),
        lambda: drawn.erase([(5, 5)], place if place != math.inf else -1),
    ):
        with pytest.raises(MaskError):
            draw()
    assert not drawn(BLACK).any()


def test_a_drawn_mask_that_nothing_holds_stays() -> None:
    drawn = masks.Drawn(follow=True)
    drawn(BLACK)
    drawn.box((10, 10), (30, 30))
    assert drawn(BLACK).sum() == 21 * 21
    assert "stays where it is" in drawn.notes[0]


def test_a_drawn_mask_follows_what_it_was_drawn_on() -> None:
    drawn = masks.Drawn(follow=True)
    drawn(scene())
    drawn.box((150, 120), (239, 189))
    for step in range(8):
        mask = drawn(scene(shift=(5.0 * step, 0)))
    assert iou(mask, true_mask(0, 1, (35, 0))) > 0.85
    drawn.erase([(230, 150)], 4)
    assert not drawn(scene(shift=(40, 0))).any()


# Colour, faces


def test_a_colour_is_found_in_light_and_shade() -> None:
    image = np.full((60, 90, 3), 120, np.uint8)
    image[10:30, 10:40] = (0, 220, 0)
    image[10:30, 50:80] = (0, 150, 10)
    image[40:55, 10:40] = (0, 0, 220)
    mask = masks.ColourKey("#00dc00", tolerance=40)(image)
    assert mask[20, 25]
    assert mask[20, 65]
    assert not mask[48, 25]
    assert not mask[35, 45]
    white = image.copy()
    white[:5] = 255
    assert masks.ColourKey("white")(white)[2, 40]
    assert not masks.ColourKey("white")(white)[20:].any()
    assert masks.ColourKey("green")(image[:1, :1]).shape == (1, 1)


@pytest.mark.parametrize("size", [0.6, 0.8, 1.5])
def test_all_of_thin_white_text_is_marked_and_specks_are_not(size: float) -> None:
    image = np.full((120, 400, 3), (60, 90, 40), np.uint8)
    ink = np.zeros(image.shape[:2], np.uint8)
    cv2.putText(ink, "I never said it.", (10, 60), cv2.FONT_HERSHEY_SIMPLEX, size, 255, 2, cv2.LINE_AA)
    image = np.round(image + (255.0 - image) * (ink / 255)[..., None]).astype(np.uint8)
    image[90, 20:380:40] = image[104:106, 20:380:40] = 255
    mask = masks.ColourKey("white")(image)
    assert mask[ink > 230].mean() > 0.97 * 255
    assert not mask[85:].any()
    soft = masks.ColourKey("white", soft=True)(image)
    assert soft[(ink > 10) & (np.arange(120) < 85)[:, None]].all()
    assert cv2.countNonZero(soft) < 4 * cv2.countNonZero(ink)


@pytest.mark.parametrize("colour", ["#12345", "grue", "#gg0000", (1, 2, 300), (1, 2)])
def test_what_is_no_colour_is_refused(colour: Any) -> None:
    with pytest.raises(MaskError, match="colour"):
        masks.ColourKey(colour)
    with pytest.raises(MaskError, match="tolerance"):
        masks.ColourKey("red", tolerance=0)


def test_a_face_detector_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="YuNet"):
        masks.Faces(tmp_path / "none.onnx")
    (tmp_path / "words.onnx").write_text("no network")
    with pytest.raises(MaskError, match=r"words\.onnx: OpenCV \d.* cannot run it"):
        masks.Faces(tmp_path / "words.onnx")


def test_the_bundled_face_detector_runs_with_opencv_4() -> None:
    """OpenCV 4.13 and 4.14 refuse the shape of what has no size yet."""
    import onnx

    graph = onnx.load(MODELS / "detectors" / "yunet.onnx").graph
    assert not {node.op_type for node in graph.node} & {"Shape", "Gather"}


class Seen(Faces):
    """Finds one face in the first frame, and none later."""

    calls = 0

    def detect(self, image: Image) -> list[Face]:
        self.calls += 1
        return [Face((20.0, 20.0, 20.0, 20.0), np.zeros((5, 2), np.float32), 0.9)] if self.calls == 1 else []


@pytest.mark.parametrize(("rate", "frames"), [(None, 5), (5, 1), (10, 1), (25, 4), (30, 5), (60, 10), (240, 40)])
def test_a_face_is_held_for_as_long_at_any_rate(rate: int | None, frames: int) -> None:
    faces, image = Seen(), np.zeros((60, 80, 3), np.uint8)
    times = [None if rate is None else 3 + step / rate for step in range(50)]
    assert sum(bool(faces(image, time=time).any()) for time in times) == 1 + frames


def test_no_face_is_held_over_a_cut() -> None:
    faces, image = Seen(), np.zeros((60, 80, 3), np.uint8)
    assert faces(image, time=0.0).any()
    assert faces(image + np.uint8(5), time=0.03).any()
    assert not faces(image + np.uint8(200), time=0.06).any()


@pytest.mark.skipif(not (WEIGHTS / "yunet_n_dynamic.onnx").is_file(), reason="no face detector at hand")
def test_no_face_among_otters() -> None:
    faces = masks.Faces(WEIGHTS / "yunet_n_dynamic.onnx")
    assert faces.detect(still("lake")) == []
    assert not faces(still("lake")).any()


# Tracks


def wandering(count: int) -> list[Mask]:
    found = []
    for index in range(count):
        mask = np.zeros((40, 60), np.uint8)
        cv2.circle(mask, (10 + 3 * (index // 2), 20), index % 7, 1, cv2.FILLED)
        if index % 5 == 0:
            mask[:] = 0
        found.append(mask)
    return found


@pytest.mark.parametrize("timed", [True, False])
def test_a_track_is_replayed_exactly(tmp_path: Path, timed: bool) -> None:
    wanted = wandering(12)
    given_masks = iter(wanted)
    recorded = masks.Recorded(lambda image: next(given_masks))
    times = [index / 29.97 if timed else None for index in range(12)]
    for time in times:
        recorded(BLACK, time=time)
    recorded.save(tmp_path / "track.json")
    track = masks.source(tmp_path / "track.json")
    assert isinstance(track, masks.MaskTrack)
    track.fits((60, 40), 12)
    for _ in range(2):
        for time, mask in zip(times, wanted, strict=True):
            # Matroska's clock ticks in milliseconds
            assert np.array_equal(track(BLACK, time=None if time is None else round(time, 3)) > 0, mask > 0)
        track.reset()
    with pytest.raises(OutputExists):
        recorded.save(tmp_path / "track.json")
    with pytest.raises(SinkError):
        recorded.save(tmp_path / "nowhere" / "track.json")


def test_a_reset_begins_another_track_unless_time_goes_on(tmp_path: Path) -> None:
    recorded = masks.Recorded(lambda image: np.ones((40, 60), np.uint8))
    runs: list[tuple[list[float | None], int]] = [
        ([0.0, 0.1, 0.2], 3), ([0.3, 0.4], 5), ([0.0, 0.5], 2), ([None, None], 2),
    ]  # fmt: skip
    for times, frames in runs:
        for time in times:
            recorded(BLACK, time=time)
        assert recorded.frames == frames
        recorded.reset()
    recorded.save(tmp_path / "track.json")
    assert masks.MaskTrack(tmp_path / "track.json").frames == 2


def test_what_is_recorded_takes_little_memory() -> None:
    noise, image = np.random.default_rng(0), np.zeros((240, 320, 3), np.uint8)
    recorded = masks.Recorded(lambda image: (noise.random((240, 320)) < 0.05).astype(np.uint8))
    recorded(image)
    tracemalloc.start()
    try:
        for _ in range(20):
            recorded(image)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 20 * 240 * 320 // 4  # in runs there are 7000 numbers a mask
    copied = copy.deepcopy(recorded)
    assert copied.frames == 0


def cocos(size: list[int], counts: list[int]) -> Mask:
    """How readers of COCO's files understand its uncompressed run lengths: column after column, 0 first."""
    pixels = [index % 2 for index, count in enumerate(counts) for _ in range(count)]
    return np.array(pixels, np.uint8).reshape(size[1], size[0]).T


@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_runs_are_exact_and_those_of_coco(bits: list[bool]) -> None:
    mask = np.array(bits, np.uint8).reshape(3, 4)
    counts = to_counts(mask)
    assert np.array_equal(from_counts(counts, (3, 4)), mask)
    assert np.array_equal(cocos([3, 4], list(counts)), mask)
    assert all(counts[1:])


def test_other_tools_read_a_track(tmp_path: Path) -> None:
    wanted = [np.zeros((3, 4), np.uint8), np.eye(3, 4, dtype=np.uint8), np.ones((3, 4), np.uint8)]
    frames = iter(wanted)
    recorded = masks.Recorded(lambda image: next(frames))
    for index in range(3):
        recorded(np.zeros((3, 4, 3), np.uint8), time=index / 4)
    recorded.save(tmp_path / "track.json")
    about = json.loads((tmp_path / "track.json").read_text())
    assert about["masks"][1] == {"size": [3, 4], "counts": [0, 1, 3, 1, 3, 1, 3]}
    for (_, number), mask in zip(about["frames"], wanted, strict=True):
        assert np.array_equal(cocos(**about["masks"][number]), mask)


def test_a_track_of_an_older_version_is_read(tmp_path: Path) -> None:
    """A file as it was written before: runs row by row, without the last unmarked one."""
    path = tmp_path / "old.json"
    path.write_text(
        '{"format":"gancam mask track","version":1,"width":4,"height":3,"masks":[[],[5,2,4,1],[0,12]],'
        '"frames":[[0.0,0],[0.25,1],[0.5,1],[0.75,2]]}'
    )
    marked = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], np.uint8)
    track = masks.MaskTrack(path)
    assert (track.size, track.frames) == ((4, 3), 4)
    image = np.zeros((3, 4, 3), np.uint8)
    for time, mask in ((0.0, 0 * marked), (0.25, marked), (0.5, marked), (0.75, np.ones_like(marked))):
        given = track(image, time=time)
        assert np.array_equal(given, mask)
        assert given.flags.c_contiguous


def test_a_track_of_another_clip_is_refused(tmp_path: Path) -> None:
    recorded = masks.Recorded(np.ones((40, 60), np.uint8))
    for index in range(3):
        recorded(BLACK, time=index / 30)
    recorded.save(tmp_path / "track.json")
    track = masks.MaskTrack(tmp_path / "track.json")
    with pytest.raises(MaskError, match="of 60x40, not 30x20"):
        track(np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(MaskError, match="of 3 frames; this clip has 5"):
        track.fits((60, 40), 5)
    with pytest.raises(MaskError, match="ends after 3 frames"):
        track(BLACK, time=2.0)
    track.reset()
    for _ in range(3):
        track(BLACK)
    with pytest.raises(MaskError, match="ends after 3 frames"):
        track(BLACK)


def test_what_is_no_track_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        masks.MaskTrack(tmp_path / "none.json")
    good = {"format": masks.FORMAT, "version": 1, "width": 4, "height": 2, "masks": [[0, 8]], "frames": [[0.0, 0]]}
    damages: list[dict[str, Any]] = [
        {"format": "x"}, {"version": 2}, {"masks": [[0, 9]]}, {"masks": [[-1, 3]]}, {"frames": [[0.0, 3]]},
        {"frames": []}, {"frames": [3]}, {"width": "x"}, {"version": 3},
        {"version": 2, "masks": [{"size": [4, 2], "counts": [0, 8]}]},
        {"version": 2, "masks": [{"size": [2, 4], "counts": [0, 9]}]}, {"version": 2, "masks": [{"size": [2, 4]}]},
    ]  # fmt: skip
    path = tmp_path / "track.json"
    path.write_text(json.dumps(good))
    assert masks.MaskTrack(path).frames == 1
    for text in ["", "[]", "{", *(json.dumps(good | damage) for damage in damages)]:
        path.write_text(text)
        with pytest.raises(MaskError, match="is not a mask track"):
            masks.MaskTrack(path)


@pytest.mark.parametrize(("typed", "meant"), [("persn", "person"), ("face", "faces"), ("Person", "person")])
def test_a_name_that_is_nearly_one_is_told(typed: str, meant: str) -> None:
    with pytest.raises(NotFound, match=f"mask {typed}: no such file .did you mean '{meant}'"):
        masks.source(typed)
    with pytest.raises(NotFound, match=r"mask cat\.png: no such file$"):
        masks.source("cat.png")


@pytest.mark.parametrize("typed", ["dog", "sky", "a dog"])
def test_a_word_that_is_no_name_is_told_what_there_is(typed: str) -> None:
    needs = r"; needs person, faces or the path of an image or of a mask track \(\.json\)$"
    with pytest.raises(NotFound, match=f"^mask {typed}: no such file{needs}"):
        masks.source(typed)
    with pytest.raises(NotFound, match=r"^face detector dog: no such file; needs a YuNet \.onnx, or on "):
        masks.Faces("dog")
