"""A model file that changes while it plays."""

import gc
import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.super_resolution import float_graph
from gancam.effects import Effect, EffectSpec, FunctionEffect, WatchedEffect, load
from gancam.effects._watched import ReloadCost
from gancam.frame import Frame, Image
from gancam.inference.card import ModelCard
from gancam.jobs.spec import EffectChainSpec
from gancam.pipeline import run
from gancam.sinks import Sink
from gancam.sources import TestPattern
from gancam.sources.realtime import RealtimeSource
from tests.helpers.children import interruptible
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
    deadline = time.monotonic() + 120
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


def test_the_first_is_let_go_too(two: tuple[Path, Path], tmp_path: Path) -> None:
    """It was kept for the precision and the threads that were found for it."""
    file = tmp_path / "playing.onnx"
    put(two[0], file)
    (slot,) = EffectChainSpec((EffectSpec(str(file)),), "cpu", "fp32", 1).load(watch="new")
    watched = slot.effect
    assert isinstance(watched, WatchedEffect)
    first = weakref.ref(watched.effect)
    put(two[1], file)
    until(lambda: slot(FRAME) is not None and watched.loaded == 1)
    until(lambda: first() is None or gc.collect() < 0)
    slot.close()


def test_the_newer_one_goes_on_with_what_the_one_before_remembers(tmp_path: Path) -> None:
    class Follows(Effect):
        seen = 0

        def __call__(self, image: Image, *, time: float | None = None) -> Image:
            self.seen += 1
            return image

        def reset(self) -> None:
            self.seen = 0

        def continue_from(self, before: Effect) -> None:
            assert isinstance(before, Follows)
            self.seen = before.seen

    file = tmp_path / "a"
    file.write_text("1")
    watched = WatchedEffect(file, Follows)
    watched(FRAME)
    watched(FRAME)
    file.write_text("22")
    until(lambda: watched._next is not None)
    watched(FRAME)
    assert isinstance(watched.effect, Follows)
    assert (watched.loaded, watched.effect.seen) == (1, 3)
    watched.close()


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


def _failing(place: str) -> Effect:
    """An effect that fails at `place` with an error that is none of gancam's."""

    class Failing(Effect):
        def __call__(self, image: Image, *, time: float | None = None) -> Image:
            if place == "picture":
                raise ZeroDivisionError("of its own")
            return image

        def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
            if place == "size":
                raise ZeroDivisionError("of its own")
            return size

        def close(self) -> None:
            if place == "close":
                raise ZeroDivisionError("of its own")

    if place == "load":
        raise ZeroDivisionError("of its own")
    return Failing()


@pytest.mark.parametrize("place", ["load", "size", "picture", "close"])
def test_it_goes_on_watching_after_any_error(place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, loads = tmp_path / "playing.txt", list[str]()
    file.write_text("good")

    def opened() -> Effect:
        loads.append(file.read_text())
        return _failing(place if loads[-1] == "bad" else "")

    effect = WatchedEffect(file, opened)
    caplog.set_level(logging.WARNING)
    try:
        for text in ("bad", "good again"):
            effect(FRAME)
            (tmp_path / "new").write_text(text)
            (tmp_path / "new").replace(file)
            until(lambda text=text: loads[-1] == text and not effect.stats()["reloading"])  # type: ignore[misc]
        until(lambda: np.array_equal(effect(FRAME), FRAME) and "ZeroDivisionError: of its own" in caplog.text)
        assert effect.loaded == (2 if place == "close" else 1)
    finally:
        effect.close()
    assert loads == ["good", "bad", "good again"]


def test_drops_are_counted_by_whether_a_model_is_being_loaded() -> None:
    dropped = iter([9, 10, 11, 15, 16, 16])  # before each frame
    cost = ReloadCost(lambda: next(dropped), settled=0.0)
    assert not cost.describe()
    for busy in (False, False, False, True, False, False):
        cost.frame(busy=busy)
        cost.took(0.25 if busy else 0.01)
    cost.seconds += [0.2, 0.6]
    assert cost.dropped == 5  # before the frame that came while it was loaded, and before the one after it
    assert cost.expected == pytest.approx(2 * 2 / 3)
    said = "loaded anew 2 times, its picture 0.40 s after the file (at most 0.60); 5 frames dropped meanwhile, 1 to be"
    assert cost.describe().startswith(said)
    assert cost.describe().endswith("longest frame 250 ms, at other times 10")


def test_a_live_run_counts_what_a_slow_replacement_drops(two: tuple[Path, Path], tmp_path: Path) -> None:
    """The first frame that the new one plays takes as long as ten of the source."""
    file = tmp_path / "playing.onnx"
    put(two[0], file)
    opened: list[list[int]] = []

    def opening() -> Effect:
        calls: list[int] = []
        opened.append(calls)

        def effect(image: Image) -> Image:
            if image.any():  # a black one is made beside the loop
                calls.append(len(calls))
                if len(opened) == 2 and len(calls) == 1:
                    dropped = source.dropped
                    until(lambda: source.dropped >= dropped + 10)
            return image

        return FunctionEffect(effect)

    source = RealtimeSource(TestPattern((64, 48), fps=60, frames=None))
    watched = WatchedEffect(file, opening, dropped=lambda: source.dropped)
    watched.cost = ReloadCost(lambda: source.dropped, settled=0.0)

    class Ends(Sink):
        shown = 0

        def write(self, frame: Frame) -> None:
            self.shown += 1
            if self.shown == 10:
                put(two[1], file)

        @property
        def closed(self) -> bool:
            return len(opened) == 2 and len(opened[1]) > 6

    try:
        report = run(source, [watched], [Ends()])
    finally:
        watched.close()
    assert watched.loaded == 1
    assert 8 <= watched.cost.dropped <= report.dropped
    assert any("loaded anew 1 time," in note and "dropped meanwhile" in note for note in report.notes)
    assert watched.stats()["version"] == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_live_says_what_loading_anew_cost(two: tuple[Path, Path], tmp_path: Path) -> None:
    file, stats = tmp_path / "playing.onnx", tmp_path / "stats.jsonl"
    put(two[0], file)
    command = [sys.executable, "-m", "gancam", "live", "test", "-e", str(file), "--watch", "new", "--size", "96x64"]
    command += ["--to", str(tmp_path / "out.mp4"), "--stats", str(stats), "--threads", "1", "--json"]

    def shown() -> list[str]:
        return stats.read_text().splitlines() if stats.is_file() else []

    with interruptible():
        player = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with player:
        until(lambda: len(shown()) > 4)
        put(two[1], file)
        until(lambda: any('"version": 2' in line for line in shown()[-9:]))
        player.send_signal(signal.SIGINT)
        report = json.loads(player.communicate(timeout=300)[0])
    lines = [json.loads(line) for line in stats.read_text().splitlines()]
    assert [lines[0]["version"], lines[-1]["version"]] == [1, 2]
    assert 0 <= lines[-1]["reload_dropped"] <= report["dropped"]
    assert any("loaded anew 1 time, its picture" in note for note in report["notes"])


def test_live_watches(two: tuple[Path, Path], clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = gancam("live", clip, "-e", two[0], "--watch", "split", "--to", out)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 0
    refused("live", "test", "-e", two[0], "--watch", "always", says="must be new or split")
