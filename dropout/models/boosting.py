"""Gradient-boosted trees: fitted by scikit-learn, kept as plain arrays.

The arrays are all that is saved and read; walking them gives the same log odds as the fitted estimator (a test says so).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

ROUNDS, LEARNING_RATE, LEAVES, LEAF_ROWS, RIDGE, COLUMNS = 60, 0.1, 8, 100, 30.0, 0.3
"""Few leaves and large ones: dropout is mostly additive, and weekly moments of one client are alike."""


@dataclass(frozen=True)
class Boosted:
    """Trees as arrays over all nodes, and the first node of each tree.

    Attributes
    ----------
    feature, threshold, left, right, missing_left, value : arrays, one entry per node
        A leaf has `left` -1. Values at or below the threshold go left.
    roots : int32 array
        First node of each tree.
    baseline : float
        Log odds before the first tree.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    baseline: float

    @classmethod
    def fit(cls, x: np.ndarray, y: np.ndarray, seed: int, weight: np.ndarray | None = None, *, rounds: int = ROUNDS,
            rate: float = LEARNING_RATE, rising: Collection[int] = ()) -> Boosted:
        """Trees fitted to y (bool) on x (rows by features, NaN where unknown).

        The log odds never fall with a column of `rising`, all others equal.
        """
        if y.all() or not y.any():
            nothing = np.zeros(0)
            odds = float(np.log((y.sum() + 0.5) / (len(y) - y.sum() + 0.5)))
            whole, truth = nothing.astype(np.int32), nothing.astype(bool)
            return cls(whole.astype(np.int16), nothing, whole, whole, truth, nothing, whole, odds)
        model = HistGradientBoostingClassifier(
            max_iter=rounds, learning_rate=rate, max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS,
            l2_regularization=RIDGE, max_features=COLUMNS, early_stopping=False, random_state=seed,
            monotonic_cst=[int(j in rising) for j in range(x.shape[1])])
        # A column known nowhere can't be binned; as a constant it is never split on.
        model.fit(np.where(np.isnan(x).all(axis=0), 0.0, x), y, sample_weight=weight)
        return cls.of(model)

    @classmethod
    def of(cls, model: HistGradientBoostingClassifier) -> Boosted:
        """The arrays of a fitted two-class estimator."""
        trees = [stage[0].nodes for stage in model._predictors]
        sizes = np.array([len(tree) for tree in trees])
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
        nodes = np.concatenate(trees)
        shift = np.repeat(roots, sizes)
        leaf = nodes["is_leaf"].astype(bool)
        return cls(
            feature=nodes["feature_idx"].astype(np.int16),
            threshold=nodes["num_threshold"].astype(float),
            left=np.where(leaf, -1, nodes["left"].astype(np.int64) + shift).astype(np.int32),
            right=np.where(leaf, -1, nodes["right"].astype(np.int64) + shift).astype(np.int32),
            missing_left=nodes["missing_go_to_left"].astype(bool),
            value=nodes["value"].astype(float),
            roots=roots,
            baseline=float(np.ravel(model._baseline_prediction)[0]),
        )

    def logit(self, x: np.ndarray) -> np.ndarray:
        """Log odds for each row of x."""
        result = np.full(len(x), self.baseline)
        rows = np.arange(len(x))
        for root in self.roots:
            node = np.full(len(x), root)
            inner = rows
            while len(inner):
                here = node[inner]
                inside = self.left[here] >= 0
                inner, here = inner[inside], here[inside]
                if not len(inner):
                    break
                value = x[inner, self.feature[here]]
                left = np.where(np.isnan(value), self.missing_left[here], value <= self.threshold[here])
                node[inner] = np.where(left, self.left[here], self.right[here])
            result += self.value[node]
        return result
