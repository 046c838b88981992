"""Unconditional GANs: every practice can be switched on, does what it says, and survives a stop."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.training import go, same
from train import checkpoint, loop, networks, recipe, tasks
from train.data import Pictures
from train.networks.dcgan import MinibatchDiscrimination
from train.networks.latent import LatentGenerator
from train.networks.residual import minibatch_deviation
from train.networks.stylegan import ModulatedConv, StyledLayer
from train.processes import Group
from train.tasks.unconditional import UnconditionalTask

pytestmark = pytest.mark.usefixtures("one_thread")

DCGAN = """
task = "unconditional"
batch = 8
precision = "fp32"
clip = 0
[network]
family = "dcgan"
resolution = 8
channels = 4
latent = 6
[discriminator]
family = "dcgan"
side = "discriminator"
resolution = 8
channels = 4
{practices}
[data]
resolution = 8
mirror = true
[[phase]]
name = "adversarial"
iterations = {iterations}
losses = {{ adversarial = 1.0 }}
"""
STYLE = """
task = "unconditional"
batch = 4
betas = [0.0, 0.99]
[network]
family = "stylegan"
resolution = 16
channels = 4
most = 8
latent = 8
depth = 2
[discriminator]
family = "projected"
resolution = 16
channels = 4
most = 8
group = 2
side = 64
mixed = 8
loss = "hinge"
augment = ["colour", "translation", "cutout"]
adapt = 0.6
r1 = 1.0
lazy = 2
mixing = 0.9
[data]
resolution = 16
[[phase]]
name = "adversarial"
iterations = 6
losses = { adversarial = 1.0 }
"""


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of 24 pictures in two classes."""
    path = tmp_path_factory.mktemp("pile") / "pile.zip"
    folder = path.parent
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(24):
            picture = np.full((16, 20, 3), rng.integers(0, 256, 3), np.uint8)
            picture[4:12, 6:14] = rng.integers(0, 256, 3)
            Pillow.fromarray(picture).save(folder / "one.png")
            archive.write(folder / "one.png", f"{'ab'[index % 2]}/{index}.png")
    return path


def task(text: str, data: Path) -> UnconditionalTask:
    torch.manual_seed(0)  # the initial weights
    made = tasks.build(recipe.parse(text), data, torch.device("cpu"))
    assert isinstance(made, UnconditionalTask)
    return made


def losses_of(made: UnconditionalTask, *, progress: float = 0.0) -> dict[str, torch.Tensor]:
    batch = made.batch(np.random.default_rng(0), 8) | {"progress": torch.tensor(progress)}
    torch.manual_seed(0)
    fake = made.generate(batch)
    return made.discriminator_losses(batch, fake.detach(), {"adversarial": 1.0}).terms


def test_one_picture_is_enough_to_be_judged(tmp_path: Path) -> None:
    Pillow.new("RGB", (16, 16), "teal").save(tmp_path / "one.png")
    made = task(DCGAN.format(practices="", iterations=1), tmp_path)
    assert made.evaluate(made.generator, None).keys() == {"variety"}


@pytest.mark.parametrize("practices", [
    'norm = "spectral"', 'augment = ["translation"]\nadapt = 0.6',
    *(pytest.param(more, marks=pytest.mark.slow)
      for more in ('loss = "wasserstein"\ngradient_penalty = 10.0', "r1 = 1.0\nlazy = 2", 'loss = "minimax"',
                   "flips = 0.1", "noise = 0.2", 'loss = "nonsaturating"', 'loss = "hinge"',
                   'loss = "least_squares"', "smoothing = 0.1", "likeness = true",
                   'augment = ["colour"]\nlikely = 0.5')),
])  # fmt: skip
def test_each_practice_trains_and_resumes_exactly(practices: str, pile: Path, tmp_path: Path) -> None:
    text = DCGAN.format(practices=practices, iterations=6)
    go(text, pile, tmp_path / "whole")
    go(text, pile, tmp_path / "cut", stop_after=3)
    start = checkpoint.load(tmp_path / "cut")
    go(text, pile, tmp_path / "cut")
    whole = checkpoint.load(tmp_path / "whole")
    assert same(whole, checkpoint.load(tmp_path / "cut"))
    for player in ("generator", "discriminator", "ema"):
        assert not same(start[player], whole[player])


