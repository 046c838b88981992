"""OSC over UDP: what messages and bundles turn, and what is left out."""

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from gancam.control import Controls, OscServer, check_control, open_control
from gancam.control.menu import EffectMenu
from gancam.control.osc import read_packet
from gancam.effects import EffectSlot, slots
from gancam.errors import InputError
from gancam.frame import Image
from gancam.params import Params, parameter
from tests.helpers.painting import Painter, chain


def text(words: str) -> bytes:
    data = words.encode() + b"\0"
    return data + bytes(-len(data) % 4)


def message(address: str, *values: object) -> bytes:
    """Write an OSC message, as the specification has it."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, bool):
            tags += "T" if value else "F"
        elif isinstance(value, int):
            tags, data = f"{tags}i", data + struct.pack(">i", value)
        elif isinstance(value, float):
            tags, data = f"{tags}f", data + struct.pack(">f", value)
        elif isinstance(value, bytes):
            tags, data = f"{tags}b", data + struct.pack(">i", len(value)) + value + bytes(-len(value) % 4)
        else:
            tags, data = f"{tags}s", data + text(str(value))
    return text(address) + text(tags) + data


def bundle(*elements: bytes) -> bytes:
    return text("#bundle") + bytes(7) + b"\1" + b"".join(struct.pack(">i", len(one)) + one for one in elements)


class Knobs:
    """A sender, and what it turns."""

    def __init__(self, effects: Sequence[EffectSlot] = (), menu: EffectMenu | None = None) -> None:
        self.controls = Controls(effects or chain(2)[0])
        self.before = self.controls.values()
        self.warnings: list[str] = []
        self.server = OscServer("0", self.controls, self.warnings.append, menu)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, *packets: bytes) -> dict[str, object]:
        """Send packets, wait until they were read, and give what differs from the defaults."""
        for packet in packets:
            self.socket.sendto(packet, ("127.0.0.1", self.server.port))
        mark = random.randrange(1, 9) if self.controls.value("paint#2.shift") == 9 else 9
        self.socket.sendto(message("/paint/2/shift", mark), ("127.0.0.1", self.server.port))
        deadline = time.monotonic() + 120
        while self.controls.value("paint#2.shift") != mark:
            assert time.monotonic() < deadline, "the last message does not come"
            time.sleep(0.005)
        now = {name: self.controls.value(name) for name in self.before if name != "paint#2.shift"}
        return {name: value for name, value in now.items() if value != self.before[name]}


@pytest.fixture
def knobs() -> Iterator[Knobs]:
    made = Knobs()
    with contextlib.closing(made.server), made.socket:
        yield made
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gancam-control")]


@pytest.mark.parametrize(
    ("packet", "turned"),
    [
        (message("/paint/light", 0.1), {"paint.light": 0.1}),  # no rest of 32 bits
        (message("/paint/light", 2), {"paint.light": 2.0}),
        (message("/paint/2/light", 0.5), {"paint#2.light": 0.5}),
        (message("/paint/on", 0), {"paint.on": False}),
        (message("/paint/on", 0.0), {"paint.on": False}),  # a button of TouchOSC
        (message("/paint/mirror", True), {"paint.mirror": True}),
        (message("/paint/mirror", 0.7), {"paint.mirror": True}),
        (message("/paint/shift", 3.4), {"paint.shift": 3}),
        (message("/paint/channel", "blue"), {"paint.channel": "blue"}),
        (message("/*/on", 0), {"paint.on": False}),
        (message("/*/*/on", 0), {"paint#2.on": False}),
        (message("/pa[h-j]nt/{light,nothing}", 0.5), {"paint.light": 0.5}),
        (message("/p?int/{light,shift}", 2), {"paint.light": 2.0, "paint.shift": 2}),
        (bundle(message("/paint/shift", 2), bundle(message("/paint/on", 0))), {"paint.shift": 2, "paint.on": False}),
        (bundle(), {}),
    ],
)
def test_a_message_turns_what_its_address_names(knobs: Knobs, packet: bytes, turned: dict[str, object]) -> None:
    assert knobs.send(packet) == turned
    assert knobs.warnings == []


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (b"", "not OSC"),
        (b"GET / HTTP/1.1\r\n\r\n", "not OSC"),
        (b"\xff" * 20, "not OSC"),
        (b"/paint/light", "a text does not end"),
        (message("/paint/light", 0.5)[:-2], "ends too early"),
        (message("/paint/light", 0.5).replace(b",f", b",?"), "no type '?'"),
        (message("paint/light", 0.5), "begins with /"),
        (bundle(message("/paint/light", 0.5))[:-4], "longer than the bundle"),
        (message("/paint/lihgt", 0.5), "'/paint/lihgt': nothing is called 'paint.lihgt' (did you mean 'paint.light'"),
        (message("/paint/light", 7.0), "light=7.0: needs a number from 0 to 2"),
        (message("/paint/light", float("nan")), "light=nan: needs a number from 0 to 2"),
        (message("/paint/shift", float("inf")), "shift=inf: needs a whole number"),
        (message("/paint/light"), "needs one value, a number from 0 to 2, and has 0"),
        (message("/paint/light", 0.1, 0.2), "needs one value, a number from 0 to 2, and has 2"),
        (message("/paint/light", b"12345"), "needs a number"),
        (message("/paint/channel", "green"), "needs all, blue or red"),
        (message("/paint/words", 1, 2), "needs a text"),
        (message("/nobody/*", 1), "fits no parameter"),
        (message("/light", 1), "needs /EFFECT/PARAMETER"),
        (message("/play", "paint"), "needs /EFFECT/PARAMETER"),  # nothing to choose from here
    ],
)
def test_what_is_wrong_is_left_out_and_told_once(knobs: Knobs, packet: bytes, said: str) -> None:
    assert knobs.send(packet, packet, packet) == {}
    (warning,) = knobs.warnings
    assert said in warning
    assert warning.startswith("control osc: ")


def test_a_fader_out_of_range_is_told_once(knobs: Knobs) -> None:
    assert knobs.send(*(message("/paint/light", 2 + step / 8) for step in range(9))) == {"paint.light": 2.0}
    assert len(knobs.warnings) == 1


def test_of_a_bundle_what_is_wrong_is_left_out(knobs: Knobs) -> None:
    parts = message("/paint/light", 9.0), message("/ping"), message("/paint/shift", 2)
    assert knobs.send(bundle(*parts)) == {"paint.shift": 2}
    assert len(knobs.warnings) == 2


def test_no_sequence_of_bytes_ends_it(knobs: Knobs) -> None:
    dice = random.Random(3)
    whole = bundle(message("/paint/light", 0.5, "x", b"123"), message("/*/on", True))
    packets = [dice.randbytes(dice.randrange(64)) for _ in range(200)]
    for _ in range(400):
        spoilt = bytearray(whole[: dice.randrange(len(whole) + 1)])
        for _ in range(dice.randrange(4)):
            if spoilt:
                spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        packets.append(bytes(spoilt))
    for packet in packets:
        with contextlib.suppress(ValueError):
            read_packet(packet)
    deep = message("/paint/light", 0.5)
    while len(deep) < 60_000:
        deep = bundle(deep)
    assert read_packet(deep) == [("/paint/light", [0.5])]
    stars = message("/" + "*a" * 2000 + "/on", 1), message("/" + "{a,b}" * 500 + "/on", 1)
    for packet in (*packets[::20], deep, *stars):
        knobs.send(packet)
    assert len(knobs.warnings) <= 50
    assert not [warning for warning in knobs.warnings if "fault" in warning]


@dataclass
class Behind(Params):
    image: str = parameter("", kind="file", help="a picture")
    region: str = parameter("full", kind="region", help="where to")


class Backdrop(Painter):
    def __init__(self) -> None:
        self.params: Params = Behind()

    @property
    def name(self) -> str:
        return "back"


def test_numbers_are_a_region_and_paths_are_not_taken() -> None:
    knobs = Knobs(slots([Backdrop(), Painter(), Painter()]))
    with contextlib.closing(knobs.server), knobs.socket:
        sent = message("/back/region", 0.1, 0.25, 0.5, 0.5), message("/back/image", "/etc/passwd")
        assert knobs.send(*sent) == {"back.region": "0.1/0.25/0.5/0.5"}
    assert knobs.warnings == [
        "control osc: '/back/image': paths of files are not taken by OSC; left out, and not told again"
    ]


class Menu(EffectMenu):
    names = ("paint", "paint mirror")
    playing = coming = failed = ""

    def choose(self, text: str) -> str:
        self.coming = text
        return text

    def news(self) -> str:
        return ""

    def look(self, *, on: bool) -> None: ...

    def thumbnail(self, name: str) -> Image | None: ...


def test_play_takes_what_the_menu_has() -> None:
    menu = Menu()
    knobs = Knobs(menu=menu)
    with contextlib.closing(knobs.server), knobs.socket:
        knobs.send(message("/play", "paint mirror"), message("/play", "./other.onnx"), message("/play", 1))
    assert menu.coming == "paint mirror"
    assert knobs.warnings == [
        "control osc: '/play': needs the name of one of paint, paint mirror; left out, and not told again"
    ]


def test_every_type_of_value_is_read() -> None:
    tags = b",ihfdstTFNISbcrm[i]\0"
    data = (
        struct.pack(">iqfd", 1, 2, 0.1, 0.25) + text("ab") + struct.pack(">Q", 5) + text("cd")
        + struct.pack(">i", 3) + b"xyz\0" + struct.pack(">iIIi", 65, 6, 7, 8)
    )  # fmt: skip
    read = [1, 2, 0.1, 0.25, "ab", 5, True, False, None, True, "cd", b"xyz", 65, 6, 7, 8]
    assert read_packet(text("/a") + tags + data) == [("/a", read)]
    assert read_packet(text("/a")) == [("/a", [])]


def test_addresses_to_listen_at() -> None:
    controls = Controls([])
    for wrong in ("osc", "osc:", "osc:x", "osc:70000", "osc:a:b:1", f"osc:{'1' * 30}"):
        with pytest.raises(InputError, match=r"needs osc:PORT or osc:HOST:PORT, as in osc:9000"):
            check_control(wrong, levels=False)
    for nowhere in ("osc:203.0.113.1:9000", "osc:..:9000"):  # no address of this machine, and no name
        with pytest.raises(InputError, match=r"cannot be used \("):
            open_control(nowhere, controls, print)
    remote = open_control("osc:0", controls, print)
    assert isinstance(remote, OscServer)
    with contextlib.closing(remote):
        assert "from this machine at port" in remote.notes[0]
        with pytest.raises(InputError, match=f"osc:{remote.port} cannot be used"):
            check_control(f"osc:{remote.port}", levels=False)
    with contextlib.closing(open_control("osc:0.0.0.0:0", controls, print)) as everywhere:
        assert "everybody who reaches this machine" in everywhere.notes[0]
