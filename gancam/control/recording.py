"""Recorded changes of parameters, played again."""

import os
from collections.abc import Sequence
from pathlib import Path

from gancam.control.controls import Controls
from gancam.control.syntax import json_object
from gancam.errors import GancamError, InputError, NotFound
from gancam.frame import Frame
from gancam.params import Value
from gancam.units import is_finite


class Replay:
    """Requests what a ``gancam.sinks.logs.ParameterLog`` wrote to `path`, at the same frames again.

    Give ``run`` ``on_frame=[Replay(path, controls), controls]``.

    A change is due at the first frame that is nearer to its ``time`` than to ``after``: so also where a recording of
    the source rounded the times, and a frame that was dropped in live play does no harm. Lines may be written by hand
    too; ``effects`` and ``after`` may then be left out.

    Raises:
        NotFound: there is no such file.
        InputError: with the number of the line, where the file is not such a recording, was made with other effects
            than `controls` has, or names a parameter or value that does not exist.
    """

    def __init__(self, path: str | os.PathLike[str], controls: Controls) -> None:
        self._controls = controls
        self._due: list[tuple[float, dict[str, Value]]] = []
        self._next = 0
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise NotFound(f"{path}: no such file") from error
        except (OSError, ValueError) as error:  # those of UTF-8 are ValueErrors
            raise InputError(f"{path}: cannot be read as recorded parameters ({error})") from error
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            unfinished = number == len(lines) > 1 and not line.endswith("}")  # the disk was full
            if not line.strip() or unfinished:
                continue
            try:
                self._due.append(self._read(line))
                if len(self._due) > 1 and self._due[-1][0] < self._due[-2][0]:
                    raise InputError("is earlier than the line before")
            except GancamError as error:
                raise InputError(f"{path}, line {number}: {error}") from error
        if not self._due:
            raise InputError(f"{path}: holds no recorded parameters")

    def __call__(self, frame: Frame) -> None:
        """Request all changes that are due at `frame`."""
        while self._next < len(self._due) and frame.time >= self._due[self._next][0]:
            self._controls.request(self._due[self._next][1])
            self._next += 1

    @property
    def left(self) -> int:
        """The number of changes that were not due yet."""
        return len(self._due) - self._next

    def _read(self, line: str) -> tuple[float, dict[str, Value]]:
        said = json_object(line)
        if "effects" in said:
            mine = [effect.name for effect in self._controls.effects]
            if said["effects"] != mine:
                theirs = said["effects"] if isinstance(said["effects"], list) else [said["effects"]]
                raise InputError(f"was recorded with {_chain(theirs)}, but this is {_chain(mine)}")
        moment, after, values = said.get("time"), said.get("after"), said.get("set")
        if not is_finite(moment) or not (after is None or is_finite(after)) or not isinstance(values, dict):
            raise InputError('needs {"time": SECONDS, "set": {"EFFECT.PARAMETER": VALUE}}')
        checked = self._controls.check(values)
        if "effects" in said:  # the beginning, whatever frame came first
            return float("-inf"), checked
        return (moment if after is None else (after + moment) / 2), checked


def _chain(names: Sequence[object]) -> str:
    return " ".join(f"-e {name}" for name in names) or "no effects"
