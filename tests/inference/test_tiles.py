from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import gancam
from export.graph import Graph
from gancam.errors import OutOfMemory
from gancam.frame import Image
from gancam.inference.changes import ChangedTiles, _boxes
from gancam.inference.importing.adopt import adapt
from gancam.inference.tiling import LEAST, LIMIT, TileBudget, in_fixed_tiles, pixels_for, tiled
from tests.helpers.small import still

SIZE = 48, 64


def spread(image: Image, reach: int = 3) -> Image:
    """Each pixel the largest of its neighbourhood, twice as large: looks exactly `reach` to each side."""
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), axis=(0, 1))
    largest: Image = windows.max(axis=(-1, -2))
    return largest.repeat(2, axis=0).repeat(2, axis=1)


@settings(max_examples=60)
@given(
    height=st.integers(1, 60), width=st.integers(1, 60), limit=st.integers(1, 900), multiple=st.integers(1, 5),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_equals_the_untiled_result(height: int, width: int, limit: int, multiple: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    shapes = set()

    def note(tile: Image) -> Image:
        shapes.add(tile.shape)
        return spread(tile)

    assert np.array_equal(
        tiled(note, image, scale=2, overlap=3, budget=TileBudget(limit), multiple=multiple), spread(image)
    )
    if height % multiple == width % multiple == 0:
        assert len(shapes) == 1
        assert all(side % multiple == 0 for side in shapes.pop()[:2])


def test_memory_is_bounded() -> None:
    sizes = []

    def note(image: Image) -> Image:
        sizes.append(image.shape[0] * image.shape[1])
        return image

    image = np.zeros((1000, 9000, 3), np.uint8)
    assert tiled(note, image, scale=1, overlap=4, budget=TileBudget(400_000)).shape == image.shape
    assert len(sizes) > 1
    assert len(set(sizes)) == 1
    assert sizes[0] < 1.1 * 400_000
    assert sum(sizes) < 1.05 * image.shape[0] * image.shape[1]


def test_full_memory_halves_the_tiles_and_that_is_remembered(caplog: pytest.LogCaptureFixture) -> None:
    sizes: list[int] = []

    def narrow(image: Image) -> Image:
        sizes.append(image.shape[0] * image.shape[1])
        if sizes[-1] > 50_000:
            raise OutOfMemory("cpu", "memory is full", "smaller frames")
        return spread(image)

    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    budget = TileBudget(LIMIT)
    for failures in (1, 0):  # 120,000 pixels
        sizes.clear()
        assert np.array_equal(tiled(narrow, image, scale=2, overlap=3, budget=budget), spread(image))
        assert sum(size > 50_000 for size in sizes) == failures
    assert caplog.text.count("memory is full") == 1
    assert budget.limit == 30_000


def levelled(image: Image) -> Image:
    """Twice as large, and as bright in the mean as 128: looks at all of the picture."""
    made = image.astype(np.float32) + (128 - image.mean())
    return np.asarray(np.clip(np.round(made), 0, 255), np.uint8).repeat(2, axis=0).repeat(2, axis=1)


def test_what_looks_at_all_is_one_call_where_memory_allows() -> None:
    ramp = np.zeros((90, 160, 3), np.uint8) + np.linspace(0, 240, 160).astype(np.uint8)[:, None]
    budget = TileBudget(90 * 160)
    assert np.array_equal(tiled(levelled, ramp, scale=2, overlap=0, budget=budget), levelled(ramp))
    gigabyte = 1 << 30
    assert pixels_for("cpu", 16 * gigabyte, whole=2) > pixels_for("cpu", 16 * gigabyte) == LIMIT
    assert pixels_for("cpu", 8 * gigabyte, whole=4) < LIMIT  # the result alone is 16 times as large
    assert pixels_for("cpu", 0, whole=2) == LEAST


@pytest.mark.parametrize("multiple", [1, 4])
def test_tiles_of_what_looks_at_all_fade_into_each_other(multiple: int) -> None:
    ramp = np.zeros((88, 160, 3), np.uint8) + np.linspace(0, 240, 160).astype(np.uint8)[:, None]
    sizes = []

    def note(tile: Image) -> Image:
        sizes.append(tile.shape[:2])
        return levelled(tile)

    made = tiled(note, ramp, scale=2, overlap=0, budget=TileBudget(2000), multiple=multiple)
    assert made.shape == (176, 320, 3)
    assert len(sizes) > 4
    assert all(side % multiple == 0 for size in sizes for side in size)
    assert max(height * width for height, width in sizes) < 1.2 * 2000
    assert np.abs(np.diff(made.astype(int), axis=1)).max() < 10  # tiles differ by 60


def test_no_memory_at_all_is_an_error() -> None:
    def never(image: Image) -> Image:
        raise OutOfMemory("cpu", "nothing is left", "smaller frames")

    with pytest.raises(OutOfMemory, match="nothing is left"):
        tiled(never, np.zeros((600, 800, 3), np.uint8), scale=1, overlap=2, budget=TileBudget())
    with pytest.raises(MemoryError):
        tiled(never, np.zeros((6, 8, 3), np.uint8), scale=1, overlap=2, budget=TileBudget())
    assert LEAST <= TileBudget().limit <= LIMIT


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 5000, 3)])
def test_small_images_are_one_call(shape: tuple[int, int, int]) -> None:
    calls: list[Image] = []

    def note(image: Image) -> Image:
        calls.append(image)
        return image

    tiled(note, np.zeros(shape, np.uint8), scale=1, overlap=2, budget=TileBudget())
    assert len(calls) == 1


