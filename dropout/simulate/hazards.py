"""What makes clients miss and leave: chances from the visible state and the fixed traits."""

from __future__ import annotations

import numpy as np

from dropout.simulate.rules import Rules, chance

State = dict[str, np.ndarray]

BOOKED, SILENT = 0, 1
ATTEND, NO_SHOW, CLIENT_CANCEL, CLINIC_CANCEL, RETURN, CLOSE, LEAVE, NOTHING_MORE = range(8)
(ONGOING, COMPLETED, CLIENT_DROPOUT, CLIENT_DECLINED, SERVICE_ENDED, REFERRED_ON, THERAPIST_LEFT, MOVED, DIED, OTHER,
 GONE_UNCLOSED) = range(11)
REASONS = (None, "completed", "client_dropout", "client_declined", "service_ended", "referred_on", "therapist_left",
           "moved", "died", "other", None)
DROPOUTS = (CLIENT_DROPOUT, CLIENT_DECLINED, GONE_UNCLOSED)


def take(state: State, which: np.ndarray) -> State:
    """Rows of a state."""
    return {name: values[which] for name, values in state.items()}


def disengagement(state: State, rules: Rules) -> np.ndarray:
    """How far each client is from staying, in logits, about 0 on average; 0 where history does not matter."""
    if not rules.history:
        return np.zeros(len(state["t"]))
    n = state["n_attended"]
    early = np.select([n == 0, n == 1, n == 2, n == 3, n <= 5, n > 14], [0.3, 1.0, 0.75, 0.4, 0.1, -0.45], -0.2)
    return (
        early
        + state["effect"]
        - state["engagement"]
        + state["burden"]
        - 0.6 * state["alliance"]
        + 0.6 * np.maximum(state["alliance_drop"], 0.0)
        + 0.35 * (state["newly_covered"] > 0)
        + 0.3 * (state["owed"] > 150)
        + 0.3 * (state["distress"] < -1.0)
        - 0.7 * state["talked"]
        - 0.55
    )


def outcome_chances(state: State, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Chances that the next booked session is a no-show, and that the client cancels it."""
    d = disengagement(state, rules)
    again = 0.4 * (state["last_kind"] == NO_SHOW) if rules.history else 0.0
    no_show = chance(rules.no_show_logit + state["unreliable"] + 0.5 * d + again)
    cancel = chance(rules.cancel_logit + 0.7 * state["unreliable"] + 0.2 * d)
    return no_show, cancel


def gone_after_miss(state: State, rules: Rules, logit: np.ndarray | float) -> np.ndarray:
    """Chance of never coming back when a miss ends in silence; `logit` is that of its kind and words."""
    misses = np.minimum(state["missed"] - 1, 4)
    return chance(logit + rules.gone_per_disengagement * disengagement(state, rules) + rules.gone_per_miss * misses)
