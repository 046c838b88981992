"""Photos of every kind and state; batches that depend on their generator alone."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from train import recipe, tasks
from train.data import Photos, Pixels, dihedral, downscale, image_files, read_image, warped


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Good ones of six kinds, and four that are of no use."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    folder = tmp_path / "mixed"
    (folder / "below").mkdir(parents=True)
    Pillow.fromarray(rgb).save(folder / "colour.png")
    Pillow.fromarray(rgb).save(folder / "below" / "deeper.JPG", quality=95)
    Pillow.fromarray(rgb[..., 0]).save(folder / "grey.png")
    Pillow.fromarray(rgb[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    Pillow.fromarray(rgb).convert("P").save(folder / "palette.png")
    Pillow.fromarray(np.dstack([rgb, np.full((48, 64), 128, np.uint8)])).save(folder / "alpha.png")
    whole = (folder / "colour.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("this is no photo")
    Pillow.fromarray(rgb[:5, :5]).save(folder / "tiny.png")
    (folder / "notes.txt").write_text("ignored")
    return folder


def test_good_ones_are_used_and_the_rest_counted(mixed: Path, caplog: pytest.LogCaptureFixture) -> None:
    photos = Photos(mixed, smallest=32, sizes=(1.0,))
    assert len(photos.images) == 6
    assert photos.skipped == 4
    assert {image.shape for image in photos.images} == {(48, 64, 3)}
    for name in ("cut.png", "empty.png", "text.jpg"):
        assert name in caplog.text
    assert "skipped 3 damaged" in caplog.text
    assert "1 under 32 pixels (tiny.png)" in caplog.text


def test_kinds_are_converted(mixed: Path) -> None:
    colour = read_image(mixed / "colour.png")
    for name in ("grey", "deep"):
        grey = read_image(mixed / f"{name}.png")
        assert grey.dtype == np.uint8
        for channel in range(3):
            assert np.array_equal(grey[..., channel], colour[..., 0])
    alpha = read_image(mixed / "alpha.png").astype(int)
    assert np.abs(alpha - (colour * (128 / 255) + 255 * (127 / 255))).max() <= 1.0  # laid on white


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        image_files(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="no image below"):
        image_files(tmp_path)
    Pillow.new("RGB", (8, 8)).save(tmp_path / "small.png")
    with pytest.raises(ValueError, match="under 32 pixels"):
        Photos(tmp_path, smallest=32)


def test_large_photos_are_picked_more_often(tmp_path: Path) -> None:
    Pillow.new("RGB", (40, 40)).save(tmp_path / "a.png")
    Pillow.new("RGB", (120, 40)).save(tmp_path / "b.png")
    photos = Photos(tmp_path, smallest=40, sizes=(1.0,))
    rng = np.random.default_rng(0)
    assert np.mean([photos.pick(rng) for _ in range(4000)]) == pytest.approx(0.75, abs=0.03)


def _grey_ones(folder: Path, count: int) -> None:
    for shade in range(count):
        grain = np.random.default_rng(shade).integers(-2, 3, (40, 40, 1))
        Pillow.fromarray(np.full((40, 40, 3), 5 * shade + 2 + grain, np.uint8)).save(folder / f"{shade:02}.png")


def _shades(images: list[Pixels]) -> set[int]:
    return {int(image.mean() / 5) for image in images}


def test_what_is_judged_on_is_not_learnt_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _grey_ones(tmp_path, 32)
    with caplog.at_level(logging.INFO):
        photos = Photos(tmp_path, smallest=16, sizes=(1.0, 0.5), hold_back=8)
    assert len(photos.held_back) == 4  # an eighth at most
    assert len(photos.images) == 2 * 28
    assert _shades(photos.held_back).isdisjoint(_shades(photos.images))
    assert _shades(photos.held_back) | _shades(photos.images) == set(range(32))
    assert "4 of them are held back" in caplog.text


def test_of_few_photos_none_is_held_back_and_that_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _grey_ones(tmp_path, 7)
    photos = Photos(tmp_path, smallest=16, sizes=(1.0,), hold_back=8)
    assert (len(photos.images), photos.held_back) == (7, [])
    assert "of 7 pictures none is held back: figures are of those that were learnt from" in caplog.text


@pytest.mark.parametrize("family", ["sr", "inpaint", "translator"])
def test_tasks_judge_on_what_they_do_not_learn_from(family: str, tmp_path: Path) -> None:
    _grey_ones(tmp_path, 16)
    kinds: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
        "sr": ("super_resolution", {"scale": 2, "channels": 4, "depth": 1, "expansion": 4}, {"patch": 16}),
        "inpaint": ("inpainting", {"widths": [4, 4, 4, 4], "depth": 2}, {"sides": [32]}),
        "translator": ("translation", {"widths": [4, 8], "depth": 1}, {"patch": 32}),
    }
    name, options, data = kinds[family]
    phase = recipe.Phase("l1", 1, {"l1": 1.0})
    made = recipe.Recipe(name="held", task=name, network={"family": family, **options}, data=data, phases=(phase,))
    task = tasks.build(made, tmp_path, torch.device("cpu"))
    key = {"sr": "high", "inpaint": "truth", "translator": "truth"}[family]
    seen = np.random.default_rng(0)
    learnt = {int(float(shade) * 51) for _ in range(40) for shade in task.batch(seen, 4)[key].mean((1, 2, 3))}
    assert learnt.isdisjoint({4, 12})  # of 16, two: the 5th and the 13th
    assert len(learnt) == 14
    assert task.evaluate(task.generator, None)


@pytest.mark.parametrize("shape", [(40, 40, 3), (300, 500, 3), (33, 700, 3)])
def test_what_is_warped_is_of_the_photo_and_never_twice_the_same(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    photo = np.zeros(shape, np.uint8)
    photo[..., 0], photo[..., 1], photo[..., 2] = 40, 120, 200
    for _ in range(30):
        patch = warped(photo, 32, rng)
        assert patch.shape == (32, 32, 3)
        assert patch.dtype == np.uint8
        assert sorted(patch.reshape(-1, 3).mean(0)) == pytest.approx([40, 120, 200], abs=1)
        assert patch.std((0, 1)).max() < 1  # nothing from beyond the border
    busy = rng.integers(0, 256, shape, dtype=np.uint8)
    assert len({warped(busy, 32, rng).tobytes() for _ in range(20)}) == 20


def test_warped_pairs_still_fit_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    coarse = Pillow.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    coarse.resize((256, 192), Pillow.Resampling.BICUBIC).save(tmp_path / "a.png")
    phase = recipe.Phase("l1", 1, {"l1": 1.0})
    network = {"family": "sr", "scale": 2, "channels": 4, "depth": 1, "expansion": 4}
    made = recipe.Recipe(
        name="anew", task="super_resolution", network=network, data={"patch": 24, "warp": 1.0}, phases=(phase,)
    )
    batch = tasks.build(made, tmp_path, torch.device("cpu")).batch(rng, 8)
    shrunk = torch.nn.functional.avg_pool2d(batch["high"], 2)
    assert (shrunk - batch["low"]).abs().mean() < 0.01


def test_the_eight_turns_differ_and_all_hold_the_same_pixels() -> None:
    patch = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    turns = [dihedral(patch, which) for which in range(8)]
    assert len({turn.tobytes() for turn in turns}) == 8
    assert all(np.array_equal(np.sort(turn, None), np.sort(patch, None)) for turn in turns)


@pytest.mark.parametrize("degradation", ["bicubic", "webcam"])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_batch_depends_on_its_generator_alone(mixed: Path, degradation: str, scale: int) -> None:
    text = f"""
        task = "super_resolution"
        network = {{ family = "sr", scale = {scale}, channels = 4, depth = 0, expansion = 0 }}
        data = {{ patch = {2 if scale == 4 else 8}, degradation = "{degradation}" }}
        [[phase]]
        name = "l1"
        iterations = 1
        losses = {{ l1 = 1.0 }}
    """
    plan = recipe.parse(text)
    task, other = (tasks.build(plan, mixed, torch.device("cpu")) for _ in range(2))
    first = task.batch(np.random.default_rng(3), 5)
    task.batch(np.random.default_rng(4), 5)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        again = other.batch(np.random.default_rng(3), 5)
    finally:
        torch.set_num_threads(threads)
    side = 2 if scale == 4 else 8
    assert first["low"].shape == (5, 3, side, side)
    assert first["high"].shape == (5, 3, side * scale, side * scale)
    for name in ("low", "high"):
        assert torch.equal(first[name], again[name])
        assert float(first[name].min()) >= 0.0
        assert float(first[name].max()) <= 1.0


def test_both_halves_of_a_pair_show_the_same_place(tmp_path: Path) -> None:
    """On a smooth ramp, the small patch is the large one shrunk, whatever was cut, turned and degraded."""
    rows, columns = np.mgrid[:160, :160]
    ramp = np.dstack([rows, columns, 160 - columns]).astype(np.uint8) + 40
    Pillow.fromarray(ramp).save(tmp_path / "ramp.png")
    for degradation, most in (("bicubic", 0.55), ("webcam", 8.0)):
        text = f"""
            task = "super_resolution"
            network = {{ family = "sr", scale = 2, channels = 4, depth = 0, expansion = 0 }}
            data = {{ patch = 32, degradation = "{degradation}" }}
            [[phase]]
            name = "l1"
            iterations = 1
            losses = {{ l1 = 1.0 }}
        """
        batch = tasks.build(recipe.parse(text), tmp_path, torch.device("cpu")).batch(np.random.default_rng(0), 40)
        shrunk = torch.nn.functional.avg_pool2d(batch["high"], 2)
        places = (batch["low"] - shrunk).mean((2, 3)).abs() * 255  # a shift of one pixel would be two levels
        assert float(places.max()) < most
        assert float(places.mean()) < 1.0


def test_downscale_keeps_a_flat_colour() -> None:
    flat = np.full((12, 20, 3), (7, 99, 250), np.uint8)
    assert np.array_equal(downscale(flat, 4), flat[:3, :5])
