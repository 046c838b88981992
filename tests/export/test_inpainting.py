"""Inpainting networks as files: every variant is the network, and known pixels come through to the byte."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from export import inpainting
from export.__main__ import main
from gancam.errors import ImageError, ModelError
from gancam.inference.model import Model
from gancam.inference.variants import read_card
from tests.helpers.small import crops, filler, still, write_filler
from tests.helpers.training import write_run
from train import evaluate, holes, recipe

RECIPE = """
task = "inpainting"
[network]
family = "inpaint"
widths = [8, 8, 8, 8]
depth = 2
[[phase]]
name = "l1"
iterations = 1
losses = { l1 = 1.0 }
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_filler(tmp_path_factory.mktemp("models"), filler())


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1), ("fp16", 2), ("int8", 12)])
@pytest.mark.parametrize("size", [(240, 320), (16, 16), (32, 48), (37, 50)])
def test_every_variant_is_the_network(path: Path, precision: str, most: int, size: tuple[int, int]) -> None:
    model = Model(path, device="cpu", precision=precision, threads=1)
    image = np.ascontiguousarray(still("otters")[: size[0], : size[1], ::-1])
    hole = holes.freeform(np.random.default_rng(0), *size)
    mine, true = inpainting.run(model, image, hole), evaluate.run_inpainting(filler(), image, hole)
    assert np.array_equal(mine[hole == 0], image[hole == 0])
    assert np.abs(mine.astype(int) - true).max() <= most
    blacked = np.where(hole[..., None] > 0, np.uint8(0), image)
    assert np.array_equal(mine, inpainting.run(model, blacked, hole))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_nothing_known_and_nothing_to_fill(path: Path, precision: str) -> None:
    model = Model(path, device="cpu", precision=precision, threads=1)
    image = np.stack([still("lake")[:32, :48], still("sign")[:32, :48]])
    nothing, everything = np.zeros((2, 32, 48), np.uint8), np.full((2, 32, 48), 255, np.uint8)
    assert np.array_equal(model(image, nothing)[0], image)
    filled = model(image, everything)[0]
    assert np.abs(filled[0].astype(int) - filled[1]).max() <= 1  # nothing to tell them apart
    each = model(image[:1], everything[:1])[0]
    assert np.array_equal(each[0], filled[0])  # a batch is several pictures, no more


def test_only_masks_of_the_picture_are_taken(path: Path) -> None:
    model = Model(path, device="cpu", precision="fp32", threads=1)
    image = np.zeros((1, 32, 48, 3), np.uint8)
    for hole in (np.zeros((1, 32, 32), np.uint8), np.zeros((1, 32, 48), np.bool_), np.zeros((2, 32, 48), np.uint8)):
        with pytest.raises(ImageError, match="takes holes uint8"):
            model(image, hole)
    with pytest.raises(ImageError, match="multiples of 16"):
        model(image[:, :30], np.zeros((1, 30, 48), np.uint8))


def test_a_card_that_lies_is_refused(path: Path, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(path)
    for entry in model.metadata_props:
        if entry.key == "gancam.layout":
            entry.value = "image"
    onnx.save(model, tmp_path / "lies.onnx")
    with pytest.raises(ModelError):
        Model(tmp_path / "lies.onnx", device="cpu", threads=1)


@pytest.mark.parametrize("values", [[-1.0, 3.0], [0.0, 5.0], [-4.0, 0.0], [0.0, 0.0], [2.0, 3.0]])
def test_eight_bits_hold_zero_and_what_was_seen(values: list[float]) -> None:
    seen = np.linspace(values[0], values[1], 500, dtype=np.float32)
    step, zero = inpainting.steps(seen)
    assert step > 0
    assert 0 <= zero <= 255
    coded = (np.clip(np.round(seen / step) + zero, 0, 255) - zero) * step
    assert np.abs(coded - seen).max() <= 0.6 * step + 1e-6


def test_pictures_too_small_to_compare_on_are_named(tmp_path: Path) -> None:
    """Drawing a hole into one of no pixels failed with numbers."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((99, 20, 3), np.uint8))
    with pytest.raises(ValueError, match=r"a\.png has 20x99 pixels, too few to compare on: 32 a side"):
        inpainting.plan(filler(), recipe.parse(RECIPE, name="fill"), tmp_path, [])


def test_the_command_line_writes_what_gancam_opens(tmp_path: Path) -> None:
    made = filler()
    run = write_run(tmp_path / "run", RECIPE, made)
    bench = str(crops(tmp_path / "bench"))
    arguments = [
        str(run), "-o", str(tmp_path), "--name", "fill", "--images", bench, "--judge", bench, "--licence", "CC0",
    ]  # fmt: skip
    with torch.no_grad():
        assert main(arguments) == 0
    card = read_card(tmp_path / "fill.int8.onnx")
    assert (card.effect, card.layout, card.multiple) == ("inpaint", "masked", 16)
    assert card.parameters == sum(p.numel() for p in made.parameters())
    assert {"gain_box_bench", "ratio_text_bench", "psnr_freeform_bench"} <= card.quality.keys()
    assert json.dumps(dict(card.parity))
