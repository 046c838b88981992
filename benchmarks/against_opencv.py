"""sr-x2 against OpenCV's own super-resolution, in turn (A B A B), on one frame of the bundled clip.

OpenCV's lives in opencv-contrib-python, which replaces opencv-python, so it needs a virtual environment of its own:

    python3 -m venv contrib && contrib/bin/pip install opencv-contrib-python==4.11.0.86
    python benchmarks/against_opencv.py --contrib contrib/bin/python --weights DIR

DIR holds FSRCNN_x2.pb, ESPCN_x2.pb and FSRCNN-small_x2.pb, the weights that OpenCV's documentation recommends.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

PEERS = {"FSRCNN": "fsrcnn", "ESPCN": "espcn", "FSRCNN-small": "fsrcnn"}
PEER_CODE = """
import sys, time, cv2, numpy as np
frame, weights, kind = np.load(sys.argv[1]), sys.argv[2], sys.argv[3]
threads, calls = int(sys.argv[4]), int(sys.argv[5])
cv2.setNumThreads(threads)
net = cv2.dnn_superres.DnnSuperResImpl_create()
net.readModel(weights)
net.setModel(kind, int(sys.argv[6]))
net.upsample(frame)
for _ in range(calls):
    began = time.perf_counter()
    net.upsample(frame)
    print(time.perf_counter() - began)
"""
OUR_CODE = """
import sys, time, numpy as np, gancam
frame, model, threads, calls = np.load(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
effect = gancam.load(model, device="cpu", threads=threads)
for _ in range(3):
    effect(frame)
for _ in range(calls):
    began = time.perf_counter()
    effect(frame)
    print(time.perf_counter() - began)
"""


def timed(*command: str) -> list[float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [1000 * float(line) for line in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contrib", required=True, help="Python of the environment with opencv-contrib-python")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--model", default="sr-x2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    clip = Path(__file__).parent.parent / "samples" / "city.mp4"
    ok, frame = cv2.VideoCapture(str(clip)).read()
    if not ok:
        sys.exit(f"cannot read {clip}")
    saved = Path(f"/tmp/gancam-frame-{time.time_ns()}.npy")
    np.save(saved, frame)
    times: dict[str, list[float]] = {name: [] for name in ("gancam", *PEERS)}
    threads = str(options.threads)
    try:
        for _ in range(options.rounds):
            times["gancam"] += timed(sys.executable, "-c", OUR_CODE, str(saved), options.model, threads, "40")
            for name, kind in PEERS.items():
                weights = str(options.weights / f"{name}_x2.pb")
                times[name] += timed(options.contrib, "-c", PEER_CODE, str(saved), weights, kind, threads, "5", "2")
    finally:
        saved.unlink()
    ours = statistics.median(times["gancam"])
    print(f"{frame.shape[1]}x{frame.shape[0]} -> x2, {threads} threads, medians of {options.rounds} rounds in turn")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:14} {middle:7.1f} ms  {1000 / middle:6.1f} fps  {middle / ours:5.1f}x as long")


if __name__ == "__main__":
    main()
