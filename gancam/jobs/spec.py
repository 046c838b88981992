"""What a job is: which effects it runs, and how its videos are processed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from gancam.effects import Effect, EffectSlot, EffectSpec, ModelEffect, WatchedEffect, open_effect, slots
from gancam.inference.runs import checkpoint_of
from gancam.sources.decoders import Deinterlace
from gancam.sources.extent import check_range


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """How videos are processed.

    Attributes:
        codec: Name of a video codec; None for the container's usual.
        encoder: ``cpu``, ``auto``, or hardware (``nvenc``, ``qsv`` ...); None for ``cpu``.
        quality: 0 (small) to 100 (best); None for what is usual.
        chroma: Sampling of chroma: ``420``, ``422`` or ``444``; None for what is usual.
        start: Seconds of the input's clock before which frames are left out; None for none.
        end: Seconds of the input's clock from which frames are left out; None for none.
        deinterlace: Whether interlaced video becomes whole frames; ``bob`` for one of each field.
        eight_bit: Whether HDR stays HDR, in 8 bits, and deep video is taken as 8 bits even where a copy could keep all.
        params: A recording of parameters to apply.
        overwrite: Whether an existing output may be replaced.
        resume: Whether to go on with an interrupted job.
        pipe: A file descriptor to write to instead of a file.
        output_format: The container to write to `pipe`.
        fps: Frames a second of numbered images without a file of times.
    """

    codec: str | None = None
    encoder: str | None = None
    quality: float | None = None
    chroma: str | None = None
    start: Fraction | None = None
    end: Fraction | None = None
    deinterlace: Deinterlace = False
    eight_bit: bool = False
    params: Path | None = None
    overwrite: bool = False
    resume: bool = False
    pipe: int | None = None
    output_format: str | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        check_range(self.start, self.end)


@dataclass(frozen=True, slots=True)
class EffectChainSpec:
    """Which effects run, and how: all that another process needs to have the same.

    Attributes:
        specs: The effects, in the order in which they are applied.
        device: ``auto``, ``cpu``, ``cuda``, ``tensorrt`` or ``webgpu``.
        precision: ``auto``, ``fp32``, ``fp16`` or ``int8``.
        threads: CPU threads of a network; None for what is fastest.
    """

    specs: tuple[EffectSpec, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None

    def load(
        self, sound: Path | None = None, *, watch: str = "", dropped: Callable[[], int] = lambda: 0
    ) -> list[EffectSlot]:
        """Load the effects.

        Args:
            sound: The file that effects which follow sound hear if they were given no other.
            watch: Whether effects of files and of runs are loaded anew when those change: ``new``, or ``split``, which
                shows the one before on the left; empty for neither.
            dropped: Gives the number of frames that were dropped so far, to tell what that costs.
        """
        opened = (self._watched(spec, watch == "split", dropped) if watch else self._load(spec) for spec in self.specs)
        chain = slots(list(opened))
        _listen(chain, sound)
        return chain

    def _load(self, spec: EffectSpec, precision: str = "", threads: int | None = None) -> Effect:
        precision = precision or self.precision
        return open_effect(spec, device=self.device, precision=precision, threads=threads or self.threads)

    def _watched(self, spec: EffectSpec, split: bool, dropped: Callable[[], int]) -> Effect:
        """Load the effect of a file that may change, each time in the precision that was found for the first."""
        path = Path(spec.name)
        if not path.exists():
            return self._load(spec)
        precision, threads = "", None  # found once; the effect itself would stay in memory when others play

        def again() -> Effect:
            nonlocal precision, threads
            effect = self._load(spec, precision, threads)
            if not precision and isinstance(effect, ModelEffect):
                precision, threads = effect.model.precision, effect.model.threads
            return effect

        return WatchedEffect(checkpoint_of(path) or path, again, split=split, dropped=dropped)


class LoadedChain:
    """Effects that are loaded once for many files, each of which finds them as if just loaded, and takes its time.

    Attributes:
        effects: They, as the last file left them.
    """

    def __init__(self, chain_spec: EffectChainSpec) -> None:
        self.effects = chain_spec.load()
        self._values = [effect.params.values() for effect in self.effects]
        for effect in self.effects:
            effect.prefer_quality()

    def fresh(self, sound: Path | None = None) -> list[EffectSlot]:
        """Give the effects without memory of an earlier file, turned on, their parameters as given at first.

        Args:
            sound: As ``EffectChainSpec.load`` has it.
        """
        for effect, values in zip(self.effects, self._values, strict=True):
            for name, value in values.items():
                effect.params.set(name, value)
            effect.on = True
            effect.reset()
        _listen(self.effects, sound)
        return self.effects


def _listen(chain: Sequence[EffectSlot], sound: Path | None) -> None:
    if sound is not None:
        for effect in chain:
            effect.listen_to(sound)
