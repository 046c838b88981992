"""The remote control that a word of the command line means."""

from typing import Protocol

from gancam.control.controls import Controls, Warn
from gancam.control.file import ControlFile
from gancam.control.server import ControlServer
from gancam.errors import InputError
from gancam.media.audio import Microphone


class Remote(Protocol):
    """Somebody who asks from outside, with a thread of its own, which ``close`` joins."""

    notes: list[str]

    def close(self) -> None: ...


def open_control(where: str, controls: Controls, warn: Warn) -> Remote:
    """A `ControlServer` where `where` is a port; for ``mic`` or ``mic:NAME`` a ``gancam.media.audio.Microphone`` that
    turns each `level` among the parameters; else a `ControlFile`. Raises what they raise, and ``InputError`` for a
    microphone where nothing has a level."""
    kind, _, name = where.partition(":")
    if kind == "mic":
        levels = [knob for knob in controls.knobs if knob.endswith(".level")]
        if not levels:
            raise InputError("control mic: turns `level`, which no effect here has; a morph has one, for drive=level")
        return Microphone(lambda level: controls.ask(dict.fromkeys(levels, round(level, 3))), name=name, warn=warn)
    if where.isascii() and where.isdigit():
        return ControlServer(int(where), controls)
    return ControlFile(where, controls, warn)
