"""Every frame of a video file."""

import math
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av

from gancam.errors import InputError, SourceError, shown
from gancam.frame import Frame
from gancam.media.colour import Colour, decoded_colour
from gancam.media.hdr import HDR, HdrMetadata
from gancam.media.heif import STILLS
from gancam.media.info import VideoInfo
from gancam.media.messages import INDEX_MISSING, no_video
from gancam.media.paths import READ_IMAGES, check_readable
from gancam.media.played import bits_of, tone_map_of
from gancam.media.streams import open_file, picture_of
from gancam.sources._reading import Reading
from gancam.sources.combing import Combs
from gancam.sources.contract import Source
from gancam.sources.decoders import Decoder, Deinterlace, field_order, opacity_apart
from gancam.sources.extent import Extent, check_range, end_of, frame_rate, picture_end, promised_frames
from gancam.sources.truncation import lacks_index
from gancam.units import counted

_TEXT_ART = {"ansi", "bintext", "xbin", "idf"}  # codecs as which FFmpeg "plays" any text file
_PATIENCE = 0.5  # seconds that a file nobody holds any more waits for its decoder to end
_PHOTOS_IN_A_ROW = (".mjpeg", ".mjpg")  # endings of what FFmpeg takes for one photo by its first bytes
_CLOCK_STARTS_ANYWHERE = {"mpegts", "mpeg", "mpegvideo", "flv", "live_flv", "rm", "wtv", "asf"}


