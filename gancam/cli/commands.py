"""Which module has which command: only that of the command that is asked for is loaded, which takes half the time."""

from collections.abc import Sequence
from importlib import import_module

_MODULES = {  # by command, in the order of the help: first those that everybody uses
    "process": "process", "live": "live", "studio": "studio", "demo": "demo", "models": "models",
    "sample": "generate", "morph": "generate", "train": "training", "export": "training", "import": "importing",
    "verify": "inspect", "bench": "bench", "doctor": "inspect",
}  # fmt: skip
COMMANDS = tuple(_MODULES)
"""The names of all commands, in the order of the help."""


def load_commands(arguments: Sequence[str] = ()) -> None:
    """Add to the application the command that `arguments` name; where they name none, all of them."""
    named = next((word for word in arguments if not word.startswith("-")), "")
    modules = [_MODULES[named]] if named in _MODULES else _MODULES.values()
    for module in dict.fromkeys(modules):
        import_module(f"gancam.cli.{module}")
