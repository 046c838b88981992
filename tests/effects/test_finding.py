"""Finding what is to be erased: overlays over what moves, and defects of single frames; on composites, so known."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.overlay import Overlay
from gancam.effects.inpainting.scratches import NOTHING, Repair, Repairs, defects, repairs
from gancam.frame import Frame, Image
from gancam.masks import Mask
from gancam.sources import VideoFile
from tests.helpers.clips import psnr
from tests.helpers.damage import composite, pan, scratched
from tests.helpers.small import still

CITY = Path(__file__).parent.parent.parent / "samples" / "city.mp4"


def found_in(frames: Sequence[Image]) -> np.ndarray:
    overlay = Overlay()
    for index, frame in enumerate(frames):
        overlay(frame, time=index / 10)
    overlay.settle()
    assert (overlay(frames[0], time=99.0) >= overlay.found).all()  # with a little around it
    return overlay.found > 0


@pytest.mark.parametrize("opacity", [1.0, 0.7, 0.4])
@pytest.mark.parametrize("kind", ["disc", "ring", "word"])
def test_an_overlay_is_found_over_what_moves(kind: str, opacity: float) -> None:
    frames, truth = composite(pan(40), kind, opacity)
    found = found_in(frames)
    assert (found & truth).sum() / (found | truth).sum() > 0.6


def test_nothing_is_found_where_there_is_none() -> None:
    assert not found_in(pan(40)).any()
    with VideoFile(CITY) as source:
        assert not found_in([frame.image for frame in source]).any()
    rng = np.random.default_rng(0)
    assert not found_in([rng.integers(0, 256, (120, 160, 3), np.uint8) for _ in range(20)]).any()
    assert not found_in([np.zeros((20, 20, 3), np.uint8)] * 20).any()


def test_nothing_is_found_in_what_stands_still() -> None:
    """Neither in a still camera's picture, where all stays, nor before enough was seen."""
    frames, _ = composite([still("lake")] * 30, "disc", 1.0)
    rng = np.random.default_rng(0)
    noisy = [(frame + rng.integers(0, 4, frame.shape)).clip(0, 255).astype(np.uint8) for frame in frames]
    assert not found_in(noisy).any()
    few, _ = composite(pan(Overlay.LEAST - 2), "disc", 1.0)
    assert not found_in(few).any()


class Short(Overlay):
    """Forgets in a few seconds what takes a minute else."""

    WINDOW = 40


@pytest.mark.slow
def test_an_overlay_comes_later_and_goes_again() -> None:
    scene = pan(40)
    frames, truth = composite(scene, "word", 1.0)
    overlay, found, index = Short(), dict[str, list[bool]](), 0
    for name, images, count in (("without", scene, 60), ("with", frames, 90), ("gone", scene, 60)):
        for _ in range(count):
            marked = overlay(images[index % 40], time=0.25 * index)
            found.setdefault(name, []).append(bool(marked[truth].mean() > 0.5))
            index += 1
    assert not any(found["without"])
    assert found["with"][-1]
    assert not found["gone"][-1]


def test_an_overlay_stays_found_in_a_long_shot_in_which_little_moves() -> None:
    frames, truth = composite(pan(40), "word", 1.0)
    overlay = Short()
    for index in range(120):
        image = frames[index % 40].copy()
        if index >= 50:
            image[:-30] = frames[0][:-30]
        marked = overlay(image, time=0.25 * index)
    assert marked[truth].mean() > 0.5


def test_running_digits_are_found_too() -> None:
    frames, boxes = [], []
    for index, frame in enumerate(pan(60)):
        made, text = frame.copy(), f"12:34:{index // 3:02d}"
        for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(made, text, (20, 270), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, thick, cv2.LINE_AA)
        frames.append(made)
        boxes.append(cv2.getTextSize("12:34:", cv2.FONT_HERSHEY_SIMPLEX, 0.8, 4)[0][0])
    found = found_in(frames)
    left = 20 + boxes[0]
    assert found[255:268, 24 : left - 8].mean() > 0.4
    assert found[255:268, left + 4 : left + 24].mean() > 0.9
    assert not found[:240].any()


def watched(seconds: float, *, clock: bool) -> tuple[list[Image], Mask]:
    """A camera that stands still over a lake where something walks; a clock in it, and where its ink ever was."""
    rng, frames, ink = np.random.default_rng(0), [], np.zeros((240, 320), np.uint8)
    scene = np.asarray(cv2.resize(still("lake"), (320, 240)), np.uint8)
    noise = [rng.normal(0, 2, scene.shape) for _ in range(5)]
    for index in range(int(seconds * 10)):
        image = np.clip(scene + noise[index % 5], 0, 255).astype(np.uint8)
        cv2.rectangle(image, (2 * index, 120 + index % 3), (2 * index + 30, 200), (40, 60, 70), cv2.FILLED)
        if clock:
            text, place = f"12:34:{(index + 4) // 10 + 50:02d}", (200, 226)
            cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 4, cv2.LINE_AA)
            cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
            cv2.putText(ink, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1, 1)
        frames.append(image)
    return frames, ink