@pytest.mark.slow
def test_the_style_based_one_trains_and_resumes_exactly(pile: Path, tmp_path: Path) -> None:
    go(STYLE, pile, tmp_path / "whole")
    go(STYLE, pile, tmp_path / "cut", stop_after=3)
    go(STYLE, pile, tmp_path / "cut")
    whole = checkpoint.load(tmp_path / "whole")
    assert same(whole, checkpoint.load(tmp_path / "cut"))
    assert whole["generator"]["centre"].abs().sum() > 0
    assert list((tmp_path / "whole").glob("samples-*.png"))


@pytest.mark.slow
def test_weight_decay_shrinks_weights(pile: Path, tmp_path: Path) -> None:
    sizes = {}
    for decay in ("", "decay_l1 = 0.1\n", "decay_l2 = 0.1\n"):
        go(decay + DCGAN.format(practices="", iterations=20), pile, tmp_path / (decay[:8] or "none"))
        state = checkpoint.load(tmp_path / (decay[:8] or "none"))
        sizes[decay[:8]] = sum(float(w.abs().sum()) for name, w in state["generator"].items() if "weight" in name)
    assert sizes["decay_l1"] < 0.97 * sizes[""]
    assert sizes["decay_l2"] < 0.97 * sizes[""]


@pytest.mark.parametrize(
    ("practices", "says"),
    [
        ("r11 = 1.0", r"unknown \[discriminator\] key 'r11': the task has .*r1.*, the network .*channels"),
        ('r1 = "much"', r"\[discriminator\] r1 = 'much' must be a number, 0 or more"),
        ('augment = "colour"', r"\[discriminator\] augment = 'colour' must be a list"),
    ],
)
def test_a_practice_that_is_not_there_is_named(practices: str, says: str, pile: Path) -> None:
    with pytest.raises(ValueError, match=says):
        task(DCGAN.format(practices=practices, iterations=1), pile)


def test_smoothing_calls_reals_less_real(pile: Path) -> None:
    plain = losses_of(task(DCGAN.format(practices="", iterations=1), pile))
    smooth = losses_of(task(DCGAN.format(practices="smoothing = 0.25", iterations=1), pile))
    expected = plain["discriminator"] + 0.25 * plain["real"]
    torch.testing.assert_close(smooth["discriminator"], expected, atol=1e-5, rtol=1e-5)


def test_flips_of_all_labels_exchange_the_two(pile: Path) -> None:
    made = task(DCGAN.format(practices="flips = 1.0", iterations=1), pile)
    a, b = torch.randn(4, 1), torch.randn(4, 1)
    assert made._lose(a, b) == made.adversarial_loss.discriminator(b, a)


def test_noise_fades_away(pile: Path) -> None:
    noisy = DCGAN.format(practices="noise = 0.5", iterations=1)
    plain = losses_of(task(DCGAN.format(practices="", iterations=1), pile))
    assert losses_of(task(noisy, pile))["discriminator"] != plain["discriminator"]
    assert losses_of(task(noisy, pile), progress=1.0)["discriminator"] == plain["discriminator"]


