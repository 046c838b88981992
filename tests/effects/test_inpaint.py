"""Inpainting as an effect: what must not change does not, what must be filled is, from what is known first."""

import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gancam
from gancam import effects, masks
from gancam.effects import EffectSpec
from gancam.effects.inpaint import Inpaint
from gancam.effects.inpainting.holes import Holes, plan, windows
from gancam.effects.inpainting.inventing import slope
from gancam.effects.inpainting.regions import FrameRegion
from gancam.effects.inpainting.scratches import defects
from gancam.errors import MaskError, NotFound, OutputExists, ParameterError
from gancam.frame import Frame, Image
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
from gancam.sources import VideoFile
from tests.helpers.clips import make_clip, psnr
from tests.helpers.damage import composite, pan, scratched
from tests.helpers.small import filler, network, still, write_filler, write_models
from train import holes as hole_shapes


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_filler(tmp_path_factory.mktemp("models"), filler())


def load(path: Path, **params: Any) -> Inpaint:
    effect = effects.load(path, device="cpu", precision="fp32", threads=1, **params)
    assert isinstance(effect, Inpaint)
    return effect


def reach(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Where `mask` and what is around it to so many pixels may change."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate((mask != 0).astype(np.uint8), disc) > 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.data())
def test_outside_the_mask_and_its_grow_not_a_byte_changes(path: Path, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 120))
    grow, feather = data.draw(st.integers(0, 6)), data.draw(st.sampled_from((0, 1, 2, 3, 6, 50)))
    image = np.asarray(cv2.resize(still("spices"), (width, height)), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(data.draw(st.integers(0, 3))):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        mask[y : y + data.draw(st.integers(1, 40)), x : x + data.draw(st.integers(1, 40))] = 255
    erase = load(path, grow=grow, feather=feather, memory=data.draw(st.booleans()))
    before = image.copy()
    for _ in range(2):
        out = erase(image, mask=mask)
        assert np.array_equal(image, before)
        assert out.shape == image.shape
        same = ~reach(mask, grow)
        assert np.array_equal(out[same], image[same])
    if not mask.any():
        assert out is image


def test_what_is_in_the_hole_is_not_looked_at(path: Path) -> None:
    image = still("otters")
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[60:140, 100:200] = 1
    other = image.copy()
    other[55:145, 95:205] = np.random.default_rng(0).integers(0, 256, (90, 110, 3))
    inner = mask > 0
    for memory in (True, False):
        one, two = (load(path, memory=memory, grow=8)(x, mask=mask) for x in (image, other))
        assert np.array_equal(one[inner], two[inner])
    assert psnr(one[inner], image[inner]) > 10


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.float32])
def test_masks_of_all_kinds(path: Path, kind: Any) -> None:
    image = still("lake")
    mask = np.zeros(image.shape[:2], kind)
    mask[100:120, 100:150] = 1
    reference = load(path)(image, mask=mask.astype(np.uint8) * 255)
    assert np.array_equal(load(path)(image, mask=mask), reference)
    assert not np.array_equal(reference, image)


def test_everything_and_nothing_can_be_marked(path: Path) -> None:
    image = still("lake")
    erase = load(path)
    assert erase(image, mask=np.zeros(image.shape[:2], np.uint8)) is image
    assert erase(image) is image  # no mask was ever given
    assert erase(image, mask=np.ones(image.shape[:2], np.uint8)).shape == image.shape
    dot = image[:1, :1].copy()
    assert load(path)(dot, mask=np.ones((1, 1), np.uint8)).shape == (1, 1, 3)


def test_a_fill_meets_its_surroundings(path: Path) -> None:
    """On a plane, whatever the network adds is small, and the feather hides the rest: no edge is seen."""
    y, x = np.mgrid[:200, :300]
    plane = np.dstack([60 + x / 3, 90 + y / 3, 140 + (x - y) / 6]).astype(np.uint8)
    mask = np.zeros((200, 300), np.uint8)
    mask[50:150, 80:220] = 1
    holed = plane.copy()
    holed[mask > 0] = 0
    quiet = filler()
    quiet.tail.weight.data.zero_()
    quiet.tail.bias.data.zero_()  # type: ignore[union-attr]
    out = load(write_filler(path.parent, quiet, "quiet"), feather=4)(holed, mask=mask)
    assert np.abs(out.astype(int) - plane).max() <= 25
    ring = reach(mask, 8) & ~(mask > 0)
    assert np.abs(out.astype(int) - plane)[ring].max() <= 6


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_sky_goes_on_without_a_stain(noise: float) -> None:
    y, x = np.mgrid[:300, :400]
    sky = np.dstack([230 - y * 0.25, 190 - y * 0.15 + x * 0.03, 120 + y * 0.2])
    image = np.asarray((sky + np.random.default_rng(0).normal(0, noise, sky.shape)).round(), np.uint8)
    mask = np.zeros((300, 400), np.uint8)
    cv2.ellipse(mask, (200, 150), (90, 60), 0, 0, 360, 1, -1)
    out = gancam.load("inpaint", device="cpu", threads=1)(image, mask=mask)
    smooth = cv2.GaussianBlur(out, (0, 0), 6).astype(np.float64) - cv2.GaussianBlur(sky, (0, 0), 6)
    assert np.abs(smooth[mask > 0]).max() < 3.8


