"""Sound stays with its picture where a file's clock is odd: joined files, and files that were cut without encoding."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from gancam.media import discontinuities
from gancam.sinks import _discontinuities
from gancam.sources import _reading
from gancam.tools.verify import verify
from tests.helpers.clips import make_clip, times_of
from tests.helpers.jobs import process

JOINED = "jump back, as in concatenated files"


def sound_of(path: Path) -> list[float]:
    """When each packet of the first sound begins, in seconds."""
    with av.open(path) as container:
        return [float((one.pts or 0) * one.time_base) for one in container.demux(audio=0) if one.size]


def cut(source: Path, target: Path, seconds: Fraction) -> Path:
    """Let a file begin later, with an edit list that hides what was before, as ``ffmpeg -ss -c copy`` does."""
    with av.open(source) as given, av.open(target, "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                back = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts - back, packet.dts - back
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    return target


@pytest.mark.parametrize(("ending", "out", "times"), [(".ts", ".mkv", 3), (".ts", ".mp4", 2), (".mpg", ".mkv", 2)])
def test_joined_files_keep_all_their_sound(tmp_path: Path, ending: str, out: str, times: int) -> None:
    codec, sound = ("mpeg2video", "mp2") if ending == ".mpg" else ("libx264", "aac")
    clock = {"fps": 25, "time_base": Fraction(1, 25), "ticks": range(24)}
    one = make_clip(tmp_path / f"a{ending}", codec=codec, options={}, audio=[(sound, 0.0)], **clock)  # type: ignore[arg-type]
    joined, single = tmp_path / f"joined{ending}", tmp_path / f"single{out}"
    joined.write_bytes(one.read_bytes() * times)
    process(one, single)
    report, _ = process(joined, tmp_path / f"b{out}")
    assert f"the timestamps of joined{ending} {JOINED}" in report.notes
    shown, heard = times_of(tmp_path / f"b{out}"), sound_of(tmp_path / f"b{out}")
    assert len(shown) == 24 * times
    assert len(heard) >= (len(sound_of(single)) - 2) * times
    assert heard == sorted(heard)
    gap = sound_of(single)[-1] - float(times_of(single)[-1])
    assert heard[-1] - float(shown[-1]) == pytest.approx(gap, abs=0.03)


def later(source: Path, target: Path, seconds: int, *, kinds: tuple[str, ...] = ("video", "audio")) -> Path:
    """Let all of a file, or its streams of some kinds, come later by its clock."""
    with av.open(source) as given, av.open(target, "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                ticks = round(seconds / packet.time_base) if packet.stream.type in kinds else 0
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    return target


@pytest.mark.parametrize(("ending", "out"), [(".ts", ".mkv"), (".mpg", ".mp4")])
def test_joined_files_of_other_hours_follow_at_once(tmp_path: Path, ending: str, out: str) -> None:
    codec, sound = ("mpeg2video", "mp2") if ending == ".mpg" else ("libx264", "aac")
    clock = {"fps": 25, "time_base": Fraction(1, 25), "ticks": range(24)}
    one = make_clip(tmp_path / f"a{ending}", codec=codec, options={}, audio=[(sound, 0.0)], **clock)  # type: ignore[arg-type]
    hours = [one, later(one, tmp_path / f"b{ending}", 7200), later(one, tmp_path / f"c{ending}", 14_000), one]
    joined, single = tmp_path / f"all{ending}", tmp_path / f"single{out}"
    joined.write_bytes(b"".join(part.read_bytes() for part in hours))
    process(one, single)
    report, _ = process(joined, tmp_path / f"out{out}")
    told = [note for note in report.notes if "jump by" in note]
    assert len(told) == 2
    assert f"all{ending}: at 0.9 s its timestamps jump by 7199 s" in told[0]
    shown, heard = times_of(tmp_path / f"out{out}"), sound_of(tmp_path / f"out{out}")
    assert len(shown) == 24 * 4
    assert max(later - one for one, later in pairwise(shown)) < 0.1
    assert len(heard) >= (len(sound_of(single)) - 2) * 4
    assert max(later - one for one, later in pairwise(heard)) < 0.15
    gap = sound_of(single)[-1] - float(times_of(single)[-1])
    assert heard[-1] - float(shown[-1]) == pytest.approx(gap, abs=0.05)


def test_time_passes_where_sound_goes_on_without_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (discontinuities, _reading, _discontinuities):
        monkeypatch.setattr(module, "LEAST", 10)
    ticks = [*range(12), *range(300, 312)]
    source = make_clip(tmp_path / "a.ts", fps=25, time_base=Fraction(1, 25), ticks=ticks, audio=[("aac", 0.0)])
    process(source, tmp_path / "out.mkv")
    shown = times_of(tmp_path / "out.mkv")
    assert shown[12] - shown[11] > 11


def test_what_an_edit_list_hides_is_neither_heard_nor_missed(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", fps=25, time_base=Fraction(1, 12800),
                      ticks=[512 * index for index in range(24)], audio=[("aac", 0.0)])  # fmt: skip
    source = cut(whole, tmp_path / "cut.mp4", Fraction(1, 2))
    for ending in (".mp4", ".mkv"):
        process(source, tmp_path / f"out{ending}")
        found = {one.name: one.verdict for one in verify(source, tmp_path / f"out{ending}")}
        assert found["frames"] == "kept"
        assert found["stream 1, audio"] == "kept"
    assert float(times_of(tmp_path / "out.mkv")[0]) < 0.1  # the half second before is not shown as nothing
