"""Mechanisms by which a column comes to know too much: what each is, and what to do about it.

`kind` is the place in the taxonomy of Kapoor and Narayanan (2023, Leakage and the reproducibility crisis in
machine-learning-based science): L1 no clean separation of training and test data, L2 a feature that nobody would have
when the prediction is made, L3 test data that are not drawn as the predictions will be.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = {
    "L1.1": "no test set",
    "L1.2": "preparation on training and test data together",
    "L1.3": "features chosen on training and test data together",
    "L1.4": "duplicates in training and test data",
    "L2": "a feature that stands for the ending itself",
    "L3.1": "temporal: the future of a case informs its prediction",
    "L3.2": "training and test data are not independent of each other",
    "L3.3": "the cases tested are not those on which predictions will be asked",
}
"""The eight kinds of leakage of Kapoor and Narayanan (2023), in our words."""

SEVERITIES = ("high", "medium", "low")


@dataclass(frozen=True)
class Mechanism:
    """One way of knowing too much.

    Attributes
    ----------
    name : str
        Short name, as in the table.
    kind : str
        Key of `KINDS`; empty where it is no leak.
    severity : {"high", "medium", "low"}
        How far results with such a column can be wrong: high where it knows what comes after the moment.
    what : str
        What is wrong, in a sentence.
    do : str
        What to do about it.
    """

    name: str
    kind: str
    severity: str
    what: str
    do: str


_BY_THEN = "Use only rows known by the moment"

MECHANISMS = {
    one.name: one
    for one in (
        Mechanism("later outcome", "L3.1", "high",
                  "it knows how sessions after the moment went (attended, missed, cancelled)",
                  f"{_BY_THEN}: attendance from starts_at on, a cancellation from cancelled_at on. history.as_of(moment) "
                  "gives exactly that"),
        Mechanism("later booking", "L3.1", "high",
                  "it counts or dates bookings that were made only after the moment",
                  f"{_BY_THEN}: a booking exists from booked_at on. Without booked_at, bookings ahead can't be a feature"),
        Mechanism("later message", "L3.1", "high", "it reads messages sent after the moment",
                  f"{_BY_THEN}: sent_at no later than as_of"),
        Mechanism("later score", "L3.1", "high", "it reads a score or a balance taken after the moment",
                  f"{_BY_THEN}: measured_at (for a balance, starts_at) no later than as_of; take the last one before, "
                  "never the nearest"),
        Mechanism("closure", "L2", "high",
                  "it reads how or when the episode was closed, or that its ending was discussed, before that happened",
                  "Leave it out, or use it only from closed_at (ending_discussed_at) on: what is written at the end is the "
                  "answer, not a predictor"),
        Mechanism("whole episode", "L3.1", "high",
                  "it is a total over the whole episode, the same at its first session as at its last; long episodes are those "
                  "that did not end (immortal time)",
                  "Count up to the moment: rows with a time no later than as_of, not all rows of the client or episode"),
        Mechanism("end of the data", "L3.1", "high",
                  "it counts from the end of the tables (the extraction date, or the last row), not from the moment",
                  "Measure time from as_of. Nobody will know the extraction date of a study when a prediction is asked"),
        Mechanism("other clients' endings", "L1.2", "high",
                  "a rate, rank or mean over all the data: it counts what later became of other clients, and may count the "
                  "client's own ending",
                  "Count only what was known by the moment (of endings: a dropout is known long after the last session), or fit "
                  "the encoding on the training clients alone"),
        Mechanism("fitted on all rows", "L1.2", "medium",
                  "it was scaled, ranked or filled in with all rows together, so training rows know test rows and later ones",
                  "Put the scaling into the model's pipeline, where it is fitted on training rows only, and hand on raw values"),
        Mechanism("names the client", "L3.2", "medium",
                  "it is made from the identifier or the place in the table; where a client is in training and test data, "
                  "a model can look up how they ended",
                  "Leave it out, and split training and test data by client"),
        Mechanism("future by another way", "L3.1", "high",
                  "it agrees with something that lies after the moment, though it did not change with the history that was "
                  "handed over: it is read from elsewhere",
                  "Read only the history that the function is given, and of it only what was known by the moment"),
        Mechanism("agrees with the future", "L3.1", "high", "it agrees almost row by row with something that lies after "
            "the moment",
                  "Make it again from rows known by the moment; given as a function, the audit can show where it comes from"),
        Mechanism("knows the ending", "L2", "medium",
                  "by itself it tells who drops out better than anything that is known so early (AUC of .85 or more)",
                  "Find out when the column was filled in. If that was after the ending, or by somebody who knew of it, leave it "
                  "out"),
        Mechanism("column without a date", "L3.1", "medium",
                  "it reads an extra column of sessions whose outcome was still open; nobody can tell when that was filled in",
                  "Use the column only of sessions that are over, unless it is filled in at the booking"),
        Mechanism("seen with later rows only", "L1.3", "low",
                  "the column does not exist when the history is cut at the moment: whether it exists depends on later rows",
                  "Fix the columns (levels, questionnaires) on the training data, and give the same ones every time"),
        Mechanism("rows chosen by the future", "L3.3", "high",
                  "these rows do not exist when the history is cut at their own time: whether a case is asked about "
                  "depends on what came later",
                  "Choose moments by what is known then (open episodes on a date), not by what happened afterwards"),
        Mechanism("calendar", "", "low", "it changes with the date itself (season, year, age)",
                  "Nothing, as long as the model will be used in the same seasons and years; otherwise leave it out"),
    )
}
"""Every mechanism by its name."""
