"""Checks of tables in canonical types: what cannot be, and what is odd, over rows and across tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.columns import CANCELLED, MEASURES, TABLES
from dropout.tables.extract import Tables
from dropout.tables.problems import Problems, nearest, plainly, written
from dropout.tables.times import LAST_SECOND

HAPPENED = ("attended", "no_show")
ALONE = np.timedelta64(60, "D")
EARLIEST = np.datetime64("1950-01-01", "s")
FARTHEST_YEARS = 10
SUSPICIOUS = 20  # so many past sessions, every one attended, look like a default and not like a clinic


def check(tables: Tables, problems: Problems) -> None:
    """Add to `problems` everything that is wrong or odd in `tables`; required columns may hold nulls."""
    for name, frame in tables.present().items():
        _keys(name, frame, tables.rows[name], problems)
        _placeholders(name, frame, tables, problems)
    _identical_sessions(tables, problems)
    _future(tables, problems)
    _latest_alone(tables, problems)
    _sessions(tables, problems)
    _session_columns(tables, problems)
    if tables.measures is not None:
        _measures(tables.measures, tables.rows["measures"], problems)
    if tables.episodes is not None:
        _episodes(tables.episodes, tables.rows["episodes"], problems)
        _links(tables.sessions, tables.episodes, tables.rows["sessions"], problems)


def surely_before(first: pd.Series, second: pd.Series) -> np.ndarray:
    """Return whether `first` lies before `second`; on one day, a date without a time is before nothing."""
    one, other = first.to_numpy(), second.to_numpy()
    same_day = one.astype("datetime64[D]") == other.astype("datetime64[D]")
    return (one < other) & ~(same_day & (_is_date(one) | _is_date(other)))


def _is_date(times: np.ndarray) -> np.ndarray:
    return times - times.astype("datetime64[D]") == LAST_SECOND


def _keys(name: str, frame: pd.DataFrame, rows: np.ndarray, problems: Problems) -> None:
    key = [column for column in TABLES[name].key if column in frame]
    if not key or len(key) < len(TABLES[name].key):
        return
    shared = np.flatnonzero(frame[key].notna().all(axis=1) & frame.duplicated(key, keep=False))
    if not len(shared):
        return
    shared = shared[np.argsort(rows[shared])]
    among = frame[key].iloc[shared]
    first_row = pd.Series(rows[shared], index=among.index).groupby([among[column] for column in key]).transform("first")
    again = (first_row != rows[shared]).to_numpy()
    mends = [f"Row {row} is the first; keep one of them, or correct the {key[-1]}" for row in first_row[again]]
    whose = " by the same client" if len(key) > 1 else ""
    said = f"this {key[-1]} is used twice{whose}"
    problems.rows("error", name, key[-1], rows[shared][again], among[key[-1]][again], said, mends)


def _identical_sessions(tables: Tables, problems: Problems) -> None:
    frame, rows = tables.sessions, tables.rows["sessions"]
    pair = frame[["client_id", "starts_at"]]
    where = np.flatnonzero(pair.duplicated(keep=False) & pair.notna().all(axis=1))
    if "session_id" in frame:
        where = where[frame["session_id"].iloc[where].isna().to_numpy()]
    where = where[np.argsort(rows[where])]
    again = where[frame.iloc[where].duplicated().to_numpy()]
    said, mend = "the row is the same as an earlier one in every column", "Keep one of them"
    problems.rows("error", "sessions", None, rows[again], None, said, mend)


def _placeholders(name: str, frame: pd.DataFrame, tables: Tables, problems: Problems) -> None:
    """Name times so far off that they stand for 'unknown', such as 1900-01-01 and 9999-12-31."""
    farthest = tables.today + np.timedelta64(366 * FARTHEST_YEARS, "D")
    for column in TABLES[name].columns:
        if column.kind != "time" or column.name not in frame:
            continue
        at = frame[column.name]
        early = (at < EARLIEST).to_numpy()
        late = (at > farthest).to_numpy() if column.name == "starts_at" else np.zeros(len(frame), dtype=bool)
        for where, said in ((early, "before 1950"), (late, f"more than {FARTHEST_YEARS} years ahead")):
            mend = "Correct it, or leave it empty if it stands for 'unknown'"
            rows = tables.rows[name][where]
            problems.rows("error", name, column.name, rows, at[where], f"this time is {said}", mend)


def _future(tables: Tables, problems: Problems) -> None:
    """Name facts dated after today. What is known of a session may be dated by its booking: its own times count."""

    def name_later(name: str, column: str, where: np.ndarray, said: str, mend: str) -> None:
        frame, rows = getattr(tables, name), tables.rows[name]
        later = where & (frame[column] > tables.today).to_numpy()
        said = f"{said} ({written(tables.today)})"
        problems.rows("error", name, column, rows[later], frame.loc[later, column], said, mend)

    happened = tables.sessions["status"].isin(HAPPENED).to_numpy(dtype=bool)
    mend = "Write scheduled while it has not happened, or correct the date"
    name_later("sessions", "starts_at", happened, "the session has an outcome but starts after today", mend)
    for name, frame in tables.present().items():
        for column in TABLES[name].columns:
            if column.kind == "time" and column.name in frame and column.name != "starts_at":
                said, mend = "a fact cannot be dated after today", "Correct the date, or leave the row out"
                name_later(name, column.name, np.ones(len(frame), dtype=bool), said, mend)


def _latest_alone(tables: Tables, problems: Problems) -> None:
    """Name the latest fact when every fact of other rows is more than 60 days older: probably a slip of the pen."""
    latest: dict[tuple[str, int], tuple[np.datetime64, str]] = {}
    for name, column, known in tables.facts():
        known = np.where(known > tables.today, np.datetime64("NaT", "s"), known)
        filled = np.flatnonzero(~np.isnat(known))
        # The two latest of a column come from two rows, so four columns and more leave nothing out.
        for at in filled[np.argsort(known[filled], kind="stable")[-2:]]:
            row = (name, int(at))
            if row not in latest or known[at] > latest[row][0]:
                latest[row] = known[at], column
    ranked = sorted(latest.items(), key=lambda item: item[1][0])
    if len(ranked) < 2:
        return
    ((name, at), (time, column)), (_, (before, _)) = ranked[-1], ranked[-2]
    if time - before > ALONE:
        days = (time - before).astype("timedelta64[D]").astype(int)
        frame = getattr(tables, name)
        value = frame[column].iloc[at] if column in frame else time
        problems.error(
            name, column, f"the latest fact lies {days} days after every other ({written(before)})",
            "Correct the date, or leave the row out", row=int(tables.rows[name][at]), value=value,
        )  # fmt: skip


def _sessions(tables: Tables, problems: Problems) -> None:
    sessions, rows = tables.sessions, tables.rows["sessions"]
    starts, status = sessions["starts_at"], sessions["status"]

    def warn(column: str, mask: np.ndarray, said: str, mend: str) -> None:
        problems.rows("warning", "sessions", column, rows[mask], sessions.loc[mask, column], said, mend)

    happened = status.isin(HAPPENED).to_numpy(dtype=bool)
    if "booked_at" in sessions:
        late = happened & surely_before(starts, sessions["booked_at"])
        warn("booked_at", late, "booked after it started; the session is known only from then on", "Check the times")
    if "cancelled_at" in sessions:
        late = surely_before(starts, sessions["cancelled_at"])
        said = "cancelled after it started; known only then, and without notice"
        warn("cancelled_at", late, said, "Check the times, or write no_show")
        if "booked_at" in sessions:
            early = surely_before(sessions["cancelled_at"], sessions["booked_at"])
            warn("cancelled_at", early, "cancelled before it was booked; known only when booked", "Check the times")
    extraction_at = tables.extraction_at()
    if np.isnat(extraction_at):
        if not problems.errors:
            said = "nothing in the tables has happened yet, so there is no date to look back from"
            problems.error("sessions", None, said, "Give past sessions, or booked_at")
        return
    forgotten = ((status == "scheduled") & (starts < extraction_at)).to_numpy(dtype=bool)
    said = "still scheduled although its time is past; counts neither as attended nor as missed"
    warn("status", forgotten, said, "Write what became of it")
    kept = np.flatnonzero(~status.isin(CANCELLED).to_numpy(dtype=bool) & ~_is_date(starts.to_numpy()))
    pair = sessions[["client_id", "starts_at"]].iloc[kept]
    twice = np.zeros(len(sessions), dtype=bool)
    twice[kept] = (pair.duplicated(keep=False) & pair.notna().all(axis=1)).to_numpy()
    warn("starts_at", twice, "this client has another session at the same time", "Check for a double entry")
    outcomes = status[status.notna() & (status != "scheduled")]
    if len(outcomes) >= SUSPICIOUS and (outcomes == "attended").all():
        said = f"every one of {len(outcomes):,} past sessions is attended; some systems write that unasked"
        problems.warning("sessions", "status", said, "Check that missed and cancelled sessions are in the export")


def _session_columns(tables: Tables, problems: Problems) -> None:
    """Say what is left out where bookings or cancellations have no date."""
    sessions = tables.sessions
    cancelled = sessions["status"].isin(CANCELLED).to_numpy(dtype=bool)
    for column, mask, said in (
        ("booked_at", np.ones(len(sessions), dtype=bool), "a session is known only once its outcome is"),
        ("cancelled_at", cancelled, "a cancellation is known only when the session would have started"),
    ):
        undated = mask & (sessions[column].isna().to_numpy() if column in sessions else True)
        if column not in sessions:
            left_out = "lead times are" if column == "booked_at" else "notice is"
            problems.warning("sessions", column, f"no such column: {said}, and {left_out} left out", "Add it")
        elif undated.any():
            count = f"{undated.sum():,} of {mask.sum():,} have none"
            problems.warning("sessions", column, f"{count}: without it, {said}", "Fill it where it is known")
    dated = [known for _, column, known in tables.facts() if column != "cancelled_at"]
    if "cancelled_at" in sessions:
        dated.append(sessions["cancelled_at"].to_numpy())
    others = np.concatenate(dated)
    others = others[~np.isnat(others)]
    extraction_at = tables.extraction_at()
    if len(others) and extraction_at - others.max() > np.timedelta64(1, "D"):
        said = (
            f"sessions cancelled without cancelled_at set the extraction date to {written(extraction_at)}; "
            f"all else was known by {written(others.max())}"
        )
        problems.warning("sessions", "cancelled_at", said, "Fill it, or give --as-of")


def _measures(measures: pd.DataFrame, rows: np.ndarray, problems: Problems) -> None:
    for name, known in MEASURES.items():
        score = measures["score"].where(measures["measure"] == name)
        wrong = ((score < known.low) | (score > known.high)).to_numpy()
        said = f"a {name} score lies between {known.low:g} and {known.high:g}"
        mend = "Correct it; if the questionnaire is another one, give it another name"
        problems.rows("error", "measures", "score", rows[wrong], score[wrong], said, mend)
    for name in sorted(set(measures["measure"].dropna().unique()) - set(MEASURES)):
        meant = nearest(name, MEASURES)
        if meant is not None and plainly(meant) == plainly(name):
            first = int(rows[(measures["measure"] == name).to_numpy(dtype=bool)].min())
            said = f"nearly {meant}, but taken as another questionnaire"
            problems.warning("measures", "measure", said, f"Write {meant}", row=first, value=name)


def _episodes(episodes: pd.DataFrame, rows: np.ndarray, problems: Problems) -> None:
    empty = pd.Series(pd.NaT, index=episodes.index, dtype="datetime64[s]")
    opened, closed = episodes.get("opened_at", empty), episodes.get("closed_at", empty)
    wrong = surely_before(closed, opened)
    said, mend = "closed before it was opened", "Correct one of the dates"
    problems.rows("error", "episodes", "closed_at", rows[wrong], closed[wrong], said, mend)
    if "planned_sessions" in episodes:
        planned = episodes["planned_sessions"]
        wrong = (planned < 0).to_numpy()
        said, mend = "a number of sessions is not negative", "Correct it, or leave it empty"
        problems.rows("error", "episodes", "planned_sessions", rows[wrong], planned[wrong], said, mend)
    if "closure_reason" in episodes:
        undated = (episodes["closure_reason"].notna() & closed.isna()).to_numpy(dtype=bool)
        reasons = episodes.loc[undated, "closure_reason"]
        said = "a reason without closed_at; known only at the extraction date"
        problems.rows("warning", "episodes", "closure_reason", rows[undated], reasons, said, "Give closed_at")
    _overlaps(episodes, rows, opened, closed, problems)


def _links(sessions: pd.DataFrame, episodes: pd.DataFrame, rows: np.ndarray, problems: Problems) -> None:
    """Name sessions of an episode that the table of episodes does not have."""
    if "episode_id" not in sessions or "episode_id" not in episodes:
        return
    there = pd.MultiIndex.from_frame(episodes[["client_id", "episode_id"]].dropna())
    known = pd.MultiIndex.from_frame(sessions[["client_id", "episode_id"]]).isin(there)
    strange = sessions["episode_id"].notna().to_numpy() & ~known
    said = "episodes has no such episode of this client; it is taken from the sessions alone"
    names = sessions.loc[strange, "episode_id"]
    problems.rows("warning", "sessions", "episode_id", rows[strange], names, said, "Add it to episodes")


def _overlaps(
    episodes: pd.DataFrame, rows: np.ndarray, opened: pd.Series, closed: pd.Series, problems: Problems
) -> None:
    """Name episodes that open before an earlier one of the same client is closed; the day of closing is free."""
    where = np.flatnonzero(opened.notna() & episodes["client_id"].notna())
    day = opened.iloc[where].to_numpy().astype("datetime64[D]").astype(np.int64)
    last = closed.iloc[where].to_numpy().astype("datetime64[D]")
    until = np.where(np.isnat(last), np.iinfo(np.int64).max, last.astype(np.int64))
    client = pd.factorize(episodes["client_id"].iloc[where])[0]
    order = np.lexsort([rows[where], day, client])
    spans = pd.DataFrame({"client": client, "day": day, "until": until, "at": where}).iloc[order]
    earlier = spans.groupby("client")["until"].cummax().groupby(spans["client"]).shift()
    clash = spans.loc[spans["day"] < earlier, "at"].to_numpy()
    said = "opened while another episode of this client was open"
    mend = "Close the earlier one, or correct the dates"
    problems.rows("warning", "episodes", "opened_at", rows[clash], opened.iloc[clash], said, mend)
