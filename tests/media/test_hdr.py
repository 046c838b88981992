"""HDR into SDR: greys stay grey and in order, paper stays nearly white, files say what they are."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.media.hdr import HLG, PQ
from gancam.pipeline import Report
from gancam.sources import VideoFile
from gancam.sources.stream import Stream
from tests.helpers.clips import make_clip
from tests.helpers.jobs import Echo

GREYS = np.repeat(np.linspace(0, 255, 24).round().astype(np.uint8), 4)
PAPER = {PQ: 148, HLG: 191, 1: 191}  # what 203 cd/m2 are, of 255 (ITU-R BT.2408)
SKIN = {PQ: 97, HLG: 97, 1: 97}  # 26 cd/m2: a grey of 18 percent is 38 % in both


def hdr(path: Path, transfer: int) -> Path:
    """Two pictures of greys; the lower half is white paper beside a grey of 18 percent."""
    image = np.repeat(np.tile(GREYS, (64, 1))[..., None], 3, axis=2)
    image[40:, :48], image[40:, 48:] = PAPER[transfer], SKIN[transfer]
    options = {"x265-params": "log-level=0:bframes=0", "crf": "2"}
    return make_clip(
        path, images=[image] * 2, codec="libx265", options=options, pix_fmt="yuv420p10le", transfer=transfer,
        primaries=9, matrix=9,
    )  # fmt: skip


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_greys_keep_their_order_and_paper_is_nearly_white(tmp_path: Path, transfer: int) -> None:
    with VideoFile(hdr(tmp_path / "a.mkv", transfer)) as video:
        assert video.tone_map()
        assert not video.info.hdr
        image = next(iter(video)).image.astype(int)
    assert np.ptp(image, axis=2).max() <= 2
    ramp = image[:32, 2::4, 1].mean(axis=0)
    assert (np.diff(ramp) > -0.6).all()
    assert ramp[0] < 2
    assert ramp[-1] > 250
    assert 205 < image[50:60, 8:40].mean() < 240
    assert 95 < image[50:60, 56:88].mean() < 125


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_written_says_that_it_is_sdr(tmp_path: Path, transfer: int) -> None:
    source, out = hdr(tmp_path / "a.mkv", transfer), tmp_path / "b.mp4"
    name = {PQ: "PQ", HLG: "HLG"}[transfer]
    for effects, options, colours, hdr_of_it, told in (
        ([Echo()], ProcessOptions(), (1, 1, 1), "", [f"a.mkv: its HDR ({name}) is tone-mapped to SDR"]),
        (
            [Echo()],
            ProcessOptions(eight_bit=True),
            (9, 9, transfer),
            name,
            ["a.mkv: its 10 bits a sample are read as 8"],
        ),
        ([], ProcessOptions(codec="h265"), (9, 9, transfer), name, []),
    ):
        said: list[str] = []
        out.unlink(missing_ok=True)
        process_video(source, out, effects, options, Report(), notify=said.append)
        assert said == told
        with VideoFile(out) as video:
            colour = video.info.colour
            assert (colour.matrix, colour.primaries, colour.transfer) == colours
            assert video.info.hdr == hdr_of_it


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("transfer", [PQ, HLG, 1])
def test_streams_are_tone_mapped_as_files_are_and_say_so(tmp_path: Path, transfer: int) -> None:
    clip = hdr(tmp_path / "a.mkv", transfer)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}/a.mkv"
            with Stream(url, reconnect=0) as stream, VideoFile(clip) as video:
                video.tone_map()
                wanted = [note.replace("a.mkv: ", f"{url}: ") for note in video.notes]
                shown = next(iter(stream)).image
                assert [note for note in stream.notes if " its " in note] == wanted
                assert len(wanted) == 1
                assert any(np.abs(shown.astype(int) - frame.image).max() <= 1 for frame in video)
        finally:
            server.shutdown()
            thread.join()