def moving(count: int, size: tuple[int, int], *, noise: int = 0, seed: int = 0) -> list[Image]:
    """A still picture with a bright box that walks, and sensor noise."""
    dice = np.random.default_rng(seed)
    still = dice.integers(40, 200, (size[1], size[0], 3), dtype=np.uint8)
    frames = []
    for index in range(count):
        frame = still.astype(np.int16)
        x = 7 * index % size[0]
        frame[5:17, x : x + 9] = 250
        frames.append(np.clip(frame + dice.integers(-noise, noise + 1, frame.shape), 0, 255).astype(np.uint8))
    return frames


@settings(max_examples=40)
@given(height=st.integers(1, 150), width=st.integers(1, 150), seed=st.integers(0, 99), changes=st.integers(0, 4))
def test_threshold_0_is_computing_everything(height: int, width: int, seed: int, changes: int) -> None:
    dice = np.random.default_rng(seed)
    image = dice.integers(0, 256, (height, width, 3), dtype=np.uint8)
    changed = ChangedTiles(spread, scale=2, overlap=3)
    assert np.array_equal(changed(image, threshold=0), spread(image))
    for _ in range(4):
        for _ in range(changes):
            y, x = dice.integers(height), dice.integers(width)
            image[y : y + dice.integers(1, 30), x : x + dice.integers(1, 30)] ^= 1
        assert np.array_equal(changed(image, threshold=0, time=None), spread(image))


def test_duplicates_cost_nothing_and_results_are_the_callers_own() -> None:
    calls = []

    def note(image: Image) -> Image:
        calls.append(image.shape)
        return spread(image)

    image = moving(1, (200, 120))[0]
    changed = ChangedTiles(note, scale=2, overlap=3)
    outs = [changed(image, threshold=threshold, time=index / 30) for index, threshold in enumerate([0, 0, 5, 5, 64, 0])]
    assert len(calls) == 1
    assert changed.share == pytest.approx(1 / 6)
    outs[0][:] = 0
    assert np.array_equal(changed(image, threshold=0, time=1), spread(image))
    assert np.array_equal(outs[1], spread(image))


def test_only_what_moved_is_computed() -> None:
    frames = moving(12, (400, 300))
    changed = ChangedTiles(spread, scale=2, overlap=3)
    for index, frame in enumerate(frames):
        assert np.array_equal(changed(frame, threshold=0, time=index / 30), spread(frame))
    assert changed.share < 0.15


def test_boxes_hold_all_that_is_marked_and_little_more() -> None:
    dice = np.random.default_rng(0)
    for share in (0.0, 0.001, 0.01, 0.1, 1.0):
        marked = dice.random((60, 80)) < share
        boxes = _boxes(marked, 12)
        held = np.zeros_like(marked)
        for top, bottom, left, right in boxes:
            assert marked[top:bottom, left:right].any()
            held[top:bottom, left:right] = True
        assert not (marked & ~held).any()
    corners = np.zeros((60, 80), bool)
    corners[0, 0] = corners[-1, -1] = True
    assert sorted(_boxes(corners, 12)) == [(0, 1, 0, 1), (59, 60, 79, 80)]


