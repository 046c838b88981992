"""The quality levels of real models, and budgets that choose among them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gancam
from gancam.budget import Budget
from gancam.effects import EffectSlot
from gancam.effects.super_resolution import SuperResolution
from gancam.frame import Image
from gancam.inference.catalog import menu
from gancam.inference.hardware import is_x86
from tests.helpers.command import here, refused
from tests.helpers.live import ends_after
from tests.helpers.small import lightest, network, still, write_models


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


def ways(name: str | Path, precision: str = "auto") -> Sequence[Sequence[SuperResolution]]:
    effect = gancam.load(name, device="cpu", precision=precision)
    assert isinstance(effect, SuperResolution)
    return effect.quality_levels()


@pytest.mark.parametrize("name", lightest(sorted(menu())))
def test_all_quality_levels_hold_the_contract(name: str) -> None:
    effect = gancam.load(name, device="cpu")
    levels = effect.quality_levels()
    if levels == [[effect]]:
        return
    flat = [way for level in levels for way in level]
    assert flat[0].name == name
    names = [way.level for way in flat]
    assert len(set(names)) == len(names)
    assert all(names)
    for way in flat:
        assert type(way) is type(effect)
        assert way.params == type(effect.params)()
        assert way.params is not effect.params
        for height, width in ((1, 1), (1, 31), (37, 2), (23, 41)):
            out = way(np.full((height, width, 3), 128, np.uint8))
            assert out.shape[1::-1] == effect.output_size((width, height)) == way.output_size((width, height))
            assert out.flags.c_contiguous


@settings(max_examples=15)
@given(width=st.integers(1, 50), height=st.integers(1, 50), place=st.integers(0, 100))
def test_sizes_of_real_ways(path: Path, width: int, height: int, place: int) -> None:
    if path not in _kept:
        _kept[path] = [way for level in ways(path) for way in level]
    way = _kept[path][place % len(_kept[path])]
    assert way(np.full((height, width, 3), 99, np.uint8)).shape == (2 * height, 2 * width, 3)


_kept: dict[Path, list[SuperResolution]] = {}


def named(levels: Sequence[Sequence[SuperResolution]]) -> list[set[str]]:
    return [{way.level for way in level} for level in levels]


def test_cheaper_kin_of_the_bundled_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANCAM_NO_INT8", raising=False)
    kinds = ("int8", "fp32") if is_x86() else ("int8", "fp32", "fp16")
    last = [{f"sr-x2 {kind}" for kind in kinds}]
    last += [{f"sr-x2-fast {kind}{share}" for kind in kinds} for share in ("", " at 3/4", " at 2/3")]
    last.append({"bicubic"})
    assert named(ways("sr-x2")) == last
    assert named(ways("sr-x2-fast")) == last[1:]
    assert named(ways("sr-x2-gan")) == [{f"sr-x2-gan {kind}" for kind in kinds}, *last]
    assert named(ways("sr-x4")) == [{f"sr-x4 {kind}" for kind in kinds}, *last]
    assert named(ways("sr-x4-gan"))[1:] == named(ways("sr-x2-gan"))
    for name, least in (("restore-x1", "plain picture"), ("restore-x2", "bicubic")):  # one is as dear as the other
        shares = ("", " at 3/4", " at 2/3")
        assert named(ways(name)) == [*({f"{name} {kind}{share}" for kind in kinds} for share in shares), {least}]


def test_ones_own_model_has_no_kin_and_a_precision_asked_for_is_kept(path: Path) -> None:
    assert {name.split()[0] for level in named(ways(path)) for name in level} == {"small", "bicubic"}
    fp32 = [{"small fp32"}, {"small fp32 at 3/4"}, {"small fp32 at 2/3"}, {"bicubic"}]
    assert named(ways(path, precision="fp32")) == fp32
    assert {name.split()[1] for level in named(ways("sr-x4", precision="fp16"))[:-1] for name in level} == {"fp16"}


def test_every_way_is_better_than_bicubic_and_worse_than_the_one_before() -> None:
    from train.data import crop_to_multiple, downscale

    def quality(upscale: Callable[[Image], Image]) -> float:
        figures = []
        for name in ("otters", "sign", "lake", "spices"):
            truth = crop_to_multiple(still(name), 4)
            figures.append(cv2.PSNR(upscale(downscale(truth, 2)), truth))
        return sum(figures) / len(figures)

    best, fast, less, least, last = (quality(level[0]) for level in ways("sr-x2"))
    plain = quality(lambda small: np.asarray(cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)))
    assert best > fast > less > least > plain == last


def test_strength_means_the_same_on_every_way(path: Path) -> None:
    image = still("lake")
    size = image.shape[1] * 2, image.shape[0] * 2
    for level in ways(path):
        level[0].params.strength = 0
        assert np.array_equal(level[0](image), cv2.resize(image, size, interpolation=cv2.INTER_CUBIC))


def test_a_budget_on_a_real_model(path: Path) -> None:
    effect = gancam.load(path, strength=0.5)
    budget = Budget(effect, 5.0)
    image = still("lake")
    out = budget(image)
    chosen = budget.effects[0].effect
    assert isinstance(chosen, SuperResolution)
    assert id(chosen) != id(effect)
    assert chosen.params is effect.params is budget.params
    assert budget.card is effect.card
    assert budget.playing == chosen.level
    if chosen.card.precision == effect.card.precision:
        assert np.array_equal(out, effect(image))
    assert isinstance(budget.effects[0], EffectSlot)
    effect.params.threshold = 0.0
    for _ in range(3):
        budget(image)
    assert chosen.notes  # what had not changed was not computed, by whatever plays


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_after(4, monkeypatch)
    command = ["live", "test", "--size", "48x32", "--to", "mjpeg:0"]
    rest = ["-e", "sr-x2", "--target-fps", "0.2", "--seconds", "3", "--json"]
    rest += ["--stats", str(tmp_path / "stats.jsonl")]
    done = here(*command, *rest)
    assert done.returncode == 0, done.stderr
    assert "note: at most 5000 ms a frame, outputs included: sr-x2" in done.stderr
    report = json.loads(done.stdout)
    assert any("5000 ms a frame" in note for note in report["notes"])
    line = json.loads((tmp_path / "stats.jsonl").read_text().splitlines()[-1])
    assert line["playing"] in done.stderr
    rest = ["--seconds", "1", "--json"]
    done = here(*command, *rest)
    assert done.returncode == 0, done.stderr
    (said,) = [line for line in done.stderr.splitlines() if "24 frames a second" in line]
    assert said.startswith(
        "note: without -e or --target-fps, the best is played that should hold 24 frames a second: at most 37.9 ms"
    )
    assert "bicubic" in said
    assert any("37.9 ms a frame" in note for note in json.loads(done.stdout)["notes"])
    for wrong in (["--target-fps", "0"], ["--target-ms", "nan"], ["--target-fps", "30", "--target-ms", "30"],
                  ["-e", "none", "--target-fps", "9"]):  # fmt: skip
        refused(*command, *wrong, says="--target-")


# Carried by motion
