"""A slow twin of the placing of CTN-0094 visits, one person and one rule after another."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from dropout.tables.convert.ctn0094.episodes import open_episodes
from dropout.tables.convert.ctn0094.plans import read_labels
from dropout.tables.convert.ctn0094.visits import place_visits


def slow_places(visits, episodes):
    """Return the fate and day of each visit of one person, by the rules one after another."""
    about = read_labels(pd.Series([label for label, _, _ in visits], dtype=object))
    places: dict[int, tuple[str, float]] = {}
    asked = []
    for at, (label, what, when) in enumerate(visits):
        kind, phase, week = about.loc[at]
        attended = what in ("visit", "final")
        fate = ""
        if kind in ("unknown", "baseline"):
            fate = {"unknown": "unknown_label", "baseline": "baseline"}[kind]
        elif what is None:
            fate = "unscheduled" if kind == "unscheduled" else "no_disposition"
        elif when is None and kind == "follow_up":
            fate = "follow_up"
        elif when is None and attended:
            fate = "undated"
        elif when is None and week < 0:
            fate = "undatable"
        if fate:
            places[at] = (fate, when)
            continue
        if when is None:
            found = [e for e in episodes if e["phase"] == phase]
        else:
            found = [e for e in episodes if e["opened"] <= when][-1:]
        if not found:
            places[at] = ("before_start" if when is not None else "undatable", when)
            continue
        episode = found[0]
        grace = 0 if kind == "follow_up" else 14
        if when is not None and when > episode["plan_end"] + grace:
            places[at] = ("follow_up", when)
            continue
        asked.append({"at": at, "label": label, "kind": kind, "week": week, "attended": attended, "day": when,
                      "dated": when is not None, "episode": episode})  # fmt: skip

    def winners(candidates):
        best = {}
        for row in candidates:
            rank = (not row["attended"], not row["dated"], row["kind"] != "weekly", row["week"], row["label"],
                    row["at"])  # fmt: skip
            best[row["day"]] = min(best.get(row["day"], (rank, row)), (rank, row), key=lambda pair: pair[0])
        return [row for _, row in best.values()]

    seen = winners([row for row in asked if row["attended"]])
    for row in asked:
        if row["attended"] and row not in seen:
            places[row["at"]] = ("same_day", row["day"])
    for row in list(seen):
        weekly_days = [other["day"] for other in seen if other["kind"] == "weekly"
                       and other["episode"] is row["episode"] and other["day"] < row["day"]]  # fmt: skip
        since = row["day"] - max(weekly_days, default=row["episode"]["opened"])
        if row["kind"] != "weekly" and since > row["episode"]["silence_days"]:
            places[row["at"]] = ("after_silence", row["day"])
    seen = [row for row in seen if row["at"] not in places]
    missed = []
    for row in asked:
        if row["attended"]:
            continue
        if row["day"] is None:
            opened = row["episode"]["opened"]
            fits = [other for other in seen if other["episode"] is row["episode"] and other["week"] >= 0
                    and abs(other["day"] - opened - 7 * other["week"]) <= 10]  # fmt: skip
            earlier = [(o["week"], o["day"]) for o in fits if o["week"] < row["week"]]
            later = [(o["week"], o["day"]) for o in fits if o["week"] > row["week"]]
            from_week, from_day = max(earlier, default=(0, opened))
            row["day"] = from_day + 7 * (row["week"] - from_week)
            if later:
                row["day"] = min(row["day"], min(later)[1] - 1)
            too_early = row["day"] <= from_day if earlier else row["day"] < opened
            if too_early or row["day"] > row["episode"]["until"]:
                places[row["at"]] = ("no_room", row["day"])
                continue
        missed.append(row)
    kept = winners(seen + missed)
    for row in seen + missed:
        places[row["at"]] = ("" if row in kept else "same_day", row["day"])
    return [places[at] for at in range(len(visits))]


LABELS = {
    27: ["BASELINE", *(f"WK{week}" for week in (0, 1, 2, 3, 4, 20, 23, 24, 28)), "odd"],
    30: ["P1Wk1A", "P1Wk1B", "P1Wk2", "P1Wk3", "P1Wk4", "P1Wk6", "P1Finl", "P1Unsc", "P2Wk1A", "P2Wk2", "P2Wk15",
         "P2Wk16", "P2Wk18", "P2Finl"],
    51: [*(f"WK{week}" for week in (0, 1, 2, 3, 20, 24)), "EOT", "M1F"],
}  # fmt: skip


WEEKS = {
    label: int(week)
    for labels in LABELS.values()
    for label, week in zip(labels, read_labels(pd.Series(labels, dtype=object))["week"], strict=True)
}


@st.composite
def one_person(draw):
    """A trial, the days of randomisation, and visits as (label, disposition, day), most near the day of their week."""
    project = draw(st.sampled_from([27, 30, 51]))
    opened = draw(st.integers(0, 9))
    randomised = [(1, opened)]
    if project == 30 and draw(st.booleans()):
        randomised.append((2, opened + draw(st.integers(1, 70))))
    what = st.sampled_from(["visit", "visit", "visit", "final", "no visit", "no visit", "MISSING", None])
    visits = []
    for label in draw(st.lists(st.sampled_from(LABELS[project]), min_size=1, max_size=14)):
        disposition = draw(what)
        about = opened + 7 * max(WEEKS[label], 0)
        near = st.integers(max(-3, about - 12), about + 12)
        when = draw(near | st.integers(-3, 250)) if disposition == "visit" else draw(st.none() | near)
        visits.append((label, disposition, None if when is None else float(when)))
    return project, randomised, visits


PEOPLE = st.lists(one_person(), min_size=5, max_size=20)


def placed(people):
    """Return the placed rows and the episodes of all, both by person, from one call."""
    randomised = [(who, "arm", which, float(day)) for who, (_, days, _) in enumerate(people) for which, day in days]
    randomization = pd.DataFrame(randomised, columns=["who", "treatment", "which", "when"])
    episodes = open_episodes(randomization, pd.Series([project for project, _, _ in people]))
    visits = [(who, *visit) for who, (_, _, told) in enumerate(people) for visit in told]
    table = pd.DataFrame(visits, columns=["who", "visit", "what", "when"]).astype({"when": "float64"})
    rows = place_visits(table, episodes)
    return dict(list(rows.groupby("who"))), dict(list(episodes.groupby("who")))


@settings(deadline=None, max_examples=20)
@given(PEOPLE)
def test_the_slow_twin_places_every_visit_the_same(people):
    rows, episodes = placed(people)
    for who, (_, _, visits) in enumerate(people):
        expected = slow_places(visits, episodes[who].to_dict("records"))
        mine = rows[who]
        assert mine["fate"].tolist() == [fate for fate, _ in expected]
        assert mine.loc[mine["fate"] == "", "day"].tolist() == [day for fate, day in expected if fate == ""]


@settings(deadline=None, max_examples=20)
@given(PEOPLE, st.integers(30, 200))
def test_no_later_visit_changes_what_was_attended(people, cut):
    earlier = [
        (project, days, [visit for visit in visits if visit[2] is not None and visit[2] <= cut])
        for project, days, visits in people
    ]
    whole, _ = placed(people)
    part, _ = placed(earlier)

    def attended(rows):
        kept = rows[(rows["fate"] == "") & rows["attended"] & (rows["day"] <= cut)]
        return sorted(zip(kept["day"], kept["visit"], strict=True))

    for who, rows in part.items():
        assert attended(rows) == attended(whole[who])
