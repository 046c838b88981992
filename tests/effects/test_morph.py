"""The morph effect on a small generator: when, what, where and how."""

import logging
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gancam
from export import super_resolution
from gancam.effects.morph import Morph
from gancam.effects.morphing.drive import Drive
from gancam.effects.morphing.settings import MorphParams, seeds
from gancam.errors import InputError, MaskError, ModelError, NotFound, ParameterError
from gancam.frame import Image
from gancam.inference.card import ModelCard
from gancam.inference.model import Generator
from gancam.inference.variants import read_card
from gancam.latent.path import seeded
from gancam.media.audio import Hearing, Loudness
from gancam.sources import TestPattern
from gancam.vision.blend import MODES, SHAPES, Region
from tests.helpers.small import generator, network, save, still, write_generator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return Generator(write_generator(tmp_path_factory.mktemp("models"), generator()), device="cpu", threads=1)


def make(model: Generator, *, ahead: int | None = None, mask: Any = "", **params: Any) -> Morph:
    text = isinstance(mask, str)
    checked = MorphParams.of(mask=mask if text else "", **params)
    assert isinstance(checked, MorphParams)
    return Morph(model, checked, mask=None if text else mask, ahead=ahead)


FRAME = np.full((90, 160, 3), 90, np.uint8)
WHOLE: dict[str, Any] = {"region": "full", "fit": "stretch", "shape": "box", "feather": 0.0}


def test_loaded_by_its_card(tmp_path: Path) -> None:
    path = write_generator(tmp_path, generator(), "morph-noise")
    effect = gancam.load(path, seed=7, speed=0.5)
    assert isinstance(effect, Morph)
    assert (effect.params.seed, effect.params.speed) == (7, 0.5)
    frame = still("lake")
    kept = frame.copy()
    out = effect(frame)
    assert out.shape == frame.shape == (*effect.output_size((frame.shape[1], frame.shape[0]))[::-1], 3)
    assert np.array_equal(frame, kept)
    assert not np.array_equal(out, frame)
    z = seeded([1, 2], 12)
    assert np.array_equal(effect.generate(z), effect.model(z)[0])
    with pytest.raises(InputError, match="morph-noise"):
        effect.generate(z[:, :5])
    half = gancam.load(path, mask=marked, where="outside", region="full", feather=0)
    frame[:] = 0
    frame[:, ::2] = 255
    assert np.array_equal(half(frame, time=0.0)[:, ::2], frame[:, ::2])


def test_a_walk_goes_through_the_pictures_that_are_worth_showing(tmp_path: Path) -> None:
    path = write_generator(tmp_path, generator(), "worth")
    whole = onnx.load(path)
    card = read_card(path)
    whole.metadata_props.clear()
    onnx.helper.set_model_props(whole, replace(card, seeds=(5, 9)).to_metadata())
    onnx.save(whole, path)
    walk, loop = (gancam.load(path, **WHOLE, **given, truncation=1) for given in ({"seed": 3}, {"keyframes": "5/9"}))
    first, *later = (walk(FRAME, time=2.0 * key) for key in (0, 1, 4, 7, 10))
    known = [loop(FRAME, time=2.0 * key) for key in (0, 1)]
    apart = [min(cv2.absdiff(one, other).max() for other in known) for one in later]
    assert max(apart) <= 1
    assert min(cv2.absdiff(first, other).max() for other in known) > 1


def test_the_picture_is_a_function_of_time(model: Generator) -> None:
    times = [0.0, 1 / 30, 0.7, 3.0, 100.0, 0.7, 0.0]
    forth = [make(model, seed=3)(FRAME, time=time) for time in times]
    effect = make(model, seed=3)
    for time, true in zip(times, forth, strict=True):
        assert np.array_equal(effect(FRAME, time=time), true)
    effect.reset()
    assert np.array_equal(effect(FRAME, time=times[3]), forth[3])
    assert not np.array_equal(forth[0], forth[3])


@pytest.mark.parametrize("time", [float("nan"), float("inf"), "now", np.array([1.0, 2.0])])
def test_a_time_that_is_none_is_refused_and_does_no_harm(model: Generator, time: Any) -> None:
    effect, other = make(model, seed=3), make(model, seed=3)
    with pytest.raises(InputError, match="needs seconds, or None for an image that has no time"):
        effect(FRAME, time=time)
    with pytest.raises(InputError, match="needs seconds"):
        effect(np.stack([FRAME, FRAME]), time=time)
    assert np.array_equal(effect(FRAME), other(FRAME)), "the clock was left alone"


def test_calls_without_a_time_are_a_thirtieth_apart(model: Generator) -> None:
    silent, timed = make(model), make(model)
    for index in range(4):
        assert np.array_equal(silent(FRAME), timed(FRAME, time=index / 30))


