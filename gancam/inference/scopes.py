"""Which models a parameter is for, told by their cards."""

from collections.abc import Callable

from gancam.inference.card import ModelCard
from gancam.params import Scope


def scope(words: str, holds: Callable[[ModelCard], bool]) -> Scope:
    """Name the models that a parameter is for: in words, and by what their cards say."""
    return Scope(words, lambda card: isinstance(card, ModelCard) and holds(card))
