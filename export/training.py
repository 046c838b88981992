"""gancam train ...: what `train` does, with what needs model files: a live picture, and models to begin from."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train import arguments as command

if TYPE_CHECKING:
    from train.console import Console
    from train.recipe import Recipe
    from train.watch import Watcher


def live(recipe: "Recipe", run: Path, source: str, outputs: Sequence[str], console: "Console") -> "Watcher":
    """Make a live picture of what is trained, and room for it: a late frame is seen, a late iteration is not."""
    from export.live import LivePicture

    if os.name != "nt":
        os.nice(5)
    return LivePicture(recipe, run, source, outputs, console)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    if (code := command.done(command.make_parser().parse_args(arguments))) is not None:
        return code
    from export.start import read_model  # and PyTorch, which takes seconds: not before the words are known to be right
    from train import __main__ as training

    return training.main(arguments, preview=live, read_model=read_model)


if __name__ == "__main__":
    sys.exit(main())
