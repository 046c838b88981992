"""Effects of other packages, by their entry points of the group ``gancam.effects``."""

from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from gancam.effects._contract import Effect, new_params
from gancam.effects._function import as_effect
from gancam.errors import GancamError, ModelError, first_line
from gancam.params import Params

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "gancam.effects"


@cache
def registered() -> Mapping[str, "EntryPoint"]:
    """List the entry points by name; of two packages with one name, the first that Python finds."""
    from importlib.metadata import entry_points  # a fifth of the time that a bundled model takes to load, without this

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, entry)
    return found


@cache
def _object(name: str) -> object:
    """What the entry point `name` stands for; None where there is none."""
    entry = registered().get(name)
    if entry is None:
        return None
    try:
        return entry.load()
    except Exception as error:  # a package's own code may do anything
        package = entry.dist.name if entry.dist is not None else entry.module
        raise ModelError(f"effect {name!r} of the package {package} cannot be loaded: {first_line(error)}") from error


def package_of(name: str) -> str:
    """Name the package that registered the effect `name`, and its version where that is known."""
    entry = registered()[name]
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.module


def player(name: str) -> ModuleType | None:
    """Find the module that plays models whose card names the effect `name`; None where that is no module."""
    found = _object(name)
    return found if isinstance(found, ModuleType) else None


def standalone(name: str) -> Callable[..., object] | None:
    """Find the effect `name` that needs no model: a subclass of ``Effect``, or a function ``image -> image``.

    Raises:
        ModelError: It cannot be loaded, or is neither, nor a module.
    """
    found = _object(name)
    if found is None or isinstance(found, ModuleType):
        return None
    if not callable(found):
        raise ModelError(
            f"effect {name!r}: its entry point is {type(found).__name__}; needs a subclass of gancam.Effect, "
            "a function image -> image, or a module with build(model, params)"
        )
    return found


def params_of(effect: Callable[..., object]) -> type[Params]:
    """Name the class of the parameters of what `standalone` found. Raises ``ModelError`` where one must be made."""
    return _params_of(effect) if isinstance(effect, type) and issubclass(effect, Effect) else Params


@cache
def _params_of(kind: type[Effect]) -> type[Params]:
    said = new_params(kind)
    return type(_made(kind).params) if said is None or type(said) is Params else type(said)


def make(effect: Callable[..., object], params: Mapping[str, object]) -> Effect:
    """Make the effect of what `standalone` found, with these parameters.

    Raises:
        ParameterError: For a parameter that does not exist, or cannot have that value.
        ModelError: It cannot be made.
    """
    params_of(effect).of(**params)
    if not (isinstance(effect, type) and issubclass(effect, Effect)):
        return as_effect(effect)  # type: ignore[arg-type]  # a function of images, by contract
    made = _made(effect)
    for name, value in params.items():
        made.params.set(name, value)
    return made


def _made(kind: type[Effect]) -> Effect:
    try:
        return kind()
    except GancamError:
        raise
    except Exception as error:  # a package's own code may do anything
        raise ModelError(
            f"the effect {kind.__qualname__} of {kind.__module__} cannot be made without arguments: {first_line(error)}"
        ) from error
