"""The public names as a user's type checker sees them: mypy reads this file, pytest runs it.

An ignored error that is none any more is an error of mypy's (``warn_unused_ignores``).
"""

import pydoc
from keyword import iskeyword
from pathlib import Path
from typing import Literal, assert_type, get_args, get_type_hints

import numpy as np
import pytest

import gancam
from gancam.effects import ModelEffect, _options, declared
from gancam.inference.catalog import MODELS, menu
from gancam.inference.variants import read_card
from gancam.masks import MaskLike

FRAME = np.zeros((32, 48, 3), np.uint8)


def test_an_effect_is_a_function_of_images() -> None:
    upscale = gancam.load("sr-x2", device="cpu", precision="fp32", threads=1, strength=0.5)
    assert_type(upscale, gancam.SuperResolution)
    assert_type(upscale.params.strength, float)
    out = upscale(FRAME)
    assert_type(out, gancam.Image)
    assert_type(upscale.card, gancam.ModelCard)
    assert out.shape == (64, 96, 3)
    chain: list[gancam.Effect] = [upscale]
    assert chain[0].output_size((48, 32)) == (96, 64)


def test_erasing_takes_a_mask() -> None:
    erase = gancam.load("inpaint", device="cpu", precision="fp32", threads=1)
    assert_type(erase, gancam.Inpaint)
    for mask in (np.zeros((32, 48), np.uint8), np.zeros((32, 48), np.bool_)):
        assert_type(erase(FRAME, mask=mask, time=0.5), gancam.Image)
    boxed = gancam.load("inpaint", device="cpu", precision="fp32", threads=1, mask=gancam.masks.Boxes((3, 2, 8, 6)))
    assert boxed(FRAME).shape == FRAME.shape


def test_files_of_ones_own_have_the_class_that_is_named() -> None:
    morph = gancam.load(MODELS / "morph-fruits.onnx", kind=gancam.Morph, device="cpu", threads=1, speed=2)
    assert_type(morph, gancam.Morph)
    assert_type(morph.generate(np.zeros((1, morph.card.latent), np.float32)), gancam.Image)
    assert_type(gancam.load(MODELS / "sketch.onnx", device="cpu", threads=1), ModelEffect)


def test_parameters_and_names_are_those_that_are_declared() -> None:
    by_effect: dict[str, set[str]] = {"faces": set()}  # of files alone
    for name, path in menu().items():
        by_effect.setdefault(read_card(path).effect, set()).add(name)
    for effect, names in by_effect.items():
        camel = effect.title().replace("_", "")
        assert set(get_args(vars(_options).get(f"{camel}Name"))) == names
        params = declared(effect)
        assert params is not None
        told = get_type_hints(vars(_options)[f"{camel}Options"])
        assert get_type_hints(_options.ModelOptions).items() <= told.items()
        for key, parameter in params.declared().items():
            kind = told.pop(f"{key}_" if iskeyword(key) else key)
            wanted: object = Literal[parameter.choices] if parameter.choices else parameter.type
            wanted = _options.Numbers if parameter.kind in ("region", "box", "polygon", "seeds") else wanted
            wanted = _options.PathLike if parameter.kind in ("file", "new-file") else wanted
            assert kind == (MaskLike if key == "mask" else wanted), (effect, key)
        assert set(told) - set(get_type_hints(_options.ModelOptions)) == ({"find"} if effect == "faces" else set())


def test_a_capture_gives_what_opencv_gives(tmp_path: Path) -> None:
    with gancam.VideoCapture(tmp_path / "nothing.mp4", effects=[lambda image: image]) as capture:
        assert_type(capture, gancam.VideoCapture)
        ok, image = capture.read()
        assert_type(ok, bool)
        assert_type(image, gancam.Image)  # as OpenCV's stub says: whoever asks `ok` need not ask it, too
        assert not ok
        assert image is None
        assert_type(capture.error, gancam.GancamError | None)
    assert_type(gancam.Budget([lambda image: image], 0.04), gancam.Budget)


def test_what_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="lod"):
        gancam.lod  # type: ignore[attr-defined]  # noqa: B018


def test_dir_and_help_have_what_is_imported_later() -> None:
    assert {*gancam.__all__, "masks"} <= set(dir(gancam))
    said = pydoc.plain(pydoc.render_doc(gancam))
    classes = ("Budget", "Effect", "VideoCapture", "Inpaint", "Morph", "Params", "Report", "SinkError", "Source")
    assert all(f"class {name}(" in said or f"class {name}\n" in said for name in classes)
    assert " run(" in said
