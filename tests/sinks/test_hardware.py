"""Encoders in hardware: each is tried before it is used, and the first that works is taken when asked for any.

No such hardware is where these tests were written, so software encoders stand in for it, good ones and broken ones.
"""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from gancam.errors import InputError, SinkError
from gancam.frame import Frame
from gancam.sinks import _codecs, trial
from gancam.sinks._codecs import CODECS, Codec
from gancam.sinks._hardware import HARDWARE
from gancam.sinks.trial import MISSING, try_encoder
from gancam.sinks.video import VideoOptions, VideoWriter, check_codec, hardware_codecs, trouble
from gancam.sources import TestPattern

STAND_IN = replace(CODECS["h264"], hardware="qsv", feeds="nv12", keeps=("yuv420p",), finer={})
BROKEN = {
    "none": (replace(STAND_IN, encoder="h264_nowhere"), MISSING),
    "does not open": (replace(STAND_IN, options=lambda q: {"crf": "16", "partitions": "?", "tune": "?"}), "Invalid"),
    "takes no such pixels": (replace(STAND_IN, encoder="libsvtav1", options=lambda q: {}), "Invalid"),
    "other colours": (replace(STAND_IN, feeds="gray"), "other pictures come back, "),
}


def hardware(monkeypatch: pytest.MonkeyPatch, **made: Codec | None) -> None:
    """Have hardware make these codecs, and no other hardware make any."""
    for word in HARDWARE:
        codec = made.get(word)
        monkeypatch.setitem(_codecs._MADE, word, {} if codec is None else {codec.name: codec})
    _codecs._trial.cache_clear()


def write(path: Path, encoder: str | None, codec: str | None = None) -> tuple[list[str], float]:
    """Write a clip; its notes, and how near (dB) its frames come to what was written."""
    frames = [frame.image for frame in TestPattern((320, 192), frames=6)]
    sink = VideoWriter(path, VideoOptions(fps=25, size=(320, 192), encoder=encoder, codec=codec, overwrite=True))
    with sink:
        for index, image in enumerate(frames):
            sink.write(Frame(image, index, index / 25))
    with av.open(str(path)) as made:
        seen = [frame.to_ndarray(format="bgr24") for frame in made.decode(video=0)]
    assert len(seen) == len(frames)
    error = np.mean([np.square(a.astype(float) - b).mean() for a, b in zip(frames, seen, strict=True)])
    return list(sink.notes), float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_each_encoder_of_the_cpu_passes_the_trial(codec: Codec) -> None:
    assert try_encoder(codec.encoder, codec.pixels, codec.options(80)) == ""


