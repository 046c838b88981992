import copy
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import gancam
from export import translation
from export.graph import Graph
from gancam.effects.translate import Translate
from gancam.errors import MaskError, ModelError, ParameterError
from gancam.frame import Frame, Image
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find
from gancam.inference.tiling import LEAST, TileBudget, tiled
from gancam.vision.chroma import chroma_of
from tests.helpers.small import (
    generator,
    network,
    save,
    still,
    translator_network,
    write_generator,
    write_models,
    write_translator,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_translator(tmp_path_factory.mktemp("translator"), translator_network(), work_size=160)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = translator_network(front="grey", keep="luma")
    return write_translator(tmp_path_factory.mktemp("colours"), made, work_size=160)


def load(path: Path, **params: Any) -> Translate:
    effect = gancam.load(path, device="cpu", **params)
    assert isinstance(effect, Translate)
    return effect


def grey(image: Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.int32]]":
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.int32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 31), (37, 2), (101, 163), (240, 320), (700, 33)])
def test_any_size_comes_back_in_that_size(path: Path, colours: Path, shape: tuple[int, int]) -> None:
    image = np.asarray(cv2.resize(still("otters"), shape[::-1]), np.uint8)
    for effect in (load(path), load(colours), load(path, stabilise=0.5), load(path, scale=4.0, stabilise=0.5)):
        for _ in range(2):
            out = effect(image)
            assert out.shape == image.shape == (*effect.output_size(shape[::-1])[::-1], 3)
            assert out.dtype == np.uint8
            assert out.flags.c_contiguous


def test_strength_goes_from_the_frame_to_the_network(path: Path) -> None:
    image = still("lake")
    effect = load(path, strength=0)
    assert np.array_equal(effect(image), image)
    effect.params.strength = 1.0
    full = effect(image)
    effect.params.strength = 0.5
    assert np.abs(effect(image).astype(int) * 2 - image - full).max() <= 1
    assert np.abs(full.astype(int) - image).mean() > 5
    with pytest.raises(ParameterError, match="0 to 1"):
        effect.params.strength = 1.5


def test_a_model_that_keeps_luma_keeps_it_in_every_pixel(colours: Path) -> None:
    image = still("spices")
    for work_size in (80, 160, 1000):
        out = load(colours, work_size=work_size)(image)
        assert np.abs(grey(out) - grey(image)).max() <= 1
        assert np.abs(out.astype(int) - image).max() > 8


def test_a_frame_that_shows_nothing_stays_grey(colours: Path) -> None:
    for level in (0, 128, 255):
        flat = np.full((90, 160, 3), level, np.uint8)
        assert np.array_equal(load(colours)(flat), flat)
    image = still("spices")
    faint = np.asarray(cv2.addWeighted(image, 0.04, np.full_like(image, 128), 0.96, 0), np.uint8)
    assert (load(colours)(faint).std(axis=2) == 0).all()
    assert load(colours)(image).std(axis=2).mean() > 5


def test_colours_are_read_ahead_where_they_are_kept(path: Path, colours: Path) -> None:
    film = [Frame(still(name), index, index / 25) for index, name in enumerate(("lake", "lake", "spices", "spices"))]
    for effect, wanted in ((load(colours, stabilise=1), 1), (load(colours), 0), (load(path, stabilise=1), 0)):
        read = [0]

        def frames(read: list[int] = read) -> Iterator[Frame]:
            read[0] += 1
            return iter(film)

        effect.read_ahead(frames)
        assert read == [wanted]
        assert all(effect(frame.image, time=frame.time).shape == (240, 320, 3) for frame in film)


def test_colours_stay_while_nothing_changes() -> None:
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(still("lake") + rng.normal(0, 4, (240, 320, 3)), 0, 255).round().astype(np.uint8) for _ in range(5)
    ]

    def flicker(effect: Translate) -> float:
        shown = [chroma_of(effect(frame)) for frame in noisy]
        return float(np.mean([np.abs(a - b).mean() for a, b in pairwise(shown[2:])]))

    assert flicker(load(find("colorize"))) < 0.7 * flicker(load(find("colorize"), stabilise=0))


