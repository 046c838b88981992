"""One model file, open on one device: it runs exactly what it was told to open, or says why it cannot."""

import logging
from pathlib import Path

from gancam.errors import DeviceError
from gancam.inference.card import ModelCard
from gancam.inference.network.contract import Network
from gancam.inference.network.generator import GeneratorNetwork
from gancam.inference.network.image import ImageNetwork, MaskedNetwork
from gancam.inference.network.recurrent import RecurrentNetwork
from gancam.inference.place import has_place
from gancam.inference.providers import GpuOptions, is_cuda, kind_of
from gancam.inference.session import OpenFile, open_session
from gancam.inference.variants import read_card

__all__ = ["GeneratorNetwork", "ImageNetwork", "MaskedNetwork", "Network", "RecurrentNetwork", "open_network"]

log = logging.getLogger(__name__)


def open_network(
    path: Path,
    device: str,
    threads: int,
    spent: dict[str, float] | None = None,
    *,
    precision: str = "",
    wide_sums: bool = False,
    gpu: GpuOptions | None = None,
) -> Network:
    """Open the file `path` on `device` as the kind of network that its card says.

    Args:
        path: A model file, of whatever precision.
        device: "cpu", "cuda", "tensorrt" or "webgpu", the second and third with the number of a GPU or without; another
            is never used instead.
        threads: Those of one call on the CPU, 1 or more.
        spent: Where seconds are added up, of a network that this one replaces; new without.
        precision: That wanted, where the file may stand for two, as `open_session` takes it.
        wide_sums: As `open_session` takes it.
        gpu: How it is run on a GPU; None: plainly.

    Raises:
        NotFound: There is no such file.
        ModelError: It is damaged, has no card, or does not do what its card says.
        DeviceError: The device cannot be had, or cannot run it.
    """
    gpu = gpu or GpuOptions()
    if kind_of(device) == "tensorrt" and read_card(path).recurrent:
        raise DeviceError(device, f"{path.name} carries states between frames", 'use --device cuda (device="cuda")')
    session = open_session(
        path, device, threads, precision=precision, wide_sums=wide_sums, gpu=gpu, placed=has_place(path, device)
    )
    card = ModelCard.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))
    spent = {"conversion": 0.0, "network": 0.0, "copies": 0.0} if spent is None else spent
    kinds: dict[str, type[Network]] = {
        "latent": GeneratorNetwork, "masked": MaskedNetwork, "recurrent": RecurrentNetwork,
    }  # fmt: skip
    opened = OpenFile(path, device, threads, session, card, spent, gpu)
    network = kinds.get(card.layout, ImageNetwork)(opened)
    if network.fallen:
        said = ", ".join(f"{count} {kind}" for kind, count in network.fallen.items())
        level = logging.WARNING if is_cuda(device) else logging.INFO  # WebGPU lacks some of nearly every network
        log.log(level, "%s: %s has no kernels for some of its nodes, the CPU does them: %s", path.name, device, said)
    return network