@pytest.mark.parametrize("processes", [1, 4])
def test_augmentation_adapts_by_the_pictures_of_all_processes(pile: Path, processes: int) -> None:
    made = task(DCGAN.format(practices='augment = ["translation"]\nadapt = 0.6', iterations=1), pile)
    p = made.discriminator.augment_p
    assert isinstance(p, torch.Tensor)
    p.fill_(0.5)
    batch = made.batch(np.random.default_rng(0), 8 // processes)
    batch["progress"] = torch.tensor(0.0)
    sign = made.discriminator_losses(batch, made.generate(batch).detach(), {}).terms["sign"]
    assert float(p) == pytest.approx(0.5 + 8 / 100_000 * (1 if sign > 0.6 else -1), abs=1e-7)


def test_augmentation_adapts_to_the_discriminator(pile: Path) -> None:
    made = task(DCGAN.format(practices='augment = ["translation"]\nadapt = 0.6', iterations=1), pile)
    augment_p = made.discriminator.augment_p
    assert isinstance(augment_p, torch.Tensor)
    made._adapt(torch.tensor(0.9), 1000)
    assert float(augment_p) == pytest.approx(0.01)
    for _ in range(200):
        made._adapt(torch.tensor(0.9), 1000)
    assert float(augment_p) == pytest.approx(0.9)
    made._adapt(torch.tensor(0.1), 1000)
    assert float(augment_p) == pytest.approx(0.89)


def test_alarms_say_what_to_change(pile: Path) -> None:
    made = task(DCGAN.format(practices="", iterations=1), pile)
    assert made.alarms({"variety": 0.9, "discriminator": 1.2}) == []
    assert "collapses" in made.alarms({"variety": 0.1})[0]
    assert "never wrong" in made.alarms({"discriminator": 0.001})[0]


def test_a_collapsed_generator_sets_off_the_alarm(pile: Path) -> None:
    made = task(DCGAN.format(practices="", iterations=1), pile)
    with torch.no_grad():
        for parameter in made.generator.parameters():
            parameter.zero_()
    assert made.alarms(made.evaluate(made.generator.eval(), None))


def test_a_loss_that_is_no_number_rolls_back(pile: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = DCGAN.format(practices="", iterations=8)
    go(text, pile, tmp_path, stop_after=4)
    state = checkpoint.load(tmp_path)
    plan = recipe.parse(text, name="tiny")
    made = tasks.build(plan, pile, torch.device("cpu"))
    training = loop._Training(plan, made, Group())
    training.restore(state)
    with torch.no_grad():
        next(made.generator.parameters()).fill_(float("nan"))
    with pytest.raises(loop.Diverged):
        training.step()
    caplog.set_level("WARNING")
    loop._roll_back(training, tmp_path, loop.Diverged("the loss"))
    assert training.iteration == 4
    assert training.rollbacks == 1
    assert "back to 4 with 1/2 of the learning rate" in caplog.text
    _, lr = training.step()
    assert lr == pytest.approx(0.5 * plan.phases[0].lr)
    training.rollbacks = loop.ROLLBACKS
    with pytest.raises(ValueError, match="training diverged"):
        loop._roll_back(training, tmp_path, loop.Diverged("the loss"))


def test_pictures_come_from_zip_folder_and_arrays(pile: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    zipped = Pictures(pile, resolution=8)
    assert zipped.images.shape == (24, 8, 8, 3)
    assert sorted(np.bincount(zipped.labels)) == [12, 12]
    with zipfile.ZipFile(pile) as archive:
        archive.extractall(tmp_path / "open")
    assert np.array_equal(np.sort(Pictures(tmp_path / "open", resolution=8).images, 0), np.sort(zipped.images, 0))
    rng = np.random.default_rng(0)
    digits = rng.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "d.npz", x_train=digits, y_train=np.arange(5))
    arrays = Pictures(tmp_path / "d.npz", resolution=28, channels=1)
    assert np.array_equal(arrays.images[..., 0], digits)
    assert arrays.labels.tolist() == [0, 1, 2, 3, 4]
    Pillow.fromarray(digits[0, :3, :3]).save(tmp_path / "open" / "tiny.png")
    Pillow.fromarray(digits[0].astype(np.uint16) * 200).save(tmp_path / "open" / "deep.png")
    (tmp_path / "open" / "broken.jpg").write_bytes(b"no picture")
    more = Pictures(tmp_path / "open", resolution=8)
    assert len(more.images) == 25
    assert more.skipped == 2
    assert "broken.jpg" in caplog.text


def test_useless_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.zip"):
        Pictures(tmp_path / "gone.zip", resolution=8)
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        Pictures(tmp_path / "gone.npz", resolution=8)
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    (tmp_path / "bad.npz").write_bytes(b"no arrays")
    for name in ("bad.zip", "bad.npz"):
        with pytest.raises(ValueError, match="is not a complete"):
            Pictures(tmp_path / name, resolution=8)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(FileNotFoundError, match="no image in"):
        Pictures(tmp_path / "empty.zip", resolution=8)
    np.savez(tmp_path / "long.npz", x_train=np.zeros((2, 4, 4), np.int64))
    with pytest.raises(ValueError, match="int64"):
        Pictures(tmp_path / "long.npz", resolution=4)


# Networks


def test_modulation_is_that_of_the_paper() -> None:
    """Scales on activations against scales on kernels, sample by sample (StyleGAN2, equations 1 to 3)."""
    torch.manual_seed(0)
    layer = ModulatedConv(5, 7, 3, 4)
    x, w = torch.randn(3, 5, 6, 6), torch.randn(3, 4)
    for index in range(3):
        kernel = layer.weight * layer.scale * layer.style(w[index : index + 1])[0][None, :, None, None]
        kernel = kernel * torch.rsqrt(kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        expected = torch.nn.functional.conv2d(x[index : index + 1], kernel, padding=1) * 2**0.5
        torch.testing.assert_close(layer(x, w)[index : index + 1], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("resolution", [8, 16, 64])
def test_the_style_generator_keeps_its_contract(resolution: int) -> None:
    torch.manual_seed(0)
    made = networks.build("stylegan", resolution=resolution, channels=4, most=8, latent=6, depth=2)
    assert isinstance(made, LatentGenerator)
    z = torch.randn(3, 6)
    made.eval()
    image = made(z)
    assert image.shape == (3, 3, resolution, resolution)
    assert torch.equal(image, made(z))  # noise rests
    w = made.mapping(z)
    ws = w[:, None].expand(-1, made.layers, -1)
    torch.testing.assert_close(image, made.synthesis(ws))
    other, nothing = torch.randn(3, 6), torch.zeros(3, made.layers, dtype=torch.bool)
    torch.testing.assert_close(made(z, other, nothing), image)
    torch.testing.assert_close(made(z, other, ~nothing), made(other))
    made.train()
    for part in made.modules():
        if isinstance(part, StyledLayer):
            part.strength.data.fill_(0.1)
    assert not torch.equal(made(z), made(z))
    with pytest.raises(ValueError, match="power of two"):
        networks.build("stylegan", resolution=12)


@pytest.mark.parametrize(("resolution", "size", "colours"), [(28, 4, 1), (32, 5, 3), (64, 4, 3), (128, 4, 3)])
def test_dcgan_sizes(resolution: int, size: int, colours: int) -> None:
    options = {"resolution": resolution, "size": size, "colours": colours, "channels": 2}
    generator = networks.build("dcgan", latent=5, **options)
    image = generator(torch.randn(2, 5)).detach()
    assert image.shape == (2, colours, resolution, resolution)
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
    for norm in ("batch", "spectral", "none"):
        discriminator = networks.build("dcgan", side="discriminator", norm=norm, likeness=norm == "none", **options)
        assert discriminator(image).shape == (2, 1)
    with pytest.raises(ValueError, match="norm"):
        networks.build("dcgan", side="discriminator", norm="layer", **options)
    for family in ("dcgan", "mlp"):
        with pytest.raises(ValueError, match="side"):
            networks.build(family, side="middle")


def test_dense_networks() -> None:
    generator, discriminator = networks.build("mlp"), networks.build("mlp", side="discriminator")
    sizes = [layer.out_features for layer in generator.modules() if isinstance(layer, torch.nn.Linear)]
    assert sizes == [128, 256, 512, 784]
    assert discriminator(generator(torch.randn(4, 100))).shape == (4, 1)


def test_alike_batches_give_themselves_away() -> None:
    same_ones, different = torch.ones(8, 4, 2, 2), torch.randn(8, 4, 2, 2)
    assert float(minibatch_deviation(same_ones, 4)[:, 4:].max()) < 1e-3
    assert float(minibatch_deviation(different, 4)[:, 4:].min()) > 0.3
    assert minibatch_deviation(different[:6], 4).shape == (6, 5, 2, 2)  # groups of two
    layer = MinibatchDiscrimination(16)
    with torch.no_grad():
        layer.project.mul_(50)
    alike, unlike = (layer(x).detach()[:, 16:] for x in (torch.ones(6, 16), torch.randn(6, 16)))
    torch.testing.assert_close(alike, torch.full_like(alike, 5.0))  # each of the five others is at distance 0
    assert float(unlike.mean()) < 1.0


def test_frozen_parts_of_the_projection_stay_frozen() -> None:
    discriminator = networks.build("projected", resolution=16, channels=4, most=8, side=64, mixed=8)
    logits = discriminator(torch.rand(2, 3, 16, 16))
    assert len(logits) == 5
    discriminator.requires_grad_(False)
    discriminator.requires_grad_(True)
    frozen = {name.split(".")[0] for name, parameter in discriminator.named_parameters() if not parameter.requires_grad}
    assert frozen == {"mix", "down"}
