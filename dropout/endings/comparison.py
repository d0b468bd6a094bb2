"""Definitions of dropout side by side on one history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from dropout.endings import agreement, flow
from dropout.endings.cadence import CadenceGap
from dropout.endings.change import NoReliableChange
from dropout.endings.definitions import DEFAULT, ClosureReason, Gap, UnlessRecorded
from dropout.endings.ending import Definition, Endings, need_definition
from dropout.endings.judged import FewerThan, MissedLast, PlannedNotReached
from dropout.endings.spelling import parse, spell
from dropout.errors import CallError
from dropout.timeline import DAY, NEVER, Timeline, times

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USUAL: tuple[Definition, ...] = (ClosureReason(), UnlessRecorded(Gap(60)), UnlessRecorded(CadenceGap()), MissedLast(),
                                 FewerThan(4), PlannedNotReached(), NoReliableChange())
"""What is compared if nothing is said: one of each kind in use."""

XIAO = (MissedLast(), ClosureReason(), NoReliableChange())
"""The three of Xiao et al. (2023): last session, therapist, symptom change."""

SMALL = 5
"""Counts below it are not to leave the clinic."""

TITLES = {
    "rates": "Rates", "agreement": "Agreement of pairs", "overlap": "How many definitions an episode meets",
    "patterns": "Which definitions are met together", "three": "The three of Xiao et al. (2023)",
    "flow": "From the opening to the end", "bounds": "What missing closure reasons leave open",
}


class HasTimeline(Protocol):
    """A history, as far as it is read here."""

    @property
    def timeline(self) -> Timeline:
        """Every fact with the time at which it became known."""


@dataclass(frozen=True)
class Comparison:
    """What definitions of dropout say of the same episodes.

    Attributes
    ----------
    definitions : dict of str to Definition
        Those compared, by the line that `dropout.definitions.parse` reads (or the names given).
    tables : dict of DataFrame
        `rates`, `agreement`, `overlap`, `patterns`, `three` (where those of Xiao et al. are among them), `flow`, `bounds`
        (where closures are recorded).
    verdicts : DataFrame
        One row an episode compared: client_id, episode_id, and a column a definition: True, False, or missing where it
        can't tell.
    left_out : dict of str to str
        Definitions that could not be used, and why.
    notes : list of str
    """

    definitions: dict[str, Definition]
    tables: dict[str, pd.DataFrame] = field(repr=False)
    verdicts: pd.DataFrame = field(repr=False)
    left_out: dict[str, str]
    notes: list[str] = field(repr=False)

    def plot(self) -> Figure:
        """Rates with intervals, kappa of every pair, and which definitions are met together, as a figure."""
        from dropout.endings.figures import comparison_figure

        return comparison_figure(self.tables, list(self.definitions))

    def __repr__(self) -> str:
        rows = self.tables["rates"]
        said = ", ".join(f"{row.definition} {row.rate:.0%}" for row in rows.itertuples() if row.n)
        return f"Comparison of {len(rows)} definitions of dropout on {len(self.verdicts):,} episodes: {said}"

    def _repr_html_(self) -> str:
        parts = [f"<div><p><b>{len(self.definitions)} definitions of dropout</b> on {len(self.verdicts):,} episodes</p><ul>",
                 *(f"<li>{escape(note)}</li>" for note in self.notes), "</ul>"]
        for name, title in TITLES.items():
            if name in self.tables:
                parts.append(f"<h4>{title}</h4>{readable(self.tables[name]).to_html(index=False)}")
        return "".join(parts) + "</div>"


def compare(
    history: HasTimeline, definitions: Mapping[str, Definition | str] | Iterable[Definition | str] | None = None, *,
    flow_by: Definition = DEFAULT,
) -> Comparison:
    """How many leave by each definition, how far the definitions agree, and what is missing.

    Parameters
    ----------
    history : History
    definitions : definitions, or lines of text that `parse` reads, or a mapping of names to these; optional
        Default: one of each kind in use. Of the default, what needs a table that is absent is left out, and said.
    flow_by : Definition
        Says how those who attended ended in the table `flow`.

    Returns
    -------
    Comparison
        Its tables `print` well and show in Jupyter; `.plot()` draws them.

    Raises
    ------
    CallError
        If fewer than one definition can be used, two have one name, or one that was asked for needs what is absent.

    Notes
    -----
    Compared are episodes with at least one attended session whose first one lies at least as long before the extraction date
    as the slowest definition needs to be certain. So the denominator is episodes started and mature; who is still in care is
    in it, and is no dropout so far. Intervals take episodes as independent; clients with several are few in most clinics.
    """
    if not hasattr(history, "timeline"):
        raise CallError(f"compare wants a history first, as read_history gives it; got a {type(history).__name__}")
    need_definition(flow_by, "flow_by")
    timeline = history.timeline
    asked = _named(USUAL if definitions is None else definitions)
    found: dict[str, Endings] = {}
    left_out: dict[str, str] = {}
    for label, definition in asked.items():
        try:
            found[label] = definition.endings(timeline)
        except CallError as error:
            if definitions is not None:
                raise
            left_out[label] = str(error)
    used = {label: asked[label] for label in found}
    which, longest = _mature(timeline, used)
    # Where no episode is old enough to be compared none is to blame, and the notes say so.
    silent = definitions is None and which.any()
    for label in [label for label, one in found.items() if silent and not one.can_tell[which].any()]:
        left_out[label] = "it can't tell of any episode: nothing is recorded that it needs"
        del found[label], used[label]
    if not found:
        raise CallError("none of the definitions can be used with this history: " + "; ".join(left_out.values()))
    verdicts = agreement.Verdicts.of(found, which)
    tables = {"rates": agreement.rates(verdicts, used), "agreement": agreement.pairs(verdicts),
              "overlap": agreement.overlap(verdicts), "patterns": agreement.patterns(verdicts)}
    three = [label for label, definition in used.items() if definition in XIAO]
    if len(three) == len(XIAO):
        tables["three"] = agreement.overlap(agreement.Verdicts.of({label: found[label] for label in three}, which))
    tables["flow"] = flow.flow(timeline, flow_by)
    held = timeline.tables.episodes
    if held is not None and "closure_reason" in held:
        tables["bounds"] = flow.bounds(timeline, which)
    who = timeline.episodes.loc[which, ["client_id", "episode_id"]].reset_index(drop=True)
    said = pd.DataFrame(verdicts.left, columns=verdicts.labels).astype("boolean").mask(~verdicts.judged)
    notes = _notes(timeline, which, longest, tables, left_out, flow_by)
    return Comparison(used, tables, pd.concat([who, said], axis=1), left_out, notes)


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table with shares as percentages and intervals in brackets, for reading."""
    shown = table.copy()
    for middle, low, high in (("rate", "low", "high"), ("rate_of_ended", "low_of_ended", "high_of_ended")):
        if middle in shown:
            shown[middle] = [_with_interval(*row) for row in shown[[middle, low, high]].itertuples(index=False)]
            shown = shown.drop(columns=[low, high])
    if "kappa" in shown:
        shown["kappa"] = ["–" if np.isnan(k) else f"{k:.2f} ({a:.2f} to {b:.2f})"
                          for k, a, b in shown[["kappa", "low", "high"]].itertuples(index=False)]
        shown["agreement"] = shown["agreement"].map("{:.0%}".format)
        shown = shown.drop(columns=["low", "high"])
    if "share" in shown:
        shown["share"] = shown["share"].map("{:.0%}".format)
    for name in [name for name in shown if shown[name].dtype == bool]:
        shown[name] = shown[name].map({True: "yes", False: ""})
    return shown.rename(columns=lambda name: str(name).replace("_", " "))


