"""The command line in other surroundings: consoles of few characters, closed streams, users without a home."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.inference.catalog import MODELS
from gancam.media.images import ImageFile, Picture, write_pictures
from tests.helpers.command import refused
from tests.helpers.small import STILLS, still

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("encoding", ["ascii:strict", "cp1252:strict"])
def test_what_the_console_cannot_write_ends_no_command(tmp_path: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gancam", "sample", "mnist", "größe 🦦.png", "-n", "1"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode(encoding.partition(":")[0])
    assert ("größe \\U0001f9a6.png" if "cp" in encoding else "gr\\xf6\\xdfe \\U0001f9a6.png") in said
    assert (tmp_path / "größe 🦦.png").is_file()


@pytest.mark.parametrize("closed", [pytest.param("stdin", marks=pytest.mark.slow), "stdout", "stderr"])
def test_a_closed_stream_ends_no_command(tmp_path: Path, closed: str) -> None:
    code = f"import sys; sys.{closed} = None; from gancam.cli.main import main; main(['models', 'mnist'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ("28x28" in done.stdout) == (closed != "stdout")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", pytest.param("1", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "words",
    [
        "models mnist",
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in ("--version", "process in.png out.png --json", "train curves --help")
        ),
    ],
)
def test_a_full_stdout_is_one_line_and_a_full_stderr_none(tmp_path: Path, words: str, unbuffered: str) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), still("sign")[:32, :32])
    command = [sys.executable, "-m", "gancam", *words.split()]
    told = {"PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "w", encoding="utf-8") as full:
        setting = {"cwd": tmp_path, "env": os.environ | told, "text": True, "timeout": 60}
        if "--help" not in words or not unbuffered:  # argparse says nothing of it there
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, **setting)  # type: ignore[call-overload]
            said = "gancam: standard output cannot be written: No space left on device\n"
            assert (done.returncode, done.stderr) == (2, said)
        (tmp_path / "out.png").unlink(missing_ok=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, **setting)  # type: ignore[call-overload]
        assert (done.returncode, bool(done.stdout)) == (0, True)
        done = subprocess.run([*command, "--nothing"], stdout=subprocess.PIPE, stderr=full, **setting)  # type: ignore[call-overload]
        assert done.returncode == (0 if "--help" in words else 2)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.slow
@pytest.mark.parametrize("words", ["in.png - --format png", "in.webp - --format webp", "in.webp - --format y4m"])
def test_a_full_stdout_for_pictures_is_one_error_and_a_reader_that_goes_a_note(tmp_path: Path, words: str) -> None:
    """One image, also an animated one, was a fault of gancam's own; for videos it was so already."""
    (height, width), rng = (200, 240), np.random.default_rng(0)
    noise = [rng.integers(0, 255, (height, width, 3)).astype(np.uint8) for _ in range(3)]
    pages = [Picture(one, None, 100) for one in noise]
    write_pictures(tmp_path / "in.png", ImageFile([pages[0]]), overwrite=False)
    write_pictures(tmp_path / "in.webp", ImageFile(pages, kind="frames"), overwrite=False)
    command = [sys.executable, "-m", "gancam", "process", *words.split(), "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, env=environment, timeout=300)
    assert (done.returncode, done.stderr.count(b"gancam: ")) == (2, 1), done.stderr
    assert b"No space left on device" in done.stderr or b"no room left" in done.stderr
    assert b"fault" not in done.stderr
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path, env=environment, timeout=300)
    os.close(writing)
    assert done.returncode == 0
    assert b"gancam: " not in done.stderr


def test_without_a_home_folder_what_is_bundled_plays(tmp_path: Path) -> None:
    """As in a container that is run as a user without a name: then Python finds no home, as where HOME is "~"."""
    homes = ("XDG_CACHE_HOME", "XDG_DATA_HOME", "GANCAM_MODELS", "GANCAM_STUDIO", "GANCAM_DATA", "LOCALAPPDATA")
    environment = {name: value for name, value in os.environ.items() if name not in homes}
    environment |= {"HOME": "~", "USERPROFILE": "~", "PYTHONPATH": str(ROOT)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gancam", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)

    cv2.imwrite(str(tmp_path / "in.png"), still("sign")[:32, :32])
    done = run("process", "in.png", "out.png", "-e", "sr-x2-fast")
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "out.png")).shape[:2] == (64, 64)  # type: ignore[union-attr]
    assert "sr-x2-fast" in run("models").stdout
    shutil.copy(MODELS / "sr-x2-fast.onnx", tmp_path / "in.onnx")
    for words, names in ((["studio", "--no-browser"], "GANCAM_STUDIO"), (["import", "in.onnx"], "GANCAM_MODELS")):
        done = run(*words)
        assert done.returncode == 2, done.stderr
        assert names in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["in.onnx", "in.png", "out.png"]


LONG, SIGN = 300 * "x", str(STILLS / "sign.webp")


@pytest.mark.parametrize(
    "words",
    [
        ["process", SIGN, "out.png", "-e", LONG], ["process", SIGN, "out.png", "-e", f"inpaint:mask={LONG}"],
        ["process", SIGN, "out.png", "-e", f"background:image={LONG}"], ["live", LONG, "-e", "none"],
        ["live", "test", "-e", "none", "--to", "mjpeg:0", "--control", LONG], ["bench", LONG],
        ["bench", "sr-x2-fast", "--compare", LONG], ["models", LONG], ["import", LONG], ["verify", LONG, LONG],
    ],
)  # fmt: skip
def test_a_name_too_long_for_a_file_is_one_line(words: list[str]) -> None:
    refused(*words, says=f"{LONG[:160]}...: File name too long; give a shorter name")