class VideoFile(Source):
    """Plays every frame of a video file, decoded ahead by a hidden thread.

    The images are those of ``cv2.VideoCapture``, bit for bit, where that is right: the wheel of OpenCV 5.0 has no AV1,
    gives uninitialised memory for interlaced video and for the matrices YCgCo and BT.2020 with constant luminance, and
    stops at the first damaged packet of many files. So FFmpeg is called through PyAV.

    Display matrices are applied, turned by 90 degrees or mirrored as they say: ``size`` and the images are as
    displayed. Another angle is not applied, and told in ``notes``.

    ``Frame.time`` is the presentation time in seconds on the file's own clock, exact to float precision, so variable
    frame rates and late starts carry through. Frames without a usable time stamp follow their predecessor by
    ``1 / fps``.

    ``Frame.duration`` is the time until the next frame; of the last one what the file says.

    ``frames`` is the container's own count where it has one, else its duration times the rate until the end, then how
    many came. When fewer come than were counted, or the file is cut off, ``notes`` says so after the last.

    Where a stream changes its picture size, what follows is scaled to the first, and ``notes`` and the log say so once.

    ``close`` closes it, and so does whoever lets go of the last reference.

    Args:
        path: A local file that FFmpeg can read.
        deinterlace: Whether to make whole pictures of fields (FFmpeg's bwdif), at the same rate; ``"bob"``: a frame of
            each field, at twice the rate, the second half-way to the next. Pictures that surely are whole stay as they
            are. Without it, interlaced video is told in ``notes``.
        start: Leave out frames before this, in seconds of ``Frame.time``; what comes keeps its own time.
        end: Leave out frames from this on, likewise.

    Raises:
        NotFound: For a missing file.
        InputError: For another `deinterlace`, and for a range that ends before it begins or begins after the last
            frame; when frames are asked for, also for one in which no frame is found after all.
        SourceError: For what is not a video or gives not even one frame; when frames are asked for, also where it was
            read to its end or closed before.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        deinterlace: Deinterlace = False,
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        check_range(start, end)
        if deinterlace not in (True, False, "bob"):
            raise InputError(f"deinterlace is {shown(deinterlace)}: needs True, False or 'bob'")
        check_readable(path)
        self._path = Path(path)
        self._notes: list[str] = []
        container = _open(self._path)
        try:
            stream = _video_in(container, self._path)
            self._deinterlace, self._order = self._fields_to_undo(stream, deinterlace)
            self._fields = 2 if self._deinterlace == "bob" else 1  # pictures of a frame of the file
            self._footage = self._describe(container, stream)
            self._extent = self._measure(container, stream, start, end)
            if start is not None:
                self._check_start(container, stream, start)
            began = time.perf_counter()
            self._decoder = self._decode(container, stream)
            took = time.perf_counter() - began
        except BaseException:
            container.close()
            raise
        self._reading = Reading(self._path, self._decoder, self._extent, self._notes, took)
        weakref.finalize(self, self._reading.close, _PATIENCE).atexit = False

    def _fields_to_undo(self, stream: av.VideoStream, wanted: Deinterlace) -> tuple[Deinterlace, str]:
        """Say how to deinterlace, not at all where pictures surely are whole; and which field comes first if untold."""
        if not wanted or field_order(stream):
            return wanted, ""
        combs = Combs.of(self._path, any_height=True)
        if combs.whole:
            self._notes.append(f"{self._path.name}: its pictures are whole, not of two fields, and stay as they are")
            return False, ""
        return wanted, combs.order

    def _describe(self, container: av.container.InputContainer, stream: av.VideoStream) -> VideoInfo:
        """What the container says about its video; the size as it is displayed is not known yet."""
        context = stream.codec_context
        self._fourcc = f"{context.codec.canonical_name if len(context.codec.canonical_name) > 3 else context.codec_tag}"
        self._fourcc = f"{self._fourcc:4.4}"
        origin = Fraction(0)
        if set(container.format.name.split(",")) & _CLOCK_STARTS_ANYWHERE and container.start_time:
            origin = Fraction(container.start_time, av.time_base)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        depth = bits_of(stream)
        self._shallow = f"{self._path.name}: its {depth} bits a sample are read as 8" if depth > 8 else ""
        if self._shallow:
            self._notes.append(self._shallow)
        alpha = stream.format is not None and any(part.is_alpha for part in stream.format.components)
        pixels = stream.format.name if stream.format else ""
        if stream.codec_context.name == "gif":
            pixels = "pal8"  # whatever it is decoded to
        if opacity_apart(stream):
            alpha, pixels = True, pixels.replace("yuv4", "yuva4")
        return VideoInfo(
            size=(0, 0),
            path=Path(os.path.abspath(self._path)),
            alpha=alpha,
            time_base=Fraction(stream.time_base or Fraction(1, 90000)) / self._fields,
            origin=origin,
            aspect=aspect if aspect > 0 else Fraction(1),
            colour=decoded_colour(stream),
            depth=depth,
            hdr=HDR.get(int(stream.codec_context.color_trc), ""),
            pixels=pixels,
        )

    def _measure(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        start: Fraction | None,
        end: Fraction | None,
    ) -> Extent:
        """What the container says of its length, and which part of that is wanted."""
        fps = frame_rate(stream)
        frames, counted = promised_frames(container, stream, fps)
        if self._fields == 2:
            self._notes.append(
                f"{self._path.name}: each of its fields becomes a frame: {fps * 2:.5g} frames a second, of {fps:.5g}"
            )
        return Extent(
            fps=fps * self._fields,
            time_base=Fraction(stream.time_base or Fraction(1, 90000)) / self._fields,
            origin=self._footage.origin,
            frames=None if frames is None else frames * self._fields,
            counted=counted,
            picture_end=picture_end(container, stream),
            container_end=end_of(container, stream) if "matroska" in container.format.name else None,
            start=start,
            end=end,
            fields=self._fields,
        )

    def _check_start(self, container: av.container.InputContainer, stream: av.VideoStream, start: Fraction) -> None:
        """Refuse a range that begins after the end.

        A header may tell a shorter time than there is, so its word counts only where no packet contradicts it.
        """
        told = end_of(container, stream)
        if told is None or start < told - self._footage.origin:
            return
        end = -math.inf
        with _open(self._path) as again, suppress(av.FFmpegError, IndexError):  # a damaged end; what came before counts
            for packet in again.demux(again.streams[stream.index]):
                if packet.pts is not None:
                    begins = self._extent.seconds(packet.pts * self._fields)
                    end = max(end, begins + float((packet.duration or 0) * self._fields * self._extent.time_base))
                    if begins >= start:
                        return
        if end > -math.inf:
            raise InputError(f"{self._path}: ends at {end:.2f} s, so nothing is left from {float(start):g} s on")

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> "Decoder":
        """Decode the first pictures, so that an open source is known to have one."""
        decoder = Decoder(container, stream, self._deinterlace, self._order)
        if decoder.size is None:
            raise SourceError(f"{self._path}: no frame can be decoded: damaged, cut short, or an unknown codec")
        aspect = 1 / self._footage.aspect if decoder.orientation.transposed else self._footage.aspect
        self._footage = replace(
            self._footage, size=decoder.size, aspect=aspect, interlaced=decoder.interlaced,
            mastering=decoder.mastering, alpha=self._footage.alpha and not decoder.opaque,
            fields=field_order(stream) if decoder.interlaced else "",
        )  # fmt: skip
        self._tone_map = tone_map_of(stream, decoder.mastering)
        if decoder.askew:
            self._notes.append(
                f"{self._path.name}: is to be shown at an angle that is not applied, only 90 degrees are"
            )
        if decoder.interlaced:
            self._notes.append(f"{self._path.name}: is interlaced, its fields stay combed (--deinterlace undoes it)")
        return decoder

    def look_for_fields(self) -> None:
        """Say in ``notes`` where pictures are of two fields that the file does not tell of; some are decoded again."""
        if not self._deinterlace and not self._footage.interlaced and Combs.of(self._path).order:
            said = "looks interlaced, though it does not say so: its fields stay combed (--deinterlace undoes it)"
            self._notes.append(f"{self._path.name}: {said}")

    def keep_decoded(self, *, whole: bool = True) -> bool:
        """Give every frame its ``Frame.decoded``, upright, for a sink that can pass planes on as they are.

        To be called before iterating. False, and nothing changes, where rotation leaves no such planes. `whole` says
        that the sink holds all of their bits, so that there is no note on those.
        """
        if not self._decoder.keep_pictures():
            return False
        if whole:
            self._notes[:] = [note for note in self._notes if note != self._shallow]
        return True

    def tone_map(self) -> bool:
        """Make SDR of HDR that has more than 8 bits, with a note: frames and ``info`` are of BT.709 from now on.

        To be called before iterating. False, and nothing changes, where the video is none.
        """
        info = self._footage
        if self._tone_map is None or not info.hdr:  # or it is done
            return False
        self._decoder.tone_map(self._tone_map)
        self._footage = replace(info, colour=Colour(), hdr="", mastering=HdrMetadata(), depth=8)
        said = f"{self._path.name}: its HDR ({info.hdr}) is tone-mapped to SDR"
        self._notes[:] = [said if note == self._shallow else note for note in self._notes]
        self._shallow = said
        return True

    def tell_keeper(self, codec: str) -> None:
        """Let the note on bits or light that is lost say that a copy with `codec` would have it."""
        self._notes[:] = [
            f"{note} (--codec {codec} keeps all in a copy)" if note == self._shallow else note for note in self._notes
        ]

    def skip(self, frames: int) -> None:
        """Leave out the first `frames`; the next has that index. Before iterating."""
        self._reading.skip = frames

    def frame_times(self) -> list[float]:
        """List when each frame is shown, in seconds of ``Frame.time``, without decoding one.

        Reads the whole file once, at the speed of the disk.
        """
        ticks: list[int] = []
        with _open(self._path) as container, suppress(av.FFmpegError, IndexError):  # a damaged end
            stream = _video_in(container, self._path)
            ticks += [one.pts for one in container.demux(stream) if one.pts is not None and not one.is_discard]
        return self._extent.picture_times(sorted(ticks))

    def __repr__(self) -> str:
        (width, height), known = self.size, "" if self.frames is None else f", {counted(self.frames, 'frame')}"
        return f"<gancam.VideoFile {str(self._path)!r} {width}x{height}, {self.fps:.5g} fps{known}>"

    @property
    def fourcc(self) -> str:
        """Four letters for its codec, as OpenCV has them: those of its name, or the file's own."""
        return self._fourcc

    @property
    def path(self) -> Path:
        """The path it was opened with."""
        return self._path

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._extent.fps

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""
        return self._footage.size

    @property
    def frames(self) -> int | None:
        """How many frames are promised, of the range; None where that is not known."""
        return self._reading.wanted

    @property
    def info(self) -> VideoInfo:
        """Colour, clock and shape, for a file sink."""
        return self._footage

    @property
    def ended_early(self) -> bool:
        """Whether it was closed before its end."""
        return self._reading.ended_early

    @property
    def worker_seconds(self) -> float:
        """How many seconds the decoder has worked."""
        return self._reading.worker_seconds

    def __iter__(self) -> Iterator[Frame]:
        yield from self._reading.frames()

    def close(self) -> None:
        """Join the decoder's thread and close the file; may be called at any time and more than once."""
        self._reading.close()


