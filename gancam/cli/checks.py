"""Parse and check options of the command line, before a model is loaded."""

import glob
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from gancam.budget import LONGEST
from gancam.effects import EffectSpec, check_spec
from gancam.errors import InputError, NotFound, SinkError, SourceError, either
from gancam.files import check_target, refuse_existing
from gancam.inference import providers
from gancam.inference.catalog import NONE
from gancam.jobs.checks import deinterlace_word
from gancam.jobs.spec import EffectChainSpec
from gancam.media.messages import without_secrets
from gancam.media.paths import IMAGES, SequencePath, classify
from gancam.sources.camera import cameras
from gancam.sources.decoders import Deinterlace

_PRECISIONS = ("auto", "fp32", "fp16", "int8")
_MOST_PIXELS = 16384  # of a side: that of a video in H.264; a picture as large has 805 MB
PRESET_EFFECTS = "gancam.specs"  # key of a context under which a preset's effects are kept


@contextmanager
def named_after(path: Path | None) -> Iterator[None]:
    """Put the name of the preset that effects come from before what is wrong with them; None is no preset."""
    try:
        yield
    except (InputError, NotFound) as error:
        if path is None or str(error).startswith(f"{path}: "):
            raise
        raise type(error)(f"{path}: {error}") from error


def parse_frame_time(fps: float | None, milliseconds: float | None) -> float | None:
    """Give the seconds that a frame may take by --target-fps or --target-ms; None without."""
    if fps is None and milliseconds is None:
        return None
    if fps is not None and milliseconds is not None:
        raise InputError("use either --target-fps or --target-ms: both set the time that a frame may take")
    for option, target in (("--target-fps", fps), ("--target-ms", milliseconds)):
        if target is not None and not 0 < target < math.inf:
            raise InputError(f"{option} {target:g}: needs a number above 0")
    seconds = milliseconds / 1000 if milliseconds is not None else 1 / (fps or 1)
    if seconds > LONGEST:
        option = f"--target-fps {fps:g}" if fps is not None else f"--target-ms {milliseconds:g}"
        raise InputError(f"{option}: needs at most {LONGEST:g} s a frame")
    return seconds


def check_chain(chain_spec: EffectChainSpec, preset: Path | None = None) -> None:
    """Find what is wrong with effects, their parameters, device and precision, before a model is opened.

    Args:
        chain_spec: The effects.
        preset: The file that they come from, for messages.

    Raises:
        InputError: For an unknown parameter, value, device or precision.
        NotFound: For an effect that is not there.
    """
    check_device(chain_spec.device, chain_spec.precision)
    with named_after(preset):
        for spec in chain_spec.specs:
            check_spec(spec)


def check_device(device: str, precision: str, *more: str) -> None:
    """Refuse an unknown device or precision; `more` are precisions that are known too. Raises ``InputError``."""
    try:
        providers.check_device(device)
    except InputError:
        raise InputError(f"--device {device!r}: must be {providers.DEVICES}") from None
    if precision not in (*_PRECISIONS, *more):
        raise InputError(
            f"--precision {precision!r}: must be {', '.join([*_PRECISIONS[:-1], *more])} or {_PRECISIONS[-1]}"
        )