def test_what_is_no_slope_is_left_to_the_network() -> None:
    hole = np.zeros((240, 320), np.uint8)
    hole[80:140, 100:180] = 1
    assert all(slope(still(name), hole) is None for name in ("spices", "otters", "colosseum", "skyline"))
    assert slope(still("lake"), np.ones_like(hole)) is None


def test_thin_text_is_filled_from_the_pixels_right_beside_it() -> None:
    """By default, too: nothing that is known is thrown away to hide the edge."""
    default = gancam.load("inpaint", device="cpu", threads=1)
    plain = gancam.load("inpaint", device="cpu", threads=1, feather=0)
    assert isinstance(default, Inpaint)
    assert isinstance(plain, Inpaint)
    gains = []
    for index, name in enumerate(("colosseum", "lake", "otters", "spices", "skyline")):
        image = still(name)
        hole = hole_shapes.judged("text", index, *image.shape[:2])
        given = np.where(hole[..., None] > 0, np.uint8(0), image)
        for effect in (default, plain):
            effect.reset()
        mine, reference = (psnr(effect(given, mask=hole)[hole > 0], image[hole > 0]) for effect in (default, plain))
        gains.append(mine - reference)
    assert np.mean(gains) > -0.1


def test_wide_holes_get_texture_once(path: Path) -> None:
    """When they appear, and then it stays; not where each frame is on its own, nor where what is beside them moves."""
    image = still("spices")
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[80:130, 120:190] = 1
    plain, alone, erase = load(path, texture=0.0), load(path, memory=False), load(path)
    smooth = plain(image, mask=mask)
    assert np.array_equal(alone(image, mask=mask), smooth)
    first = erase(image, mask=mask)
    assert not np.array_equal(first, smooth)
    assert np.array_equal(erase(image, mask=mask), first)
    other = image.copy()
    other[40:170, 80:230] = other[100:230, 20:170]  # somebody stands there now
    again = load(path)
    again(image, mask=mask)
    again.params.texture = 0.0
    moved = erase(other, mask=mask)
    assert not np.array_equal(moved[mask > 0], first[mask > 0])
    assert np.array_equal(moved, again(other, mask=mask))
    erase.reset()
    assert np.array_equal(erase(image, mask=mask), first)
    erase(image)
    erase.reset()
    cut = still("lake")
    assert not np.array_equal(erase(cut, mask=mask), load(path, texture=0.0)(cut, mask=mask))


def moving(step: int) -> tuple[Image, Image, np.ndarray]:
    """A still scene, with a green box that moves over it; the scene, what is seen, the mask."""
    scene = np.asarray(cv2.resize(still("colosseum"), (480, 360)), np.uint8)
    mask = np.zeros((360, 480), np.uint8)
    mask[120:200, 30 + 9 * step : 120 + 9 * step] = 1
    return scene, np.where(mask[..., None] > 0, np.array([0, 255, 0], np.uint8), scene), mask


def test_what_was_uncovered_is_remembered(path: Path) -> None:
    erase = load(path)
    for step in range(16):
        scene, seen, mask = moving(step)
        out = erase(seen, mask=mask)
    assert psnr(out[mask > 0], scene[mask > 0]) > 40
    alone = load(path, memory=False)(seen, mask=mask)
    assert psnr(alone[mask > 0], scene[mask > 0]) < 30


def test_a_hole_at_rest_does_not_boil(path: Path) -> None:
    erase, rng = load(path), np.random.default_rng(0)
    mask = np.zeros((240, 320), np.uint8)
    mask[80:140, 100:180] = 1
    outs = [
        erase(
            (still("lake").astype(np.int16) + rng.normal(0, 2, (240, 320, 3))).clip(0, 255).astype(np.uint8), mask=mask
        )
        for _ in range(8)
    ]
    changes = [np.abs(a.astype(int) - b)[mask > 0].mean() for a, b in pairwise(outs[1:])]
    assert max(changes) < 0.1  # of the 2.3 that the noise changes from frame to frame
    fresh = load(path, memory=False)
    noisy = [fresh(out, mask=mask) for out in outs[:2]]
    assert fresh.params.memory is False
    assert noisy[0].shape == noisy[1].shape


