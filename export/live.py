"""gancam train ... --live SOURCE: a live picture of what is being trained, renewed every few seconds.

The averaged weights become a model file here, in the process that trains, and `gancam live --watch split` plays it in
another one: neither waits for the other.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from torch import nn

from export.plan import exporter
from export.preview import write
from train.console import Console
from train.recipe import Recipe
from train.watch import Watcher

SECONDS = 3.0  # between model files
YIELD = 0.25  # seconds for which training leaves the cores to the player, which loads the file then
FILE = "live.onnx"  # in the run's folder
PLACE = ":region=0.22/0/0.56/1:shape=box"  # of a generator's pictures: in the middle, where the two halves meet


class LivePicture(Watcher):
    """Writes the averaged weights as a model file, and plays it.

    Args:
        recipe: What is trained.
        run: The run's folder.
        source: What is played: a camera's index, a file, a URL, or test.
        outputs: Where to, as `gancam live --to` takes them.
        console: Is told what fails.

    Raises:
        ValueError: The source or an output is none, or nothing can be exported of the recipe.
    """

    weights_seconds = SECONDS

    def __init__(self, recipe: Recipe, run: Path, source: str, outputs: Sequence[str], console: Console) -> None:
        self._exporter = exporter(recipe)
        self._recipe, self._file, self._source, self._outputs = recipe, run / FILE, source, outputs
        self._console = console
        self._player: subprocess.Popen[bytes] | None = None
        self._failed = ""
        self._check()

    def weights(self, iteration: int, ema: nn.Module) -> None:
        """Write the file anew, and begin to play it the first time; what cannot be exported is told."""
        try:
            effect = write(self._recipe, ema.state_dict(), self._file)
        except (ValueError, RuntimeError, OSError, KeyError) as error:
            if str(error) != self._failed:
                self._failed = str(error)
                self._console.say(f"--live: cannot be exported, training goes on: {' '.join(str(error).split())[:200]}")
            return
        self._failed = ""
        if self._player is None:
            self._play(PLACE if effect == "morph" else "")
        else:
            time.sleep(YIELD)

    def _check(self) -> None:
        """Ask a player whether the source and the outputs are some, before hours of training."""
        words = [sys.executable, "-P", "-m", "gancam.cli.probe", self._source, *self._outputs]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise ValueError(f"--live: {' '.join(done.stderr.split()).removeprefix('gancam: ')}")

    def step(self) -> None:
        """Notice when the player was closed."""
        if self._player is not None and self.weights_seconds and self._player.poll() is not None:
            self.weights_seconds = 0.0
            how = "failed" if self._player.returncode else "was closed, or its source has ended"
            self._console.say(f"--live: the live picture {how}; training goes on")

    def _play(self, params: str) -> None:
        words = ["live", self._source, "-e", f"{self._file}{params}", "--watch", "split", "--precision", "fp32"]
        words += ["--threads", "1", "--overwrite", "--json"]
        for output in self._outputs:
            words += ["--to", output]
        self._player = subprocess.Popen([sys.executable, "-P", "-m", "gancam", *words], stdout=subprocess.PIPE)

    def close(self) -> None:
        """End the player as Ctrl-C does, so that it finishes its files, and say what renewing its picture cost."""
        if self._player is None:
            return
        if self._player.poll() is None:
            self._player.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
        try:
            said, _ = self._player.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._player.kill()
            said, _ = self._player.communicate()
        self._player = None
        with suppress(ValueError):  # it was killed before its report
            for note in json.loads(said)["notes"]:
                if "loaded anew" in note:
                    self._console.say(f"--live: {note}")
