"""What other threads want done between two frames."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from gancam.errors import GancamError, InputError
from gancam.frame import Frame
from gancam.sources import TestPattern
from gancam.studio import gate
from gancam.studio.gate import FrameGate

FRAME = Frame(TestPattern((8, 8)).image(0), 0, 0.0)


def test_without_a_loop_it_is_done_at_once() -> None:
    one = FrameGate()
    assert one.do(lambda: 3) == 3
    with pytest.raises(InputError, match="wrong"):
        one.do(lambda: _fail())


def _fail() -> None:
    raise InputError("wrong")


def test_with_a_loop_its_thread_does_it_between_two_frames() -> None:
    one = FrameGate()
    with one.running(), ThreadPoolExecutor(4) as others:
        asked = [others.submit(one.do, threading.get_ident) for _ in range(4)]
        failing = others.submit(one.do, _fail)
        while not (failing.done() and all(future.done() for future in asked)):
            one(FRAME)
        assert {future.result() for future in asked} == {threading.get_ident()}
        with pytest.raises(InputError):
            failing.result()


def test_what_waits_when_the_loop_ends_is_still_done() -> None:
    one = FrameGate()
    with ThreadPoolExecutor(1) as other:
        with one.running():
            asked = other.submit(one.do, lambda: 5)
        assert asked.result(120) == 5


def test_a_loop_that_hangs_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_PATIENCE", 0.05)
    one = FrameGate()
    done = list[int]()
    with one.running(), ThreadPoolExecutor(1) as other:
        with pytest.raises(GancamError, match="no frame"):
            other.submit(one.do, lambda: done.append(5)).result(120)
        one(FRAME)  # it goes on after all
    assert done == []  # as was told


def test_what_is_slow_itself_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, given_up = threading.Event(), threading.Event()

    class Impatient(Future[int]):
        """Waited for until the loop does it, and no longer."""

        def result(self, timeout: float | None = None) -> int:
            assert begun.wait(120)
            return super().result(timeout and 0.0)

        def cancel(self) -> bool:
            given_up.set()
            return super().cancel()

    monkeypatch.setattr(gate, "Future", Impatient)
    one = FrameGate()

    def slowly() -> int:
        begun.set()
        assert given_up.wait(120)
        return 5

    with one.running(), ThreadPoolExecutor(1) as other:
        asked = other.submit(one.do, slowly)
        while not asked.done():
            one(FRAME)
        assert asked.result() == 5