def test_what_is_remembered_is_the_fill_before_its_edge_is_hidden(path: Path) -> None:
    """Kept with it, what was added for the light of one frame would be added again in the next."""
    image = still("lake")
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[60:120, 100:200] = 1
    sharp, soft = load(path, feather=0), load(path, feather=20)
    kept = []
    for effect in (sharp, soft):
        for light in (0, 6, 12, 6):
            shown = np.asarray(cv2.add(image, np.full_like(image, light)), np.uint8)
            effect(shown, mask=mask)
        kept.append(effect.background.lookup(FrameRegion(88, 48, 216, 136), shown, mask))
    assert np.array_equal(kept[0].picture, kept[1].picture)
    assert np.array_equal(kept[0].state, kept[1].state)


def test_a_fill_follows_fades_as_if_it_were_made_anew() -> None:
    """A logo over a fixed camera whose exposure changes: nothing is uncovered, and what was invented is kept."""
    scene = np.asarray(cv2.resize(still("colosseum"), (480, 360)), np.uint8)
    mask = np.zeros((360, 480), np.uint8)
    mask[90:170, 120:220] = 1
    kept, anew = (gancam.load("inpaint", device="cpu", threads=1, memory=memory, texture=0) for memory in (True, False))
    off = []
    for step in range(24):
        image = np.asarray((scene * (1 + 0.5 * np.sin(step / 4))).clip(0, 255), np.uint8)
        seen = np.where(mask[..., None] > 0, np.uint8(255), image)
        off.append([psnr(erase(seen, mask=mask)[mask > 0], image[mask > 0]) for erase in (kept, anew)])
    worse = np.subtract(*np.transpose(off))
    assert worse.mean() > -1
    assert worse.min() > -2.5


def test_the_same_frames_give_the_same_fill(path: Path) -> None:
    runs = []
    for _ in range(2):
        erase = load(path)
        runs.append([erase(moving(step)[1], mask=moving(step)[2]) for step in range(4)])
        erase.reset()
        again = [erase(moving(step)[1], mask=moving(step)[2]) for step in range(4)]
        assert all(np.array_equal(a, b) for a, b in zip(runs[-1], again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))


# Masks by parameters


def test_parameters_mark(path: Path, tmp_path: Path) -> None:
    image = still("sign")
    boxed = np.zeros(image.shape[:2], np.uint8)
    boxed[20:60, 180:260] = 1
    assert cv2.imwrite(str(tmp_path / "mask.png"), boxed * 255)
    wanted = load(path)(image, mask=boxed)
    for params in ({"box": "180/20/80/40"}, {"mask": str(tmp_path / "mask.png")},
                   {"mask": masks.Boxes((180, 20, 80, 40))}, {"mask": boxed}):  # fmt: skip
        assert np.array_equal(load(path, **params)(image), wanted), params
    rest = load(path, mask=str(tmp_path / "mask.png"), invert=True, feather=0)(image)
    assert np.array_equal(rest[boxed > 0], image[boxed > 0])
    two = load(path, box="180/20/80/40+10/10/30/30", polygon="100/100/140/100/120/150")(image)
    assert not np.array_equal(two[10:40, 10:40], image[10:40, 10:40])
    assert not np.array_equal(two[105:115, 115:125], image[105:115, 115:125])


def test_a_range_of_time(path: Path) -> None:
    spec = EffectSpec.parse("fill:box=100/100/40/40:from=2s:to=9.5s")
    assert spec.name == "fill"
    erase, image = load(path, **spec.params), still("lake")
    assert erase(image, time=1.9) is image
    assert erase(image, time=2.0) is not image
    assert erase(image, time=9.5) is image
    assert erase.params.declared()["from"].describe() == "a number (s) of 0 or more"
    erase.params.from_ = 0.5
    assert getattr(erase.params, "from") == 0.5
    assert erase(image, time=1.0) is not image


def test_parameters_change_while_it_runs(path: Path) -> None:
    erase, image = load(path, feather=0, memory=False), still("lake")
    assert erase(image) is image
    erase.params.box = "10/10/20/20"
    first = erase(image)
    assert not np.array_equal(first[10:30, 10:30], image[10:30, 10:30])
    erase.params.box = "100/100/20/20"
    second = erase(image)
    assert np.array_equal(second[10:30, 10:30], image[10:30, 10:30])
    assert not np.array_equal(second[100:120, 100:120], image[100:120, 100:120])


