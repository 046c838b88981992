"""Sizes of a recipe: said once they hold for all, and who disagrees is named."""

from pathlib import Path

import pytest
import torch

from train import __main__ as command
from train import networks, recipe, sizes

PLAIN = """
task = "unconditional"
[network]
family = "dcgan"
{network}
[discriminator]
family = "dcgan"
{judge}
[data]
{data}
[[phase]]
name = "adversarial"
iterations = 1
losses = {{ adversarial = 1.0 }}
"""


def text(network: str = "", judge: str = "", data: str = "") -> str:
    return PLAIN.format(network=network, judge=judge, data=data)


@pytest.mark.parametrize("where", ["network", "judge", "data"])
def test_a_resolution_that_is_said_once_holds_for_all(where: str) -> None:
    plan = recipe.parse(text(**{where: "resolution = 32"}))
    assert plan.network["resolution"] == plan.discriminator["resolution"] == plan.data["resolution"] == 32
    assert (plan.network["side"], plan.discriminator["side"]) == ("generator", "discriminator")
    assert plan.network["colours"] == plan.discriminator["colours"] == plan.data["channels"] == 3


def test_what_nobody_says_is_as_the_network_has_it() -> None:
    plan = recipe.parse(text().replace("dcgan", "mlp"))
    assert plan.network["resolution"] == plan.discriminator["resolution"] == plan.data["resolution"] == 28
    assert plan.data["channels"] == 1


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        (
            {"network": "resolution = 128", "data": "resolution = 64"},
            r"\[network\] resolution = 128 and \[data\] resolution = 64 must be the same",
        ),
        (
            {"network": "resolution = 64", "judge": "resolution = 32"},
            r"\[network\] resolution = 64 and \[discriminator\] resolution = 32",
        ),
        ({"judge": "colours = 3", "data": "channels = 1"}, r"\[discriminator\] colours = 3 and \[data\] channels = 1"),
        ({"judge": 'side = "generator"'}, r"\[discriminator\] side = 'generator' must be 'discriminator'"),
    ],
)
def test_who_disagrees_is_named(tables: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        recipe.parse(text(**tables))


def test_families_of_one_kind_of_colours_say_so() -> None:
    with pytest.raises(ValueError, match=r"family = 'mlp', which knows 1 and \[data\] channels = 3"):
        recipe.parse(text(data="channels = 3").replace("dcgan", "mlp"))


def test_translation_says_how_many_colours_its_discriminator_sees(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    whole = recipe.find("pix2pix").read_text().replace("colours = 6", "colours = 3").replace('"folders"', '"degraded"')
    path.write_text(whole.replace("patch = 128", "patch = 96"))
    assert command.main([str(path), "--data", str(photos), "--run", str(tmp_path / "run")]) == 2
    assert "[discriminator] colours = 3 must be 6" in capsys.readouterr().err


@pytest.mark.parametrize("resolution", [4, 17, 130])
def test_the_sizes_that_work_are_named(resolution: int) -> None:
    with pytest.raises(ValueError, match="as 8, 28, 32, 64 and 96 are"):
        networks.build(family="dcgan", resolution=resolution)
    with pytest.raises(ValueError, match="power of two, 8 or more"):
        networks.build(family="residual", resolution=resolution)


def test_a_network_beyond_the_memory_says_so() -> None:
    with pytest.raises(ValueError, match="more memory than there is: fewer channels"):
        networks.build(family="dcgan", channels=900_000, resolution=64)


def test_what_pytorch_says_of_sizes_is_one_line(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = '[discriminator]\nfamily = "discriminators"\ncolours = 1\n'
    path = tmp_path / "mine.toml"
    plan = (
        recipe.find("sr-x2")
        .read_text()
        .replace("luma_l1 = 1.0", "adversarial = 1.0")
        .replace("patch = 64", "patch = 16")
    )
    path.write_text(plan.replace("[data]", f"{judge}[data]").replace("channels = 32", "channels = 4"))
    words = [
        str(path),
        "--data",
        str(photos),
        "--run",
        str(tmp_path / "run"),
        "--precision",
        "fp32",
        "--stop-after",
        "1",
    ]
    assert command.main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("gancam: sizes in the recipe")
    assert sizes.misfit(torch.OutOfMemoryError("CUDA out of memory")).startswith("not enough memory")
    assert not sizes.misfit(RuntimeError("something else"))
