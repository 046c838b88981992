"""Effects: image in, image out. One file an effect; a model's card names the file that plays it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from gancam.effects._contract import (
    Effect,
    FunctionEffect,
    ImageFunction,
    MaskedEffect,
    ModelEffect,
    as_effect,
    as_effects,
)
from gancam.effects._registered import make
from gancam.effects._slot import EffectSlot, slots, unique_names
from gancam.effects._spec import (
    EffectSpec,
    check_spec,
    declared,
    effect_module,
    effect_names,
    own_effect,
    spec_params,
)
from gancam.effects._watched import WatchedEffect
from gancam.effects._wrapper import EffectWrapper
from gancam.errors import InputError, ModelError
from gancam.inference.catalog import open_model

if TYPE_CHECKING:
    from gancam.effects import _options as options
    from gancam.effects.background import Background
    from gancam.effects.inpaint import Inpaint
    from gancam.effects.morph import Morph
    from gancam.effects.super_resolution import SuperResolution
    from gancam.effects.translate import Translate

AnyEffect = TypeVar("AnyEffect", bound=ModelEffect)


@overload
def load(
    name: "options.SuperResolutionName",
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: "Unpack[options.SuperResolutionOptions]",
) -> "SuperResolution": ...


@overload
def load(
    name: "options.TranslateName",
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: "Unpack[options.TranslateOptions]",
) -> "Translate": ...


@overload
def load(
    name: "options.InpaintName",
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: "Unpack[options.InpaintOptions]",
) -> "Inpaint": ...


@overload
def load(
    name: "options.BackgroundName",
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: "Unpack[options.BackgroundOptions]",
) -> "Background": ...


@overload
def load(
    name: "options.MorphName",
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: "Unpack[options.MorphOptions]",
) -> "Morph": ...


@overload
def load(
    name: str | Path,
    *,
    kind: type[AnyEffect],
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> AnyEffect: ...


@overload
def load(
    name: str | Path,
    *,
    kind: None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> ModelEffect: ...


def load(
    name: str | Path,
    *,
    kind: type[ModelEffect] | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> ModelEffect:
    """Open the effect of a bundled model (`"sr-x2"`) or of an .onnx file, ready to be called.

    Args:
        name: A name that ``gancam models`` lists, or a path.
        kind: The class that it must be, ``gancam.Morph`` say; type checkers then know it of a file of yours, too.
        device: auto, cpu, cuda or tensorrt; cuda:N is the GPU number N.
        precision: auto, fp32, fp16 or int8.
        threads: Those of one call on the CPU; None for what is fastest.
        **params: The effect's own declared parameters; where none is given, what the model's card says suits it.

    Raises:
        NotFound: Where there is no such model; the message names what is near.
        ModelError: For a file that is no model, or of an effect that this gancam does not have, or of another kind.
        DeviceError: For a device that is not there.
        InputError: For a name that is neither text nor a path, and a kind that is no class.
        ParameterError: For a parameter that the effect does not have, and a value that it cannot have.
    """
    if not isinstance(name, str | Path):
        raise InputError(f"name {name!r} is {type(name).__name__}: needs a model's name, or the path of a model file")
    if kind is not None and not isinstance(kind, type):
        raise InputError(f"kind {kind!r} is {type(kind).__name__}: needs a class, such as gancam.Morph")
    model = open_model(name, device=device, precision=precision, threads=threads)
    module = effect_module(model.card.effect)
    if module is None:
        raise ModelError(
            f"{model.path}: its card names the effect {model.card.effect!r}, which this gancam does not have"
        )
    effect: ModelEffect = module.build(model, {**model.card.defaults, **params})
    if kind is not None and not isinstance(effect, kind):
        raise ModelError(f"{name}: is played by {type(effect).__name__}, not by {kind.__name__}")
    return effect


def open_effect(
    spec: EffectSpec, *, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> Effect:
    """Open the effect that `spec` names: of a model, or one that another package has registered. See `load`."""
    alone = own_effect(spec.name)
    if alone is not None:
        return make(alone, spec.params)
    params: Mapping[str, Any] = spec.params  # none of which is called as those of `load`
    effect: ModelEffect = load(spec.name, device=device, precision=precision, threads=threads, **params)
    return effect


__all__ = [
    "Effect", "EffectSlot", "EffectSpec", "EffectWrapper", "FunctionEffect", "ImageFunction", "MaskedEffect",
    "ModelEffect", "WatchedEffect", "as_effect", "as_effects", "check_spec", "declared", "effect_names", "load",
    "open_effect", "own_effect", "slots", "spec_params", "unique_names",
]  # fmt: skip
