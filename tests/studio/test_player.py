"""What plays: changing, stopping and resting wait for no lock that playing needs, and recordings outlast a round."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gancam.frame import Frame
from gancam.sources import TestPattern
from gancam.sources.live import LiveSource
from gancam.sources.open import open_live
from gancam.studio import player
from gancam.studio.browser import BrowserCamera
from gancam.studio.player import SourceRequest
from gancam.studio.session import Session
from gancam.studio.storage import Storage
from tests.helpers.clips import make_clip
from tests.helpers.command import video
from tests.helpers.studio import wait_for

FRAME = Frame(TestPattern((16, 16)).image(0), 0, 0.0)


@contextmanager
def session_in(folder: Path) -> Iterator[Session]:
    session = Session(Storage(folder))
    try:
        yield session
    finally:
        session.close()


def play_test(session: Session) -> None:
    session.play("test", "")
    wait_for(lambda: session.player.state == "playing" and session.screen.newest.frame is not None)


def test_a_change_of_source_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "_JOIN", 120.0)
    with session_in(tmp_path) as session:
        play_test(session)
        again: Callable[[], None] = lambda: session.play("test", "")
        for act in (again, session.player.rest, session.player.wake, session.player.stop):
            began = time.monotonic()
            act()
            assert time.monotonic() - began < 60
            if session.player.state == "opening":
                wait_for(lambda: session.player.state == "playing")
        assert session.screen.newest.frame is None


class Waiting(SourceRequest):
    """A source that opens as slowly as a camera that hangs."""

    gate = threading.Event()
    opens = threading.Event()

    def open(self) -> LiveSource:
        self.opens.set()
        self.gate.wait(120)
        return open_live("test")


def test_what_is_done_while_a_source_hangs_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let = threading.Event()
    monkeypatch.setattr(player._Playing, "join", lambda self: let.wait(120))
    monkeypatch.setattr(Waiting, "gate", threading.Event())
    monkeypatch.setattr(Waiting, "opens", threading.Event())
    with session_in(tmp_path) as session:
        session.player.play(Waiting("camera", "test", "slow"))
        assert Waiting.opens.wait(120)
        stopping = threading.Thread(target=session.player.stop)
        stopping.start()
        wait_for(lambda: session.player.request is None)
        began = time.monotonic()
        session.player.mirror(on=True)
        session.player.play(SourceRequest("test", "test", "Test pattern"))
        assert time.monotonic() - began < 60
        wait_for(lambda: session.player.state == "playing" and session.screen.newest.frame is not None)
        assert stopping.is_alive()  # it waits for what hangs all the while
        let.set()
        Waiting.gate.set()
        stopping.join()
        assert session.player.request is not None  # what was stopped is not what plays now
        time.sleep(0.1)
        assert session.player.state == "playing"
        assert session.player.feed is not None


def test_one_camera_is_opened_by_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Waiting, "gate", threading.Event())
    monkeypatch.setattr(Waiting, "opens", threading.Event())
    with session_in(tmp_path) as session:
        session.player.play(Waiting("camera", "0", "slow"))
        assert Waiting.opens.wait(120)
        session.player.play(SourceRequest("camera", "test", "perhaps the same, under another name"))
        time.sleep(0.1)
        assert session.player.state == "opening"
        Waiting.gate.set()
        wait_for(lambda: session.player.state == "playing")


def test_a_browser_whose_camera_was_never_opened_is_told_that_another_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Waiting, "gate", threading.Event())
    monkeypatch.setattr(Waiting, "opens", threading.Event())
    told = threading.Event()
    with session_in(tmp_path) as session:
        session.player.play(Waiting("browser", "0", "slow"))
        assert Waiting.opens.wait(120)
        session.play_browser(BrowserCamera(30.0, told.set))
        session.play("test", "")
        assert told.wait(120)
        Waiting.gate.set()


def test_a_file_that_begins_anew_is_recorded_on(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((64, 48), frames=6)]
    with session_in(tmp_path) as session:
        make_clip(tmp_path / "uploads" / "a.mp4", images=images)  # of 0.2 s
        session.play("file", "uploads/a.mp4")
        wait_for(lambda: session.screen.newest.frame is not None)
        frame = session.screen.newest.frame
        assert frame is not None
        session.gate.do(lambda: session.screen.recorder.start(frame))
        times, deadline = [frame.time], time.monotonic() + 120
        while times[-1] - times[0] < 1.0:
            newest = session.screen.newest.frame
            times += [newest.time] if newest is not None and newest.time != times[-1] else []
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert session.screen.recorder.recording
        assert min(np.diff(times)) > 0
        assert session.screen.said == []
        session.player.stop()
        assert not session.screen.recorder.recording
        (made,) = (tmp_path / "recordings").iterdir()
        assert session.screen.said == [f"recorded {made.name}"]
        assert video(made)[0] >= len(times) - 1


def test_a_recording_ends_with_its_source(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        again: Callable[[], None] = lambda: session.play("test", "")
        for end in (again, session.player.rest):
            play_test(session)
            frame: Frame | None = session.screen.newest.frame
            assert frame is not None
            session.gate.do(lambda frame=frame: session.screen.recorder.start(frame))  # type: ignore[misc]
            end()
            wait_for(lambda: not session.screen.recorder.recording)
            session.player.stop()
        assert len(session.screen.said) == 2
        for _ in range(30):
            session.gate.do(lambda: session.screen.recorder.start(FRAME))
            session.gate.do(session.screen.recorder.stop)
        assert len(session.screen.said) == 20
        assert session.state()["saidCount"] == 32
