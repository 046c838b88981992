"""A sink is one file: found by its name, with the defaults of its base class."""

from pathlib import Path

import pytest

import gancam.sinks
from gancam.errors import SinkError
from gancam.pipeline import run
from gancam.sinks import SinkContext, check_target, open_sink
from gancam.sources import TestPattern

TOY = """
from gancam.errors import SinkError
from gancam.sinks import Sink

FORM = "tally:WORD"


def open(rest, context):
    check(rest, overwrite=context.overwrite)
    return Tally(rest, context.size)


def check(rest, *, overwrite):
    if not rest:
        raise SinkError("tally: needs a word")


class Tally(Sink):
    def __init__(self, word, size):
        self.word, self.size, self.count = word, size, 0

    def write(self, frame):
        self.count += 1
"""


def test_a_sink_is_added_by_adding_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tally.py").write_text(TOY)
    monkeypatch.setattr(gancam.sinks, "__path__", [*gancam.sinks.__path__, str(tmp_path)])
    sink = open_sink("tally:apples", SinkContext(fps=30, size=(8, 8)))
    report = run(TestPattern((8, 8), frames=5), [], [sink])
    assert (vars(sink)["word"], vars(sink)["size"], vars(sink)["count"]) == ("apples", (8, 8), 5)
    assert set(report.stage_seconds) == {"source", "Tally", "close"}
    assert (report.notes, report.worker_seconds) == ([], {})
    with pytest.raises(SinkError, match="needs a word"):
        check_target("tally")
    with pytest.raises(SinkError, match=r"no such output.*mjpeg:8080, source:FILE, tally:WORD, virtualcam, window"):
        check_target("talley:apples")


@pytest.mark.parametrize("target", ["stats", "pieces:a", "video", "contract", "logs:a.jsonl", "_panel"])
def test_files_without_a_form_are_no_targets(target: str) -> None:
    with pytest.raises(SinkError, match="no such output"):
        check_target(target)
