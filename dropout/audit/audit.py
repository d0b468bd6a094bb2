"""The audit: which moments, of whom, with which probes, and the verdicts put together."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from dropout.audit.asking import AT_MOMENTS, FRAME, MISSING, Answers, asking, positions
from dropout.audit.futures import extra_columns, of_clients
from dropout.audit.knowing import FEWEST, RECENT_DAYS, SHUFFLES, Knowing, knowing
from dropout.audit.probes import CHANGED_DATES, Found, moments_of, probe
from dropout.audit.result import Audit
from dropout.audit.suspects import suspects
from dropout.audit.verdicts import verdicts, verdicts_of_frame
from dropout.disclosure import SMALLEST_SHOWN
from dropout.endings import DEFAULT, Definition
from dropout.errors import CallError
from dropout.evaluation.checked import checked_definition, checked_history, checked_seed
from dropout.history import History
from dropout.progress import Progress

STAGE = "auditing features"

Features = Callable[..., pd.DataFrame] | pd.DataFrame | None


def audit_leaks(
    history: History,
    features: Features = None,
    *,
    time: str = "as_of",
    ignore: Collection[str] = (),
    definition: Definition = DEFAULT,
    clients: int = 200,
    dates: int = 6,
    seed: int = 0,
    progress: Progress | None = None,
) -> Audit:
    """Which features know the future or the test data, by which mechanism, and suspects in the tables themselves.

    The features are asked about the history as it is, then about the same history cut at the moment, with another future,
    with other clients' later rows taken away, with all dates moved and with identifiers swapped. A value that knows only
    what was known at its moment stays the same through all of it (but for dates, with which ages and seasons change). The
    mechanisms are named after Kapoor and Narayanan (2023).

    Parameters
    ----------
    history : History
    features : function or DataFrame, optional
        One of
        - `features(history, moments)`, where `moments` has client_id, episode_id and as_of: a frame with one row per moment, in
          the same order or with client_id and as_of (and episode_id) given back;
        - `features(history)`: a frame with client_id, a time and, if wanted, episode_id and session_id, such as
          `dropout.session_features` gives;
        - a frame made elsewhere, with client_id, a time and, if wanted, episode_id: only what can be seen without asking again
          is checked.
        Default: the package's own features. Every other column is a feature.
    time : str
        The column with the moment of each row.
    ignore : names of columns that are no features
    definition : Definition
        What counts as a dropout.
    clients : int
        Clients whose rows the features are asked about, drawn at random; the suspects are looked for among all.
    dates : int
        Dates at which the history is cut.
    seed : int
        Seed of all that is drawn.
    progress : function, optional
        Called as `progress(stage, done, total)`.

    Returns
    -------
    Audit
        `.ok`, `.columns`, `.suspects`, `.notes`, `.write(path)`.

    Raises
    ------
    CallError
        If the features can't be asked: not a function or frame, no row for a moment, other values at a second call, an error on
        an earlier history.
    """
    history, definition, seed = checked_history(history), checked_definition(definition), checked_seed(seed)
    if not (isinstance(clients, int) and isinstance(dates, int)):
        raise CallError(f"clients is {clients!r} and dates is {dates!r}; expected whole numbers")
    if clients < 2 or dates < 1:
        raise CallError(f"clients is {clients} and dates is {dates}; expected at least 2 clients and 1 date")
    about = _drawn(history, clients, seed)
    asked = asking(features, about, time, ignore)
    found: Found | None = None
    if asked.form == FRAME:
        answers = asked.of(history, None, "")
    else:
        moments = moments_of(about, dates, seed) if asked.form == AT_MOMENTS else pd.DataFrame()
        found = probe(about, asked, moments, dates, seed, _steps(about, dates, progress))
        answers = found.answers
    about = history if found is None else about
    strangers = _strangers(about, answers)
    known = knowing(about, answers, definition, seed)
    columns = verdicts_of_frame(map(str, answers.values), known) if found is None else verdicts(found, known)
    suspected, cannot = suspects(history)
    notes = [*_how(history, about, answers, found), *strangers, *_auc_note(known), definition_note(definition),
             *_rows_note(answers)]
    if cannot:
        notes.append(f"Not looked for in these tables: {'; '.join(cannot)}.")
    notes.append("What an audit of features can't see: features chosen by their results on test data, a model fitted "
                 "without a test set, and rows of the tables that were themselves overwritten later.")
    settings = {
        "clients": int(about.sessions["client_id"].nunique()), "rows": len(answers), "seed": seed, "definition": definition.name,
        "dates": [] if found is None else [str(date) for date in found.dates], "known_until": str(history.known_until)}
    return Audit(asked.name, columns, suspected, notes, settings)


def definition_note(definition: Definition) -> str:
    """What counts as a dropout, in a sentence."""
    return f"What counts as a dropout: {definition.name}."


def _drawn(history: History, n: int, seed: int) -> History:
    """The history of `n` clients drawn at random, or of all where there are no more."""
    everybody = np.array(sorted(set(history.sessions["client_id"])), dtype=object)
    if len(everybody) <= n:
        return history
    return of_clients(history, set(np.random.default_rng(seed).choice(everybody, n, replace=False)))


def _steps(history: History, dates: int, progress: Progress | None) -> Callable[[str], None]:
    """A function that counts the probes for a progress bar; there are more of them where a column changes."""
    total = 4 + dates + CHANGED_DATES * (2 + bool(extra_columns(history.tables)))
    done = 0

    def step(name: str) -> None:
        nonlocal done, total
        if progress is not None:
            progress(STAGE, min(done, total), total)
        if name.startswith("other ") and name.split()[1] not in ("rows", "extra", "dates", "names"):
            total += 1
        done += 1

    return step


def _how(history: History, about: History, answers: Answers, found: Found | None) -> list[str]:
    of = f"{answers.rows['client_id'].nunique():,} clients"
    if found is None:
        return [f"{len(answers):,} rows of {of} were read as they are. A fixed frame can't be asked again, so its columns "
                "are only compared with what lies after their moment and with the endings; give the function that makes it, and "
                "every probe is made."]
    everybody, n = history.sessions["client_id"].nunique(), about.sessions["client_id"].nunique()
    drawn = f", drawn from {everybody:,}" if n < everybody else ""
    few = ""
    if len(answers) < 10 * FEWEST:
        few = f" These are few: below {10 * FEWEST} rows, a leak that seldom shows can be missed."
    days = f"{str(found.dates[0])[:10]} to {str(found.dates[-1])[:10]}"
    return [f"{len(answers):,} rows of {of} were asked about in the history of {n:,} clients{drawn}, which was cut at "
            f"{len(found.dates)} time{'s' if len(found.dates) != 1 else ''} ({days}).{few}"]


def _auc_note(known: Knowing) -> list[str]:
    if not known.n:
        return [f"How well single columns tell the ending is not said: fewer than {FEWEST} clients were seen in the "
                f"{RECENT_DAYS:.0f} days before a moment and dropped out, or did not."]
    best = max(known.auc, key=lambda column: known.auc[column])
    return [f"Among {known.n:,} clients seen in the {RECENT_DAYS:.0f} days before the moment ({known.events:,} dropouts), "
            f"the best single column ({best}) reaches an AUC of {known.auc[best]:.2f}; shuffling endings among clients "
            f"{SHUFFLES} times gives {known.chance:.2f} at most."]


def _strangers(history: History, answers: Answers) -> list[str]:
    """How many rows are of clients or episodes that the history does not have; CallError where all are."""
    n = int((positions(history, answers.rows).episode == MISSING).sum())
    if n == len(answers):
        raise CallError(f"none of the {n:,} rows of features is of a client (and episode) that the history has; write the ids "
                        "as the tables have them")
    return [f"{n:,} of {len(answers):,} rows are of clients or episodes that the history does not have; nothing can be told of "
            "them."] if n else []


def _rows_note(answers: Answers) -> list[str]:
    """How often one client comes up, and feature rows that different clients share."""
    per_client = answers.rows["client_id"].value_counts()
    notes = []
    if (per_client > 1).any():
        notes.append(f"A client has {per_client.mean():.1f} rows on average: split training and test data by client, never "
                     "by row (L3.2), and leave time between the last training moment and the first test moment (L3.1).")
    numbers = answers.values.select_dtypes("number")
    if numbers.shape[1] >= 3:
        rows = pd.util.hash_pandas_object(numbers, index=False)
        shared = rows.groupby(rows).transform("size").gt(1).to_numpy()
        clients = answers.rows.loc[shared, "client_id"].groupby(rows[shared].to_numpy()).transform("nunique").gt(1).sum()
        if clients >= max(SMALLEST_SHOWN, 0.05 * len(rows)):
            notes.append(f"{clients:,} of {len(rows):,} rows are alike in every column to a row of another client: too few "
                         "columns to tell clients apart, or one client under two names (L1.4).")
    return notes
