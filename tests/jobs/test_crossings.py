"""Features that cross: which way up, opacity, sound, ranges, resuming and workers give one and the same file."""

from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from gancam.effects import EffectSpec
from gancam.jobs.batch import process_one
from gancam.jobs.local_pool import LocalPool
from gancam.jobs.process import process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.pipeline import Report
from gancam.sources import VideoFile
from tests.helpers.clips import make_clip, packets_of, scenery
from tests.helpers.jobs import cut_short
from tests.helpers.small import network, write_models

WAYS = ("cut short and resumed", "with workers", "with workers, and resumed")
RANGES: tuple[tuple[Fraction, Fraction] | None, ...] = (None, (Fraction(1, 5), Fraction(3, 2)))
CASES = list(product(WAYS, (True, False), ((-1, 0, 0, 1), (0, 1, 1, 0), (0, -1, 1, 0)), RANGES))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


def source_of(folder: Path, veiled: bool, matrix: tuple[int, int, int, int]) -> Path:
    """130 pictures, more than one piece, of a rate that varies; the last one stays for a second."""
    pictures = scenery(64, 48, 130)
    if veiled:
        veil = np.tile(np.linspace(0, 255, 64), (48, 1)).astype(np.uint8)
        pictures = [np.dstack([image, np.roll(veil, index, 1)]) for index, image in enumerate(pictures)]
    ticks = [12 * index + index % 3 for index in range(130)]
    return make_clip(
        folder / "a.mkv", images=pictures, ticks=ticks, time_base=Fraction(1, 1000), fps=80, audio=[("aac", 0.0)],
        codec="ffv1" if veiled else "libx264", pix_fmt="bgra" if veiled else "yuv420p",
        options={"g": "1"} if veiled else {"crf": "12"}, matrix_of_display=matrix,
    )  # fmt: skip


def made_of(path: Path) -> tuple[list[tuple[float, float | None, bytes, bytes]], object]:
    with VideoFile(path) as source:
        frames = [
            (one.time, one.duration, one.image.tobytes(), b"" if one.alpha is None else one.alpha.tobytes())
            for one in source
        ]
    return frames, packets_of(path)


@pytest.mark.slow
@pytest.mark.parametrize(("way", "veiled", "matrix", "part"), CASES)
def test_every_way_makes_the_same_file(
    tmp_path: Path,
    model: Path,
    way: str,
    veiled: bool,
    matrix: tuple[int, int, int, int],
    part: tuple[Fraction, Fraction] | None,
) -> None:
    source, chain_spec = source_of(tmp_path, veiled, matrix), EffectChainSpec((EffectSpec(str(model), {}),), threads=1)
    options = ProcessOptions(codec="ffv1")
    if part is not None:
        options = replace(options, start=part[0], end=part[1])
    plain, other = tmp_path / "plain.mkv", tmp_path / "other.mkv"
    process_video(source, plain, chain_spec.load(), options, Report(), notify=lambda note: None)
    if "resumed" in way:
        span = {"start": part[0], "end": part[1]} if part is not None else {}
        cut_short(source, other, 100 if part is None else 60, chain_spec.load(), codec="ffv1", **span)
        options = replace(options, resume=True)
    if "workers" in way:
        pool = lambda spec: LocalPool(spec, 2)
        process_one(source, other, chain_spec, options, notify=lambda event: None, make_pool=pool)
    else:
        process_video(source, other, chain_spec.load(), options, Report(), notify=lambda note: None)
    wanted, sound = made_of(plain)
    assert len(wanted) > 90
    assert bool(wanted[0][3]) == veiled
    assert made_of(other) == (wanted, sound)
