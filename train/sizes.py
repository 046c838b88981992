"""Sizes that several tables of a recipe say: whoever says none takes them from the others; who disagrees is named."""

from collections.abc import Mapping
from typing import Any

PICTURES = {"unconditional": ("resolution", "channels"), "cyclegan": ("resolution",)}  # tasks whose [data] says sizes
COLOURS = {"mlp": 1, "stylegan": 3, "residual": 3, "projected": 3}  # of families that know no others
SIZES = {"resolution": ("resolution", "resolution"), "colours": ("colours", "channels")}  # in networks, in [data]


def agreed(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `table` of a recipe with all its sizes said: of pictures, of their colours, and whose side each is on.

    What only one of [network], [discriminator] and [data] says holds for all; where none does, the network's default.
    Raises ``ValueError`` where two disagree, and names both.
    """
    made = {**table}
    if (keys := PICTURES.get(str(table.get("task")))) is None:
        return made
    judge = table.get("discriminator", {})
    for name, side in (("network", "generator"), ("discriminator", "discriminator")):
        own = table.get(name, {})
        if isinstance(own, dict) and _options(own).get("side") in ("generator", "discriminator"):
            if own.get("side", side) != side:
                raise ValueError(f"[{name}] side = {own['side']!r} must be {side!r}, or left out")
            made[name] = {**own, "side": side}
    for size, (key, data_key) in SIZES.items():
        if data_key not in keys:
            continue
        said: dict[str, Any] = {}
        places: list[tuple[str, str]] = []
        for name, own in (("network", table.get("network", {})), ("discriminator", judge)):
            if isinstance(own, dict) and key in _options(own):
                places.append((name, key))
            elif size == "colours" and isinstance(own, dict) and own.get("family") in COLOURS:
                said[f"[{name}] family = {own['family']!r}, which knows"] = COLOURS[own["family"]]
        places.append(("data", data_key))
        for name, word in places:
            if word in table.get(name, {}):
                said[f"[{name}] {word} ="] = table[name][word]
        if not all(type(value) is int for value in said.values()):
            continue  # which is refused where it is taken
        if len(set(said.values())) > 1:
            what = " and ".join(f"{place} {value}" for place, value in said.items())
            raise ValueError(f"{what} must be the same; said once, it holds for all")
        usual = next((_options(made[name])[word] for name, word in places if name != "data"), None)
        value = next(iter(said.values()), usual)
        if value is not None:
            for name, word in places:
                if name in made or name == "data":
                    made[name] = {**made.get(name, {}), word: value}
    return made


def _options(network: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that the family of `network` has, with their defaults; none of an unknown family."""
    from train import networks  # and PyTorch with it, which recipes of other tasks do without

    try:
        return networks.defaults(str(network.get("family", "")))
    except (ValueError, TypeError):
        return {}


def misfit(error: Exception) -> str:
    """What is to be said of PyTorch's `error` of sizes that do not fit, or of memory; empty for another."""
    from train import networks

    if networks.is_out_of_memory(error):
        return "not enough memory: a smaller batch, resolution or patch, or fewer channels, would do"
    text = " ".join(str(error).split())
    if any(word in text for word in ("shape", "size", "channels", "dimension")):
        return f"sizes in the recipe (channels, colours, resolution, patch ...) do not fit each other: {text[:200]}"
    return ""
