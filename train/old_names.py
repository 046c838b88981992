"""Names that recipes and checkpoints once had: files that carry them are still read."""

from collections.abc import Mapping
from typing import Any

PHASE = {"hold": "constant_fraction", "floor": "min_lr_fraction", "settled": "freeze_bn"}
DISCRIMINATOR = {"likely": "augment_p"}


def renamed(table: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Copy `table` with its keys as they are called now. Raises ``ValueError`` where a key is there by both names."""
    for old, new in names.items():
        if old in table and new in table:
            raise ValueError(f"{old!r} is the old name of {new!r}: give {new!r} alone")
    return {names.get(key, key): value for key, value in table.items()}


def current_recipe(table: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the tables of a recipe with its keys as they are called now. Raises ``ValueError`` as `renamed`."""
    table = dict(table)
    if "phase" in table:
        table["phase"] = [renamed(phase, PHASE) for phase in table["phase"]]
    if "discriminator" in table:
        table["discriminator"] = renamed(table["discriminator"], DISCRIMINATOR)
    return table


def current_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the state of a checkpoint with the discriminator's tensors as they are called now."""
    state = dict(state)
    if "discriminator" in state:
        state["discriminator"] = renamed(state["discriminator"], DISCRIMINATOR)
    return state
