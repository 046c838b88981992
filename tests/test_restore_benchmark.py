"""What the benchmark of restoration tells of a lattice."""

import numpy as np

from benchmarks import restore


def test_a_lattice_that_is_light_here_and_dark_there_is_found_near() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (128, 160))
    mesh = np.zeros_like(noise)
    mesh[::4, ::4] = 4.0
    mesh[:, 80:] *= -1
    everywhere = np.ones(80, bool)
    assert restore.near(noise, everywhere) < 1.5 / 16  # by chance
    assert restore.near(noise + mesh, everywhere) > 0.4
    assert np.abs(restore.windows(mesh).mean((0, 2))).max() < 1e-9  # on average over the picture there is nothing
    assert restore.near(0 * noise, everywhere) == 0


def test_windows_have_the_same_place_of_every_block_together() -> None:
    rows, columns = np.mgrid[:37, :50]
    cut = restore.windows(4.0 * (rows % 4) + columns % 4)
    assert cut.shape == (6, 16, 16)
    assert (cut == np.arange(16)[None, :, None]).all()
