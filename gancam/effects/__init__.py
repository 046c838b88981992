"""Effects: image in, image out. One file an effect; a model's card names the file that plays it."""

from importlib import import_module
from pathlib import Path
from typing import Literal, overload

from gancam.effects._contract import Effect, FunctionEffect, ImageFunction, MaskedEffect, ModelEffect, as_effect
from gancam.effects._slot import EffectSlot, slots, unique_names
from gancam.effects._spec import EffectSpec, check_spec, declared, effect_names
from gancam.effects._watched import WatchedEffect
from gancam.errors import ModelError
from gancam.inference.catalog import open_model


@overload
def load(
    name: Literal["inpaint"],
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> MaskedEffect: ...


@overload
def load(
    name: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> ModelEffect: ...


def load(
    name: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> ModelEffect:
    """Open the effect of a bundled model (`"sr-x2"`) or of an .onnx file, ready to be called.

    Args:
        name: A name that ``gancam models`` lists, or a path.
        device: auto, cpu or cuda.
        precision: auto, fp32, fp16 or int8.
        threads: Those of one call on the CPU; None for what is fastest.
        **params: The effect's own declared parameters.

    Raises:
        NotFound: Where there is no such model; the message names what is near.
        ModelError: For a file that is no model, or of an effect that this gancam does not have.
        DeviceError: For a device that is not there.
        ParameterError: For a parameter that the effect does not have, and a value that it cannot have.
    """
    model = open_model(name, device=device, precision=precision, threads=threads)
    if model.card.effect not in effect_names():
        raise ModelError(
            f"{model.path}: its card names the effect {model.card.effect!r}, which this gancam does not have"
        )
    effect: ModelEffect = import_module(f"{__name__}.{model.card.effect}").build(model, params)
    return effect


__all__ = [
    "Effect", "EffectSlot", "EffectSpec", "FunctionEffect", "ImageFunction", "MaskedEffect", "ModelEffect",
    "WatchedEffect", "as_effect", "check_spec", "declared", "load", "slots", "unique_names",
]  # fmt: skip
