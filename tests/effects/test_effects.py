import inspect
import re
from dataclasses import replace
from fnmatch import filter as matching
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

import gancam
from gancam.control import Controls
from gancam.effects import slots
from gancam.errors import ImageError, ModelError, NotFound, ParameterError
from gancam.frame import Image
from gancam.inference.card import ModelCard
from gancam.inference.catalog import MODELS, find, menu
from gancam.inference.tiling import TileBudget, tiled
from gancam.inference.variants import read_card, variants
from gancam.params import Params
from tests.helpers.clips import psnr
from tests.helpers.small import lightest, network, save, still, write_models

BUNDLED = sorted(menu())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.mark.parametrize("name", lightest(BUNDLED))
def test_every_bundled_model_holds_the_contract(name: str) -> None:
    effect = gancam.load(name)
    image = np.ascontiguousarray(still("sign")[:64, :96])
    height, width = image.shape[:2]
    kept = image.copy()
    out = effect(image, time=0.0)
    assert out.shape[1::-1] == effect.output_size((width, height))
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous
    assert np.array_equal(image, kept)
    if effect.card.layout == "latent":
        assert not np.array_equal(out, effect(image, time=1.0))
    else:  # one that remembers may look at it in another way
        again = effect(image, time=0.04)
        assert cv2.absdiff(out, again).mean() < 0.3 if effect.remembers else np.array_equal(out, again)
    assert np.array_equal(out, effect(image, time=0.0))
    assert isinstance(effect.params, Params)
    effect.reset()
    for shape in ((1, 1, 3), (1, 31, 3), (37, 2, 3)):
        small = effect(np.full(shape, 128, np.uint8))
        assert small.shape[1::-1] == effect.output_size((shape[1], shape[0]))


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_model_tells_all_of_itself(name: str) -> None:
    card = read_card(find(name))
    assert card.name == name
    assert card.licence != "unknown"
    assert card.data
    assert card.summary
    if name != "background":  # which was not trained here
        assert card.commit
        assert card.quality
        assert card.parity
        assert (Path(__file__).parent.parent.parent / "train" / "recipes" / f"{card.recipe}.toml").is_file()
    for file in variants(find(name)).values():
        assert file.stat().st_size < (6_000_000 if card.layout in ("latent", "masked") else 3_000_000)


def test_the_licences_of_the_bundled_models_are_those_of_their_cards() -> None:
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", (MODELS / "LICENSE.md").read_text(encoding="utf-8"), re.MULTILINE)
    told = [(pattern, licence) for names, licence in rows for pattern in re.findall("`(.*?)`", names)]
    for name in BUNDLED:
        assert [licence for pattern, licence in told if fnmatch(name, pattern)] == [read_card(find(name)).licence], name
    assert all(matching(BUNDLED, pattern) or (MODELS / pattern).is_file() for pattern, _ in told)


@pytest.mark.parametrize(
    "file", sorted(Path(gancam.effects.__file__).parent.glob("[!_]*.py")), ids=lambda file: file.stem
)
def test_every_file_of_the_room_is_an_effect(file: Path) -> None:
    module: Any = import_module(f"gancam.effects.{file.stem}")
    assert list(inspect.signature(module.build).parameters) == ["model", "params"]


def test_a_card_says_what_suits_its_model_and_the_user_has_the_last_word(path: Path, tmp_path: Path) -> None:
    card = replace(read_card(path), name="calm", defaults={"stabilise": 1.0})
    calm = save(onnx.load(path), tmp_path / "calm.onnx", card)
    assert gancam.load(path).params.value("stabilise") == 0.0
    assert gancam.load(calm).params.value("stabilise") == 1.0
    assert gancam.load(calm, stabilise=0.25).params.value("stabilise") == 0.25
    for wrong, says in (({"stabilize": 1.0}, "no parameter 'stabilize'"), ({"stabilise": 7.0}, "stabilise=7.0")):
        with pytest.raises(ModelError, match=f"x.onnx: its card's defaults: {says}"):
            gancam.load(save(onnx.load(path), tmp_path / "x.onnx", replace(card, defaults=wrong)))


def test_what_a_card_says_is_the_default_wherever_it_is_told(path: Path, tmp_path: Path) -> None:
    card = replace(read_card(path), name="calm", defaults={"stabilise": 1.0})
    effect = gancam.load(save(onnx.load(path), tmp_path / "calm.onnx", card))
    (slot,) = slots([effect])
    control = Controls([slot]).by_name["calm.stabilise"]
    assert [effect.parameters["stabilise"].default, slot.parameters["stabilise"].default] == [1.0, 1.0]
    assert control.entry.default == control.value == 1.0
    assert "stabilise" not in repr(effect)
    effect.params.set("stabilise", 0.0)
    assert "stabilise=0.0" in repr(effect)


