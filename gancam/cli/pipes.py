"""Standard input and output as a video, or as one image."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gancam.cli.console import print_note
from gancam.errors import InputError, SinkError, SourceError
from gancam.jobs.checks import refuse_mixture
from gancam.jobs.stdio import OUT, named_alone, spooled
from gancam.media.animated import is_animated, is_webp
from gancam.media.heif import is_heif
from gancam.media.messages import cause
from gancam.media.paths import IMAGES, READ_IMAGES, MediaPath, StillPath, VideoPath
from gancam.sinks.pipe import READER_GONE
from gancam.sinks.video import ANIMATIONS
from gancam.sources import VideoFile

PICTURES = tuple(ending[1:] for ending in IMAGES)  # formats of one image on stdout
_MAGIC = b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*"


@contextmanager
def stdin_for(target: MediaPath) -> Iterator[MediaPath]:
    """Keep what comes from stdin in a file; it is an image where it looks so, if `target` is one or nothing moves.

    Raises:
        InputError: It is a terminal, an image though `target` is a video, or a video though `target` is one image.
        SourceError: As ``spooled`` does; or it is neither image nor video.
    """
    if sys.stdin.isatty():
        raise InputError("-: stdin is a terminal; pipe a video into it, as in cat in.mkv | gancam process - out.mkv")
    with spooled(sys.stdin.buffer) as path:
        source: MediaPath = VideoPath(path)
        single = isinstance(target, StillPath) and target.path.suffix.lower() not in ANIMATIONS
        if _is_image(path):
            source = StillPath(path) if single or not is_animated(path) else source
        elif single:
            _check_video(path)
        if str(target) == "-":
            refuse_still_on_stdout(source)
        refuse_mixture(source, target)
        yield source


def refuse_still_on_stdout(source: MediaPath) -> None:
    """Refuse to play one image to stdout. Raises ``InputError``."""
    if isinstance(source, StillPath) and not is_animated(source.path):
        raise InputError(f"{source} is an image: give --format png, or another image's, to have one on stdout")


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(256)
        return head.startswith(_MAGIC) or is_heif(head) or is_webp(path)


def _check_video(path: Path) -> None:
    """Raise ``SourceError`` for what is no video either."""
    try:
        VideoFile(path).close()
    except SourceError as error:
        kinds = ", ".join(READ_IMAGES)
        raise SourceError(f"{path}: neither an image that is read ({kinds}) nor a video, or damaged") from error


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
    """A file to write one image to, which is copied to stdout in the end; a reader that goes away ends that, told.

    Raises:
        SinkError: stdout cannot be written.
    """
    with stdout_apart() as descriptor, tempfile.TemporaryDirectory(prefix="gancam-") as folder:
        path = Path(folder) / f"{OUT}.{form}"
        with named_alone(path):
            yield StillPath(path)
        left = memoryview(path.read_bytes())
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError as error:
            if error.errno in READER_GONE:
                print_note("the reader of stdout went away before it had the whole image")
                return
            raise SinkError(f"stdout: cannot be written ({cause(error)}); the output is incomplete") from error
