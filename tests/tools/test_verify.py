"""`verify` finds what was kept, and tells what was not."""

import json
import re
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from gancam.errors import InputError, NotFound, SourceError
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
from gancam.sources import TestPattern
from gancam.tools.verify import verify
from tests.helpers.clips import enrich, make_clip, make_gif, scenery, with_cues, with_timecode
from tests.helpers.command import here


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    audio = [("aac", 0.0), ("libmp3lame", 0.1)]
    clip = make_clip(folder / "a.mp4", audio=audio, languages=["eng", "fra"], matrix=1, primaries=1, transfer=1)
    return enrich(clip, folder / "film.mkv")


def verdicts(before: Path, after: Path) -> dict[str, str]:
    return {one.name: one.verdict for one in verify(before, after)}


def copied(source: Path, out: Path) -> Path:
    process_video(source, out, [], ProcessOptions(overwrite=True), Report(), notify=lambda note: None)
    return out


def test_a_faithful_copy_keeps_everything(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    process_video(film, out, [], ProcessOptions(), Report(), notify=lambda note: None)
    found = verdicts(film, out)
    assert set(found.values()) == {"kept"}, [one for one in verify(film, out) if one.verdict != "kept"]
    assert {"frames", "frame times", "matrix", "chapters", "description: title", "stream 4, attachment"} <= set(found)
    assert json.dumps([one.to_dict() for one in verify(film, out)])


def test_what_is_lost_or_changed_is_told(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.webm"
    process_video(film, out, [], ProcessOptions(), Report(), notify=lambda note: None)
    found = verdicts(film, out)
    assert found["frames"] == found["frame times"] == found["chapters"] == "kept"
    assert found["stream 1, audio"] == "changed"
    assert found["stream 3, subtitle"] == found["stream 4, attachment"] == "lost"
    other = make_clip(tmp_path / "other.mp4", ticks=[600 * index for index in range(24)])
    found = verdicts(film, other)
    assert found["frame times"] == found["matrix"] == "changed"
    assert found["stream 1, audio"] == found["chapters"] == found["description: title"] == "lost"


def test_pauses_of_mp4s_subtitles_are_no_words(tmp_path: Path) -> None:
    """MP4 fills each time without words with a sample, of which programs write several: they were told as changed."""
    words, nothing = len(b"Hello").to_bytes(2, "big") + b"Hello", b"\0\0"
    said = [(100, 200, words), (200, 300, nothing), (300, 400, nothing), (400, 500, words), (500, 700, nothing)]
    source = with_cues(tmp_path / "a.mp4", "mov_text", said)
    found = {one.name: one for one in verify(source, copied(source, tmp_path / "b.mp4"))}
    told = [one for name, one in found.items() if name.startswith("stream 1, subtitle")]
    assert {one.verdict for one in told} == {"kept"}, told
    assert found["stream 1, subtitle"].before == "mov_text, 2 packets"
    assert "changed" in verdicts(source, with_cues(tmp_path / "c.mp4", "mov_text", said[:3])).values()


def test_the_times_of_a_trimmed_file_are_told_of_the_frames_that_are_there(tmp_path: Path) -> None:
    frames = [frame.image for frame in TestPattern((96, 64), frames=24)]
    whole = make_clip(tmp_path / "whole.mp4", images=frames)
    part = make_clip(tmp_path / "part.mp4", images=frames[:7])
    late = make_clip(tmp_path / "late.mp4", images=frames[:7], ticks=[768 * index for index in range(7)])

    def said(before: Path, after: Path) -> dict[str, tuple[str, str, str]]:
        return {one.name: (one.verdict, one.before, one.after) for one in verify(before, after)}

    assert said(whole, whole)["frame times"] == ("kept", "24 times", "exact")
    assert said(whole, part)["frames"] == ("lost", "24", "7")
    there = "7 frames have their times; 17 missing: 0.233 to 0.767 s"
    assert said(whole, part)["frame times"] == ("kept", "24 times", there)
    assert said(whole, late)["frame times"][0] == "changed"
    assert said(part, whole)["frames"] == ("changed", "7", "24")
    assert said(part, whole)["frame times"] == ("kept", "7 times", "7 frames have their times; 17 new")


@pytest.mark.parametrize("gone", [[9, 10], [0, 1], [22, 23], [4, 9, 14, 19]])
def test_frames_that_are_missing_are_found_wherever_they_are(tmp_path: Path, gone: list[int]) -> None:
    """Frames behind a hole were compared with others', and all of them were late."""
    frames = [frame.image for frame in TestPattern((96, 64), frames=24)]
    left = [index for index in range(24) if index not in gone]
    whole = make_clip(tmp_path / "whole.mkv", images=frames)
    holed = make_clip(tmp_path / "a.mkv", images=[frames[at] for at in left], ticks=[512 * at for at in left])
    found = {one.name: one for one in verify(whole, holed)}
    assert found["frames"].verdict == "lost"
    places = ", ".join(f"{index / 30:.3f} s" for index in gone[:3]) + " and in 1 more place"
    places = places if len(gone) > 2 else f"{gone[0] / 30:.3f} to {gone[1] / 30:.3f} s"
    assert found["frame times"].after == f"{len(left)} frames have their times; {len(gone)} missing: {places}"
    assert here("verify", whole, holed).returncode == 1
    assert here("verify", whole, whole).returncode == 0


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "pcm_s16le"), ("a.mov", "pcm_s16le"), ("a.mkv", "flac")])
def test_sound_in_its_place_is_told_so_whatever_runs_up_to_it(tmp_path: Path, name: str, codec: str) -> None:
    """AAC begins a packet early, which players skip: the sound was told to come 21 ms too early."""
    in_order = {"bf": "0"}  # Matroska does not tell when pictures are decoded, so a copy would hide the first
    film = make_clip(tmp_path / name, options=in_order, audio=[(codec, 0.0)])
    with av.open(film) as source, av.open(tmp_path / "b.mp4", "w") as out:
        picture = out.add_stream_from_template(source.streams.video[0])
        track = out.add_stream("aac", rate=48000, layout="mono")
        packets = []
        for packet in source.demux(source.streams.video[0], source.streams.audio[0]):
            if packet.stream.type == "audio":
                for frame in packet.decode():
                    assert isinstance(frame, av.AudioFrame)
                    packets += track.encode(frame)
            elif packet.dts is not None:
                packet.stream = picture
                packets.append(packet)
        for packet in sorted([*packets, *track.encode(None)], key=lambda one: (one.dts or 0) * (one.time_base or 0)):
            out.mux(packet)
    found = {one.name: one for one in verify(film, tmp_path / "b.mp4")}
    assert found["stream 1, audio: offset to the picture"].verdict == "kept", found