def test_stabilised_frames_show_less_of_their_noise(path: Path) -> None:
    plain, calm = gancam.load(path), gancam.load(path, stabilise=1.0)
    assert (plain.remembers, calm.remembers) == (False, True)
    rng, image = np.random.default_rng(0), still("lake")
    frames = [np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8) for _ in range(6)]
    first, second = ([effect(frame).astype(int) for frame in frames] for effect in (plain, calm))
    assert np.array_equal(first[0], second[0])
    assert np.abs(second[-1] - second[-2]).mean() < 0.4 * np.abs(first[-1] - first[-2]).mean()
    calm.reset()
    assert np.array_equal(calm(frames[-1]), first[-1])


@pytest.mark.parametrize("name", ["restore-x1", "restore-x2"])
def test_restoration_takes_away_what_strong_compression_did(name: str) -> None:
    """A JPEG of quality 12: nearer to the original than by the network alone, and no edges of blocks."""
    image = still("otters")
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 12])
    came = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    plain, clean = (
        cv2.resize(effect(came), image.shape[1::-1], interpolation=cv2.INTER_AREA)
        for effect in (gancam.load(name, device="cpu", clean=0.0), gancam.load(name, device="cpu"))
    )
    assert psnr(np.asarray(clean), image) > psnr(np.asarray(plain), image) + 0.2