@pytest.mark.parametrize(("name", "least"), [("sign", 4.0), ("lake", 6.0)])
def test_colours_are_nearer_to_the_true_ones_than_grey(name: str, least: float) -> None:
    image = still(name)
    light = cv2.merge([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)] * 3)
    true, found = (chroma_of(one).astype(float) for one in (image, load(find("colorize"))(np.asarray(light, np.uint8))))
    assert 10 * np.log10(np.square(true).mean() / np.square(found - true).mean()) > least
    worse = np.abs(found - true).max(2) > np.abs(true).max(2) + 20
    assert worse.mean() < 0.02


def test_a_scene_shown_to_a_network_of_single_things_is_told() -> None:
    effect = gancam.load("apple2tomato", device="cpu")
    scene = np.asarray(cv2.resize(still("otters"), (320, 240)), np.uint8)
    on_white = np.full_like(scene, 255)
    cv2.circle(on_white, (160, 120), 80, (40, 60, 200), -1)
    effect(on_white)
    assert not effect.notes
    for _ in range(2):
        effect(scene)
    assert ["region=" in note for note in effect.notes] == [True]
    effect(on_white)
    assert effect.notes  # of a frame of the same video
    effect.params.set("strength", 0.5)
    effect(on_white)
    assert not effect.notes
    effect(scene)
    effect.reset()
    assert not effect.notes
    small = gancam.load("apple2tomato", device="cpu", region="0.5/0/0.5/1")
    small(scene)
    assert not small.notes
    style = gancam.load("sketch", device="cpu")
    style(scene)
    assert not style.notes


def test_the_frames_own_colours_can_be_kept(path: Path) -> None:
    image = still("spices")
    styled, own = load(path)(image), load(path, colours=1)(image)
    assert np.abs(grey(own) - grey(styled)).max() <= 1
    true, kept, lost = (cv2.cvtColor(one, cv2.COLOR_BGR2YCrCb)[..., 1:].astype(int) for one in (image, own, styled))
    assert np.abs(kept - true).mean() < 0.6 * np.abs(lost - true).mean()


def negative(folder: Path, **card: Any) -> Path:
    """A network that gives each pixel's complement."""
    graph = Graph()
    graph.add("BitwiseNot", "image", name="negative")
    shape: list[str | int] = ["n", "h", "w", 3]
    model = graph.model({"image": (np.uint8, shape)}, {"negative": (np.uint8, shape)})
    return save(model, folder / "negative.onnx", ModelCard(name="negative", effect="translate", work_size=160, **card))


def test_enlarged_pictures_have_the_lines_of_the_frame(tmp_path: Path) -> None:
    effect = load(negative(tmp_path))
    for name in ("sign", "otters"):
        image = still(name)
        true = np.asarray(255 - image, np.uint8)
        small = cv2.resize(true, (160, 120), interpolation=cv2.INTER_AREA)
        plain = cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC)
        assert cv2.PSNR(effect(image), true) > cv2.PSNR(plain, true) + 2


def test_enlarged_drawings_have_colours_with_clean_edges(tmp_path: Path) -> None:
    """And no steps along them: the frame's own lines, which make up for it in luma, say nothing of colours."""
    image = np.full((360, 640, 3), (30, 120, 98), np.uint8)  # green and red of one luma
    image[:, 320:] = (30, 79, 178)
    made = load(negative(tmp_path, strokes="lines"))(image)
    row = made[180, 300:345, 2].astype(int)
    assert 255 - 178 - 2 <= row.min() <= row.max() <= 255 - 98 + 2, "no halo"
    assert np.count_nonzero((row > row.min() + 4) & (row < row.max() - 4)) <= 4, "of four to one of the work size"


def test_cheaper_ways_show_the_network_less(path: Path) -> None:
    effect = load(path)
    ways = [level[0] for level in effect.quality_levels()]
    assert [way.level.partition(" at ")[2] for way in ways] == ["", "3/4", "1/2", "3/8", "1/4"]
    image = np.asarray(cv2.resize(still("lake"), (320, 240)), np.uint8)
    outs = [way(image) for way in ways]
    assert np.array_equal(outs[0], effect(image))
    shown: list[tuple[int, ...]] = []
    for way in ways:
        run = way._run
        way._run = lambda seen, run=run: shown.append(seen.shape) or run(seen)  # type: ignore[method-assign,func-returns-value,misc]
        way(image)
    assert effect.card.multiple == 4
    assert shown == [(120, 160, 3), (92, 120, 3), (60, 80, 3), (48, 60, 3), (32, 40, 3)]  # 90, 45 and 30 do not go by 4
    errors = [np.abs(out.astype(int) - outs[0]).mean() for out in outs]
    assert errors == sorted(errors)
    small = np.asarray(cv2.resize(image, (80, 60)), np.uint8)
    assert ways[2](small).shape == small.shape


