"""Parameters turned while frames are played: by file, by socket, recorded, and played again frame by frame."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gancam.control import ControlFile, Controls, ControlServer, Replay, check_control, open_control, parse_line
from gancam.control.menu import EffectMenu
from gancam.effects import slots
from gancam.errors import InputError, NotFound, OutputExists, ParameterError, SinkError
from gancam.frame import Frame, Image
from gancam.media.info import VideoInfo
from gancam.params import Params, Value, parameter
from gancam.pipeline import run
from gancam.sinks import SinkContext, open_sink
from gancam.sinks.logs import ParameterLog
from gancam.sources import Source, TestPattern, VideoFile
from gancam.sources.realtime import RealtimeSource
from tests.helpers.painting import Kept, Paint, Painter, chain

FRAME = Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0)


def until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_every_effect_has_a_name_of_its_own() -> None:
    effects, controls = chain(3)
    assert [effect.name for effect in effects] == ["paint", "paint#2", "paint#3"]
    assert len(controls.by_name) == 3 * 6
    controls.request({"paint#2.light": "0.5", "paint#3.on": "off"})
    controls(FRAME)
    lights = [effect.params.light for effect in effects if isinstance(effect.params, Paint)]
    assert lights == [1.0, 0.5, 1.0]
    assert [effect.on for effect in effects] == [True, True, False]
    with pytest.raises(InputError, match=r"two things to turn are called paint\.on"):
        Controls([effects[0], effects[0]])


def test_what_is_asked_for_waits_for_the_next_frame() -> None:
    _, controls = chain()
    wanted = {"paint.light": 0.25, "paint.mirror": True}
    assert controls.request({"paint.light": "0.25", "paint.mirror": True}) == wanted
    assert controls.value("paint.light") == 0.25
    assert controls.values()["paint.light"] == 1.0
    controls(FRAME)
    assert controls.values()["paint.light"] == 0.25


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"paint.light": 3}, "light=3.*from 0 to 2"), ({"paint.lihgt": 1}, "did you mean 'paint.light'"),
        ({"paint": 1}, "nothing is called 'paint'"), ({"paint.channel": "green"}, "needs all, blue or red"),
        ({"paint.on": 3}, "on or off"), ({"paint.shift": 1.5}, "whole number"), ({"paint.light": []}, "a number"),
        ({"paint.words": "a bad one"}, "no such picture"), ({"paint.words": 7}, "a text"),
    ],
)  # fmt: skip
def test_one_wrong_value_and_none_is_taken(values: dict[str, Any], says: str) -> None:
    _, controls = chain()
    before = controls.values()
    with pytest.raises(ParameterError, match=says):
        controls.request({"paint.shift": 5, **values})
    controls(FRAME)
    assert controls.values() == before


def test_lines() -> None:
    assert parse_line("sr-x2.strength = 0.5") == {"sr-x2.strength": "0.5"}
    assert parse_line("  a.b=c = d  ") == {"a.b": "c = d"}
    assert parse_line('a.b = " x\\n"') == {"a.b": " x\n"}
    assert parse_line('{"a.b": 1, "c.on": false}') == {"a.b": 1, "c.on": False}
    for wrong in ("a.b", "= 3", '{"a": ', "{[1]}", '{"a": 1} {}', 'a.b = "x', "{" * 100_000):
        with pytest.raises(InputError):
            parse_line(wrong)


def test_a_frame_is_made_with_one_state() -> None:
    """Askers on other threads all the while: the effect's own assertion would end the run."""
    effects, controls = chain(2)
    over = threading.Event()

    def ask(seed: int) -> None:
        dice = random.Random(seed)
        while not over.is_set():
            light, other = dice.random() * 2, dice.random()
            controls.request({"paint.light": light, "paint#2.light": other, "paint.mirror": seed > 1})

    askers = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for asker in askers:
        asker.start()
    try:
        report = run(TestPattern((96, 64), frames=300), effects, [Kept()], on_frame=[controls])
    finally:
        over.set()
        for asker in askers:
            asker.join()
    assert report.frames == 300


# The file


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Path, Controls, list[str]]]:
    path = tmp_path / "turns.txt"
    path.write_text("# a start\n\npaint.light = 0.5\n")
    _, controls = chain(2)
    warnings: list[str] = []
    with contextlib.closing(ControlFile(path, controls, warnings.append)) as remote:
        assert remote.notes == []
        yield path, controls, warnings


