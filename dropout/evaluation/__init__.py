"""A fitted model and a history, or any frame of predictions, come in; how far to trust them goes out, with intervals.

Every figure stands beside that of trivial baselines, on dates later than anything that was learnt from.
This room must never judge a prediction by a label that was not known, or score a client by what came later.
"""

from dropout.evaluation.evaluate import evaluate
from dropout.evaluation.evaluate_predictions import evaluate_predictions
from dropout.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate", "evaluate_predictions"]
