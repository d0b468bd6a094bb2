"""Errors that allow for rows of one therapist, clinic or client being alike."""

from __future__ import annotations

import numpy as np

FEW_CLUSTERS = 30
"""Fewer clusters than this give errors that are too small (Cameron and Miller 2015)."""


def by_cluster(influence: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Covariance from the influence of each row on the coefficients, summed within clusters (Lin and Wei 1989).

    No correction for a small number of clusters is made, as in R's survival.

    Parameters
    ----------
    influence : array, rows by columns
        Scores times the inverse information.
    cluster : int array
        Number of the cluster of each row, from 0.
    """
    sums = np.column_stack([np.bincount(cluster, column) for column in influence.T])
    return sums.T @ sums


def cluster_notes(name: str | None, cluster: np.ndarray | None) -> list[str]:
    """What has to be said of the clusters."""
    if name is None or cluster is None:
        return []
    n = int(cluster.max()) + 1
    note = f"robust errors by {name}: {n:,} of them"
    return [note if n >= FEW_CLUSTERS else f"{note}; with fewer than {FEW_CLUSTERS}, robust errors are too small"]
