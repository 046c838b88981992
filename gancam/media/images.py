"""Image files, read and written with their opacity, their metadata, and all their frames or pages."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from gancam._native import quiet_opencv
from gancam.errors import NotFound, SinkError, SourceError
from gancam.files import is_film, write_file
from gancam.frame import Image, check_image
from gancam.media.heif import Heif, is_heif
from gancam.media.lab import lab_to_bgr
from gancam.media.messages import cause
from gancam.media.metadata import (
    ImageMetadata,
    count_pictures,
    embed,
    read_metadata,
    sample_bits,
    tiff_tag,
    with_tiff_tag,
)
from gancam.media.orientation import Orientation
from gancam.media.paths import READ_IMAGES

_FILM = "a video or an animation, not a picture"
_NO_IMAGE = "not an image that OpenCV can read, or damaged"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ALPHA = (".png", ".webp", ".avif", ".tif", ".tiff")
_LOSSY = (".jpg", ".jpeg", ".jfif")
_ANIMATED, _PAGED = (".png", ".webp", ".avif"), (".tif", ".tiff")
_MOST = {  # pixels of a side
    ".gif": 65535, ".webp": 16383, ".avif": 65536, ".png": 1_000_000, **dict.fromkeys(_LOSSY, 65500)
}  # fmt: skip
_OTHERS = 1 << 20  # what OpenCV reads again
_CMYK, _ASSOCIATED = 5, 1  # of TIFF: its kind of colours, and opacity that is multiplied into them
_RGB, _LAB = 2, (8, 9)  # other kinds of TIFF's colours
_AVIF_PARTS = cv2.IMAGE_METADATA_EXIF, cv2.IMAGE_METADATA_XMP, cv2.IMAGE_METADATA_ICCP
_PHOTOMETRIC, _SAMPLES, _EXTRA = 262, 277, 338  # tags of TIFF


_NOTHING = ImageMetadata()


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of an image file.

    Attributes:
        image: uint8 ``(H, W, 3)`` BGR.
        alpha: Opacity, uint8 ``(H, W)``; None where it has none.
        milliseconds: How long it is shown, in an animation.
    """

    image: Image
    alpha: Image | None = None
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class ImageFile:
    """What is in an image file.

    Attributes:
        pictures: Its pictures, one or more.
        metadata: What stands beside them; orientation is applied and taken away.
        kind: "frames" of an animation, or "pages".
        loops: How often an animation plays; 0: without end.
        notes: What could not be taken along.
    """

    pictures: list[Picture]
    metadata: ImageMetadata = field(default_factory=ImageMetadata)
    kind: str = "frames"
    loops: int = 0
    notes: tuple[str, ...] = ()


def holds_alpha(path: Path) -> bool:
    """Say whether an image of this ending can be transparent."""
    return path.suffix.lower() in _ALPHA


def holds_many(path: Path, kind: str) -> bool:
    """Say whether an image of this ending can hold many pictures: "frames" of an animation, or "pages"."""
    return path.suffix.lower() in (_ANIMATED if kind == "frames" else _PAGED)


def check_size(path: Path, size: tuple[int, int]) -> None:
    """Refuse a size that images of the ending of `path` cannot have.

    Args:
        path: The image to be.
        size: (width, height).

    Raises:
        SinkError: It is too large.
    """
    most = _MOST.get(path.suffix.lower(), _OTHERS)
    if max(size) > most:
        ending = path.suffix.lower()
        roomy = [other for other in (".png", ".tif", ".bmp") if max(size) <= _MOST.get(other, _OTHERS)]
        cure = f"{', '.join(roomy)} would hold it" if roomy else f"no image may have more than {_OTHERS}"
        raise SinkError(f"{path}: {size[0]}x{size[1]} is too large, {ending} has at most {most} pixels a side; {cure}")


def write_image(path: Path, image: Image, *, overwrite: bool) -> None:
    """Write an image file whole, or leave everything as it was.

    Args:
        path: its extension is the format, one of `gancam.media.paths.IMAGES`.
        image: uint8 ``(H, W, 3)`` BGR, or ``(H, W, 4)`` with opacity where the format has it.
        overwrite: whether an older file may be replaced.

    Raises:
        OutputExists: `path` exists, and `overwrite` is false.
        SinkError: it cannot be encoded or written.
    """
    write_file(path, encode_with(path, image)[0], overwrite=overwrite)


