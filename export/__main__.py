"""gancam export RUN -o gancam/models/: a run's generator as model files, each checked against PyTorch.

RUN may be the fp32 file of a model, too, to make its other precisions anew.
"""

import logging
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from torch import nn

from export import check, storage
from export.arguments import checked, make_parser
from export.enlarged import enlarge
from export.plan import Plan, exporter
from export.restore import restore
from export.super_resolution import interpolated, shrunk
from export.unconditional import calm
from gancam.errors import GancamError, ModelError
from gancam.inference.card import ModelCard, Precision
from gancam.inference.figures import parse_figures
from gancam.inference.half import to_fp16
from gancam.inference.model import Model
from train import checkpoint, files, networks
from train import recipe as recipes
from train.program import fail
from train.recipe import Recipe

log = logging.getLogger("export")


def export(
    run: Path,
    folder: Path,
    *,
    name: str = "",
    images: Path | None = None,
    judge_on: list[Path],
    precisions: tuple[str, ...] = (),
    licence: str = "",
    data: str = "",
    summary: str = "",
    seeds: tuple[int, ...] = (),
    noise: float = 1.0,
    reverse: bool = False,
    enlargers: Sequence[Path] = (),
    towards: tuple[Path, float] | None = None,
    shrink: str = "",
    overwrite: bool = False,
) -> dict[str, Path | None]:
    """Write the variants of a run's averaged generator as model files.

    Args:
        run: The run's folder, its checkpoint, or the fp32 file of a model, whose name, licence, data and summary hold.
        folder: Where the files go; it is made where there is none.
        name: Of the model; by default the recipe's.
        images: Real pictures to calibrate int8 and compare every variant on; by default samples/stills/.
        judge_on: What quality is measured on.
        precisions: Which variants; by default all there are but fp16, which is made of the fp32 file when it is opened.
        licence: Of the weights; by default that of the models that they are made of.
        data: What they were trained on, in words; by default as those say.
        summary: One line for the menu.
        seeds: Of a generator's pictures that are worth showing.
        noise: How much of its random detail a stylegan's pictures keep, 0 to 1; less is cleaner.
        reverse: Whether the direction from B to A is wanted, of a task that has two.
        enlargers: Runs of super-resolution whose networks enlarge, in turn, what a stylegan makes; all become one file.
        towards: A run or an fp32 file of super-resolution, and the share, 0 to 1, of its weights in those written.
        shrink: The recipe of a network of scale 1, of which a network for super-resolution becomes one.
        overwrite: Whether files of those names may be replaced.

    Returns:
        The paths by precision, None for one that lost more than its tolerance: it is named in the log, not written.

    Raises:
        ValueError: An unknown precision, a run that no exporter takes, weights of another network, or several licences.
        FileNotFoundError: No such run, or no such pictures.
        FileExistsError: A file is there already and `overwrite` is not given.
    """
    network, recipe, given = _network(run, reverse)
    network, recipe, mixed = _changed(network, recipe, noise, enlargers, towards, shrink)
    licence, data = licence or licence_of([given, *mixed]), data or _data_of([given, *mixed])
    plan = exporter(recipe).plan(network, recipe, images, judge_on)
    if unknown := set(precisions) - set(plan.precisions):
        raise ValueError(f"precision {min(unknown)!r}: {recipe.task} has {', '.join(plan.precisions)}")
    card = replace(
        plan.card, name=name or given.name or recipe.name, recipe=recipe.name, commit=_commit(),
        licence=licence, data=data, summary=summary or given.summary, seeds=seeds or given.seeds,
        defaults=given.defaults, quality=_before(given) if enlargers else {},
    )  # fmt: skip
    wanted = [one for one in plan.precisions if one in (precisions or ("fp32", "int8"))]
    return _write_all(plan, _paths(folder, card.name, wanted, overwrite), card)


def _changed(
    network: nn.Module,
    recipe: Recipe,
    noise: float,
    enlargers: Sequence[Path],
    towards: tuple[Path, float] | None,
    shrink: str,
) -> tuple[nn.Module, Recipe, list[ModelCard]]:
    """Do what is asked for with a trained network before it is exported; the cards of others that go into it, too."""
    if noise != 1.0:
        calm(network, noise)
    others = [_network(one, False) for one in (*enlargers, *([towards[0]] if towards else []))]
    if enlargers:
        network, recipe = enlarge(network, [other for other, _, _ in others[: len(enlargers)]], recipe)
    if towards:
        network = interpolated(network, others[-1][0], towards[1])
    if shrink:
        network, recipe = shrunk(network, shrink)
    return network, recipe, [card for _, _, card in others]


def _data_of(cards: Sequence[ModelCard]) -> str:
    """What the models of these `cards` were trained on, in words."""
    return "; ".join(dict.fromkeys(card.data for card in cards if card.data))


def licence_of(cards: Sequence[ModelCard]) -> str:
    """The licence of what is made of the models of these `cards`. Raises ``ValueError`` where they have several."""
    licences = {card.licence: None for card in cards}
    known = [licence for licence in licences if licence != ModelCard.licence]
    if len(known) > 1:
        raise ValueError(
            f"what is mixed has several licences ({'; '.join(known)}): say with --licence what holds for it"
        )
    return next(iter(known)) if len(licences) == 1 and known else ModelCard.licence


def _before(given: ModelCard) -> dict[str, float]:
    """Keep the figures of a generator whose pictures are enlarged now, where these are not judged themselves."""
    return {f"{name}, before enlarging": figure for name, figure in given.quality.items()}


