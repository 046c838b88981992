"""OSC (Open Sound Control 1.0) over UDP turns parameters: what TouchOSC, Max and Resolume send.

The format of messages and bundles is that of https://opensoundcontrol.stanford.edu/spec-1_0.html.
"""

import math
import re
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import islice, product

from gancam.control.controls import Control, Controls, Warn
from gancam.control.local import is_local
from gancam.control.menu import EffectMenu
from gancam.control.syntax import POLL, short, unexpected
from gancam.errors import GancamError, InputError, ParameterError

_FORM = "needs osc:PORT or osc:HOST:PORT, as in osc:9000, HOST a name or an IPv4 address"
_NUMBERS = {"i": ">i", "f": ">f", "h": ">q", "d": ">d", "t": ">Q", "c": ">i", "r": ">I", "m": ">I"}  # by type tag
_WORDS: Mapping[str, bool | None] = {"T": True, "F": False, "N": None, "I": True, "[": None, "]": None}
_HEAD = b"#bundle\0"  # then a time tag of 8 bytes
_LONGEST = 65_535  # bytes of a packet of UDP
_LONGEST_ADDRESS = 255  # characters; patterns of every length that a sender likes would fill the memory
_MOST_PATTERNS = 256  # that the alternatives in braces of one address stand for
_MOST_TOLD = 50  # addresses of which it is told that something is wrong: there are as many as a sender likes
Message = tuple[str, Sequence[object]]


class OscServer:
    """Takes OSC messages, each a value for one parameter: ``/EFFECT/PARAMETER VALUE`` and ``/EFFECT/on 1``.

    The second effect of a name, ``sr-x2#2``, is ``/sr-x2/2``, for an address has no ``#``. The patterns of OSC name
    several at once: ``/*/on 0``. A switch is on from 0.5, a whole number is rounded, several numbers are a region or
    a list. What one bundle says takes effect in one frame, at once, whatever its time tag. ``/play NAME`` has another
    entry of the menu play.

    What is wrong is left out, and `warn` is told of it once for each address, from a hidden thread. Paths of files are
    not taken, since UDP has no sender that could be trusted with them.

    Args:
        where: ``PORT`` or ``HOST:PORT``; without a host only this machine is heard; port 0 takes a free one, which
            ``port`` tells.
        controls: What is turned.
        warn: Takes one line for the user.
        menu: What can be played; None where the effects stay what they are.

    Raises:
        InputError: `where` is no such thing, or cannot be listened at.
    """

    def __init__(self, where: str, controls: Controls, warn: Warn, menu: EffectMenu | None = None) -> None:
        self._controls, self._warn, self._menu = controls, warn, menu
        self._told: set[str] = set()
        self._socket = _bound(where)
        self._socket.settimeout(POLL)
        self.port: int = self._socket.getsockname()[1]
        who = "this machine" if is_local(self._socket) else "everybody who reaches this machine"
        self.notes = [f"control: OSC from {who} at port {self.port}: /EFFECT/PARAMETER VALUE, /EFFECT/on 1"]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="gancam-control-osc", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more, and wait until the thread is gone."""
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        """The hidden thread."""
        while not self._stop.is_set():
            try:
                packet = self._socket.recv(_LONGEST)
            except TimeoutError:
                continue
            except OSError:  # of a network that is gone for a while
                self._stop.wait(POLL)
                continue
            try:
                with self._controls.steady():
                    self._take(packet)
            except Exception as error:  # whatever it is, the next packet is heard
                self._tell("", unexpected(error))

    def _take(self, packet: bytes) -> None:
        try:
            messages = read_packet(packet)
        except ValueError as error:
            self._tell("", f"a packet is not OSC: {error}")
            return
        values: dict[str, object] = {}
        for address, arguments in messages:
            try:
                if address == "/play" and self._menu is not None:
                    _play(self._menu, arguments)
                else:
                    values |= self._controls.check(dict(_meant(self._controls, address, arguments)))
            except GancamError as error:
                self._tell(address, f"{short(address)}: {error}")
        try:
            self._controls.request(values)
        except ParameterError as error:  # each by itself would do, all together do not
            self._tell(" ".join(values), str(error))

    def _tell(self, about: str, what: str) -> None:
        if about not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(about)
            self._warn(f"control osc: {what}; left out, and not told again")


def check_osc(where: str) -> None:
    """Find whether OSC could be listened to. Raises ``InputError`` as an `OscServer` does."""
    _bound(where).close()


def read_packet(packet: bytes) -> list[Message]:
    """Read an OSC packet: one message, or a bundle of messages and bundles, in order.

    Args:
        packet: As it came.

    Returns:
        Of each message its address and arguments: int, float, bool, str, bytes or None (nil).

    Raises:
        ValueError: It is none.
    """
    messages, waiting = list[Message](), [packet]
    while waiting:
        part = waiting.pop()
        if not part.startswith(_HEAD):
            messages.append(_message(part))
            continue
        elements, at = list[bytes](), len(_HEAD) + 8
        while at < len(part):
            size = int(_number(">I", part, at))
            if size % 4 or at + 4 + size > len(part):
                raise ValueError("an element of a bundle is longer than the bundle")
            elements.append(part[at + 4 : at + 4 + size])
            at += 4 + size
        waiting += reversed(elements)
    return messages


def _message(data: bytes) -> Message:
    address, at = _text(data, 0)
    if not address.startswith("/"):
        raise ValueError("an address begins with /")
    tags, at = _text(data, at) if at < len(data) else (",", at)  # old senders leave the types out
    if not tags.startswith(","):
        raise ValueError("the types of values begin with a comma")
    arguments = list[object]()
    for tag in tags[1:]:
        if tag in _NUMBERS:
            value = _number(_NUMBERS[tag], data, at)
            arguments.append(float(f"{value:.7g}") if tag == "f" else value)  # 0.1 of 32 bits is 0.10000000149
            at += struct.calcsize(_NUMBERS[tag])
        elif tag in "sS":
            text, at = _text(data, at)
            arguments.append(text)
        elif tag == "b":
            size = int(_number(">I", data, at))
            arguments.append(data[at + 4 : at + 4 + size])
            at += 4 + -(-size // 4) * 4
        elif tag in _WORDS:
            arguments += [] if tag in "[]" else [_WORDS[tag]]
        else:
            raise ValueError(f"there is no type {tag!r} of values")
    if at > len(data):
        raise ValueError("it ends too early")
    return address, arguments


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A text that begins there, and where what comes after begins: it is filled up with zeros to four bytes."""
    end = data.find(b"\0", at)
    if end < 0:
        raise ValueError("a text does not end")
    return data[at:end].decode("utf-8"), (end // 4 + 1) * 4


def _number(form: str, data: bytes, at: int) -> int | float:
    try:
        value: int | float = struct.unpack_from(form, data, at)[0]
    except struct.error:
        raise ValueError("it ends too early") from None
    return value


def _meant(controls: Controls, address: str, arguments: Sequence[object]) -> Iterator[tuple[str, object]]:
    """What a message turns, by name. Raises ``InputError`` for what turns nothing."""
    *parts, parameter = address[1:].split("/")
    if not parts or len(address) > _LONGEST_ADDRESS:
        raise InputError("needs /EFFECT/PARAMETER")
    found = {_address(control): control for control in controls.by_name.values()}
    if (exact := found.get(address)) is not None:
        yield exact.name, _value(exact, arguments)
    elif not re.search(r"[*?\[{]", address):  # a name of before, or none, for which there may be a similar one
        yield f"{'#'.join(parts)}.{parameter}", arguments[0] if len(arguments) == 1 else list(arguments)
    else:
        pieces = [piece.split(",") if number % 2 else [piece]
                  for number, piece in enumerate(re.split(r"\{([^{}]*)\}", address))]  # fmt: skip
        patterns = ["".join(choice).split("/") for choice in islice(product(*pieces), _MOST_PATTERNS)]
        named = [control for name, control in found.items() if any(_fits(name, one) for one in patterns)]
        if not named:
            raise InputError("fits no parameter")
        for control in named:
            yield control.name, _value(control, arguments)


def _address(control: Control) -> str:
    return f"/{control.effect.name.replace('#', '/')}/{control.entry.name}"


def _fits(name: str, pattern: Sequence[str]) -> bool:
    parts = name.split("/")  # over which * does not reach
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))