def test_live_drops_frames_and_shows_what_offline_shows(model: Generator) -> None:
    times = [index / 30 for index in range(90)]
    offline, live = make(model, seed=5), make(model, seed=5)
    pictures = {time: offline(FRAME, time=time) for time in times}
    for index in range(0, 90, 7):
        live.params.speed = offline.params.speed
        assert np.array_equal(live(FRAME, time=times[index]), pictures[times[index]])


def test_pictures_made_ahead_are_those_made_one_by_one(model: Generator) -> None:
    single, several = make(model, ahead=1, **WHOLE), make(model, ahead=8, **WHOLE)
    times = [index / 30 for index in range(40)] + [3.0, 3.1, 3.15, 3.2, 3.25, 3.3, 9.0]
    for index, time in enumerate(times):
        for effect in (single, several):
            if index in (11, 30):
                effect.params.speed = 2.0 if index == 11 else 0.25
            if index == 20:
                effect.params.truncation = 0.4
        difference = np.abs(single(FRAME, time=time).astype(int) - several(FRAME, time=time))
        assert difference.max() <= 1


@pytest.mark.parametrize("keyframes", ["3", "3/17/42"])
def test_a_loop_closes_exactly(model: Generator, keyframes: str) -> None:
    effect = make(model, keyframes=keyframes, loop="7.3s", **WHOLE)
    first = effect(FRAME, time=0.0)
    assert np.array_equal(effect(FRAME, time=219 * (1 / 30)), first)  # 7.300000000000001
    assert np.array_equal(effect(FRAME, time=7.3 * 5), first)
    assert np.array_equal(first[0, 0], make(model, seed=3, **WHOLE)(FRAME, time=0.0)[0, 0])
    twice = make(model, keyframes=keyframes, loop=7.3, speed=2.0, **WHOLE)
    assert np.array_equal(twice(FRAME, time=1.0), effect(FRAME, time=2.0))


def test_steps_of_a_loop_are_even(model: Generator) -> None:
    effect = make(model, keyframes="3/17/42", loop=8, truncation=1.0, **WHOLE)
    frames = [effect(FRAME, time=index / 30).astype(float) for index in range(241)]
    steps = [float(np.sqrt(np.square(b - a).mean())) for a, b in pairwise(frames)]
    assert np.array_equal(frames[0], frames[-1])
    assert max(steps) / float(np.median(steps)) <= 1.5


def test_speed_changes_without_a_jump(model: Generator) -> None:
    effect, true = make(model, speed=1.0, **WHOLE), make(model, **WHOLE)
    assert np.array_equal(effect(FRAME, time=2.0), true(FRAME, time=2.0))
    effect.params.speed = 4.0  # from the frame at 3 s on, when the position is 3
    assert np.array_equal(effect(FRAME, time=3.0), true(FRAME, time=3.0))
    assert np.array_equal(effect(FRAME, time=3.5), true(FRAME, time=5.0))
    effect.params.speed = 0.0
    assert np.array_equal(effect(FRAME, time=4.0), true(FRAME, time=7.0))
    assert np.array_equal(effect(FRAME, time=60.0), true(FRAME, time=7.0))


def test_truncation_mixing_and_seeds(model: Generator) -> None:
    average = make(model, truncation=0.0, **WHOLE)
    assert np.array_equal(average(FRAME, time=0.0), average(FRAME, time=9.0))
    plain, other = (make(model, seed=seed, **WHOLE)(FRAME, time=0.0) for seed in (1, 2))
    assert not np.array_equal(plain, other)
    assert np.array_equal(make(model, seed=1, mix=2, mix_layer=0, **WHOLE)(FRAME, time=0.0), other)
    assert np.array_equal(make(model, seed=1, mix=2, mix_layer=64, **WHOLE)(FRAME, time=0.0), plain)
    mixed = make(model, seed=1, mix=2, mix_layer=3, **WHOLE)(FRAME, time=0.0)
    assert not np.array_equal(mixed, plain)
    assert not np.array_equal(mixed, other)


def test_both_spaces_begin_with_the_seed(model: Generator) -> None:
    start, later = ([make(model, seed=4, space=space, **WHOLE)(FRAME, time=time) for space in ("auto", "w", "z")]
                    for time in (0.0, 1.0))  # fmt: skip
    assert np.array_equal(start[0], start[1])
    assert np.abs(start[1].astype(int) - start[2]).max() <= 1
    assert np.array_equal(later[0], later[1])
    assert not np.array_equal(later[1], later[2])


