"""The remote control that a word of the command line means."""

from typing import Protocol

from gancam.control.controls import Controls, Warn
from gancam.control.file import ControlFile
from gancam.control.server import ControlServer
from gancam.errors import InputError
from gancam.media.audio import Microphone


class Remote(Protocol):
    """A remote control: requests values from outside, with a thread of its own."""

    notes: list[str]

    def close(self) -> None:
        """Request nothing more, and join the thread. Called once."""


def open_control(where: str, controls: Controls, warn: Warn) -> Remote:
    """Open the remote control that `where` names.

    Args:
        where: a port for a `ControlServer`; ``mic`` or ``mic:NAME`` for a ``gancam.media.audio.Microphone`` that turns
            each `level` among the parameters; else the path of a `ControlFile`.
        controls: what is turned.
        warn: takes one line for the user whenever something goes wrong, from a thread of the remote control.

    Raises:
        InputError: it cannot be had, or a microphone is meant and nothing has a level.
    """
    kind, _, name = where.partition(":")
    if kind == "mic":
        levels = [control for control in controls.by_name if control.endswith(".level")]
        if not levels:
            raise InputError(
                "control mic: turns `level`, which none of these effects has; a morph has it, for drive=level"
            )
        return Microphone(lambda level: controls.request(dict.fromkeys(levels, round(level, 3))), name=name, warn=warn)
    if where.isascii() and where.isdigit():
        return ControlServer(int(where), controls)
    return ControlFile(where, controls, warn)
