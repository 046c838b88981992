"""python -m export RUN -o gancam/models/: a run's generator as model files, each checked against PyTorch.

RUN may be the fp32 file of a model, too, to make its other precisions anew."""

import argparse
import logging
import re
import subprocess
import sys
from pathlib import Path

import onnx
import torch
from torch import nn

from export import check, saturation, storage
from export.plan import plan
from export.restore import restore
from gancam.errors import GancamError
from gancam.inference.card import ModelCard
from gancam.inference.model import Model
from train import checkpoint, networks
from train import recipe as recipes
from train.recipe import Recipe

log = logging.getLogger("export")


def export(
    run: Path,
    folder: Path,
    *,
    name: str = "",
    images: Path | None = None,
    judge: list[Path],
    precisions: tuple[str, ...] = (),
    licence: str = "",
    data: str = "",
    summary: str = "",
    reverse: bool = False,
    overwrite: bool = False,
) -> dict[str, Path | None]:
    """Write the variants of the run's averaged generator into `folder` under `name` (default: the recipe's), and return
    their paths by precision, None for one that was refused. `run` may be the fp32 file of a model instead; then what is
    not said of name, licence, data and summary is as there.

    `images` are the real pictures that int8 is calibrated and every variant compared on, where the task needs any
    (default: samples/stills/); what quality is measured on is in `judge`. Without `precisions`, all that the task
    has. A variant that loses more than its tolerance is named in the log and not written. Raises ``ValueError``,
    ``FileNotFoundError``, ``FileExistsError``.
    """
    given = ModelCard("", "")
    if run.suffix == ".onnx":
        if reverse:
            raise ValueError("--reverse: a model file has one direction")
        network, recipe, given = restore(run)
    else:
        network, recipe = _trained(run, reverse)
    made = plan(network, recipe, images, judge)
    if unknown := set(precisions) - set(made.precisions):
        raise ValueError(f"precision {min(unknown)!r}: {recipe.task} has {', '.join(made.precisions)}")
    name = name or given.name or recipe.name
    reference = made.judged(None)
    card = {
        "name": name, "effect": recipe.task, "recipe": recipe.name, "commit": _commit(),
        "licence": licence or given.licence, "data": data or given.data, "summary": summary or given.summary,
        **made.card,
    }  # fmt: skip
    written: dict[str, Path | None] = {}
    for precision in precisions or made.precisions:
        path = folder / (f"{name}.onnx" if precision == "fp32" else f"{name}.{precision}.onnx")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: give --overwrite to replace it")
        # a name with its precision in it, so that `Model` takes it for this variant alone
        partial = path.with_name(f".{name}.partial.{precision}.onnx")

        def write(model: onnx.ModelProto, layout: str, **measured: dict[str, float]) -> None:
            about = ModelCard(**card, precision=precision, layout=layout, **measured)  # type: ignore[arg-type] # noqa: B023
            onnx.helper.set_model_props(model, about.to_metadata())
            onnx.save(model, partial)  # noqa: B023

        try:
            graph, layout = made.graph(precision)
            graph = graph if precision == "int8" else storage.halved(graph)
            saturation.refuse(graph)
            write(graph, layout)
            model = Model(partial, device="cpu", precision=precision)
            compared = check.parity(precision, made.pairs(model))
            quality = made.judged(model)
            check.refuse_loss(precision, quality, reference)
            write(graph, layout, quality=quality, parity=compared)
            partial.replace(path)
        except check.VariantRefused as error:
            log.warning("%s not written: %s", path.name, error)
            written[precision] = None
            continue
        finally:
            partial.unlink(missing_ok=True)
        written[precision] = path
        log.info("%s  %.0f kB  against PyTorch %s  %s", path, path.stat().st_size / 1e3, compared, quality)
    log.info("PyTorch  %s", reference)
    return written


def _trained(run: Path, reverse: bool) -> tuple[nn.Module, Recipe]:
    """The averaged generator of a run, and its recipe."""
    state = checkpoint.load(run)
    recipe = recipes.parse(state["recipe"], name=state["name"])
    network = networks.build(**recipe.network)
    weights = state["ema"]
    if recipe.task == "cyclegan":
        direction = "ba." if reverse else "ab."
        weights = {name[3:]: value for name, value in weights.items() if name.startswith(direction)}
    elif reverse:
        raise ValueError(f"--reverse: recipe {recipe.name!r} has one direction; only a cyclegan has two")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{run}: its weights are not those of recipe {recipe.name!r} as it is now ({error})"
        ) from error
    return network.eval(), recipe


def _commit() -> str:
    """The commit of this checkout, empty where git cannot tell."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder, a checkpoint, or an fp32 model file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the model files")
    parser.add_argument("--name", default="", help="of the model (default: the recipe's)")
    parser.add_argument("--images", type=Path, help="pictures to calibrate and compare on (default: samples/stills/)")
    parser.add_argument("--judge", type=Path, action="append", default=[], help="what to measure quality on; repeat")
    parser.add_argument("--precisions", default="", help="variants to write, as fp32,fp16 (default: all there are)")
    parser.add_argument("--licence", default="", help="of the weights, as their data allows")
    parser.add_argument("--trained-on", default="", help="the data, in words, for the card")
    parser.add_argument("--summary", default="", help="one line for the menu")
    parser.add_argument("--reverse", action="store_true", help="of a cyclegan, from B to A instead")
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if not options.output.is_dir():
            raise FileNotFoundError(f"no folder {options.output}: make it first")
        if options.name and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", options.name):
            raise ValueError(f"--name {options.name!r}: a model's name has letters, digits, - and _ alone")
        written = export(
            options.run, options.output, name=options.name, images=options.images, judge=options.judge,
            precisions=tuple(filter(None, options.precisions.split(","))), licence=options.licence,
            data=options.trained_on, summary=options.summary, reverse=options.reverse, overwrite=options.overwrite,
        )  # fmt: skip
    except (OSError, ValueError, GancamError) as error:
        print(f"export: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0 if all(written.values()) else 1


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    sys.exit(main())
