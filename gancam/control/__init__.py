"""Control of effects while they play: by hand, from a file, a socket, OSC, and from a recording of all that.

    keys, panel, ControlFile, ControlServer, OscServer,
    Microphone, Replay --request--> Controls --between two frames--> effects
    gancam.sinks.logs writes down what each frame was made with, and Replay requests the same again.

Everything has one name, EFFECT.PARAMETER: a declared parameter (``sr-x2.strength``), or the effect's switch
(``sr-x2.on``). Where two effects share a name, the second is ``sr-x2#2``.
"""

from gancam.control.controls import Control, Controls, LastGood, Switchable, Warn
from gancam.control.file import ControlFile
from gancam.control.menu import EffectMenu
from gancam.control.open import Remote, check_control, open_control
from gancam.control.osc import OscServer
from gancam.control.recording import Replay
from gancam.control.server import ControlServer
from gancam.control.syntax import parse_line

__all__ = [
    "Control",
    "ControlFile",
    "ControlServer",
    "Controls",
    "EffectMenu",
    "LastGood",
    "OscServer",
    "Remote",
    "Replay",
    "Switchable",
    "Warn",
    "check_control",
    "open_control",
    "parse_line",
]
