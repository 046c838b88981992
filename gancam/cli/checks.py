"""Options checked before a model is loaded."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from gancam.effects import EffectSpec, check_spec
from gancam.errors import InputError, NotFound, SinkError
from gancam.files import check_target, refuse_existing
from gancam.jobs.spec import EffectChainSpec
from gancam.media.paths import IMAGES

_DEVICES, _PRECISIONS = ("auto", "cpu", "cuda"), ("auto", "fp32", "fp16", "int8")
EFFECT_HELP = "gancam.specs"  # of a preset, among what a context carries


@contextmanager
def named_after(path: Path | None) -> Iterator[None]:
    """What is wrong with effects is told with the name of the preset that has them."""
    try:
        yield
    except (InputError, NotFound) as error:
        if path is None or str(error).startswith(f"{path}: "):
            raise
        raise type(error)(f"{path}: {error}") from error


def parse_frame_time(fps: float | None, milliseconds: float | None) -> float | None:
    """The seconds a frame may take by --target-fps or --target-ms; None without."""
    if fps is None and milliseconds is None:
        return None
    if fps is not None and milliseconds is not None:
        raise InputError("--target-fps and --target-ms say the same in two ways: give one")
    if not all(0 < target < math.inf for target in (fps, milliseconds) if target is not None):
        raise InputError("--target-fps and --target-ms need more than 0")
    return milliseconds / 1000 if milliseconds is not None else 1 / (fps or 1)


def check_chain(recipe: EffectChainSpec, preset: Path | None = None) -> None:
    """Find what is wrong with effects, their parameters and how they are to run, before a model is opened."""
    check_device(recipe.device, recipe.precision)
    with named_after(preset):
        for spec in recipe.specs:
            check_spec(spec)


def check_device(device: str, precision: str, *more: str) -> None:
    if device not in _DEVICES:
        raise InputError(f"device {device!r} must be auto, cpu or cuda")
    if precision not in (*_PRECISIONS, *more):
        raise InputError(
            f"precision {precision!r} must be {', '.join([*_PRECISIONS[:-1], *more])} or {_PRECISIONS[-1]}"
        )


def check_log(path: Path | None, *, overwrite: bool) -> None:
    """Find what is in the way of a log that is written beside a video; None is no log."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}")
    refuse_existing(path, overwrite=overwrite)


def check_picture(path: Path | None, what: str, *, overwrite: bool) -> None:
    """Find what is in the way of an image that is not made of another; None is no image."""
    if path is None:
        return
    if path.suffix.lower() not in IMAGES:
        raise InputError(f"{path}: the {what} is an image, so it must end in {', '.join(IMAGES)}")
    check_target(path, overwrite=overwrite)


def parse_moment(text: str | None) -> Fraction | None:
    """Seconds of `10s`, `10.5` or `1:02:03`."""
    if text is None:
        return None
    try:
        parts = [Fraction(part) for part in text.removesuffix("s").split(":")]
        if len(parts) > 3:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise InputError(f"time {text!r}: needs seconds, as 10s, or HOURS:MINUTES:SECONDS") from None
    return sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))


def parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InputError(f"size {text!r}: needs WIDTHxHEIGHT, as in 1280x720")
    return int(width), int(height)


def parse_specs(texts: Sequence[str] | None) -> tuple[EffectSpec, ...]:
    return tuple(EffectSpec.parse(text) for text in texts or ())


def check_folder(path: Path | None) -> None:
    """Find what would keep `make_folder` from making it; None is no folder."""
    if path is not None and path.exists() and not path.is_dir():
        raise SinkError(f"{path}: is no folder")
    if path is not None and not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}")
