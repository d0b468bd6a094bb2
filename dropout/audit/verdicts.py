"""From what the probes saw to a verdict on each column, with its mechanism and the counts behind it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from dropout.audit.futures import DATED
from dropout.audit.knowing import Knowing
from dropout.audit.mechanisms import MECHANISMS
from dropout.audit.probes import TOLERANCE, Found, differ
from dropout.disclosure import SMALLEST_SHOWN
from dropout.timeline import DAY

LEAK, LOOK, CALENDAR, CLEAN, UNCHECKED = "leak", "look", "calendar", "clean", "unchecked"
VERDICTS = (LEAK, LOOK, CALENDAR, CLEAN, UNCHECKED)
COLUMNS = ["column", "verdict", "mechanism", "kind", "severity", "evidence", "what_to_do"]
ROWS = "(choice of rows)"

SURE_SHARE = 0.005
"""Share of the rows that must differ, or at least `SMALLEST_SHOWN` rows, before a column is called a leak; fewer are a look."""

LOST_SHARE = 0.02
"""Share of rows missing from the cut history at which their choice is said to depend on the future."""

FEWEST_VALUES = 5
"""Different values, or rows, below which it isn't said how a column changed at a date."""

FEWEST_RANKS = 10
"""Different values from which on rising together is no chance."""

NEARLY_ALL = 0.9
"""Share of columns that must change with other names before it is the reading, not the columns, that is wrong."""

IN_WORDS = {
    "cut": "when the history is cut at the moment",
    "future": "when everything after the moment is changed",
    "outcomes": "when later attendance is changed",
    "bookings": "when later bookings are changed",
    "messages": "when later messages are changed",
    "scores": "when later scores and balances are changed",
    "closures": "when later closures are changed",
    "others": "when other clients' later rows are taken away",
    "extras": "when extra columns of sessions still to come are changed",
    "batch": "when half of the rows are asked about alone",
    "dates": "when all dates are moved by the same days",
    "names": "when clients swap their identifiers",
}

OF_KIND = {"outcomes": "later outcome", "bookings": "later booking", "messages": "later message", "scores": "later score",
           "closures": "closure"}


def verdicts(found: Found, known: Knowing) -> pd.DataFrame:
    """One row per column of the features that were asked: `COLUMNS`, offenders first."""
    columns = [str(column) for column in found.answers.values]
    rows = []
    by_names = [column for column in columns if found.differs("names", column)]
    for column in columns:
        rows.append(_row(column, *_judged(column, found, known), known))
    table = _sorted(rows)
    if len(by_names) >= max(3, NEARLY_ALL * len(columns)):
        rest = table["mechanism"].eq("names the client")
        table.loc[rest, ["verdict"]] = UNCHECKED
        table.loc[rest, "evidence"] += "; so do nearly all columns: rows may be matched by their place instead of their names"
    missing, asked = found.rows
    if asked and missing / asked >= LOST_SHARE:
        row = _row(ROWS, LEAK, "rows chosen by the future", [_count(missing, asked, "are not there " + IN_WORDS["cut"])], known)
        table = pd.concat([pd.DataFrame([row]), table], ignore_index=True)
    return table


def verdicts_of_frame(columns: Iterable[str], known: Knowing) -> pd.DataFrame:
    """One row per column of a fixed frame, for what can be seen without asking again."""
    rows = []
    for column in columns:
        if column in known.agrees:
            rows.append(_row(column, LEAK, "agrees with the future", [f"agrees with: {known.agrees[column]}"], known))
        elif known.alarms(column):
            rows.append(_row(column, LOOK, "knows the ending", [], known))
        else:
            rows.append(_row(column, UNCHECKED, "", [], known))
    return _sorted(rows)


def _judged(column: str, found: Found, known: Knowing) -> tuple[str, str, list[str]]:
    """Verdict, mechanism and evidence of one column."""
    changed = [name for name in ("cut", "future", *DATED, "others") if found.differs(name, column)]
    evidence = [_count(found.differs(name, column), found.compared(name, column), f"differ {IN_WORDS[name]}") for name in changed]
    surfaced = found.surfaced.get(column, 0)
    if surfaced:
        evidence.append(f"a value planted after the moment came up in {_number(surfaced)} rows")
    if found.differs("batch", column):
        return LEAK, "fitted on all rows", [_counted("batch", column, found), *evidence]
    if found.differs("names", column) and not changed:
        return LEAK, "names the client", [_counted("names", column, found)]
    if changed:
        mechanism = _mechanism(column, found, known)
        at_edge, edge = found.edge.get(column, [0, 0])
        sure = at_edge >= max(2, edge / 2) or any(
            found.differs(name, column) >= min(max(SURE_SHARE * found.compared(name, column), 1), SMALLEST_SHOWN)
            for name in changed)
        return LEAK if sure else LOOK, mechanism, evidence
    if found.differs("extras", column):
        return LOOK, "column without a date", [_counted("extras", column, found)]
    if column in known.agrees:
        return LEAK, "future by another way", [f"agrees with: {known.agrees[column]}"]
    if column in known.constant and known.alarms(column):
        return LOOK, "knows the ending", []
    if found.absent.get(column, 0) == len(found.dates):
        return LOOK, "seen with later rows only", [f"not there at any of {len(found.dates)} dates {IN_WORDS['cut']}"]
    if found.differs("dates", column):
        if known.alarms(column):
            return LOOK, "knows the ending", [_counted("dates", column, found)]
        return CALENDAR, "calendar", [_counted("dates", column, found)]
    if found.answers.values[column].nunique(dropna=False) < 2:
        return CLEAN, "", ["one and the same value in all rows: it can tell nothing, of the future or else"]
    return CLEAN, "", [f"the same in {_number(found.compared('cut', column))} rows {IN_WORDS['cut']}"]