def test_masks_are_recorded_and_replayed(path: Path, tmp_path: Path) -> None:
    track = tmp_path / "track.json"
    erase = load(path, box="150/120/90/70", track=True, save=str(track))
    wide = np.asarray(cv2.resize(still("spices"), (480, 360)), np.uint8)
    images = [np.roll(wide, 3 * step, axis=1) for step in range(6)]
    outs = [erase(image, time=step / 30) for step, image in enumerate(images)]
    erase.close()
    replayed = load(path, mask=str(track))
    for step, (image, out) in enumerate(zip(images, outs, strict=True)):
        assert np.array_equal(replayed(image, time=step / 30), out)
    with pytest.raises(OutputExists):
        erase.close()


def test_what_was_drawn_live_is_replayed_exactly(path: Path, tmp_path: Path) -> None:
    """Strokes, undone and erased ones too, over a scene that moves, with all that the background memory makes of it."""
    track = tmp_path / "drawn.json"
    live = load(path, draw=True, save=str(track))
    wide = np.asarray(cv2.resize(still("spices"), (480, 360)), np.uint8)
    images = [np.roll(wide, 2 * step, axis=1) for step in range(24)]
    outs = []
    for step, image in enumerate(images):
        outs.append(live(image, time=step / 30).copy())
        assert live.pad is not None
        if step == 4:
            live.pad.brush([(60, 60), (120, 80), (150, 120)], 9)
        elif step == 9:
            live.pad.box((200, 150), (280, 220))
        elif step == 14:
            live.pad.undo()
        elif step == 18:
            live.pad.box((300, 40), (340, 90))
        elif step == 21:
            live.pad.erase([(100, 80)], 30)
    live.close()
    changed = [bool((out != image).any()) for out, image in zip(outs, images, strict=True)]
    assert changed == [step > 4 for step in range(24)]
    replayed = load(path, mask=str(track))
    different = [
        step for step, image in enumerate(images) if not np.array_equal(replayed(image, time=step / 30), outs[step])
    ]
    assert different == []


