"""The command line as a user runs it: real processes, real files."""

import contextlib
import io
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import typer
from rich.console import Console

from gancam.cli import console
from gancam.cli.app import COMMANDS, app, load_commands
from gancam.cli.main import main
from gancam.cli.models import _print_one
from gancam.inference.catalog import find
from gancam.inference.trials import Trial
from gancam.inference.variants import read_card, variants
from gancam.sinks.piece_store import pieces_of, so_far
from gancam.sources import TestPattern
from gancam.tools.models import ModelEntry
from tests.helpers.children import interruptible, uninterruptible
from tests.helpers.clips import make_clip, planes_of
from tests.helpers.command import gancam, here, refused, through, video
from tests.helpers.links import needs_links
from tests.helpers.small import network, still, write_models

FRAMES = 240  # of a job that is interrupted
CITY = Path(__file__).parent.parent.parent / "samples" / "city.mp4"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 20 frames of the bundled clip with their audio, as they are."""
    path = tmp_path_factory.mktemp("clips") / "short.mp4"
    with av.open(str(CITY)) as source, av.open(str(path), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.pts is not None and float(packet.pts * packet.time_base) < 0.66:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


def test_upscales_a_video_and_keeps_its_sound(clip: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = gancam("process", clip, out, "-e", model)
    assert done.returncode == 0, done.stderr
    assert "fps" in done.stdout
    before, after = video(clip), video(out)
    assert after == (before[0], (1280, 720), before[2])
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_effects_run_in_order(clip: Path, model: Path, tmp_path: Path) -> None:
    played = "-e", f"{model}:strength=0"
    done = here("process", clip, tmp_path / "out.mkv", *played, *played, "--to", "0.2s", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["frames"] == 7
    assert {"small", "small#2"} <= set(report["stage_seconds"])
    assert video(tmp_path / "out.mkv")[1] == (2560, 1440)


def test_without_effects_it_is_a_faithful_copy(clip: Path, tmp_path: Path) -> None:
    assert here("process", clip, tmp_path / "copy.mp4", "-q").stdout == ""
    assert video(tmp_path / "copy.mp4") == video(clip)
    pictures = []
    for path in (clip, tmp_path / "copy.mp4"):
        with av.open(str(path)) as container:
            pictures.append(np.stack([frame.to_ndarray()[:360] for frame in container.decode(video=0)]).astype(float))
    error = np.mean((pictures[0] - pictures[1]) ** 2)
    assert 10 * np.log10(255**2 / error) > 40


@pytest.mark.slow
def test_parameters_turned_live_are_turned_again_offline(clip: Path, model: Path, tmp_path: Path) -> None:
    turns, log = tmp_path / "turns.txt", tmp_path / "log.jsonl"
    turns.write_text("small.strength = 0.25\nsmall.lenght = 3\n")
    done = gancam(
        "live", clip, "-e", model, "--to", tmp_path / "live.mkv",
        "--control", turns, "--control", "0", "--record-params", log,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("line 2: nothing is called 'small.lenght'") == 1
    assert "control: 127.0.0.1:" in done.stderr
    first = json.loads(log.read_text().splitlines()[0])
    assert first["effects"] == ["small"]
    others = {"small.stabilise": 0.0, "small.clean": -1.0, "small.threshold": -1.0}
    assert first["set"] == {"small.on": True, "small.strength": 0.25, **others}
    again, asked, out = tmp_path / "again.mkv", tmp_path / "asked.mkv", tmp_path / "out.mkv"
    assert here("process", clip, again, "-e", model, "--params", log).returncode == 0
    assert here("process", clip, asked, "-e", f"{model}:strength=0.25").returncode == 0
    for one, other in zip(planes_of(again), planes_of(asked), strict=True):
        assert all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))
    refused("process", clip, out, "--params", log, says="log.jsonl, line 1: was recorded with -e small, but this is no")
    refused("process", "in.png", out, "--params", log, says="an image has no time")
    refused("live", clip, "-e", "none", "--to", out, "--record-params", log, says="exists")
    refused("live", clip, "-e", "none", "--to", out, "--control", tmp_path, says="not a regular file")


@pytest.mark.parametrize(
    ("find", "said"),
    [("overlay", "found no overlay: it is known by what stays in its place while the rest of a video moves, "),
     ("scratches", "find=scratches compares a frame with those beside it, and there was one frame alone, ")],
)  # fmt: skip
def test_an_image_that_an_effect_leaves_as_it_was(find: str, said: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), still("sign")[:32, :48])
    command = ["process", tmp_path / "in.png", tmp_path / "out.png", "-e", f"inpaint:find={find}", "--overwrite"]
    told, wrote = here(*command).stdout.splitlines()
    assert told.startswith(said)
    assert wrote == f"wrote {tmp_path / 'out.png'} ({(tmp_path / 'out.png').stat().st_size / 1e3:.1f} kB)"
    assert json.loads(here(*command, "--json").stdout) == {"output": str(tmp_path / "out.png"), "notes": [told]}
    assert here(*command, "--quiet").stdout == ""


def test_an_overlay_that_was_not_found_is_told_once_quiet_or_not(clip: Path, tmp_path: Path) -> None:
    command = ["process", clip, tmp_path / "out.mkv", "-e", "inpaint:find=overlay", "--overwrite", "--to", "0.2"]
    assert here(*command, "--quiet").stderr.count("found no overlay") == 1
    loud = here(*command)
    assert (loud.stdout + loud.stderr).count("found no overlay") == 1


def piped(data: bytes, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    return through("process", *arguments, given=data)


def test_images_go_through_pipes(clip: Path, tmp_path: Path) -> None:
    image = still("sign")[:32, :48]
    data, out = cv2.imencode(".png", image)[1].tobytes(), tmp_path / "out.png"
    assert piped(data, "-", out).returncode == 0
    assert np.array_equal(np.asarray(cv2.imread(str(out))), image)
    through = piped(data, "-", "-", "--format", "png", "--json")
    assert json.loads(through.stderr) == {"output": "-", "notes": []}
    made = cv2.imdecode(np.frombuffer(through.stdout, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(np.asarray(made), image)
    film = piped(clip.read_bytes(), "-", tmp_path / "no.png")
    assert (film.returncode, film.stderr.count(b"\n")) == (2, 1)
    assert b"no.png is one image, so the input must be one too, not standard input; an image for each" in film.stderr
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("ending", [".webp", ".gif", ".apng"])
def test_animations_come_through_pipes(tmp_path: Path, ending: str) -> None:
    """WebP was refused as a still image."""
    animated, out = tmp_path / f"a{ending}", tmp_path / "out.mp4"
    assert here("process", make_clip(tmp_path / "clip.mp4"), animated, "--to", "0.3s").returncode == 0
    named = here("process", animated, tmp_path / "named.mp4")
    done = piped(animated.read_bytes(), "-", out)
    assert (done.returncode, done.stderr.decode()) == (0, named.stderr)
    assert video(out) == video(tmp_path / "named.mp4")
    assert video(out)[0] == 9


@pytest.mark.slow
def test_pipes_are_named_by_no_inner_names(clip: Path, tmp_path: Path) -> None:
    animated, out, png = tmp_path / "a.webp", tmp_path / "out.png", ("--format", "png")
    assert here("process", clip, animated, "--to", "0.3s").returncode == 0
    done = piped(animated.read_bytes(), "-", "-", "--format", "jpg")
    assert done.returncode == 0
    said = b"note: standard input: has 10 frames, of which standard output.jpg gets the first;"
    assert done.stderr == said + b" .png and .webp hold all\n"
    still_png = cv2.imencode(".png", still("sign")[:32, :48])[1].tobytes()
    for data, arguments, said in (
        (
            clip.read_bytes(),
            ("-", *png),
            b"--format png: is one image, so the input must be one too, not standard input;",
        ),
        (bytes(range(256)), (out,), b"standard input: neither an image that is read (.png, .jpg, .jpeg, .webp, .avif,"),
        (still_png, (tmp_path / "a.mp4",), b"standard input is an image, so the output must be one too (.png, .jpg,"),
        (
            still_png,
            ("-",),
            b"standard input is an image: give --format png, or another image's, to have one on stdout",
        ),
    ):
        done = piped(data, "-", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
        assert done.stderr.startswith(b"gancam: " + said), done.stderr


def test_names_that_are_no_numbered_images_say_what_would_do(clip: Path, tmp_path: Path) -> None:
    says = "f-%s.png: numbered images have one %06d in their name, as f-%06d.png has"
    refused("process", clip, tmp_path / "f-%s.png", says=says)
    refused("process", tmp_path / "f-%s.png", tmp_path / "a.mp4", says=says)
    refused("process", out := tmp_path / "in.png", tmp_path / "-", says=f"{out}: no such file")


def test_what_marks_nothing_is_refused(clip: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), still("sign")[:32, :48])
    says = "inpaint: nothing is marked, so nothing is filled: give mask=, box=, polygon=, key=, faces= or find="
    refused("process", tmp_path / "in.png", tmp_path / "out.png", "-e", "inpaint", says=says)
    refused("process", clip, tmp_path / "out.mkv", "-e", "inpaint:memory=off", says=says)
    refused("process", clip, tmp_path / "out.mkv", "-e", "inpaint:from=1s", says=says)
    assert not (tmp_path / "out.mkv").exists()


def test_no_effect_has_one_name_everywhere(clip: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out.mkv", tmp_path / "again.mkv"
    assert here("process", clip, out, "-e", "none").returncode == 0
    assert here("process", clip, again).returncode == 0
    for one, other in zip(planes_of(out), planes_of(again), strict=True):
        assert all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))
    for command in (("process", clip, tmp_path / "no.mkv"), ("live", clip)):
        refused(*command, "-e", "none", "-e", "sr-x2", says="-e none: plays no effect, so -e sr-x2 cannot go with it")


def test_an_image_in_and_out(model: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), still("sign"))
    done = here("process", tmp_path / "in.png", tmp_path / "out.png", "-e", model)
    assert done.returncode == 0, done.stderr
    out = cv2.imread(str(tmp_path / "out.png"))
    assert out is not None
    assert out.shape == (480, 640, 3)
    size = (tmp_path / "out.png").stat().st_size
    assert done.stdout == f"wrote {tmp_path / 'out.png'} ({size / 1e6:.1f} MB)\n"
    refused("process", tmp_path / "in.png", tmp_path / "out.png", says="exists")
    refused("process", tmp_path / "in.png", tmp_path / "out.mp4", says="is an image")
    refused("process", CITY, tmp_path / "out.jpg", says="is one image")
    refused("process", tmp_path / "in.png", tmp_path / "in.png", "--overwrite", says="same file as the input")


def test_what_is_wrong_with_the_input(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    (tmp_path / "cut.mp4").write_bytes(CITY.read_bytes()[:60_000])
    out = tmp_path / "out.mp4"
    refused("process", tmp_path / "none.mp4", out, says="none.mp4")
    for name in ("empty", "text", "cut"):
        refused("process", tmp_path / f"{name}.mp4", out, says=f"{name}.mp4")
    refused("process", tmp_path, out, says=str(tmp_path))
    for words in (
        ["http://me:pw@127.0.0.1:1/z.mp4", out],
        [CITY, "http://127.0.0.1:1/z.mp4"],
        ["http://127.0.0.1:1/z.mp4"] * 3,
    ):
        refused(
            "process",
            *words,
            says="gancam: http://127.0.0.1:1/z.mp4: is a URL, but this command reads and writes files; ",
        )
    refused("verify", CITY, "http://127.0.0.1:1/z.mp4", says="gancam: http://127.0.0.1:1/z.mp4: is a URL, but")
    (tmp_path / "nothing").mkdir()
    refused("process", tmp_path / "nothing", tmp_path / "made", says="the inputs hold no video and no image\n")
    assert not out.exists()


def test_hdr_is_tone_mapped_with_a_note(tmp_path: Path) -> None:
    options = {"x265-params": "log-level=0"}
    deep = make_clip(tmp_path / "a.mkv", codec="libx265", pix_fmt="yuv420p10le", options=options, transfer=16)
    done = here("process", deep, tmp_path / "out.mkv")
    assert done.returncode == 0
    assert "a.mkv: its HDR (PQ) is tone-mapped to SDR (--codec h265 keeps all in a copy)" in done.stderr


@needs_links
def test_what_is_wrong_with_the_output(tmp_path: Path, clip: Path) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(b"precious")
    refused("process", clip, mine, says="exists")
    assert mine.read_bytes() == b"precious"
    refused("process", clip, tmp_path / "nowhere" / "out.mp4", says="nowhere")
    refused("process", clip, tmp_path / "out.xyz", says=".xyz")
    refused("process", clip, tmp_path / "out.mp4", "--codec", "h246", says="h264")
    refused("process", clip, tmp_path / "out.mp4", "--quality", "101", says="quality")
    own = tmp_path / "own.mp4"
    own.write_bytes(clip.read_bytes())
    (tmp_path / "link.mp4").symlink_to(own)
    for target in (own, tmp_path / "link.mp4"):
        refused("process", own, target, "--overwrite", says=target.name)
    assert own.read_bytes() == clip.read_bytes()


def test_what_is_wrong_with_the_effect(tmp_path: Path, clip: Path, model: Path) -> None:
    out = tmp_path / "out.mp4"
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(model.read_bytes()[:900])
    refused("process", clip, out, "-e", f"{model}:strenght=1", says="strength")
    refused("process", clip, out, "-e", f"{model}:strength=2", says="0 to 1")
    refused("process", clip, out, "-e", f"{model}:strength", says="'strength' is not key=value")
    refused("process", clip, out, "-e", f"{model}:device=cpu", says="no parameter 'device'")
    refused("process", clip, out, "-e", f"{model}:", says="key=value")
    refused(
        "process", clip, out, "-e", f"background:image={clip}", says=f"image={clip}: a video or an animation, not a"
    )
    refused("process", clip, out, "-e", f"inpaint:mask={clip}", says=f"mask {clip}: a video or an animation; a mask is")
    refused("process", clip, out, "-e", "teleport", says="teleport")
    refused("process", clip, out, "-e", broken, says="broken.onnx")
    refused("process", clip, out, "-e", model, "--device", "tpu", says="tpu")
    refused("process", clip, out, "-e", model, "--precision", "int3", says="int3")
    assert not out.exists()


def test_words_it_does_not_know() -> None:
    refused("proces", says="process")
    refused("process", "a", "b", "--bogus", says="--bogus")
    refused("process", says="IN")


def test_help_and_version() -> None:
    assert "process" in gancam("--help").stdout
    assert gancam("--version").stdout.startswith("gancam ")


HELD = """
import threading
from gancam.__main__ import start
from gancam.sinks._encoder import EncodedSink
from gancam.sinks.piece_store import PieceStore
closing, close, end = threading.Event(), EncodedSink.close, PieceStore.end
def held(self):
    end(self)
    closing.wait(300)
