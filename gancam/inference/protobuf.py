"""Protobuf's wire format, in which model files are written: https://protobuf.dev/programming-guides/encoding/.

Enough to read a file's fields before any library opens it, and to write some anew, without the package `onnx`.
"""

from collections.abc import Iterator

_VARINT, _LONG, _BYTES, _SHORT = 0, 1, 2, 5
Value = int | memoryview | bytes


class CutOff(ValueError):
    """A message ends before a field of it does.

    Attributes:
        missing: How many bytes of that field are not there.
    """

    def __init__(self, missing: int) -> None:
        super().__init__("cut off")
        self.missing = missing


def read_fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Read number and value of each field of a message: a number, or bytes; of fixed length, 0 stands for it.

    Raises ``ValueError`` or ``IndexError`` for what is no message, and `CutOff` where bytes are missing at its end.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            number, at = _varint(data, at)
            yield field, number
        elif kind in (_LONG, _SHORT):
            at += 8 if kind == _LONG else 4
            yield field, 0
        elif kind == _BYTES:
            length, at = _varint(data, at)
            if length > end - at:
                raise CutOff(length - (end - at))
            yield field, data[at : at + length]
            at += length
        else:
            raise ValueError("no protobuf")
        if field == 0:
            raise ValueError("no protobuf")
    if at != end:
        raise ValueError("cut off")


def read_text(value: Value) -> str:
    """Read the value of a field that is a text; a number is none, and gives ""."""
    return "" if isinstance(value, int) else bytes(value).decode("utf-8", "replace")


def write_field(number: int, value: Value) -> bytes:
    """Write a field, of a number from 0 to 2**64 - 1 or of bytes."""
    if isinstance(value, int):
        return _written(number << 3 | _VARINT) + _written(value)
    return _written(number << 3 | _BYTES) + _written(len(value)) + value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("no number")


def _written(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])
