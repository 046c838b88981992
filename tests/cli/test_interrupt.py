"""Ctrl-C ends a process at once, whatever its hidden threads are at: real processes, and one SIGINT."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.children import interruptible

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
NEVER = "import threading; never = threading.Event()"
# What is open when Ctrl-C comes: each has a thread that does not come back from what it is at.
LOADING = f"""{NEVER}
from gancam.cli.live_effects import LiveEffects
from gancam.control import Controls
from gancam.effects import EffectSpec
begun = threading.Event()
load = lambda specs: begun.set() or never.wait()
opened = LiveEffects({{"slow": (EffectSpec("slow"),)}}, load, Controls([]), size=(8, 8))
opened.choose("slow")
begun.wait()
"""
ANSWERING = f"""{NEVER}
import socket
from socketserver import StreamRequestHandler
from gancam.control.tcp import TcpServer
begun = threading.Event()
class Slow(StreamRequestHandler):
    def handle(self):
        begun.set()
        never.wait()
opened = TcpServer(("127.0.0.1", 0), Slow, name="test")
opened.start()
client = socket.create_connection(("127.0.0.1", opened.port))
begun.wait()
"""
TELLING = f"""{NEVER}
import pathlib, sys
from gancam.control import ControlFile, Controls
path = pathlib.Path(sys.argv[1]) / "control.txt"
path.write_text("")
begun = threading.Event()
opened = ControlFile(path, Controls([]), lambda said: begun.set() or never.wait())
path.write_text("wrong\\nwrong\\n")
begun.wait()
"""
COMPUTING = """
import threading
import numpy as np, gancam
begun = threading.Event()
def work():
    effect, image = gancam.load("sr-x2-fast", device="cpu"), np.zeros((360, 640, 3), np.uint8)
    while True:
        effect(image)
        begun.set()
threading.Thread(target=work, name="gancam-load", daemon=True).start()
begun.wait()
class opened:
    close = staticmethod(lambda: None)
"""
CASES = {"loading": LOADING, "answering": ANSWERING, "telling": TELLING, "computing": COMPUTING}
REST = """
from gancam import __main__ as command
try:
    print("ready", flush=True)
    threading.Event().wait()
except KeyboardInterrupt:
    opened.close()
    print("closed", flush=True)
    command.leave(130)
"""


@pytest.mark.parametrize("case", CASES)
def test_one_ctrl_c_ends_the_process(case: str, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", CASES[case] + REST, str(tmp_path)]
    pipe = subprocess.PIPE
    with interruptible():
        process = subprocess.Popen(words, env=environment, stdout=pipe, stderr=pipe, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=300)
        finally:
            process.kill()
    assert (process.returncode, out, said) == (130, "closed\n", "")


def test_ctrl_c_while_opencv_is_loaded_is_not_a_fault(tmp_path: Path) -> None:
    """But in a program of somebody's own it stays theirs."""
    (tmp_path / "cv2.py").write_text("raise KeyboardInterrupt")
    (tmp_path / "gancam").write_text("from gancam.__main__ import start\nstart()\n")
    (tmp_path / "theirs.py").write_text("try:\n    import gancam\nexcept KeyboardInterrupt:\n    print('mine')\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    for words, code, out in (
        (["-m", "gancam", "models"], 130, ""),
        ([tmp_path / "gancam", "models"], 130, ""),
        ([tmp_path / "theirs.py"], 0, "mine\n"),
    ):
        command = [sys.executable, "-P", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (code, out, "")


@pytest.mark.parametrize("module", ["cv2", "typer"])
def test_ctrl_c_while_a_class_names_its_fields_is_not_a_fault(module: str, tmp_path: Path) -> None:
    """Python 3.11 raises a RuntimeError from it."""
    late = "class Late:\n    def __set_name__(self, owner, name):\n        raise KeyboardInterrupt\n"
    (tmp_path / f"{module}.py").write_text(f"{late}class Made:\n    field = Late()\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-P", "-m", "gancam", "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


SENDING = """
import os, signal, socket, threading, time
import numpy as np
from gancam.frame import Frame
from gancam.sinks import SinkContext, open_sink, stream
server = socket.socket()  # takes nothing, and little waits in the system
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
server.bind(("127.0.0.1", 0))
server.listen()
stream._CLOSING = 300  # the signal comes while close() waits, however slow the machine is
url = f"tcp://127.0.0.1:{server.getsockname()[1]}?send_buffer_size=4096"
sink = open_sink(url, SinkContext(fps=30, size=(1280, 720)))
rng = np.random.default_rng(0)
index = handed = 0
since = time.monotonic()
while time.monotonic() - since < 1:  # until the sender has stood still for a second
    sink.write(Frame(rng.integers(0, 256, (720, 1280, 3), np.uint8), index, index / 30))
    index += 1
    time.sleep(0.02)
    if index - sink.dropped != handed:
        handed, since = index - sink.dropped, time.monotonic()
def interrupt():
    while not sink.closed:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    sink.close()
except KeyboardInterrupt:
    print("interrupted", [one.name for one in threading.enumerate() if one.name == "gancam-send"])
"""


def test_ctrl_c_while_a_stream_closes_leaves_no_thread() -> None:
    """Up to Python 3.12 a join that is interrupted takes the thread for ended, which then reads from what is closed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with interruptible():
        process = subprocess.Popen(
            [sys.executable, "-c", SENDING], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    with process:
        try:
            out, said = process.communicate(timeout=300)
        finally:
            process.kill()
    assert (out, said) == ("interrupted []\n", "")


@pytest.mark.parametrize("module", ["cv2", "typer"])
def test_ctrl_c_in_code_that_was_composed_as_text_gives_the_usual_exit_code(module: str, tmp_path: Path) -> None:
    """As dataclasses compose theirs; Python then ends a process of ``-m`` by the signal, whatever it exits with."""
    (tmp_path / f"{module}.py").write_text("exec('raise KeyboardInterrupt')\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-P", "-m", "gancam", "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
