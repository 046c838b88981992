"""Captions that fade: found from the first trace to the last, where a file is read ahead."""

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.captions import Captions, keyed
from gancam.frame import Frame, Image
from gancam.masks import ColourKey, Mask
from tests.helpers.damage import pan

RISE, FALL, FADE = 12, 30, 8  # frames: the first trace comes after RISE, the last before FALL + FADE


def lettering(text: str = "I told you so.", *, at: tuple[int, int] = (90, 270)) -> tuple[np.ndarray, Image, Mask]:
    """How much a caption covers, its colours, and where its ink is."""
    ink = np.zeros((300, 400), np.uint8)
    cv2.putText(ink, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)
    cover = cv2.dilate(ink, np.ones((5, 5), np.uint8))
    return cover[..., None] / 255.0, np.dstack([ink] * 3), np.asarray(ink > 127, np.uint8)


def strength(index: int) -> float:
    return float(np.clip(min(index - RISE, FALL + FADE - index) / FADE, 0, 1))


def faded(count: int = 44) -> tuple[list[Frame], Mask]:
    cover, colours, ink = lettering()
    frames = []
    for index, scene in enumerate(pan(count, step=3.0)):
        share = cover * strength(index)
        image = np.asarray(np.round(scene * (1 - share) + colours * share), np.uint8)
        frames.append(Frame(image, index, index / 30))
    return frames, ink


def test_a_caption_is_marked_from_its_first_trace_to_its_last() -> None:
    clip, ink = faded()
    captions = keyed("white", 20.0, "auto")
    assert isinstance(captions, Captions)
    captions.learn(iter(clip))
    for frame in clip:
        share = float((captions(frame.image, time=frame.time)[ink > 0] > 0).mean())
        if strength(frame.index) > 0.1:
            assert share > 0.95, frame.index
        if abs(frame.index - (RISE + FALL + FADE) / 2) > (FALL + FADE - RISE) / 2 + 3:
            assert share < 0.3, frame.index
    captions.reset()
    assert captions(clip[RISE + 2].image, time=clip[RISE + 2].time)[ink > 0].mean() < 10


def test_live_a_caption_is_followed_out() -> None:
    clip, ink = faded()
    captions = keyed("white", 20.0, "on")
    for frame in clip:
        mask = captions(frame.image, time=frame.time)
        if frame.index > RISE + FADE and strength(frame.index) > 0.1:
            assert (mask[ink > 0] > 0).mean() > 0.95, frame.index
    assert (mask[ink > 0] > 0).mean() < 0.3


def test_one_caption_after_the_other_and_words_that_move() -> None:
    scenes, first, second = pan(30, step=3.0), lettering("Who are you, Sir?"), lettering("Not one.", at=(20, 270))
    clip = []
    for index, scene in enumerate(scenes):
        cover, colours, _ = first if index < 15 else second
        clip.append(Frame(np.asarray(np.round(scene * (1 - cover) + colours * cover), np.uint8), index, index / 30))
    captions = keyed("white", 20.0, "auto")
    assert isinstance(captions, Captions)
    captions.learn(iter(clip))
    only = (first[2] > 0) & (cv2.dilate(np.asarray(second[0][..., 0] > 0, np.uint8), np.ones((15, 15), np.uint8)) == 0)
    assert only.sum() > 50
    assert (captions(clip[5].image, time=clip[5].time)[only] > 0).mean() > 0.95
    assert not captions(clip[20].image, time=clip[20].time)[only].any()
    rolling = []
    for index, scene in enumerate(scenes):
        cover, colours, _ = lettering("Directed by me", at=(60, 280 - 6 * index))
        rolling.append(Frame(np.asarray(np.round(scene * (1 - cover) + colours * cover), np.uint8), index, index / 30))
    captions.learn(iter(rolling))
    key = ColourKey("white", soft=True, lettering=True)
    for frame in rolling[::7]:
        assert np.array_equal(captions(frame.image, time=frame.time), key(frame.image))


@pytest.mark.parametrize(
    ("colour", "letters", "kind"),
    [
        ("white", "off", ColourKey),
        ("yellow", "auto", ColourKey),
        ("yellow", "on", Captions),
        ("#808080", "auto", Captions),
    ],
)
def test_what_looks_for_letters(colour: str, letters: str, kind: type) -> None:
    assert isinstance(keyed(colour, 20.0, letters), kind)


def test_nothing_and_other_sizes_are_no_matter() -> None:
    captions = keyed("white", 20.0, "auto")
    assert isinstance(captions, Captions)
    captions.learn(iter(()))
    assert not captions(np.zeros((40, 60, 3), np.uint8), time=0.0).any()
    captions.reset()
    clip, _ = faded(24)
    for frame in clip:
        captions(frame.image, time=frame.time)
    small = np.asarray(cv2.resize(clip[-1].image, (200, 150)), np.uint8)
    assert captions(small, time=1.0).shape == (150, 200)