def test_scale_sets_how_large_the_frame_is_that_the_network_is_shown(path: Path) -> None:
    image = np.asarray(cv2.resize(still("lake"), (320, 240)), np.uint8)
    plain = load(path)(image)
    finer, full, half, quarter = (240, 320, 3), (120, 160, 3), (60, 80, 3), (32, 40, 3)
    sizes = {0.5: [finer], 0.8: [(152, 200, 3)], 1.0: [full], 2.0: [half], 4.0: [quarter]}
    for scale, seen in sizes.items():  # larger strokes are drawn in smaller pictures
        effect = load(path, scale=scale)
        shown: list[tuple[int, ...]] = []
        run = effect._run
        effect._run = lambda one, run=run, to=shown: to.append(one.shape) or run(one)  # type: ignore[method-assign,misc]
        out = effect(image)
        assert (out.shape, shown) == (image.shape, seen)
        assert np.array_equal(out, plain) == (scale == 1.0)
    finest = load(path, scale=0.5, work_size=1000)(image[:60, :80].copy())  # larger than the frame itself
    assert finest.shape == (60, 80, 3)
    assert load(path, work_size=1000).bare_model((320, 240)) is not None
    assert load(path, work_size=1000, scale=2).bare_model((320, 240)) is None
    with pytest.raises(ParameterError, match="scale"):
        load(path, scale=0.4)


@pytest.mark.parametrize(
    ("size", "work_size", "live"),
    [((320, 180), 0, 640), ((800, 450), 800, 640), ((1280, 720), 960, 640), ((2400, 300), 2400, 1358)],
)
def test_a_style_that_has_time_draws_large_frames_more_finely(size: tuple[int, int], work_size: int, live: int) -> None:
    image = cv2.resize(still("otters"), size)
    effect = gancam.load("style-comic", device="cpu", threads=2)
    usual = effect(image)
    effect.prefer_quality()
    for one in (effect, copy.deepcopy(effect)):
        expected = gancam.load("style-comic", device="cpu", threads=2, work_size=work_size)(image)
        assert (one(image) == expected).all()
    effect.params.set("work_size", live)
    assert (effect(image) == usual).all(), "what is asked for"


def test_a_model_that_is_no_style_takes_no_more_time(colours: Path) -> None:
    image = cv2.resize(still("otters"), (320, 180))
    effect = load(colours)
    plain = effect(image)
    effect.reset()
    effect.prefer_quality()
    assert (effect(image) == plain).all()


@pytest.mark.parametrize("name", ["sketch", "style-comic", "style-watercolour"])
def test_large_strokes_leave_small_things_to_be_seen(name: str) -> None:
    image = np.full((360, 640, 3), 200, np.uint8)
    cv2.rectangle(image, (380, 60), (600, 300), (90, 110, 70), -1)  # nothing small there
    cv2.putText(image, "READ ME", (60, 190), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 2, cv2.LINE_AA)
    effect = gancam.load(name, device="cpu")
    plain = grey(effect(image))
    effect.params.set("scale", 4.0)
    broad = grey(effect(image))
    words, across = (slice(155, 205), slice(50, 230)), (180, slice(350, 420))
    assert np.corrcoef(plain[words].ravel(), broad[words].ravel())[0, 1] > 0.97
    assert np.count_nonzero(broad[across] < 60) >= np.count_nonzero(plain[across] < 60) + 2


def test_a_readable_style_recedes_where_there_is_detail(path: Path) -> None:
    image = np.full((240, 320, 3), 180, np.uint8)
    image[60:180, 200:300] = (
        np.random.default_rng(0).integers(0, 256, (12, 10, 1), np.uint8).repeat(10, 0).repeat(10, 1)
    )
    plain = load(path)(image).astype(int)
    for readable in (0.5, 1.0):
        left = np.abs(load(path, readable=readable)(image).astype(int) - image).mean(2)
        share = left / np.maximum(np.abs(plain - image).mean(2), 1e-6)
        assert np.median(share[:, :120]) > 0.97
        assert abs(float(np.median(share[90:150, 230:270])) - (1 - readable)) < 0.12
    half = load(path, readable=1.0, region="0.5/0/0.5/1")(image)
    assert np.array_equal(half[:, :140], image[:, :140])
    assert load(path, work_size=1000, readable=0.1).bare_model((320, 240)) is None


