"""Which stream of a file is its picture, and what of the words beside it people wrote."""

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition

_TECHNICAL = {  # what containers and encoders write by themselves, and what is only true of one file
    "encoder", "duration", "software", "handler_name", "vendor_id", "creation_time", "language", "rotate", "bps",
    "timecode", "operational_pattern_ul", "uid", "generation_uid", "company_name", "product_name",
    "product_version_num", "product_version", "application_platform", "product_uid", "toolkit_version_num",
    "material_package_umid", "file_package_umid", "modification_date", "alpha_mode", "number_of_frames",
    "number_of_bytes",
}  # fmt: skip

_RUN_UP = Fraction(1, 20)  # seconds of sound before what is heard, which decoders need


def open_file(path: str | os.PathLike[str], form: str | None = None) -> av.container.InputContainer:
    """Open a file to be read, whose name is taken for no protocol and no option of FFmpeg's.

    Args:
        path: The file.
        form: FFmpeg's name of its format; None: by what is in it.

    Raises:
        OSError: It cannot be read; likewise ``av.FFmpegError`` and ``ValueError``.
    """
    return av.open(os.path.abspath(path), format=form, metadata_errors="replace")


def described(metadata: dict[str, str]) -> dict[str, str]:
    """Give what people wrote of the metadata of a file or a stream, but for languages and times."""
    return {key: value for key, value in metadata.items() if not _is_technical(key.lower())}


def _is_technical(key: str) -> bool:
    return key.partition("-")[0] in _TECHNICAL or any(part in key for part in ("brand", "minor_ver", "_statistics"))


def is_pause(packet: bytes) -> bool:
    """Whether a packet of mov_text is a time without words, which MP4 fills with as many as the writer likes."""
    return not packet[:2].strip(b"\0")


def is_cover(stream: "av.stream.Stream") -> bool:
    """Whether `stream` is a picture that goes with the file, as the sleeve of a record."""
    return bool(stream.type == "video" and stream.disposition & Disposition.attached_pic)


def picture_of(container: av.container.InputContainer) -> av.VideoStream | None:
    """Find the video that a file is for: the first that is neither a cover nor, where others move, a still.

    An animated AVIF has its first frame a second time, as a stream before that of all.
    """
    videos = [stream for stream in container.streams.video if not is_cover(stream)]
    if videos and videos[0].frames == 1:
        return next((stream for stream in videos if stream.frames > 1), videos[0])
    return videos[0] if videos else None


def is_hidden(packet: "av.packet.Packet[av.stream.Stream]") -> bool:
    """Whether an edit list hides a packet before the beginning: a picture, or sound that is no decoder's run-up.

    Files that were cut without encoding them anew begin with a group of such pictures, and their sound.
    """
    if not packet.is_discard or packet.stream.type == "video" or packet.pts is None or packet.time_base is None:
        return packet.is_discard
    return (packet.pts + (packet.duration or 0)) * packet.time_base <= -_RUN_UP


def decode_on_threads(stream: av.VideoStream) -> None:
    """Let `stream` be decoded on several threads, in a way that comes to an end also where it is damaged.

    FFmpeg's decoder of H.265 with a thread for each frame waits for ever where damage lets two of them refer to each
    other (8.1), so that one gets threads within a frame alone.
    """
    context = stream.codec_context
    stream.thread_type = "SLICE" if context is not None and context.name == "hevc" else "AUTO"


def first_heard(path: Path, index: int) -> Fraction | None:
    """When the sound of a stream begins as players play it: without the run-up of its encoder, and what edits hide.

    None where it cannot be decoded.
    """
    with suppress(av.FFmpegError, OSError, IndexError), open_file(path) as container:
        for frame in container.decode(container.streams[index]):
            if isinstance(frame, av.AudioFrame) and frame.pts is not None and frame.time_base is not None:
                return frame.pts * frame.time_base
    return None
