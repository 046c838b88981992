"""A queue of trainings for a GPU that is there for minutes, at a scale that a CPU does not reach.

    python benchmarks/gpu.py OUT --train DATA [--minutes 12] [--device cuda]

DATA/photos is a folder of photos; DATA/generators has a folder or a .zip of pictures for each generator. Each training
gets an equal part of the minutes and writes a checkpoint each minute into OUT/runs/NAME; the same command goes on from
there, also on another machine, with that folder. What ends early leaves its minutes to the others.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
EVERY = 60  # seconds between checkpoints
_GRACE = 90  # seconds that one which was told to stop may take for its last checkpoint and sheet


@dataclass(frozen=True)
class Training:
    """One training of the queue: a recipe, and what is larger than there."""

    name: str
    recipe: str
    data: Path
    changes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # by table of the recipe
    batch: int = 0  # 0: the recipe's
    longer: float = 1.0  # times the recipe's iterations


def queue(data: Path, *, quick: bool) -> list[Training]:
    """What there is data for, the most wanted first; with `quick` as small as the recipes allow."""
    photos = data / "photos"
    sets = sorted((data / "generators").glob("*")) if (data / "generators").is_dir() else []
    found = []
    for pictures in sets:
        side = {"resolution": 32 if quick else 128}
        width = {"channels": 8, "most": 16, "latent": 16} if quick else {"channels": 64, "most": 256}
        eyes = {"side": 64, "channels": 8, "most": 8} if quick else {}
        changes = {"network": {**side, **width}, "discriminator": {**side, **eyes}, "data": side}
        name = f"{pictures.stem}-{side['resolution']}"
        found.append(Training(name, "stylegan", pictures, changes, batch=4 if quick else 64, longer=2.0))
    if photos.is_dir():
        best = {"channels": 8, "depth": 1, "expansion": 8} if quick else {"channels": 64, "depth": 6}
        holes = {"widths": [8, 8, 8, 8], "depth": 2} if quick else {"widths": [64, 128, 192, 224], "depth": 8}
        crops = {"data": {"patch": 16}} if quick else {}
        batch = 2 if quick else 64
        found += [
            Training("sr-x2-best", "sr-x2", photos, {"network": best, **crops}, batch=batch, longer=3.0),
            Training("inpaint-best", "inpaint", photos, {"network": holes}, batch=batch, longer=3.0),
            Training("sr-x4-best", "sr-x4", photos, {"network": best, **crops}, batch=batch, longer=3.0),
        ]
    return found


def written(training: Training, folder: Path) -> Path:
    """The recipe of a training as a file of its own."""
    text = (ROOT / "train" / "recipes" / f"{training.recipe}.toml").read_text(encoding="utf-8")
    text = re.sub(r'^start = ".*$', "", text, flags=re.MULTILINE)  # another size has nothing to begin with
    if training.batch:
        text = re.sub(r"^batch = \d+", f"batch = {training.batch}", text, flags=re.MULTILINE)
    text = re.sub(
        r"^iterations = (\d+)", lambda found: f"iterations = {round(int(found[1]) * training.longer)}", text,
        flags=re.MULTILINE,
    )  # fmt: skip
    for name, values in training.changes.items():
        text += f"\n[given.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{training.name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def play(training: Training, out: Path, device: str, seconds: float, *, quick: bool) -> dict[str, object]:
    """Train for so many seconds, from the last checkpoint where there is one."""
    run = out / "runs" / training.name
    command = [sys.executable, "-m", "train", str(written(training, out / "recipes")), "--data", str(training.data)]
    command += ["--run", str(run), "--device", device, "--checkpoint-seconds", str(EVERY)]
    command += ["--stop-after", "3"] if quick else []
    log = out / f"{training.name}.log"
    began = time.monotonic()
    with log.open("ab") as said:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=ROOT, env={**os.environ, "PYTHONPATH": path})
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # it writes a checkpoint and ends
            try:
                code = process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    return {
        "name": training.name, "exit": code, "seconds": round(time.monotonic() - began),
        "checkpoint": any(run.glob("*.pt*")), "last_line": " ".join(last)[:200],
    }  # fmt: skip


def play_queue(data: Path, out: Path, device: str, *, minutes: float, quick: bool) -> int:
    """Play the whole queue; 0 where every training left a checkpoint."""
    out, data = out.resolve(), data.resolve()
    out.mkdir(parents=True, exist_ok=True)
    waiting = queue(data, quick=quick)
    if not waiting:
        print(f"{data}: has neither photos nor generators", file=sys.stderr)
        return 2
    ends, rows = time.monotonic() + 60 * minutes, []
    for index, training in enumerate(waiting):
        share = (ends - time.monotonic()) / (len(waiting) - index)
        rows.append(play(training, out, device, max(share, 5.0), quick=quick))
        print(json.dumps(rows[-1]), flush=True)
        (out / "training.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row["checkpoint"] and row["exit"] in (0, 128 + signal.SIGTERM) for row in rows) else 1
