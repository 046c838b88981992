"""What a faithful copy (`gancam process` without effects) keeps of each clip of a folder.

    python benchmarks/faithful.py CLIPS [--codec h264] [--quality 80]

For each clip: frames that differ in BGR and in YUV with FFV1 in Matroska; mean Y-PSNR (and that of the worst frame) and
size against the source's with the codec at the default quality in MP4; whether every time stamp is exact (MP4, and to
Matroska's millisecond); whether all audio packets are bit for bit those of the source.
"""

import argparse
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
from gancam.sources import VideoFile
from gancam.tools.verify import verify


def copied(source: Path, target: Path, task: ProcessOptions) -> Path:
    process_video(source, target, [], task, Report(), notify=lambda note: None)
    return target


def planes(path: Path) -> Iterator[list[NDArray[np.float32]]]:
    """Of every frame, upright, in levels of 8 bits."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
        for frame in container.decode(stream):
            made, bits = [], frame.format.components[0].bits
            for plane in frame.planes:
                rows = np.frombuffer(memoryview(plane), np.uint8 if bits <= 8 else "<u2").reshape(plane.height, -1)
                levels = rows[:, : plane.width].astype(np.float32) / 2 ** (bits - 8)
                made.append(np.rot90(levels, frame.rotation // 90))
            yield made


def different(was: Path, now: Path) -> tuple[int, int]:
    """Frames that differ in BGR, as OpenCV decodes them, and in their planes."""
    with VideoFile(was) as before, VideoFile(now) as after:
        bgr = sum(a is None or b is None or not np.array_equal(a.image, b.image) for a, b in zip_longest(before, after))
    yuv = sum(
        a is None or b is None or not all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip_longest(planes(was), planes(now))
    )
    return bgr, yuv


def likeness(was: Path, now: Path) -> list[float]:
    """Y-PSNR of every frame, in dB."""
    values = []
    for a, b in zip(planes(was), planes(now), strict=True):
        height, width = a[0].shape
        error = float(np.mean((a[0] - b[0][:height, :width]) ** 2))
        values.append(10 * float(np.log10(255**2 / max(error, 1e-3))))
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--codec", default="h264")
    parser.add_argument("--quality", type=float)
    options = parser.parse_args()
    means = []
    for clip in sorted(path for path in options.clips.iterdir() if path.is_file()):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            exact = copied(clip, folder / "a.mkv", ProcessOptions(codec="ffv1", eight_bit=True))
            small = copied(
                clip, folder / "a.mp4", ProcessOptions(codec=options.codec, quality=options.quality, eight_bit=True)
            )
            bgr, yuv = different(clip, exact)
            values = likeness(clip, small)
            means.append(float(np.mean(values)))
            kept = [{one.name: one for one in verify(clip, made)} for made in (small, exact)]
            clocks = [found["frame times"].after for found in kept]
            tracks = [[found[name].verdict for name in found if name.endswith(", audio")] for found in kept]
            same = ["bit-exact" if set(verdicts) == {"kept"} else "converted" for verdicts in tracks]
            heard = f"{same[0]} (MP4), {same[1]} (Matroska)" if tracks[0] else "none"
            ratio = small.stat().st_size / clip.stat().st_size
            print(
                f"{clip.name}: {len(values)} frames; FFV1 differ {bgr} BGR, {yuv} YUV; {options.codec} Y-PSNR "
                f"{means[-1]:.2f} dB, worst frame {min(values):.2f}, size x {ratio:.2f}"
                f"; times {clocks[0]} (MP4), {clocks[1]} (Matroska); sound {heard}",
                flush=True,
            )
    print(f"{options.codec}: mean Y-PSNR {np.mean(means):.2f} dB, worst clip {min(means):.2f} dB")


if __name__ == "__main__":
    main()
