"""A DCGAN with each practice switched on, one at a time.

python practices.py DATA [--only r1,hinge] [options of gancam train]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

BASE = """
task = "unconditional"
batch = 64
betas = [0.5, 0.999]
clip = {clip}
decay_l2 = {decay}
[network]
family = "dcgan"
resolution = 28
channels = 16
colours = 1
[discriminator]
family = "dcgan"
side = "discriminator"
resolution = 28
channels = 16
colours = 1
norm = "{norm}"
{switch}
[data]
resolution = 28
channels = 1
[[phase]]
name = "adversarial"
iterations = 1200
losses = {{ adversarial = 1.0 }}
lr = 2e-4
lr_discriminator = {lr}
"""
PRACTICES: dict[str, dict[str, object]] = {
    "none": {},
    "hinge": {"switch": 'loss = "hinge"'},
    "wasserstein-gp": {"switch": 'loss = "wasserstein"\ngradient_penalty = 10.0'},
    "r1": {"switch": "r1 = 0.5"},
    "spectral": {"norm": "spectral"},
    "batch-norm": {"norm": "batch"},
    "smoothing": {"switch": "smoothing = 0.1"},
    "flips": {"switch": "flips = 0.05"},
    "noise": {"switch": "noise = 0.1"},
    "likeness": {"switch": "likeness = true"},
    "two-rates": {"lr": 8e-4},
    "augment": {"switch": 'augment = ["translation"]\naugment_p = 0.4'},
    "clip": {"clip": 1.0},
    "weight-decay": {"decay": 1e-4},
}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("data")
parser.add_argument("--only", default=",".join(PRACTICES), help="practices, joined by commas")
asked, options = parser.parse_known_args()
for name in asked.only.split(","):
    switches = PRACTICES[name]
    values = {"clip": 0, "decay": 0.0, "norm": "none", "switch": "", "lr": 2e-4} | switches
    recipe = Path(f"practice-{name}.toml")
    recipe.write_text(BASE.format(**values))
    run = Path("runs", recipe.stem)
    command = [sys.executable, "-m", "gancam", "train", str(recipe), "--data", asked.data, "--run", str(run), *options]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    figures = next((line["evaluate"] for line in reversed(lines) if "evaluate" in line), {})
    told = "  ".join(
        f"{key} {figures[key]:.3g}" for key in ("frechet", "kl", "modes", "variety") if figures.get(key) is not None
    )
    print(f"{name:<16} {told or 'stopped before it was judged'}", flush=True)
