"""Every adversarial loss teaches the generator, in every task that takes one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.training import GENERATOR, JUDGE, go, restorer
from train import checkpoint, losses, networks, recipe, tasks

pytestmark = pytest.mark.usefixtures("one_thread")

PHASE = """
[[phase]]
name = "adversarial"
iterations = 2
losses = { adversarial = 1.0 }
"""
PATCH = JUDGE.replace("unet", "patch")
TRANSLATOR = """
batch = 2
precision = "fp32"
[network]
family = "translator"
widths = [4, 8]
depth = 1
"""
TEXTS = {  # each ends in its [discriminator]
    "super_resolution": restorer(losses="adversarial = 1.0"),
    "inpainting": """
task = "inpainting"
batch = 2
precision = "fp32"
[network]
family = "inpaint"
widths = [4, 4, 4, 4]
depth = 2
[data]
sides = [32]
""" + PHASE,
    "translation": 'task = "translation"' + TRANSLATOR + "[data]\npatch = 32\n" + PHASE,
    "style": 'task = "style"' + TRANSLATOR + '[data]\npatch = 72\nstyle_side = 72\nstyle = "PHOTOS"\n' + PHASE,
    "cyclegan": 'task = "cyclegan"' + TRANSLATOR + '[data]\nresolution = 16\nb = "PHOTOS"\n' + PHASE,
}  # fmt: skip
BEFORE, _, AFTER = GENERATOR.format(iterations=2).partition("[discriminator]")
OPTIONS, _, REST = AFTER.partition("[data]")
TEXTS["unconditional"] = f"{BEFORE}[data]{REST}[discriminator]{OPTIONS}"


def text(task: str, loss: str, photos: Path) -> str:
    judge = {"unconditional": "", "translation": PATCH + "colours = 6\n"}.get(task, PATCH)
    return TEXTS[task].replace("PHOTOS", str(photos)) + judge + f'loss = "{loss}"\n'


def slope(task: str, loss: str, photos: Path) -> float:
    """The norm of the generator's gradient at the first step."""
    torch.manual_seed(0)
    made = tasks.build(recipe.parse(text(task, loss, photos)), photos, torch.device("cpu"))
    batch = made.batch(np.random.default_rng(0), 4) | {"progress": torch.tensor(0.0)}
    assert made.discriminator is not None
    made.generator_losses(batch, made.generate(batch), {"adversarial": 1.0}).total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None and p.requires_grad for p in made.discriminator.parameters())
    slopes = [p.grad.flatten() for p in made.generator.parameters() if p.grad is not None]
    return float(torch.cat(slopes).norm())


@pytest.mark.parametrize("task", sorted(TEXTS))
def test_every_loss_has_a_slope_for_the_generator(task: str, photos: Path) -> None:
    usual = slope(task, "hinge", photos)
    assert usual > 0
    for loss in losses.ADVERSARIAL:
        assert slope(task, loss, photos) > 0.1 * usual, loss


@pytest.mark.parametrize("loss", sorted(losses.ADVERSARIAL))
def test_a_training_goes_towards_the_pictures(loss: str, tmp_path: Path) -> None:
    white = tmp_path / "white"
    white.mkdir()
    for level in range(250, 256):
        Pillow.new("L", (8, 8), level).save(white / f"{level}.png")
    plan = text("unconditional", loss, white).replace("iterations = 2", "iterations = 40\nlr = 3e-3")
    plan = plan.replace("batch =", "ema = 0.5\nbatch =", 1)
    z = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    levels = []
    for steps in (1, 10):
        go(plan, white, tmp_path / "run", stop_after=steps)
        generator = networks.build("mlp", resolution=8, latent=6).eval()
        generator.load_state_dict(checkpoint.load(tmp_path / "run")["ema"])
        levels.append(float(generator(z).detach().mean()))
    assert levels[1] > levels[0] + 0.02