@pytest.mark.parametrize(
    ("params", "error", "says"),
    [
        ({"box": "1/2/3"}, ParameterError, "not four numbers"), ({"box": "1/2/0/4"}, ParameterError, "needs x/y/width"),
        ({"box": "a/b/c/d"}, ParameterError, "box="), ({"polygon": "1/2/3"}, ParameterError, "odd number"),
        ({"box": "0/0/0/0"}, ParameterError, r"^box='0/0/0/0': width and height must be above 0; needs x/y"),
        ({"polygon": "1/1/2/2"}, ParameterError, "less than three corners; needs x/y/x/y"),
        ({"polygon": "1/2/3/4"}, ParameterError, "three corners"), ({"key": "grue"}, ParameterError, "grue"),
        ({"box": "1/1/5/5", "from": "4s", "to": "2s"}, ParameterError, "start must come before"),
        ({"track": "on"}, ParameterError, "needs a mask, box or polygon"), ({"mask": "none.png"}, NotFound, "none.png"),
        ({"mask": "none.json"}, NotFound, "none.json"), ({"faces": "none.onnx"}, NotFound, "none.onnx"),
        ({"feather": -1}, ParameterError, "feather"), ({"bax": 1}, ParameterError, "did you mean 'box'"),
    ],
)  # fmt: skip
def test_nonsense_is_one_clear_error(path: Path, params: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        load(path, **params)


def test_a_mask_of_another_picture_is_refused(path: Path) -> None:
    image = still("lake")
    with pytest.raises(MaskError, match="10x10, the picture 320x240"):
        load(path)(image, mask=np.ones((10, 10), np.uint8))
    with pytest.raises(MaskError, match="lies outside the picture of 320x240"):
        load(path, box="900/900/10/10")(image)
    with pytest.raises(MaskError, match="nothing to hold on to"):
        load(path, box="10/10/20/20", track=True)(np.zeros((240, 320, 3), np.uint8))


def test_only_a_model_that_takes_masks_fills(tmp_path: Path) -> None:
    import onnx

    path = write_models(tmp_path, network())
    model = onnx.load(path)
    for entry in model.metadata_props:
        if entry.key == "gancam.effect":
            entry.value = "inpaint"
    onnx.save(model, tmp_path / "wrong.onnx")
    with pytest.raises(ValueError, match="takes no masks"):
        effects.load(tmp_path / "wrong.onnx", device="cpu")


# What is found


def test_an_overlay_is_found_and_filled(path: Path) -> None:
    """Read ahead from the first frame on; else after enough frames, in the same place."""
    frames, truth = composite(pan(30), "disc", 1.0)
    clip = [Frame(image, index, index / 8) for index, image in enumerate(frames)]
    ahead, alone = load(path, find="overlay"), load(path, find="overlay")
    ahead.read_ahead(lambda: iter(clip))
    for frame in clip:
        out, later = ahead(frame.image, time=frame.time), alone(frame.image, time=frame.time)
        assert (out != frame.image).any(2)[truth].mean() > 0.9
        assert not (out != frame.image)[150:].any()
        if frame.index == 0:
            assert later is frame.image
    assert (later != frame.image).any(2)[truth].mean() > 0.9
    assert ahead.notes == []
    still_camera = [Frame(frames[0], index, index / 8) for index in range(20)]
    ahead.read_ahead(lambda: iter(still_camera))
    assert "found no overlay" in ahead.notes[0]
    assert ahead(frames[0]) is frames[0]


def test_an_overlay_is_found_in_a_file_of_a_second(path: Path) -> None:
    frames, truth = composite(pan(26), "disc", 1.0)
    clip = [Frame(image, index, index / 25) for index, image in enumerate(frames)]
    ahead = load(path, find="overlay")
    ahead.read_ahead(lambda: iter(clip))
    assert ahead.notes == []
    assert (ahead(clip[3].image, time=clip[3].time) != clip[3].image).any(2)[truth].mean() > 0.9


def test_scratches_are_replaced_in_their_frame_or_one_later(path: Path) -> None:
    rng = np.random.default_rng(3)
    clip = [Frame(scratched(image, rng)[0], index, index / 24) for index, image in enumerate(pan(6, step=3.0))]
    wanted = [clip[0].image, *(defects(now.image, before.image, after.image)(now.image)
                               for before, now, after in zip(clip, clip[1:], clip[2:], strict=False))]  # fmt: skip
    assert not np.array_equal(wanted[1], clip[1].image)
    live, offline = load(path, find="scratches"), load(path, find="scratches")
    offline.read_ahead(lambda: iter(clip))
    assert all(
        np.array_equal(offline(frame.image, time=frame.time), image) for frame, image in zip(clip, wanted, strict=False)
    )
    assert np.array_equal(offline(clip[-1].image, time=clip[-1].time), clip[-1].image)
    shown = [live(frame.image, time=frame.time) for frame in clip]
    assert all(np.array_equal(a, b) for a, b in zip(shown, [wanted[0], *wanted], strict=False))
    live.reset()
    assert live(still("lake")).shape == still("lake").shape
    offline.close()


def test_a_mask_that_comes_with_its_frame_stays_with_it_where_scratches_are_found(path: Path) -> None:
    erase = load(path, find="scratches", memory=False)
    for step in range(6):
        image, mask = still("lake").copy(), np.zeros(still("lake").shape[:2], np.uint8)
        image[60:100, 20 + 20 * step : 36 + 20 * step] = (0, 0, 255)
        mask[58:102, 18 + 20 * step : 38 + 20 * step] = 1
        out = erase(image, mask, time=step / 30)
        mask[...] = 0  # the caller may use it again
        assert not (out == (0, 0, 255)).all(axis=2).any()


def test_what_process_reads_ahead_is_in_its_output(path: Path, tmp_path: Path) -> None:
    frames, truth = composite(pan(24), "disc", 1.0)
    source = make_clip(tmp_path / "in.mp4", images=frames, fps=8, time_base=Fraction(1, 800))
    said: list[str] = []
    erase = effects.load(path, device="cpu", precision="fp32", threads=1, find="overlay")
    process_video(source, tmp_path / "out.mp4", [erase], ProcessOptions(), Report(), notify=said.append)
    assert sum("is read to its end" in note for note in said) == 1
    with VideoFile(source) as before, VideoFile(tmp_path / "out.mp4") as after:
        one, two = next(iter(before)).image, next(iter(after)).image
    assert cv2.absdiff(one, two)[truth].mean() > 20
    assert cv2.absdiff(one, two)[150:].mean() < 3


def test_what_is_marked_while_it_is_seen_does_not_come_back(path: Path) -> None:
    """From a certain time on, or drawn: what the frames before show there is the very thing that is to go."""
    thing = np.asarray(cv2.resize(still("lake"), (480, 360)), np.uint8)
    thing[140:200, 200:280] = (0, 0, 255)
    timed = load(path, box="190/130/100/80", from_=1.0)
    drawn = load(path, draw=True)
    for step in range(8):
        if step == 3:
            assert drawn.pad is not None
            drawn.pad.box((190, 130), (290, 210))
        outs = [erase(thing, time=step / 4) for erase in (timed, drawn)]
    for out in outs:
        inside = out[140:200, 200:280].astype(int)
        assert (inside[..., 2] - inside[..., :2].max(2) < 150).mean() > 0.95


def test_what_is_uncovered_later_is_filled_in_from_the_start(path: Path) -> None:
    scene = np.asarray(cv2.resize(still("colosseum"), (480, 360)), np.uint8)
    clip, marked = [], []
    for step in range(24):
        mask = np.zeros((360, 480), np.uint8)
        mask[120:190, 100 + 9 * max(step - 3, 0) : 170 + 9 * max(step - 3, 0)] = 1
        marked.append(mask)
        clip.append(Frame(np.where(mask[..., None] > 0, np.array([0, 255, 0], np.uint8), scene), step, step / 25))
    by_time = {frame.time: mask for frame, mask in zip(clip, marked, strict=True)}
    erase = load(path, mask=lambda image, time: by_time[time])
    erase.read_ahead(lambda: iter(clip))
    first = erase(clip[0].image, time=0.0)
    assert psnr(first[marked[0] > 0], scene[marked[0] > 0]) > 40
    blind = load(path, mask=lambda image, time: by_time[time], ahead=False)
    blind.read_ahead(lambda: iter(clip))
    assert psnr(blind(clip[0].image, time=0.0)[marked[0] > 0], scene[marked[0] > 0]) < 30


@pytest.mark.parametrize("frames", [0, 1])
def test_a_run_without_a_mask_leaves_no_track(path: Path, tmp_path: Path, frames: int) -> None:
    """The next try, with a mask that does, would find the name taken by a track that nothing can read."""
    track = tmp_path / "mask.json"
    erase = load(path, box="10/10/40/40", track=True, save=str(track))
    for _ in range(frames):
        with pytest.raises(MaskError, match="nothing to hold on to"):
            erase(np.zeros((90, 160, 3), np.uint8))
    erase.close()
    assert not track.exists()
    with pytest.raises(MaskError, match="no frame came yet"):
        masks.Recorded(np.ones((4, 4), np.uint8)).save(track)


def test_the_mask_track_of_another_clip_is_refused_before_work(path: Path, tmp_path: Path) -> None:
    image, track = still("lake"), str(tmp_path / "track.json")
    erase = load(path, box="10/10/40/40", save=track)
    clip = [Frame(image, index, index / 25) for index in range(20)]
    for frame in clip[:12]:
        erase(frame.image, time=frame.time)
    erase.close()
    with pytest.raises(OutputExists, match="give another name"):
        load(path, box="10/10/40/40", save=track)
    load(path, mask=track).read_ahead(lambda: iter(clip[:12]))
    with pytest.raises(MaskError, match="another, longer clip"):
        load(path, mask=track).read_ahead(lambda: iter(clip))
    with pytest.raises(MaskError, match="of 12 frames; this clip ends 6 before"):
        load(path, mask=track).read_ahead(lambda: iter(clip[:6]))
    load(path, mask=track).read_ahead(lambda: iter(clip[:6]), whole=False)
    with pytest.raises(MaskError, match="is a mask track of 320x240"):
        load(path, mask=track)(image[:100])


# How holes are cut up


@settings(max_examples=60)
@given(st.data())
def test_every_hole_is_in_one_window_and_every_pixel_in_a_crop(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 500)), data.draw(st.integers(1, 700))
    mask = np.zeros((height, width), np.uint8)
    for _ in range(data.draw(st.integers(1, 4))):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        mask[y : y + data.draw(st.integers(1, 300)), x : x + data.draw(st.integers(1, 600))] = 1
    found = windows(mask, FrameRegion(0, 0, width, height))
    times = np.zeros_like(mask)
    for window in found:
        times[window.place] += 1
    assert times.max() == 1
    assert (times[mask > 0] == 1).all()
    done = np.zeros_like(mask)
    for crop in [crop for window in found for crop in plan(mask, window)]:
        left, top, right, bottom = crop.core
        done[top:bottom, left:right] = 1
        assert crop.view[0] <= left
        assert crop.view[3] >= bottom
        assert all(side % 32 == 0 and side <= 512 for side in crop.size)
    assert (done[mask > 0] == 1).all()


