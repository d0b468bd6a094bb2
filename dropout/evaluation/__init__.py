"""A history and a fitted model come in; how far its predictions can be trusted goes out, as tables with intervals.

Every figure stands beside that of trivial baselines, on dates later than anything that was learnt from.
This room must never judge a prediction by a label that was not known, or score a client by what came later.
"""

from dropout.evaluation.evaluate import evaluate
from dropout.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate"]
