"""What lies beside the picture of a file and has no place in pictures."""

import os
from contextlib import suppress
from pathlib import Path

import av


def left_out(path: Path, holder: str) -> list[str]:
    """Say for a note what is lost of a file where pictures are made of it; nothing where nothing is.

    Args:
        path: The file.
        holder: What has no place for it, and its verb: "images hold".
    """
    with (
        suppress(av.FFmpegError, OSError, ValueError),
        av.open(os.path.abspath(path), metadata_errors="replace") as film,
    ):
        kinds: list[str] = [stream.type for stream in film.streams if stream.type != "video"]
        kinds += ["chapter"] * len(film.chapters())
        if kinds:
            counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
            return [f"{holder} no sound, text or chapters, which are left out: {counts}"]
    return []
