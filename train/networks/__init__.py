"""One file per network family, named by a recipe's ``[network] family``; its ``build(**options)`` makes the network."""

from importlib import import_module
from inspect import Parameter, signature
from types import ModuleType
from typing import Any

from torch import nn


def build(family: str, **options: Any) -> nn.Module:
    """The network of `family` (a file of this folder) with its recipe's options.

    Raises ``ValueError`` for an unknown family or option.
    """
    module = _family(family)
    try:
        network: nn.Module = module.build(**options)
    except TypeError as error:
        raise ValueError(f"network family {family!r} refuses its options: {error}") from error
    return network


def options(family: str) -> list[str]:
    """List the names of the options of a family. Raises ``ValueError`` for an unknown family."""
    return list(signature(_family(family).build).parameters)


def defaults(family: str) -> dict[str, Any]:
    """What the options of a family are where a recipe does not say. Raises ``ValueError`` for an unknown family."""
    given = signature(_family(family).build).parameters.values()
    return {one.name: one.default for one in given if one.default is not Parameter.empty}


def _family(name: str) -> ModuleType:
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise ValueError(f"no network family {name!r}: train/networks/{name}.py does not exist") from error