def test_thin_holes_are_filled_at_full_resolution_and_wide_ones_smaller() -> None:
    mask = np.zeros((720, 1280), np.uint8)
    mask[100:104] = 1
    crops = plan(mask, FrameRegion(0, 0, 1280, 720))
    assert len(crops) == 5
    assert all((crop.view[2] - crop.view[0], crop.view[3] - crop.view[1]) == crop.size for crop in crops)
    mask[:] = 0
    mask[200:600, 400:900] = 1
    crops = plan(mask, FrameRegion(0, 0, 1280, 720))
    assert all(crop.view[2] - crop.view[0] > 2 * crop.size[0] for crop in crops)


@pytest.mark.parametrize("feather", [1, 3, 12, 50])
@pytest.mark.parametrize("step", [-10, 14])
def test_a_step_of_light_is_gone_at_the_edge(feather: int, step: int) -> None:
    """Whatever the slope around it, the noise, and the frame's border; and nothing but the fill changes."""
    y, x = np.mgrid[:150, :203]
    scene = np.dstack([40 + x / 2, 70 + y / 2, 150 + (x - y) / 4]) + np.random.default_rng(0).normal(
        0, 1, (150, 203, 3)
    )
    mask = np.zeros((150, 203), np.uint8)
    mask[50:100, 60:120] = mask[90:, :40] = 1
    cv2.circle(mask, (160, 70), 20, 1, cv2.FILLED)
    holes = Holes(mask, 0, feather)
    assert holes.are(mask.copy(), 0, feather)
    assert not holes.are(mask, 1, feather)
    scene = scene.round()
    given = np.where(mask[..., None] > 0, scene + step, scene).clip(0, 255).astype(np.uint8)
    out = given.copy()
    holes.blend(out)
    assert np.array_equal(out[mask == 0], given[mask == 0])
    lacks = np.abs((out.astype(float) - scene).mean(2))
    rim = (mask > 0) & (cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), borderValue=1) == 0)
    deep = cv2.distanceTransform(mask, cv2.DIST_L2, 5) > feather + 1
    assert lacks[rim].mean() < 1.0
    assert np.percentile(lacks[rim], 95) < 2.5
    assert np.array_equal(out[deep], given[deep])