def test_when_it_begins_and_ends_is_told_on_one_clock(tmp_path: Path) -> None:
    """The end was counted from the first frame, which is not at 0 in every file."""
    late = make_clip(tmp_path / "late.mkv", ticks=[512 * (index + 3) for index in range(24)])
    prompt = make_clip(tmp_path / "prompt.mkv")
    said = {one.name: one for one in verify(late, late)}
    assert said["first frame at"].before == "0.100 s"
    assert said["last frame until"].before == said["last frame until"].after == "0.900 s"
    moved = {one.name: one for one in verify(late, prompt)}
    assert moved["first frame at"].verdict == "changed"
    end = moved["last frame until"]
    assert (end.verdict, end.before, end.after) == ("kept", "0.900 s", "0.800 s, as the first frame moved")


def test_colours_are_named(tmp_path: Path) -> None:
    before = make_clip(tmp_path / "before.mp4", matrix=9, primaries=9, transfer=16)
    after = make_clip(tmp_path / "after.mp4", matrix=1, primaries=2, transfer=1)
    said = {one.name: (one.before, one.after) for one in verify(before, after)}
    assert said["matrix"] == ("BT.2020", "BT.709")
    assert said["primaries"] == ("BT.2020", "unspecified")
    assert said["transfer"] == ("PQ", "BT.709")
    assert said["full range"] == ("no", "no")


def test_images_keep_picture_and_times_and_nothing_else(film: Path, tmp_path: Path) -> None:
    images, back = tmp_path / "frame-%04d.png", tmp_path / "back.mkv"
    process_video(film, images, [], ProcessOptions(), Report(), notify=lambda note: None)
    found = verdicts(film, images)
    lost = {name for name, verdict in found.items() if verdict == "lost"}
    assert {"chapters", "stream 1, audio", "stream 3, subtitle", "stream 4, attachment", "description: title"} <= lost
    for name in ("frames", "frame times", "first frame at", "size", "matrix", "primaries", "full range"):
        assert found[name] == "kept"
    process_video(images, back, [], ProcessOptions(codec="ffv1"), Report(), notify=lambda note: None)
    assert set(verdicts(images, back).values()) == {"kept"}
    (tmp_path / "frame-0007.png").unlink()
    with pytest.raises(SourceError, match=r"24 times for 23 images: frame-0007\.png is missing; bring it back, or"):
        verify(film, images)
    with pytest.raises(NotFound, match="no image has such a name"):
        verify(film, tmp_path / "no-%d.png")


def test_what_is_no_video_is_one_error(film: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(NotFound, match=r"none\.mp4"):
        verify(film, tmp_path / "none.mp4")
    with pytest.raises(SourceError, match=r"text\.mp4"):
        verify(film, tmp_path / "text.mp4")


def test_depth_and_opacity_are_told(tmp_path: Path) -> None:
    options = {"x265-params": "log-level=0"}
    deep = make_clip(tmp_path / "deep.mp4", codec="libx265", pix_fmt="yuv420p10le", options=options)
    glass = [np.dstack([frame.image, np.full((64, 96), 99, np.uint8)]) for frame in TestPattern((96, 64), frames=3)]
    veiled = make_clip(tmp_path / "veiled.mkv", images=glass, codec="ffv1", pix_fmt="bgra", options={"g": "1"})
    for source, name in ((deep, "bits a sample"), (veiled, "opacity")):
        for codec, ending, verdict in (("ffv1", ".mkv", "kept"), ("h264", ".mp4", None)):
            out = tmp_path / f"out{ending}"
            task = ProcessOptions(codec=codec, overwrite=True)
            process_video(source, out, [], task, Report(), notify=lambda note: None)
            assert verdicts(source, out)[name] == (verdict or ("lost" if name == "opacity" else "changed"))


@pytest.mark.parametrize(
    ("pixels", "chroma", "said"),
    [("yuv444p", None, ("changed", "4:4:4", "4:2:0")), ("yuv444p", "444", ("kept", "4:4:4", "4:4:4")),
     ("yuv422p", None, ("changed", "4:2:2", "4:2:0")), ("bgr0", None, ("changed", "RGB", "4:2:0")),
     ("bgr0", "444", ("kept", "RGB", "4:4:4"))],
)  # fmt: skip
def test_fewer_colour_samples_are_told(
    tmp_path: Path, pixels: str, chroma: str | None, said: tuple[str, str, str]
) -> None:
    source = make_clip(tmp_path / "a.mkv", codec="ffv1", options={}, pix_fmt=pixels)
    out = tmp_path / "b.mp4"
    process_video(source, out, [], ProcessOptions(chroma=chroma), Report(), notify=lambda note: None)
    found = {one.name: (one.verdict, one.before, one.after) for one in verify(source, out)}
    assert found["colour samples"] == said


def test_a_file_that_was_cut_off_is_lost_in_part(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((320, 240), frames=200)]
    whole = make_clip(tmp_path / "whole.mkv", images=images)
    assert not any(one.name.startswith("end of") for one in verify(whole, whole))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    out = copied(cut, tmp_path / "out.mkv")
    found = {one.name: one for one in verify(cut, out)}
    assert found["end of the input"].verdict == "lost"
    assert found["end of the input"].before == "the file is cut off"
    assert {one.name: one.verdict for one in verify(whole, cut)}["end of the output"] == "lost"


def test_opacity_that_shows_nothing_is_not_lost(tmp_path: Path) -> None:
    """GIF and RGBA have a place for it whether there is any."""
    clip = make_clip(tmp_path / "a.mp4")
    copied(clip, tmp_path / "a.gif")
    opaque = [np.dstack([frame.image, np.full((64, 96), 255, np.uint8)]) for frame in TestPattern((96, 64), frames=3)]
    veiled = [image.copy() for image in opaque]
    veiled[2][5, 7, 3] = 254  # one pixel of the last picture
    how = {"codec": "ffv1", "options": {"g": "1"}, "pix_fmt": "bgra"}
    make_clip(tmp_path / "opaque.mkv", images=opaque, **how)  # type: ignore[arg-type]
    make_clip(tmp_path / "veiled.mkv", images=veiled, **how)  # type: ignore[arg-type]
    for number, image in enumerate(opaque):
        cv2.imwrite(str(tmp_path / f"image-{number}.png"), image)
    for name, verdict in (("a.gif", "kept"), ("opaque.mkv", "kept"), ("veiled.mkv", "lost"), ("image-%d.png", "kept")):
        assert verdicts(tmp_path / name, copied(tmp_path / name, tmp_path / "b.mp4"))["opacity"] == verdict


def test_a_gif_that_is_transparent_later_lost_that(tmp_path: Path) -> None:
    make_gif(tmp_path / "a.gif", [16] * 200 + [8])
    assert verdicts(tmp_path / "a.gif", copied(tmp_path / "a.gif", tmp_path / "b.mp4"))["opacity"] == "lost"


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("form", ["avi", "mxf", "mov"])
def test_what_a_program_wrote_of_itself_is_no_description(tmp_path: Path, form: str, ending: str) -> None:
    """The encoder's name in AVI, the identities in MXF, the track of timecode in MOV."""
    codec = "mpeg4" if form == "avi" else "mpeg2video"
    source = with_timecode(tmp_path / f"a.{form}", None if form == "avi" else "01:00:00:20", codec=codec)
    found = verify(source, copied(source, tmp_path / f"b.{ending}"))
    assert [one for one in found if one.verdict == "lost"] == []
    assert ("timecode" in {one.name for one in found}) == (form != "avi")


def test_a_short_video_in_which_there_is_nothing_is_read(tmp_path: Path) -> None:
    """Its decoder had given all with the first picture, and was asked again: "damaged (End of file)"."""
    grey = make_clip(tmp_path / "a.mp4", images=[np.full((64, 96, 3), 99, np.uint8)] * 2)
    assert "lost" not in verdicts(grey, copied(grey, tmp_path / "b.mp4")).values()


def test_a_timecode_that_is_lost_is_told(tmp_path: Path) -> None:
    source = with_timecode(tmp_path / "a.mov", "01:00:00:20")
    assert verdicts(source, copied(source, tmp_path / "b.ts"))["timecode"] == "lost"
    assert verdicts(source, copied(source, tmp_path / "b.mp4"))["timecode"] == "kept"


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_image_is_called_one(film: Path, tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), 90, np.uint8))
    for pair in ((film, tmp_path / name), (tmp_path / name, film)):
        with pytest.raises(SourceError, match=rf"{name}: is an image; verify compares videos, animated pictures and"):
            verify(*pair)


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_a_part_is_compared_with_its_part(film: Path, tmp_path: Path, ending: str) -> None:
    out, part = tmp_path / f"part{ending}", (Fraction(1, 5), Fraction(3, 5))
    options = ProcessOptions(start=part[0], end=part[1])
    process_video(film, out, [], options, Report(), notify=lambda note: None)
    found = {one.name: one for one in verify(film, out, start=part[0], end=part[1])}
    assert found["frames"].before == found["frames"].after == "12"
    for name in ("frames", "frame times", "last frame until", "stream 1, audio", "stream 1, audio: until", "chapters"):
        assert found[name].verdict == "kept", found[name]
    assert found["stream 1, audio: offset to the picture"].verdict == "kept"
    assert verdicts(film, out)["frames"] == "lost"
    assert here("verify", film, out, "--from", "0.2s", "--to", "0.6s").returncode == 0 or ending == ".mp4"
    with pytest.raises(InputError, match="ends at"):
        verify(film, out, start=Fraction(99))