def _mechanism(column: str, found: Found, known: Knowing) -> str:
    """The mechanism of a column that changes with the future."""
    if _end_of_data(column, found):
        return "end of the data"
    if found.differs("others", column):
        return "fitted on all rows" if _rescaled(column, found) or _filled_in(column, found) else "other clients' endings"
    kinds = {kind: found.differs(kind, column) for kind in DATED if found.differs(kind, column)}
    if not kinds:
        return "end of the data"
    if column in known.constant and set(kinds) != {"closures"}:
        return "whole episode"
    if "outcomes" in kinds:
        return OF_KIND["outcomes"]
    return OF_KIND[max(kinds, key=lambda kind: kinds[kind])]


def _end_of_data(column: str, found: Found) -> bool:
    """Whether a column is the time from the moment to one and the same end: days that fall as the moment rises."""
    values = found.answers.values[column]
    if values.dtype == object or not found.pairs.get(column):
        return False
    at = found.answers.rows["as_of"].to_numpy().astype("datetime64[s]").astype(np.int64) / DAY
    there = values.notna().to_numpy()
    return len(np.unique(at[there])) > 2 and _straight(at[there], values.to_numpy(float)[there])


def _rescaled(column: str, found: Found) -> bool:
    """Whether the value without later rows is the same one on another scale, as ranks or standard scores are: one rises with
    the other, in every row. The rates of a few groups may do so by chance, so that few values must lie on a straight line.
    """
    same = []
    for pair in _numbers(column, found):
        both = pair[["cut", "whole"]].dropna().sort_values(["cut", "whole"])
        values = both["cut"].nunique()
        if values >= FEWEST_VALUES:
            # Sums in another order differ in their last digits.
            slack = TOLERANCE * both["whole"].abs().max()
            rises = both["whole"].nunique() > 1 and bool((both["whole"].diff().dropna() >= -slack).all())
            same.append((rises and values >= FEWEST_RANKS)
                        or _straight(both["cut"].to_numpy(float), both["whole"].to_numpy(float)))
    return bool(same) and all(same)


def _filled_in(column: str, found: Found) -> bool:
    """Whether only one value changed, wherever it stood, and others did not: a gap filled with a mean of all rows."""
    changed = []
    for pair in _numbers(column, found):
        moved = pair[differ(pair["whole"], pair["cut"])]
        if len(moved) >= FEWEST_VALUES:
            changed.append(len(moved) < len(pair) and all(
                np.ptp(moved[side]) <= TOLERANCE * max(1.0, moved[side].abs().max()) for side in ("whole", "cut")))
    return bool(changed) and all(changed)


def _numbers(column: str, found: Found) -> list[pd.DataFrame]:
    """The values of a column with and without later rows, a frame a date; none where they are texts."""
    pairs = found.pairs.get(column, [])
    return [] if any(pair["whole"].dtype == object or pair["cut"].dtype == object for pair in pairs) else pairs


def _straight(x: np.ndarray, y: np.ndarray) -> bool:
    if x.std() == 0 or y.std() == 0:
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) > 1 - 1e-6)


def _row(column: str, verdict: str, name: str, evidence: list[str], known: Knowing) -> dict[str, object]:
    auc = known.auc.get(column, np.nan)
    if verdict in (LEAK, LOOK) and not np.isnan(auc):
        evidence = [*evidence, f"AUC by itself {auc:.2f} ({known.chance:.2f} at most when endings are shuffled)"]
    one = MECHANISMS.get(name)
    return {
        "column": column, "verdict": verdict, "mechanism": name, "kind": one.kind if one else "",
        "severity": one.severity if one and verdict in (LEAK, LOOK) else "", "evidence": "; ".join(evidence),
        "what_to_do": one.do if one else "",
    }


def _sorted(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values("verdict", key=lambda v: v.map(VERDICTS.index), kind="stable").reset_index(drop=True)


def _counted(probe: str, column: str, found: Found) -> str:
    return _count(found.differs(probe, column), found.compared(probe, column), f"differ {IN_WORDS[probe]}")


def _count(part: int, whole: int, what: str) -> str:
    return f"{_number(part)} of {_number(whole)} rows {what}"


def _number(n: int) -> str:
    return f"{n:,}" if n == 0 or n >= SMALLEST_SHOWN else f"fewer than {SMALLEST_SHOWN}"
