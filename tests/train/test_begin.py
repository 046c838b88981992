"""What a training begins from: another run, of which it takes what fits."""

from pathlib import Path

import pytest
import torch

from tests.helpers.training import go, restorer
from train import networks, recipe, start


def begun_from(weights: dict[str, torch.Tensor], options: dict[str, object]) -> torch.nn.Module:
    network = networks.build("translator", **options)
    table = {"family": "translator", **options}
    plan = recipe.parse(restorer(), name="own")
    plan = recipe.Recipe("own", "translation", table, plan.phases)
    start.begin(network, start.Start("first", table, weights, settled=True), plan, lambda: None)
    return network


@pytest.mark.slow
def test_a_start_keeps_the_grain_of_its_own_recipe() -> None:
    options: dict[str, object] = {"widths": [4, 8], "depth": 1, "grain": "panes"}
    weights = networks.build("translator", **options).state_dict()
    mine = weights["grain"].clone()
    weights["grain"] = torch.zeros_like(mine)  # as large, of something else
    after = begun_from(weights, options).state_dict()
    assert torch.equal(after["grain"], mine)
    assert torch.equal(after["mix.weight"], weights["mix.weight"])


def test_a_network_of_which_hardly_anything_fits_is_refused() -> None:
    weights = {"tail.bias": torch.zeros(12)}
    with pytest.raises(ValueError, match=r"start 'first' has another network than recipe 'own': hardly a tensor"):
        begun_from(weights, {"widths": [4, 8], "depth": 1})


def test_averages_are_measured_and_nothing_else_changes() -> None:
    torch.manual_seed(0)
    network = networks.build("translator", widths=[4, 8], depth=1)
    x = torch.rand(4, 3, 32, 32)
    network.eval()
    with torch.no_grad():
        before = network(x)
        network.train()
        start.settle(network, lambda: network(x))
        assert network.training
        network.eval()
        torch.testing.assert_close(network(x), before, atol=1e-4, rtol=1e-4)
        given: list[torch.Tensor] = []
        norm = network.get_submodule("up.0.1")
        assert isinstance(norm, torch.nn.BatchNorm2d)
        norm.register_forward_pre_hook(lambda module, values: given.append(values[0]))
        network(x)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, given[0].mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, given[0].var((0, 2, 3), unbiased=False), atol=1e-5, rtol=1e-3)


def test_a_missing_start_is_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"start 'absent': no run .*absent; model files are read by gancam"):
        go('start = "absent"\n' + restorer(), photos, tmp_path / "run")
