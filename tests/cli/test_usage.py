"""What a call that lacks something, or says it in another way, is told: words that stand alone."""

from pathlib import Path

import pytest

from tests.helpers.clips import make_clip
from tests.helpers.command import here, refused


def test_gancam_alone_prints_its_help_as_help_does() -> None:
    done, help_ = here(), here("--help")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == help_.stdout
    assert "\n  process  " in done.stderr


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (["process"], "process needs IN... OUT, as in gancam process in.mp4 out.mp4 -e sr-x2"),
        (["import"], "import needs FILE [SYNTHESIS], as in gancam import model.onnx"),
        (["verify"], "verify needs IN and OUT, as in gancam verify in.mp4 out.mp4"),
        (["sample"], "sample needs NAME, as in gancam sample morph-fruits grid.png"),
        (["morph"], "morph needs NAME and OUT, as in gancam morph morph-fruits loop.mp4"),
        (["process", "-e"], "process: -e needs a value (NAME[:KEY=VALUE...]), as in -e sr-x2"),
        (["process", "a.mp4", "b.mp4", "--quality"], "process: --quality needs a value (QUALITY)"),
        (["process", "a.mp4", "b.mp4", "--from", "abc"], "--from 'abc': needs seconds from the beginning"),
        (["process", "a.mp4", "b.mp4", "--to", "1m"], "--to '1m': needs seconds from the beginning"),
        (["live", "test", "--size", "640"], "--size '640': needs WIDTHxHEIGHT"),
        (["live", "test", "--to", "mjpeg:80000"], "mjpeg:80000: the port must be 0 to 65535"),
    ],
)
def test_what_is_missing_is_named_with_its_command(call: list[str], says: str) -> None:
    refused(*call, says=says)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (["proces", "a.mp4"], "no command 'proces' (did you mean 'process'?); gancam --help lists them"),
        (["upscale", "a.mp4"], "no command 'upscale'; gancam --help lists them"),
        (["background"], "'background' is an effect: gancam live -e background plays it, and gancam process in.mp4"),
        (["sr-x2:strength=0.5"], "out.mp4 -e sr-x2:strength=0.5 takes a file through it"),
        (["a.mp4"], "'a.mp4' is no command: gancam live a.mp4 plays it, and gancam process a.mp4 OUT makes a file"),
        (["0"], "'0' is no command: gancam live 0 plays it"),
        (["rtsp://host/name"], "gancam live rtsp://host/name plays it"),
    ],
)
def test_what_is_no_command_says_what_was_meant(call: list[str], says: str) -> None:
    refused(*call, says=says)


@pytest.mark.parametrize(
    ("effect", "says"),
    [
        ("sr-x2,background", "each effect has an -e of its own, as in -e sr-x2 -e background"),
        ("sr-x2 background", "as in -e sr-x2 -e background"),
        ("sr-x2 strength=0.5", "parameters stand behind a colon, as in -e sr-x2:strength=0.5"),
        ("sr-x2,strength=0.5", "as in -e sr-x2:strength=0.5"),
        ("sr-x2;nothing", "no model 'sr-x2;nothing'"),
        ("inpaint:mask=nofile.png", "inpaint: mask nofile.png: no such file"),
        ("background:image=nofile.jpg", "background: image=nofile.jpg: no such file"),
    ],
)
def test_what_is_wrong_with_an_effect_names_it(tmp_path: Path, effect: str, says: str) -> None:
    refused("process", make_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4", "-e", effect, "-q", says=says)


def test_a_box_outside_of_the_picture_names_its_effect(tmp_path: Path) -> None:
    done = here("process", make_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4", "-e", "inpaint:box=4000/2/30/30", "-q")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("gancam: inpaint: box 4000/2/30/30: lies outside the")


def test_a_format_that_is_not_written_says_what_to_write_first(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    refused("process", clip, tmp_path / "q.avi", says="write q.mkv instead, then ffmpeg -i q.mkv")
