"""The letters: what clients write when they cancel, and all the rest that reaches a clinic.

The lines are written by hand, one file an intent in the folder `words`; `{day}`, `{time}`, `{who}` and `{reason}` are
filled in. A greeting, a second sentence, a signature, the writer's spelling and the habits of the channel are added
at random. An intent is what the writer means to say, not what they will do.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dropout.simulate import calendar as cal
from dropout.simulate import record as rec
from dropout.simulate.calendar import DAY
from dropout.simulate.hazards import State
from dropout.simulate.people import Clinics
from dropout.simulate.rules import INTENTS, NO_WORDS, OTHER

if TYPE_CHECKING:
    from dropout.simulate.tables import Names
    from dropout.simulate.world import Episodes

SMS, EMAIL, VOICEMAIL, PORTAL = range(4)
CHANNELS = np.array(["sms", "email", "voicemail", "portal"], dtype=object)
POOLS = ("ends_therapy", "vague_deferral", "concrete_reschedule", "cancel_only", "other", "running_late", "confirms",
         "clinic", "reasons", "asides")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
TIMES = ("9", "9.30", "10am", "11", "half 11", "noon", "1pm", "2", "2:30", "3pm", "4", "quarter past 4", "5pm",
         "after 5", "17:30", "6pm")
NAMES = ("Amira", "Ben", "Carol", "Dev", "Elena", "Femi", "Grace", "Hugo", "Ines", "Jo", "Kofi", "Lena", "Marcus",
         "Nadia", "Owen", "Priya", "Quentin", "Rosa", "Sam", "Tove", "Uma", "Viktor", "Wanda", "Yusuf", "Zoe")
HELLOS = ("Hi", "Hello", "Hiya", "Hi there", "Morning", "Good afternoon", "Dear all", "Hey", "Hi {who}", "Dear {who}",
          "Hello {who}")
CLOSES = ("Thanks", "Many thanks", "Kind regards", "Best wishes", "Cheers", "Sorry again", "Thank you", "Best",
          "Take care", "All the best")
SPOKEN = ("um", "er", "yeah so", "so", "you know")
SHORT = {" you ": " u ", " please": " pls", "tomorrow": "tmrw", " because ": " cos ", " weeks": " wks", " and ": " & ",
         " are ": " r ", " to be ": " 2 b ", " thanks": " thx", "appointment": "appt"}


@cache
def pool(name: str) -> tuple[str, ...]:
    """Hand-written lines of one pool, in the order of its file."""
    text = resources.files("dropout.simulate").joinpath("words").joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in (row.strip() for row in text.split("\n")) if line)


def compose(line_pool: str, channel: int, u: np.ndarray) -> str:
    """Text of one message: a line of the pool, in the manner of the channel; `u` holds 20 uniform numbers."""
    text = _filled(_pick(pool(line_pool), u[0]), u[1:7])
    if line_pool in ("cancel_only", "vague_deferral", "concrete_reschedule") and u[7] < 0.16:
        text = _joined(text, _filled(_pick(pool("asides"), u[8]), u[1:7]))
    if channel == EMAIL or (channel == PORTAL and u[9] < 0.4):
        hello = _filled(_pick(HELLOS, u[10]), u[1:7])
        signature = f"\n{_pick(NAMES, u[12])}" if u[13] < 0.7 else ""
        text = f"{hello},\n\n{_upper(text)}\n\n{_pick(CLOSES, u[11])}{signature}"
    elif channel == VOICEMAIL:
        name = _pick(NAMES, u[12])
        text = f"{_pick(HELLOS[:6], u[10])} it's {name} {_pick(SPOKEN, u[11])} {text[:1].lower() + text[1:]}"
        text = re.sub(r"\s+", " ", re.sub(r"[!;()]", "", text)).strip() + ("" if u[13] < 0.6 else " okay bye")
    elif u[9] < 0.3:
        text = f"{_filled(_pick(HELLOS, u[10]), u[1:7])} {text}"
    if channel == SMS and u[14] < 0.45:
        text = text.lower()
    if channel == SMS and u[15] < 0.22:
        for long, brief in SHORT.items():
            text = text.replace(long, brief)
    if channel in (SMS, PORTAL) and u[16] < 0.18:
        text = text.replace("'", "")
    if channel != VOICEMAIL and u[17] < 0.14:
        text = _mistyped(text, u[18], u[19])
    return text


def _pick(lines: tuple[str, ...], u: float) -> str:
    return lines[int(u * len(lines))]


def _filled(text: str, u: np.ndarray) -> str:
    if "{" not in text:
        return text
    other_day = DAYS[(int(u[1] * 5) + 1 + int(u[2] * 4)) % 5]
    reason = _pick(pool("reasons"), u[0]) if "{reason}" in text else ""
    return (text.replace("{reason}", reason).replace("{day}", _pick(DAYS, u[1])).replace("{day2}", other_day)
            .replace("{time}", _pick(TIMES, u[3])).replace("{who}", _pick(NAMES, u[4]))
            .replace("{date}", str((4 + int(u[5] * 17)) if u[5] < 0.8 else 24 + int((u[5] - 0.8) * 35))))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(text: str, more: str) -> str:
    return f"{text if text[-1] in '.!?' else text + '.'} {_upper(more)}"


def _mistyped(text: str, u: float, v: float) -> str:
    """The text with one slip of the fingers: two letters swapped, or one left out, or one doubled."""
    at = 1 + int(u * max(len(text) - 3, 1))
    if not text[at:at + 2].isalpha():
        return text
    if v < 0.5:
        return text[:at] + text[at + 1:at + 2] + text[at:at + 1] + text[at + 2:]
    return text[:at] + text[at + 1:] if v < 0.8 else text[:at] + text[at] + text[at:]


def write_letters(rows: dict[str, np.ndarray], traits: State, clinics: Clinics, episodes: Episodes, names: Names,
                  end: int, rng: np.random.Generator) -> pd.DataFrame:
    """All messages known at minute `end`, with the `intent` that each was written with.

    Messages that do not cancel (confirmations, bills, reminders) are sent without regard to who will leave.
    """
    letters = [_cancelling(episodes, rng), *_around_sessions(rows, clinics, episodes, rng)]
    joined = {name: np.concatenate([part[name] for part in letters]) for name in letters[0]}
    order = np.lexsort((joined["starts_at"], joined["pool"], joined["row"], joined["sent_at"]))
    order = order[(joined["sent_at"] < end)[order]]
    joined = {name: values[order] for name, values in joined.items()}

    client = episodes.client[joined["row"]]
    n = len(client)
    u = rng.random((n, 22))
    # Clients sign with one name, and call their therapist by one.
    u[:, 4] = (traits["therapist"][client] % len(NAMES) + 0.5) / len(NAMES)
    u[:, 12] = (7 * client % len(NAMES) + 0.5) / len(NAMES)
    clinic_writes = joined["pool"] == POOLS.index("clinic")
    on_the_phone = clinic_writes | np.isin(joined["pool"], [POOLS.index("running_late"), POOLS.index("confirms")])
    channel = np.where(u[:, 20] < 0.85, traits["channel"][client], (u[:, 20] * 997).astype(np.int64) % 4)
    channel = np.where(on_the_phone, SMS, channel)
    texts = [pool("clinic")[int(u[i, 0] * len(pool("clinic")))] if clinic_writes[i]
             else compose(POOLS[joined["pool"][i]], channel[i], u[i]) for i in range(n)]
    told = (joined["starts_at"] >= 0) & (u[:, 21] < 0.92)
    session = np.full(n, None, dtype=object)
    session[told] = names.session_of(joined["row"][told], joined["starts_at"][told])
    meant = np.array([name if name in INTENTS else INTENTS[OTHER] for name in POOLS], dtype=object)
    frame = pd.DataFrame({
        "message_id": [f"M{i + 1:07d}" for i in range(n)],
        "client_id": names.client[client],
        "sent_at": cal.times(joined["sent_at"]),
        "sender": np.where(clinic_writes, "clinic", "client").astype(object),
        "channel": CHANNELS[channel],
        "session_id": session,
        "text": pd.array(texts, dtype="object"),
        "intent": meant[joined["pool"]],
    })
    return frame.sort_values(["client_id", "sent_at", "message_id"], ignore_index=True)


def _cancelling(episodes: Episodes, rng: np.random.Generator) -> dict[str, np.ndarray]:
    rows = episodes.record.columns("messages")
    intent = rows["intent"]
    sent = rows["sent_at"] - np.floor(4 * rng.random(len(intent))).astype(np.int64)
    written = intent != NO_WORDS
    which = np.array([POOLS.index(name) if name in POOLS else 0 for name in INTENTS])[intent]
    return {"row": rows["row"][written], "sent_at": sent[written], "pool": which[written],
            "starts_at": rows["starts_at"][written]}


def _around_sessions(rows: dict[str, np.ndarray], clinics: Clinics, episodes: Episodes,
                     rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Reminders of the clinic, confirmations, people running late, and everything else under the sun."""
    start, row = rows["starts_at"], rows["row"]
    n = len(row)
    u = rng.random((6, n))
    attended = rows["status"] == rec.ATTENDED
    cancelled = np.isin(rows["status"], (rec.LATE_CANCEL, rec.CLIENT_CANCEL, rec.CLINIC_CANCEL))
    reminder_at = (start // DAY - 1) * DAY + 600
    stands = (rows["booked_at"] < reminder_at) & ~(cancelled & (rows["known_at"] <= reminder_at))
    reminded = stands & clinics.reminds[clinics.therapist_clinic[rows["therapist"]]] & (u[0] < 0.6)
    reply_at = reminder_at + 4 + np.floor(300 * u[2] * u[2]).astype(np.int64)
    replies = reminded & (u[1] < 0.14) & ~(cancelled & (rows["known_at"] <= reply_at))
    late = attended & (u[3] < 0.025)
    after = attended & (u[4] < 0.06)
    after_day = start // DAY + 1 + np.floor(4 * u[5]).astype(np.int64)
    after_at = after_day * DAY + 500 + (u[5] * 4096).astype(np.int64) % 660

    def part(which: np.ndarray, at: np.ndarray, name: str, about: bool) -> dict[str, np.ndarray]:
        return {"row": row[which], "sent_at": at[which], "pool": np.full(which.sum(), POOLS.index(name)),
                "starts_at": start[which] if about else np.full(which.sum(), -1)}

    return [part(reminded, reminder_at, "clinic", True), part(replies, reply_at, "confirms", True),
            part(late, start - 25, "running_late", True), part(after, after_at, POOLS[OTHER], False)]
