"""python -m export RUN -o gancam/models/: a run's generator as model files, each checked against PyTorch."""

import argparse
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import torch

from export import check, super_resolution
from gancam.card import ModelCard
from gancam.errors import GancamError
from gancam.model import Model
from train import checkpoint, evaluate, networks
from train import recipe as recipes
from train.data import Pixels, image_files, read_image
from train.networks.sr import SuperResolution

log = logging.getLogger("export")
SAMPLES = Path(__file__).parent.parent / "samples"


def export(
    run: Path,
    folder: Path,
    *,
    images: Path | None = None,
    judge: list[Path],
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8"),
    licence: str = "unknown",
    data: str = "",
    summary: str = "",
    overwrite: bool = False,
) -> list[Path]:
    """Write the variants of the run's averaged generator into `folder` and return their paths.

    `images` are the real pictures that int8 is calibrated and every variant compared on (default: those in samples/);
    each folder of `judge` gives the card figures named after it. A variant that loses more than its tolerance is
    named in the log and not written. Raises ``ValueError``, ``FileNotFoundError``, ``FileExistsError``.
    """
    state = checkpoint.load(run)
    recipe = recipes.parse(state["recipe"], name=state["name"])
    network = networks.build(**recipe.network)
    network.load_state_dict(state["ema"])
    network.eval()
    if not isinstance(network, SuperResolution):
        raise ValueError(f"recipe {recipe.name!r}: no exporter for networks of family {recipe.network['family']!r}")
    pictures = [read_image(path) for path in image_files(images or SAMPLES)]
    degradations = ("bicubic", "webcam") if recipe.data.get("degradation") == "webcam" else ("bicubic",)
    folders = {path.name.lower(): [read_image(file) for file in image_files(path)] for path in judge}

    def judged(upscale: Callable[[Pixels], Pixels]) -> dict[str, float]:
        figures: dict[str, float] = {}
        for degradation in degradations:
            for name, truths in folders.items():
                scores = evaluate.super_resolution(upscale, truths, network.scale, degradation=degradation)
                suffix = name if degradation == "bicubic" else f"{name}_{degradation}"
                figures |= {f"{figure}_{suffix}": round(score, 4) for figure, score in scores.items()}
        return figures

    reference = judged(lambda image: evaluate.run(network, image))
    card = {
        "name": recipe.name, "effect": recipe.task, "scale": network.scale, "recipe": recipe.name, "commit": _commit(),
        "receptive_field": network.receptive_field, "licence": licence, "data": data, "summary": summary,
        "parameters": sum(kernel.numel() + bias.numel() for kernel, bias in network.convolutions()),
    }  # fmt: skip
    written = []
    for precision in precisions:
        path = folder / (f"{recipe.name}.onnx" if precision == "fp32" else f"{recipe.name}.{precision}.onnx")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: give --overwrite to replace it")
        # a name with its precision in it, so that `Model` takes it for this variant alone
        partial = path.with_name(f".{recipe.name}.partial.{precision}.onnx")
        layout = "blocks" if precision == "int8" else "image"

        def write(model: onnx.ModelProto, **measured: dict[str, float]) -> None:
            about = ModelCard(**card, precision=precision, layout=layout, **measured)  # type: ignore[arg-type] # noqa: B023
            onnx.helper.set_model_props(model, about.to_metadata())
            onnx.save(model, partial)  # noqa: B023

        try:
            if precision == "int8":
                graph = super_resolution.quantise(network, [picture[..., ::-1] for picture in pictures])
            else:
                graph = super_resolution.float_graph(network, half=precision == "fp16")
            write(graph)
            compared = check.parity(partial, precision, network, pictures)
            quality = judged(check.upscaler(Model(partial, device="cpu", precision=precision)))
            check.refuse_loss(precision, quality, reference)
            write(graph, quality=quality, parity=compared)
            partial.replace(path)
        except check.VariantRefused as error:
            log.warning("%s not written: %s", path.name, error)
            continue
        finally:
            partial.unlink(missing_ok=True)
        written.append(path)
        log.info("%s  %.0f kB  against PyTorch %s  %s", path, path.stat().st_size / 1e3, compared, quality)
    log.info("PyTorch  %s", reference)
    return written


def _commit() -> str:
    """The commit of this checkout, empty where git cannot tell."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder, or a checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the model files")
    parser.add_argument("--images", type=Path, help="pictures to calibrate and compare on (default: samples/)")
    parser.add_argument("--judge", type=Path, action="append", default=[], help="folder to measure quality on; repeat")
    parser.add_argument("--precisions", default="fp32,fp16,int8", help="variants to write")
    parser.add_argument("--licence", default="unknown", help="of the weights, as their data allows")
    parser.add_argument("--trained-on", default="", help="the data, in words, for the card")
    parser.add_argument("--summary", default="", help="one line for the menu")
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        precisions = tuple(options.precisions.split(","))
        unknown = set(precisions) - set(check.TOLERANCE)
        if unknown:
            raise ValueError(f"--precisions {options.precisions!r}: must be of {', '.join(check.TOLERANCE)}")
        if not options.output.is_dir():
            raise FileNotFoundError(f"no folder {options.output}: make it first")
        written = export(
            options.run, options.output, images=options.images, judge=options.judge, precisions=precisions,
            licence=options.licence, data=options.trained_on, summary=options.summary, overwrite=options.overwrite,
        )  # fmt: skip
    except (OSError, ValueError, GancamError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    return 0 if len(written) == len(precisions) else 1


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    sys.exit(main())