def test_a_scale_leaves_the_luma_to_a_model_that_keeps_it(colours: Path) -> None:
    image = still("otters")
    for scale in (0.5, 3.0):
        assert np.abs(grey(load(colours, scale=scale)(image)) - grey(image)).max() <= 1


def test_tiles_cannot_be_seen(path: Path) -> None:
    image = np.ascontiguousarray(still("otters")[:240, :320])
    effect = load(path, work_size=1000)
    whole = effect(image)
    far, multiple = effect.card.receptive_field, effect.card.multiple
    cut = tiled(
        lambda part: effect.model(part[None])[0][0],
        image,
        scale=1,
        overlap=far,
        budget=TileBudget(30_000),
        multiple=multiple,
    )
    assert np.array_equal(whole, cut)
    effect._tiles = TileBudget(LEAST)  # as little memory leaves
    assert np.array_equal(effect(image), whole)
    assert image.shape[0] * image.shape[1] > 2 * LEAST


def test_a_mask_and_a_region_say_where(path: Path) -> None:
    image = still("lake")
    marked = np.zeros(image.shape[:2], np.uint8)
    marked[:, 200:] = 1
    out = load(path, mask=marked)(image)
    assert np.array_equal(out[:, :190], image[:, :190])
    assert np.array_equal(out[:, 210:], load(path)(image)[:, 210:])
    other = load(path, mask=marked, outside=True)(image)
    assert np.array_equal(other[:, 210:], image[:, 210:])
    right = load(path, region="0.625/0/0.375/1")(image)
    assert np.array_equal(right, out)
    with pytest.raises(MaskError, match="agree"):
        load(path, mask=marked[:100])(image)


def test_damping_calms_what_stands_still_and_lets_go_of_what_does_not(path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(still("otters") + rng.normal(0, 4, (240, 320, 3)), 0, 255).round().astype(np.uint8) for _ in range(6)
    ]

    def flicker(effect: Translate) -> float:
        shown = [effect(frame).astype(int) for frame in noisy]
        return float(np.mean([np.abs(a - b).mean() for a, b in pairwise(shown[2:])]))

    damped = load(path, stabilise=1, work_size=1000)
    assert flicker(damped) < 0.5 * flicker(load(path, work_size=1000))
    cut = damped(still("sign"))
    assert np.abs(cut.astype(int) - load(path, work_size=1000)(still("sign"))).mean() < 4
    damped.reset()
    assert np.array_equal(damped(noisy[0]), load(path, work_size=1000)(noisy[0]))


def test_a_cut_leaves_nothing_of_the_scene_before(path: Path) -> None:
    held, fresh = load(path, stabilise=1), load(path, stabilise=1)
    for _ in range(3):
        held(still("lake"))
    assert np.array_equal(held(still("spices")), fresh(still("spices")))


def test_without_damping_each_frame_is_on_its_own(path: Path) -> None:
    effect = load(path)
    first = effect(still("lake"))
    effect(still("sign"))
    assert np.array_equal(effect(still("lake")), first)


def test_models_that_are_something_else(tmp_path: Path) -> None:
    made = translator_network()
    card = ModelCard(name="x", effect="translate", multiple=4, minimum=4, scale=2)
    with pytest.raises(ModelError, match="scale 2"):
        gancam.load(save(translation.float_graph(made), tmp_path / "x.onnx", card))
    path = write_models(tmp_path, network(), "sr")
    graph_of_x2 = ModelCard(name="y", effect="translate")
    import onnx

    with pytest.raises(ModelError, match="its card says scale 1"):
        gancam.load(save(onnx.load(path), tmp_path / "y.onnx", graph_of_x2))
    latent = onnx.load(write_generator(tmp_path, generator()))
    lie = ModelCard(name="z", effect="translate", layout="latent", latent=12, layers=5, resolution=16)
    del latent.metadata_props[:]
    with pytest.raises(ModelError, match="generator"):
        gancam.load(save(latent, tmp_path / "z.onnx", lie))


def test_parameters_answer_to_their_names_of_before(path: Path) -> None:
    today, before = load(path, stabilise=0.5, work_size=100), load(path, steady=0.5, working=100)
    assert before.params == today.params
    for name in ("lake", "sign"):
        assert np.array_equal(before(still(name)), today(still(name)))