def check_log(path: Path | None, *, overwrite: bool) -> None:
    """Find what is in the way of writing a log to `path`; None is no log. Raises ``SinkError``, ``OutputExists``."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}")
    refuse_existing(path, overwrite=overwrite)


def check_picture(path: Path | None, what: str, *, overwrite: bool) -> None:
    """Find what is in the way of writing an image to `path`; None is no image.

    Args:
        path: Where to write it.
        what: What it is called in messages.
        overwrite: Whether it may exist.

    Raises:
        InputError: Where the extension is not that of an image.
        SinkError: Where it cannot be written.
        OutputExists: Where it exists and may not be replaced.
    """
    if path is None:
        return
    if path.suffix.lower() not in IMAGES:
        raise InputError(f"{path}: the {what} is an image, so its extension must be {either(IMAGES)}")
    check_target(path, overwrite=overwrite)


def refuse_url(name: str | Path) -> None:
    """Raise ``InputError`` for a URL, where files alone are read and written; a ``Path`` has lost a slash of it."""
    mark = ":/" if isinstance(name, Path) else "://"
    if re.match(f"[A-Za-z][A-Za-z0-9+.-]+{mark}", str(name)) and not os.path.lexists(name):
        url = without_secrets(re.sub(":/+", "://", str(name), count=1))
        raise InputError(
            f"{url}: is a URL, but this command reads and writes files; gancam live plays URLs and sends to them"
        )


def check_source(text: str, *, loop: bool = False, deinterlace: Deinterlace = False, sized: bool = False) -> None:
    """Refuse what cannot be a live source, and options it has no use for, so far as is known without opening it.

    Args:
        text: The source.
        loop: Whether --loop is given.
        deinterlace: Whether --deinterlace is given; ``bob`` for --bob.
        sized: Whether --size is given.

    Raises:
        InputError: For an option that is not for such a source.
        NotFound: For a file or camera that is not there.
        SourceError: For what is no live source.
    """
    film = Path(text).is_file() or isinstance(classify(text), SequencePath)
    for given, option in ((loop, "--loop"), (deinterlace, deinterlace_word(deinterlace))):
        if given and not film:
            raise InputError(f"{option}: is for video files, and {text} is not one")
    what = "a live source is a camera's index or name, a URL, a video file, numbered images (frame-%06d.png) or test"
    if os.path.isdir(text):
        raise SourceError(f"{text}: is a folder; {what}")
    if isinstance(path := classify(text), SequencePath) and not path.images():
        raise NotFound(f"{text}: no image has such a name; {what}")
    if sized and (film or "://" in text):
        kind = "a file" if film else "a stream"
        raise InputError(f"--size: is for cameras and the test pattern; {text} is {kind}, which has its own size")
    if film or "://" in text or text == "test" or text.isdigit() or text.startswith("/dev/") or Path(text).exists():
        return
    there = cameras()
    if any(text.lower() in name.lower() for name in there.values()):
        return
    if text == "-":
        raise SourceError("-: gancam live cannot play standard input; gancam process - OUT reads it")
    if glob.has_magic(text):
        raise SourceError(f"{text}: is a pattern, which only gancam process accepts; {what}")
    named = "".join(f"; camera {index} is {name!r}" for index, name in there.items())
    raise NotFound(f"{text}: no such file; {what}{named}")


def parse_moment(option: str, text: str | None) -> Fraction | None:
    """Parse the time of an option, `10s`, `10.5` or `1:02:03`, into seconds; None stays None. Raises ``InputError``."""
    if text is None:
        return None
    parts = text.removesuffix("s").split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d{1,9}(\.\d{0,20})?|\.\d{1,20}", part) for part in parts):
        raise InputError(f"{option} {text!r}: needs seconds from the beginning, as in 10s, or HOURS:MINUTES:SECONDS")
    numbers = [Fraction(part) for part in parts]
    if any(number >= 60 for number in numbers[1:]) or any(number.denominator > 1 for number in numbers[:-1]):
        raise InputError(
            f"{option} {text!r}: minutes and seconds must be below 60, and only seconds may have decimals, as in "
            "1:02:03 or 2:39.5"
        )
    return sum((number * 60**power for power, number in enumerate(reversed(numbers))), Fraction(0))


def parse_size(text: str) -> tuple[int, int]:
    """Parse `1280x720`, of the option --size, into (width, height) in pixels. Raises ``InputError``."""
    width, _, height = text.lower().partition("x")
    sides = [int(side) for side in (width, height) if side.isdecimal() and len(side) < 10]
    if len(sides) < 2 or not all(0 < side <= _MOST_PIXELS for side in sides):
        raise InputError(f"--size {text!r}: needs WIDTHxHEIGHT, as in 1280x720, at most {_MOST_PIXELS} each")
    return sides[0], sides[1]


def parse_specs(texts: Sequence[str] | None) -> tuple[EffectSpec, ...]:
    """Parse effects as ``--effect`` has them; "none", which stands alone, is none. Raises ``InputError``."""
    if texts and NONE in texts:
        if others := [text for text in texts if text != NONE]:
            raise InputError(f"-e none: plays no effect, so -e {others[0]} cannot go with it: give one or the other")
        return ()
    return tuple(EffectSpec.parse(text) for text in texts or ())


def check_folder(path: Path | None) -> None:
    """Find what is in the way of making the folder `path`; None is no folder. Raises ``SinkError``."""
    if path is not None and path.exists() and not path.is_dir():
        raise SinkError(f"{path}: is a file, and a folder is needed")
    if path is not None and not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}")
