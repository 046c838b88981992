"""Which module has which command: only that of the command that is asked for is loaded, which takes half the time."""

from collections.abc import Sequence
from importlib import import_module

_MODULES = {  # by command, in the order of the help: first those that everybody uses
    "process": "process", "live": "live", "studio": "studio", "demo": "demo", "models": "models",
    "sample": "generate", "morph": "generate", "train": "training", "export": "training", "import": "importing",
    "verify": "inspect", "bench": "bench", "doctor": "inspect",
}  # fmt: skip
COMMANDS = {  # what the list of commands says of each: the first sentence of its help
    "process": "Take videos and images through effects into new files.",
    "live": "Play a camera, a stream or a video file through effects.",
    "studio": "Open all of it as a page in your browser.",
    "demo": "Upscale a short bundled clip and show the difference.",
    "models": "List models and effects, or show one of them.",
    "sample": "Make pictures with a generator, as a grid or as files.",
    "morph": "Make a video that morphs through pictures of a generator.",
    "train": "Train a GAN of your own, or go on with one.",
    "export": "Make model files of a training run.",
    "import": "Add somebody else's model to your own, under a name.",
    "verify": "Show what a file kept of the one that it was made from.",
    "bench": "Measure how fast models are on this machine.",
    "doctor": "Check what works on this machine, and say what would do.",
}
"""The names of all commands, in the order of the help, with what each does."""


def load_commands(arguments: Sequence[str] | None = None) -> None:
    """Add to the application the command that `arguments` name, or none where they name none; all of them by default.

    The list of commands is complete without any of them.
    """
    if arguments is None:
        modules = [*_MODULES.values()]
    else:
        named = next((word for word in arguments if not word.startswith("-")), "")
        modules = [_MODULES[named]] if named in _MODULES else []
    for module in dict.fromkeys(modules):
        import_module(f"gancam.cli.{module}")
