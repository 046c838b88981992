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


def striped(index: int) -> Image:
    """Narrow white stripes, as of a shirt, that glide with the camera and come close to the letters."""
    image = np.full((300, 400, 3), (60, 150, 110), np.uint8)
    across = np.arange(400) + index
    image[220:300, 150:260][:, across[150:260] % 5 < 2] = 250
    image[200:216:4, 150:260] = 250
    return image


def over_stripes(count: int = 44) -> tuple[list[Frame], Mask]:
    cover, colours, ink = lettering()
    frames = []
    for index in range(count):
        share = cover * strength(index)
        image = np.asarray(np.round(striped(index) * (1 - share) + colours * share), np.uint8)
        frames.append(Frame(image, index, index / 30))
    return frames, ink


def test_stripes_under_a_caption_stay_and_do_not_hide_when_it_comes_and_goes() -> None:
    clip, ink = over_stripes()
    captions = keyed("white", 20.0, "auto")
    assert isinstance(captions, Captions)
    captions.learn(iter(clip))
    beside = cv2.dilate(ink, np.ones((25, 25), np.uint8)) == 0
    for frame in clip:
        mask = captions(frame.image, time=frame.time) > 0
        if strength(frame.index) > 0.1:
            assert mask[ink > 0].mean() > 0.99, frame.index
        assert (mask & beside).sum() < 0.02 * beside.sum(), frame.index


def test_live_letters_that_come_slowly_are_told_from_those_that_are_there_at_once() -> None:
    clip, ink = faded()
    captions, slow = keyed("white", 20.0, "auto"), np.zeros_like(ink)
    assert isinstance(captions, Captions)
    for frame in clip:
        captions(frame.image, time=frame.time)
        if captions.slow is not None:
            slow |= captions.slow
    assert slow[ink > 0].mean() > 0.9
    captions.reset()
    for frame in (clip[RISE - 1], clip[RISE + FADE]):
        captions(frame.image, time=frame.time)
    assert captions.slow is None


@pytest.mark.parametrize("letters", ["auto", "on"])
def test_a_caption_of_another_colour_fades_too(letters: str) -> None:
    clip, ink = faded()
    cover, colours, _ = lettering()
    yellow = []
    for frame, scene in zip(clip, pan(len(clip), step=3.0), strict=True):
        share = cover * strength(frame.index)
        image = np.asarray(np.round(scene * (1 - share) + colours * (0, 1, 1) * share), np.uint8)
        yellow.append(Frame(image, frame.index, frame.time))
    captions = keyed("yellow", 20.0, letters)
    assert isinstance(captions, Captions)
    captions.learn(iter(yellow))
    for frame in yellow:
        if strength(frame.index) > 0.1:
            assert (captions(frame.image, time=frame.time)[ink > 0] > 0).mean() > 0.95, frame.index


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
        ("yellow", "off", ColourKey),
        ("yellow", "auto", Captions),
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
