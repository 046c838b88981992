"""gancam train curves RUN: draw what a run wrote into log.jsonl, over what is to be expected of its recipe.

Two pictures of the same: curves.png, and page.html with the newest samples and what went wrong.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train import checkpoint, files, recipe
from train.judging import parsed
from train.program import as_json, fail

Curve = tuple[list[int], list[float]]  # iterations, values
Points = dict[str, Curve]  # by name
BESIDE = {"iteration", "images", "phase", "lr", "seconds_per_iteration"}
SMOOTH = 0.9 ** (1 / 10)  # share of the curve so far that is kept an iteration, however often a run wrote
STEEP = 5.0  # where the largest value is so many times the smallest, the axis is logarithmic
RECORDED = 60  # points that a recorded curve has at most
OWN, BEFORE = "tab:blue", "0.75"


@dataclass(frozen=True)
class Log:
    """The log of a run, as curves by name.

    Attributes:
        losses: The loss terms.
        figures: What evaluations found.
        beside: The learning rate and the speed.
        alarms: What went wrong, and what to change, by iteration.
    """

    losses: Points
    figures: Points
    beside: Points
    alarms: Mapping[int, list[str]]


@dataclass(frozen=True)
class Panel:
    """One curve as it is drawn.

    Attributes:
        name: What it is of.
        own: The curve.
        smooth: Its average, of losses; else the curve.
        expected: That of a run of the same recipe that went well, as far as it is drawn; empty where none is known.
        steep: Whether its axis is logarithmic.
    """

    name: str
    own: Curve
    smooth: list[float]
    expected: Curve
    steep: bool


def read(run: Path) -> Log:
    """Read what `run` wrote.

    A resumed run repeats iterations: the last line of each counts. A torn last line is left out, and so are values that
    are not finite: null, Infinity in logs of old. Raises
    ``FileNotFoundError`` where there is no log, ``ValueError`` where nothing is in it yet.
    """
    path = run / "log.jsonl"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: {run} is not the folder of a run")
    steps: dict[int, dict[str, Any]] = {}
    evaluations: dict[int, dict[str, Any]] = {}
    alarms: dict[int, list[str]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if "alarm" in line:
            told = alarms.setdefault(line["iteration"], [])
            told += [line["alarm"]] * (line["alarm"] not in told)  # a resumed run may find it again
        elif "evaluate" in line:
            evaluations[line["iteration"]] = line["evaluate"]
        else:
            steps[line["iteration"]] = line
    losses: Points = {}
    figures: Points = {}
    beside: Points = {}
    for found, kinds in ((steps, (losses, beside)), (evaluations, (figures, figures))):
        for iteration in sorted(found):
            for name, value in found[iteration].items():
                if isinstance(value, int | float) and math.isfinite(value) and name not in ("iteration", "images"):
                    points = kinds[name in BESIDE].setdefault(name, ([], []))
                    points[0].append(iteration)
                    points[1].append(float(value))
    if not losses and not figures:
        raise ValueError(f"{path} holds nothing yet")
    return Log(losses, figures, beside, alarms)


def smoothed(curve: Curve) -> list[float]:
    """Exponential average over iterations, each point, the mean since the one before, from itself and those before."""
    result, total, weight, last = [], 0.0, 0.0, 0
    for iteration, value in zip(*curve, strict=True):
        kept, last = SMOOTH ** max(iteration - last, 1), iteration
        total, weight = kept * total + (1 - kept) * value, kept * weight + (1 - kept)
        result.append(total / weight)
    return result


def recipe_of(run: Path) -> str:
    """Name the recipe of a run; empty where it has no checkpoint yet."""
    try:
        return str(checkpoint.load(run)["name"])
    except (OSError, ValueError):
        return ""


def expected(name: str, folder: Path = recipe.RECIPES) -> tuple[Points, str]:
    """Read the curves of a run of the recipe `name` that went well, and what that was; empty where none is recorded."""
    path = folder / f"{name}.expected.json"
    if not name or not path.is_file():
        return {}, ""
    held = json.loads(path.read_text(encoding="utf-8"))
    return {curve: (list(points[0]), list(points[1])) for curve, points in held["curves"].items()}, str(held["about"])


def record(run: Path, about: str, folder: Path = recipe.RECIPES) -> Path:
    """Write a run's curves, thinned, as what is to be expected of its recipe. Raises as `read` does."""
    log = read(run)
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for name, (iterations, values) in (log.losses | log.figures).items():
        if name in log.losses:
            values = smoothed((iterations, values))
        step = -(-len(values) // RECORDED)
        curves[name] = iterations[::step], [float(f"{value:.4g}") for value in values[::step]]
    path = folder / f"{recipe_of(run)}.expected.json"
    files.write(path, (as_json({"about": about, "curves": curves}) + "\n").encode())
    return path


def panels(log: Log, known: Points) -> list[Panel]:
    """Make the panels of a run's curves, those that are `known` to be expected behind them up to twice as far."""
    made = []
    last = max(points[0][-1] for points in [*log.losses.values(), *log.figures.values()])
    for name, own in [*log.losses.items(), *log.figures.items(), *log.beside.items()]:
        iterations, values = known.get(name, ([], []))
        count = sum(iteration <= 2 * last for iteration in iterations)
        behind = iterations[:count], values[:count]
        every = [*own[1], *behind[1]]
        steep = name not in log.beside and min(every) > 0 and max(every) > STEEP * min(every)
        made.append(Panel(name, own, smoothed(own) if name in log.losses else own[1], behind, steep))
    return made


def draw(run: Path) -> Path:
    """Write ``curves.png`` into `run`, one panel a curve. Raises as `read` does, ``OSError`` where it cannot write."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known, about = expected(recipe_of(run))
    shown = panels(read(run), known)
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.8 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for index, panel in enumerate(shown):
        axes = figure.add_subplot(rows, columns, index + 1)
        if panel.expected[0]:
            axes.plot(*panel.expected, linewidth=5, color=BEFORE, solid_capstyle="round", marker="o", markersize=3)
        if panel.smooth is not panel.own[1]:
            axes.plot(*panel.own, linewidth=0.6, alpha=0.4, color=OWN)
        axes.plot(panel.own[0], panel.smooth, linewidth=1.4, color=OWN, marker="." if len(panel.own[0]) < 30 else "")
        if panel.steep:
            axes.set_yscale("log")
        if panel.name == "lr":
            axes.set_ylim(bottom=0)
        axes.set_title(panel.name, fontsize=10)
        axes.tick_params(which="both", labelsize=8)
        axes.grid(alpha=0.3)
    grey = f" (grey: to be expected, {about})" if about else ""
    figure.suptitle(f"{run.resolve().name}{grey}", fontsize=10)
    path = run / "curves.png"
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    from train import page  # which draws what this module reads

    options = parsed("curves", arguments)
    try:
        for run in options.runs:
            if options.record is not None:
                sys.stdout.write(f"{record(run, options.record)}\n")
            sys.stdout.write(f"{draw(run)}\n{page.write(run, recipe_of(run))}\n")
    except (OSError, ValueError, ImportError) as error:
        return fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
