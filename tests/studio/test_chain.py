"""Effects that come and go while they play."""

import numpy as np
import pytest

from gancam.effects import Effect, EffectSlot, EffectSpec
from gancam.errors import GancamError, InputError
from gancam.frame import Image
from gancam.jobs.spec import EffectChainSpec
from gancam.studio import gate
from gancam.studio.chain import LiveChain
from gancam.studio.gate import FrameGate
from gancam.studio.jobs_api import Previews


class Counted(Effect):
    """An effect that knows whether it was closed."""

    opened: list["Counted"]

    def __init__(self) -> None:
        self.is_closed = False
        self.opened.append(self)

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Change nothing."""
        return image

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    def load(self: EffectChainSpec, sound: object = None) -> list[EffectSlot]:
        if self.specs[0].name == "broken":
            raise InputError("broken")
        return [EffectSlot(Counted(), self.specs[0].name)]

    monkeypatch.setattr(EffectChainSpec, "load", load)
    monkeypatch.setattr(Counted, "opened", [], raising=False)
    return Counted.opened


def test_effects_that_do_not_come_into_the_chain_are_closed(
    opened: list[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = FrameGate()
    chain = LiveChain(one, lambda: None)
    chain.add(EffectSpec("a", {}))
    with pytest.raises(InputError, match="broken"):
        chain.replace([EffectSpec("b", {}), EffectSpec("broken", {})])
    assert [effect.is_closed for effect in opened] == [False, True]
    monkeypatch.setattr(gate, "_PATIENCE", 0.05)
    with one.running():
        with pytest.raises(GancamError, match="no frame"):
            chain.add(EffectSpec("c", {}))
        with pytest.raises(GancamError, match="no frame"):
            chain.replace([EffectSpec("d", {})])
        with pytest.raises(GancamError, match="no frame"):
            chain.remove("a")
    assert [effect.is_closed for effect in opened] == [False, True, True, True]
    assert [link.name for link in chain.links] == ["a"]


def test_effects_of_previews_are_closed_when_others_are_asked_for(opened: list[Counted]) -> None:
    previews, image = Previews(), np.zeros((8, 8, 3), np.uint8)
    for names in (["a"], ["a"], ["b", "c"], ["d"]):
        previews._make(EffectChainSpec(tuple(EffectSpec(name, {}) for name in names)), image, 0.0)
    assert [effect.is_closed for effect in opened] == [True, True, False]
    previews.close()
    assert all(effect.is_closed for effect in opened)


def test_an_effect_that_failed_comes_back_after_a_wrong_value_and_a_right_one() -> None:
    chain = LiveChain(FrameGate(), lambda: None)
    link = chain.add(EffectSpec("inpaint", {}))
    link.slot.on, link.error = False, "it failed"
    with pytest.raises(InputError, match="needs a whole number"):
        chain.request({"inpaint.grow": "nonsense"})
    assert link.error == "it failed"
    assert not link.slot.on
    chain.request({"inpaint.grow": 4})
    assert link.error == ""
    assert link.slot.on


def test_a_value_that_an_effect_cannot_play_is_told_and_set_back() -> None:
    chain, image = LiveChain(FrameGate(), lambda: None), np.zeros((48, 64, 3), np.uint8)
    link = chain.add(EffectSpec("inpaint", {"box": "8/8/9/9"}))
    made = chain(image, time=0.0)
    changes: list[tuple[dict[str, object], str]] = [
        ({"inpaint.track": True}, "nothing to hold on to"),  # all is black
        ({"inpaint.track": True, "inpaint.box": ""}, "inpaint: box=nothing was set back to 8/8/9/9"),
    ]
    for wrong, says in changes:
        chain.request(wrong)
        assert (chain(image, time=0.0) == made).all()
        assert says in link.error
        assert "inpaint: track=on was set back to off" in link.error
        assert link.slot.on
        assert (link.slot.params.value("box"), link.slot.params.value("track")) == ("8/8/9/9", False)
        chain.request({"inpaint.grow": 8})
        assert link.error == ""
    chain.request({"inpaint.on": False, "inpaint.box": "", "inpaint.track": True})
    assert chain(image, time=0.0) is image  # which makes nothing with those
    chain.request({"inpaint.on": True})
    assert (chain(image, time=0.0) == made).all()
    assert "track=on was set back to off" in link.error
    chain.remove("inpaint")