shares = st.floats(0, 1).map(lambda value: round(value, 3))
regions = st.tuples(shares, shares, shares, shares).map(
    lambda part: Region(min(part[0], 0.99), min(part[1], 0.99), max(part[2], 0.01), max(part[3], 0.01))
).map(lambda r: Region(r.x, r.y, round(min(r.width, 1 - r.x), 3), round(min(r.height, 1 - r.y), 3)))  # fmt: skip


@settings(max_examples=25)
@given(
    size=st.tuples(st.integers(1, 80), st.integers(1, 80)), region=regions, time=st.floats(-10, 1e6),
    fit=st.sampled_from(("contain", "cover", "stretch")), mode=st.sampled_from(MODES), shape=st.sampled_from(SHAPES),
    feather=st.floats(0, 0.5), opacity=st.floats(0, 1),
)  # fmt: skip
def test_any_region_size_and_time(
    model: Generator, size: tuple[int, int], region: Region, time: float, fit: str, mode: str, shape: str,
    feather: float, opacity: float,
) -> None:  # fmt: skip
    frame = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    kept = frame.copy()
    text = "/".join(f"{number:.6f}" for number in region)
    effect = _made(model)
    for name, value in {"region": text, "fit": fit, "blend": mode, "shape": shape, "feather": feather,
                        "opacity": opacity}.items():  # fmt: skip
        setattr(effect.params, name, value)
    out = effect(frame, time=time)
    assert out.shape == frame.shape
    assert out.flags.c_contiguous
    assert np.array_equal(frame, kept)
    seen = region.place(size).slices
    out = out.copy()
    out[seen] = frame[seen]
    assert np.array_equal(out, frame)


_effects: dict[int, Morph] = {}


def _made(model: Generator) -> Morph:
    return _effects.setdefault(id(model), make(model))


def test_where_it_is_seen(model: Generator) -> None:
    frame = np.zeros((100, 200, 3), np.uint8)

    def seen(**params: Any) -> tuple[int, int, int, int]:
        out = make(model, feather=0.0, shape="box", **params)(frame, time=0.0)
        rows, columns = (np.flatnonzero(out.any(axis=(1 - axis, 2))) for axis in (0, 1))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    assert seen(region="0.5/0.2/0.25/0.6", fit="stretch") == (100, 20, 150, 80)
    assert seen(region="0.5/0.2/0.25/0.6", fit="cover") == (100, 20, 150, 80)
    assert seen(region="0.5/0.2/0.25/0.6", fit="contain") == (100, 25, 150, 75)
    assert seen(region="0/0/1/1", fit="contain") == (50, 0, 150, 100)
    assert seen(region="full") == (0, 0, 200, 100)


def test_the_whole_frame_is_filled_around_somebody() -> None:
    """The documentation's own example showed one disc behind a head."""
    frame = np.full((90, 160, 3), 128, np.uint8)
    person = np.zeros((90, 160), np.uint8)
    person[30:, 60:100] = 255
    params: dict[str, Any] = {"where": "outside", "region": "full", "feather": 0.0}
    flowers = gancam.load("morph-flowers", device="cpu", mask=person, **params)
    out = flowers(frame, time=0.0)
    changed = (out != 128).any(axis=2)
    assert changed[person == 0].mean() > 0.98
    assert (out[40:, 65:95] == 128).all()


def test_it_stays_in_its_corner_in_an_upright_frame(model: Generator) -> None:
    """It stood in the middle of the tall region that the default is there: over a face."""
    frame = np.zeros((640, 360, 3), np.uint8)

    def middle(**params: Any) -> tuple[float, float]:
        out = make(model, feather=0.0, shape="box", **params)(frame, time=0.0)
        rows, columns = (np.flatnonzero(out.any(axis=(1 - axis, 2))) for axis in (0, 1))
        return float(columns.mean()) / 360, float(rows.mean()) / 640

    assert middle(region="auto")[0] == pytest.approx(0.855, abs=0.01)
    region = "0.74/0.05/0.23/0.41"
    assert middle(region=region)[0] == pytest.approx(0.855, abs=0.01)
    assert middle(region=region)[1] < 0.15
    assert middle(region="0.05/0.54/0.23/0.41")[1] > 0.85
    assert middle(region="0.3/0.2/0.4/0.6")[1] == pytest.approx(0.5, abs=0.01), "as far from either end: in the middle"


def where_it_is(effect: Morph, image: Image, time: float = 0.0) -> str:
    """The corner of the frame in which a picture is laid."""
    rows, columns = (np.flatnonzero((effect(image, time=time) != image).any(axis=(1 - axis, 2))) for axis in (0, 1))
    across = "right" if columns.mean() > image.shape[1] / 2 else "left"
    return f"{'top' if rows.mean() < image.shape[0] / 2 else 'bottom'} {across}"