def _write_all(plan: Plan, paths: dict[Precision, Path], card: ModelCard) -> dict[str, Path | None]:
    log.info("measuring the network in PyTorch ...")
    reference = plan.judged(None)
    written: dict[str, Path | None] = {}
    for precision, path in paths.items():
        try:
            _write(plan, precision, path, card, reference)
            written[precision] = path
            if precision == "fp32":
                for old in _stale(paths):
                    old.unlink(missing_ok=True)
        except check.VariantRefused as error:
            log.warning("%s not written: %s", path.name, error)
            written[precision] = None
    if reference:
        log.info("PyTorch itself: %s", "; ".join(map(str, parse_figures(reference))))
    return written


def _paths(folder: Path, name: str, precisions: list[Precision], overwrite: bool) -> dict[Precision, Path]:
    """Name the file of each precision, and make their folder.

    Raises ``FileExistsError`` for one that is there and may not be replaced.
    """
    paths = {
        precision: folder / (f"{name}.onnx" if precision == "fp32" else f"{name}.{precision}.onnx")
        for precision in precisions
    }
    for path in (*paths.values(), *_stale(paths)):
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: give --overwrite to replace it")
    folder.mkdir(parents=True, exist_ok=True)
    return paths


def _stale(paths: dict[Precision, Path]) -> list[Path]:
    """The file of fp16 that is of another network once the fp32 one is written and it is not."""
    return [paths["fp32"].with_suffix(".fp16.onnx")] if "fp32" in paths and "fp16" not in paths else []


def _write(plan: Plan, precision: Precision, path: Path, card: ModelCard, reference: dict[str, float]) -> None:
    """Write one variant, once the file itself has been compared with PyTorch. Raises ``VariantRefused``."""
    # a name with its precision in it, so that `Model` takes it for this variant alone
    partial = files.destination(path).with_name(f".{card.name}.partial.{precision}.onnx")
    try:
        log.info("making %s, and comparing it with PyTorch ...", path)
        graph, layout = plan.graph("int8" if precision == "int8" else "fp32")
        card = replace(card, precision=precision, layout=layout)
        if precision != "int8":
            graph = storage.halved(graph)
        if precision == "fp16":
            graph = _in_fp16(graph, card)
        check.refuse(graph)
        _save(graph, card, partial)
        model = Model(partial, device="cpu", precision=precision)
        parity = check.parity(precision, plan.pairs(model))
        quality = plan.judged(model)
        check.refuse_loss(precision, quality, reference)
        quality = {name: figure for name, figure in quality.items() if math.isfinite(figure)}  # as JSON has them
        brightens = check.brightens(model) if card.effect == "super_resolution" else {}
        _save(graph, replace(card, brightens=brightens, quality=quality or card.quality, parity=parity), partial)
        files.give_name(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    size, most = path.stat().st_size / 1e3, parity["max_difference"]
    beside = f"{parity['psnr']:.1f} dB beside PyTorch, at most {most:.0f} of 255 off" if most else "the same as PyTorch"
    log.info("%s: %.0f kB, %s", path, size, "; ".join([beside, *map(str, parse_figures(quality))]))


def _in_fp16(graph: onnx.ModelProto, card: ModelCard) -> onnx.ModelProto:
    """What is opened as fp16 of an fp32 file. Raises ``VariantRefused``."""
    onnx.helper.set_model_props(graph, card.to_metadata())
    try:
        return onnx.load_from_string(to_fp16(graph.SerializeToString(), card.name))
    except ModelError as error:
        raise check.VariantRefused(str(error)) from error


def _save(graph: onnx.ModelProto, card: ModelCard, path: Path) -> None:
    onnx.helper.set_model_props(graph, card.to_metadata())
    onnx.save(graph, path)


def _network(run: Path, reverse: bool) -> tuple[nn.Module, Recipe, ModelCard]:
    """Load the network of a run or of a model file, with its recipe and what a model file says of itself."""
    if run.suffix == ".onnx":
        if reverse:
            raise ValueError("--reverse: a model file has one direction")
        return restore(run)
    network, recipe = _trained(run, reverse)
    return network, recipe, ModelCard("", "")


def _trained(run: Path, reverse: bool) -> tuple[nn.Module, Recipe]:
    """Load the averaged generator of a run, and its recipe."""
    state = checkpoint.load(run)
    recipe = recipes.parse(state["recipe"], name=state["name"])
    network = networks.build(**recipe.network)
    weights = exporter(recipe).weights(recipe, state["ema"], reverse)
    networks.fill(network, weights, recipe.name, run)
    return network.eval(), recipe


def _commit() -> str:
    """The commit of this checkout, empty where git cannot tell."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():  # installed, perhaps within a checkout of somebody else's
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = make_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        towards = checked(options)
        with torch.no_grad():
            written = export(
                options.run, options.output, name=options.name, images=options.images, judge_on=options.judge,
                precisions=tuple(filter(None, options.precisions.split(","))), licence=options.licence,
                data=options.trained_on, summary=options.summary, noise=options.noise,
                seeds=tuple(map(int, filter(None, options.seeds.split("/")))),
                reverse=options.reverse, enlargers=options.enlarger, towards=towards, shrink=options.shrink,
                overwrite=options.overwrite,
            )  # fmt: skip
    except (OSError, ValueError, GancamError) as error:
        return fail(error)
    return 0 if all(written.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
