"""How large a network is shown a frame."""

from gancam.inference.card import ModelCard

_FINER, _FINEST = 1.5, 2.5  # times the work size, at most, where quality is preferred; of half a frame's size
_WIDE = 16 / 9  # up to which the work size is that of the longer side


def work_size(size: tuple[int, int], card: ModelCard, wanted: int, *, prefers_quality: bool) -> int:
    """Say how many pixels the longer side of what a network is shown has.

    Args:
        size: Of the frame, in pixels.
        card: The model's.
        wanted: What a parameter says; 0 for what is usual.
        prefers_quality: Whether nobody waits for the frame: a style then draws a larger one more finely.
    """
    longest = max(size)
    most = longest if card.strokes == "any" else 2 * longest  # lines would be too broad for a small frame
    usual = card.work_size or longest
    if card.keeps == "black":  # a style
        wider = max(longest / min(size) / _WIDE, 1.0)  # of a panorama, as many pixels as of others
        usual = round(usual * (min(wider, (2 * wider) ** 0.5) if prefers_quality else wider**0.5))
        if prefers_quality:
            usual = max(usual, min(longest, round(_FINER * usual)), min(longest // 2, round(_FINEST * usual)))
    return min(wanted or usual, most)
