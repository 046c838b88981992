"""Errors that gancam raises on purpose, as a tree.

Each is also the builtin it resembles, so that plain `except ValueError` works.

    GancamError
    |-- InputError (ValueError)             a value given by the caller is wrong: image, parameter, option
    |   |-- ImageError                      not an Image: uint8 (H, W, 3) BGR
    |   |-- ParameterError                  unknown effect key, value out of range or of the wrong type
    |   `-- MaskError                       not a mask of that picture, or no way to make one
    |-- NotFound (FileNotFoundError)        no such file, model or effect
    |-- OutputExists (FileExistsError)      would overwrite something of the user's
    |-- SourceError (OSError)               a video, camera or stream that cannot be read
    |-- SinkError (OSError)                 an output that cannot be written
    |-- ModelError (ValueError)             an .onnx that is damaged, not ours, or not what its card says
    |-- DeviceError (RuntimeError)          the asked-for device cannot do the work
    |   `-- OutOfMemory (MemoryError)       its memory, or the machine's, is full; less at once may do
    `-- MissingExtra (ImportError)          an optional package is not installed; the message has the install line

A message says what, which value, and what would do.
"""

import difflib
from collections.abc import Iterable

_NEAR = 0.6  # ratio of what two words have in common from which on one may be meant by the other


class GancamError(Exception):
    """Any error that gancam raises on purpose."""


class InputError(GancamError, ValueError):
    """A value given by the caller is wrong."""


class ImageError(InputError):
    """Not an Image: uint8 (H, W, 3) BGR."""


class ParameterError(InputError):
    """Unknown effect key, value out of range or of the wrong type."""


class MaskError(InputError):
    """Not a mask of that picture, or no way to make one."""


class NotFound(GancamError, FileNotFoundError):
    """No such file, model or effect."""


class OutputExists(GancamError, FileExistsError):
    """Would overwrite something of the user's."""


class SourceError(GancamError, OSError):
    """A video, camera or stream that cannot be read."""


class SinkError(GancamError, OSError):
    """An output that cannot be written."""


class ModelError(GancamError, ValueError):
    """An .onnx that is damaged, not ours, or not what its card says."""


class DeviceError(GancamError, RuntimeError):
    """The asked-for device cannot do the work.

    Args:
        device: its name, as the user gave it.
        why: what it cannot do.
        cure: what would do, a command where there is one.
    """

    def __init__(self, device: str, why: str, cure: str) -> None:
        super().__init__(device, why, cure)
        self.device, self.why, self.cure = device, why, cure

    def __str__(self) -> str:
        return f"device {self.device!r}: {self.why}; {self.cure}"


class OutOfMemory(DeviceError, MemoryError):
    """Not enough memory, the device's or, for "cpu", the machine's: less at once may do."""


class MissingExtra(GancamError, ImportError):
    """An optional package is not installed."""


MALFORMED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What reading a text file of another form may raise besides ``OSError``: it is no UTF-8, JSON or TOML, has lists or
texts where tables were expected, numbers of hundreds of digits, or lists in lists in lists."""


def behind(error: BaseException, *kinds: type[BaseException]) -> BaseException | None:
    """Give `error`, or what it was raised from, where that is one of `kinds`; None where nothing is.

    Python 3.11 raises a RuntimeError from whatever comes up while a class names its fields, Ctrl-C, too.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kinds):
        cause = cause.__cause__
    return cause


def first_line(error: BaseException) -> str:
    """Return the first line of what `error` says, 200 characters of it at the most."""
    return str(error).strip().partition("\n")[0][:200]


def shown(value: object) -> str:
    """Write `value` for a message: as Python does, but in one line of 80 characters, and an array by its shape."""
    import numpy as np  # it takes 0.1 s to load, and what has an array to show has loaded it

    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:60]}... ({type(value).__name__})"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: `` (did you mean 'x'?)`` where one of `known` is near `word`, else all of them.

    For a message that names all of them itself, there is ``nearest``.
    """
    choices = sorted(known)
    there = "there is only" if len(choices) == 1 else "there are"
    return nearest(word, choices) or (f" ({there}: {', '.join(choices)})" if choices else "")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a message, `` (did you mean 'x'?)``; empty where none of `known` is near `word`.

    Of names in parts (``sr-x2.strength``) each has to be near: what they share would make all of them so.
    """
    lower = {choice.lower(): choice for choice in sorted(known, reverse=True)}
    if len(word) * _NEAR > (2 - _NEAR) * max(map(len, lower), default=0):  # it has too much that none of them has
        return ""
    word, parts = word.lower(), word.lower().split(".")
    if len(whole := [choice for choice in lower if word in choice.split("-")]) == 1:  # comic, of style-comic
        return f" (did you mean {lower[whole[0]]!r}?)"

    def near(choice: str) -> bool:
        others = choice.split(".")
        pairs = zip(parts, others, strict=True) if len(parts) == len(others) else [(word, choice)]
        return all(difflib.SequenceMatcher(None, other, part).ratio() >= _NEAR for part, other in pairs)

    close = difflib.get_close_matches(word, filter(near, lower), n=1, cutoff=_NEAR)
    return f" (did you mean {lower[close[0]]!r}?)" if close else ""


def either(words: Iterable[str]) -> str:
    """Write what there is to choose from, in English: "a", "a or b", "a, b or c"."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
