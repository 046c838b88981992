"""How somebody else's models are named, and what is said of them where they play."""

import re
from pathlib import Path

from gancam.inference.importing.convention import Convention
from gancam.inference.importing.foreign import asked
from gancam.inference.importing.weights import SUFFIXES

_OPTIONS = {"effect": "--effect {}", "order": "--order {}", "range": "--range={}"}  # that confirm what was found


def plain_name(source: Path) -> str:
    """Name what is made of `source` as the file is, in letters, digits, - and _, without the ending of a precision."""
    plain = source.stem if source.suffix.lower() in (".onnx", *SUFFIXES) else source.name
    plain = re.sub(r"\.(fp16|fp32|int8)$", "", plain, flags=re.IGNORECASE)
    return re.sub(r"[^\w-]+", "-", plain).strip("-") or "model"


def said(found: Convention, file: str | Path = "FILE", name: str = "") -> str:
    """What is not certain of a model, at the end of a line, with the commands that say otherwise or end the doubt.

    Args:
        found: What it is taken for.
        file: The user's file.
        name: That under which the user has imported it, "" where the file itself is played.
    """
    if not found.doubts:
        return ""
    again = again_as(file, name) if name else ""
    told = "; ".join(found.doubts).replace("(--", f"({asked(file, f'{again}--')}")
    sure = confirming(found)
    end = f"; {asked(file, (again or '--sidecar ') + sure)} if it is right as it is" if sure else ""
    return f"; not certain: {told}{end}"


def again_as(file: str | Path, name: str) -> str:
    """The options with which a file is imported once more under the `name` that it has."""
    return f"{'' if plain_name(Path(file)) == name else f'--name {name} '}--overwrite "


def confirming(found: Convention) -> str:
    """The options of `gancam import` that say what was found, of all that is doubted and can be said by one."""
    values = {"effect": found.effect, "order": found.order, "range": found.range}
    doubted = [name for name in _OPTIONS if any(f"(--{name}" in doubt for doubt in found.doubts)]
    return " ".join(_OPTIONS[name].format(values[name]) for name in doubted)