def test_what_differs_by_more_than_light_stays() -> None:
    """An edge of the scene along that of the hole, and texture: neither is smeared into the fill."""
    mask = np.zeros((120, 160), np.uint8)
    mask[40:80, 50:110] = 1
    noise = np.random.default_rng(1).normal(120, 25, (120, 160, 3)).clip(0, 255).astype(np.uint8)
    for filled in (np.where(mask[..., None] > 0, np.uint8(60), np.full_like(noise, 180)), noise):
        out = filled.copy()
        Holes(mask, 0, 3).blend(out)
        assert np.abs(out.astype(int) - filled).mean() < 0.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (40, 2), (37, 53)])
def test_edges_of_the_smallest_holes_and_of_none(shape: tuple[int, int]) -> None:
    """A dot takes the colour around it as far as that is light; a hole without surroundings has no edge."""
    grey = np.full((*shape, 3), 100, np.uint8)
    whole, dot = np.ones(shape, np.uint8), np.zeros(shape, np.uint8)
    dot[shape[0] // 2, shape[1] // 2] = 1
    Holes(whole, 0, 3).blend(grey)
    assert (grey == 100).all()
    grey[dot > 0] = 90
    Holes(dot, 0, 3).blend(grey)
    assert (grey == (90 if dot.all() else 100)).all()


def test_what_fails_while_it_reads_ahead_leaves_no_thread(path: Path, tmp_path: Path) -> None:
    flat = make_clip(tmp_path / "flat.mkv", images=[np.full((32, 48, 3), 90, np.uint8)] * 40)
    erase = effects.load(path, box="10/10/12/12", track=True)
    with pytest.raises(MaskError, match="nothing to hold on to") as caught:
        process_video(flat, tmp_path / "out.mkv", [erase], ProcessOptions(), Report(), notify=lambda note: None)
    assert not [thread.name for thread in threading.enumerate() if thread.name == "gancam-decode"], caught


def test_all_marked_is_told_and_a_thin_rim_is_enough_to_fill_from() -> None:
    image = np.full((360, 640, 3), (90, 120, 150), np.uint8)
    effect = gancam.load("inpaint", device="cpu")
    mask = np.ones(image.shape[:2], np.uint8)
    for _ in range(2):
        assert effect(image, mask=mask).mean() < 3
    assert [note for note in effect.notes if "all of a frame was marked" in note] == list(effect.notes)
    rim = gancam.load("inpaint", device="cpu")
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
    assert np.abs(rim(image, mask=mask).astype(int) - image).max() < 30  # was black
    assert not rim.notes


def test_nothing_marked_is_told(path: Path) -> None:
    image = still("otters")
    for params, notes in (({}, 1), ({"box": "10/10/20/20"}, 0), ({"find": "scratches"}, 0), ({"draw": True}, 0)):
        effect = gancam.load(path, device="cpu", **params)
        for _ in range(2):
            effect(image)
        assert len(effect.notes) == notes, params
        assert all("nothing is marked" in note for note in effect.notes)
        effect.close()
    given = load(path)
    given(image, mask=np.zeros(image.shape[:2], np.uint8))
    assert not given.notes


def test_notes_are_of_the_frames_since_the_parameters_were_changed() -> None:
    image = still("otters")
    effect = gancam.load("inpaint", device="cpu", memory=False)
    effect(image)
    assert "nothing is marked" in effect.notes[0]
    effect.params.set("box", "10/10/20/20")
    assert not effect.notes
    effect(image)
    assert not effect.notes
    effect.params.set("box", f"0/0/{image.shape[1]}/{image.shape[0]}")
    effect(image)
    assert "all of a frame was marked" in effect.notes[0]
    effect.params.set("box", "")
    effect(image)
    assert ["nothing is marked" in note for note in effect.notes] == [True]
    effect(image, np.eye(*image.shape[:2], dtype=np.uint8))
    assert not effect.notes
    effect(image)
    effect.reset()
    assert not effect.notes


class Late(masks.Person):
    """Marks a body, but not what it carries; not in the first frames, and half of it now and then."""

    def __call__(self, image: Image, *, time: float | None = None) -> np.ndarray:
        step = round((time or 0.0) * 10) - 12
        return late_walker(step)[1] if step > 4 else np.zeros(image.shape[:2], np.uint8)


def late_walker(step: int) -> tuple[Image, np.ndarray]:
    """Before a picture that stands still: nobody until step 0, then somebody with a paper."""
    image, mask = still("lake")[:240, :320].copy(), np.zeros((240, 320), np.uint8)
    if step >= 0:
        left = 290 - 8 * step
        image[80:190, left : left + 40] = mask[80:190, left : left + 40] = 30
        image[120:140, left - 12 : left] = (40, 10, 250)
        mask[80:130, left : left + 40] *= step % 7 != 3
    return image, mask


@pytest.mark.parametrize("ahead", [False, True])
def test_of_people_who_are_marked_late_and_in_part_nothing_is_left(path: Path, ahead: bool) -> None:
    erase = load(path, mask=Late())
    frames = [Frame(late_walker(step - 12)[0], step, step / 10) for step in range(40)]
    if ahead:
        erase.read_ahead(lambda: iter(frames))
    wall = late_walker(-1)[0]
    for frame in frames:
        result = erase(frame.image, time=frame.time)
        off = np.abs(result.astype(int) - wall)
        if frame.index >= 25 and ahead:  # the last ones are looked at once more, for more than is marked here
            assert off.mean() <= 0.5, frame.index
            shown = (off > 8).any(2) & (np.abs(result.astype(int) - frame.image).max(2) <= 8)
            assert np.count_nonzero(shown & (frame.image != wall).any(2)) <= 8, frame.index  # of somebody
        elif frame.index > 16:
            assert off.max() <= 8, frame.index
        elif frame.index < 12:
            assert result is frame.image
    erase.params.to = 2.0  # nobody is held beyond it
    erase.reset()
    changed = [(erase(frame.image, time=frame.time) != frame.image).any() for frame in frames]
    assert changed[19]
    assert not any(changed[20:])
    given = np.zeros((240, 320), np.uint8)
    given[20:60, 20:60] = 1  # by the caller: that, and nothing with it
    result = erase(frames[-1].image, time=4.0, mask=given)
    assert np.array_equal(result[given == 0], frames[-1].image[given == 0])


def gliding(step: int) -> Image:
    """Something of its own texture that goes right by three pixels a frame."""
    picture, thing = still("lake").copy(), cv2.resize(still("spices"), (40, 40))
    picture[60:100, 20 + 3 * step : 60 + 3 * step] = thing
    return np.asarray(picture, np.uint8)


@pytest.mark.parametrize(
    ("name", "value"), [("tolerance", 30.0), ("key", "green"), ("faces", "on"), ("to", 3600.0), ("from", 0.1)]
)
def test_what_is_followed_goes_on_when_another_parameter_changes(path: Path, name: str, value: Any) -> None:
    erase = load(path, box="20/60/40/40", track=True, memory=False)
    for step in range(12):
        if step == 10:
            erase.params.set(name, value)
        image = gliding(step)
        changed = (erase(image, time=step / 30) != image).any(axis=(0, 2))
    assert abs(float(np.flatnonzero(changed).mean()) - (20 + 3 * 11 + 19.5)) < 4


def test_a_track_is_recorded_on_when_another_parameter_changes(path: Path, tmp_path: Path) -> None:
    erase = load(path, box="20/60/40/40", save=str(tmp_path / "a.json"))
    for step in range(6):
        erase(still("lake"), time=step / 30)
        erase.params.box = "20/60/40/40" if step < 2 else "30/60/40/40"
    erase.close()
    assert masks.MaskTrack(tmp_path / "a.json").frames == 6