def _value(control: Control, arguments: Sequence[object]) -> object:
    """What arguments mean to a parameter. Raises ``InputError``."""
    kind, entry = control.entry.type, control.entry
    if entry.kind in ("file", "new-file"):
        raise InputError("paths of files are not taken by OSC")
    if kind is str and not all(isinstance(one, str) for one in arguments):
        return list(arguments)  # numbers: a region, seeds
    if len(arguments) != 1:
        raise InputError(f"needs one value, {entry.describe()}, and has {len(arguments)}")
    value = arguments[0]
    if isinstance(value, int | float) and math.isfinite(value):
        return value >= 0.5 if kind is bool else round(value) if kind is int else value
    return value


def _play(menu: EffectMenu, arguments: Sequence[object]) -> None:
    """Have an entry of the menu play: no other chain, which could name a file. Raises ``GancamError``."""
    name = arguments[0] if len(arguments) == 1 else None
    if not isinstance(name, str) or name not in menu.names:
        raise InputError(f"needs the name of one of {', '.join(menu.names)}")
    menu.choose(name)


def _bound(where: str) -> socket.socket:
    """A socket that hears what is sent to ``HOST:PORT``. Raises ``InputError``."""
    host, _, port = where.rpartition(":")
    if not (re.fullmatch(r"\d{1,20}", port, re.ASCII) and int(port) <= 65_535) or ":" in host:
        raise InputError(f"control {short(f'osc:{where}')}: {_FORM}")
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.bind((host or "127.0.0.1", int(port)))
    except (OSError, UnicodeError) as error:  # a name of a host can be one that no network takes
        made.close()
        reason = error.strerror if isinstance(error, OSError) else error
        said = f"control osc:{where} cannot be used ({reason}); give another port, or 0 for a free one"
        raise InputError(said) from error
    return made
