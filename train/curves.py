"""gancam train curves RUN: draw what a run wrote into log.jsonl as curves.png, which one can look at."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

Points = dict[str, tuple[list[int], list[float]]]  # of each curve: iterations, values
BESIDE = {"iteration", "images", "phase", "lr", "seconds_per_iteration"}
SMOOTH = 0.9  # share of the curve so far in each point of the thick line


def read(run: Path) -> tuple[Points, Points, Points]:
    """What `run` wrote: (losses, figures of evaluations, learning rate and speed).

    A resumed run repeats iterations: the last line of each counts. A torn last line is left out. Raises
    ``FileNotFoundError`` where there is no log, ``ValueError`` where nothing is in it yet.
    """
    path = run / "log.jsonl"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: {run} is no folder of a run")
    steps: dict[int, dict[str, Any]] = {}
    evaluations: dict[int, dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if "evaluate" in line:
            evaluations[line["iteration"]] = line["evaluate"]
        else:
            steps[line["iteration"]] = line
    if not steps and not evaluations:
        raise ValueError(f"{path} holds nothing yet")
    losses: Points = {}
    figures: Points = {}
    beside: Points = {}
    for found, kinds in ((steps, (losses, beside)), (evaluations, (figures, figures))):
        for iteration in sorted(found):
            for name, value in found[iteration].items():
                if isinstance(value, int | float) and name not in ("iteration", "images"):
                    points = kinds[name in BESIDE].setdefault(name, ([], []))
                    points[0].append(iteration)
                    points[1].append(float(value))
    return losses, figures, beside


def smoothed(values: list[float]) -> list[float]:
    """Exponential average, each point from itself and those before; the first counts no more than any other."""
    result, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = SMOOTH * total + (1 - SMOOTH) * value, SMOOTH * weight + (1 - SMOOTH)
        result.append(total / weight)
    return result


def draw(run: Path) -> Path:
    """Write ``curves.png`` into `run`, one panel a curve. Raises as `read` does, ``OSError`` where it cannot write."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    losses, figures, beside = read(run)
    panels = [*losses.items(), *figures.items(), *beside.items()]
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.8 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for index, (name, (iterations, values)) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        if name in losses:
            axes.plot(iterations, values, linewidth=0.6, alpha=0.4, color="tab:blue")
            axes.plot(iterations, smoothed(values), linewidth=1.4, color="tab:blue")
        else:
            axes.plot(iterations, values, linewidth=1.2, marker="." if name in figures else "", color="tab:green")
        if name in losses and min(values) > 0 and max(values) > 5 * min(values):
            axes.set_yscale("log")
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    figure.suptitle(run.resolve().name)
    path = run / "curves.png"
    figure.savefig(path)
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="gancam train curves", description="Draw the curves of runs.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    try:
        for run in parser.parse_args(arguments).runs:
            sys.stdout.write(f"{draw(run)}\n")
    except (OSError, ValueError, ImportError) as error:
        sys.stderr.write(f"train.curves: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
