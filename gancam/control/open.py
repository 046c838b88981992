"""The remote control that a word of the command line means."""

from pathlib import Path
from typing import Protocol

from gancam.control.controls import Controls, Warn
from gancam.control.file import ControlFile
from gancam.control.menu import EffectMenu
from gancam.control.osc import OscServer, check_osc
from gancam.control.server import ControlServer, check_port
from gancam.control.syntax import short
from gancam.errors import InputError
from gancam.media.audio import Microphone, import_sounddevice

_DIGITS = 20  # of a port, which may have zeros before it; Python converts no more than some thousands
_NO_LEVEL = "control mic: turns `level`, which none of these effects has; a morph has it, for drive=level"


class Remote(Protocol):
    """A remote control: requests values from outside, with a thread of its own."""

    notes: list[str]

    def close(self) -> None:
        """Request nothing more, and join the thread. Called once."""


def open_control(where: str, controls: Controls, warn: Warn, menu: EffectMenu | None = None) -> Remote:
    """Open the remote control that `where` names.

    Args:
        where: a port for a `ControlServer`; ``mic`` or ``mic:NAME`` for a ``gancam.media.audio.Microphone`` that turns
            each `level` among the parameters; ``osc:PORT`` or ``osc:HOST:PORT`` for an `OscServer`; else the path of a
            `ControlFile`.
        controls: what is turned.
        menu: what a socket and OSC can have play.
        warn: takes one line for the user whenever something goes wrong, from a thread of the remote control.

    Raises:
        InputError: it cannot be had, or a microphone is meant and nothing has a level.
    """
    kind, _, name = where.partition(":")
    if kind == "mic":
        if not _levels(controls):
            raise InputError(_NO_LEVEL)

        def turn(level: float) -> None:
            with controls.steady():
                controls.request(dict.fromkeys(_levels(controls), round(level, 3)))

        return Microphone(turn, name=name, warn=warn)
    if kind == "osc":
        return OscServer(name, controls, warn, menu)
    if (port := _port(where)) is not None:
        return ControlServer(port, controls, menu)
    return ControlFile(where, controls, warn)


def check_control(where: str, *, levels: bool) -> None:
    """Find what would keep a remote control from being opened, before there is something to be turned.

    Args:
        where: As `open_control` has it.
        levels: Whether the effects to come have a ``level``.

    Raises:
        InputError: It cannot be had.
    """
    kind, _, name = where.partition(":")
    if kind == "mic":
        if not levels:
            raise InputError(_NO_LEVEL)
        import_sounddevice()
    elif kind == "osc":
        check_osc(name)
    elif (port := _port(where)) is not None:
        check_port(port)
    elif Path(where).exists() and not Path(where).is_file():
        raise InputError(f"control {where}: not a regular file")


def _port(where: str) -> int | None:
    """Read the number of a port; None for what is none. Raises ``InputError`` for one that is far too large."""
    if not (where.isascii() and where.isdigit()):
        return None
    if len(where) > _DIGITS:
        raise InputError(f"control port {short(where)}: needs 0 to 65535")
    return int(where)


def _levels(controls: Controls) -> list[str]:
    return [control for control in controls.by_name if control.endswith(".level")]
