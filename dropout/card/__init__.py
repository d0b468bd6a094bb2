"""A fitted model and its evaluation come in; a model card and two filled checklists go out, as Markdown or HTML.

What the package knows is written down, and what it can't know is left open, with where the authors find it.
This room must never invent an answer, nor show a count below five, a name, or anything that a client wrote.
"""

from dropout.card.card import FORMATS, Card, is_card, model_card

__all__ = ["FORMATS", "Card", "is_card", "model_card"]
