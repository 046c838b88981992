"""How many classes a generator makes, and what they are called: as the data have them."""

from pathlib import Path
from typing import Any

from train.data.items import is_stream, items
from train.recipe import Recipe

SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}  # folders that are no classes


def of_data(recipe: Recipe, data: Path) -> dict[str, dict[str, Any]]:
    """Return what the tables of `recipe` must say for the classes of `data`.

    The latent grows or shrinks with their number. Nothing is to be said where the recipe makes no classes, or insists
    on some by [data] `names`, or the pictures have none. Raises ``ValueError`` where the folders are parts of a data
    set rather than classes, and as `items` does.
    """
    count = recipe.network.get("classes")
    if not isinstance(count, int) or count < 1 or "names" in recipe.data or is_stream(data):
        return {}
    names = sorted({item.label for item in items(data)})
    if {name.lower() for name in names} <= SPLITS:
        first = data / min(names, key=lambda name: not name.lower().startswith("train"))
        raise ValueError(f"{data} has the folders {', '.join(names)}, which are no classes: give --data {first}")
    if len(names) < 2:
        return {}
    tables: dict[str, dict[str, Any]] = {"network": {"classes": len(names)}, "discriminator": {"classes": len(names)}}
    if isinstance(latent := recipe.network.get("latent"), int):
        tables["network"]["latent"] = latent - count + len(names)
    return tables | {"data": {"names": names}}
