"""Was anybody watched long enough to tell the gone from the slow? Statistics of Maller and Zhou, in plain words.

No test can show that nobody would have come back later still. What can be seen is whether clients were watched for
much longer than the returns took, and how many of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

LEVEL = 0.05
"""Above this the test of Maller and Zhou (1994) finds follow-up too short."""

LATE, STILL_COMING = 0.25, 0.01
"""Where more than one in a hundred of all come back in the last quarter of follow-up, returns are still coming in.

The test alone is not enough. It takes any crowd of returns on the last day watched as a sign that the last return could
not be missed, and so passes when everybody is watched for a month and half of the returns take longer; and in a large
file one straggler makes it fail, though hardly anybody else is on the way.
"""

FEWEST_BEYOND = 20
"""With fewer clients watched beyond the last return, the plateau rests on too few to be read."""


class FollowUpWarning(UserWarning):
    """Something was asked of the tail that was watched too briefly, or by too few, to be told."""


@dataclass(frozen=True)
class FollowUp:
    """How long cancellations were followed up, and what that can tell of those who never return.

    Attributes
    ----------
    n, n_returned, n_competing, n_censored : float
        Cancellations (sums of weights): all, those who returned, those whose silence another ending cut short, and those
        still silent when last seen. Competing endings count as censored for the return.
    last_return_days : float
        The longest wait of a client who returned.
    longest_days : float
        The longest time that anybody was watched.
    n_beyond : float
        Cancellations watched beyond the last return.
    plateau, plateau_low, plateau_high : float
        Share that had not returned by the last return (Kaplan and Meier 1958), with a 95% interval (Greenwood 1926, on the
        scale of log minus log).
    q_n : float
        Share of the cancellations that returned in the stretch before the last return which is as long as the stretch
        from there to the end of follow-up (Maller and Zhou 1996, chapter 4).
    alpha_n : float
        (1 - q_n) to the power n (Maller and Zhou 1994): small where follow-up is long enough.
    late : float
        Share of all that came back in the last quarter of follow-up, by Kaplan and Meier; follow-up ends here when fewer
        than 20 are watched.
    """

    n: float
    n_returned: float
    n_competing: float
    n_censored: float
    last_return_days: float
    longest_days: float
    n_beyond: float
    plateau: float
    plateau_low: float
    plateau_high: float
    q_n: float
    alpha_n: float
    late: float

    @property
    def long_enough(self) -> bool:
        """Whether nothing speaks against telling how many never return."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why the share that never returns can't be told; empty where nothing speaks against it."""
        if not self.n_returned:
            return "nobody returned, so that nothing tells how long a return takes"
        if self.longest_days <= self.last_return_days or not self.n_beyond:
            return (f"nobody was watched beyond the last return ({self.last_return_days:g} days): "
                    "those still silent may all be on their way")
        if self.n_beyond < FEWEST_BEYOND:
            return (f"only {self.n_beyond:g} cancellations were watched beyond the last return "
                    f"({self.last_return_days:g} days), fewer than {FEWEST_BEYOND}")
        if self.late > STILL_COMING:
            return f"returns were still coming in, {self.late:.1%} of all in the last quarter of follow-up"
        return ""

    @property
    def verdict(self) -> str:
        """One or two sentences for a reader without statistics."""
        if self.reason:
            return f"The share that never returns can't be told: {self.reason}."
        said = (f"Follow-up looks long enough: the last return came after {self.last_return_days:g} days, and "
                f"{self.n_beyond:,.0f} cancellations were watched for longer (up to {self.longest_days:g} days) without one. ")
        if self.alpha_n > LEVEL:
            said += f"The test of Maller and Zhou is not satisfied (alpha_n {self.alpha_n:.2g}): a few late ones may still come. "
        return said + "Whether somebody comes back later still, no data can show."

    def table(self) -> pd.DataFrame:
        """What was found, a row each, in words."""
        rows = {
            "cancellations": f"{self.n:,.0f}",
            "returned": f"{self.n_returned:,.0f}",
            "cut short by another ending (counted as censored)": f"{self.n_competing:,.0f}",
            "still silent when last seen": f"{self.n_censored:,.0f}",
            "last return (days)": f"{self.last_return_days:g}",
            "longest time watched (days)": f"{self.longest_days:g}",
            "watched beyond the last return": f"{self.n_beyond:,.0f}",
            "not returned by the last return (Kaplan-Meier)":
                f"{self.plateau:.1%} ({self.plateau_low:.1%} to {self.plateau_high:.1%})",
            "q_n (Maller and Zhou)": f"{self.q_n:.4f}",
            "alpha_n (Maller and Zhou)": f"{self.alpha_n:.3g}",
            "came back in the last quarter of follow-up": f"{self.late:.1%}",
            "verdict": self.verdict,
        }
        return pd.DataFrame({"value": rows}).rename_axis("follow-up")


def follow_up(duration: np.ndarray, event: np.ndarray, weight: np.ndarray | None = None) -> FollowUp:
    """What the follow-up of these cancellations can tell.

    Parameters
    ----------
    duration : array
        Days until the return, or until the client was last seen to be silent. A return comes before censoring in a tie.
    event : array
        1 returned, 0 censored, 2 and above another ending.
    weight : array, optional
        Weight of each row; as many rows as it says.
    """
    weight = np.ones(len(duration)) if weight is None else weight
    returned = event == 1
    n, n_returned = float(weight.sum()), float(weight[returned].sum())
    last = float(duration[returned].max()) if returned.any() else np.nan
    longest = float(duration.max())
    plateau, error = _kaplan_meier(duration, returned, weight, longest)
    order = np.argsort(-duration, kind="stable")
    ends = float(duration[order][min(int(np.searchsorted(np.cumsum(weight[order]), FEWEST_BEYOND)), len(order) - 1)])
    before, after = (_kaplan_meier(duration, returned, weight, at)[0] for at in ((1 - LATE) * ends, ends))
    low, high = _log_minus_log(plateau, error)
    near = returned & (duration > 2 * last - longest)
    q = float(weight[near].sum()) / n
    return FollowUp(
        n=n, n_returned=n_returned, n_competing=float(weight[event > 1].sum()), n_censored=float(weight[event == 0].sum()),
        last_return_days=last, longest_days=longest, n_beyond=float(weight[duration > last].sum()), plateau=plateau,
        plateau_low=low, plateau_high=high, q_n=q, alpha_n=float((1 - q) ** n),
        late=before - after)


def _kaplan_meier(duration: np.ndarray, returned: np.ndarray, weight: np.ndarray, until: float) -> tuple[float, float]:
    """Survival after the returns of day `until`, and Greenwood's standard error of its log."""
    times, at = np.unique(duration, return_inverse=True)
    leaves = np.bincount(at, weight, len(times))
    d = np.bincount(at, weight * returned, len(times))
    at_risk = leaves[::-1].cumsum()[::-1]
    d, at_risk = d[(d > 0) & (times <= until)], at_risk[(d > 0) & (times <= until)]
    survival = float(np.prod(1 - d / at_risk))
    if survival <= 0:
        return 0.0, np.nan
    return survival, float(np.sqrt(np.sum(d / (at_risk * (at_risk - d)))))


def _log_minus_log(survival: float, error: float) -> tuple[float, float]:
    """95% interval of a survival probability on the scale log(-log)."""
    if not 0 < survival < 1:
        return np.nan, np.nan
    spread = ndtri(0.975) * error / abs(np.log(survival))
    return float(survival ** np.exp(spread)), float(survival ** np.exp(-spread))
