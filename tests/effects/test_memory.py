"""What effects remember of frames: nothing of it is left by a reset, and all of it goes on in another effect."""

import copy
import gc
import inspect
import weakref
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import gancam
from gancam import effects, masks
from gancam.budget import Budget
from gancam.effects import EffectSlot, ModelEffect
from gancam.effects.faces import FaceEffect, FacesParams
from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.masks.faces import Face
from tests.helpers.foreign_graphs import adapted, recurrent
from tests.helpers.small import (
    filler,
    generator,
    network,
    still,
    translator_network,
    write_filler,
    write_generator,
    write_models,
    write_translator,
)

SIZE = (96, 64)


def clip(name: str, count: int, seed: int = 0) -> list[Image]:
    """A camera that pans over a picture, with its noise."""
    wide = np.asarray(cv2.resize(still(name), (SIZE[0] + 2 * count, SIZE[1])), np.int16)
    rng = np.random.default_rng(seed)
    views = [wide[:, 2 * at : 2 * at + SIZE[0]] for at in range(count)]
    return [np.clip(view + rng.normal(0, 4, view.shape), 0, 255).astype(np.uint8) for view in views]


def faced(image: Image) -> list[Face]:
    """A face where the picture is lightest."""
    _, _, _, (x, y) = cv2.minMaxLoc(cv2.GaussianBlur(image[..., 1], (0, 0), 3))
    marks = np.array([[-8, -8], [8, -8], [0, 0], [-6, 8], [6, 8]], np.float32) + np.array([x, y], np.float32)
    return [Face((x - 16.0, y - 16.0, 32.0, 32.0), marks, 0.9)]


class Models:
    """Small networks, each made once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, dict[str, Path]()

    def _path(self, kind: str) -> Path:
        if kind not in self._made:
            folder = self._folder / kind
            folder.mkdir()
            self._made[kind] = self._write(kind, folder)
        return self._made[kind]

    def _write(self, kind: str, folder: Path) -> Path:
        if kind == "sr":
            return write_models(folder, network())
        if kind == "fill":
            return write_filler(folder, filler())
        if kind == "morph":
            return write_generator(folder, generator())
        if kind == "recurrent":
            source = recurrent(folder)
            source.with_suffix(".toml").write_text('range = "0..1"\norder = "rgb"\n')
            return adapted(source).path
        if kind == "background":
            return MODELS / "background.onnx"
        if kind == "colour":
            return write_translator(folder, translator_network(front="grey", keep="luma"), int8=False)
        return write_translator(folder, translator_network(), int8=False, keeps="black" if kind == "style" else None)

    def load(self, kind: str, **params: Any) -> ModelEffect:
        loaded = gancam.load(self._path(kind), device="cpu", precision="fp32", threads=1, **params)
        assert isinstance(loaded, ModelEffect)
        return loaded


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("models"))


def faces_of(models: Models, kind: str) -> FaceEffect:
    model = models.load(kind).model
    return FaceEffect(model, FacesParams(), find=faced)


Make = Callable[[Models], ModelEffect]
GOES_ON: dict[str, Make] = {  # those that continue from another
    "averaged": lambda models: models.load("sr", stabilise=1.0, clean=0.5),
    "states": lambda models: models.load("recurrent"),
    "steadied": lambda models: models.load("translate", stabilise=0.8),
    "style": lambda models: models.load("style", stabilise=0.8),
    "tint": lambda models: models.load("colour", stabilise=0.8),
    "filled": lambda models: models.load("fill", box="20/16/24/24", texture=1.0),
    "filled-track": lambda models: models.load("fill", box="20/16/24/24", track=True),
    "scratches": lambda models: models.load("fill", find="scratches"),
    "overlay": lambda models: models.load("fill", find="overlay"),
    "captions": lambda models: models.load("fill", key="white"),
}
BEGINS: dict[str, Make] = {  # those that begin anew
    "kept-tiles": lambda models: models.load("sr", threshold=12.0),
    "background": lambda models: models.load("background"),
    "cut-out": lambda models: models.load("background", colour="transparent"),
    "faces": lambda models: faces_of(models, "recurrent"),
    "morph": lambda models: models.load("morph", drive="motion", region="auto"),
    "morph-mask": lambda models: models.load("morph", mask=masks.Tracked((20, 16, 24, 24)), where="inside"),
}
EVERY: dict[str, Make] = {
    **GOES_ON,
    **BEGINS,
    "translated-mask": lambda models: models.load("translate", mask=masks.Tracked((20, 16, 24, 24))),
}


def played(effect: effects.Effect, frames: list[Image], begin: int = 0, *, timed: bool = True) -> list[object]:
    """All that is to be seen of an effect's frames, and what it tells of them."""
    told: list[object] = []
    for at, frame in enumerate(frames, begin):
        made = effect(frame, time=at / 30 if timed else None).tobytes()
        opacity = effect.opacity
        told.append(
            (made, None if opacity is None else opacity.tobytes(), effect.notes, effect.detection_note, effect.status)
        )
    return told


