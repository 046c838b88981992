"""sr-x2 against the same network in PyTorch (compiled) and in ncnn, in turn (A B A B), on a frame of the bundled clip.

    python3 -m venv other && other/bin/pip install ncnn numpy opencv-python-headless
    python benchmarks/against_runtimes.py --ncnn other/bin/python

Every call takes and gives uint8 BGR and does the network's residual and shuffle. gancam plays the precision that it
chooses; PyTorch and ncnn play fp32 and bfloat16, and the faster counts. (ncnn's int8 needs its own calibration tools,
which its wheel does not have.) The PSNR is that against gancam's fp32.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx

from export.restore import constants_of
from gancam.inference.catalog import find

ROUND = """
import json, sys, time
import numpy as np
folder, precision, threads, calls = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
frame, stored = np.load(folder + "/frame.npy"), np.load(folder + "/weights.npz")
stack = [(stored[f"kernel{i}"], stored[f"bias{i}"]) for i in range(len(stored) // 2)]
BUILD
for _ in range(5):
    out = call(frame)
np.save(folder + "/out.npy", out)
times = []
for _ in range(calls):
    began = time.perf_counter()
    call(frame)
    times.append(time.perf_counter() - began)
print(json.dumps(times))
"""
GANCAM = """
import gancam
effect = gancam.load(stored_model, device="cpu", precision=precision, threads=threads)
call = effect
"""
TORCH = """
import torch
from torch.nn import functional as F
torch.set_num_threads(threads)
kind = torch.bfloat16 if precision == "bf16" else torch.float32
layers = [(torch.from_numpy(k).to(kind).contiguous(memory_format=torch.channels_last), torch.from_numpy(b).to(kind))
          for k, b in stack]
scale = round((len(stack[-1][1]) // 3) ** 0.5)
@torch.compile
def network(image):
    anchor = x = (image.permute(2, 0, 1)[None].to(kind) / 255).contiguous(memory_format=torch.channels_last)
    for index, (kernel, bias) in enumerate(layers):
        x = F.conv2d(x, kernel, bias, padding=1)
        x = F.relu(x) if index < len(layers) - 1 else x
    _, _, h, w = x.shape
    x = (x + anchor.repeat(1, scale * scale, 1, 1)).clamp(0, 1).mul(255).round().to(torch.uint8)
    return x.reshape(scale, scale, 3, h, w).permute(3, 0, 4, 1, 2).reshape(h * scale, w * scale, 3)
@torch.inference_mode()
def call(frame):
    return network(torch.from_numpy(frame)).numpy()
"""
NCNN = """
import cv2, ncnn
net = ncnn.Net()
net.opt.num_threads, net.opt.use_vulkan_compute = threads, False
net.opt.use_bf16_storage = precision == "bf16"
net.load_param(folder + "/network.param")
net.load_model(folder + "/network.bin")
def call(frame):
    given = ncnn.Mat.from_pixels(frame, ncnn.Mat.PixelType.PIXEL_BGR, frame.shape[1], frame.shape[0])
    given.substract_mean_normalize([], [1 / 255] * 3)
    extractor = net.create_extractor()
    extractor.input("data", given)
    _, found = extractor.extract("out")
    planes = cv2.convertScaleAbs(np.asarray(found).reshape(-1, found.w), alpha=255.0)
    return cv2.merge(list(planes.reshape(3, found.h, found.w)))
"""


def write_ncnn(stack: list[tuple[np.ndarray, np.ndarray]], folder: Path) -> None:
    """The network in ncnn's two files: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure"""
    scale = round((len(stack[-1][1]) // 3) ** 0.5)
    copies = [f"d{index}" for index in range(scale * scale + 1)]
    lines = ["Input data 0 1 data", f"Split split 1 {len(copies)} data {' '.join(copies)}"]
    at, content = copies[0], b""
    for index, (kernel, bias) in enumerate(stack):
        relu = int(index < len(stack) - 1)
        lines.append(f"Convolution conv{index} 1 1 {at} f{index} 0={len(bias)} 1=3 4=1 5=1 6={kernel.size} 9={relu}")
        at = f"f{index}"
        content += b"\0\0\0\0" + kernel.astype("<f4").tobytes() + bias.astype("<f4").tobytes()
    lines += [
        f"Concat concat {scale * scale} 1 {' '.join(copies[1:])} repeated 0=0",
        f"BinaryOp add 2 1 {at} repeated sum 0=0",
        f"PixelShuffle shuffle 1 1 sum shuffled 0={scale} 1=1",
        "Clip clip 1 1 shuffled out 0=0.0 1=1.0",
    ]
    blobs = 1 + len(copies) + len(stack) + 4
    (folder / "network.param").write_text("\n".join(["7767517", f"{len(lines)} {blobs}", *lines]) + "\n")
    (folder / "network.bin").write_bytes(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ncnn", help="Python of the environment with ncnn (default: left out)")
    parser.add_argument("--model", default="sr-x2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-torch", action="store_true", help="compiling takes a minute a round")
    parser.add_argument("--calls", type=int, default=30)
    options = parser.parse_args()
    path = find(options.model)
    model = onnx.load(path)
    named = constants_of(model)
    stack = [(named[node.input[1]], named[node.input[2]]) for node in model.graph.node if node.op_type == "Conv"]
    clip = Path(__file__).parent.parent / "samples" / "city.mp4"
    ok, frame = cv2.VideoCapture(str(clip)).read()
    if not ok:
        sys.exit(f"cannot read {clip}")
    ways = {
        "gancam fp32": (sys.executable, GANCAM, "fp32"), "gancam": (sys.executable, GANCAM, "auto"),
        "PyTorch compiled fp32": (sys.executable, TORCH, "fp32"),
        "PyTorch compiled bf16": (sys.executable, TORCH, "bf16"),
    }  # fmt: skip
    if options.without_torch:
        ways = {name: way for name, way in ways.items() if way[1] is not TORCH}
    if options.ncnn:
        ways |= {f"ncnn {kind}": (options.ncnn, NCNN, kind) for kind in ("fp32", "bf16")}
    times: dict[str, list[float]] = {name: [] for name in ways}
    outs = {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        np.save(folder / "frame.npy", frame)
        np.savez(
            folder / "weights.npz",
            **{f"kernel{index}": kernel for index, (kernel, _) in enumerate(stack)},
            **{f"bias{index}": bias for index, (_, bias) in enumerate(stack)},
        )
        write_ncnn(stack, folder)
        for _ in range(options.rounds):
            for name, (python, build, precision) in ways.items():
                code = ROUND.replace("BUILD", build.replace("stored_model", repr(str(path))))
                command = [python, "-c", code, text, precision, str(options.threads), str(options.calls)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
                times[name] += json.loads(done.stdout.splitlines()[-1])
                outs[name] = np.load(folder / "out.npy")
    ours = statistics.median(times["gancam"])
    size = f"{frame.shape[1]}x{frame.shape[0]}"
    print(f"{options.model}, {size}, {options.threads} threads, {options.rounds} rounds in turn")
    for name, values in times.items():
        middle = statistics.median(values)
        close = min(cv2.PSNR(outs[name], outs["gancam fp32"]), 100.0)
        print(f"{name:22} {1000 * middle:7.1f} ms  {middle / ours:5.2f}x as long  {close:.1f} dB of fp32")


if __name__ == "__main__":
    main()