def with_face(left: int) -> Image:
    """A plain room, 640x480, with somebody's head and shoulders at its top."""
    people = cv2.imread(str(Path(__file__).parents[2] / "samples" / "people.jpg"))
    assert people is not None
    room = np.full((480, 640, 3), 150, np.uint8)
    room[:180, left : left + 250] = people[70:250, 180:430]
    return room


def test_it_is_laid_where_no_face_is(model: Generator) -> None:
    right, left = with_face(390), with_face(0)
    effect = make(model)
    assert where_it_is(effect, right) == "top left"
    assert where_it_is(make(model), left) == "top right"
    gone = right.copy()
    gone[:180, 390:] = cv2.GaussianBlur(right[:180, 390:], (0, 0), 12)
    assert where_it_is(effect, gone, 0.1) == "top left", "it stays while the scene does"
    dark = left.copy()
    dark[180:] = 20
    assert where_it_is(effect, dark, 0.2) == "top right", "and is chosen anew at a cut"
    effect.reset()
    effect.skim(right, time=0.0)
    assert where_it_is(effect, gone, 0.1) == "top left", "workers see the frames of others so"
    busy = np.full_like(right, 150)
    busy[:240, 320:, 1] = np.random.default_rng(0).integers(0, 256, (240, 320), np.uint8)
    assert where_it_is(make(model), busy) == "top left"


def test_it_stays_where_a_crowd_is_shaken(model: Generator) -> None:
    rng = np.random.default_rng(0)
    light = np.repeat([[[200], [60]]], 240, 1).reshape(1, 480, 1).transpose(1, 0, 2)  # above, and below
    effect, cells = make(model), np.kron(rng.integers(-55, 56, (62, 82)), np.ones((8, 8), int))[..., None]
    for index, plain in enumerate((slice(0, 200), slice(440, 640))):
        shaken = cells[5 * index : 5 * index + 480, 7 * index : 7 * index + 640]
        image = np.repeat(light + shaken, 3, 2).astype(np.uint8)
        image[:240, plain] = 200
        assert where_it_is(make(model), image) == ("top left", "top right")[index]
        assert where_it_is(effect, image, index / 30) == "top left"


def test_it_is_laid_within_black_bars(model: Generator) -> None:
    frame = np.zeros((360, 640, 3), np.uint8)
    frame[:, 80:560] = np.random.default_rng(0).integers(90, 110, (360, 480, 3), np.uint8)
    changed = (make(model)(frame, time=0.0) != frame).any(axis=2)
    assert changed.any()
    assert not changed[:, 560:].any()


def test_a_film_that_fades_in_is_looked_at_again(model: Generator) -> None:
    effect, shown = make(model), with_face(390)
    for index in range(40):
        faded = np.asarray(shown * min(index / 30, 1.0), np.uint8)
        place = where_it_is(effect, faded, index / 30)
    assert place == "top left"


def test_cover_keeps_proportions(model: Generator) -> None:
    wide = make(model, region="full", fit="cover", shape="box", feather=0.0)(np.zeros((64, 128, 3), np.uint8), time=0.0)
    square = make(model, **WHOLE)(np.zeros((128, 128, 3), np.uint8), time=0.0)
    assert cv2.PSNR(wide, square[32:96]) > 25


def test_full_frame_has_no_fading_border(model: Generator) -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    out = make(model, region="full", shape="box", feather=0.3)(frame, time=0.0)
    whole = make(model, region="full", shape="box", feather=0.0)(frame, time=0.0)
    assert np.array_equal(out, whole)


def test_opacity_zero_is_the_frame(model: Generator) -> None:
    assert np.array_equal(make(model, opacity=0.0, **WHOLE)(FRAME, time=1.0), FRAME)
    half = make(model, opacity=0.5, **WHOLE)(FRAME, time=1.0).astype(int)
    assert np.abs(2 * half - FRAME - make(model, **WHOLE)(FRAME, time=1.0)).max() <= 3


# Where something is marked


def marked(image: Image) -> np.ndarray:
    """What is not black."""
    return np.asarray(image.any(axis=2))


def test_over_each_object_that_is_marked(model: Generator) -> None:
    frame = np.zeros((120, 200, 3), np.uint8)
    frame[10:40, 20:50] = frame[70:90, 120:150] = 255
    effect = make(model, mask=marked, where="object", shape="box", feather=0.0)
    changed = (effect(frame, time=0.0) != frame).any(axis=2)
    assert changed[12:38, 22:48].mean() > 0.9
    assert changed[66:94, 121:149].mean() > 0.9  # the square around what is wider than high
    changed[10:40, 20:50] = changed[65:95, 120:150] = False
    assert not changed.any()
    assert np.array_equal(effect(0 * frame, time=0.1), 0 * frame)


