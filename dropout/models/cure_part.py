"""One part of a mixture cure model: which columns enter it, and how they are standardised."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import qr

from dropout.errors import ModelError

FEWEST_LEFT = 1e-7
"""Share of a standardised column that must be left once the columns before it are taken out."""


@dataclass
class Part:
    """Columns of the incidence or of the latency.

    Attributes
    ----------
    name : {"incidence", "latency"}
    position : int array
        Of its columns in X.
    columns : list of str
    mean, scale : arrays
        Of each column; the scale of a constant column is infinite, so that it enters as nothing but zeros.
    l2 : float
        Ridge penalty, in rows.
    remarks : list of str
        Why a column has no interval; empty where it has one.
    """

    name: str
    position: np.ndarray
    columns: list[str]
    mean: np.ndarray
    scale: np.ndarray
    l2: float
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def learn(
        cls, name: str, matrix: np.ndarray, position: np.ndarray, names: list[str] | None, weight: np.ndarray, l2: float
    ) -> Part:
        """The part as these rows (with their weights) shape it.

        Raises
        ------
        ModelError
            If one column follows from the others and there is no ridge to choose between them.
        """
        x = matrix[:, position]
        columns = [names[i] if names else f"x{i}" for i in position]
        mean = np.average(x, axis=0, weights=weight) if len(position) else np.zeros(0)
        spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight)) if len(position) else np.zeros(0)
        constant = spread <= 1e-12 * np.maximum(1.0, np.abs(mean))
        part = cls(name, position, columns, mean, np.where(constant, np.inf, spread), l2,
                   ["constant" if one else "" for one in constant])
        if l2 == 0:
            part._need_independent(matrix)
        return part

    def matrix(self, matrix: np.ndarray) -> np.ndarray:
        """The standardised columns of this part."""
        return (matrix[:, self.position] - self.mean) / self.scale

    @property
    def penalty(self) -> np.ndarray:
        """Ridge penalty of each column. A constant one is held at 0 even without a ridge."""
        return np.where(np.isinf(self.scale), max(self.l2, 1.0), self.l2)

    def _need_independent(self, matrix: np.ndarray) -> None:
        varies = np.flatnonzero(np.isfinite(self.scale))
        if not len(varies):
            return
        _, left, order = qr(self.matrix(matrix)[:, varies], mode="economic", pivoting=True)
        size = np.abs(np.diag(left))
        dependent = [self.columns[varies[i]] for i in order[: len(size)][size < FEWEST_LEFT * size[0]]]
        dependent += [self.columns[varies[i]] for i in order[len(size):]]
        if dependent:
            raise ModelError(f"in the {self.name}, the columns {', '.join(repr(name) for name in dependent)} follow from the "
                             "other columns, so their coefficients can't be told apart. Leave them out, or set "
                             f"l2_{self.name} above 0.")