def test_the_pictures_of_trials_are_made_once_in_a_process() -> None:
    assert trial._pictures() is trial._pictures()  # doctor tries fifteen, "auto" three before it takes the CPU's


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_encoder_fails_the_trial(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, says = BROKEN[name]
    hardware(monkeypatch)
    assert says in trouble(codec)
    assert trouble(codec)


def test_hardware_that_works_encodes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is given its own pixel format, which holds the same samples as the file of the CPU's encoder does."""
    hardware(monkeypatch, qsv=STAND_IN)
    cpu, same = write(tmp_path / "cpu.mp4", None)[1], write(tmp_path / "qsv.mp4", "qsv")
    assert same[0] == []
    assert abs(same[1] - cpu) < 0.05
    with av.open(str(tmp_path / "qsv.mp4")) as made:
        assert made.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_auto_takes_the_first_that_works_else_the_cpu_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "a.mp4"
    bad = replace(BROKEN["other colours"][0], hardware="nvenc")
    hardware(monkeypatch, nvenc=bad, qsv=STAND_IN, amf=replace(STAND_IN, encoder="amf is not asked"))
    assert write(out, "auto")[0] == ["--encoder auto: libx264 (qsv)"]
    hardware(monkeypatch, nvenc=bad)
    assert write(out, "auto")[0] == ["--encoder auto: libx264 (the CPU, as no hardware that makes h264 works here)"]
    said = ["--encoder auto: libvpx-vp9 (the CPU, as no hardware that makes vp9 works here)"]
    hardware(monkeypatch, qsv=STAND_IN)
    assert write(out, "auto", "vp9")[0] == said
    assert write(out, "cpu")[0] == []


@pytest.mark.parametrize("name", BROKEN)
def test_hardware_that_does_not_work_is_one_error(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codec, says = BROKEN[name]
    hardware(monkeypatch, qsv=codec)
    for call in (lambda path: check_codec(path, None, "qsv"), lambda path: write(path, "qsv")):
        with pytest.raises(SinkError, match=rf"--encoder qsv: {codec.encoder} does not work here \({says}.*\)") as told:
            call(tmp_path / "a.mp4")
        assert str(told.value).endswith("that takes an Intel GPU, its driver, and on Linux Intel's runtime libmfx-gen; "
                                        "--encoder cpu works everywhere")  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_frame_is_not_taken_for_its_neighbour() -> None:
    frames = [picture.astype(float) for picture in trial._pictures()]
    for place, one in enumerate(frames):
        for other in frames[:place]:
            assert 10 * np.log10(255**2 / np.square(one - other).mean()) < trial._LEAST - 5


def test_a_trial_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried: list[str] = []

    def count(encoder: str, pixels: str, options: object) -> str:
        tried.append(encoder)
        return ""

    monkeypatch.setattr(_codecs, "try_encoder", count)
    hardware(monkeypatch, qsv=STAND_IN)
    for _ in range(3):
        check_codec(tmp_path / "a.mp4", None, "qsv")
        check_codec(tmp_path / "a.mp4", "h264", "auto")
    assert tried == ["libx264"]


def test_each_hardware_works_here_or_is_one_error(tmp_path: Path) -> None:
    """Of what there really is."""
    _codecs._trial.cache_clear()
    for codec in hardware_codecs():
        path = tmp_path / ("a.mkv" if codec.name == "av1" else "a.mp4")
        for words in ((codec.hardware, codec.name), (None, codec.encoder)):
            if trouble(codec):
                with pytest.raises(SinkError, match=f"--encoder {codec.hardware}: {codec.encoder} does not work here"):
                    write(path, *words)
            else:
                assert write(path, *words)[1] > 30
    assert write(tmp_path / "b.mp4", "auto")[0][0].startswith("--encoder auto: ")


def test_qualities_are_in_the_range_of_each_encoder() -> None:
    ranges = {"cq": (1, 51), "global_quality": (1, 11800), "qp_i": (1, 255), "qp_p": (1, 255), "qp_b": (1, 51)}
    ranges["quality"] = (0, 100)
    for codec in hardware_codecs():
        values = []
        for quality in (0, 40, 80, 100):
            options = codec.options(quality)
            told = [name for name in options if name in ranges]
            assert told, codec.encoder
            for name in told:
                assert ranges[name][0] <= float(options[name]) <= ranges[name][1], (codec.encoder, name)
            values.append(float(options[told[0]]))
        assert values in (sorted(values), sorted(values, reverse=True))
        assert len(set(values)) == 4


def test_words_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no encoder 'nvec' \(did you mean 'nvenc'\?\); there are cpu, auto, nvenc, qsv"
    ):
        check_codec(tmp_path / "a.mp4", None, "nvec")
    with pytest.raises(InputError, match="no encoder 'x264'; there are cpu, auto, nvenc, qsv"):  # the list once
        check_codec(tmp_path / "a.mp4", None, "x264")
    with pytest.raises(SinkError, match="--encoder nvenc: makes h264, h265, av1, not ffv1; --encoder cpu makes it"):
        check_codec(tmp_path / "a.mkv", "ffv1", "nvenc")
    with pytest.raises(InputError, match="no codec 'nowhere_qsv'"):
        check_codec(tmp_path / "a.mkv", "nowhere_qsv", None)
