"""A small network in ncnn's form, to be read and learnt from."""

from pathlib import Path

import numpy as np

from train import foreign

TEXT = """7767517
7 8
Input data 0 1 x
Split twice 1 2 x a b
Convolution first 1 1 a c 0=8 1=3 4=1 5=1 6=216
PReLU bent 1 1 c d 0=8
Convolution second 1 1 d e 0=12 1=3 4=1 5=1 6=864
PixelShuffle large 1 1 e f 0=2
Interp plain 1 1 b g 0=2 1=2.0 2=2.0
BinaryOp sum 2 1 f g y 0=0
"""


def ncnn(folder: Path, text: str = TEXT, *, half: bool = False) -> tuple[Path, list[np.ndarray]]:
    """A small network in ncnn's form, and its weights: kernel, bias, slope, kernel, bias."""
    rng = np.random.default_rng(0)
    shapes = [(8, 3, 3, 3), (8,), (8,), (12, 8, 3, 3), (12,)]
    weights = [rng.normal(0, 0.2, shape).astype(np.float32) for shape in shapes]
    if half:
        weights = [w.astype(np.float16).astype(np.float32) if w.ndim == 4 else w for w in weights]
    data = b""
    for values in weights:
        if values.ndim == 4:
            data += (foreign.HALF if half else 0).to_bytes(4, "little")
        stored = values.astype("<f2").tobytes() if half and values.ndim == 4 else values.astype("<f4").tobytes()
        data += stored + bytes(-len(stored) % 4)
    (folder / "small.param").write_text(text)
    (folder / "small.bin").write_bytes(data)
    return folder / "small.param", weights
