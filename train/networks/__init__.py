"""One file per network family, named by a recipe's ``[network] family``; its ``build(**options)`` makes the network."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from inspect import Parameter, signature
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, get_type_hints

from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from train.options import check as check_option
from train.options import check_keys, did_you_mean

MOST_WEIGHTS = 1 << 28  # a gibibyte of them; training takes about five times as much


def build(family: str, **options: Any) -> nn.Module:
    """The network of `family` (a file of this folder) with its recipe's options.

    Raises ``ValueError`` for an unknown family or option.
    """
    module = _family(family)
    check(family, options)
    try:
        with _bounded(f"network family {family!r} with {options}"):
            network: nn.Module = module.build(**options)
    except (TypeError, RuntimeError, ArithmeticError, IndexError, MemoryError) as error:
        if is_out_of_memory(error):
            what = "takes more memory than there is: fewer channels or a smaller resolution would do"
            raise ValueError(f"network family {family!r} with {options} {what}") from error
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"network family {family!r} refuses its options {options}: {said}") from error
    return network


@contextmanager
def _bounded(what: str) -> Iterator[None]:
    """Raise ``ValueError`` once `what` is built here has more than `MOST_WEIGHTS`, before they fill the memory."""
    weights = 0

    def add(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal weights
        weights += 0 if parameter is None else parameter.numel()
        if weights > MOST_WEIGHTS:
            raise ValueError(f"{what} has more than {MOST_WEIGHTS:,} weights: fewer channels or less depth would do")

    hook = register_module_parameter_registration_hook(add)
    try:
        yield
    finally:
        hook.remove()


def fill(network: nn.Module, weights: Mapping[str, Tensor], recipe: str, where: object) -> None:
    """Copy `weights` into `network`, which a `recipe` names; `where` they are from begins a message.

    Raises ``ValueError``, of one line, where they are another network's: the recipe's family may have changed since.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        first = " ".join("".join(str(error).splitlines()[1:2]).split())
        what = f"its weights are not those of recipe {recipe!r} as it is now"
        raise ValueError(f"{where}: {what} ({first[:160]}{' ...' if len(first) > 160 else ''})") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether PyTorch, on any device, says that memory is at an end, or that a size is beyond what numbers count."""
    words = "allocate", "out of memory", "not enough memory", "overflow"
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def check(family: str, given: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an option that a family does not have, one of another kind, and one that is missing."""
    where = f"network family {family!r} refuses its options:"
    build = _family(family).build
    function: Any = vars(build)["__init__"] if isinstance(build, type) else build
    kinds = get_type_hints(function, include_extras=True)
    known = signature(build).parameters
    check_keys(f"{where} unknown", given, known)
    if lost := [name for name, one in known.items() if one.default is Parameter.empty and name not in given]:
        raise ValueError(f"{where} it needs {lost[0]}")
    for name, value in given.items():
        check_option(f"{where} {name}", value, kinds[name], empty=known[name].default == ())


def options(family: str) -> list[str]:
    """List the names of the options of a family. Raises ``ValueError`` for an unknown family."""
    return list(signature(_family(family).build).parameters)


def defaults(family: str) -> dict[str, Any]:
    """What the options of a family are where a recipe does not say. Raises ``ValueError`` for an unknown family."""
    given = signature(_family(family).build).parameters.values()
    return {one.name: one.default for one in given if one.default is not Parameter.empty}


def _family(name: str) -> ModuleType:
    families = [one.name for one in iter_modules(__path__)]
    if name in families and hasattr(module := import_module(f"{__name__}.{name}"), "build"):
        return module
    known = sorted(one for one in families if hasattr(import_module(f"{__name__}.{one}"), "build"))
    raise ValueError(f"no network family {name!r}{did_you_mean(str(name), known)}")
