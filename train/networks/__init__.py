"""One file per network family. A recipe's ``[network] family`` names the file, which offers ``build(**options)``."""

from importlib import import_module
from typing import Any

from torch import nn


def build(family: str, **options: Any) -> nn.Module:
    """The network of `family` (a file of this folder) with its recipe's options.

    Raises ``ValueError`` for an unknown family or option.
    """
    try:
        module = import_module(f"{__name__}.{family}")
    except ModuleNotFoundError as error:
        raise ValueError(f"no network family {family!r}: train/networks/{family}.py does not exist") from error
    try:
        network: nn.Module = module.build(**options)
    except TypeError as error:
        raise ValueError(f"network family {family!r} refuses its options: {error}") from error
    return network