def test_the_file_counts_at_once_and_when_it_changes(watched: tuple[Path, Controls, list[str]]) -> None:
    path, controls, warnings = watched
    assert controls.value("paint.light") == 0.5
    path.write_text("paint.light = 0.6\n")
    until(lambda: controls.value("paint.light") == 0.6, "rewriting is not seen")
    path.write_text("paint.light = 0.7\n")  # same size, and perhaps the same time stamp
    until(lambda: controls.value("paint.light") == 0.7, "rewriting at once is not seen")
    beside = path.with_suffix(".new")
    beside.write_text('\ufeff{"paint.mirror": true, "paint#2.on": "off"}\npaint.words = two words\npaint.shift=-3')
    beside.replace(path)
    until(lambda: controls.value("paint.shift") == -3, "replacing is not seen")
    assert controls.value("paint.mirror") is True
    assert controls.value("paint#2.on") is False
    assert controls.value("paint.words") == "two words"
    controls.request({"paint.shift": 4})
    path.touch()
    until(lambda: controls.value("paint.shift") == -3, "touching is not seen")
    path.unlink()
    time.sleep(0.2)
    path.write_text("paint.shift = 1\n")
    until(lambda: controls.value("paint.shift") == 1, "coming back is not seen")
    assert warnings == []


def test_a_wrong_line_is_told_once_and_left_out(watched: tuple[Path, Controls, list[str]]) -> None:
    path, controls, warnings = watched
    path.write_text("paint.lihgt = 1\npaint.shift = 2\nnonsense\npaint.mirror = perhaps\npaint.shift = 99\n\xff\n")
    until(lambda: controls.value("paint.shift") == 2, "the good line is not taken")
    until(lambda: len(warnings) == 5, f"warnings: {warnings}")
    assert "line 1: nothing is called 'paint.lihgt' (did you mean 'paint.light'?); left out" in warnings[0]
    path.touch()
    time.sleep(0.3)
    assert len(warnings) == 5
    path.write_text("paint.shift = 3\npaint.light = 9")
    until(lambda: len(warnings) == 6, "a wrong last line is not told")
    assert controls.value("paint.shift") == 3
    path.write_bytes(b"x" * (1 << 20) + b"yz")
    until(lambda: "larger than" in warnings[-1], "a large file is read")