def test_noise_is_passed_over_and_nothing_is_older_than_a_second() -> None:
    frames = moving(60, (320, 200), noise=4)
    seen: list[tuple[int, Image]] = []
    changed = ChangedTiles(lambda image: image.copy(), scale=1, overlap=3)  # what it gives is what it was shown
    for index, frame in enumerate(frames):
        out = changed(frame, threshold=16, time=index / 30)
        seen.append((index, frame))
        assert int(np.abs(out.astype(int) - frame).max()) <= 16
        stale = np.ones(frame.shape[:2], bool)
        for _, old in seen[-30:]:
            stale &= (out != old).any(2)
        assert not stale.any()
    assert changed.share < 0.4


def test_small_differences_are_followed() -> None:
    frames = moving(40, (320, 200), noise=4)
    follows, freezes = (
        ChangedTiles(lambda image: image.copy(), scale=1, overlap=3, follows=one) for one in (True, False)
    )
    for index, frame in enumerate(frames):
        assert np.array_equal(follows(frame, threshold=16, time=index / 30), frame)
        frozen = freezes(frame, threshold=16, time=index / 30)
    assert not np.array_equal(frozen, frame)


def test_a_seek_a_gap_and_another_size_begin_anew() -> None:
    frames = moving(3, (200, 120), noise=3)
    for times in ((0.0, 5.0), (5.0, 0.0)):
        changed = ChangedTiles(spread, scale=2, overlap=3)
        changed(frames[0], threshold=64, time=times[0])
        assert np.array_equal(changed(frames[1], threshold=64, time=times[1]), spread(frames[1]))
        small = np.ascontiguousarray(frames[2][:50, :60])
        assert np.array_equal(changed(small, threshold=64, time=times[1]), spread(small))


def test_a_threshold_may_be_turned_while_it_plays() -> None:
    changed = ChangedTiles(spread, scale=2, overlap=3, follows=True)
    for index, frame in enumerate(moving(20, (200, 120), noise=4)):
        threshold = (30, 0, 12, 64)[index % 4]
        out = changed(frame, threshold=threshold, time=index / 30)
        if threshold == 0:
            assert np.array_equal(out, spread(frame))


def blurred(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What looks 2 pixels to each side, twice as large."""
    assert images.shape == (1, *SIZE, 3)
    low = cv2.blur(images[0], (5, 5), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.kron(low, np.ones((2, 2, 1), np.uint8)), np.uint8)[None]


@pytest.mark.parametrize("size", [(48, 64), (20, 30), (49, 64), (130, 200), (48, 65)])
def test_tiles_of_a_known_reach_are_the_whole(size: tuple[int, int]) -> None:
    image = np.ascontiguousarray(still("sign")[: size[0], : size[1]])
    made = in_fixed_tiles(blurred, image, size=SIZE, scale=2, reach=2)
    low = np.asarray(cv2.blur(image, (5, 5), borderType=cv2.BORDER_REPLICATE), np.uint8)
    assert made.shape == (2 * size[0], 2 * size[1], 3)
    assert np.array_equal(made, np.kron(low, np.ones((2, 2, 1), np.uint8)))


def test_tiles_of_an_unknown_reach_fade_into_each_other() -> None:
    def shaded(images: NDArray[np.uint8]) -> NDArray[np.uint8]:  # each tile is of another brightness
        return np.full_like(images, images.mean())

    image = np.zeros((48, 256, 3), np.uint8)
    image[:, 128:] = 200
    made = in_fixed_tiles(shaded, image, size=SIZE, scale=1, reach=0)[24, :, 0].astype(int)
    assert np.abs(np.diff(made)).max() < 20  # no seam
    assert (made[0], made[-1]) == (0, 200)


def test_a_graph_that_needs_its_size_plays(tmp_path: Path) -> None:
    graph = Graph()
    flat = graph.add("Reshape", "x", graph.constant([1, 3, SIZE[0] * SIZE[1]], np.int64))
    back = graph.add("Reshape", flat, graph.constant([1, 3, *SIZE], np.int64))
    graph.add("Clip", back, graph.constant(0.0, np.float32), graph.constant(1.0, np.float32), name="y")
    shape = [1, 3, *SIZE]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "a.onnx")
    found = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert (found.card.fixed_height, found.card.fixed_width) == SIZE
    effect = gancam.load(tmp_path / "a.onnx")
    for size in ((48, 64), (131, 77), (5, 9)):
        image = np.ascontiguousarray(still("sign")[: size[0], : size[1]])
        assert np.abs(effect(image).astype(int) - image).max() <= 1
