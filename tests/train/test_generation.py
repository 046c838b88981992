"""Distances between sets of pictures, against what is known of them."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from train import generation, networks, recipe, tasks
from train.data import Pictures
from train.networks import digits
from train.networks.latent import LatentGenerator


def cloud(count: int, shift: float = 0.0, spread: float = 1.0, seed: int = 0, dim: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, dim)) * spread + shift).astype(np.float32)


def test_frechet_distance_of_gaussians() -> None:
    a = cloud(20_000)
    assert generation.frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6)
    assert generation.frechet_distance(a, cloud(20_000, shift=2.0, seed=1)) == pytest.approx(4 * 4.0, rel=0.03)
    wide = cloud(20_000, spread=3.0, seed=1)
    assert generation.frechet_distance(a, wide) == pytest.approx(4 * (3 - 1) ** 2, rel=0.03)


def test_kernel_distance_is_about_zero_for_equals_and_repeats() -> None:
    a, b, far = cloud(1000), cloud(1000, seed=1), cloud(1000, shift=1.0, seed=2)
    near = generation.kernel_distance(a, b)
    assert abs(near) < 0.05 * generation.kernel_distance(a, far)
    assert near == generation.kernel_distance(a, b)


def test_neighbours_tell_fidelity_from_variety() -> None:
    real = cloud(400)
    same = generation.neighbours(real, cloud(400, seed=1))
    assert min(same.values()) > 0.7
    narrow = generation.neighbours(real, cloud(400, spread=0.1, seed=1))  # good pictures, all alike
    assert narrow["precision"] > 0.95
    assert narrow["recall"] < 0.2
    assert narrow["coverage"] < 0.5
    strange = generation.neighbours(real, cloud(400, shift=20.0, seed=1))
    assert strange == {"precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0}


def test_copies_are_found() -> None:
    rng = np.random.default_rng(0)
    reals = rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    fresh = rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    assert generation.near_copies(fresh, reals) == 0.0
    copied = fresh.copy()
    copied[:15] = reals[:15]
    copied[15:30] = reals[15:30, :, ::-1]  # mirrored
    noise = rng.integers(-4, 5, copied[:30].shape)
    copied[:30] = np.clip(copied[:30] + noise, 0, 255)
    assert generation.near_copies(copied, reals) == pytest.approx(0.5)


@pytest.mark.slow
def test_large_sets_are_compared_in_parts() -> None:
    rng = np.random.default_rng(0)
    reals = rng.integers(0, 256, (1300, 16, 16, 1), dtype=np.uint8)
    fakes = rng.integers(0, 256, (1100, 16, 16, 1), dtype=np.uint8)
    fakes[[0, 499, 500, 1099]] = reals[[1299, 500, 499, 0]]
    assert generation.near_copies(fakes, reals) == pytest.approx(4 / 1100)
    many = cloud(generation.SHOWN + 2000)
    assert generation.neighbours(many, cloud(300, seed=1))["precision"] > 0.7


def test_variety() -> None:
    rng = np.random.default_rng(0)
    reals = rng.integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    assert generation.variety(reals, reals) == pytest.approx(1.0)
    assert generation.variety(np.repeat(reals[:1], 50, axis=0), reals) == 0.0


def test_samples_depend_on_the_seed_alone() -> None:
    torch.manual_seed(0)
    generator = networks.build("stylegan", resolution=8, channels=4, most=8, latent=6, depth=1).eval()
    assert isinstance(generator, LatentGenerator)
    z = generation.latents(generator, 5, seed=3)
    assert torch.equal(z, generation.latents(generator, 5, seed=3))
    a = generation.sample(generator, z, batch=2)
    assert a.shape == (5, 8, 8, 3)
    assert a.dtype == np.uint8
    assert np.abs(a.astype(int) - generation.sample(generator, z)).max() <= 1


def test_digits_are_told_apart() -> None:
    """Strokes that anybody reads as a one or a zero."""
    images = np.zeros((2, 28, 28, 1), np.uint8)
    images[0, 5:23, 13:16] = 255
    rows, columns = np.mgrid[:28, :28]
    radius = np.hypot((rows - 13.5) / 1.25, columns - 13.5)
    images[1, ..., 0] = np.where((radius > 4.5) & (radius < 7.5), 255, 0)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    assert digits.shared("cpu")(x).argmax(1).tolist() == [1, 0]
    found = generation.digit_modes(np.repeat(images, 500, axis=0), torch.device("cpu"))
    assert found["modes"] == 2
    assert found["kl"] == pytest.approx(np.log(5))


@pytest.mark.slow
def test_ten_kinds_of_the_shape_of_digits_are_no_digits(tmp_path: Path) -> None:
    """Stripes at ten angles, labelled 0 to 9: a perfect generator of them gets no figures of digits."""
    places, rng = np.arange(28) - 13.5, np.random.default_rng(0)
    angles = np.linspace(0, 3, 10)[:, None, None]
    kinds = 127 + 120 * np.sin(0.5 * (places[:, None] * np.cos(angles) + places * np.sin(angles)))
    labels = np.arange(200) % 10
    pictures = (kinds[labels] + rng.normal(0, 8, (200, 28, 28))).clip(0, 255).astype(np.uint8)
    np.savez(tmp_path / "stripes.npz", x_train=pictures, y_train=labels)
    made = recipe.load("cgan-mnist")
    generator = networks.build(**{**made.network, "channels": 4}).eval()
    assert isinstance(generator, LatentGenerator)
    found = generation.score_run(made, generator, tmp_path / "stripes.npz", samples=60).figures
    assert not {"modes", "kl", "agreement"} & found.keys()
    assert {"frechet", "frechet_of_reals", "variety"} <= found.keys()
    task = tasks.build(made, tmp_path / "stripes.npz", torch.device("cpu"))
    assert not {"modes", "kl", "agreement"} & task.evaluate(generator, None).keys()


def test_stripes_that_are_labelled_as_digits_are_none(tmp_path: Path) -> None:
    stripes = np.zeros((100, 28, 28), np.uint8)
    for index in range(100):
        stripes[index, :, index % 10 :: 10] = 255
    np.savez(tmp_path / "stripes.npz", x_train=stripes, y_train=np.arange(100) % 10)
    pictures = Pictures(tmp_path / "stripes.npz", resolution=28, channels=1)
    assert pictures.classes == generation.DIGITS
    assert not generation.are_digits(pictures, torch.device("cpu"))


def test_digits_that_the_classifier_knows_are_digits(tmp_path: Path) -> None:
    """Samples of the bundled generator of digits, labelled by what they are, and by what they are not."""
    from gancam.latent.samples import generate, open_generator

    images = generate(open_generator("mnist", device="cpu", precision="fp32", threads=1), range(150))[..., 0]
    x = torch.from_numpy(images)[:, None].float() / 255
    labels = digits.shared("cpu")(x).argmax(1).numpy()
    assert set(labels) == set(range(10))
    for shift, are in ((0, True), (1, False)):
        np.savez(tmp_path / "digits.npz", x_train=images, y_train=(labels + shift) % 10)
        pictures = Pictures(tmp_path / "digits.npz", resolution=28, channels=1)
        assert generation.are_digits(pictures, torch.device("cpu")) is are


def test_the_command_line_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generation.main([str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "no checkpoint" in capsys.readouterr().err
    assert "Traceback" not in capsys.readouterr().err
    assert "torchmetrics" in sys.modules


def test_too_few_pictures_are_refused_before_anything_is_computed(tmp_path: Path) -> None:
    generator = networks.build("stylegan", resolution=8, channels=4, most=8, latent=6, depth=1).eval()
    assert isinstance(generator, LatentGenerator)
    made = recipe.load("dcgan")
    for index in range(7):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((80, 80, 3), 30 * index, np.uint8))
    with pytest.raises(ValueError, match=r" has 7 usable pictures: distances .* need 50 at the least, and some"):
        generation.score_run(made, generator, tmp_path)
    with pytest.raises(ValueError, match=r"^--samples 7: distances"):
        generation.score_run(made, generator, tmp_path, samples=7)
