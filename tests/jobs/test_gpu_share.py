"""How the workers of a cluster share its GPUs, without a cluster."""

import pytest

from gancam.jobs.ray_pool import gpu_share


@pytest.mark.parametrize(("device", "gpus", "workers", "share"), [
    ("cpu", 4, 8, 0.0), ("auto", 0, 8, 0.0), ("auto", 4, 4, 1.0), ("auto", 4, 2, 1.0), ("auto", 2, 3, 0.5),
    ("auto", 1, 4, 0.25), ("cuda", 2, 5, 1 / 3), ("cuda:1", 2, 2, 1.0), ("tensorrt", 1, 2, 0.5), ("cuda", 0, 2, 1.0),
])  # fmt: skip
def test_every_worker_finds_its_share_on_one_gpu(device: str, gpus: int, workers: int, share: float) -> None:
    found = gpu_share(device, gpus, workers)
    assert found == pytest.approx(share)
    if found:  # so many fit on one, and there is room for all
        assert int(1 / found + 1e-9) * (gpus or workers) >= workers
