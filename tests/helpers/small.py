"""Small real models for tests: an untrained network, exported as trained ones are.

PyTorch and onnx are loaded where a network is made, so that who only looks at photos needs neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.inference.card import Keeps, Layout, ModelCard
from gancam.inference.half import to_fp16

if TYPE_CHECKING:
    import onnx
    import torch

    from train.networks import stylegan, translator
    from train.networks.inpaint import Inpaint
    from train.networks.latent import LatentGenerator
    from train.networks.sr import SuperResolution

_int8: dict[tuple[object, ...], onnx.ModelProto] = {}  # quantising takes a second and more: once for all tests
STILLS = Path(__file__).parent.parent.parent / "samples" / "stills"


def still(name: str) -> Image:
    image = cv2.imread(str(STILLS / f"{name}.webp"))
    assert image is not None
    return np.asarray(image, np.uint8)


def lightest(names: Sequence[str]) -> list[object]:
    """Names of bundled models to parametrise with; two whose networks differ in size alone from others are slow."""
    heavy = {"sr-x4-best", "restore-x2-best"}
    return [pytest.param(name, marks=pytest.mark.slow) if name in heavy else name for name in names]


def crops(folder: Path) -> Path:
    """Make `folder`, with a piece of 160x128 pixels of two photographs."""
    folder.mkdir()
    for name in ("otters", "sign"):
        cv2.imwrite(str(folder / f"{name}.png"), still(name)[:128, :160])
    return folder


def network(
    scale: int = 2, *, channels: int = 16, depth: int = 1, unshuffle: int = 1, seed: int = 0
) -> SuperResolution:
    """Random weights, but a residual of some size, so that its convolutions are seen in the output."""
    import torch

    from train.networks.sr import SuperResolution

    torch.manual_seed(seed)
    made = SuperResolution(scale=scale, channels=channels, depth=depth, expansion=8, unshuffle=unshuffle).eval()
    with torch.no_grad():
        for part in (made.tail.direct, made.tail.narrow):
            assert part is not None
            part.mul_(0.7)
    return made


def save(model: onnx.ModelProto, path: Path, card: ModelCard) -> Path:
    import onnx

    onnx.helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path


def _once(made: torch.nn.Module, quantise: Callable[[], onnx.ModelProto]) -> onnx.ModelProto:
    """What `quantise` makes of the network `made`, which is the same for the same weights."""
    import onnx

    weights = (tensor.numpy().tobytes() for tensor in made.state_dict().values())
    about = {name: value for name, value in vars(made).items() if isinstance(value, str | int)}
    key = type(made), str(about), hashlib.sha256(b"".join(weights)).hexdigest()
    if key not in _int8:
        _int8[key] = quantise()
    copy = onnx.ModelProto()
    copy.CopyFrom(_int8[key])
    return copy


def write_half(path: Path) -> Path:
    """A file of fp16 beside the fp32 file `path`."""
    file = path.with_suffix(".fp16.onnx")
    file.write_bytes(to_fp16(path.read_bytes()))
    return file


def write_models(folder: Path, made: SuperResolution, name: str = "small") -> Path:
    """fp32, fp16 and int8 of `made` below `folder`; gives the path of the model."""
    from export import super_resolution

    card = ModelCard(
        name=name, effect="super_resolution", scale=made.scale, receptive_field=made.receptive_field, licence="CC0",
        multiple=made.multiple,
    )  # fmt: skip
    save(super_resolution.float_graph(made), folder / f"{name}.onnx", card)
    write_half(folder / f"{name}.onnx")
    int8 = _once(made, lambda: super_resolution.quantise(made, [still("otters"), still("sign")]))
    layout: Layout = "cells" if made.multiple > 1 else "blocks"
    save(int8, folder / f"{name}.int8.onnx", replace(card, precision="int8", layout=layout))
    return folder / f"{name}.onnx"


def generator(resolution: int = 16, *, latent: int = 12, seed: int = 0) -> stylegan.StyleGenerator:
    """Random weights, with noise and biases of some size, and pictures of some contrast."""
    import torch

    from train.networks import stylegan

    torch.manual_seed(seed)
    made = stylegan.build(resolution=resolution, channels=8, most=16, latent=latent, depth=2).eval()
    with torch.no_grad():
        for part in made.modules():
            if isinstance(part, stylegan.StyledLayer):
                part.strength.fill_(0.2)
                part.bias.normal_().mul_(0.2)
        made.centre.normal_().mul_(0.1)
    return made


def write_generator(folder: Path, made: LatentGenerator, name: str = "tiny", *, licence: str = "CC0") -> Path:
    """fp32 of `made` below `folder`; gives the path of the model."""
    import torch

    from export import unconditional

    card = ModelCard(
        name=name, effect="morph", layout="latent", licence=licence, latent=made.latent, layers=made.layers,
        resolution=made(torch.zeros(1, made.latent)).shape[-1],
    )  # fmt: skip
    return save(unconditional.deployed(made), folder / f"{name}.onnx", card)


def translator_network(
    *,
    front: str = "image",
    keep: str = "nothing",
    unshuffle: int = 2,
    pattern: int = 0,
    grain: str = "",
    refine: int = 0,
    seed: int = 0,
) -> translator.Translator:
    """Random weights, with the statistics that a moment of training leaves, and an output that is seen."""
    import torch

    from export import cells
    from train.networks import translator

    torch.manual_seed(seed)
    made = translator.build(
        widths=(16, 24), depth=1, unshuffle=unshuffle, front=front, keep=keep, pattern=pattern, grain=grain,
        refine=refine,
    )  # fmt: skip
    photos = torch.stack([torch.from_numpy(still(name)[..., ::-1].copy()) for name in ("otters", "sign")])
    with torch.no_grad():
        for _ in range(20):
            made(photos.permute(0, 3, 1, 2)[:, :, :96, :128].float() / 255.0)
    cells.round_grain(made)
    return made.eval()


def write_translator(
    folder: Path,
    made: translator.Translator,
    name: str = "tiny",
    *,
    work_size: int = 0,
    int8: bool = True,
    effect: str = "translate",
    keeps: Keeps | None = None,
) -> Path:
    """fp32 and, unless `int8` is False, int8 of `made` below `folder`; gives the path of the model."""
    from export import cells, translation, translation_int8

    card = ModelCard(
        name=name, effect=effect, licence="CC0", multiple=made.multiple, minimum=made.multiple,
        receptive_field=cells.reach(made), work_size=work_size,
        texture_step=0 if made.grain is None or made.pattern is not None else made.unshuffle,
        keeps=keeps or ("luma" if made.keep == "luma" else "nothing"),
    )  # fmt: skip
    if int8:
        photos = [np.ascontiguousarray(still(one)[:96, :128, ::-1]) for one in ("otters", "sign")]
        with pytest.MonkeyPatch.context() as patch:  # some reaches do, where none of all 21 must be the best
            patch.setattr(translation_int8, "REACHES", translation_int8.REACHES[:16:3])
            graph = _once(made, lambda: translation_int8.quantise(made, photos))
        save(graph, folder / f"{name}.int8.onnx", replace(card, precision="int8", layout="cells"))
    return save(translation.float_graph(made), folder / f"{name}.onnx", card)


def filler(*, seed: int = 0) -> Inpaint:
    """Random weights, with a residual of some size."""
    import torch

    from train.networks.inpaint import Inpaint

    torch.manual_seed(seed)
    made = Inpaint(widths=(8, 8, 8, 8), depth=2).eval()
    with torch.no_grad():
        made.tail.weight.mul_(3.0)
    return made


def write_filler(folder: Path, made: Inpaint, name: str = "fill") -> Path:
    """fp32 and int8 of `made` below `folder`; gives the path of the model."""
    from export import inpainting

    card = ModelCard(name=name, effect="inpaint", layout="masked", licence="CC0", multiple=16, minimum=16)
    save(inpainting.deployed(made), folder / f"{name}.onnx", card)
    pictures = [still("otters")[..., ::-1], still("sign")[..., ::-1]]
    int8 = _once(made, lambda: inpainting.deployed(made, calibration=inpainting.calibrated(made, pictures)))
    save(int8, folder / f"{name}.int8.onnx", replace(card, precision="int8"))
    return folder / f"{name}.onnx"