def shrunk(image: Image, by: int) -> Image:
    return np.asarray(cv2.resize(image, None, fx=1 / by, fy=1 / by, interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("name", ["sr-x2", "sr-x2-gan"])
def test_a_picture_that_was_saved_as_jpeg_is_enlarged_without_its_blocks(name: str) -> None:
    """Scars along the blocks of faces; of a video's frames and of clean pictures all stays as it is."""
    image = still("otters")
    effect, plain = gancam.load(name, device="cpu"), gancam.load(name, device="cpu", clean=0.0)
    clean = shrunk(image, 2)
    assert np.array_equal(effect(clean), plain(clean))
    for quality in (30, 75):
        _, data = cv2.imencode(".jpg", clean, [cv2.IMWRITE_JPEG_QUALITY, quality])
        came = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        assert psnr(effect(came), image) > psnr(plain(came), image) + 0.1
        assert np.array_equal(effect(came, time=0.0), plain(came))


@pytest.mark.parametrize("name", ["sr-x2-gan", "sr-x4-gan"])
def test_a_grey_picture_stays_grey(name: str) -> None:
    """Letters of a page had blue fringes, of up to 45 levels."""
    grey = cv2.merge([cv2.cvtColor(still("sign"), cv2.COLOR_BGR2GRAY)] * 3)
    effect = gancam.load(name, device="cpu")
    assert np.ptp(effect(shrunk(np.asarray(grey, np.uint8), 4)), axis=2).max() <= 1


def test_larger_faces_than_it_learnt_from_are_told() -> None:
    face = shrunk(still("otters"), 6)
    effect, other = gancam.load("sr-faces-x4", device="cpu"), gancam.load("sr-x4", device="cpu")
    effect(face)
    assert effect.notes == []
    large = shrunk(still("otters"), 3)
    for one in (effect, other):
        one(large)
    assert other.notes == []
    assert [("106x80" in note or "107x80" in note) and "-e sr-x4" in note for note in effect.notes] == [True]


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_card_sets_parameters_that_there_are(name: str) -> None:
    effect = gancam.load(name, device="cpu")
    assert {key: effect.params.value(key) for key in effect.card.defaults} == effect.card.defaults


@pytest.mark.parametrize("effect", ["super_resolution", "translate"])
def test_what_fills_holes_is_for_inpainting(tmp_path: Path, effect: str) -> None:
    graph = onnx.load(find("inpaint"))
    path = save(graph, tmp_path / "x.onnx", replace(read_card(find("inpaint")), name="x", effect=effect))
    with pytest.raises(ModelError, match=r"x\.onnx: inpaints \(layout masked\)"):
        gancam.load(path)


def test_tiles_cannot_be_seen(path: Path) -> None:
    image = still("otters")
    for precision, most in (("int8", 0), ("fp32", 1)):
        effect = gancam.load(path, precision=precision)
        whole = effect(image)
        cut = tiled(effect, image, scale=2, overlap=effect.card.receptive_field, budget=TileBudget(9000))
        assert int(np.abs(whole.astype(int) - cut).max()) <= most


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_unchanged_tiles_cannot_be_seen(path: Path, precision: str) -> None:
    image = np.tile(still("otters"), (1, 2, 1))
    effect, saver = gancam.load(path, precision=precision), gancam.load(path, precision=precision, threshold=0)
    assert not saver.remembers
    for index in range(8):
        image[40 + 9 * index : 60 + 9 * index, 20 * index : 20 * index + 30] ^= 64
        kept = image.copy()
        assert np.array_equal(effect(image), saver(image, time=index / 30))
        assert np.array_equal(image, kept)
    assert "computed" in saver.status
    saver.params.threshold = -1.0
    assert np.array_equal(effect(image), saver(image))
    assert saver.status == ""


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_network_of_cells_takes_any_size_in_any_tiles(tmp_path: Path, precision: str) -> None:
    path = write_models(tmp_path, network(1, unshuffle=2), "same")
    effect = gancam.load(path, precision=precision)
    image = np.ascontiguousarray(still("otters")[:91, :133])
    whole = effect(image)
    assert whole.shape == image.shape
    assert not np.array_equal(whole, image)
    assert effect(image[:1, :1]).shape == (1, 1, 3)
    even = effect(image[:90, :132])
    assert np.array_equal(even[:70, :100], whole[:70, :100])
    reach = 2 * -(-effect.card.receptive_field // 2)
    cut = tiled(effect, image[:90, :132], scale=1, overlap=reach, multiple=2, budget=TileBudget(2000))
    assert int(np.abs(even.astype(int) - cut).max()) <= 1
    saver = gancam.load(path, precision=precision, threshold=0)
    for index in range(4):
        image[20 + 9 * index : 30 + 9 * index, 20 * index : 20 * index + 30] ^= 64
        assert np.array_equal(effect(image), saver(image, time=index / 30))
    effect.params.strength = 0.0
    assert np.array_equal(effect(image), image)
    effect.params.strength = 0.5
    assert np.abs(effect(image).astype(int) * 2 - image - saver(image).astype(int)).max() <= 1


def test_noise_hardly_shows_in_what_is_kept(path: Path) -> None:
    effect, saver = gancam.load(path), gancam.load(path, threshold=24)
    dice = np.random.default_rng(0)
    image = np.tile(still("lake"), (2, 2, 1)).astype(np.int16)
    for index in range(12):
        noisy = np.clip(image + dice.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
        assert cv2.PSNR(effect(noisy), saver(noisy, time=index / 30)) > 40
    assert "had not changed" in saver.notes[0]
    assert saver.remembers


def test_strength_goes_from_bicubic_to_the_network(path: Path) -> None:
    image = still("lake")
    effect = gancam.load(path, strength=0)
    plain = effect(image)
    effect.params.strength = 1.0
    sharp = effect(image)
    effect.params.strength = 0.5
    between = effect(image).astype(int)
    assert np.abs(between * 2 - plain - sharp.astype(int)).max() <= 1
    assert not np.array_equal(plain, sharp)


@pytest.mark.parametrize("image", [
    None, [[1, 2], [3, 4]], np.zeros((4, 4), np.uint8), np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4, 4), np.uint8),
    np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8), np.zeros((1, 1, 4, 4, 3), np.uint8),
    np.zeros((4, 4, 3), np.uint16),
])  # fmt: skip
def test_what_is_no_image_is_refused_with_a_hint(path: Path, image: Any) -> None:
    with pytest.raises(ImageError, match="image"):
        gancam.load(path)(image)


@pytest.mark.parametrize(
    ("kind", "cure"), [(np.uint16, "image >> 8"), (np.float32, "image * 255"), (np.bool_, "np.uint8(255)")]
)
def test_another_dtype_is_told_its_cure(path: Path, kind: type, cure: str) -> None:
    with pytest.raises(ImageError, match=re.escape(cure)):
        gancam.load(path)(np.zeros((4, 4, 3), kind))


def test_views_are_taken_as_they_are(path: Path) -> None:
    image = still("lake")
    effect = gancam.load(path)
    assert np.array_equal(effect(image[:, ::-1]), effect(np.ascontiguousarray(image[:, ::-1])))


def test_names_and_keys_that_do_not_exist(path: Path) -> None:
    with pytest.raises(NotFound, match="gancam models"):
        gancam.load("sr-x9")
    with pytest.raises(NotFound, match=r"gone\.onnx"):
        gancam.load("gone.onnx")
    with pytest.raises(ParameterError, match="did you mean 'strength'"):
        gancam.load(path, strengt=1)
    with pytest.raises(ParameterError, match="0 to 1"):
        gancam.load(path, strength=3)


def test_a_card_of_an_effect_that_is_not_here(tmp_path: Path) -> None:
    from export import super_resolution

    card = ModelCard(name="x", effect="teleport", scale=2)
    with pytest.raises(ModelError, match="teleport"):
        gancam.load(save(super_resolution.float_graph(network()), tmp_path / "x.onnx", card))


@pytest.mark.parametrize("name", ["restore-x2-best", "sr-x2-best", "sr-x4-best", "sr-x4-gan", "sr-x4"])
def test_each_level_of_quality_is_of_a_network_no_larger_than_the_one_before(name: str) -> None:
    effect = gancam.load(name, kind=gancam.SuperResolution, device="cpu", precision="fp32")
    sizes = [level[0].card.parameters for level in effect.quality_levels()]
    assert len(set(sizes)) > 1
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", ["restore-x1", "restore-x2"])
def test_restoring_leaves_flat_greys_as_bright_as_they_were(name: str) -> None:
    effect = gancam.load(name, device="cpu", stabilise=0)
    for level in (0, 40, 100, 160, 200, 240, 255):
        made = effect(np.full((32, 32, 3), level, np.uint8))
        assert abs(float(made.mean()) - level) < 0.7, level
    assert effect.bare_model((32, 32)) is None  # it is not all that it does
