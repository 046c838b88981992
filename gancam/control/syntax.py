"""The lines of control files and sockets."""

import json

from gancam.errors import MALFORMED, InputError
from gancam.files import wrong_path

LONGEST = 1 << 20  # bytes of a control file, and of a command
POLL = 0.05  # seconds between looks at a control file


def parse_line(line: str) -> dict[str, object]:
    """Return the values by name in `line`: ``EFFECT.PARAMETER = VALUE``, or a JSON object of names and values.

    VALUE reaches to the end of the line; in double quotes it is a JSON string. Raises ``InputError``.
    """
    text = line.strip()
    if text.startswith("{"):
        return json_object(text)
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise InputError(f"{short(text)} is not EFFECT.PARAMETER = VALUE, nor a JSON object of such")
    if value.startswith('"'):
        try:
            return {name: json.loads(value)}
        except ValueError as error:
            raise InputError(f"{short(text)}: the quoted value is not a JSON string") from error
    return {name: value}


def json_object(text: str) -> dict[str, object]:
    """Parse a JSON object. Raises ``InputError`` for anything else."""
    try:
        said = json.loads(text)
    except MALFORMED as error:
        raise InputError(f"{short(text)} is not JSON") from error
    if not isinstance(said, dict):
        raise InputError(f"{short(text)} is not a JSON object")
    return said


def unexpected(error: Exception) -> str:
    """Write an error that is none of gancam's for who gave a command: of a path, or a fault of gancam's own."""
    return wrong_path(error) or f"a fault of gancam's own: {error!r}"


def short(text: str) -> str:
    """Quote `text` for a message, 60 characters of it at the most."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