def test_all_effects_of_networks_are_tried_here(models: Models) -> None:
    def below(kind: type[object]) -> set[type[object]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    for file in Path(effects.__file__).parent.glob("[!_]*.py"):
        import_module(f"gancam.effects.{file.stem}")
    own = {one for one in below(ModelEffect) if one.__module__.startswith("gancam.") and not inspect.isabstract(one)}
    assert own == {type(make(models)) for make in EVERY.values()}


@pytest.mark.parametrize("timed", [True, False], ids=["video", "no-times"])
@pytest.mark.parametrize("kind", EVERY)
def test_after_a_reset_an_effect_is_as_new(models: Models, kind: str, timed: bool) -> None:
    effect = EVERY[kind](models)
    wanted = played(copy.deepcopy(effect), clip("lake", 3), timed=timed)
    played(effect, clip("lake", 4, seed=1), timed=timed)
    effect.reset()
    assert (effect.detection_note, effect.notes) == ("", [])
    assert played(effect, clip("lake", 3), timed=timed) == wanted


@pytest.mark.parametrize("kind", GOES_ON)
def test_an_effect_goes_on_with_what_another_has_seen(models: Models, kind: str) -> None:
    whole, first, second = (GOES_ON[kind](models) for _ in range(3))
    played(second, clip("otters", 3))  # of which nothing is to be seen
    frames = clip("lake", 9)
    for at in range(0, 9, 3):
        one, other = (first, second) if at % 2 == 0 else (second, first)
        if at:
            one.continue_from(other)
            one.continue_from(one)
        assert played(one, frames[at : at + 3], at) == played(whole, frames[at : at + 3], at)


@pytest.mark.parametrize("kind", BEGINS)
def test_what_cannot_go_on_begins_anew(models: Models, kind: str) -> None:
    whole, first, second = (BEGINS[kind](models) for _ in range(3))
    played(first, clip("otters", 3))
    played(second, clip("otters", 3))
    second.continue_from(first)
    assert played(second, clip("lake", 3)) == played(whole, clip("lake", 3))


@pytest.mark.parametrize("name", ["averaged", "steadied", "filled-track"])
def test_who_is_given_another_kind_begins_anew(models: Models, name: str) -> None:
    effect = GOES_ON[name](models)
    wanted = played(copy.deepcopy(effect), clip("lake", 3))
    played(effect, clip("otters", 3))
    effect.continue_from(effects.as_effect(lambda image: image))
    assert played(effect, clip("lake", 3)) == wanted


def test_what_is_around_effects_resets_them(models: Models) -> None:
    for made in (EffectSlot(GOES_ON["steadied"](models)), Budget([GOES_ON["steadied"](models)], 5.0, off=True)):
        played(made, clip("otters", 3))
        made.reset()
        first = played(made, clip("lake", 3))
        made.reset()
        assert played(made, clip("lake", 3)) == first


def test_a_file_is_told_how_much_of_it_was_computed_not_of_those_before(models: Models) -> None:
    effect = models.load("sr", threshold=12.0)
    calm = [clip("lake", 1)[0]] * 8
    played(effect, calm)
    (told,) = effect.notes
    played(effect, clip("otters", 8))
    assert effect.notes != [told]
    effect.reset()
    assert effect.notes == []
    played(effect, calm)
    assert effect.notes == [told]


@pytest.mark.parametrize("name", ["background", "sketch", "inpaint"])
def test_an_effect_that_nobody_has_is_freed_at_once(name: str) -> None:
    gc.collect()
    gc.disable()  # which seldom comes where frames are all that is made, and each holds a model and planes of a frame
    try:
        effect = gancam.load(name, device="cpu", threads=1)
        gone = weakref.ref(effect)
        del effect
        assert gone() is None
    finally:
        gc.enable()
