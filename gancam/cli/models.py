"""`gancam models`: which models are there, how good and how fast they are."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gancam.cli.app import Command, app
from gancam.effects import EffectSpec, check_spec, own_effect
from gancam.inference.autotune import notes
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find
from gancam.inference.figures import telling
from gancam.inference.trials import Trial
from gancam.inference.variants import is_made
from gancam.params import Parameter
from gancam.tools.models import ModelEntry, OwnEffect, Unusable, model_entries, own_effects
from gancam.units import milliseconds


@app.command(cls=Command)
def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Show everything about this model or effect: a name, or an .onnx file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON on stdout.")] = False,
) -> None:
    """List models and effects, or show one of them.

    A model has a task, a size, a time on this machine where it was tried, a quality, and a licence. With NAME, all of
    that model or effect, and the parameters that -e NAME:PARAMETER=VALUE sets.
    """
    if name is not None and ":" in name and not Path(name).exists():  # as -e takes it
        spec = EffectSpec.parse(name)
        check_spec(spec)
        name = spec.name
    if name is not None and own_effect(name) is not None:
        effect = OwnEffect.read(name)
        if as_json:
            print(json.dumps(effect.to_json(), indent=2))
        else:
            _print_rows([("effect", name), ("what it does", effect.summary), ("package", effect.package)])
            _print_parameters(effect.effect_parameters)
        return
    if name is not None:
        entry = ModelEntry.read(Path(name).stem if name.lower().endswith(".onnx") else name, find(name))
        if as_json:
            print(json.dumps(entry.to_json(), indent=2))
        else:
            _print_one(entry)
        return
    entries, effects = model_entries(), own_effects()
    if as_json:
        print(
            json.dumps([*(entry.to_json() for entry in entries), *(effect.to_json() for effect in effects)], indent=2)
        )
    else:
        _print_all(entries, effects)


_NARROW = 120  # columns below which the list leaves out tasks, figures, and the licences that allow everything


def _print(table: Table) -> None:
    """Print a table as wide as the terminal, COLUMNS, or 160 columns; without blanks at the ends of lines."""
    console = _console()
    with console.capture() as text:
        console.print(table)
    print("\n".join(line.rstrip() for line in text.get().splitlines()))


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 160)


def _print_all(entries: Sequence[ModelEntry | Unusable], effects: Sequence[OwnEffect | Unusable]) -> None:
    narrow = _console().width < _NARROW
    heads = ("model", "size", "time here\n(192x160)", "what it does") if narrow else (
        "model", "task", "size", "time here\n(192x160)", "what it does, and how well", "licence"
    )  # fmt: skip
    table = Table(*heads, box=None, pad_edge=False)
    for entry in [*entries, *effects]:
        own = isinstance(entry, OwnEffect) or entry.own
        name = f"{entry.name} (own)" if own else entry.name
        table.add_row(*(Text(cell) for cell in (name, *(_narrow_cells if narrow else _cells)(entry))))
    _print(table)
    print("time here: of a picture of 192x160, where the model was played once; gancam bench measures other sizes")
    print("all of one model: gancam models NAME")


def _cells(entry: ModelEntry | OwnEffect | Unusable) -> tuple[str, ...]:
    """Write task, size, time, what it does, and the licence."""
    if isinstance(entry, ModelEntry):
        return entry.task, entry.size, entry.time, _quality(entry.card), entry.card.licence
    if isinstance(entry, OwnEffect):
        return f"effect of {entry.package}", "", "", entry.summary, ""
    return "", "", "", entry.why, ""


def _narrow_cells(entry: ModelEntry | OwnEffect | Unusable) -> tuple[str, ...]:
    """Write size, time, and what it does."""
    if isinstance(entry, ModelEntry):
        return entry.size, entry.time, _limits(entry.card)
    if isinstance(entry, OwnEffect):
        return "", "", f"{entry.summary}\neffect of {entry.package}"
    return "", "", entry.why


def _quality(card: ModelCard) -> str:
    """Write what a model does, and the figure that tells most of it."""
    figure = telling(card.figures)
    if figure is None:
        return card.summary
    better = {"higher": " (higher is better)", "lower": " (lower is better)", "": ""}
    return f"{card.summary}\n{figure}{better.get(figure.better, f' ({figure.better} is better)')}"


def _limits(card: ModelCard) -> str:
    """Write what a model does, and its licence where that forbids something."""
    return f"{card.summary}\nlicence: {card.licence}" if card.restricted else card.summary


def _tried(card: ModelCard, device: str, trial: Trial) -> str:
    """Write how fast and how exact a precision was on this machine."""
    what = "two pictures" if card.layout == "latent" else "192x160"
    said = f"{trial.precision} on {device}: {milliseconds(trial.ms)} for {what}"
    return said if trial.precision == "fp32" else f"{said}; differs from fp32 by {trial.psnr:.0f} dB"


def _print_one(entry: ModelEntry) -> None:
    card = entry.card
    rows = [
        ("model", entry.name), ("what it does", card.summary), ("task", entry.task), ("size", entry.size),
        ("licence", card.licence), ("trained on", card.data), ("recipe", card.recipe),
        ("commit", card.commit.removesuffix("-dirty")),
        ("network", f"{card.parameters:,} parameters" if card.parameters else ""),
    ]  # fmt: skip
    for precision, file in entry.files.items():
        made = is_made(file, precision)
        rows.append((precision, "made of fp32 when it is opened" if made else f"{file.stat().st_size / 1e6:.2f} MB"))
    for device, trials in entry.trials.items():
        said = [_tried(card, device, one) for one in trials if not one.error]
        rows += [("tried here", line) for line in [*said, *notes(trials, device)]]
    _print_rows(rows)
    _print_parameters(entry.effect_parameters)
    if card.figures:
        measured = Table("figure", "value", "on", "better", box=None, pad_edge=False)
        for one in card.figures:
            measured.add_row(*(Text(cell) for cell in (one.metric, one.text, one.dataset, one.better)))
        print()
        _print(measured)


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for head, text in rows:
        if text:
            table.add_row(Text(head), Text(text))
    _print(table)


def _print_parameters(parameters: Sequence[Parameter]) -> None:
    table = Table("parameter", "takes", "default", "meaning", box=None, pad_edge=False)
    for one in parameters:
        table.add_row(*(Text(cell) for cell in (one.name, one.describe(), one.text(one.default), one.help)))
    if table.row_count:
        print()
        _print(table)
