"""Files that are sent to a worker on another machine, without a cluster."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gancam.effects import EffectSpec
from gancam.jobs.identity import identity
from gancam.jobs.ray_pool import _Remote, files_of, moved
from gancam.jobs.spec import EffectChainSpec
from tests.helpers.clips import make_clip
from tests.helpers.small import network, write_models


@pytest.fixture
def away() -> Iterator[_Remote]:
    remote = _Remote(EffectChainSpec(), f"gancam-test-{os.getpid()}")
    yield remote
    remote.leave()


def test_a_worker_that_sees_no_file_of_ours_is_sent_them(away: _Remote, tmp_path: Path) -> None:
    model, ours = write_models(tmp_path, network()), make_clip(tmp_path / "a clip.mp4")
    chain_spec = EffectChainSpec((EffectSpec.parse(f"{model}:strength=0.5"),))
    for path in [ours, *files_of(chain_spec)]:
        assert not away.has(f"/elsewhere{path}", identity(path))
        away.supply(f"/elsewhere{path}", path.read_bytes())
    there = moved(EffectChainSpec((EffectSpec.parse(f"/elsewhere{model}:strength=0.5"),)), away._paths)
    assert str(there.specs[0]).endswith(f"/{model.name}:strength=0.5")
    assert len(there.load()) == 1


def test_files_of_one_name_from_two_folders_are_both_there(away: _Remote) -> None:
    """The second took the place of the first, for both effects."""
    mine = (
        EffectSpec("background", {"image": "/nowhere/a/bg.png"}),
        EffectSpec("inpaint", {"mask": "/nowhere/b/bg.png"}),
    )
    for path, data in (("/nowhere/a/bg.png", b"first"), ("/nowhere/b/bg.png", b"second")):
        assert not away.has(path, "")
        away.supply(path, data)
    there = moved(EffectChainSpec(mine), away._paths)
    found = [Path(file) for spec in there.specs for file in spec.params.values()]
    assert [file.read_bytes() for file in found] == [b"first", b"second"]
    assert [file.name for file in found] == ["bg.png", "bg.png"]


def test_a_file_that_was_sent_and_is_there_now_is_read_where_it_is(away: _Remote, tmp_path: Path) -> None:
    file = tmp_path / "bg.png"
    assert not away.has(str(file), "5 bytes")
    away.supply(str(file), b"older")
    file.write_bytes(b"newer")
    assert away.has(str(file), identity(file))
    assert moved(EffectChainSpec((EffectSpec("background", {"image": str(file)}),)), away._paths).specs[0].params == {
        "image": str(file)
    }
