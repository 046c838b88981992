"""`gancam import`: somebody else's model, made one of the user's own."""

import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from rich.console import Console

import gancam
from gancam.cli import option
from gancam.cli.app import Command, app
from gancam.cli.console import errors, print_warning
from gancam.errors import GancamError, InputError, NotFound, OutputExists, SourceError, either
from gancam.files import is_reserved, make_folder, write_file
from gancam.frame import Image
from gancam.inference.catalog import NONE, menu, user_folder
from gancam.inference.importing.adopt import Adapted, adapt
from gancam.inference.importing.foreign import asked
from gancam.inference.importing.formats import other_format
from gancam.inference.importing.latent import join
from gancam.inference.importing.pictures import truth
from gancam.inference.importing.precisions import Offer, offer
from gancam.inference.importing.safety import is_foreign, is_onnx
from gancam.inference.importing.sayings import again_as, confirming, plain_name
from gancam.inference.importing.weights import SUFFIXES, holds_weights
from gancam.inference.model import ImageModel
from gancam.media.images import read_colours
from gancam.media.paths import READ_IMAGES
from gancam.units import counted

_ALL = ("super_resolution", "translate", "faces", "inpaint", "background")  # that take a picture
_MEANT: dict[str, tuple[str, ...]] = {  # for which tasks some options mean something
    "mask_one": ("inpaint",), "scale": ("super_resolution", "translate", "faces"),
    "range": _ALL, "layout": _ALL,
}  # fmt: skip
_SHOWN = 192  # pixels along a side of the picture that shows what a model does
_TIMED = 640, 360  # width and height of the frames that it is timed on
_PATIENCE = 20.0  # seconds that timing may take; what would take longer is told from the small picture
_LONGEST = 200  # bytes of a name: those of its files are longer, and file systems take 255
_NAMED = 4  # broken photos that are named
_CALLS = 3  # of which the median time is told


@dataclass(frozen=True)
class _Seen:
    """What a model was tried on: the picture of it, and milliseconds for a frame of `size`, estimated or measured."""

    picture: Path
    milliseconds: float
    size: tuple[int, int]
    estimated: bool = False
    drawn: bool = False  # whether it makes a picture of its own size, which is drawn into frames of `size`

    @property
    def line(self) -> str:
        word = "about " if self.estimated else ""
        time, size = f"{word}{self.milliseconds:.0f} ms", f"{self.size[0]}x{self.size[1]}"
        return f"{time} for {'its picture in a frame of ' if self.drawn else ''}{size} on the CPU"


@app.command(name="import", cls=Command)
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE [SYNTHESIS]",
            help="An .onnx without a card, weights (.pth, .safetensors), or a generator's mapping and its synthesis.",
        ),
    ],
    name: Annotated[str, typer.Option(help="Its name from now on (default: the file's).")] = "",
    effect: Annotated[
        str | None, typer.Option(help="Its task: super_resolution, translate, faces, inpaint, background or morph.")
    ] = None,
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
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photos with which fp16 and int8 are made of it, too."),
    ] = None,
    sidecar: Annotated[bool, typer.Option("--sidecar", help="Write what was found into a .toml beside FILE.")] = False,
    overwrite: option.Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON on stdout.")] = False,
) -> None:
    """Add somebody else's model to your own, under a name.

    What it takes and gives is found out by trying. FILE is not touched: a copy with the conversions in it goes to the
    user's folder of models (GANCAM_MODELS), with a picture of what it does. What options or the .toml beside FILE say
    is not questioned.
    """
    file = files[0]
    if len(files) > 2:
        raise InputError(
            f"{len(files)} files: one is imported at a time, or the two of a generator, mapping and synthesis"
        )
    for one in files:
        _check_kind(one)
    target = _target(name or plain_name(file), overwrite)
    given = {
        "effect": effect, "order": order, "output_order": output_order, "range": range_, "output_range": output_range,
        "layout": layout, "scale": scale, "mask_one": mask_one,
    }  # fmt: skip
    answers = {key: value for key, value in given.items() if value is not None}
    photos = _photos(calibrate) if calibrate is not None else []
    with errors.status(f"trying {file.name} out ...") if errors.is_terminal and not as_json else nullcontext():
        found = _adapted(files, target, answers)
        _check_used(found, answers)
        offers = offer(found.path, photos) if photos else []
        seen = _tried(found)
    if sidecar:
        write_file(file.with_suffix(".toml"), found.convention.to_toml().encode(), overwrite=True)
    _report(found, file, seen, offers, as_json)


def _check_kind(file: Path) -> None:
    """Raise ``InputError`` for a file that is of no kind that is imported, or that needs no import."""
    plain = file.suffix.lower()
    if not file.exists():
        raise NotFound(f"no model file {file}")
    if plain not in (".onnx", *SUFFIXES) and not is_onnx(file):
        known = other_format(file)
        raise InputError(
            f"{file} is {known}" if known else f"{file}: an .onnx, or weights in {', '.join(SUFFIXES)}, can be imported"
        )
    if file.is_file() and not holds_weights(file) and not is_foreign(file):
        raise InputError(
            f"{file} is a model of gancam already: -e {file} plays it; copied into {user_folder()} it has a name, too"
        )