def test_an_object_at_the_edge_of_the_frame(model: Generator) -> None:
    frame = np.zeros((60, 60, 3), np.uint8)
    frame[40:, :8] = 255
    changed = (make(model, mask=marked, where="object", shape="box", feather=0.0)(frame, time=0.0) != frame).any(axis=2)
    assert changed[40:, :14].mean() > 0.9
    assert not changed[:40].any()
    assert not changed[:, 14:].any()


def test_an_object_that_trembles_is_held_and_one_that_goes_is_followed(model: Generator) -> None:
    effect = make(model, mask=marked, where="object", shape="box", feather=0.0)

    def left(at: int, time: float) -> int:
        frame = np.zeros((120, 400, 3), np.uint8)
        frame[30:90, at : at + 60] = 1
        return int(np.flatnonzero((effect(frame, time=time) > 1).any(axis=(0, 2)))[0])

    trembling = [left(100 + index % 2, index / 30) for index in range(20)]
    assert max(trembling[1:]) == min(trembling[1:])
    assert abs(left(300, 1.0) - 300) <= 1
    going = [left(300 - 6 * index, 1 + index / 30) for index in range(30)]
    assert abs(going[-1] - 126) <= 6


def test_inside_and_outside_what_is_marked(model: Generator) -> None:
    frame = np.full((80, 120, 3), 90, np.uint8)
    half = np.zeros((80, 120), np.uint8)
    half[:, :50] = 1
    whole = make(model, **WHOLE)(frame, time=0.0)
    inside = make(model, mask=half, where="inside", **WHOLE)(frame, time=0.0)
    outside = make(model, mask=half, where="outside", **WHOLE)(frame, time=0.0)
    assert np.array_equal(inside[:, :50], whole[:, :50])
    assert np.array_equal(inside[:, 50:], frame[:, 50:])
    assert np.array_equal(outside[:, :50], frame[:, :50])
    assert np.array_equal(outside[:, 50:], whole[:, 50:])
    soft = make(model, mask=half, where="inside", **{**WHOLE, "feather": 0.4})(frame, time=0.0)
    assert np.array_equal(soft[:, :40], whole[:, :40])
    assert np.array_equal(soft[:, 60:], frame[:, 60:])


def test_a_box_is_followed_and_a_colour_is_found(model: Generator, tmp_path: Path) -> None:
    scene = still("otters")
    effect = make(model, where="object", box="60/60/60/60", shape="box", feather=0.0)
    for index in range(6):
        frame = np.roll(scene, 3 * index, axis=1)
        changed = (effect(frame, time=index / 30) != frame).any(axis=(0, 2))
    middle = float(np.flatnonzero(changed).mean())
    assert abs(middle - (89.5 + 15)) < 4
    effect.reset()
    changed = (effect(scene, time=0.0) != scene).any(axis=(0, 2))
    assert abs(float(np.flatnonzero(changed).mean()) - 89.5) < 2
    green = np.full((60, 90, 3), (60, 60, 60), np.uint8)
    green[20:40, 30:50] = (0, 255, 0)
    out = make(model, where="inside", colour="green", **WHOLE)(green, time=0.0)
    assert (out != green).any(axis=2)[22:38, 32:48].mean() > 0.9
    assert np.array_equal(out[:18], green[:18])
    cv2.imwrite(str(tmp_path / "mask.png"), np.uint8(255) * np.eye(60, 90, dtype=np.uint8))
    out = make(model, where="inside", mask=str(tmp_path / "mask.png"), **WHOLE)(green, time=0.0)
    assert np.array_equal((out != green).any(axis=2) | np.eye(60, 90, dtype=bool), np.eye(60, 90, dtype=bool))


@pytest.mark.parametrize(("name", "value"), [("colour", "green"), ("faces", "on")])
def test_what_is_followed_goes_on_when_something_else_is_marked_too(model: Generator, name: str, value: str) -> None:
    scene = still("otters")
    effect = make(model, where="object", box="60/60/60/60", shape="box", feather=0.0)
    for index in range(8):
        if index == 6:
            effect.params.set(name, value)
        frame = np.roll(scene, 3 * index, axis=1)
        changed = (effect(frame, time=index / 30) != frame).any(axis=(0, 2))
    assert abs(float(np.flatnonzero(changed).mean()) - (89.5 + 21)) < 4


