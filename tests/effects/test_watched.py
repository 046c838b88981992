"""A model file that changes while it plays."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.super_resolution import float_graph
from gancam.effects import WatchedEffect, load
from gancam.frame import Image
from gancam.inference.card import ModelCard
from tests.helpers.command import gancam, refused
from tests.helpers.small import network, save

FRAME = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def super_resolution_model(path: Path, *, seed: int, scale: int = 2) -> Path:
    card = ModelCard(name=path.stem, effect="super_resolution", scale=scale, receptive_field=8, licence="CC0")
    return save(float_graph(network(scale, channels=4, seed=seed)), path, card)


def put(model: Path, path: Path) -> None:
    """Replace a file at once, as whoever writes models does."""
    partial = path.with_suffix(".part")
    shutil.copyfile(model, partial)
    partial.replace(path)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return super_resolution_model(tmp_path / "a.onnx", seed=1), super_resolution_model(tmp_path / "b.onnx", seed=2)


def made_by(path: Path) -> Image:
    return load(path, precision="fp32", threads=1)(FRAME)


@pytest.mark.parametrize("split", [False, True])
def test_the_new_one_takes_its_place(two: tuple[Path, Path], tmp_path: Path, split: bool) -> None:
    file = tmp_path / "playing.onnx"
    put(two[0], file)
    effect = WatchedEffect(file, lambda: load(file, precision="fp32", threads=1), split=split)
    try:
        first, second = made_by(two[0]), made_by(two[1])
        assert not np.array_equal(first, second)
        assert np.array_equal(effect(FRAME), first)
        put(two[1], file)
        until(lambda: effect(FRAME) is not None and effect.loaded == 1)
        out = effect(FRAME)
        middle = out.shape[1] // 2
        assert np.array_equal(out[:, middle + 1 :], second[:, middle + 1 :])
        assert np.array_equal(out[:, : middle - 1], (first if split else second)[:, : middle - 1])
        assert effect.status.startswith("version 2")
    finally:
        effect.close()
    assert "gancam-watch" not in {thread.name for thread in threading.enumerate()}


def test_what_cannot_be_played_is_told_and_the_one_before_goes_on(
    two: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, larger = tmp_path / "playing.onnx", super_resolution_model(tmp_path / "c.onnx", seed=3, scale=4)
    put(two[0], file)
    effect = WatchedEffect(file, lambda: load(file, precision="fp32", threads=1))
    caplog.set_level(logging.WARNING)
    try:
        first = effect(FRAME)
        (tmp_path / "text").write_text("no model")
        put(tmp_path / "text", file)
        until(lambda: "cannot be played" in caplog.text)
        put(larger, file)
        until(lambda: "another output size" in caplog.text)
        file.unlink()
        time.sleep(0.5)
        assert np.array_equal(effect(FRAME), first)
        put(two[1], file)
        until(lambda: effect(FRAME) is not None and effect.loaded == 1)
    finally:
        effect.close()


def test_live_watches(two: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = gancam("live", "test", "-e", two[0], "--watch", "split", "--to", out, "--seconds", "1", "--size", "96x64")
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 0
    refused("live", "test", "-e", two[0], "--watch", "always", says="must be new or split")