def encode_with(
    path: Path, image: Image, how: Sequence[int] = (), metadata: ImageMetadata = _NOTHING
) -> tuple[bytes, list[str]]:
    """Encode an image as the ending of `path` says.

    Args:
        path: Its ending is the format.
        image: uint8 ``(H, W, 3)`` BGR, or ``(H, W, 4)`` with opacity.
        how: OpenCV's parameters.
        metadata: What to put beside it.

    Returns:
        The file, and the metadata that the format has no place for.

    Raises:
        SinkError: It cannot be encoded.
    """
    check_size(path, (image.shape[1], image.shape[0]))
    avif = path.suffix.lower() == ".avif"  # of which OpenCV embeds what `embed` does for the others
    named = zip(_AVIF_PARTS, (metadata.exif, metadata.xmp, metadata.icc), strict=True)
    parts = {kind: part for kind, part in named if avif and part}
    try:
        with quiet_opencv():
            if parts:
                contents = [np.frombuffer(part, np.uint8) for part in parts.values()]
                done, data = cv2.imencodeWithMetadata(path.suffix, image, list(parts), contents, how)
            else:
                done, data = cv2.imencode(".jpg" if path.suffix.lower() in _LOSSY else path.suffix, image, how)
    except cv2.error as error:
        raise SinkError(f"{path}: OpenCV cannot encode {image.shape[1]}x{image.shape[0]} as {path.suffix}") from error
    if not done:
        raise SinkError(f"{path}: this OpenCV cannot write {path.suffix}")
    return (data.tobytes(), []) if avif else embed(data.tobytes(), metadata)


def encoding(path: Path, quality: float | None) -> list[int]:
    """Give OpenCV's parameters of an image of `quality`: 0 (small) to 100; None and formats without loss have none."""
    kind = cv2.IMWRITE_AVIF_QUALITY if path.suffix.lower() == ".avif" else cv2.IMWRITE_JPEG_QUALITY
    return [] if quality is None or path.suffix.lower() not in (".avif", *_LOSSY) else [kind, round(60 + 0.4 * quality)]


def write_pictures(path: Path, made: ImageFile, *, overwrite: bool, quality: float | None = None) -> list[str]:
    """Write an image file of one picture or many, with metadata, whole, or leave everything as it was.

    Args:
        path: Its extension is the format, which must hold many where there are many, and opacity where there is any.
        made: What to write.
        overwrite: Whether an older file may be replaced.
        quality: As ``encoding`` has it.

    Returns:
        The metadata that the format has no place for.

    Raises:
        OutputExists: `path` exists, and `overwrite` is false.
        SinkError: It cannot be encoded or written.
    """
    veiled = any(picture.alpha is not None for picture in made.pictures)
    images = [_with_alpha(picture) if veiled else picture.image for picture in made.pictures]
    how = encoding(path, quality)
    if len(images) == 1:
        data, lost = encode_with(path, images[0], how, made.metadata)
    else:
        data, lost = embed(_encode_many(path, made, images, how), made.metadata)
    write_file(path, data, overwrite=overwrite)
    return lost


def _with_alpha(picture: Picture) -> Image:
    alpha = np.full(picture.image.shape[:2], 255, np.uint8) if picture.alpha is None else picture.alpha
    return np.dstack([picture.image, alpha])


def _encode_many(path: Path, made: ImageFile, images: Sequence[Image], how: Sequence[int]) -> bytes:
    check_size(path, (images[0].shape[1], images[0].shape[0]))
    ending = path.suffix.lower()
    try:
        with quiet_opencv():
            if ending in _PAGED:
                done, data = cv2.imencodemulti(ending, images)
            else:
                animation = cv2.Animation()
                animation.frames, animation.loop_count = images, made.loops
                durations: Any = np.array([picture.milliseconds for picture in made.pictures], np.int32)
                animation.durations = durations
                how = [cv2.IMWRITE_WEBP_QUALITY, 101] if ending == ".webp" else how
                done, data = cv2.imencodeanimation(ending, animation, how)
    except cv2.error as error:
        raise SinkError(f"{path}: OpenCV cannot encode {len(images)} {made.kind} as {ending}") from error
    if not done:
        raise SinkError(f"{path}: this OpenCV cannot write {made.kind} as {ending}")
    return data.tobytes()


def read_colours(path: Path) -> Image:
    """Read an image file as uint8 ``(H, W, 3)`` BGR, without opacity. Raises ``NotFound`` and ``SourceError``."""
    return read_image(path)[0]


def read_image(path: Path) -> tuple[Image, Image | None]:
    """Read the first picture of an image file, and its opacity.

    Returns:
        The image, uint8 ``(H, W, 3)`` BGR, and its opacity, uint8 ``(H, W)``; None where it has none. Both upright.

    Raises:
        NotFound: there is no such file.
        SourceError: it cannot be read as an image.
    """
    data = _bytes_of(path)
    picture = _decode(path, data, read_metadata(data).orientation)
    return picture.image, picture.alpha


