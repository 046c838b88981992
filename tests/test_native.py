"""gancam is a guest in other programs: neither importing nor using it changes the process around it."""

import json
import os
import platform
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gancam._native import apart, denormals_as_zero, environment, quiet_opencv
from gancam.inference.autotune import trial_input
from gancam.inference.binding import Binding
from gancam.inference.network import ImageNetwork, open_network
from gancam.inference.packages import runtime
from gancam.inference.place import has_place, with_place
from gancam.inference.session import open_session
from tests.helpers.clips import make_clip

ROOT = Path(__file__).parent.parent
# What is looked at, after the libraries of others are there, which do change the process they are imported into.
STATE = """
import importlib, json, logging, os, pathlib, signal, sys, threading, warnings
import av, cv2, numpy, onnxruntime, rich.console, rich.table, typer
{before}
def state():
    return {{
        "environment": dict(os.environ), "cv2": cv2.utils.logging.getLogLevel(), "cv2 threads": cv2.getNumThreads(),
        "av": av.logging.get_level(), "warnings": list(map(str, warnings.filters)),
        "root": (logging.root.level, list(map(str, logging.root.handlers))),
        "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "threads": threading.active_count(), "numpy": dict(numpy.geterr()), "cwd": os.getcwd(),
        "denormals": bool((numpy.full(8, 1e-40, numpy.float32) * numpy.float32(1)).any()),
    }}
before = state()
{code}
after = state()
print(json.dumps({{name: (before[name], after[name]) for name in before if before[name] != after[name]}}))
"""
IMPORTS = """
for file in sorted(pathlib.Path("gancam").rglob("*.py")):
    if file.name != "__main__.py":
        importlib.import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
"""
USES = """
import gancam
from gancam import masks, sources
from gancam.media.images import read_image
from gancam.sinks import images, pieces, video
from gancam.sources.camera import Camera
from gancam.sources.stream import Stream
from gancam.sources.open import open_live
folder = pathlib.Path(sys.argv[1])
for name in ("clip.mp4", "damaged.mp4"):
    with sources.VideoFile(folder / name) as source:
        for frame in source:
            pass
for path in ("damaged.tif", "damaged.jpg"):
    try:
        read_image(folder / path)
    except gancam.GancamError:
        pass
with open_live(str(folder / "clip.mp4")) as source:
    next(iter(source))
for url in ("rtsp://127.0.0.1:9/none", "http://127.0.0.1:9/none"):
    try:
        Stream(url)
    except gancam.GancamError:
        pass
try:
    Camera(97)
except gancam.GancamError:
    pass
with gancam.VideoCapture(str(folder / "clip.mp4")) as capture:
    capture.read()
pattern = sources.TestPattern((64, 64), frames=3)
for path, codec in (("a.mp4", "h264"), ("b.mp4", "h265"), ("c.webm", "vp9"), ("d.mkv", "av1"), ("e.mkv", "ffv1")):
    with video.VideoWriter(folder / path, video.VideoOptions(fps=30, size=(64, 64), codec=codec)) as writer:
        for frame in pattern:
            writer.write(frame)
with pieces.PieceWriter(folder / "f.mkv", video.VideoOptions(fps=30, size=(64, 64), codec="av1")) as writer:
    for frame in pattern:
        writer.write(frame)
writer = images.ImageWriter(folder / "images" / "%03d.png", video.VideoOptions(fps=30, size=(64, 64)))
for frame in pattern:
    writer.write(frame)
writer.close()
model = gancam.Model("gancam/models/sr-x2.onnx", device="cpu", precision="fp32", threads=2)
model(numpy.zeros((1, 32, 32, 3), numpy.uint8))
"""


