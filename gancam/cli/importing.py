"""`gancam import`: somebody else's model, made one of the user's own."""

import json
import logging
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from rich.console import Console

import gancam
from gancam.cli.app import OverwriteOption, app
from gancam.cli.console import errors
from gancam.errors import InputError, OutputExists, SinkError
from gancam.inference.catalog import menu, user_folder
from gancam.inference.importing.adopt import Adapted, adapt
from gancam.inference.importing.pictures import truth

_SHOWN = 192  # pixels along a side of the picture that shows what a model does


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .onnx without a card, or a .pth or .safetensors.")],
    name: Annotated[str, typer.Option(help="Its name from now on (default: the file's).")] = "",
    effect: Annotated[str | None, typer.Option(help="Its task: super_resolution, translate, inpaint or morph.")] = None,
    order: Annotated[str | None, typer.Option(help="Colour order: rgb, bgr, or y (luma alone).")] = None,
    output_order: Annotated[str | None, typer.Option(help="Colour order of its output: rgb, bgr, or y.")] = None,
    range_: Annotated[
        str | None,
        typer.Option("--range", help="Values: 0..1, 0..255, -1..1, imagenet, imagenet255 or -0.5..0.5."),
    ] = None,
    output_range: Annotated[str | None, typer.Option(help="Values of its output, likewise.")] = None,
    layout: Annotated[str | None, typer.Option(help="Order of its dimensions: nchw or nhwc.")] = None,
    scale: Annotated[int | None, typer.Option(help="Output pixels per input pixel along a side.", min=1)] = None,
    mask_one: Annotated[str | None, typer.Option(help="What 1 marks in the mask: hole or known.")] = None,
    sidecar: Annotated[bool, typer.Option("--sidecar", help="Write what was found into a .toml beside FILE.")] = False,
    overwrite: OverwriteOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was found, as one object on stdout.")] = False,
) -> None:
    """Add somebody else's model to your own, under a name.

    What it takes and gives is found out by trying. FILE is not touched: a copy with the conversions in it goes to the
    user's folder of models (GANCAM_MODELS), with a picture of what it does. What options or the .toml beside FILE say
    is not questioned.
    """
    name = name or file.name.partition(".")[0]
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"name {name!r} must be of letters, digits, - and _ (--name)")
    if name in menu():
        raise InputError(f"name {name!r} is that of a bundled model; give another one (--name)")
    target = user_folder() / f"{name}.onnx"
    if target.exists() and not overwrite:
        raise OutputExists(f"{target} exists; give another name (--name), or --overwrite")
    given = {
        "effect": effect, "order": order, "output_order": output_order, "range": range_, "output_range": output_range,
        "layout": layout, "scale": scale, "mask_one": mask_one,
    }  # fmt: skip
    answers = {key: value for key, value in given.items() if value is not None}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{target.parent}: cannot be made a folder ({error.strerror or error})") from error
    with errors.status(f"trying {file.name} out ...") if errors.is_terminal and not as_json else nullcontext():
        found = adapt(file, target, name=name, answers=answers)
        picture, milliseconds = _picture(found)
    if sidecar:
        file.with_suffix(".toml").write_text(found.convention.to_toml(), encoding="utf-8")
    _report(found, picture, milliseconds, as_json)


def _report(found: Adapted, picture: Path, milliseconds: float, as_json: bool) -> None:
    convention: dict[str, Any] = asdict(found.convention)
    entry = {
        "name": found.card.name, "path": str(found.path), "picture": str(picture), "licence": found.card.licence,
        "psnr": round(found.psnr, 1), "ms": round(milliseconds, 1), "convention": convention,
    }  # fmt: skip
    if as_json:
        print(json.dumps(entry, indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{found.card.name}: {found.convention.describe()}", markup=False)
    for doubt in found.convention.doubts:
        console.print(f"  not certain: {doubt}", markup=False)
    console.print(
        f"  same as the graph itself to {found.psnr:.0f} dB; {milliseconds:.0f} ms for a picture of {_SHOWN}x{_SHOWN}; "
        f"licence {found.card.licence}",
        markup=False,
    )
    console.print(f"  {found.path}\n  {picture} shows what it does", markup=False)


def _picture(found: Adapted) -> tuple[Path, float]:
    """Write what the model makes of a photo beside it, next to the photo; and how long that took, in milliseconds."""
    log = logging.getLogger("gancam.inference.catalog")
    log.disabled = True  # what it tells is told here
    try:
        params: dict[str, Any] = {"box": "64/64/48/48"} if found.card.effect == "inpaint" else {}
        effect = gancam.load(found.path, device="cpu", **params)
    finally:
        log.disabled = False
    image = truth(_SHOWN, _SHOWN)
    effect(image)
    began = time.perf_counter()
    made = effect(image)
    took = 1000 * (time.perf_counter() - began)
    size = made.shape[1], made.shape[0]
    before = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    path = found.path.with_suffix(".png")
    _, data = cv2.imencode(".png", np.concatenate([before, made], axis=1))
    path.write_bytes(data.tobytes())
    return path, took
