"""The inpainting task: what its batches are, what its terms teach, how it is judged."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.training import check_that_each_term_teaches_the_generator_alone
from train import evaluate, holes, loop, recipe, report, sheets, tasks
from train.data import Pixels
from train.tasks.inpainting import TERMS, InpaintingTask

PLAN = """
task = "inpainting"
[network]
family = "inpaint"
widths = [4, 4, 4, 4]
depth = 2
[discriminator]
family = "discriminators"
kind = "patch"
channels = 4
[data]
sides = [32, 64]
[[phase]]
name = "all"
iterations = 1
losses = { adversarial = 1.0 }
"""


@pytest.fixture
def photo() -> Pixels:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    return np.asarray(Pillow.fromarray(pixels).resize((140, 120)))


@pytest.fixture
def task(tmp_path: Path, photo: Pixels) -> InpaintingTask:
    Pillow.fromarray(photo).save(tmp_path / "photo.png")
    torch.manual_seed(0)
    built = tasks.build(recipe.parse(PLAN), tmp_path, torch.device("cpu"))
    assert isinstance(built, InpaintingTask)
    return built


def test_it_trains_and_is_judged(tmp_path: Path, photo: Pixels) -> None:
    Pillow.fromarray(photo).save(tmp_path / "photo.png")
    plan = recipe.parse(PLAN.replace("iterations = 1", "iterations = 2"))
    every = report.Every(log=1, evaluate=2, checkpoint_seconds=1e9)
    figures = loop.train(plan, tmp_path, tmp_path / "run", device=torch.device("cpu"), every=every)
    assert figures.keys() >= {"psnr_text", "gain_box", "ratio_freeform"}


def test_a_batch_costs_the_same_whatever_its_side(task: InpaintingTask) -> None:
    shapes = {tuple(task.batch(np.random.default_rng(seed), 8)["truth"].shape) for seed in range(12)}
    assert shapes == {(8, 3, 32, 32), (2, 3, 64, 64)}
    batch, again = (task.batch(np.random.default_rng(5), 8) for _ in range(2))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert batch["hole"].shape[1] == 1
    assert all(0 < share < 0.5 for share in batch["hole"].mean((1, 2, 3)))


def test_every_term_teaches_the_generator_and_it_alone(task: InpaintingTask) -> None:
    check_that_each_term_teaches_the_generator_alone(task, TERMS)


def test_a_perfect_fill_loses_nothing(task: InpaintingTask) -> None:
    batch = task.batch(np.random.default_rng(0), 2)
    loss = task.generator_losses(batch, batch["truth"].clone(), dict.fromkeys(TERMS - {"adversarial"}, 1.0))
    assert float(loss.terms["decibels"]) == pytest.approx(-50.0)
    for name in ("l1", "perceptual", "distance", "feature_matching"):
        assert float(loss.terms[name]) == pytest.approx(0.0, abs=1e-6), name


def test_the_size_of_a_hole_does_not_weigh(task: InpaintingTask) -> None:
    truth = torch.full((2, 3, 32, 32), 0.5)
    hole = torch.zeros(2, 1, 32, 32)
    hole[0, :, :2, :2], hole[1, :, :20, :20] = 1.0, 1.0
    loss = task.generator_losses({"truth": truth, "hole": hole}, truth + 0.1 * hole, {"l1": 1.0, "decibels": 0.0})
    assert float(loss.terms["l1"]) == pytest.approx(0.1, rel=1e-4)
    assert float(loss.terms["decibels"]) == pytest.approx(-20.0, abs=0.1)


def test_the_discriminator_looks_at_holes_alone(task: InpaintingTask) -> None:
    batch = task.batch(np.random.default_rng(0), 2)
    discriminator = task.discriminator
    assert discriminator is not None
    loss = task.discriminator_losses(batch, task.generate(batch).detach(), {})
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in task.generator.parameters())
    assert any(p.grad is not None for p in discriminator.parameters())


FEATURES = PLAN.replace('family = "discriminators"\nkind = "patch"', 'family = "features"\nmixed = 4')


def wide(folder: Path, photo: Pixels, more: str) -> InpaintingTask:
    Pillow.fromarray(photo).save(folder / "photo.png")
    torch.manual_seed(0)
    built = tasks.build(recipe.parse(FEATURES.replace("sides =", more + "\nsides =")), folder, torch.device("cpu"))
    assert isinstance(built, InpaintingTask)
    return built


def test_every_head_of_a_discriminator_of_features_judges_holes(tmp_path: Path, photo: Pixels) -> None:
    task = wide(tmp_path, photo, 'holes = "wide"')
    discriminator = task.discriminator
    assert discriminator is not None
    batch = task.batch(np.random.default_rng(0), 2)
    assert len(discriminator(batch["truth"])) == 4
    fixed = {name: value.clone() for name, value in discriminator.named_parameters() if name.startswith("mix.")}
    loss = task.discriminator_losses(batch, task.generate(batch).detach(), {})
    loss.total.backward()  # type: ignore[no-untyped-call]
    learning = {name for name, value in discriminator.named_parameters() if value.grad is not None}
    assert not learning & fixed.keys()
    assert {name.split(".")[1] for name in learning if name.startswith("heads.")} == {"0", "1", "2"}
    adversarial = task.generator_losses(batch, task.generate(batch), {"adversarial": 1.0})
    adversarial.total.backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.generator.parameters())


def test_what_lies_deep_in_a_hole_weighs_less(tmp_path: Path, photo: Pixels) -> None:
    task = wide(tmp_path, photo, "fade = 4.0")
    truth, hole = torch.full((1, 3, 32, 32), 0.5), torch.zeros(1, 1, 32, 32)
    hole[:, :, 4:28, 4:28] = 1.0
    rim, core = torch.zeros_like(truth), torch.zeros_like(truth)
    rim[:, :, 4, 4:28], core[:, :, 16, 4:28] = 0.1, 0.1
    at_rim, inside = (
        float(task.generator_losses({"truth": truth, "hole": hole}, truth + wrong, {"l1": 1.0}).terms["l1"])
        for wrong in (rim, core)
    )
    assert inside < 0.5 * at_rim


def test_what_does_not_go_together_is_refused(tmp_path: Path, photo: Pixels) -> None:
    Pillow.fromarray(photo).save(tmp_path / "photo.png")
    for text, says in (
        (PLAN.replace("sides =", 'holes = "round"\nsides ='), "holes 'round' must be one of all, wide"),
        (FEATURES.replace("adversarial = 1.0", "adversarial = 1.0, feature_matching = 1.0"), "none to match"),
    ):
        with pytest.raises(ValueError, match=says):
            tasks.build(recipe.parse(text), tmp_path, torch.device("cpu"))


def test_the_sheet_is_the_same_each_time(task: InpaintingTask) -> None:
    sheet = task.preview(task.generator)
    assert sheet.shape[1] == 3 * (3 * 64 + 2 * sheets.GAP)
    assert np.array_equal(sheet, task.preview(task.generator))


def test_figures_are_against_the_better_of_opencvs_two(photo: Pixels) -> None:
    peers = evaluate.inpainting_peers([photo])
    perfect = evaluate.inpainting(lambda image, hole: photo, [photo], peers)
    black = evaluate.inpainting(lambda image, hole: image, [photo], peers)
    for kind in holes.JUDGED:
        assert perfect[f"psnr_{kind}"] == np.inf
        assert perfect[f"ratio_{kind}"] == 0.0
        assert black[f"psnr_{kind}"] < 20
        assert black[f"gain_{kind}"] == pytest.approx(black[f"psnr_{kind}"] - peers[0][kind][0])
        assert black[f"gain_{kind}"] < 0


def test_an_odd_image_is_filled_and_its_known_pixels_stay(task: InpaintingTask, photo: Pixels) -> None:
    image = photo[:37, :53]
    hole = holes.box(np.random.default_rng(0), 37, 53)
    filled = evaluate.run_inpainting(task.generator, image, hole)
    assert np.array_equal(filled[hole == 0], image[hole == 0])
    blacked = np.where(hole[..., None] > 0, np.uint8(0), image)
    assert np.array_equal(filled, evaluate.run_inpainting(task.generator, blacked, hole))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sides = [40]", "multiples of 16"),
        ("sides = []", "must have something in it"),
        ("patch = 3\nsides = [32]", "unknown"),
    ],
)
def test_a_recipe_of_nonsense_is_refused(tmp_path: Path, line: str, says: str) -> None:
    plan = recipe.parse(PLAN.replace("sides = [32, 64]", line))
    with pytest.raises(ValueError, match=says):
        tasks.build(plan, tmp_path, torch.device("cpu"))
