"""Sound that is heard while it is recorded, in step with the picture."""

import socket
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.media.live_sound import RATE, Sound, SoundBlock
from gancam.sinks.stream import StreamWriter
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources.stream import Stream
from tests.helpers.clips import make_clip, ramps
from tests.helpers.command import here, video
from tests.helpers.live import ends_after
from tests.helpers.servers import Broadcast, free_port

ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".ts")


def tone(start: float, seconds: float, pitch: float = 440.0) -> NDArray[np.int16]:
    """A sine on both channels, whose phase is that of time."""
    moments = (np.arange(round(seconds * RATE)) + round(start * RATE)) / RATE
    return np.repeat((8000 * np.sin(2 * np.pi * pitch * moments)).astype(np.int16)[:, None], 2, axis=1)


def heard(path: Path) -> tuple[NDArray[np.float64], float]:
    """The first channel at 48,000 a second, and the time of its first sample less that of the first picture."""
    with av.open(str(path)) as container:
        picture = next(frame for frame in container.decode(video=0))
        begin = picture.time
    samples, first = [], None
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            first = frame.time if first is None else first
            samples += [made.to_ndarray().reshape(-1) for made in resampler.resample(frame)]
    assert first is not None
    assert begin is not None
    return np.concatenate(samples).astype(np.float64), first - begin


def record(path: Path, sound: Sound, seconds: float = 3.0) -> None:
    """Frames of 30 a second; blocks of sound come beside them, as `sound` is given them before."""
    with VideoWriter(path, VideoOptions(fps=30, size=(160, 96), live=True, sound=sound.listen())) as sink:
        for frame in ramps(round(seconds * 30)):
            for captured, samples in PLANNED.get(frame.index, []):
                sound.put(captured, samples)
            sink.write(frame)


PLANNED: dict[int, list[tuple[float, NDArray[np.int16]]]] = {}


@pytest.fixture(autouse=True)
def nothing_planned() -> None:
    PLANNED.clear()


def sound_from(origin: float) -> Sound:
    sound = Sound()
    sound.origin = origin
    return sound


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_beep_is_where_it_was_heard(tmp_path: Path, ending: str) -> None:
    path, sound = tmp_path / f"a{ending}", sound_from(100.0)
    for number in range(25):  # half a second, from 1 s on, in blocks of 20 ms that come as they are heard
        start = 1.0 + number * 0.02
        PLANNED.setdefault(int(start * 30) + 2, []).append((100.0 + start, tone(start, 0.02)))
    record(path, sound)
    samples, first = heard(path)
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    assert first + loud[0] / RATE == pytest.approx(1.0, abs=0.03)
    assert first + loud[-1] / RATE == pytest.approx(1.5, abs=0.03)
    assert first + len(samples) / RATE == pytest.approx(3.0, abs=0.08)
    assert not sound.wanted