def test_a_drawn_box_is_its_place_or_what_it_follows(model: Generator) -> None:
    image = still("spices")
    height, width = image.shape[:2]
    plain = make(model)
    assert plain.pad is None
    morph = make(model, draw=True)
    pad = morph.pad
    assert pad is not None
    assert pad.size is None
    morph(image, time=0.0)
    assert pad.size == (width, height)
    first = morph.params.region
    change = pad.box((width * 0.5, height * 0.75), (width * 0.25, height * 0.5))
    assert change == {"region": "0.25/0.5/0.25/0.25"}
    morph.params.region = change["region"]
    assert cv2.boundingRect(pad.mask) == (width // 4, height // 2, width // 4, height // 4)
    changed = (morph(image, time=0.1) != image).any(2)
    assert changed.any()
    assert not changed[: height // 2].any()
    assert pad.box((0, 0), (width, height)) == {"region": "0/0/1/1"}
    assert pad.clear() == {"region": first}
    assert pad.undo() == {}
    following = make(model, draw=True, where="object")
    assert following(image, time=0.0) is image  # nothing is drawn yet
    assert following.pad is not None
    box = following.pad.box((150.4, 60.0), (230.0, 129.7))
    assert box == {"box": "150/60/80/70"}
    following.params.box = box["box"]
    assert (following(image, time=0.1) != image).any()
    assert following.pad.undo() == {"box": ""}
    flat = np.zeros_like(image)
    following(flat, time=0.2)
    assert following.pad.box((10, 10), (60, 60)) == {}
    assert "nothing to hold on to" in following.pad.notes[0]


@pytest.mark.parametrize("where", ["region", "object"])
def test_a_box_that_is_drawn_over_an_edge_is_cut_there(model: Generator, where: str) -> None:
    image = still("spices")
    height, width = image.shape[:2]
    morph = make(model, draw=True, where=where)
    morph(image, time=0.0)
    assert morph.pad is not None
    for first, second, left, top in (
        ((-50.0, -50.0), (100.0, 100.0), 0, 0),
        ((width - 100.0, height - 100.0), (width + 50.0, height + 50.0), width - 100, height - 100),
    ):
        for name, value in morph.pad.box(first, second).items():
            sides = [float(side) for side in value.split("/")]
            scale = (1, 1, 1, 1) if name == "box" else (width, height, width, height)
            drawn = [side * unit for side, unit in zip(sides, scale, strict=True)]
            assert drawn == pytest.approx([left, top, 100, 100], abs=0.001 * width + 0.5)
            break
        else:
            pytest.fail("it was refused")
    assert morph.pad.box((width + 5, 10), (width + 50, 40)) == {}
    assert "nothing of the box lies in the picture" in morph.pad.notes[-1]
    with pytest.raises(MaskError, match="corner"):
        morph.pad.box((math.inf, 0), (5, 5))


def test_what_is_marked_is_what_is_covered(model: Generator) -> None:
    """A mark without `where` is the place of the picture, and one that does not exist is an error."""
    marked = np.zeros(FRAME.shape[:2], np.uint8)
    marked[20:60, 30:70] = 1
    plain: dict[str, Any] = {"shape": "box", "feather": 0.0}
    np.testing.assert_array_equal(
        make(model, mask=marked, **plain)(FRAME, time=0.0),
        make(model, mask=marked, where="object", **plain)(FRAME, time=0.0),
    )
    with pytest.raises(NotFound, match="cat"):
        make(model, mask="cat")(FRAME, time=0.0)


def test_masks_that_are_not_there(model: Generator) -> None:
    for where in ("object", "inside", "outside"):
        with pytest.raises(InputError, match=f"where={where} needs mask="):
            make(model, where=where)(FRAME, time=0.0)
    with pytest.raises(NotFound, match="gone"):
        make(model, where="inside", mask="gone.png")(FRAME, time=0.0)
    with pytest.raises(NotFound, match="gone"):
        make(model, where="inside", faces="gone.onnx")(FRAME, time=0.0)
    with pytest.raises(InputError, match="hold on to"):
        make(model, where="inside", box="10/10/40/40")(FRAME, time=0.0)
    with pytest.raises(InputError, match="mask"):
        make(model, where="inside", mask=np.zeros((9, 9), np.uint8))(FRAME, time=0.0)


# Driven by motion and by sound


def test_motion_drives(model: Generator) -> None:
    effect = make(model, drive="motion", **WHOLE)
    first = effect(still("lake"), time=0.0)
    for index in range(1, 60):
        out = effect(still("lake"), time=index / 30)
    assert np.array_equal(out, first)
    pattern = TestPattern((160, 90), frames=30)
    effect.reset()
    moved = [effect(frame.image, time=frame.time) for frame in pattern]
    assert not np.array_equal(moved[0], moved[-1])
    effect.reset()
    assert [np.array_equal(effect(frame.image, time=frame.time), image)
            for frame, image in zip(TestPattern((160, 90), frames=30), moved, strict=True)] == [True] * 30  # fmt: skip


def test_motion_is_from_one_frame_to_the_next_also_after_another_drive() -> None:
    drive, moment = Drive("m"), 0.0
    for driven, level, frames in (("motion", 0, 5), ("time", 255, 30), ("motion", 255, 10)):
        params, image = MorphParams.of(drive=driven), np.full((72, 128, 3), level, np.uint8)
        for _ in range(frames):
            drive.turn(params, image, moment)
            moment += 1 / 30
    assert drive.position(moment) == pytest.approx(1.0)  # the thirty frames that time drove, and no more


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds: silence, a tone, silence, a tone."""
    path = tmp_path_factory.mktemp("sounds") / "beats.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        time = np.arange(4 * 16000) / 16000
        tone = np.sin(2 * np.pi * 440 * time) * (time.astype(int) % 2) * 12000
        frame = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None], "s16", "mono")
        frame.rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_loudness_follows_the_sound(beats: Path) -> None:
    sound = Loudness(beats)
    assert sound.seconds == pytest.approx(4.0, abs=0.03)
    assert sound.level(0.5) < 0.01
    assert sound.level(1.5) == pytest.approx(1.0, abs=0.1)
    assert sound.level(2.9) < 0.1
    assert sound.level(1.5 + 8 * sound.seconds) == pytest.approx(1.0, abs=0.1)
    assert sound.heard(0.0) == 0.0
    assert sound.heard(1.0) < 0.02
    assert sound.heard(2.0) == pytest.approx(1.0, abs=0.12)
    whole = sound.heard(sound.seconds)
    assert sound.heard(10 * sound.seconds) == pytest.approx(10 * whole)
    heard = [sound.heard(time) for time in np.linspace(-3, 12, 400)]
    assert all(late >= early for early, late in pairwise(heard))


def test_sound_drives(model: Generator, beats: Path) -> None:
    effect = make(model, drive="audio", audio=str(beats), **WHOLE)
    begin, still_begin, loud, later = (effect(FRAME, time=time) for time in (0.0, 0.9, 1.5, 1.9))
    assert np.array_equal(begin, still_begin)
    assert not np.array_equal(begin, loud)
    assert not np.array_equal(loud, later)
    assert np.array_equal(make(model, drive="audio", audio=str(beats), **WHOLE)(FRAME, time=1.9), later)


def test_a_level_drives_and_is_part_of_what_is_recorded(model: Generator) -> None:
    def play(levels: list[float]) -> list[Image]:
        effect = make(model, drive="level", **WHOLE)
        shown = []
        for frame, level in enumerate(levels):
            effect.params.level = level
            shown.append(effect(FRAME, time=frame / 30))
        return shown

    quiet, loud = play([0.0] * 9), play([0.0] * 4 + [1.2] * 5)
    assert all(np.array_equal(quiet[0], image) for image in quiet)
    assert np.array_equal(loud[3], quiet[3])
    assert len({image.tobytes() for image in loud[3:]}) == 6
    again = play([0.0] * 4 + [1.2] * 5)
    assert all(np.array_equal(a, b) for a, b in zip(loud, again, strict=True))


@pytest.mark.parametrize("gain", [1.0, 0.05])
def test_hearing_follows_what_comes(gain: float) -> None:
    """Whatever the microphone's gain: silence is 0, what has been loud lately about 1."""
    rng = np.random.default_rng(0)
    hearing = Hearing(16_000)

    def hear(loudness: float, seconds: float) -> float:
        for _ in range(round(seconds * 50)):
            hearing((gain * loudness * rng.standard_normal(320)).astype(np.float32))
        return hearing.level

    assert hearing(np.empty(0, np.float32)) == 0.0
    assert hear(1e-4, 1.0) == 0.0
    assert hear(0.2, 2.0) == pytest.approx(1.0, abs=0.1)
    assert hear(0.1, 1.0) == pytest.approx(0.5, abs=0.1)
    assert hear(1e-4, 2.0) < 0.01
    assert hear(0.1, 60.0) == pytest.approx(1.0, abs=0.2)  # it has got used to that
    assert 1.2 < hear(0.4, 0.1) <= 1.5


def test_sound_that_is_not_there(model: Generator, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="audio=FILE"):
        make(model, drive="audio")(FRAME, time=0.0)
    with pytest.raises(NotFound, match="gone"):
        make(model, drive="audio", audio=str(tmp_path / "gone.wav"))(FRAME, time=0.0)
    (tmp_path / "text.wav").write_text("no sound\n" * 99)
    cv2.imwrite(str(tmp_path / "picture.png"), FRAME)
    for name in ("text.wav", "picture.png"):
        with pytest.raises(InputError, match=name):
            Loudness(tmp_path / name)


# What is refused


@pytest.mark.parametrize(("name", "value"), [
    ("region", "0.5/0.5/0.6/0.2"), ("region", "-0.1/0/0.5/0.5"), ("region", "0/0/0/1"), ("region", "0/0/1"),
    ("region", "left"), ("region", "nan/0/1/1"), ("region", ""), ("truncation", 1.2), ("truncation", -1.1),
    ("keyframes", "3/x"), ("keyframes", "3/-4"), ("keyframes", "3//4"), ("loop", "-1s"), ("loop", "soon"),
    ("blend", "sreen"), ("feather", 0.6), ("opacity", 2), ("speed", -1), ("seed", -1), ("seed", 1.5), ("mix", -2),
    ("box", "1/2/3"), ("box", "0/0/-5/5"), ("box", "a/b/c/d"), ("colour", "rosy"), ("where", "there"),
    ("drive", "wind"), ("space", "q"), ("ease", "bouncy"), ("fit", "fill"), ("shape", "star"),
])  # fmt: skip
def test_wrong_values_are_one_clear_error(name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=name):
        MorphParams.of(**{name: value})


def test_forms_of_texts() -> None:
    assert Region.parse("full") == (0, 0, 1, 1)
    assert Region.parse("0.65/0.05/0.3/0.3") == (0.65, 0.05, 0.3, 0.3)
    assert Region.parse("0/0/1/1").place((1, 1)) == (0, 0, 1, 1)
    assert seeds("3/17/42") == (3, 17, 42)
    assert seeds("") == ()


def test_models_for_other_effects(tmp_path: Path) -> None:
    graph = super_resolution.float_graph(network())
    path = save(graph, tmp_path / "sr.onnx", ModelCard(name="sr", effect="morph", scale=2, receptive_field=3))
    with pytest.raises(ModelError, match="not a generator"):
        gancam.load(path)
    path = write_generator(tmp_path, generator())
    card = ModelCard(name="x", effect="super_resolution", layout="latent", latent=12, layers=5, resolution=16)
    import onnx

    with pytest.raises(ModelError, match="is a generator"):
        gancam.load(save(onnx.load(path), tmp_path / "wrong.onnx", card))


def test_a_licence_that_forbids_commercial_use_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gancam.load(write_generator(tmp_path, generator(), "faces", licence="CC BY-NC-SA 4.0"))
    assert "faces: its licence allows no commercial use (CC BY-NC-SA 4.0)" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        gancam.load(write_generator(tmp_path, generator(), "fruits", licence="CC BY-SA 4.0"))
    assert not caplog.text


def test_what_is_cut_out_and_cloned_takes_the_frames_light_and_keeps_its_colours() -> None:
    effect = gancam.load("morph-fruits", device="cpu", region="0.2/0.1/0.6/0.8")
    means = {}
    for blend in ("normal", "clone"):
        effect.params.blend = blend
        for level in (90, 150):
            made = effect(np.full((180, 180, 3), level, np.uint8), time=1.0)[70:110, 70:110]
            means[blend, level] = made.reshape(-1, 3).mean(axis=0)
    colour = {key: float(mean.max() - mean.min()) for key, mean in means.items()}
    for level in (90, 150):
        assert colour["clone", level] > 0.6 * colour["normal", level]  # was grey
    assert 40 < float((means["clone", 150] - means["clone", 90]).mean()) < 62


def test_cutout_is_what_auto_is_where_pictures_have_no_plain_ground() -> None:
    """A flower was chopped to a disc with scraps around it, as three of its corners happened to be alike."""
    frame = np.full((120, 160, 3), 240, np.uint8)
    flowers = gancam.load("morph-flowers", device="cpu", region="0.5/0.5/0.45/0.45")
    soft = flowers(frame, time=0.0)
    flowers.params.set("shape", "cutout")
    assert np.array_equal(flowers(frame, time=0.0), soft)
    digits = gancam.load("mnist", device="cpu", region="0.5/0.5/0.45/0.45", shape="ellipse")
    disc = digits(frame, time=0.0)
    digits.params.set("shape", "cutout")
    assert (digits(frame, time=0.0) != frame).sum() < (disc != frame).sum() / 2


@pytest.mark.parametrize(
    "given", [{"audio": "gone.wav"}, {"mask": "gone.png"}, {"mask": "gone.png", "where": "region"}]
)
def test_a_file_that_is_not_there_is_refused_also_where_nothing_of_it_shows(
    model: Generator, given: dict[str, Any]
) -> None:
    with pytest.raises(NotFound, match=r"gone\.(wav|png): no such file"):
        make(model, **given)


def test_a_sound_that_is_not_there_is_refused_while_it_plays(model: Generator) -> None:
    effect = make(model)
    effect(FRAME, time=0.0)
    effect.params.audio = "gone.wav"
    with pytest.raises(NotFound, match=r"audio=gone\.wav: no such file"):
        effect(FRAME, time=0.1)
