"""`gancam sample` and `gancam morph`: pictures and loops that a generator makes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gancam.cli import option
from gancam.cli.app import Command, app
from gancam.cli.checks import check_device, check_folder, check_picture
from gancam.cli.console import progress_bar
from gancam.errors import InputError
from gancam.files import distinct_names, make_folder, refuse_existing
from gancam.frame import Image
from gancam.inference.catalog import find
from gancam.inference.variants import read_card, variants
from gancam.media.images import write_image
from gancam.media.paths import IMAGES
from gancam.pipeline import run
from gancam.sinks import SinkContext, open_sink
from gancam.sinks.video import ANIMATIONS, check_output
from gancam.sources import Still
from gancam.units import counted


@app.command(cls=Command)
def sample(
    name: option.Generator,
    picture: Annotated[
        Path | None, typer.Argument(metavar="GRID", help="The image file to write, with all samples in a grid.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="Make this many samples.", min=1, max=100_000)] = 64,
    seed: Annotated[
        int, typer.Option(help="Seed of the first sample; the others have the numbers after it.", min=0, max=2**31)
    ] = 0,
    truncation: option.Truncation = None,
    columns: Annotated[
        int | None, typer.Option(help="Samples in a row of the grid. Default: about as many as there are rows.", min=1)
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the grid in a window.")] = False,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each sample to this folder, as an image of its own.")
    ] = None,
    labels: option.Labels = False,
    only: option.Class = None,
    device: option.Device = "auto",
    precision: option.Precision = "auto",
    threads: option.Threads = None,
    overwrite: option.Overwrite = False,
) -> None:
    """Make pictures with a generator, as a grid or as files.

    Each has a seed, which gives the same picture here, in gancam morph --seeds, and as a keyframe of the morph effect.
    """
    from gancam.latent.samples import generate, grid, open_generator

    if picture is None and to is None and not show:
        raise InputError("sample needs somewhere to put the pictures: a file for the grid, --to DIR, or --show")
    if labels and to is None:
        raise InputError("--labels needs --to DIR, in which there will be a folder for each class")
    check_device(device, precision)
    check_picture(picture, "grid", overwrite=overwrite)
    seeds = range(seed, seed + count)
    check_folder(to)
    classes = read_card(next(iter(variants(find(name)).values()))).classes
    kinds = _kinds(name, classes, seeds, only, labels=labels)
    files = _files(Path(name).stem, to, seeds, classes, kinds if labels else None)
    for path in files.values():
        refuse_existing(path, overwrite=overwrite)
    model = open_generator(name, device=device, precision=precision, threads=threads)
    images = generate(model, seeds, truncation=truncation, kinds=kinds)
    if to is not None:
        make_folder(to)
    for folder in {path.parent for path in files.values()}:
        make_folder(folder)
    for one, path in files.items():
        write_image(path, images[one - seed], overwrite=overwrite)
    if files:
        print(f"wrote {counted(count, 'image')} to {to}")
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    sheet = grid(images, columns)
    if picture is not None:
        write_image(picture, sheet, overwrite=overwrite)
        print(f"wrote {picture}: seeds {seed} to {seed + count - 1}, row by row, {columns} in a row")
    if show:
        _show(sheet)


def _files(
    stem: str, to: Path | None, seeds: range, classes: Sequence[str], kinds: Sequence[int] | None
) -> dict[int, Path]:
    """Name the file of each seed in `to`, in a folder of its class where its kind is given; none without `to`."""
    if to is None:
        return {}
    names = distinct_names(classes)  # of all, so that each class has the same in every run
    folders = [to / names[kind] for kind in kinds] if kinds else [to] * len(seeds)
    return {seed: folder / f"{stem}-{seed:06d}.png" for seed, folder in zip(seeds, folders, strict=True)}


def _kinds(name: str, classes: Sequence[str], seeds: range, only: str | None, *, labels: bool) -> list[int] | None:
    """Choose the class of each sample: that which is asked for, all in turn, or None for what its seed says."""
    if not classes and (labels or only is not None):
        needs = "--labels" if labels else "--class"
        raise InputError(f"{needs}: {name} makes pictures of no classes; train one by cgan-mnist or cgan-cifar10")
    if only is not None:
        if only not in classes:
            raise InputError(f"--class {only!r}: {name} has {', '.join(classes)}")
        return [classes.index(only)] * len(seeds)
    return [seed % len(classes) for seed in seeds] if labels else None


@app.command(cls=Command)
def morph(
    name: option.Generator,
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="The video file, or animated .gif, .apng or .webp, to write.")
    ],
    seeds: Annotated[
        str, typer.Option(metavar="1,5,9", help="Seeds of the pictures to pass through, as gancam sample shows them.")
    ] = "1,5,9",
    seconds: Annotated[float, typer.Option(help="Length of the loop in seconds.")] = 10.0,
    fps: Annotated[float, typer.Option(help="Frames a second of the video.")] = 30.0,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="Width and height of the video. Default: the generator's, times what makes it 480 or more.",
        ),
    ] = None,
    ease: Annotated[
        str,
        typer.Option(help="How the loop passes each picture: linear, smooth (slower there), or hold (it rests there)."),
    ] = "linear",
    truncation: option.Truncation = None,
    codec: option.Codec = None,
    quality: option.Quality = None,
    device: option.Device = "auto",
    precision: option.Precision = "auto",
    threads: option.Threads = None,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
) -> None:
    """Make a video that morphs through pictures of a generator.

    It loops seamlessly.
    """
    from gancam.latent.samples import LoopSource, check_loop, open_generator

    try:
        numbers = [int(part) for part in seeds.replace("/", ",").split(",")]
    except ValueError:
        raise InputError(f"--seeds {seeds!r}: needs whole numbers joined by commas, as in 1,5,9") from None
    check_loop(numbers, seconds=seconds, fps=fps, size=size, ease=ease)
    still = target.suffix.lower() in IMAGES and target.suffix.lower() not in ANIMATIONS
    if still or not target.suffix:
        raise InputError(f"{target}: the loop is a video, so its name needs an extension such as .mp4 or .gif")
    check_output(target, codec=codec, quality=quality, overwrite=overwrite)
    check_device(device, precision)
    model = open_generator(name, device=device, precision=precision, threads=threads)
    source = LoopSource(model, numbers, seconds=seconds, fps=fps, size=size, ease=ease, truncation=truncation)
    context = SinkContext(fps=source.fps, size=source.size, overwrite=overwrite, codec=codec, quality=quality)
    sink = open_sink(target, context)
    with progress_bar(source.frames, quiet) as progress:
        report = run(source, [], [sink], progress=progress)
    if not quiet:
        print("\n".join(report.text()))
        print(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB)")


def _show(image: Image) -> None:
    """Show a picture in a window until its user closes it."""
    from gancam.sinks.window import Window
    from gancam.sources.open import open_live

    window = Window(SinkContext(fps=30, size=(image.shape[1], image.shape[0])))
    with open_live(Still(image, frames=None, fps=25)) as feed:
        run(feed, [], [window])
