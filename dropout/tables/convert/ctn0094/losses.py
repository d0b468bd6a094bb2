"""Losses: what the source can't tell, and what became of every row of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.convert.conversion import Loss
from dropout.tables.convert.ctn0094.plans import FIT_DAYS, GRACE_DAYS
from dropout.tables.convert.ctn0094.source import OPTIONAL, UNSAID, covariates_of

KEY = ["who", "phase"]

# Of visits that were set aside: what they were, what was done, what can't be told.
FATES = {
    "not_randomised": (
        "visits of people who consented and were never randomised",
        "left out, with the people",
        "whether they were not eligible or did not come back",
    ),
    "unknown_label": ("visits with a label that is not known", "left out", "what they were"),
    "baseline": (
        "the visit at consent",
        "left out: it comes before treatment, and everybody who was randomised had been at it",
        "the days between consent and the first dose",
    ),
    "unscheduled": (
        "unscheduled visits and cross-study forms, with no word on whether anybody came",
        "left out",
        "contacts outside the plan",
    ),
    "no_disposition": (
        "planned visits with no word on whether anybody came",
        "left out",
        "whether they took place",
    ),
    "follow_up": (
        "follow-up visits: planned for after the treatment, or dated after it",
        f"left out: a visit counts to the planned end, or {GRACE_DAYS} days more if not labelled follow-up",
        "who was seen after treatment",
    ),
    "undated": ("attended visits without a date", "left out", "when they were"),
    "undatable": (
        "missed visits that have neither a date nor a week (most are end-of-treatment visits)",
        "left out",
        "when they were to be",
    ),
    "before_start": (
        "visits labelled as treatment and dated before randomisation",
        "left out: the date is believed, not the label",
        "whether the date or the label is wrong",
    ),
    "same_day": (
        "second rows of a person on one day (two labels, or attended and missed)",
        "one kept: attended before missed, dated before implied, weekly before others, the earlier week",
        "whether the second visit was missed, or made up for by the first",
    ),
    "after_silence": (
        "end-of-study assessments over 28 days after the last attended weekly visit (14 in the short phase)",
        "left out: people were asked to them whether or not they had left",
        "whether somebody wished to come back",
    ),
    "no_room": (
        "missed visits without a date and with no day between the attended visits (or phases) around them",
        "left out",
        "when they were to be",
    ),
    "after_end": ("visits planned after a death or a move", "left out", "what the site went on writing down"),
}


def losses_of(
    raw: dict[str, pd.DataFrame],
    people: pd.Index,
    rows: pd.DataFrame,
    episodes: pd.DataFrame,
    measures: pd.DataFrame,
    calendar: str,
) -> tuple[Loss, ...]:
    """Return every loss of the conversion with the number of rows it concerns; those of no row are left out.

    `calendar` says in words how people were given dates.
    """
    found = [
        *_of_the_whole(rows, calendar),
        *_of_people(raw, people),
        *_of_visits_set_aside(rows),
        *_of_sessions(rows, episodes),
        *_of_endings(rows, episodes),
        *_of_measures(raw, measures),
    ]
    return tuple(loss for loss in found if loss.rows)


def _of_the_whole(rows: pd.DataFrame, calendar: str) -> list[Loss]:
    kept = int((rows["fate"] == "").sum())
    facts = {
        "the calendar: the source counts days from consent": (
            f"{calendar}; the days between two dated facts of a person are kept",
            "year, season, weekday, holidays, who came before whom, how full a clinic was",
        ),
        "the hour: the source has days": (
            "dates without a time, known at the end of the day",
            "the hour, and the order of facts on one day",
        ),
        "bookings and cancellations: none are recorded": (
            "booked_at and cancelled_at are left out, though visits were planned at entry: a session is "
            "known when its outcome is, nobody has a booking ahead, and no status is a cancellation",
            "who called to cancel, who moved a visit, how much notice was given",
        ),
        "therapists, mode, fees and messages: none are recorded": (
            "left out",
            "who saw whom, and what was said",
        ),
    }
    return [Loss("sessions", what, kept, done, unknown) for what, (done, unknown) in facts.items()]


def _of_people(raw: dict[str, pd.DataFrame], people: pd.Index) -> list[Loss]:
    told = covariates_of(raw, people)
    empty = int(told.isin(UNSAID).to_numpy().sum() + told.isna().to_numpy().sum())
    randomised = set(raw["randomization"]["who"])
    never = len(set(raw["everybody"].index) - randomised)
    unusable = len(randomised - set(people))
    absent = [name for name in OPTIONAL if name not in raw or raw[name].empty]
    facts = [
        ("people who consented and were never randomised", never, "left out: their treatment never began",
         "who of them was refused and who changed their mind"),
        ("people with a randomisation but no trial, or no day of a first randomisation", unusable, "left out",
         "anything about them"),
        ("birth years", len(people), "the invented year of consent less the age at intake",
         "the year to within one"),
        ("covariates: none has a date", len(people),
         "taken as known from the beginning, as the source says of the demographics", "when each was learnt"),
        ("answers missing, refused or not given", empty, "left empty",
         "which; many were asked in one trial and not in another, so that a gap tells the trial"),
        ("sites: masked, the big ones split and the small ones joined to about 100 people", len(people),
         "clinic_id is the masked site", "which people shared a real clinic"),
        (f"optional tables that are absent or empty: {', '.join(absent)}", len(absent), "done without",
         "what they hold"),
    ]
    return [Loss("clients", *fact) for fact in facts]


def _of_visits_set_aside(rows: pd.DataFrame) -> list[Loss]:
    counted = rows["fate"].value_counts()
    return [
        Loss("visit", what, int(counted.get(fate, 0)), done, unknown)
        for fate, (what, done, unknown) in FATES.items()
    ]


def _of_sessions(rows: pd.DataFrame, episodes: pd.DataFrame) -> list[Loss]:
    kept = rows[rows["fate"] == ""]
    missed, attended = kept[~kept["attended"]], kept[kept["attended"]]
    facts = [
        ("missed visits without a date", (~missed["dated"]).sum(),
         "placed by their week: so many weeks after the attended visit before them (or randomisation), and "
         "before the next attended one", "the day to within half a week"),
        ("missed visits with a reason (jail, hospital, holiday, withdrawn, ...)",
         (missed["reasons"] != "").sum(), "status no_show, the reasons in missed_reason",
         "who had said so beforehand: some would be cancellations, and some no appointment at all"),
        ("missed visits for which no form exists (MISSING)", (missed["what"] == "MISSING").sum(),
         "status no_show, MISSING in disposition",
         "whether anybody was still expected: most follow on leaving"),
        ("attended visits that carry a reason for missing (key words found in a comment)",
         (attended["reasons"] != "").sum(), "status attended, the reason is dropped",
         "what the comment was about"),
        (f"attended weekly visits dated more than {FIT_DAYS} days from the week of their label",
         attended["misfit"].sum(), "the date is kept", "whether the date or the label is wrong"),
        ("attended visits called final, without the word visit", (attended["what"] == "final").sum(),
         "status attended, final in disposition", "whether it was more than a form"),
        ("attended end-of-study or follow-up visits within treatment, not after a long silence",
         (attended["kind"] != "weekly").sum(), "status attended",
         "whether the person was still in treatment that day"),
        ("planned visits before the last attended one that have no row at all", _without_row(kept, episodes),
         "none is made up", "whether they were missed: CTN-0030 has hardly any row of a missed visit"),
    ]
    return [Loss("sessions", what, int(count), done, unknown) for what, count, done, unknown in facts]


def _without_row(kept: pd.DataFrame, episodes: pd.DataFrame) -> int:
    about = episodes.set_index(KEY)
    rows = kept.join(about["last_attended"], on=KEY)
    present = rows[rows["day"] <= rows["last_attended"]].groupby(KEY).size().reindex(about.index).fillna(0)
    planned = np.floor((about["last_attended"] - about["opened"]) / 7) + 1
    planned = planned.clip(upper=about["planned_sessions"]).fillna(0)
    return int((planned - present).clip(lower=0).sum())


def _of_endings(rows: pd.DataFrame, episodes: pd.DataFrame) -> list[Loss]:
    reason = episodes["reason"]
    open_ended = episodes.loc[reason == "", [*KEY, "last_attended"]]
    after = rows[(rows["fate"] == "") & ~rows["attended"]].merge(open_ended, on=KEY)
    after = after[after["day"] > after["last_attended"].fillna(-np.inf)]
    said = after["reasons"].str.split("+")

    def who_say(*words: str) -> int:
        return after.loc[[bool(set(words) & set(found)) for found in said], "who"].nunique()

    facts = [
        ("closures: the source has none; somebody attended in one of the last two planned weeks",
         (reason == "completed").sum(),
         "closure_reason completed, on the planned last day or that of a later session",
         "whether clinic and client saw it as completed, and whether the medicine was taken to the end"),
        ("first phases of CTN-0030 that passed into the second before they were over, or after an absence",
         (reason == "referred_on").sum(),
         "closure_reason referred_on, on the day on which the second phase began", "whose choice it was"),
        ("deaths and moves, known only from a missed visit", reason.isin(["died", "moved"]).sum(),
         "closed with that reason on the day of that visit",
         "the true day, and those that no visit mentions"),
        ("episodes without a closure: nothing attended in the last two planned weeks", len(open_ended),
         "left open, so that the definition of dropout decides",
         "who left, who was discharged by the trial's own rule, and who could not come"),
        ("people of these whose missed visits say that they left the study or were withdrawn",
         who_say("left_study"),
         "no closure is made of it: the words mix the client's choice with the trial's",
         "who decided, and when"),
        ("people of these who were dropped after missing 14 in a row", who_say("missing_14_consecutive"),
         "no closure is made of it: the rule follows from not coming", "whether they would have come back"),
        ("people of these whose missed visits say jail or hospital", who_say("in_jail", "in_hospital"),
         "no closure is made of it: both may pass", "who stayed away for that alone"),
        ("episodes with no attended session", episodes["last_attended"].isna().sum(),
         "kept: treatment was given to them and never begun", "why"),
    ]
    return [Loss("episodes", what, int(count), done, unknown) for what, count, done, unknown in facts]


def _of_measures(raw: dict[str, pd.DataFrame], measures: pd.DataFrame) -> list[Loss]:
    fates = measures["fate"].value_counts()
    kept = measures.loc[measures["fate"] == "", "measure"].value_counts()
    facts = [
        ("scores of people who were never randomised", fates.get("not_randomised", 0), "left out",
         "how those were who never began"),
        ("scores of people with no session", fates.get("no_session", 0), "left out: a history has no place for them",
         "how those were who never came"),
        ("scores without a value or a date", fates.get("no_score", 0), "left out", "the score"),
        ("scores from after the planned treatment", fates.get("follow_up", 0),
         "left out, like the visits they were taken at", "how people were after treatment"),
        ("scores from assessments after a long silence", fates.get("after_silence", 0),
         "left out, like the visits they were taken at", "how people were who had left"),
        ("urine screens: the source lists what was found, nothing else", kept.get("uds_drugs", 0),
         "uds_drugs counts the kinds found (medicines apart), uds_opioid is 1 where opioids were among them",
         "a clean screen from no screen, and whether a medicine found was the prescribed one"),
        ("withdrawal scores: two scales made into four grades by the source", kept.get("withdrawal", 0),
         "the grade, 0 to 3", "the score; CTN-0027 has hardly more than one a person"),
        ("doses of medicine", len(raw.get("treatment", ())),
         "left out: doses taken at home bear the day they were for, not that of the visit at which they were "
         "handed out or written down, so that their dates could tell who came back",
         "who went on taking the medicine"),
    ]
    return [Loss("measures", what, int(count), done, unknown) for what, count, done, unknown in facts]