def let(self, **how):
    closing.set()
    close(self, **how)
PieceStore.end, EncodedSink.close = held, let
start()
"""


def at_work(long: Path, out: Path, model: Path) -> subprocess.Popen[str]:
    """A job of `FRAMES` frames that has finished a piece, and begins no other before it is interrupted."""
    with av.open(str(long), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height = 320, 180
        for frame in TestPattern((320, 180), frames=FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, "bgr24")))
        container.mux(stream.encode())
    command = [sys.executable, "-c", HELD, "process", str(long), str(out), "-e", str(model), "--precision", "fp32"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not list(pieces_of(out).glob("*.piece")):
        time.sleep(0.01)
    return process


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_the_work_and_says_how_to_go_on(tmp_path: Path, model: Path, number: int, code: int) -> None:
    out = tmp_path / "out.mp4"
    with interruptible():
        process = at_work(tmp_path / "long.mp4", out, model)
    with process:
        process.send_signal(number)
        _, said = process.communicate(timeout=300)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert re.search(r"interrupted; \d+ frames are kept, and the same command with --resume continues after them", said)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.mp4.pieces", "long.mp4"]
    plays = so_far(out)
    assert str(plays) in said
    kept, size = video(plays)[:2]
    assert 0 < kept < FRAMES
    assert size == (640, 360)
    assert isinstance(process.args, list)
    done = gancam(*process.args[3:], "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert "continues after" in done.stderr
    assert json.loads(done.stdout)["frames"] < FRAMES
    assert video(out)[:2] == (FRAMES, (640, 360))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_in_the_background_ctrl_c_is_for_others(tmp_path: Path, model: Path) -> None:
    """What a shell starts with ``&`` inherits that SIGINT is ignored."""
    with uninterruptible():
        process = at_work(tmp_path / "long.mp4", tmp_path / "out.mp4", model)
    with process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 143, said


@pytest.mark.parametrize("target", ["mjpeg:x.png", "window", "source:x.mp4"])
def test_process_refuses_the_outputs_of_live(target: str) -> None:
    refused("process", CITY, target, says=f"{target}: is an output of gancam live; gancam process writes videos")


def test_models_as_json_and_table(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = json.loads(here("models", "--json").stdout)
    for entry in entries:
        assert {"name", "effect", "scale", "licence", "quality"} <= set(entry)
    monkeypatch.setenv("COLUMNS", "160")
    table = here("models").stdout
    assert "(192x160)" in table.splitlines()[1]
    assert all(entry["name"] in table for entry in entries)
    for figure in (
        "PSNR of luma 32.76 dB on set14 (higher is better)",
        "perceptual distance 0.3228 on set14 webcam (lower is better)",
        "PSNR over OpenCV's inpainting 1.041 dB on box bsd100 (higher is better)",
    ):  # fmt: skip
        assert figure in table
    one = here("models", "sr-x2").stdout
    assert "perceptual distance" in one
    assert "sr-x4" not in one
    assert json.loads(here("models", "sr-x2", "--json").stdout)["figures"][0]["dataset"] == "set14"
    assert here("models", "sr-x2:strength=0.5").stdout == one
    refused("models", "sr-x2:strenght=1", says="did you mean 'strength'?")
    refused("models", "sr-x9", says="did you mean")


def test_models_lists_the_parameters_of_the_effect() -> None:
    said = " ".join(here("models", "sr-x2").stdout.split())
    assert "parameter takes default meaning" in said
    assert "strength a number from 0 to 1 1 how much of the network's detail" in said
    listed = json.loads(here("models", "sr-x2", "--json").stdout)["effect_parameters"]
    assert [one["name"] for one in listed] == ["strength", "stabilise", "clean", "threshold"]
    assert listed[3] == {
        "name": "threshold", "takes": "a number from 0 to 64, or off", "default": -1.0, "help": listed[3]["help"],
    }  # fmt: skip
    assert listed[1]["default"] == 0.0
    calm = json.loads(here("models", "restore-x2", "--json").stdout)["effect_parameters"]
    assert calm[1]["default"] == 1.0  # what its card says suits it


@pytest.mark.parametrize("columns", ["80", pytest.param("160", marks=pytest.mark.slow), ""])
def test_the_list_of_models_fits_and_has_no_trailing_blanks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, columns: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # no times of what was played before, which take a column
    monkeypatch.setenv("COLUMNS", columns)
    text = gancam("models").stdout  # not here, where models were played before
    table = text.partition("time here: ")[0].splitlines()
    assert max(map(len, table)) <= int(columns or 160)
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert ("PSNR of luma" in text) == (columns != "80")
    assert "research use only" in text  # what a licence forbids is never left out
    if columns == "80":
        assert "x4, the most faithful: least error on" in text  # the description has half of the width


def test_what_was_tried_is_told_in_words() -> None:
    files = variants(find("sr-x2-gan"))
    tried = [Trial("int8", 5.104, 49.8), Trial("fp32", 14.21, 100.0)]
    entry = ModelEntry("sr-x2-gan", files, {kind: read_card(file) for kind, file in files.items()}, {"cpu": tried})
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        _print_one(entry)
    lines = [" ".join(line.split()) for line in said.getvalue().splitlines()]
    assert "tried here int8 on cpu: 5.1 ms for 192x160; differs from fp32 by 50 dB" in lines
    assert "tried here fp32 on cpu: 14.2 ms for 192x160" in lines
    assert entry.card.commit.endswith("-dirty")
    assert f"commit {entry.card.commit.removesuffix('-dirty')}" in lines


def test_a_command_loads_what_it_needs_and_no_other() -> None:
    lines = ["import sys", "from gancam.cli.main import main", "try: main(['models'])", "finally: print(*sys.modules)"]
    command = [sys.executable, "-c", "\n".join(lines)]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stdout.split()
    assert {"gancam.cli.models", "gancam.effects"} <= set(loaded)
    heavy = {
        "av",
        "onnxruntime",
        "gancam.cli.live",
        "gancam.inference.importing.adopt",
        "gancam.jobs.process",
        "gancam.sinks",
    }
    assert not heavy & set(loaded)


def test_the_list_of_commands_loads_none_and_says_of_each_what_its_help_begins_with() -> None:
    code = "import sys; from gancam.cli.main import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    listed, _, loaded = done.stdout.strip().rpartition("\n")
    assert not {"av", "gancam.effects", "gancam.cli.models"} & set(loaded.split())
    load_commands()
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) == set(COMMANDS)
    for name, (_, does) in COMMANDS.items():
        assert commands[name].callback is not None, f"{name} is in no module"
        assert commands[name].get_short_help_str(80) == does
        assert f"{name:8} {does}" in listed


def test_every_help_text_stands_alone() -> None:
    load_commands()
    root = typer.main.get_command(app)
    for command in [root, *root.commands.values()]:  # type: ignore[attr-defined]
        for part in command.params:
            text = str(getattr(part, "help", None) or "")
            if part.name not in ("help", "install_completion", "show_completion"):
                assert text[:1].isupper(), (command.name, part.name, text)
                assert text.endswith("."), (command.name, part.name, text)
                assert len(text.split()) >= 4, (command.name, part.name, text)


def test_the_list_of_commands_is_in_the_order_of_use_and_cuts_no_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = here("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    names = ("process", "live", "studio", "demo", "models", "sample", "morph", "train", "export", "import", "compare",
             "verify", "bench", "doctor")  # fmt: skip
    assert [line.split()[0] for line in listed] == list(names)
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []
    assert listed[0] == "  process  Apply effects to videos and images, and write new files."


def test_help_shows_two_parameters_and_names_values_by_what_they_are() -> None:
    process, live = (" ".join(here(name, "--help").stdout.split()) for name in ("process", "live"))
    assert "sr-x2:strength=0.7:threshold=0. Repeat it" in process
    assert "--seconds SECONDS " in live
    assert "--stats FILE " in live
    assert "--reconnect N " in live
    assert " range>" not in live
    assert "--device DEVICE " in live
    assert "[OPTIONS] [SOURCE] " in live
    bench = " ".join(here("bench", "--help").stdout.split())
    assert "--precision PRECISION " in bench
    assert "[OPTIONS] [NAME]... " in bench
    assert not [text for text in (process, live, bench) if re.search(r"--[a-z-]+ <", text)]


def test_a_fault_of_our_own_is_one_line_and_a_traceback_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr("gancam.jobs.process.read_pictures", fail)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), still("sign"))
    for words, many in (("in/a.png out.png", False), ("in out", True)):
        for debug in (False, True):
            done = here(*(["--debug"] if debug else []), "process", *words.split())
            assert done.returncode == 1, done.stderr
            assert "broken on purpose" in done.stderr
            assert ("Traceback" in done.stderr and "in fail" in done.stderr) == debug, done.stderr
            assert debug or done.stderr.count("\n") == 1, done.stderr
            assert many or "--debug" in done.stderr
    monkeypatch.setenv("GANCAM_DEBUG", "1")
    done = here("process", "none.mp4", "out.mp4")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1] == "gancam: none.mp4: no such file"


@pytest.mark.slow
def test_demo_shows_itself_and_leaves_what_is_there(tmp_path: Path) -> None:
    mine = tmp_path / "gancam-demo" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("kept")
    done = gancam("demo", cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "fps" in done.stdout
    assert video(tmp_path / "gancam-demo-2" / "city-x2.mp4")[:2] == (181, (1280, 720))
    picture = cv2.imread(str(tmp_path / "gancam-demo-2" / "city-x2-comparison.png"))
    assert picture is not None
    assert picture.shape == (1264, 1280, 3)
    assert list(mine.parent.iterdir()) == [mine]


@pytest.mark.parametrize("command", [["demo", "--to"], ["studio", "--no-browser", "--keep"]], ids=["demo", "studio"])
def test_a_folder_that_cannot_be_made_is_told(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SystemExit, match=r"^2$"):
        main([*command, str(tmp_path / "file" / "made")])
    told = capsys.readouterr().err
    assert "cannot be made a folder" in told
    assert f"{command[-1]} " in told.partition(";")[2]


def test_the_bar_says_that_the_file_is_being_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=shown, force_terminal=True, width=100))
    with console.progress_bar(2, quiet=False) as progress:
        assert progress is not None
        progress(0, 2)
        assert "finishing" not in shown.getvalue()
        progress(1, 2)
    assert "finishing" in shown.getvalue()


@pytest.mark.parametrize("name", ["process", "live", "studio", "demo", "models", "sample", "morph", "import", "bench"])
def test_help_has_no_signs_of_the_library_that_writes_it(name: str) -> None:
    said = here(name, "--help").stdout
    assert "<" not in re.sub(r"<=", "", said)
    assert "{" not in said
    assert name != "process" or " process [OPTIONS] IN... OUT\n" in said


def test_what_is_no_terminal_gets_no_empty_line(tmp_path: Path, clip: Path) -> None:
    assert here("process", clip, tmp_path / "a.mp4").stderr == ""
