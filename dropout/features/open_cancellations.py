"""Open cancellations: the client cancelled, or wrote to, and has neither attended since nor a session booked ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.features.booking import n_ahead
from dropout.features.feature import Columns, Feature
from dropout.features.view import View
from dropout.features.wording import telling_message
from dropout.messages.reader import INTENTS
from dropout.timeline import DAY

FEATURES = (
    Feature("silent_days", "days since the cancellation", "days", "sessions, messages", "log",
            "silent for {value:.0f} days since cancelling", least=2),
    Feature("silence_to_own_return", "days since the cancellation divided by this client's usual days to return (or 14)",
            "times the usual", "sessions", "log", "silent for {value:.1f} times as long as they usually take to come back",
            least=1.2),
    Feature("no_message", "cancelled without a message", "0 or 1", "messages", "flag"),
    Feature("message_days", "days since the message that tells most", "days", "messages", "log"),
    *(Feature(f"log_odds_{intent}", f"log odds that this message says '{intent}'", "log odds", "messages")
      for intent in INTENTS),
)

USUAL_RETURN_DAYS = 14.0
WIDEST_LOG_ODDS = 5.0


@dataclass(frozen=True)
class OpenCancellations:
    """Which moments find a cancellation open, and what is known of it.

    Attributes
    ----------
    is_open : bool array, one per moment
    cancelled_at : int64 array
        Second of the latest cancellation of the spell, or of the message where nothing was cancelled.
    session, message : int64 arrays
        Row in `sessions` and in `messages`; -1 where there is none.
    """

    is_open: np.ndarray
    cancelled_at: np.ndarray
    session: np.ndarray
    message: np.ndarray

    def take(self, which: np.ndarray) -> OpenCancellations:
        """Those at these positions (or where this mask is true)."""
        return OpenCancellations(self.is_open[which], self.cancelled_at[which], self.session[which], self.message[which])


def open_cancellations(view: View) -> OpenCancellations:
    """The state of cancelling at each moment.

    A message counts as writing to cancel when it can be read, something other than `other` is likeliest, and it came after
    the client was last seen.
    """
    spells = view.evidence.spells
    in_spell = view.count(spells.begun) > view.count(spells.returned)
    message = telling_message(view)
    wrote = np.zeros(len(view), dtype=bool)
    there = message >= 0
    wrote[there] = view.evidence.tells[message[there]]
    sent = view.sent_at(message)
    cancelled = np.where(in_spell, np.nan_to_num(view.last(spells.cancellations, "at")), sent).astype(np.int64)
    session = np.where(in_spell, np.nan_to_num(view.last(spells.cancellations, "row"), nan=-1), -1).astype(np.int64)
    is_open = (in_spell | wrote) & (n_ahead(view) == 0)
    return OpenCancellations(is_open, cancelled, session, message)


def compute(view: View, found: OpenCancellations, columns: Columns) -> Columns:
    """Features of the open cancellation itself, at moments that find one open.

    Parameters
    ----------
    view : View
    found : OpenCancellations
        Of the same moments.
    columns : features already computed at the same moments (`own_return_days` is used)
    """
    silent = (view.at - found.cancelled_at) / DAY
    there = found.message >= 0
    probability = np.full((len(view), len(INTENTS)), np.nan)
    probability[there] = view.evidence.intents[found.message[there]]
    with np.errstate(divide="ignore"):
        odds = np.log(probability) - np.log1p(-probability)
    odds = np.clip(odds, -WIDEST_LOG_ODDS, WIDEST_LOG_ODDS)
    usual = columns["own_return_days"]
    return {
        "silent_days": silent,
        "silence_to_own_return": silent / np.maximum(np.where(np.isnan(usual), USUAL_RETURN_DAYS, usual), 3.0),
        "no_message": (~there).astype(float),
        "message_days": np.where(there, (view.at - view.sent_at(found.message)) / DAY, np.nan),
    } | {f"log_odds_{name}": odds[:, i] for i, name in enumerate(INTENTS)}