def read_pictures(path: Path) -> ImageFile:
    """Read all of an image file: every frame or page, with its opacity, upright, and the metadata.

    Raises:
        NotFound: There is no such file.
        SourceError: It cannot be read as an image.
    """
    data = _bytes_of(path)
    metadata = read_metadata(data)
    orientation = metadata.orientation
    metadata, other = metadata.upright().for_colours()
    notes = [f"its colour profile ({other}) is left out: the picture is read as RGB"] if other else []
    if data[:4] in _TIFF and set(tiff_tag(data, _PHOTOMETRIC)) & set(_LAB):
        notes = ["its colours (Lab) are turned into sRGB"]
    notes += [f"its {name} are left out" for name in metadata.unread]
    notes += [said] if (said := said_of_depth(data)) else []
    count, kind = count_pictures(data)
    if count == 1:
        return ImageFile([_decode(path, data, orientation)], metadata, notes=tuple(notes))
    pictures, loops = _pages(path, data) if kind == "pages" else _frames(path, data, orientation)
    if len(pictures) < count:
        notes.append(f"only {len(pictures)} of its {count} {kind} can be read")
    return ImageFile(pictures, metadata, kind, loops, tuple(notes))


def said_of_depth(data: bytes) -> str:
    """Say for a note that an image file has more than 8 bits a sample; empty where it has not."""
    bits = sample_bits(data)
    return f"its {bits} bits a sample are read as 8" if bits > 8 else ""


def _bytes_of(path: Path) -> bytes:
    if not os.path.exists(path):
        raise NotFound(f"{path}: no such file")
    try:
        data = path.read_bytes()  # unlike cv2.imread, this opens any name on any system
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({cause(error)})") from error
    if not data:
        raise SourceError(f"{path}: the file is empty")
    return data


def _decode(path: Path, data: bytes, orientation: int) -> Picture:
    """The first picture, turned as EXIF's number `orientation` says."""
    if data[:4] in _TIFF:
        return _decode_tiff(path, data)
    if is_heif(data):
        try:
            return Picture(*Heif(data).decode())
        except ValueError as error:
            raise SourceError(f"{path}: cannot be read: {error}") from error
    try:
        with quiet_opencv():
            buffer = np.frombuffer(data, np.uint8)
            image = cv2.imdecode(buffer, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            veiled = image is not None and _may_have_alpha(data)
            whole = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED) if veiled else None
    except cv2.error as error:
        raise _unreadable(path, error) from error
    if image is None:
        what = _NO_IMAGE
        if is_film(data):
            lies = path.suffix.lower() in READ_IMAGES
            what = "a video, by its content: give it the ending of one (.mp4, .mkv ...)" if lies else _FILM
        raise SourceError(f"{path}: {what}")
    turn = Orientation.of_exif(orientation)
    alpha = _alpha_of(whole, data)
    return Picture(turn.apply(check_image(image)), None if alpha is None else turn.apply(alpha))


def _unreadable(path: Path, error: Exception) -> SourceError:
    huge = "CV_IO_MAX_IMAGE" in str(error)
    why = "more pixels than OpenCV reads, 2^30; OPENCV_IO_MAX_IMAGE_PIXELS raises that" if huge else cause(error)
    return SourceError(f"{path}: cannot be read ({why})")


def _may_have_alpha(data: bytes) -> bool:
    """Whether it is worth looking for opacity, which takes a second decoding."""
    if data[1:4] == b"PNG":
        return data[25] not in (0, 2) or b"tRNS" in data[: max(data.find(b"IDAT"), 0)]
    if data[:3] == b"GIF":
        return True
    return data[:4] == b"RIFF" and data[12:16] != b"VP8 "


def _alpha_of(whole: NDArray[np.generic] | None, data: bytes) -> Image | None:
    """The opacity in what was decoded unchanged, uint8 ``(H, W)``; None where there is none."""
    if whole is None:
        return None
    if whole.ndim == 3 and whole.shape[2] == 4:
        return np.ascontiguousarray(_in_bytes(whole[..., 3]))
    key = data.find(b"tRNS", 0, max(data.find(b"IDAT"), 0)) if data[1:4] == b"PNG" else -1
    if whole.ndim != 2 or key < 0:
        return None
    depth, value = data[24], int.from_bytes(data[key + 4 : key + 6], "big")  # one grey is transparent
    value = value * 255 // ((1 << depth) - 1) if depth < 8 else value
    return np.where(whole == value, 0, 255).astype(np.uint8)