def test_blocks_that_come_unevenly_make_no_gaps(tmp_path: Path) -> None:
    path, sound, dice = tmp_path / "a.mkv", sound_from(0.0), np.random.default_rng(0)
    for number in range(150):
        start = number * 0.02
        jitter = float(dice.uniform(-0.05, 0.05)) if number else 0.0
        PLANNED.setdefault(min(int(start * 30) + 3, 89), []).append((start + jitter, tone(start, 0.02)))
    record(path, sound)
    samples, _ = heard(path)
    inner = samples[RATE // 2 : -RATE // 2]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) ** 2
    peak = int(spectrum.argmax())
    assert peak * RATE / len(inner) == pytest.approx(440, abs=1)
    assert spectrum[peak - 8 : peak + 9].sum() > 0.99 * spectrum.sum()


def test_without_a_sound_there_is_silence_and_nothing_waits(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    record(path, sound_from(0.0))
    samples, first = heard(path)
    assert np.abs(samples).max() < 0.001
    assert first + len(samples) / RATE == pytest.approx(3.0, abs=0.08)


def test_a_sound_that_jumps_stays_beside_the_picture(tmp_path: Path) -> None:
    path, sound = tmp_path / "a.mkv", sound_from(0.0)
    PLANNED[3] = [(0.0, tone(0.0, 0.1))]
    PLANNED[40] = [(1.2, tone(1.2, 0.1)), (1.05, tone(1.05, 0.1))]  # the second is heard too late
    record(path, sound)
    samples, first = heard(path)
    level = np.abs(samples).reshape(-1)[: len(samples) // 480 * 480].reshape(-1, 480).max(axis=1)
    times = first + np.flatnonzero(level > 0.1) / 100
    assert all(-0.02 <= moment <= 0.12 or 1.17 <= moment <= 1.33 for moment in times)
    assert times.max() > 1.2


def test_before_the_first_picture_nothing_is_kept() -> None:
    sound = Sound()
    tap = sound.listen()
    sound.put(5.0, tone(0.0, 0.1))
    assert tap.take(100.0) == []
    sound.origin = 5.0
    late = sound.listen(2.0)
    sound.put(8.0, tone(0.0, 0.1))
    assert [block.time for block in tap.take(100.0)] == [3.0]
    assert [block.time for block in late.take(100.0)] == [1.0]
    tap.close()
    late.close()
    assert not sound.wanted


def test_a_streams_own_sound(tmp_path: Path) -> None:
    options = {"crf": "20", "preset": "ultrafast", "tune": "zerolatency", "g": "15"}
    images = [frame.image for frame in ramps(60)]
    clip = make_clip(tmp_path / "a.ts", images=images, options=options, audio=[("aac", 0.0)])
    port = free_port(socket.SOCK_DGRAM)
    with Broadcast(port, clip, rate=clip.stat().st_size / 2), Stream(f"udp://127.0.0.1:{port}", listen=True) as source:
        assert source.sound.there
        tap = source.sound.listen()
        frames, blocks = iter(source), list[SoundBlock]()
        while sum(len(block.samples) for block in blocks) < RATE:
            frame = next(frames)
            blocks += tap.take(frame.time + 10)
        assert all(abs(block.time - frame.time) < 5 for block in blocks)
        samples = np.concatenate([block.samples for block in blocks])[:, 0].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * RATE / len(samples) == pytest.approx(440, abs=5)


def test_sound_goes_along_to_a_url(tmp_path: Path) -> None:
    port, got = free_port(), tmp_path / "got.ts"
    received = bytearray()

    def receive() -> None:
        with server, server.accept()[0] as client:
            while data := client.recv(1 << 16):
                received.extend(data)

    server = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=receive)
    thread.start()
    sound = sound_from(50.0)
    sink = StreamWriter(f"tcp://127.0.0.1:{port}", VideoOptions(fps=30, size=(160, 96), sound=sound.listen()))
    for frame in ramps(60):
        sound.put(50.0 + frame.time, tone(frame.time, 1 / 30, 880.0))
        while sink.waiting > 1:  # no picture is dropped
            time.sleep(0.001)
        sink.write(frame)
    sink.close()
    thread.join()
    got.write_bytes(received)
    samples, first = heard(got)
    assert len(samples) > RATE
    assert abs(first) < 0.1
    spectrum = np.abs(np.fft.rfft(samples[RATE // 4 : RATE]))
    assert spectrum.argmax() * RATE / (RATE * 3 // 4) == pytest.approx(880, abs=3)
    assert not sound.wanted


def test_sound_ends_with_a_picture_that_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a time limit, in every file."""
    ends_after(4, monkeypatch)
    clip = make_clip(tmp_path / "a.mp4", audio=[("aac", 0.0)], fps=8)  # 3 s
    out, before = tmp_path / "b.mp4", tmp_path / "c.mkv"
    done = here("live", clip, "-e", "none", "--to", out, "--to", f"source:{before}", "--seconds", "0.6")
    assert done.returncode == 0, done.stderr
    for path in (out, before):
        ends: dict[str, float] = {}
        with av.open(str(path)) as container:
            for packet in container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    ends[packet.stream.type] = float((packet.pts + (packet.duration or 0)) * packet.time_base)
        assert 0.2 < ends["video"] < 3
        assert abs(ends["audio"] - ends["video"]) < 0.1


def test_a_files_own_sound_on_the_command_line(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", audio=[("aac", 0.0)])
    out, without = tmp_path / "b.mp4", tmp_path / "c.mp4"
    done = here("live", clip, "-e", "none", "--to", out)
    assert done.returncode == 0, done.stderr
    assert video(out)[2] > 0.9 * video(clip)[2]
    assert here("live", clip, "-e", "none", "--to", without, "--sound", "none").returncode == 0
    assert video(without)[2] == 0
    done = here("live", clip, "-e", "none", "--to", tmp_path / "d.mp4", "--sound", "loud")
    assert done.returncode == 2
    assert "must be mic, mic:NAME or none" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_the_sound_of_a_file_whose_name_looks_like_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "talk:1.mp4", audio=[("aac", 0.0)])
    done = here("live", "talk:1.mp4", "-e", "none", "--to", "b.mp4")
    assert done.returncode == 0, done.stderr
    assert video(tmp_path / "b.mp4")[2] > 0
