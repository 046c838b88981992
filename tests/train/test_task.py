"""The super-resolution task's terms: what is learned, by whom, from what."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.training import JUDGE, check_that_each_term_teaches_the_generator_alone, restorer
from train import recipe, sheets, tasks
from train.networks.sr import SuperResolution, Upscaler
from train.tasks.super_resolution import TERMS, SuperResolutionTask

PLAN = restorer(degradation="webcam", losses="adversarial = 1.0") + JUDGE.replace("unet", "patch") + 'loss = "hinge"'


@pytest.fixture
def task(tmp_path: Path) -> SuperResolutionTask:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).resize((140, 120)).save(tmp_path / "photo.png")
    torch.manual_seed(0)
    built = tasks.build(recipe.parse(PLAN), tmp_path, torch.device("cpu"))
    assert isinstance(built, SuperResolutionTask)
    return built


def test_every_term_teaches_the_generator_and_it_alone(task: SuperResolutionTask) -> None:
    check_that_each_term_teaches_the_generator_alone(task, TERMS)


def test_who_draws_luma_alone_is_not_asked_for_colours_by_activations(task: SuperResolutionTask) -> None:
    batch = task.batch(np.random.default_rng(0), 2)
    weights = {"perceptual": 1.0, "distance": 1.0, "adversarial": 1.0, "feature_matching": 1.0}
    fringe = torch.tensor([0.587, -0.299, 0.0]).view(1, 3, 1, 1) * torch.rand(batch["high"].shape[2:])

    def asked(colours: torch.Tensor) -> float:
        torch.manual_seed(0)
        return float(task.generator_losses(batch, task.generate(batch) + colours, weights).total.detach())

    assert abs(asked(fringe) - asked(0 * fringe)) > 0.01
    task.draws = "luma"
    assert asked(fringe) == pytest.approx(asked(0 * fringe), abs=1e-4)
    assert abs(asked(fringe.abs()) - asked(0 * fringe)) > 0.01


def test_what_is_drawn_is_luma_or_colours(tmp_path: Path) -> None:
    Pillow.new("RGB", (140, 120)).save(tmp_path / "photo.png")
    plan = PLAN.replace('"webcam"', '"webcam"\ndraws = "grey"')
    with pytest.raises(ValueError, match="draws 'grey' must be colours or luma"):
        tasks.build(recipe.parse(plan), tmp_path, torch.device("cpu"))


def test_the_discriminator_learns_from_a_fake_that_it_does_not_teach(task: SuperResolutionTask) -> None:
    batch = task.batch(np.random.default_rng(0), 2)
    discriminator = task.discriminator
    assert discriminator is not None
    loss = task.discriminator_losses(batch, task.generate(batch).detach(), {})
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in task.generator.parameters())
    assert any(p.grad is not None for p in discriminator.parameters())
    assert not batch["high"].requires_grad


def test_a_judge_learns_to_tell_the_two_apart(task: SuperResolutionTask) -> None:
    discriminator = task.discriminator
    assert discriminator is not None
    optimiser = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    for iteration in range(40):
        batch = task.batch(np.random.default_rng(iteration), 4)
        loss = task.discriminator_losses(batch, task.generate(batch).detach(), {})
        optimiser.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.terms["real"] > loss.terms["fake"]
    assert float(loss.terms["discriminator"].detach()) < 1.9  # 2 is what a discriminator that knows nothing loses


def test_a_plane_stays_a_plane(task: SuperResolutionTask) -> None:
    """Bilinear upscaling, which is right on a plane, loses what rounding and noise cost; a mesh loses more."""

    class Bilinear(Upscaler):
        scale, receptive_field = 2, 2

        def __init__(self, mesh: float) -> None:
            super().__init__()
            self.mesh = mesh

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            y[:, :, ::2, ::2] += self.mesh
            return y

    torch.manual_seed(0)
    task.generator = Bilinear(0.0)
    right = float(task.generator_losses({"high": torch.zeros(1)}, torch.zeros(1), {"plane": 1.0}).total)
    torch.manual_seed(0)
    task.generator = Bilinear(0.05)
    meshed = float(task.generator_losses({"high": torch.zeros(1)}, torch.zeros(1), {"plane": 1.0}).total)
    assert right < 1.0 / 255
    assert meshed == pytest.approx(right + 0.05 / 4, abs=0.003)


def test_the_sheet_is_the_same_each_time(task: SuperResolutionTask) -> None:
    sheet = task.preview(task.generator)
    assert sheet.shape == (sheets.HEAD + 6 * (6 * 32 + 5 * sheets.GAP), 6 * (3 * 32 + 2 * sheets.GAP), 3)
    assert np.array_equal(sheet, task.preview(task.generator))
    other = task.preview(SuperResolution(scale=2, channels=4, depth=1, expansion=4))
    made, truth = (slice(6 * (32 + sheets.GAP) * column, 6 * (32 + sheets.GAP) * (column + 1)) for column in (1, 2))
    assert np.array_equal(sheet[:, truth], other[:, truth])
    assert not np.array_equal(sheet[:, made], other[:, made])
