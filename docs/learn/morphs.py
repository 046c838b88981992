"""Pictures that turn into each other: python morphs.py PICTURES VIDEO [options of gancam train]."""

import subprocess
import sys

gancam = [sys.executable, "-m", "gancam"]
pictures, video, *options = sys.argv[1:]
subprocess.run([*gancam, "train", "stylegan", "--data", pictures, "--run", "runs/morphs", *options], check=True)
subprocess.run([*gancam, "sample", "runs/morphs", "samples.png", "-n", "16"], check=True)
subprocess.run([*gancam, "morph", "runs/morphs", video, "--seeds", "1,5,9", "--seconds", "1", "--quiet"], check=True)