def _with_interval(rate: float, low: float, high: float) -> str:
    return "–" if np.isnan(rate) else f"{rate:.1%} ({low:.1%} to {high:.1%})"


def _named(definitions: Mapping[str, Definition | str] | Iterable[Definition | str]) -> dict[str, Definition]:
    """Definitions by name."""
    if isinstance(definitions, str) or not isinstance(definitions, Iterable):
        raise CallError("compare wants several definitions: a list, or a mapping of names to definitions")
    pairs = (definitions.items() if isinstance(definitions, Mapping)
             else [(None, definition) for definition in definitions])
    result: dict[str, Definition] = {}
    for name, given in pairs:
        definition: Definition = parse(given) if isinstance(given, str) else given
        need_definition(definition, "one of those to compare")
        label = str(name) if name is not None else spell(definition)
        if label in result:
            raise CallError(f"two of the definitions are called '{label}'; give them names: "
                            "compare(history, {'one': ..., 'other': ...})")
        result[label] = definition
    if not result:
        raise CallError("compare was given no definition; leave them away for one of each kind")
    return result


def _mature(timeline: Timeline, definitions: Mapping[str, Definition]) -> tuple[np.ndarray, int]:
    """Which episodes started long enough ago for every definition to be certain, and how many days that is."""
    longest = max((definition.maturity_days for definition in definitions.values()), default=0)
    episode, now = np.arange(len(timeline)), np.full(len(timeline), timeline.extraction)
    started = timeline.took_place.last_at(episode, now) != NEVER
    first = np.full(len(timeline), timeline.extraction + 1)
    first[started] = timeline.took_place.at[timeline.took_place.begin(episode[started])]
    return started & (first <= timeline.extraction - longest * DAY), longest