def test_what_nobody_foresaw_is_told_and_the_next_change_is_heard(
    watched: tuple[Path, Controls, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, controls, warnings = watched
    check = controls.check

    def failing(values: Any) -> Any:
        if "paint.shift" in values:
            raise RuntimeError("unforeseen")
        return check(values)

    monkeypatch.setattr(controls, "check", failing)
    path.write_text("paint.shift = 3\n")
    until(lambda: any("unforeseen" in warning for warning in warnings), "it is not told")
    path.write_text("paint.light = 0.8\n")
    until(lambda: controls.value("paint.light") == 0.8, "the next change is not heard")


def test_the_file_may_come_later_and_must_be_a_file(tmp_path: Path) -> None:
    _, controls = chain()
    path = tmp_path / "later.txt"
    with contextlib.closing(open_control(str(path), controls, pytest.fail)) as remote:
        assert "not there yet" in remote.notes[0]
        path.write_text("paint.light = 0.1\n")
        until(lambda: controls.value("paint.light") == 0.1, "it came and was not read")
    with pytest.raises(InputError, match="not a regular file"):
        open_control(str(tmp_path), controls, pytest.fail)


# The socket


class Caller:
    """One connection to a `ControlServer`."""

    def __init__(self, port: int) -> None:
        self.wire = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.wire.makefile("rw", encoding="utf-8", newline="\n")

    def __call__(self, line: str) -> Any:
        self.file.write(line + "\n")
        self.file.flush()
        answer = self.file.readline()
        return json.loads(answer) if answer else None

    def close(self) -> None:
        self.file.close()
        self.wire.close()


@pytest.fixture
def served() -> Iterator[tuple[Caller, Controls, ControlServer]]:
    _, controls = chain(2)
    with (
        contextlib.closing(ControlServer(0, controls)) as server,
        contextlib.closing(Caller(server.port)) as caller,
    ):
        yield caller, controls, server


def test_commands(served: tuple[Caller, Controls, ControlServer]) -> None:
    call, controls, _ = served
    assert call("get paint.light") == {"paint.light": 1.0}
    for said in ("set paint.light 0.5", "set paint.light=0.5", "set paint.light = 0.5", 'set {"paint.light": 0.5}'):
        assert call(said) == {"set": {"paint.light": 0.5}}
    assert call("get paint.light") == {"paint.light": 0.5}
    assert controls.value("paint.light") == 0.5
    assert call("set paint.words a = b") == {"set": {"paint.words": "a = b"}}
    assert call('set paint.words ""') == {"set": {"paint.words": ""}}
    assert call("get") == {name: controls.value(name) for name in controls.by_name}
    told = call("list")
    assert told["effects"] == ["paint", "paint#2"]
    assert [entry["name"] for entry in told["parameters"]] == list(controls.by_name)
    light = told["parameters"][1]
    assert light == {
        "name": "paint.light", "value": 0.5, "type": "float", "default": 1.0, "minimum": 0.0, "maximum": 2.0,
        "choices": [], "unit": "", "kind": "", "words": [], "below": "",
        "form": "a number from 0 to 2", "help": "how bright",
    }  # fmt: skip


def test_a_wrong_command_is_answered_and_changes_nothing(served: tuple[Caller, Controls, ControlServer]) -> None:
    call, controls, _ = served
    before = {name: controls.value(name) for name in controls.by_name}
    for said in ("", "turn", "set paint.light", "set paint.light x", "set x.y 1", "get x.y", "list all", "\ufffd",
                 "set {", 'set {"paint.light": 0.5, "paint.shift": 100}', "set paint.words bad", "GET"):  # fmt: skip
        assert list(call(said)) == ["error"]
    assert "did you mean 'paint.light'" in call("get paint.lihgt")["error"]
    assert {name: controls.value(name) for name in controls.by_name} == before


class Menu(EffectMenu):
    """Chooses nothing, for a reason that nobody thought of."""

    playing = coming = failed = ""

    def choose(self, text: str) -> str:
        if text.startswith("x"):
            os.stat(text)
        raise RuntimeError("unforeseen")

    def news(self) -> str:
        return ""

    def look(self, *, on: bool) -> None:
        pass

    def thumbnail(self, name: str) -> Image | None:
        return None


def test_whatever_goes_wrong_is_answered() -> None:
    _, controls = chain()
    with (
        contextlib.closing(ControlServer(0, controls, Menu())) as server,
        contextlib.closing(Caller(server.port)) as call,
    ):
        assert "File name too long" in call(f"play {300 * 'x'}")["error"]
        assert "unforeseen" in call("play a")["error"]
        assert call("get paint.light") == {"paint.light": 1.0}


def test_a_long_line_keeps_nobody_waiting(served: tuple[Caller, Controls, ControlServer]) -> None:
    call, _, _ = served
    error = call(f"get {100_000 * 'paint.'}")["error"]  # within the minute that it waits for an answer
    assert len(error) < 500
    assert error.startswith("nothing is called 'paint.paint.")


def test_web_pages_give_no_commands(served: tuple[Caller, Controls, ControlServer]) -> None:
    _, controls, server = served
    with contextlib.closing(Caller(server.port)) as page:
        page.file.write("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nset paint.light 0.1\n")
        page.file.flush()
        with contextlib.suppress(ConnectionError):
            assert page.file.readline() == ""
    assert controls.value("paint.light") == 1.0


@pytest.mark.parametrize("start", [b"\x16\x03\x01\x02\x00\x01\x80\x81\n", b"get \x00\n", b"get \xff\n", b"\x1b[A\n"])
def test_behind_what_is_no_text_nothing_is_a_command(
    start: bytes, served: tuple[Caller, Controls, ControlServer]
) -> None:
    """A page can have a browser send a TLS hello of which it chooses some lines."""
    call, controls, _ = served
    call.wire.sendall(start + b"set paint.light 0.1\n")
    with contextlib.suppress(ConnectionError):
        assert call.file.readline() == ""
    assert controls.value("paint.light") == 1.0


def test_lines_of_other_systems_are_text(served: tuple[Caller, Controls, ControlServer]) -> None:
    call, _, _ = served
    assert call("set paint.light 0.1\r") == {"set": {"paint.light": 0.1}}
    assert call("set\tpaint.words\tgr\u00fcn") == {"set": {"paint.words": "gr\u00fcn"}}


def test_a_client_for_whom_there_is_no_thread_keeps_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    server, start = ControlServer(0, chain()[1]), threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name.endswith("-client"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", none_left)
    with contextlib.closing(Caller(server.port)) as call:
        with contextlib.suppress(ConnectionError):
            assert call.file.readline() == ""
        server.close()


def test_many_clients_and_rude_ones(served: tuple[Caller, Controls, ControlServer]) -> None:
    call, _, server = served
    callers = [Caller(server.port) for _ in range(8)]
    for caller in callers:
        caller.file.write("set paint.light 0.1\nset paint.li")
        caller.file.flush()
    for caller in callers[:4]:
        caller.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        caller.close()
    flood = Caller(server.port)
    flood.wire.sendall(b"x" * (1 << 20))
    with contextlib.suppress(ConnectionError):
        assert flood.file.readline() == ""
    assert call("get paint.light") == {"paint.light": 0.1}
    server.close()  # the fixture's own close must do nothing more
    for caller in [*callers[4:], flood]:
        caller.close()


def test_port_in_use_and_impossible() -> None:
    _, controls = chain()
    server = ControlServer(0, controls)
    with contextlib.closing(server), pytest.raises(InputError, match=f"port {server.port} cannot be used.*in use"):
        open_control(str(server.port), controls, pytest.fail)
    with pytest.raises(InputError, match="0 to 65535"):
        open_control("70000", controls, pytest.fail)
    with pytest.raises(InputError, match="0 to 65535"):
        open_control(5000 * "9", controls, pytest.fail)
    for wrong in ("8080", True, None, 0.5):
        with pytest.raises(InputError, match="0 to 65535"):
            ControlServer(wrong, controls)  # type: ignore[arg-type]


def test_a_port_is_checked_without_letting_anybody_in() -> None:
    with socket.socket() as taken, socket.socket() as another:
        for one in (taken, another):
            one.bind(("127.0.0.1", 0))
        port, own = taken.getsockname()[1], another.getsockname()
    over, came = threading.Event(), list[socket.socket]()

    def knock() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                # from a port of its own: where the system chooses, it may be this one, which then is its own server
                came.append(socket.create_connection(("127.0.0.1", port), 60, own))

    visitor = threading.Thread(target=knock)
    visitor.start()
    for _ in range(50):
        check_control(str(port), levels=False)
    over.set()
    visitor.join()
    assert came == []
    with contextlib.closing(ControlServer(port, chain()[1])), pytest.raises(InputError, match="in use"):
        check_control(str(port), levels=False)


# The recording


def test_a_live_run_over_a_file_is_replayed_exactly(clip: Path, tmp_path: Path) -> None:
    """Every picture shown live, with parameters turned from three sides and frames dropped, comes again offline."""
    record = tmp_path / "turns.jsonl"
    effects, controls = chain(2)
    dice = random.Random(5)

    def turn(frame: Frame) -> None:  # as a window does: within the loop, after the effects
        if frame.index % 3 == 1:
            controls.request({"paint.light": dice.uniform(0.3, 2), "paint#2.shift": dice.randint(-9, 9)})
        if frame.index == 2:
            call("set paint.mirror on")
            call("set paint.words some")
        if frame.index == 5:
            call('set {"paint.on": false, "paint#2.channel": "red"}')
        if frame.index == 3:
            until(lambda: source.dropped, "no frame is dropped")

    live = Kept(each=turn)
    with (
        contextlib.closing(ControlServer(0, controls)) as server,
        contextlib.closing(Caller(server.port)) as call,
    ):
        source = RealtimeSource(VideoFile(clip), patience=60)
        report = run(source, effects, [live, ParameterLog(record, controls)], on_frame=[controls])
    assert report.dropped >= 1
    assert len({frame.image.tobytes() for frame in live.frames}) == len(live.frames)

    again, controls = chain(2)
    replay = Replay(record, controls)
    offline = Kept()
    run(VideoFile(clip), again, [offline], on_frame=[replay, controls])
    assert replay.left == 0
    assert len(offline.frames) == 24
    by_time = {frame.time: frame.image for frame in offline.frames}
    for frame in live.frames:
        assert np.array_equal(by_time[frame.time], frame.image), frame.index
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert lines[0]["effects"] == ["paint", "paint#2"]
    assert list(lines[0]["set"]) == list(controls.by_name)
    assert len(lines) > 2
    assert all(line["after"] < line["time"] for line in lines[1:])


def test_captured_frames_are_replayed_even_with_rounded_times(tmp_path: Path) -> None:
    """A camera's moments are written to whole milliseconds by Matroska: the changes still meet their frames."""
    record = tmp_path / "turns.jsonl"
    _, controls = chain()
    dice = random.Random(3)
    moment, taken = 0.0, []
    for frame in TestPattern((96, 64), frames=60):
        taken.append(Frame(frame.image, frame.index, moment))
        moment += dice.uniform(0.003, 0.05)
    log = ParameterLog(record, controls)
    shown = []
    for frame in taken:
        if dice.random() < 0.5:
            controls.request({"paint.light": dice.uniform(0, 2)})
        controls(frame)
        shown.append(controls.values()["paint.light"])
        log.write(frame)
    log.close()
    _, controls = chain()
    replay = Replay(record, controls)
    for frame, light in zip(taken, shown, strict=True):
        late = Frame(frame.image, frame.index, round(frame.time, 3))
        replay(late)
        controls(late)
        assert controls.values()["paint.light"] == light


class Irregular(Source):
    """A camera: frames at its own uneven moments."""

    fps, size = 30.0, (96, 64)

    def __init__(self) -> None:
        dice = random.Random(8)
        self.moments = list(accumulate(dice.uniform(0.002, 0.06) for _ in range(60)))

    def __iter__(self) -> Iterator[Frame]:
        for index, moment in enumerate(self.moments):
            yield Frame(TestPattern(self.size).image(index), index, moment - self.moments[0])


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_camera_is_recorded_and_replayed(tmp_path: Path, ending: str) -> None:
    record, kept = tmp_path / "turns.jsonl", tmp_path / f"source.{ending}"
    effects, controls = chain()
    lights: list[Value] = []
    dice = random.Random(4)

    def turn(frame: Frame) -> None:
        lights.append(controls.values()["paint.light"])
        if dice.random() < 0.5:
            controls.request({"paint.light": dice.uniform(0, 2)})

    source = open_sink(f"source:{kept}", SinkContext(fps=30.0, size=(7, 7), source_info=VideoInfo(size=(96, 64))))
    run(Irregular(), effects, [Kept(each=turn), source, ParameterLog(record, controls)], on_frame=[controls])
    effects, controls = chain()
    again: list[Value] = []
    offline = Kept(each=lambda frame: again.append(controls.values()["paint.light"]))
    run(VideoFile(kept), effects, [offline], on_frame=[Replay(record, controls), controls])
    assert again == lights
    with VideoFile(kept) as video:
        assert [TestPattern.index_in(frame.image) for frame in video] == list(range(60))


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    record = tmp_path / "turns.jsonl"
    code = f"""
import os, signal
from tests.helpers.painting import chain, Kept
from gancam.sinks.logs import ParameterLog
from gancam.pipeline import run
from gancam.sources import TestPattern
effects, controls = chain()
def each(frame):
    controls.request({{"paint.shift": frame.index % 10}})
    if frame.index == 50:
        os.kill(os.getpid(), signal.SIGKILL)
run(TestPattern((8, 8)), effects, [ParameterLog({str(record)!r}, controls), Kept(each=each)], on_frame=[controls])
"""
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=root, check=False, capture_output=True)
    assert done.returncode != 0
    lines = record.read_text().splitlines()
    assert json.loads(lines[-1])["set"] == {"paint.shift": 9}
    record.write_text("\n".join([*lines, '{"time": 99, "se']))  # where the disk was full
    assert Replay(record, chain()[1]).left == len(lines)


def test_a_recording_never_overwrites_unasked(tmp_path: Path) -> None:
    record = tmp_path / "turns.jsonl"
    _, controls = chain()
    log = ParameterLog(record, controls)
    log.close()
    log.close()
    assert not record.exists()
    record.write_text("mine")
    with pytest.raises(OutputExists, match="exists"):
        ParameterLog(record, controls)
    assert record.read_text() == "mine"
    ParameterLog(record, controls, overwrite=True).close()
    assert record.read_text() == "mine"  # no frame came to take its place
    log = ParameterLog(record, controls, overwrite=True)
    log.write(FRAME)
    log.close()
    assert json.loads(record.read_text())["time"] == 0.0
    with pytest.raises(SinkError, match="cannot be written"):
        ParameterLog(tmp_path / "no" / "turns.jsonl", controls)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_warning_and_the_others_go_on() -> None:
    effects, controls = chain()
    told: list[str] = []
    log = ParameterLog("/dev/full", controls, overwrite=True)
    kept = Kept()
    run(
        TestPattern((8, 8), frames=5), effects, [kept, log], on_frame=[controls],
        on_sink_failure=lambda name, error: told.append(f"{name} {error}"),
    )  # fmt: skip
    assert len(kept.frames) == 5
    assert told == ["ParameterLog /dev/full: cannot be written (No space left on device)"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"effects": ["sr-x4"], "time": 0, "set": {}}', "line 1: was recorded with -e sr-x4, but this is -e paint"),
        ('{"effects": [], "time": 0, "set": {}}', "was recorded with no effects, but this is -e paint"),
        ('{"time": 0, "set": {"sr-x4.on": true}}', "line 1: nothing is called 'sr-x4.on'"),
        ('{"time": 0, "set": {"paint.light": 9}}', "line 1: paint: light=9: needs a number from 0 to 2"),
        ('{"time": 1, "set": {}}\n{"time": 0, "set": {}}', "line 2: is earlier than the line before"),
        ('{"time": true, "set": {}}', 'line 1: needs {"time": SECONDS'),
        ('{"time": 0}', "line 1: needs"),
        ('{"time": 1%s, "after": 0, "set": {}}' % ("0" * 400), 'line 1: needs {"time": SECONDS'),
        ("[]", "line 1: '[]' is not a JSON object"),
        ("paint.light = 3\n", "line 1: 'paint.light = 3' is not JSON"),
        ("\n", "holds no recorded parameters"),
        ("\xff", "line 1"),
    ],
)
def test_a_recording_of_something_else_is_one_clear_error(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "turns.jsonl"
    path.write_text(text)
    with pytest.raises(InputError) as said:
        Replay(path, chain()[1])
    assert says in str(said.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        Replay(path, chain()[1])
    with pytest.raises(NotFound):
        Replay(tmp_path / "none", chain()[1])


@dataclass
class Renamed(Paint):
    stabilise: float = parameter(0.0, minimum=0.0, maximum=1.0, formerly="calm", help="how calm")


class RenamedPainter(Painter):
    def __init__(self) -> None:
        self.params = Renamed()


def test_old_names_still_work(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In requests, recordings and control files; what is written has the names of today."""
    effects = slots([RenamedPainter()])
    controls = Controls(effects)
    assert controls.request({"paint.calm": "0.25"}) == {"paint.stabilise": 0.25}
    assert controls.value("paint.calm") == controls.value("paint.stabilise") == 0.25
    recorded = tmp_path / "turns.jsonl"
    recorded.write_text('{"effects": ["paint"], "time": 0, "set": {"paint.calm": 0.5}}\n')
    Replay(recorded, controls)(FRAME)
    controls(FRAME)
    assert effects[0].params.value("stabilise") == 0.5
    (tmp_path / "control.txt").write_text("paint.calm = 0.75\n")
    ControlFile(tmp_path / "control.txt", controls, print).close()
    controls(FRAME)
    assert controls.values()["paint.stabilise"] == 0.75
    assert "paint.calm" not in controls.values()
    assert [text for text in caplog.messages if "calm" in text] == [
        "the parameter paint.calm is called paint.stabilise now; the old name still works"
    ]


def test_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "turns.jsonl"
    path.write_text('{"time": 0.5, "set": {"paint.light": 0.5}}\n\n{"time": 1, "set": {"paint.light": 0}}\n')
    effects, controls = chain()
    kept = Kept()
    run(TestPattern((96, 64), fps=10, frames=20), effects, [kept], on_frame=[Replay(path, controls), controls])
    levels = [int(frame.image[2:].max()) for frame in kept.frames]
    assert [level == 0 for level in levels] == [False] * 10 + [True] * 10
    assert levels[4] > levels[5]


@dataclass
class Lively(Params):
    level: float = parameter(0.0, minimum=0.0, maximum=2.0, help="how lively")


class Dancer(Painter):
    def __init__(self) -> None:
        self.params = Lively()

    @property
    def name(self) -> str:
        return "dance"


def test_a_microphone_needs_something_to_turn_and_a_device() -> None:
    with pytest.raises(InputError, match=r"control mic.*level.*morph"):
        open_control("mic", Controls(slots([Painter()])), print)
    with pytest.raises(InputError, match=r"microphone.*(PortAudio|cannot be opened|extra package)"):
        open_control("mic:no such device", Controls(slots([Dancer()])), print)


def test_a_microphone_turns_levels() -> None:
    controls = Controls(slots([Dancer()]))
    try:
        microphone = open_control("mic", controls, print)
    except InputError as error:
        pytest.skip(str(error))
    try:
        assert microphone.notes
        controls.request({"dance.level": 2.0})
        deadline = time.monotonic() + 120
        while controls.value("dance.level") == 2.0:  # more than a microphone ever says
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        microphone.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gancam-control")]
