"""The content of the clinic's page, as data: one part a section, each made by one function."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from dropout.clinic.cancellations import (
    Cancellations,
    cancelled_and_not_back,
    latest_therapists,
    messages_in_words,
    open_cancellations_of,
)
from dropout.clinic.lists import CallList, call_list, open_episodes
from dropout.clinic.phrases import counted, day_in_words
from dropout.clinic.render import render
from dropout.clinic.shares import HowTheyEnded, how_they_ended
from dropout.clinic.silence import Assumption, Typical, seen_ahead, typical_curves
from dropout.clinic.track_record import trials_of
from dropout.clinic.trust import Trust, left_out, model_facts
from dropout.clinic.words_here import WordsHere, words_here
from dropout.endings import DEFAULT, Definition
from dropout.errors import CallError
from dropout.history import History

if TYPE_CHECKING:
    from dropout.models.outlook import Call


@dataclass(frozen=True)
class Tile:
    """One number at the top of the page, what it counts, and its interval if it has one."""

    number: str
    caption: str
    interval: str = ""


@dataclass(frozen=True)
class Headline:
    """The page in a few sentences and numbers."""

    sentences: tuple[str, ...]
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Report:
    """Everything that the clinic's page says. Shows itself as the page in Jupyter; `render` gives its HTML.

    Attributes
    ----------
    as_of : numpy.datetime64
        The date at which all of it was known.
    headline : Headline
    calls : CallList or None
        None without a model.
    cancellations : Cancellations
    endings : HowTheyEnded
    trust : Trust
    synthetic : bool
        The history is invented, and the page says so on top.
    silence : tuple of Typical
        How chances rise with days of silence; empty where too few say so.
    assumption : Assumption or None
        What a call is taken to do; None where no day to call is given.
    words : WordsHere or None
        What the words were worth; None without a model that has learnt from words.
    """

    as_of: np.datetime64
    headline: Headline
    calls: CallList | None
    cancellations: Cancellations
    endings: HowTheyEnded
    trust: Trust
    synthetic: bool = False
    silence: tuple[Typical, ...] = ()
    assumption: Assumption | None = None
    words: WordsHere | None = None

    def __repr__(self) -> str:
        return f"Report as of {self.as_of}: " + " ".join(self.headline.sentences)

    def _repr_html_(self) -> str:
        return (f'<iframe title="Report" sandbox srcdoc="{escape(render(self), quote=True)}" '
                'style="width:100%;height:640px;border:1px solid #d0d7de"></iframe>')


def report(history: History, *, scores: Any = None, evaluation: Any = None, model: Any = None, top: int = 25,
           synthetic: bool = False, definition: Definition | None = None, call: Call | None = None) -> Report:
    """The clinic's page about a history.

    Parameters
    ----------
    history : History
        Seen as of the date of the scores, where there are any.
    scores : Scores, optional
        What `DropoutModel.score` gives. With a model and no scores, the history is scored.
    evaluation : Evaluation, optional
        How the model did on dates whose outcome was known, as `dropout.evaluation.evaluate` gives it.
    model : DropoutModel, optional
        Said to have learnt from what, until when.
    top : int
        Clients in each list at most.
    synthetic : bool
        Say on top that the clients are invented.
    definition : Definition, optional
        What counts as a dropout; the model's, or else the default.
    call : Call, optional
        What a call is taken to do (see `dropout.models.outlook`). The days to call rest on it, and the page says that it is an
        assumption.

    Raises
    ------
    CallError
        If `top` is not positive or the scores lack a column.
    """
    if top < 1:
        raise CallError(f"top is {top}; expected 1 or more clients a list")
    if scores is None and model is not None:
        scores = model.score(history)
    if scores is not None and scores.as_of != history.known_until:
        history = history.as_of(scores.as_of)
    counts_as: Definition = definition if definition is not None else getattr(model, "definition", DEFAULT)
    still_open = open_episodes(history, counts_as)
    reschedule = open_cancellations_of(history) if scores is None else scores.reschedule
    calls = None if scores is None else call_list(scores.dropout_risk, still_open, reschedule, top=top)
    therapists = latest_therapists(history) if scores is None else scores.dropout_risk
    ahead = None if scores is None else seen_ahead(model, history, still_open, reschedule, call)
    cancellations = cancelled_and_not_back(reschedule, still_open, therapists, top=top,
                                           outlook=None if ahead is None else ahead.outlook, as_of=history.known_until)
    endings = how_they_ended(history, counts_as)
    n_left = int(still_open["left"].sum())
    return Report(
        as_of=history.known_until,
        headline=headline(history.known_until, len(still_open) - n_left, n_left, calls, cancellations),
        calls=calls,
        cancellations=cancellations,
        endings=endings,
        trust=Trust(model_facts(model), left_out(model, scores, history), trials_of(evaluation)),
        synthetic=synthetic,
        silence=() if ahead is None else typical_curves(
            ahead.curves, reschedule.assign(message=messages_in_words(reschedule))),
        assumption=None if ahead is None else ahead.assumption,
        words=words_here(model),
    )


def headline(as_of: np.datetime64, n_in_care: int, n_on_paper: int, calls: CallList | None,
             cancellations: Cancellations) -> Headline:
    """The page in a few sentences and numbers.

    Parameters
    ----------
    as_of : date of the page
    n_in_care, n_on_paper : int
        Open episodes, without and with a client who has left by the definition.
    calls, cancellations : the lists
    """
    sentences = [f"On {day_in_words(as_of)}, {counted(n_in_care, 'episode')} of care "
                 f"{'is' if n_in_care == 1 else 'are'} open."]
    tiles = [Tile(f"{n_in_care:,}", "open episodes of care")]
    if calls is not None:
        expected, low, high = round(calls.expected), round(calls.low), round(calls.high)
        sentences.append(
            f"About {expected:,} of these clients ({low:,} to {high:,}) are expected to leave within 60 days, or have "
            "left already without saying so.")
        tiles.append(Tile(f"{expected:,}", "expected to leave within 60 days", f"{low:,} to {high:,}"))
    gone = next((group.n for group in cancellations.groups if group.key == "gone"), 0)
    sentences.append(_cancelled_sentence(cancellations.n, cancellations.n_said_back, gone, calls is not None))
    tiles.append(Tile(f"{cancellations.n:,}", "cancelled and not yet back"))
    if n_on_paper:
        sentences.append(
            f"{counted(n_on_paper, 'more file is', 'more files are')} open on paper only: by the definition of dropout in use "
            f"the client{'' if n_on_paper == 1 else 's'} left.")
        tiles.append(Tile(f"{n_on_paper:,}", "files open on paper only"))
    return Headline(tuple(sentences), tuple(tiles))


def _cancelled_sentence(n: int, n_said_back: int, n_gone: int, with_model: bool) -> str:
    if n == 0:
        return "No cancellation is waiting for the client to come back."
    sentence = f"{counted(n, 'client')} cancelled and {'is' if n == 1 else 'are'} not back yet"
    if n_said_back:
        sentence += f"; {n_said_back:,} of them wrote that they would be in touch or asked for another time"
    if with_model and n_gone:
        sentence += f", and {n_gone:,} {'is' if n_gone == 1 else 'are'} likely gone"
    return sentence + "."