def _target(name: str, overwrite: bool) -> Path:
    """The file that the model becomes. Raises for a name that cannot be, or is taken."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"name {name!r} must be of letters, digits, - and _ (--name)")
    if is_reserved(name):
        raise InputError(f"name {name!r} is that of a device of Windows; give another one (--name)")
    if name == NONE:
        raise InputError(f"name {name!r} is that of no effect (-e {NONE}); give another one (--name)")
    if len(os.fsencode(name)) > _LONGEST:
        raise InputError(f"name {name[:40]!r}... is longer than {_LONGEST} bytes; give a shorter one (--name)")
    if name in menu():
        raise InputError(f"name {name!r} is that of a bundled model; give another one (--name)")
    target = user_folder() / f"{name}.onnx"
    if target.exists() and not overwrite:
        raise OutputExists(f"{target} exists; give another name (--name), or --overwrite")
    make_folder(target.parent, parents=True)
    return target


def _adapted(files: Sequence[Path], target: Path, answers: dict[str, Any]) -> Adapted:
    """Import the one file, or the two of a generator; what was made of an older `target` goes."""
    for precision in ("fp16", "int8"):
        target.with_name(f"{target.stem}.{precision}.onnx").unlink(missing_ok=True)
    if len(files) == 1:
        return adapt(files[0], target, name=target.stem, answers=answers)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / files[0].name
        join(files[0], files[1], whole)
        whole_answers = {"effect": "morph", **answers}
        return adapt(whole, target, name=target.stem, answers=whole_answers, given_as=files[0])


def _check_used(found: Adapted, answers: dict[str, Any]) -> None:
    """Raise ``InputError``, and keep nothing, where something was said that means nothing for the model's task."""
    effect = found.convention.effect
    for name in answers:
        if effect not in _MEANT.get(name, (effect,)):
            found.path.unlink()
            raise InputError(
                f"--{name.replace('_', '-')} is for {either(_MEANT[name])}; this is {effect}. Leave it out"
            )


def _photos(folder: Path) -> list[Image]:
    """The pictures in a folder; broken ones are skipped, and told. Raises ``InputError`` where there are none."""
    found = (
        sorted(path for path in folder.glob("[!.]*") if path.suffix.lower() in READ_IMAGES) if folder.is_dir() else []
    )
    if not found:
        raise InputError(f"--calibrate {folder}: no folder with pictures in it ({', '.join(sorted(READ_IMAGES))})")
    photos, broken = list[Image](), list[str]()
    for path in found:
        try:
            photos.append(read_colours(path))
        except SourceError:
            broken.append(path.name)
    names = ", ".join(broken[:_NAMED]) + (", ..." if len(broken) > _NAMED else "")
    if not photos:
        raise InputError(f"--calibrate {folder}: none of its pictures can be read ({names})")
    if broken:
        print_warning(f"--calibrate {folder}: {counted(len(broken), 'picture')} cannot be read, skipped ({names})")
    return photos


def _report(found: Adapted, file: Path, seen: _Seen, offers: Sequence[Offer], as_json: bool) -> None:
    if as_json:
        entry = {
            "name": found.card.name, "path": str(found.path), "picture": str(seen.picture),
            "licence": found.card.licence, "psnr": round(found.psnr, 1), "ms": round(seen.milliseconds, 1),
            "size": seen.size, "estimated": seen.estimated, "convention": asdict(found.convention),
            "precisions": [{**asdict(one), "path": str(one.path) if one.path else None} for one in offers],
        }  # fmt: skip
        print(json.dumps(entry, indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    lines = [f"{found.card.name}: {found.convention.describe()}"]
    lines += [f"  not certain: {doubt}" for doubt in found.convention.doubts]
    if sure := confirming(found.convention):
        options = again_as(file, found.card.name) + sure
        lines.append(f"  where it is right as it is, that ends the doubt: {asked(file, options)}")
    lines.append(f"  same as the graph itself to {found.psnr:.0f} dB; {seen.line}; licence {found.card.licence}")
    lines += [f"  {one.line}" for one in offers]
    lines += [f"  {found.path}", f"  {seen.picture} shows what it does", f"  play it: gancam live -e {found.card.name}"]
    console.print("\n".join(lines), markup=False)


def _tried(found: Adapted) -> _Seen:
    """Write what the model makes of a photo beside it, next to the photo, and time it."""
    image, size = truth(_SHOWN, _SHOWN), _TIMED
    log = logging.getLogger("gancam.inference.catalog")
    log.disabled = True  # what it tells is told here
    try:
        if found.card.effect == "faces":
            model, side = ImageModel(found.path, device="cpu"), found.card.fixed_height or _SHOWN
            image, size = truth(side, side), (side, side)

            def effect(image: Image) -> Image:
                made: Image = model(image[None])[0][0]
                return made
        else:
            params: dict[str, Any] = {"box": "64/64/48/48"} if found.card.effect == "inpaint" else {}
            effect = gancam.load(found.path, device="cpu", **params)
    finally:
        log.disabled = False
    drawn = found.card.effect == "morph"
    made = effect(image)
    before = np.asarray(cv2.resize(image, made.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    path = found.path.with_suffix(".png")
    _, data = cv2.imencode(".png", np.concatenate([before, made], axis=1))
    write_file(path, data.tobytes(), overwrite=True)
    once = _seconds(lambda: effect(image))
    guess = once * size[0] * size[1] / (image.shape[0] * image.shape[1])
    if guess * (_CALLS + 1) > _PATIENCE:
        return _Seen(path, 1000 * guess, size, estimated=True, drawn=drawn)
    frame = truth(size[1], size[0])
    try:
        effect(frame)
        taken = float(np.median([_seconds(lambda: effect(frame)) for _ in range(_CALLS)]))
        return _Seen(path, 1000 * taken, size, drawn=drawn)
    except GancamError:  # frames of that size are too large for it here
        return _Seen(path, 1000 * guess, size, estimated=True, drawn=drawn)


def _seconds(work: Callable[[], Image]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