def _open(path: Path) -> av.container.InputContainer:
    """The container in the file `path`. Raises ``SourceError``."""
    try:
        container = open_file(path)
        if container.format.name == "jpeg_pipe" and path.suffix.lower() in _PHOTOS_IN_A_ROW:
            container.close()
            container = open_file(path, "mjpeg")
        return container
    except PermissionError as error:
        raise SourceError(f"{path}: no permission to read it") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path}: {INDEX_MISSING if lacks_index(path) else no_video(error)}") from error


def _video_in(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The video that `container` is for. Raises ``SourceError`` where there is none."""
    stream = picture_of(container)
    if stream is None:
        found = "only audio" if container.streams.audio else "no video"
        raise SourceError(f"{path}: holds {found}")
    formats = set(container.format.name.split(","))
    names = {stream.codec_context.name} if stream.codec_context is not None else set[str]()
    if _TEXT_ART & names or "tty" in formats:
        raise SourceError(f"{path}: text, not a video")
    brand = container.metadata.get("major_brand", "").encode()
    if any(name.endswith("_pipe") for name in formats) or "image2" in formats or brand in STILLS:
        kinds = "" if path.suffix.lower() in READ_IMAGES else f"; images are read as {', '.join(READ_IMAGES)}"
        raise SourceError(f"{path}: a still image, not a video{kinds}")
    if stream.codec_context is None or not stream.codec_context.name:
        raise SourceError(f"{path}: its video codec is not known to this build of FFmpeg")
    return stream
