"""Rounding by operators that WebGPU has.

It lacks Round, the last step of all our graphs but one: the CPU would take each picture in 32 bits, and give it back.
"""

import struct
from collections.abc import Iterator

from gancam.inference.protobuf import Value, read_fields, read_text, write_field

_HALF = "gancam_half"
_FLOAT = 1  # of TensorProto.DataType


def with_floor(model: bytes) -> bytes:
    """Write each ``Round(x)`` of an fp32 model as ``Floor(x + 0.5)``, both the content of an ONNX file.

    Only what lies just between two whole numbers becomes another one: the upper instead of the even one. What is no
    model is given back as it is, for whoever opens it to say so.
    """
    try:
        fields = list(read_fields(memoryview(model)))
        return b"".join(
            write_field(number, b"".join(_floored(value)) if number == 7 and isinstance(value, memoryview) else value)
            for number, value in fields
        )
    except (ValueError, IndexError):
        return model


def _floored(graph: memoryview) -> Iterator[bytes]:
    """The fields of a graph, with the constant that they need."""
    found = False
    for number, value in read_fields(graph):
        node = list(read_fields(value)) if number == 1 and isinstance(value, memoryview) else []
        if (4, "Round") in ((field, read_text(told)) for field, told in node):
            found = True
            (given,) = (bytes(told) for field, told in node if field == 1 and not isinstance(told, int))
            (made,) = (bytes(told) for field, told in node if field == 2 and not isinstance(told, int))
            up = made + b"_up"
            yield _node("Add", [given, _HALF.encode()], up)
            yield _node("Floor", [up], made)
        else:
            yield write_field(number, value)
    if found:
        half: tuple[tuple[int, Value], ...] = ((2, _FLOAT), (8, _HALF.encode()), (9, struct.pack("<f", 0.5)))
        yield write_field(5, b"".join(write_field(*one) for one in half))


def _node(operator: str, given: list[bytes], made: bytes) -> bytes:
    fields = [*((1, name) for name in given), (2, made), (3, operator.encode() + b"_" + made), (4, operator.encode())]
    return write_field(1, b"".join(write_field(number, value) for number, value in fields))
