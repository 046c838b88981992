"""The GAN of the first paper, dense layers only: python mlp.py DATA VIDEO [options of gancam train]."""

import subprocess
import sys

gancam = [sys.executable, "-m", "gancam"]
data, video, *options = sys.argv[1:]
subprocess.run([*gancam, "train", "mlp-mnist", "--data", data, "--run", "runs/mlp", *options], check=True)
subprocess.run([*gancam, "train", "curves", "runs/mlp"], check=True)
subprocess.run([*gancam, "morph", "runs/mlp", video, "--seeds", "1,5,9", "--seconds", "2", "--quiet"], check=True)