def test_a_clock_is_found_where_the_camera_stands_still() -> None:
    frames, ink = watched(7, clock=True)
    found = found_in(frames)
    assert found[ink > 0].mean() > 0.98
    assert found.sum() < 6 * ink.sum()
    assert not found[:180].any()


def test_a_clock_is_found_in_a_clip_of_three_ticks() -> None:
    frames, ink = watched(3.7, clock=True)
    assert found_in(frames)[ink > 0].mean() > 0.98


def test_a_digit_as_bright_as_what_is_behind_it_is_found_by_its_neighbours() -> None:
    scene = np.asarray(cv2.resize(still("lake"), (320, 240)), np.uint8) // 2
    scene[10:30, 58:68] = 250  # behind a digit of the date
    frames, ink = [], np.zeros(scene.shape[:2], np.uint8)
    for index in range(70):
        image, text = scene.copy(), f"05/01/24 12:34:{(index + 4) // 10 + 50:02d}"
        image[100 + index : 140 + index, 100:140] = (40, 60, 70)
        for picture, colour in ((image, (255, 255, 255)), (ink, (1, 1, 1))):
            cv2.putText(picture, text, (20, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2 if picture is image else 1)
        frames.append(image)
    assert found_in(frames)[ink > 0].mean() > 0.98


def test_all_of_a_running_digit_is_found_in_a_pan() -> None:
    frames, ink = [], np.zeros((300, 400), np.uint8)
    for index, frame in enumerate(pan(60)):
        made, text = frame.copy(), f"05/01/24 12:34:{3 + index // 15:02d}"
        cv2.putText(made, text, (20, 270), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2, cv2.LINE_AA)
        cv2.putText(ink, text, (20, 270), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1, 2)
        frames.append(made)
    found = found_in(frames)
    assert found[ink > 0].mean() > 0.98
    assert found.sum() < 4 * ink.sum()


def test_no_clock_is_found_where_none_ticks() -> None:
    frames, _ = watched(7, clock=False)
    assert not found_in(frames).any()
    lamp = [frame.copy() for frame in frames]
    for index, frame in enumerate(lamp):  # blinks once a second
        cv2.circle(frame, (250, 210), 6, (250, 250, 250) if index % 10 < 5 else (10, 10, 10), cv2.FILLED)
    assert not found_in(lamp).any()


def test_another_size_is_another_source() -> None:
    overlay = Overlay()
    for index, frame in enumerate(composite(pan(30), "disc", 1.0)[0]):
        overlay(frame, time=index / 8)
    assert overlay.found.any()
    assert overlay(still("lake")).shape == still("lake").shape[:2]
    assert not overlay.found.any()


# Defects


@pytest.mark.parametrize("flicker", [0.0, 0.2])
def test_scratches_and_dust_are_repaired(flicker: float) -> None:
    """Most dust stayed where a lamp flickers, and what was taken away left dark spots."""
    rng, clean = np.random.default_rng(1), pan(8, step=3.0)
    light = [1 - flicker + flicker * np.sin(2.1 * index) for index in range(8)]
    clean = [np.asarray((one * share).round(), np.uint8) for one, share in zip(clean, light, strict=True)]
    pairs = [scratched(frame, rng) for frame in clean]
    before, after, touched = [], [], []
    for index in range(1, len(clean) - 1):
        repair = defects(*(pairs[at][0] for at in (index, index - 1, index + 1)))
        fixed, mask = repair(pairs[index][0]), pairs[index][1] > 0
        before.append(psnr(pairs[index][0][mask], clean[index][mask]))
        after.append(psnr(fixed[mask], clean[index][mask]))
        far = cv2.dilate(pairs[index][1], np.ones((9, 9), np.uint8)) == 0
        touched.append((fixed[far] != pairs[index][0][far]).mean())
    assert np.mean(after) > np.mean(before) + 10
    assert max(touched) < 0.005


def test_clean_film_stays_as_it_is() -> None:
    clean = pan(5, step=3.0)
    assert sum(len(defects(*(clean[at] for at in (i, i - 1, i + 1))).places) for i in (1, 2, 3)) < 3 * 0.002 * 400 * 300
    cut = [clean[0], np.asarray(cv2.resize(still("sign"), (400, 300)), np.uint8), clean[2]]
    assert defects(cut[1], cut[0], cut[2]) is NOTHING
    assert defects(clean[0], clean[1][:100], clean[2]) is NOTHING


def test_repairs_are_kept_by_time() -> None:
    rng = np.random.default_rng(2)
    frames = [Frame(scratched(frame, rng)[0], index, index / 25) for index, frame in enumerate(pan(5, step=3.0))]
    kept = repairs(iter(frames))
    assert len(kept) == 3
    for before, now, after in zip(frames, frames[1:], frames[2:], strict=False):
        wanted = defects(now.image, before.image, after.image)
        assert np.array_equal(kept[now.time](now.image), wanted(now.image))
    assert kept[0.0](frames[0].image) is frames[0].image
    kept.close()
    one = Repairs()
    one[1.0] = Repair(np.array([3], np.int32), np.array([[1, 2, 3]], np.uint8))
    assert one[1.0](np.zeros((2, 2, 3), np.uint8)).tolist() == [[[0, 0, 0]] * 2, [[0, 0, 0], [1, 2, 3]]]
    one.close()