def _in_bytes(samples: NDArray[np.generic]) -> Image:
    return samples.astype(np.uint8) if samples.dtype == np.uint8 else (samples // 257).astype(np.uint8)


def _decode_tiff(path: Path, data: bytes) -> Picture:
    """The first page; OpenCV turns it, but multiplies opacity into 8-bit colours where the file says what it is."""
    if pages := _decode_lab(data):
        return pages[0]
    try:
        with quiet_opencv():
            buffer = np.frombuffer(data, np.uint8)
            image = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
            whole = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _unreadable(path, error) from error
    if image is None and whole is not None:
        raise SourceError(f"{path}: has {whole.dtype} samples, needs whole numbers of 8 or 16 bits")
    if image is None or whole is None:
        raise SourceError(f"{path}: {_NO_IMAGE}")
    extra = [kind for kind in tiff_tag(data, _EXTRA) if kind > 0]
    if tiff_tag(data, _PHOTOMETRIC) == [_CMYK]:
        return Picture(check_image(image))
    if extra and whole.dtype == np.uint8:
        picture = _decode_veiled_tiff(data, extra[0] == _ASSOCIATED)
        if picture is not None:
            return picture
    return Picture(check_image(image), _alpha_of(whole, data) if whole.shape[:2] == image.shape[:2] else None)


def _decode_lab(data: bytes) -> list[Picture]:
    """The pages of a TIFF file in CIELAB without opacity, none for any other: OpenCV takes its white for that of sRGB.

    What is called RGB in the file is read as it is.
    """
    kind = next(iter(tiff_tag(data, _PHOTOMETRIC)), _RGB)
    renamed = with_tiff_tag(data, _PHOTOMETRIC, kind, _RGB) if kind in _LAB else None
    if renamed is None or tiff_tag(data, _SAMPLES) != [3]:
        return []
    try:
        with quiet_opencv():
            done, pages = cv2.imdecodemulti(np.frombuffer(renamed, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return []
    if not done or any(page.dtype not in (np.uint8, np.uint16) or page.ndim != 3 for page in pages):
        return []
    return [Picture(lab_to_bgr(page, signed=kind == _LAB[0])) for page in pages]


def _decode_veiled_tiff(data: bytes, associated: bool) -> Picture | None:
    """A page with opacity, by FFmpeg, which leaves the colours alone; None where it cannot read it."""
    try:
        with av.open(io.BytesIO(data), "r", format="tiff_pipe") as container:
            whole = next(container.decode(video=0)).reformat(format="bgra").to_ndarray()
    except (av.FFmpegError, OSError, ValueError, StopIteration):
        return None
    turn = Orientation.of_exif(next(iter(tiff_tag(data, 274)), 1))
    alpha, image = whole[..., 3], whole[..., :3]
    if associated:
        image = np.minimum(np.rint(image * (255 / np.maximum(alpha, 1))[..., None]), 255)
    return Picture(turn.apply(np.ascontiguousarray(image, np.uint8)), turn.apply(np.ascontiguousarray(alpha, np.uint8)))


def _pages(path: Path, data: bytes) -> tuple[list[Picture], int]:
    if made := _decode_lab(data):
        return made, 0
    try:
        with quiet_opencv():
            buffer = np.frombuffer(data, np.uint8)
            done, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED)
            if any(page.dtype not in (np.uint8, np.uint16) for page in pages):  # of fractions
                done, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise _unreadable(path, error) from error
    if not done or not pages:
        return [_decode_tiff(path, data)], 0
    first = _decode_tiff(path, data)  # whose opacity is read best
    return [first, *(_picture_of(page) for page in pages[1:])], 0


def _frames(path: Path, data: bytes, orientation: int) -> tuple[list[Picture], int]:
    try:
        with quiet_opencv():
            done, animation = cv2.imdecodeanimation(np.frombuffer(data, np.uint8))
    except cv2.error as error:
        raise _unreadable(path, error) from error
    if not done or len(animation.frames) < 2:
        return [_decode(path, data, orientation)], 0
    turn = Orientation.of_exif(orientation)
    pictures = []
    for frame, duration in zip(animation.frames, animation.durations, strict=True):
        picture = _picture_of(frame)
        alpha = None if picture.alpha is None else turn.apply(picture.alpha)
        pictures.append(Picture(turn.apply(picture.image), alpha, int(duration)))
    if all(picture.alpha is None or picture.alpha.min() == 255 for picture in pictures):
        pictures = [replace(picture, alpha=None) for picture in pictures]
    return pictures, 0 if is_heif(data) else int(animation.loop_count)


def _picture_of(whole: NDArray[np.generic]) -> Picture:
    """What OpenCV decoded unchanged, of any depth and number of channels."""
    samples = _in_bytes(whole)
    if samples.ndim == 2:
        return Picture(np.asarray(cv2.cvtColor(samples, cv2.COLOR_GRAY2BGR), np.uint8))
    alpha = np.ascontiguousarray(samples[..., 3]) if samples.shape[2] == 4 else None
    return Picture(check_image(np.ascontiguousarray(samples[..., :3])), alpha)