def _notes(timeline: Timeline, which: np.ndarray, longest: int, tables: dict[str, pd.DataFrame],
           left_out: dict[str, str], flow_by: Definition) -> list[str]:
    n = int(which.sum())
    notes = [f"{n:,} episodes are compared: at least one session attended, the first at least {longest} days before "
             f"{times(np.array([timeline.extraction]))[0]}, so that the slowest definition had the time to be certain. Rates "
             "are dropouts over the episodes of these that a definition can judge; who is still in care is among them, as no "
             "dropout so far.",
             "Never started is no dropout here; the table of the flow counts it apart."]
    rates = tables["rates"]
    some = rates[rates["n"] > 0].sort_values("rate", kind="stable")
    if len(some) > 1:
        label, rate = some["definition"].tolist(), some["rate"].tolist()
        notes.append(f"Lowest {rate[0]:.0%} by '{label[0]}', highest {rate[-1]:.0%} by '{label[-1]}'.")
    unsure = rates[rates["not_judged"] > 0]
    if len(unsure):
        notes.append("Not judged, and in no rate, for want of what the definition needs: "
                     + ", ".join(f"{row.not_judged:,} by '{row.definition}'" for row in unsure.itertuples())
                     + ". Rates of different episodes differ for that reason too.")
    if "three" in tables:
        rate, low, high, of = (tables["three"][name].tolist()[-1] for name in ("rate", "low", "high", "n"))
        notes.append(f"All three of last session, therapist and symptom change: {_with_interval(rate, low, high)} of {of:,} "
                     "episodes that all three judge. Xiao et al. (2023) found fewer than 1% of 2,977 clients.")
    if "bounds" in tables and tables["bounds"]["n"].iloc[1]:
        ways = tables["bounds"].set_index("missing_count_as")["rate"]
        notes.append(f"Of the episodes that are over, {tables['bounds']['missing'].iloc[0]:,} have no closure reason: the rate "
                     f"lies between {ways.iloc[1]:.0%} and {ways.iloc[-1]:.0%}, declared endings alone give "
                     + ("nothing" if np.isnan(ways.iloc[0]) else f"{ways.iloc[0]:.0%}")
                     + ". Connell et al. (2006) found 32% declared and 50% with missing endings.")
    several = int(timeline.episodes.loc[which, "client_id"].duplicated().sum())
    if several:
        notes.append(f"{several:,} of the episodes are a client's second or later; intervals take them as independent.")
    notes.append(f"How those who attended ended in the flow, by: {flow_by.name}.")
    notes += [f"Left out: '{label}': {reason}" for label, reason in left_out.items()]
    if n < 100:
        notes.append(f"{n} episodes are few; the intervals say how little they tell.")
    notes.append(f"Counts below {SMALL} are shown; hold them back before any of this leaves the clinic.")
    return notes
