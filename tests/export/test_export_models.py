"""A real run, tiny, through the exporter's own command line."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from export import check, super_resolution
from export.__main__ import licence_of, main
from export.restore import restore
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find
from gancam.inference.model import Model
from gancam.inference.variants import read_card
from tests.helpers.small import crops, network, still
from tests.helpers.training import restorer, write_run
from train import checkpoint, recipe


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "tiny", restorer(channels=16), network())


def test_writes_three_variants_with_figures(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    out.mkdir()
    judge = str(crops(tmp_path / "stills"))
    options = ["--licence", "CC0", "--trained-on", "noise", "--summary", "a test", "--judge", judge]
    assert main([str(run), "-o", str(out), *options, "--precisions", "fp32,fp16,int8"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["tiny.fp16.onnx", "tiny.int8.onnx", "tiny.onnx"]
    for precision in ("fp32", "fp16", "int8"):
        card = Model(out / "tiny.onnx", precision=precision).card
        assert (card.name, card.effect, card.scale, card.precision) == ("tiny", "super_resolution", 2, precision)
        assert (card.licence, card.data, card.summary, card.recipe) == ("CC0", "noise", "a test", "tiny")
        assert card.receptive_field == 3
        assert card.parameters == sum(k.numel() + b.numel() for k, b in network().convolutions())
        assert card.parity["psnr"] >= check.TOLERANCE[precision]
        assert 5 < card.quality["psnr_y_stills"] < 60
    assert read_card(out / "tiny.int8.onnx").layout == "blocks"


def test_writes_no_fp16_unless_asked_and_leaves_none_of_another_network(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "tiny.fp16.onnx"
    old.write_bytes(b"of another network")
    assert main([str(run), "-o", str(tmp_path)]) == 2
    assert f"{old} exists: give --overwrite" in capsys.readouterr().err
    assert main([str(run), "-o", str(tmp_path), "--precisions", "fp32", "--overwrite"]) == 0
    assert [path.name for path in tmp_path.glob("*.onnx")] == ["tiny.onnx"]
    assert Model(tmp_path / "tiny.onnx", device="cpu", precision="fp16").card.precision == "fp16"


def test_refuses_to_overwrite(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "tiny.onnx"
    kept.write_bytes(b"mine")
    assert main([str(run), "-o", str(tmp_path)]) == 2
    assert kept.read_bytes() == b"mine"
    assert "exists" in capsys.readouterr().err
    assert main([str(run), "-o", str(tmp_path), "--precisions", "fp32", "--overwrite"]) == 0
    assert len(kept.read_bytes()) > 1000


def test_a_variant_that_loses_too_much_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(check.TOLERANCE, "int8", 98.0)  # nothing in 8 bits is that close
    assert main([str(run), "-o", str(tmp_path), "--precisions", "fp32,int8"]) == 1
    assert sorted(path.name for path in tmp_path.glob("*.onnx")) == ["tiny.onnx"]
    assert not list(tmp_path.glob(".*"))
    assert "not written" in caplog.text


def test_loss_of_quality_is_refused() -> None:
    check.refuse_loss("int8", {"psnr_y_flat": 60.0}, {"psnr_y_flat": math.inf})
    check.refuse_loss("int8", {"psnr_y_a": 30.0, "ssim_y_a": 0.1}, {"psnr_y_a": 30.1, "ssim_y_a": 0.9})
    with pytest.raises(check.VariantRefused, match="psnr_y_a"):
        check.refuse_loss("int8", {"psnr_y_a": 29.9}, {"psnr_y_a": 30.1})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "-o", "."], "no checkpoint"),
        (["RUN", "-o", "model.onnx"], "names the folder"),
        (["RUN", "-o", ".", "--precisions", "fp32,int4"], "int4"),
        (["RUN", "-o", ".", "--images", "nowhere"], "no folder"),
        (["RUN", "-o", ".", "--name", "../x"], "letters"),
        (["RUN", "-o", ".", "--seeds", "3,17"], "joined by /"),
    ],
)
def test_bad_input_is_one_line(run: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run) if word == "RUN" else word for word in arguments]) == 2
    message = capsys.readouterr().err
    assert says in message
    assert message.count("\n") == 1


def test_a_damaged_checkpoint_is_named(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = run / checkpoint.LATEST
    file.write_bytes(file.read_bytes()[:2000])
    assert main([str(run), "-o", str(tmp_path)]) == 2
    assert "damaged" in capsys.readouterr().err


def test_pixel_stack_is_the_network_in_bgr_and_grey_levels() -> None:
    made = network(3)
    image = still("sign")[:40, :50]
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    stack = super_resolution.pixel_stack(made)
    for index, (kernel, bias) in enumerate(stack):
        x = torch.nn.functional.conv2d(x, torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy()), padding=1)
        x = x.relu() if index < len(stack) - 1 else x
    rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        residual = made(rgb) - rgb.repeat_interleave(3, 2).repeat_interleave(3, 3)
    blocks = (
        x[0].permute(1, 2, 0).detach().numpy().reshape(40, 50, 3, 3, 3).transpose(0, 2, 1, 3, 4).reshape(120, 150, 3)
    )
    assert np.abs(residual[0].permute(1, 2, 0).numpy()[..., ::-1] * 255 - blocks).max() < 0.01


def test_the_step_of_8_bits_is_no_worse_than_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    values = np.abs(rng.normal(size=(4, 5000))).astype(np.float32)
    values[0, 0] = 40.0  # one outlier

    def error(step: float) -> float:
        return float(np.mean((np.clip(np.round(values / step), 0, 255) * step - values) ** 2))

    assert error(super_resolution.step(values)) < error(float(values.max()) / 255)
    assert super_resolution.step(np.zeros((2, 5), np.float32)) > 0


def test_the_shipped_recipes_are_whole() -> None:
    for path in recipe.RECIPES.glob("*.toml"):
        assert recipe.load(path.stem).name == path.stem


def test_a_network_for_super_resolution_is_shrunk_to_the_mean_of_its_sub_pixels() -> None:
    network = restore(find("restore-x2"))[0]
    made, recipe = super_resolution.shrunk(network, "restore-x1")
    assert (made.scale, recipe.name) == (1, "restore-x1")
    x = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        torch.testing.assert_close(made(x), torch.nn.functional.avg_pool2d(network(x), 2), atol=1e-5, rtol=1e-5)
    for name in ("sr-x2", "restore-x2"):
        with pytest.raises(ValueError, match=f"--shrink {name}: takes a network"):
            super_resolution.shrunk(network, name)
    with pytest.raises(ValueError, match="other convolutions"):
        super_resolution.shrunk(restore(find("sr-x2"))[0], "restore-x1")


def test_between_two_networks_every_weight_is_between_theirs() -> None:
    start, end = (network(2, seed=seed) for seed in (0, 1))
    weights = [start.convolutions(), end.convolutions()]
    made = super_resolution.interpolated(start, end, 0.25)
    for (kernel, bias), (one, low), (other, high) in zip(made.convolutions(), *weights, strict=True):
        torch.testing.assert_close(kernel, 0.75 * one + 0.25 * other)
        torch.testing.assert_close(bias, 0.75 * low + 0.25 * high)
    with pytest.raises(ValueError, match=r"of 1\.5 must be 0 to 1"):
        super_resolution.interpolated(start, end, 1.5)
    for other_network, said in (
        (network(4), "same scale"),
        (network(2, depth=2), "not as many|is one of"),
        (network(2, channels=8), "is one of"),
        (torch.nn.Identity(), "two networks for super-resolution"),
    ):
        with pytest.raises(ValueError, match=said):
            super_resolution.interpolated(start, other_network, 0.5)


def test_a_share_of_another_model_is_mixed_in_by_the_command(tmp_path: Path) -> None:
    images = str(crops(tmp_path / "images"))
    options = ["--name", "x", "-o", str(tmp_path), "--images", images, "--precisions", "fp32"]
    assert main([str(find("sr-x4-gan")), "--towards", str(find("sr-x4")), "1", *options]) == 0
    made, faithful = (restore(path)[0] for path in (tmp_path / "x.onnx", find("sr-x4")))
    x = torch.rand(1, 3, 12, 12)
    torch.testing.assert_close(made(x), faithful(x), atol=1e-3, rtol=0)
    assert read_card(tmp_path / "x.onnx").recipe == "sr-x4-gan"
    assert main([str(find("sr-x4-gan")), "--towards", str(find("sr-x2")), "0.5", *options, "--overwrite"]) == 2
    assert main([str(find("sr-x4-gan")), "--towards", str(find("sr-x4")), "half", *options, "--overwrite"]) == 2


def test_what_is_mixed_has_the_licence_and_the_data_of_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = ["--images", str(crops(tmp_path / "images")), "--precisions", "fp32"]
    mixed = [str(find("sr-x4-gan")), "--towards", str(find("sr-faces-x4")), "0.5", "-o", str(tmp_path), *images]
    assert main([*mixed, "--name", "wrong"]) == 2
    assert "has several licences (CC BY-SA 4.0; CC BY-NC-SA 4.0): say with --licence" in capsys.readouterr().err
    assert main([*mixed, "--name", "said", "--licence", "CC BY-NC-SA 4.0"]) == 0
    card = read_card(tmp_path / "said.onnx")
    assert card.licence == "CC BY-NC-SA 4.0"
    assert card.data == f"{read_card(find('sr-x4-gan')).data}; {read_card(find('sr-faces-x4')).data}"
    free, unknown = ModelCard("a", "morph", licence="CC0"), ModelCard("b", "morph")
    assert licence_of([free, free]) == "CC0"
    assert licence_of([free, unknown]) == licence_of([unknown]) == "unknown"


def test_folders_of_one_name_are_not_judged_on_as_one(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (crops(tmp_path / name / "Set14") for name in ("one", "two"))
    assert main([str(run), "-o", str(tmp_path), "--judge", str(one), "--judge", str(two)]) == 2
    assert f"{one} and {two} have the same name" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.onnx"))


def test_what_is_exported_from_a_model_file_keeps_its_defaults(tmp_path: Path) -> None:
    images = str(crops(tmp_path / "images"))
    options = ["--shrink", "restore-x1", "--name", "x", "-o", str(tmp_path), "--images", images]
    assert main([str(find("restore-x2")), *options]) == 0
    old, new = read_card(find("restore-x2")), read_card(tmp_path / "x.int8.onnx")
    assert new.defaults == old.defaults == {"stabilise": 1.0, "clean": 1.0}
    assert (new.scale, new.layout, new.recipe, new.licence) == (1, "blocks", "restore-x1", old.licence)
    assert abs(new.brightens["208"] - 2) < 0.5