def changed(code: str, *arguments: str, before: str = "") -> tuple[dict[str, object], str]:
    """What `code` changed in a process, each with what it was before and after; and what was written to stderr."""
    words = [sys.executable, "-c", STATE.format(code=code, before=before), *arguments]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, done.stdout
    found: dict[str, object] = json.loads(done.stdout)
    return found, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip, a damaged one, and damaged images."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 96, 128, 3), np.uint8)
    path = make_clip(tmp_path / "clip.mp4", images=list(noise))
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 4, len(data) // 2, 997):
        data[place] ^= 0xFF
    (tmp_path / "damaged.mp4").write_bytes(data)
    for ending in (".tif", ".jpg"):
        coded = cv2.imencode(ending, noise[0])[1].tobytes()
        (tmp_path / f"damaged{ending}").write_bytes(coded[: len(coded) // 2])
    (tmp_path / "images").mkdir()
    return tmp_path


def test_importing_changes_nothing() -> None:
    assert changed(IMPORTS) == ({}, "")


def test_what_is_logged_is_shown_only_where_the_program_says_so() -> None:
    code = "import gancam; logging.getLogger('gancam.inference.model').warning('shown by nobody')"
    assert changed(code) == ({}, "")


@pytest.mark.parametrize("host", ["", "cv2.setNumThreads(1); cv2.utils.logging.setLogLevel(4)"])
def test_opening_and_closing_changes_nothing_and_writes_nothing(folder: Path, host: str) -> None:
    assert changed(USES, str(folder), before=host) == ({}, "")


def test_opencv_is_quiet_for_as_long_as_anybody_wants() -> None:
    level = cv2.utils.logging.getLogLevel
    before = level()
    silent, (inside, leave) = cv2.utils.logging.LOG_LEVEL_SILENT, (threading.Event(), threading.Event())

    def other() -> None:
        with quiet_opencv():
            inside.set()
            leave.wait(120)

    thread = threading.Thread(target=other)
    with quiet_opencv(), quiet_opencv():
        thread.start()
        assert inside.wait(120)
    assert level() == silent
    leave.set()
    thread.join()
    assert level() == before


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_opencv_has_no_threads_while_a_process_is_forked() -> None:
    """One of them may hold a lock just then, for which the new process waited for ever."""
    if "pthreads" not in cv2.getBuildInformation().partition("Parallel framework:")[2].partition("\n")[0]:
        pytest.skip("OpenCV has another kind of threads")
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = len(os.listdir("/proc/self/task"))
        cv2.setNumThreads(3)
        cv2.cvtColor(np.zeros((2000, 2000, 3), np.uint8), cv2.COLOR_BGR2YCrCb)
        assert len(os.listdir("/proc/self/task")) > alone
        child = os.fork()
        if child == 0:
            os._exit(cv2.getNumThreads())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        assert cv2.getNumThreads() == 3
        assert len(os.listdir("/proc/self/task")) <= alone
    finally:
        cv2.setNumThreads(before)


def test_a_log_level_that_was_set_meanwhile_stays() -> None:
    before = cv2.utils.logging.getLogLevel()
    try:
        with quiet_opencv():
            cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_ERROR
    finally:
        cv2.utils.logging.setLogLevel(before)


def test_variables_are_set_meanwhile_and_the_users_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCAM_USERS", "theirs")
    with environment({"GANCAM_USERS": "ours", "GANCAM_OURS": "1"}):
        assert (os.environ["GANCAM_USERS"], os.environ["GANCAM_OURS"]) == ("theirs", "1")
        with environment({"GANCAM_OURS": "2"}):
            assert os.environ["GANCAM_OURS"] == "1"
        assert os.environ["GANCAM_OURS"] == "1"
    assert os.environ["GANCAM_USERS"] == "theirs"
    assert "GANCAM_OURS" not in os.environ


def test_threads_share_a_value_and_wait_for_another() -> None:
    seen: list[tuple[str, str]] = []
    start = threading.Barrier(8)

    def one(value: str) -> None:
        start.wait(120)
        for _ in range(200):
            with environment({"GANCAM_OURS": value}):
                seen.append((value, os.environ["GANCAM_OURS"]))

    threads = [threading.Thread(target=one, args=(str(number % 2),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(seen) == 1600
    assert all(wanted == found for wanted, found in seen)
    assert "GANCAM_OURS" not in os.environ


def halved(folder: Path) -> tuple[Any, Any]:
    """A session of ``y = x / 2`` and an x that two threads share."""
    import onnx

    value = onnx.helper.make_tensor_value_info
    half = onnx.helper.make_tensor("half", onnx.TensorProto.FLOAT, [], [0.5])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["x", "half"], ["y"])], "halved",
        [value("x", onnx.TensorProto.FLOAT, ["n"])], [value("y", onnx.TensorProto.FLOAT, ["n"])], [half],
    )  # fmt: skip
    path = folder / "halved.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return open_session(path, "cpu", 2), np.full(4_000_000, 1e-40, np.float32)


def denormals() -> bool:
    """Whether this thread computes with them."""
    return bool((np.full(8, 1e-40, np.float32) * np.float32(1)).any())


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="only there it can be told")
def test_denormal_numbers_are_zero_in_a_network_and_nowhere_else(tmp_path: Path) -> None:
    session, x = halved(tmp_path)
    assert denormals()
    for _ in range(5):
        with denormals_as_zero(), denormals_as_zero():
            assert not denormals()
            (y,) = session.run(None, {"x": x})
        assert denormals()
        assert not y.any()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(denormals()))
    thread.start()
    thread.join()
    assert seen == [True]


MODELS = sorted((ROOT / "gancam" / "models").glob("*.onnx"))


@pytest.mark.parametrize(
    "path",
    [*MODELS[::4], *(pytest.param(path, marks=pytest.mark.slow) for path in MODELS if path not in MODELS[::4])],
    ids=lambda path: path.name,
)
def test_bundled_models_give_the_same_with_denormal_numbers(path: Path) -> None:
    network = open_network(path, "cpu", 2)
    arrays = trial_input(network)
    ours = network(*arrays)
    options = runtime().SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 2
    file = with_place(path.read_bytes()) if has_place(path, "cpu") else path
    plain = runtime().InferenceSession(file, options, providers=["CPUExecutionProvider"])
    network._session, network._binding = plain, Binding(plain, "cpu")
    if isinstance(network, ImageNetwork):
        network._blocks.clear()
    with pytest.MonkeyPatch.context() as patch:
        for module in ("network.contract", "network.image"):
            patch.setattr(f"gancam.inference.{module}.denormals_as_zero", nullcontext)
        theirs = network(*arrays)
    assert network._session is plain
    np.testing.assert_array_equal(ours, theirs)


def test_apart_gives_and_raises() -> None:
    assert apart(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)
