"""Outputs of live play that take more time than there is: which, and what would make it less."""

from gancam.budget import MISSED
from gancam.pipeline import Report
from gancam.units import milliseconds

_NO_OUTPUTS = ("source", "effects", "close")


def outside_effects(report: Report, made: tuple[int, int], came: tuple[int, int]) -> str:
    """Name the output that takes the time, and what would make it less.

    Args:
        report: Of the run.
        made: The (width, height) that outputs have.
        came: That of the source.
    """
    parts = {name: spent for name, spent in report.stage_seconds.items() if name not in _NO_OUTPUTS}
    slowest = max(parts, key=lambda name: parts[name], default=None)
    if slowest is None or 2 * parts[slowest] < sum(parts.values()):
        return "outside the effects"
    return f"in {report.labels.get(slowest, slowest)} {made[0]}x{made[1]}{_cure(made, came)}"


def too_slow(report: Report, seconds: float | None, made: tuple[int, int], came: tuple[int, int]) -> list[str]:
    """Tell of the slowest output where it alone takes too long, and nothing in the report says so yet.

    Args:
        report: Of a run that is over, also one too short for a budget to judge.
        seconds: That a frame may take; None: as long as it takes.
        made: The (width, height) that outputs have.
        came: That of the source.
    """
    names = report.stage_seconds.keys() & report.labels.keys() - {*_NO_OUTPUTS}
    if seconds is None or not report.frames:
        return []
    took = {name: max(report.stage_seconds[name], report.worker_seconds.get(name, 0.0)) for name in names}
    slowest = max(took, key=lambda name: took[name], default=None)
    if slowest is None or took[slowest] <= report.frames * seconds * MISSED:
        return []
    what = f"{report.labels[slowest]} {made[0]}x{made[1]}"
    if any(what in note for note in report.notes):
        return []
    each, most = (milliseconds(1000 * one) for one in (took[slowest] / report.frames, seconds))
    return [f"{what} alone takes {each} a frame, not {most}{_cure(made, came)}"]


def _cure(made: tuple[int, int], came: tuple[int, int]) -> str:
    if made[0] * made[1] <= came[0] * came[1]:
        return ""
    return f": -e none, or an effect that keeps the size (restore-x1), makes {came[0]}x{came[1]}"
