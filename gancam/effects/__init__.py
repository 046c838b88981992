"""Effects: image in, image out. One file an effect; a model's card names the file that plays it."""

from gancam.effects._chain import EffectSlot, as_effects, loaded_here, playing, slots, unique_names
from gancam.effects._checks import made_by, prefix_errors, size_after
from gancam.effects._contract import Effect, MaskedEffect, ModelEffect
from gancam.effects._function import EffectLike, FunctionEffect, ImageFunction, as_effect
from gancam.effects._load import load, open_effect
from gancam.effects._registered import package_of
from gancam.effects._spec import (
    EffectSpec,
    check_spec,
    declared,
    declared_for,
    effect_names,
    own_effect,
    own_effect_names,
    spec_params,
)
from gancam.effects._watched import WatchedEffect
from gancam.effects._wrapper import EffectChain, EffectWrapper
from gancam.threads import CallLock

__all__ = [
    "CallLock",
    "Effect",
    "EffectChain",
    "EffectLike",
    "EffectSlot",
    "EffectSpec",
    "EffectWrapper",
    "FunctionEffect",
    "ImageFunction",
    "MaskedEffect",
    "ModelEffect",
    "WatchedEffect",
    "as_effect",
    "as_effects",
    "check_spec",
    "declared",
    "declared_for",
    "effect_names",
    "load",
    "loaded_here",
    "made_by",
    "open_effect",
    "own_effect",
    "own_effect_names",
    "package_of",
    "playing",
    "prefix_errors",
    "size_after",
    "slots",
    "spec_params",
    "unique_names",
]  # fmt: skip
