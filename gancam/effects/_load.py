"""Effects opened: by the name of a model, by a file, or by the text of the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack, overload

from gancam.effects._checks import prefix_errors
from gancam.effects._contract import Effect, ModelEffect
from gancam.effects._registered import make
from gancam.effects._spec import EffectSpec, declared_for, effect_module, own_effect, spec_of
from gancam.errors import InputError, MaskError, ModelError, NotFound, ParameterError, SourceError, shown
from gancam.inference.card import ModelCard
from gancam.inference.catalog import open_model

if TYPE_CHECKING:
    from gancam.effects import _options as options
    from gancam.effects.background import Background
    from gancam.effects.inpaint import Inpaint
    from gancam.effects.morph import Morph
    from gancam.effects.super_resolution import SuperResolution
    from gancam.effects.translate import Translate

AnyEffect = TypeVar("AnyEffect", bound=Effect)


@overload
def load(
    name: "options.SuperResolutionName", **params: "Unpack[options.SuperResolutionOptions]"
) -> "SuperResolution": ...


@overload
def load(name: "options.TranslateName", **params: "Unpack[options.TranslateOptions]") -> "Translate": ...


@overload
def load(name: "options.InpaintName", **params: "Unpack[options.InpaintOptions]") -> "Inpaint": ...


@overload
def load(name: "options.BackgroundName", **params: "Unpack[options.BackgroundOptions]") -> "Background": ...


@overload
def load(name: "options.MorphName", **params: "Unpack[options.MorphOptions]") -> "Morph": ...


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
    name: Path,
    *,
    kind: None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> ModelEffect: ...


@overload
def load(name: str, *, kind: None = None, **params: "Unpack[options.PictureOptions]") -> ModelEffect: ...


@overload
def load(name: str, *, kind: None = None, **params: "Unpack[options.InpaintOptions]") -> ModelEffect: ...


@overload
def load(name: str, *, kind: None = None, **params: "Unpack[options.MorphOptions]") -> ModelEffect: ...


@overload
def load(name: str, *, kind: None = None, **params: "Unpack[options.FacesOptions]") -> ModelEffect: ...


def load(
    name: str | Path,
    *,
    kind: type[Effect] | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: object,
) -> Effect:
    """Open the effect of a bundled model (`"sr-x2"`) or of an .onnx file, or of a package, ready to be called.

    Args:
        name: A name that ``gancam models`` lists, or a path. Parameters may follow either as on the command line:
            ``"sr-x2:strength=0.5"``.
        kind: The class that it must be, ``gancam.Morph`` say; type checkers then know it of a file of yours, too, and
            of an effect that another package registered, which is no ``ModelEffect``, and may have other parameters
            than those of gancam's effects.
        device: auto, cpu, cuda, tensorrt or webgpu; cuda:N is the NVIDIA GPU number N. It, precision and threads are a
            model's.
        precision: auto, fp32, fp16 or int8.
        threads: Those of one call on the CPU; None for what is fastest.
        **params: The effect's own declared parameters; where none is given, what the model's card says suits it.

    Raises:
        NotFound: Where there is no such model; the message names what is near.
        ModelError: For a file that is no model, or of an effect that this gancam does not have, or of another kind.
        DeviceError: For a device that is not there.
        InputError: For a name that is neither text nor a path, a kind that is no class, and what is given twice.
        ParameterError: For a parameter that the effect does not have, and a value that it cannot have.
    """
    if not isinstance(name, str | Path):
        raise InputError(f"name {shown(name)} is {type(name).__name__}: needs a model's name, or a model file's path")
    if kind is not None and not isinstance(kind, type):
        raise InputError(f"kind {shown(kind)} is {type(kind).__name__}: needs a class, such as gancam.Morph")
    spec = spec_of(name)
    if twice := sorted(spec.params.keys() & params.keys()):
        raise InputError(f"{name!r} has {twice[0]}, which is given as {twice[0]}={shown(params[twice[0]])}, too")
    effect = _opened(spec.name, {**spec.params, **params}, device, precision, threads)
    if kind is not None and not isinstance(effect, kind):
        raise ModelError(f"{name}: is played by {type(effect).__name__}, not by {kind.__name__}")
    return effect


def open_effect(
    spec: EffectSpec, *, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> Effect:
    """Open the effect that `spec` names. See `load`."""
    return _opened(spec.name, spec.params, device, precision, threads)


def _opened(name: str, params: Mapping[str, object], device: str, precision: str, threads: int | None) -> Effect:
    alone = own_effect(name)
    if alone is not None:
        return make(alone, params)
    model = open_model(name, device=device, precision=precision, threads=threads)
    module = effect_module(model.card.effect)
    if module is None:
        raise ModelError(
            f"{model.path}: its card names the effect {model.card.effect!r}, which this version of gancam does not have"
        )
    _check_defaults(model.card, model.path)
    with prefix_errors(model.card.name, MaskError, NotFound, SourceError):
        effect: ModelEffect = module.build(model, {**model.card.defaults, **params})
    return effect


def _check_defaults(card: ModelCard, path: Path) -> None:
    """Refuse a card whose defaults its effect does not have, or that cannot be. Raises ``ModelError``."""
    declared = declared_for(card)
    try:
        if declared is not None:
            declared.of(**card.defaults)
    except ParameterError as error:
        raise ModelError(f"{path}: its card's defaults: {error}") from error
