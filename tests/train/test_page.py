"""The page of a run, and the curves that are to be expected."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from train import checkpoint, curves, page, recipe
from train.watch import Progress

RECORDED = sorted(recipe.RECIPES.glob("*.expected.json"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 30 lines whose loss falls, with an evaluation and something wrong."""
    folder = tmp_path / "mine"
    folder.mkdir()
    checkpoint.save(folder, {"recipe": "", "name": "small", "weights": torch.zeros(1)})
    lines: list[dict[str, object]] = [
        {"iteration": i, "phase": "adversarial", "discriminator": 100.0 / i, "lr": 0.1} for i in range(10, 310, 10)
    ]
    lines.insert(5, {"iteration": 50, "alarm": "samples vary <0.1> times: it collapses; try r1"})
    lines.append({"iteration": 300, "evaluate": {"variety": 0.1}})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_page_says_what_is_wrong_and_what_to_change(run: Path) -> None:
    text = page.write(run, "small", Progress(300, 1000, "adversarial", 1.0)).read_text()
    assert "mine: 300 of 1,000 iterations" in text
    assert "At 50: samples vary &lt;0.1&gt; times: it collapses; try r1" in text
    assert text.count("<svg") == 3  # the loss, the variety, the learning rate
    assert "Grey" not in text
    assert "samples.png" not in text  # there is none yet
    assert [path.name for path in run.glob(".*")] == []


def test_figures_that_are_not_finite_are_left_out(run: Path) -> None:
    page.write(run, "small")
    before = (run / page.FILE).read_text()
    lines = [{"iteration": 305, "discriminator": None, "lr": 0.1}, {"iteration": 305, "evaluate": {"variety": None}}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    text += '{"iteration": 306, "discriminator": Infinity}\n{"iteration": 306, "evaluate": {"variety": NaN}}\n'
    with (run / "log.jsonl").open("a") as file:
        file.write(text)
    page.write(run, "small")
    after = (run / page.FILE).read_text()
    assert "nan" not in after
    assert "inf" not in after
    assert after.count("<svg") == before.count("<svg")
    curves.draw(run)
    (run / "log.jsonl").write_text('{"iteration": 1, "evaluate": {"variety": null}}\n')
    with pytest.raises(ValueError, match="holds nothing yet"):
        curves.read(run)


def test_a_watcher_writes_it_when_something_is_wrong_and_at_the_end(run: Path, tmp_path: Path) -> None:
    watcher = page.Page(run, "small")
    watcher.sheet(1, np.zeros((4, 4, 3), np.uint8), "")
    assert not (run / page.FILE).exists()
    watcher.alarm(50, "it collapses")
    (run / page.FILE).unlink()
    watcher.close()
    assert not (run / page.FILE).exists()  # no iteration was told: that run is another's
    watcher.progress(Progress(310, 1000, "adversarial", 1.0))
    watcher.close()
    assert "310 of 1,000" in (run / page.FILE).read_text()
    assert "refresh" not in (run / page.FILE).read_text()  # nothing newer comes
    watcher.alarm(310, "it collapses")
    assert "refresh" in (run / page.FILE).read_text()
    early = page.Page(tmp_path / "nowhere", "small")
    early.progress(Progress(1, 1000, "adversarial", 1.0))
    early.close()  # before the first line of the log


def test_what_went_well_is_recorded_and_drawn_behind(run: Path, tmp_path: Path) -> None:
    path = curves.record(run, "on digits", tmp_path)
    assert path.name == "small.expected.json"
    known, about = curves.expected("small", tmp_path)
    assert about == "on digits"
    assert known["variety"] == ([300], [0.1])
    assert len(known["discriminator"][0]) == 30
    log = curves.read(run)
    log.losses["discriminator"] = [10, 20], [5.0, 5.0]
    log.figures.clear()
    panel = next(panel for panel in curves.panels(log, known) if panel.name == "discriminator")
    assert panel.expected[0] == [10, 20, 30, 40]  # twice as far as the run is
    drawn = page.plot(panel)
    assert drawn.index("#ccc") < drawn.index("#1f77b4")


def test_nothing_is_expected_of_a_recipe_of_ones_own(tmp_path: Path) -> None:
    assert curves.expected("mine", tmp_path) == ({}, "")
    assert curves.expected("", tmp_path) == ({}, "")


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_recorded_curves_are_small_and_of_a_recipe(path: Path) -> None:
    name = path.name.removesuffix(".expected.json")
    assert name in recipe.names()
    assert path.stat().st_size < 8192
    known, about = curves.expected(name)
    assert about
    for iterations, values in known.values():
        assert len(iterations) == len(values) <= curves.RECORDED
        assert iterations == sorted(iterations)
        assert np.isfinite(values).all()


def test_a_run_that_wrote_seldom_is_as_smooth_as_one_that_wrote_often() -> None:
    often = list(range(10, 2001, 10))
    values = [float(np.exp(-i / 300) + 0.05 * (-1) ** (i // 10)) for i in often]
    seldom = list(range(100, 2001, 100))
    means = [float(np.mean(values[i // 10 - 10 : i // 10])) for i in seldom]
    fine, coarse = curves.smoothed((often, values)), curves.smoothed((seldom, means))
    fine_there = [fine[i // 10 - 1] for i in seldom]
    assert np.abs(np.array(coarse) - fine_there).max() < 0.05


def test_there_is_a_page_before_the_first_point(tmp_path: Path) -> None:
    watcher = page.Page(tmp_path, "small")
    watcher.progress(Progress(1, 1000, "adversarial", 1.0))
    text = (tmp_path / page.FILE).read_text()
    assert "1 of 1,000" in text
    assert "The first point comes after 100 iterations." in text


def test_curves_say_what_they_are_and_rates_begin_at_0(run: Path) -> None:
    text = page.write(run, "small").read_text()
    assert "<small>What the discriminator loses" in text  # where no pointer has to rest
    assert 'aria-label="discriminator: 10 at first, 0.' in text
    assert "logarithmic" in text  # the axis of the loss, which falls to a thirtieth
    panel = curves.Panel("lr", ([10, 20], [0.1, 0.09]), [0.1, 0.09], ([], []), steep=False)
    heights = [float(place.split(",")[1]) for place in page.plot(panel).split('points="')[1].split('"')[0].split()]
    assert heights[1] - heights[0] < page.HEIGHT / 5


@pytest.mark.parametrize(("values", "steep"), [([2.0], False), ([3.0, 1.0, 2.0], False), ([9.0, 1.0], True)])
def test_a_curve_is_seen_from_its_first_point_on_and_leaves_its_figures_room(values: list[float], steep: bool) -> None:
    panel = curves.Panel("variety", (list(range(len(values))), values), values, ([], []), steep)
    places = page.plot(panel).split('points="')[1].split('"')[0].split()
    assert len(places) > 1  # a browser draws nothing for a line of one point
    assert all(16 < float(place.split(",")[1]) < page.HEIGHT - 16 for place in places)
