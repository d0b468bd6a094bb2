"""The tables of the simulated clinics, as they stood at the extraction date."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dropout.simulate import calendar as cal
from dropout.simulate import record as rec
from dropout.simulate.calendar import NEVER
from dropout.simulate.events import pending
from dropout.simulate.hazards import BOOKED, REASONS, State
from dropout.simulate.letters import write_letters
from dropout.simulate.people import EMPLOYMENT, MEASURES_OF_CLINIC, REFERRAL, Clinics
from dropout.simulate.process import Watch

if TYPE_CHECKING:
    from dropout.simulate.world import Episodes

COLUMNS = {
    "sessions": ["session_id", "client_id", "episode_id", "therapist_id", "clinic_id", "starts_at", "status",
                 "booked_at", "cancelled_at", "mode", "fee_owed"],
    "messages": ["message_id", "client_id", "sent_at", "sender", "channel", "session_id", "text"],
    "measures": ["client_id", "measured_at", "measure", "score"],
    "episodes": ["client_id", "episode_id", "opened_at", "closed_at", "closure_reason", "planned_sessions",
                 "ending_discussed_at"],
    "clients": ["client_id", "birth_year", "employment", "referral"],
}
MODES = np.array(["in_person", "video", "phone"], dtype=object)
CHANNELS = np.array(["sms", "email", "voicemail", "portal"], dtype=object)
# measure: (mean, change for one unit of alliance, change for one unit of distress, noise, least, most)
SCORES = {
    "phq9": (13.0, 0.0, 4.6, 1.3, 0, 27),
    "gad7": (11.0, 0.0, 3.9, 1.3, 0, 21),
    "oq45": (78.0, 0.0, 19.0, 5.0, 0, 180),
    "srs": (33.5, 4.0, 0.0, 0.9, 0, 40),
    "wai_sr": (44.0, 7.0, 0.0, 1.6, 12, 60),
}


@dataclass(frozen=True)
class Names:
    """Identifiers: of clients and episodes by number, of sessions by episode and start; intents of messages."""

    client: np.ndarray
    episode: np.ndarray
    sessions: pd.Series
    intents: pd.DataFrame = field(default_factory=pd.DataFrame)

    def session_of(self, row: np.ndarray, starts_at: np.ndarray) -> np.ndarray:
        """Identifiers of the sessions of these episodes and starts."""
        key = pd.MultiIndex.from_arrays([row, starts_at])
        return self.sessions.reindex(key).to_numpy(object)


def make_tables(traits: State, clinics: Clinics, episodes: Episodes, end: int,
                rng: np.random.Generator) -> tuple[dict[str, pd.DataFrame], Names]:
    """The five tables as known at minute `end`, and the identifiers used in them."""
    client = np.array([f"C{i + 1:06d}" for i in range(len(traits["opened_at"]))], dtype=object)
    episode = np.array([f"E{i + 1:06d}" for i in range(len(episodes.client))], dtype=object)
    watch = next(watch for watch in episodes.watches if watch.at == end)
    rows = _known_sessions(episodes, watch)
    order = np.lexsort((rows["starts_at"], rows["row"], rows["booked_at"]))
    rows = {name: values[order] for name, values in rows.items()}
    rows["session_id"] = np.array([f"S{i + 1:07d}" for i in range(len(order))], dtype=object)
    keys = pd.MultiIndex.from_arrays([rows["row"], rows["starts_at"]])
    names = Names(client, episode, pd.Series(rows["session_id"], index=keys))

    tables = {
        "sessions": _sessions(rows, traits, clinics, episodes, names, rng),
        "messages": write_letters(rows, traits, clinics, episodes, names, end, rng),
        "measures": _measures(traits, episodes, names, end, rng),
        "episodes": _episodes(traits, episodes, names, end),
        "clients": pd.DataFrame({"client_id": client, "birth_year": traits["birth_year"],
                                 "employment": EMPLOYMENT.astype(object)[traits["employment"]],
                                 "referral": REFERRAL.astype(object)[traits["referral"]]}),
    }
    written = tables["messages"]["sender"] == "client"
    intents = tables["messages"].loc[written, ["message_id", "intent"]].sort_values("message_id", ignore_index=True)
    return {name: tables[name][columns] for name, columns in COLUMNS.items()}, replace(names, intents=intents)


def _known_sessions(episodes: Episodes, watch: Watch) -> dict[str, np.ndarray]:
    """Session rows known at the watched midnight: those with an outcome, and those booked ahead."""
    rows = episodes.record.columns("sessions")
    known = rows["known_at"] < watch.at
    rows = {name: values[known] for name, values in rows.items()}
    ahead, start, booked = pending(watch.state, np.flatnonzero(watch.there & (watch.state["phase"] == BOOKED)))
    planned = {"row": ahead, "starts_at": start, "booked_at": booked, "status": np.full(len(ahead), rec.SCHEDULED),
               "known_at": np.full(len(ahead), -1), "therapist": watch.state["therapist"][ahead],
               "owed": np.full(len(ahead), np.nan)}
    return {name: np.concatenate([values, planned[name]]) for name, values in rows.items()}


def _sessions(rows: dict[str, np.ndarray], traits: State, clinics: Clinics, episodes: Episodes, names: Names,
              rng: np.random.Generator) -> pd.DataFrame:
    client = episodes.client[rows["row"]]
    status = np.array(rec.STATUSES, dtype=object)[rows["status"]]
    cancelled = np.isin(rows["status"], (rec.LATE_CANCEL, rec.CLIENT_CANCEL, rec.CLINIC_CANCEL))
    other_mode = rng.random(len(client)) < 0.06
    mode = np.where(other_mode, (traits["mode"][client] + 1) % 3, traits["mode"][client])
    charged = traits["charged"][client]
    return pd.DataFrame({
        "session_id": rows["session_id"],
        "client_id": names.client[client],
        "episode_id": names.episode[rows["row"]],
        "therapist_id": _label("T", rows["therapist"], 4),
        "clinic_id": _label("K", clinics.therapist_clinic[rows["therapist"]], 2),
        "starts_at": cal.times(rows["starts_at"]),
        "status": status,
        "booked_at": cal.times(rows["booked_at"]),
        "cancelled_at": cal.times(np.where(cancelled, rows["known_at"], NEVER)),
        "mode": MODES[mode],
        "fee_owed": np.where(charged, rows["owed"], np.nan),
    }).sort_values(["client_id", "starts_at", "session_id"], ignore_index=True)


def _measures(traits: State, episodes: Episodes, names: Names, end: int, rng: np.random.Generator) -> pd.DataFrame:
    """Scores filled in just before sessions; some clients seldom fill them in, and everybody forgets sometimes."""
    rows = episodes.record.columns("measures")
    client = episodes.client[rows["row"]]
    frames = []
    for clinic, measures in enumerate(MEASURES_OF_CLINIC):
        for measure in measures:
            mean, by_alliance, by_distress, noise, least, most = SCORES[measure]
            u, e = rng.random(len(client)), rng.standard_normal(len(client))
            share = traits["measured"][client] * (0.35 if measure == "wai_sr" else 1.0)
            taken = (traits["clinic"][client] == clinic) & (u < share) & (rows["measured_at"] < end)
            score = mean + by_alliance * rows["alliance"] + by_distress * rows["distress"] + noise * e
            score = np.clip(np.round(score), least, most)[taken]
            when = rows["measured_at"][taken] - 10
            frames.append(pd.DataFrame({"client_id": names.client[client[taken]], "measured_at": cal.times(when),
                                        "measure": measure, "score": score}))
    scores = pd.concat(frames).astype({"client_id": "str", "measure": "str"})
    return scores.sort_values(["client_id", "measured_at", "measure"], ignore_index=True)


def _episodes(traits: State, episodes: Episodes, names: Names, end: int) -> pd.DataFrame:
    n = len(episodes.client)
    closed, talked, reason = np.full(n, NEVER), np.full(n, NEVER), np.zeros(n, np.int64)
    closures, talks = episodes.record.columns("closures"), episodes.record.columns("talks")
    known = closures["at"] < end
    closed[closures["row"][known]] = closures["at"][known]
    reason[closures["row"][known]] = closures["reason"][known]
    known = talks["at"] < end
    talked[talks["row"][known]] = talks["at"][known]
    planned = traits["planned"][episodes.client]
    frame = pd.DataFrame({
        "client_id": names.client[episodes.client],
        "episode_id": names.episode,
        "opened_at": cal.times(episodes.opened_at),
        "closed_at": cal.times(closed),
        "closure_reason": np.array(REASONS, dtype=object)[reason],
        "planned_sessions": pd.array(np.where(planned > 0, planned, -1), dtype="Int64"),
        "ending_discussed_at": cal.times(talked),
    })
    frame["planned_sessions"] = frame["planned_sessions"].mask(frame["planned_sessions"] < 0)
    frame = frame[episodes.opened_at < end]
    return frame.sort_values(["client_id", "opened_at"], ignore_index=True)


def _label(letter: str, number: np.ndarray, digits: int) -> np.ndarray:
    return np.array([f"{letter}{i + 1:0{digits}d}" for i in np.asarray(number)], dtype=object)
