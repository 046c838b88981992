"""`gancam demo`: the bundled clip, enlarged and compared."""

from pathlib import Path
from typing import Annotated

import typer

from gancam.cli.app import Command, app
from gancam.cli.console import print_note, progress_bar
from gancam.effects import ModelEffect, load
from gancam.errors import NotFound
from gancam.files import make_folder
from gancam.frame import Image
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.media.images import write_image
from gancam.pipeline import Report
from gancam.sources import VideoFile
from gancam.vision.comparison import Sheet, detail_size, differing, filled


@app.command(cls=Command)
def demo(
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the results; if it exists, another name is chosen.")
    ] = Path("gancam-demo"),
) -> None:
    """Upscale a short bundled clip and show the difference.

    No camera, display, network or GPU is needed.
    """
    clip = _sample("city.mp4")
    folder = _free(to)
    make_folder(folder, parents=True, cure="--to DIR names another")
    effect = load("sr-x2")
    video, picture = folder / "city-x2.mp4", folder / "city-x2-comparison.png"
    report = Report()
    with progress_bar(None, False) as progress:
        process_video(clip, video, [effect], ProcessOptions(), report, notify=print_note, progress=progress)
    with VideoFile(clip) as source:
        frames = iter(source)
        frame = next(frames)
        for _ in range(24):
            frame = next(frames, frame)
    write_image(picture, _comparison(frame.image, effect), overwrite=False)
    print("\n".join(report.text()))
    print(f"video       {video}")
    print(f"comparison  {picture}")


def _comparison(image: Image, effect: ModelEffect) -> Image:
    """Draw the frame enlarged by bicubic interpolation (left) and by the effect (right).

    Below it is the same detail of each, where they differ most, three times larger again.
    """
    sharp = effect(image)
    size = sharp.shape[1], sharp.shape[0]
    detail = differing([filled(image, size), sharp], detail_size(size, 2, beside=False))
    return Sheet(size, size, ["bicubic", f"gancam {effect.card.name}"], 0, detail).draw([image, sharp])


def _sample(name: str) -> Path:
    """Find a bundled sample: in the wheel below the package, in a checkout beside it."""
    package = Path(__file__).parent.parent
    for path in (package / "samples" / name, package.parent / "samples" / name):
        if path.is_file():
            return path
    raise NotFound(f"the bundled sample {name} is missing from this installation: reinstall gancam")


def _free(folder: Path) -> Path:
    """Choose `folder`, or the first of folder-2, folder-3 ... that does not exist."""
    candidate, number = folder, 1
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate
