"""Sound on its way into another container: every layout and rate arrives, whatever the encoder takes."""

import struct
import subprocess
import sys
from pathlib import Path

import av
import pytest
from av.audio.layout import AudioLayout

from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.media.audio import Loudness
from gancam.media.sound import ChannelPlan, nearest_layout, nearest_rate
from gancam.pipeline import Report
from tests.helpers.sound import LAYOUTS, sounding, tones_of

ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".ts")


def copied(source: Path, target: Path) -> list[str]:
    said: list[str] = []
    process_video(source, target, [], ProcessOptions(), Report(), notify=said.append)
    return said


@pytest.mark.parametrize(("ending", "codec"), [(".webm", "ac3"), (".webm", "pcm_s16le"), (".mp4", "pcm_s16le")])
@pytest.mark.parametrize("layout", ["2.1", "quad", "5.1(side)"])
def test_sound_that_the_encoder_refuses_is_converted_to_the_nearest(
    tmp_path: Path, layout: str, ending: str, codec: str
) -> None:
    source = sounding(
        tmp_path / "a.mov", codec=codec, layout=layout, format="fltp" if codec == "ac3" else "s16", seconds=0.6
    )
    said = copied(source, tmp_path / f"b{ending}")
    names = [channel.name for channel in AudioLayout(layout).channels]
    heard = tones_of(tmp_path / f"b{ending}", len(names))
    loud = {place for place, name in enumerate(names) if name != "LFE"}  # whose tone is too high for it
    assert set().union(*heard.values()) >= loud
    assert heard["FL"] >= {0}
    assert any(f"{layout} as" in note for note in said) == ((layout, ending) != ("quad", ".webm"))


def every_pair() -> list[object]:
    quick = {("2.1", ".mp4"), ("22.2", ".webm"), ("binaural", ".mp4"), ("cube", ".ts"), ("7.0", ".webm")}
    pairs = [(layout, ending) for layout in LAYOUTS for ending in ENDINGS]
    return [pytest.param(*pair, marks=() if pair in quick else pytest.mark.slow) for pair in pairs]


@pytest.mark.parametrize(("layout", "ending"), every_pair())
def test_every_layout_in_every_container(tmp_path: Path, layout: str, ending: str) -> None:
    source = sounding(tmp_path / "a.mov", layout=layout, seconds=0.3)
    copied(source, tmp_path / f"b{ending}")
    heard = tones_of(tmp_path / f"b{ending}", AudioLayout(layout).nb_channels)
    assert any(heard.values()), heard


@pytest.mark.parametrize("rate", [5512, 7350, 11025, 37800, 44100, 88200, 96000])
@pytest.mark.parametrize("ending", [".mp4", ".webm", ".ts"])
def test_every_rate_arrives(tmp_path: Path, rate: int, ending: str) -> None:
    source = sounding(tmp_path / "a.mkv", layout="stereo", rate=rate, seconds=0.8)
    said = copied(source, tmp_path / f"b{ending}")
    assert tones_of(tmp_path / f"b{ending}", 2) == {"FL": {0}, "FR": {1}}
    assert any(f"{rate} Hz as" in note for note in said) == (rate not in (7350, 11025, 44100) or ending == ".webm")


def reordered(path: Path) -> Path:
    """A six-channel QuickTime file whose channels come as C L R Ls Rs LFE, as many programs write it."""
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.index(b"chan") + 8, 124 << 16 | 6)  # kAudioChannelLayoutTag_MPEG_5_1_D
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "ending", [".mp4", ".mkv", *(pytest.param(one, marks=pytest.mark.slow) for one in (".mov", ".webm", ".ts"))]
)
def test_channels_in_an_order_of_their_own_are_put_in_place(tmp_path: Path, ending: str) -> None:
    """PyAV 18.1 aborts the process (double free) when it reads such a layout, so this runs in another one."""
    source = reordered(sounding(tmp_path / "a.mov", layout="5.1", seconds=0.6))
    target = tmp_path / f"b{ending}"
    done = subprocess.run(
        [sys.executable, "-m", "gancam", "process", source, target], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    if ending in (".mov", ".mkv"):  # copied as it is
        return
    assert "6 channels (FC+FL+FR+SL+SR+LFE) as 5.1" in done.stderr
    heard = tones_of(target, 6)
    assert {name: heard[name] for name in ("FC", "FL", "FR", "BL", "BR")} == {
        "FC": {0}, "FL": {1}, "FR": {2}, "BL": {3}, "BR": {4},
    }  # fmt: skip


def test_loudness_of_channels_in_an_order_of_their_own(tmp_path: Path) -> None:
    source = reordered(sounding(tmp_path / "a.mov", layout="5.1", seconds=0.6))
    hear = "import sys; from gancam.media.audio import Loudness; print(Loudness(sys.argv[1]).level(0.3) > 0.5)"
    done = subprocess.run([sys.executable, "-c", hear, source], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_layout_that_changes_on_the_way_ends_nothing(tmp_path: Path) -> None:
    """As broadcasts do between programmes."""
    parts = [
        sounding(tmp_path / f"{layout}.ts", codec="ac3", layout=layout, format="fltp", seconds=1.0).read_bytes()
        for layout in ("stereo", "5.1")
    ]
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    copied(tmp_path / "a.ts", tmp_path / "b.webm")
    assert tones_of(tmp_path / "b.webm", 2)["FL"] == {0}
    assert Loudness(tmp_path / "a.ts").seconds > 1.2


@pytest.mark.parametrize(
    ("said", "layout", "order", "custom"),
    [
        ("5.1(side)", "5.1(side)", (), False),
        ("2 channels (FL+LFE)", "FL+LFE", (), False),
        ("6 channels", "6c", (), False),
        ("3 channels (FC+FL+FR)", "FL+FR+FC", (1, 2, 0), True),
        ("2 channels (FL+FL)", "2c", (), True),
        ("2 channels (FL@left+FR@right)", "FL+FR", (0, 1), True),
        ("2 channels (USR64+USR65)", "2c", (), True),
        ("9 channels", "", (), False),
        ("ambisonic 1", "", (), False),
        ("binaural", "stereo", (0, 1), False),
    ],
)
def test_channel_plans(said: str, layout: str, order: tuple[int, ...], custom: bool) -> None:
    assert ChannelPlan.of(said) == ChannelPlan(said, layout, order, custom)


def test_sound_without_a_meaning_is_left_out_and_told(tmp_path: Path) -> None:
    source = sounding(tmp_path / "a.mkv", layout="9 channels", seconds=0.3)
    said = copied(source, tmp_path / "b.webm")
    assert any("audio track 1 (pcm_s16le) is left out: its channels (9 channels) cannot be read" in one for one in said)
    with av.open(tmp_path / "b.webm") as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_the_nearest() -> None:
    opus = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
    assert [nearest_layout(one, opus) for one in ("quad(side)", "5.0(side)", "3.1", "22.2", "downmix")] == [
        "quad", "5.0", "5.1", "7.1", "stereo",
    ]  # fmt: skip
    assert [nearest_rate(one, (48000, 44100, 8000)) for one in (5512, 37800, 44100, 96000)] == [
        8000,
        44100,
        44100,
        48000,
    ]