@pytest.mark.parametrize("container", ["mp4", "avi", "mkv"])
def test_frames_outside_of_a_part_are_not_missing(tmp_path: Path, container: str) -> None:
    whole = make_clip(tmp_path / f"whole.{container}", images=scenery(count=60))
    out, part = tmp_path / "part.mp4", (Fraction(1, 2), Fraction(3, 2))
    process_video(whole, out, [], ProcessOptions(start=part[0], end=part[1]), Report(), notify=lambda note: None)
    assert "end of the input" not in {one.name for one in verify(whole, out, start=part[0], end=part[1])}


def test_a_part_that_reaches_a_break_is_told_to_be_short(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.avi", images=scenery(count=60))
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 2 // 3])
    out = tmp_path / "out.mp4"
    process_video(whole, out, [], ProcessOptions(start=Fraction(1, 2)), Report(), notify=lambda note: None)
    told = {one.name: one for one in verify(whole, out, start=Fraction(1, 2))}
    assert re.fullmatch(r"[45]\d frames can be read", told["end of the input"].after)  # of 60, not of the part alone
    assert "end of the input" not in {one.name for one in verify(whole, out, start=Fraction(0), end=Fraction(1, 2))}


def test_a_track_that_says_it_ends_before_its_last_frame_is_not_believed(tmp_path: Path) -> None:
    """FFmpeg's muxer writes such a duration where a long gap stands behind frames that are close together."""
    images = [frame.image for frame in TestPattern((96, 64), fps=30, frames=6)]
    ticks = [0, 33, 9000, 9001, 9002, 20000]
    clip = make_clip(tmp_path / "a.mp4", ticks=ticks, images=images, time_base=Fraction(1, 1000))
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.duration or 0) * Fraction(stream.time_base or 0) < 20
    found = {one.name: one for one in verify(clip, copied(clip, tmp_path / "b.mp4"))}
    assert found["last frame until"].verdict == "kept"
    assert float(found["last frame until"].before.removesuffix(" s")) > 20
