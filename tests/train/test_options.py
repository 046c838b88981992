"""What a table of a recipe may say: keys, kinds and bounds, of every task and network, in one form of message."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

from tests.helpers.training import GENERATOR, JUDGE, restorer
from train import adversarial, networks, options, recipe, tasks

GAN = GENERATOR.format(iterations=1).replace('side = "disc', 'NEW\nside = "disc')
PLAN = restorer() + JUDGE


def of(task: str) -> str:
    return PLAN.replace("super_resolution", task).replace('degradation = "bicubic"', "")


@pytest.mark.parametrize(("hint", "good", "wrong"), [
    (options.Count, 1_000_000, [0, -3, 1.5, True, "1", 10**400]), (options.Share, 1, [-0.1, 1.1, float("nan"), "x"]),
    (options.Part, 0.0, [1.0]), (options.Rate, 1e-9, [0.0, float("inf")]), (options.Finite, -1.0, [float("nan")]),
    (float, 0.0, [-1.0]), (int | None, None, [-1]), (tuple[options.Share, ...], [0.5, 1], [0.5]),
    (bool, True, [1]), (str, "", [0]),
])  # fmt: skip
def test_a_type_says_what_a_value_may_be(hint: object, good: object, wrong: list[object]) -> None:
    options.check("x", good, hint)
    for value in wrong:
        with pytest.raises(ValueError, match=f"^x = {re.escape(str(options._shown(value)))} must be "):
            options.check("x", value, hint)


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_of_the_package_keeps_within_its_bounds(name: str) -> None:
    plan = recipe.load(name)
    network = dict(plan.network)
    networks.check(network.pop("family"), network)
    tasks.data_of(import_module(f"train.tasks.{plan.task}").Data, plan)


@pytest.mark.parametrize(("text", "change", "says"), [
    (GAN, ("NEW", "r1 = 1.0\nlazy = 0"), "[discriminator] lazy = 0 must be a whole number, 1 to 1,000,000"),
    (GAN, ("NEW", "r1 = -5.0"), "[discriminator] r1 = -5.0 must be a number, 0 or more"),
    (GAN, ("NEW", "noise = nan"), "[discriminator] noise = nan must be a number, 0 or more"),
    (GAN, ("NEW", "augment_p = 7.0"), "[discriminator] augment_p = 7.0 must be a number, 0 to 1"),
    (GAN, ("NEW", "smoothing = 40.0"), "[discriminator] smoothing = 40.0 must be a number, 0 to 1"),
    (GAN, ("NEW", "flips = -1"), "[discriminator] flips = -1 must be a number, 0 to 1"),
    (GAN, ("NEW", "mixing = 0.5"), "mixing = 0.5 must be 0: mlp has one style alone"),
    (GAN, ("channels = 1", "channels = 4\nnames = []"), "[data] channels = 4"),
    (GAN, ("latent = 6", "latent = 100000000"), "latent = 100000000 must be a whole number, 1 to 1,000,000"),
    (PLAN, ("depth = 1", "depth = 100000"), "depth = 100000 must be a whole number, 0 to 1,000"),
    (PLAN, ("channels = 4", "channels = 9000"), "has more than 268,435,456 weights: fewer channels"),
    (PLAN, ("batch = 4", "batch = 1000000000"), "batch = 1000000000 must be a whole number, 1 to 1,000,000"),
    (PLAN, ("batch = 4", "batch = 300000"), "batch = 300000 of 16x16 pixels is more than 67,108,864 pixels"),
    (PLAN, ("patch = 16", "patch = 10000"), "batch = 4 of 10000x10000 pixels is more than 67,108,864 pixels"),
    (PLAN, ("iterations = 1", "iterations = 10000000000"), "iterations = 10000000000 must be a whole number, 1 to"),
    (GAN, ('family = "mlp"', 'family = "latent"'), "no network family 'latent'"),
    (GAN, ('family = "mlp"', 'family = "__init__"'), "no network family '__init__'"),
    (GAN, ("latent = 6", "latent = 0"), "latent = 0 must be a whole number, 1 to 1,000,000"),
    (PLAN, ("batch =", "ema = 1.0\nbatch ="), "ema = 1.0 must be a number, 0 or more and less than 1"),
    (PLAN, ("batch =", "betas = [0.9, 1.5]\nbatch ="), "betas = 1.5 must be a number, 0 or more and less than 1"),
    (PLAN, ("batch =", "clip = -1\nbatch ="), "clip = -1 must be a number, 0 or more"),
    (PLAN, ("batch =", "seed = -1\nbatch ="), "seed = -1 must be a whole number, 0 to"),
    (PLAN, ("iterations =", "lr = 0\niterations ="), "[[phase]] 1: lr = 0 must be a number, more than 0"),
    (PLAN, ("iterations =", "hold = 2\niterations ="), "constant_fraction = 2 must be a number, 0 to 1"),
    (PLAN, ("iterations =", "floor = -1\niterations ="), "min_lr_fraction = -1 must be a number, 0 to 1"),
    (PLAN, ("patch =", "warp = 1.5\npatch ="), "[data] warp = 1.5 must be a number, 0 to 1"),
    (PLAN, ('kind = "unet"', 'kind = "unet"\nr1 = nan'), "[discriminator] r1 = nan must be a number, 0 or more"),
    (PLAN, ('kind = "unet"', 'kind = "unet"\nlazy = 2'), "unknown [discriminator] key 'lazy'"),
    (of("translation"), ("patch =", "sizes = [0.0]\npatch ="), "sizes = 0.0 must be a number, more than 0 and 1"),
    (of("translation"), ("patch =", "sizes = []\npatch ="), "sizes = [] must have something in it"),
    (of("translation"), ("patch =", "noise = 3\npatch ="), "[data] noise = 3 must be a number, 0 to 1"),
    (of("distil"), ("patch =", 'teacher = "x"\nblend = 1.5\npatch ='), "blend = 1.5 must be"),
    (of("distil"), ("patch =", 'teacher = "x"\nshared = 7\npatch ='), "shared = 7 must be"),
    (of("inpainting"), ("patch = 16", "sides = []"), "sides = [] must have something"),
    (of("inpainting"), ("patch = 16", "fade = -1"), "[data] fade = -1 must be a number"),
    (of("style"), ("patch =", "square = 0\npatch ="), "square = 0 must be a whole number"),
    (of("cyclegan"), ("patch = 16", 'b = "x"\nresolution = 0'), "resolution = 0 must be"),
    (of("classification"), ("l1 = 1.0", "l1 = 1"), "unknown [data] key 'patch'"),
    (of("classification"), ("patch = 16", ""), "unknown loss l1"),
])  # fmt: skip
def test_a_value_that_means_nothing_is_named_with_what_would_do(
    text: str, change: tuple[str, str], says: str, photos: Path
) -> None:
    assert change[0] in text
    with pytest.raises(ValueError, match=re.escape(says)):
        tasks.build(recipe.parse(text.replace(*change, 1).replace("NEW", "")), photos, torch.device("cpu"))


def test_a_network_that_does_not_enlarge_is_refused_for_super_resolution(photos: Path) -> None:
    plan = re.sub(r"(?s)family = \"sr\".*?\[data\]", 'family = "translator"\n[data]', restorer())
    with pytest.raises(ValueError, match="has no scale"):
        tasks.build(recipe.parse(plan), photos, torch.device("cpu"))


def test_what_is_read_is_of_the_types_of_its_fields(photos: Path) -> None:
    plan = recipe.parse(GAN.replace("NEW", 'augment_p = 1\naugment = ["colour"]'))
    read, network = tasks.practices(adversarial.Unconditional, plan)
    assert isinstance(read.augment_p, float)
    assert read.augment == ("colour",)
    assert set(network) == {"family", "side", "resolution"}


@pytest.mark.parametrize("family", ["stylegan", "residual", "projected"])
def test_a_resolution_that_is_no_power_of_two_is_refused(family: str) -> None:
    for resolution in (1, 3, 4, 24):
        with pytest.raises(ValueError, match=f"resolution {resolution} must be a power of two, 8 or more"):
            networks.build(family, resolution=resolution)
