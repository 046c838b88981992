"""The virtual camera: what reaches a device, through a small one of our own that pyvirtualcam knows, and what is said
where there is none."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.errors import InputError, SinkError
from gancam.frame import Frame, Image
from gancam.pipeline import run
from gancam.sinks import SinkContext, open_sink
from gancam.sinks.virtualcam import INSTALL, VirtualCamera, how_to_make
from gancam.sources import TestPattern

pyvirtualcam = pytest.importorskip("pyvirtualcam", reason="needs gancam[virtualcam]")
ROOT = Path(__file__).parent.parent.parent
no_camera = pytest.mark.skipif(
    any(Path("/sys/devices/virtual/video4linux").glob("*")) or sys.platform in ("win32", "darwin"),
    reason="this machine may have a virtual camera",
)


class Screen:
    """A virtual camera in memory, as pyvirtualcam's ``Backend`` describes them. Breaks after some pictures if told."""

    opened: "list[Screen]" = []  # noqa: RUF012
    breaks_after = 10**9

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: Any) -> None:
        if device not in (None, "Screen 1"):
            raise RuntimeError(f"there is no {device}")
        if width > 4096:
            raise RuntimeError("too wide")
        self.width, self.height, self.fps, self.fourcc = width, height, fps, fourcc
        self.shown: list[Image] = []
        self.closed = 0
        Screen.opened.append(self)

    def send(self, frame: NDArray[np.uint8]) -> None:
        if len(self.shown) >= Screen.breaks_after:
            raise RuntimeError("unplugged")
        self.shown.append(frame.reshape(self.height, self.width, 3).copy())

    def close(self) -> None:
        self.closed += 1

    def device(self) -> str:
        return "Screen 1"

    def native_fourcc(self) -> int | None:
        return None


@pytest.fixture
def screens() -> Iterator[list[Screen]]:
    pyvirtualcam.register_backend("screen", Screen)
    Screen.opened, Screen.breaks_after = [], 10**9
    yield Screen.opened
    del pyvirtualcam.camera.BACKENDS["screen"]


@no_camera
def test_frames_reach_the_device_as_they_are(screens: list[Screen]) -> None:
    for target in ("virtualcam", "virtualcam:Screen 1"):
        sink = open_sink(target, SinkContext(fps=23.5, size=(96, 64)))
        assert isinstance(sink, VirtualCamera)
        assert sink.device == "Screen 1"
        assert any("Screen 1" in note for note in sink.notes)
        run(TestPattern((96, 64), frames=5), [], [sink])
        screen = screens[-1]
        assert (screen.width, screen.height, screen.fps, screen.closed) == (96, 64, 23.5, 1)
        assert screen.fourcc == int.from_bytes(b"24BG", "little")
        for shown, frame in zip(screen.shown, TestPattern((96, 64), frames=5), strict=True):
            assert (shown == frame.image).all()
        sink.close()
        assert screen.closed == 1
        with pytest.raises(SinkError, match="closed"):
            sink.write(Frame(screen.shown[0], 5, 1.0))


@no_camera
def test_odd_pictures_get_their_last_pixels_twice(screens: list[Screen]) -> None:
    sink = VirtualCamera(fps=30, size=(95, 63))
    assert any("95x63" in note and "96x64" in note for note in sink.notes)
    image = np.random.default_rng(0).integers(0, 256, (63, 95, 3), dtype=np.uint8)
    sink.write(Frame(image, 0, 0.0))
    (shown,) = screens[-1].shown
    assert (shown[:63, :95] == image).all()
    assert (shown[63, :95] == image[62]).all()
    assert (shown[:63, 95] == image[:, 94]).all()
    with pytest.raises(InputError, match=r"8x8.*95x63"):
        sink.write(Frame(np.zeros((8, 8, 3), np.uint8), 1, 0.1))
    sink.close()


@no_camera
def test_a_device_that_fails_is_left_out_and_the_others_go_on(screens: list[Screen]) -> None:
    Screen.breaks_after = 3
    told: list[str] = []
    screen_sink, mjpeg = VirtualCamera(fps=30, size=(96, 64)), open_sink("mjpeg:0", SinkContext(fps=30, size=(96, 64)))
    report = run(
        TestPattern((96, 64), frames=9), [], [screen_sink, mjpeg],
        on_sink_failure=lambda name, error: told.append(str(error)),
    )  # fmt: skip
    assert report.frames == 9
    assert len(screens[-1].shown) == 3
    assert screens[-1].closed == 1
    assert "unplugged" in told[0]


@no_camera
def test_a_mac_is_told_the_way_without_a_virtual_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert how_to_make().endswith("or play --to mjpeg:8080, which OBS shows as a browser source")


def test_no_device_says_how_to_make_one(screens: list[Screen]) -> None:
    with pytest.raises(SinkError, match=r"'Screen 9' cannot be opened.*no Screen 9") as failure:
        open_sink("virtualcam:Screen 9", SinkContext(fps=30, size=(96, 64)))
    assert how_to_make() in str(failure.value)
    with pytest.raises(SinkError, match="too wide"):
        VirtualCamera(fps=30, size=(5000, 64))
    with pytest.raises(InputError, match="fps"):
        VirtualCamera(fps=0, size=(96, 64))
    with pytest.raises(InputError, match="size"):
        VirtualCamera(fps=30, size=(0, 64))


def gancam(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", *arguments, "live", "test", "-e", "none", "--to", "virtualcam"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)


@no_camera
def test_on_the_command_line_it_is_one_line() -> None:
    done = gancam("from gancam.cli.main import main; main()")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert how_to_make() in done.stderr
    # None in sys.modules is how Python itself marks what cannot be imported
    done = gancam("import sys; sys.modules['pyvirtualcam'] = None; from gancam.cli.main import main; main()")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert INSTALL in done.stderr


def test_without_its_package_the_other_outputs_go_on(clip: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['pyvirtualcam'] = None; from gancam.cli.main import main; main()"
    command = [sys.executable, "-c", code, "live", str(clip), "-e", "none", "--to", "virtualcam"]
    command += ["--to", str(tmp_path / "a.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert done.returncode == 1, done.stderr
    (warning,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "virtualcam cannot be opened" in warning
    assert INSTALL in warning
    assert (tmp_path / "a.mp4").stat().st_size > 0
