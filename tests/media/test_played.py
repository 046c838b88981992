"""A picture as it is played: the same for a file, a stream, the studio's pictures, and training."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.media.hdr import HLG, PQ
from gancam.sources import VideoFile
from gancam.sources.stream import StreamBackend
from gancam.studio import media
from tests.helpers.clips import make_clip, scenery
from train.data.items import video_frames

QUARTER = (0, 1, -1, 0)  # of a phone that was held upright


def phone(path: Path, transfer: int) -> Path:
    """Two pictures, 96x64, that are to be shown upright, of HDR where `transfer` is."""
    if transfer == 1:
        return make_clip(path, images=scenery(count=2), matrix=1, transfer=1, matrix_of_display=QUARTER)
    return make_clip(
        path, images=scenery(count=2), codec="libx265",
        options={"x265-params": "log-level=0:bframes=0", "preset": "ultrafast"}, pix_fmt="yuv420p10le",
        transfer=transfer, primaries=9, matrix=9, matrix_of_display=QUARTER,
    )  # fmt: skip


def played(path: Path) -> list[Image]:
    with VideoFile(path) as source:
        source.tone_map()
        return [frame.image for frame in source]


@pytest.mark.parametrize("transfer", [1, PQ, HLG])
def test_training_learns_from_what_is_played(tmp_path: Path, transfer: int) -> None:
    path = phone(tmp_path / "a.mp4", transfer)
    learnt = [image[..., ::-1] for _, image in video_frames(path)]
    for one, other in zip(learnt, played(path), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("transfer", [1, PQ])
def test_the_studio_shows_what_is_played(tmp_path: Path, transfer: int) -> None:
    path = phone(tmp_path / "a.mp4", transfer)
    shown = media.strip(path, 2)
    wanted = np.hstack([cv2.resize(image, (48, 72), interpolation=cv2.INTER_AREA) for image in played(path)])
    assert shown.shape == (72, 2 * 48, 3)
    assert np.array_equal(shown, wanted)
    assert np.array_equal(media.frame_at(path, 0), played(path)[0])


@pytest.mark.parametrize("transfer", [1, HLG])
def test_a_stream_shows_what_is_played(tmp_path: Path, transfer: int) -> None:
    backend = StreamBackend(str(phone(tmp_path / "a.mp4", transfer)), silence=2)
    backend.open()
    picture = backend.read(threading.Event())
    backend.close()
    assert picture is not None
    assert np.array_equal(picture.image, played(tmp_path / "a.mp4")[0])
    assert [said.rpartition("a.mp4: ")[2] for said in backend.said] == (
        ["its HDR (HLG) is tone-mapped to SDR"] if transfer == HLG else []
    )
