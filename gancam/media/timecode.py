"""SMPTE timecode, the number by which editors find a frame: hours:minutes:seconds:frames."""

import re
from fractions import Fraction

import av

_FORM = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.])(\d\d+)")
_DAY = 24 * 60  # minutes


def timecode_of(container: av.container.InputContainer, picture: "av.stream.Stream") -> str | None:
    """Find the timecode of the first frame of `picture`, wherever its file has it; None where it has none."""
    told = [picture.metadata, *(stream.metadata for stream in container.streams.data), container.metadata]
    return next((one[key] for one in told for key in ("timecode", "TIMECODE") if key in one), None)


def is_timecode(stream: "av.stream.Stream") -> bool:
    """Whether `stream` is a timecode alone, of which a container makes its own."""
    return bool(stream.type == "data" and "timecode" in stream.metadata)


def advanced(timecode: str, rate: Fraction, frames: int) -> str | None:
    """Count `timecode` on by `frames`.

    Args:
        timecode: As 01:00:00:00; with ``;`` or ``.`` before the frames where numbers are dropped (SMPTE ST 12-1: two of
            30 a second, or four of 60, at the beginning of each minute but every tenth).
        rate: Frames a second.
        frames: How many.

    Returns:
        The timecode so many frames later; None where it is none, or `rate` has no such.
    """
    found, count = _FORM.fullmatch(timecode.strip("\0 ")), round(rate)
    if found is None or int(found[5]) >= count:
        return None
    drop = count // 15 if found[4] in ";." else 0
    if drop and count not in (30, 60):
        return None
    minutes = int(found[1]) * 60 + int(found[2])
    number = (minutes * 60 + int(found[3])) * count + int(found[5]) + frames
    number -= drop * (minutes - minutes // 10)
    ten = 600 * count - 9 * drop  # frames of ten minutes
    number %= ten * (_DAY // 10)
    tens, left = divmod(number, ten)
    number += drop * (9 * tens + max(left - drop, 0) // (60 * count - drop))
    seconds, frame = divmod(number, count)
    hours, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours:02d}:{minute:02d}:{second:02d}{found[4]}{frame:02d}"
