"""Standard input and output as a video, or as one image."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gancam.errors import InputError
from gancam.jobs.checks import refuse_mixture
from gancam.jobs.stdio import spooled
from gancam.media.animated import is_animated
from gancam.media.paths import IMAGES, MediaPath, StillPath, VideoPath
from gancam.sinks.video import ANIMATIONS

PICTURES = tuple(ending[1:] for ending in IMAGES)  # formats of one image on stdout
_MAGIC = b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*"


@contextmanager
def stdin_for(target: MediaPath) -> Iterator[MediaPath]:
    """Keep what comes from stdin in a file; it is an image where it looks so and `target` is one.

    Raises:
        InputError: It is a terminal, or a video though `target` is one image.
        SourceError: As ``spooled`` does.
    """
    if sys.stdin.isatty():
        raise InputError("-: stdin is a terminal; pipe a video into it, as in cat in.mkv | gancam process - out.mkv")
    with spooled(sys.stdin.buffer) as path:
        source: MediaPath = VideoPath(path)
        if isinstance(target, StillPath) and _is_image(path):
            animated = target.path.suffix.lower() in ANIMATIONS and is_animated(path)
            source = source if animated else StillPath(path)
        refuse_mixture(source, target)
        yield source


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


@contextmanager
def stdout_apart() -> Iterator[int]:
    """A descriptor of stdout for the output alone: what else is printed goes to stderr from now on."""
    if sys.stdout.isatty():
        raise InputError("-: stdout is a terminal; pipe it on, as in gancam process in.mp4 - | ffplay -")
    sys.stdout.flush()
    mine = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(mine, os.O_BINARY)
    try:
        yield mine
    finally:
        os.close(mine)


@contextmanager
def image_to_stdout(form: str) -> Iterator[StillPath]:
    """A file to write one image to, which is copied to stdout in the end."""
    with stdout_apart() as descriptor, tempfile.TemporaryDirectory(prefix="gancam-") as folder:
        path = Path(folder) / f"standard output.{form}"
        yield StillPath(path)
        with path.open("rb") as made, os.fdopen(os.dup(descriptor), "wb") as out:
            shutil.copyfileobj(made, out)
