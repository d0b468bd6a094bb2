"""`model_card`: a model card and two checklists of a fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dropout.card.checklists import probast_ai, tripod_ai
from dropout.card.document import Document
from dropout.card.html import html
from dropout.card.known import Known
from dropout.card.markdown import MARK, markdown
from dropout.card.sections import sections
from dropout.errors import CallError
from dropout.evaluation import Evaluation
from dropout.evaluation.earlier import check_same_model, read_evaluation
from dropout.models.model import DropoutModel

FORMATS = ("md", "html")

SYNTHETIC = ("The clients of this evaluation were made up by a simulator. Its numbers show that the program works, and say "
             "nothing about people.")
UNKNOWN = ("The model does not record whether it learnt from real or from simulated clients. If they were simulated, nothing "
           "here says anything about people.")


@dataclass(frozen=True)
class Card:
    """A model card, a TRIPOD+AI checklist and PROBAST+AI's questions.

    Attributes
    ----------
    known : Known
        What is known of the model and its evaluation.
    documents : tuple of Document
        The three documents.
    """

    known: Known
    documents: tuple[Document, ...]

    def markdown(self) -> str:
        """All three as one Markdown text."""
        return markdown(self.documents)

    def html(self) -> str:
        """All three as one HTML page that needs no other file."""
        return html(self.documents, self.documents[0].title)

    def files(self, format: str = "md") -> dict[str, str]:
        """The three as files of their own: text by name.

        Raises
        ------
        CallError
            If the format is neither "md" nor "html".
        """
        if format not in FORMATS:
            raise CallError(f"a card can't be written as '{format}'; give one of {', '.join(FORMATS)}")
        return {f"{one.name}.{format}": markdown((one,)) if format == "md" else html((one,), one.title)
                for one in self.documents}

    def __repr__(self) -> str:
        tested = "not evaluated" if self.known.evaluated is None else self.known.evaluated.basis
        return f"Card of the model learnt until {self.known.trained_until} ({tested}): .markdown(), .html(), .files()"

    def _repr_html_(self) -> str:
        # In a frame of its own, so that the page's styles stay with it.
        from html import escape

        return (f'<iframe title="Model card" srcdoc="{escape(self.html())}" '
                'style="width: 100%; height: 40rem; border: 0"></iframe>')


def model_card(model: DropoutModel, evaluation: Evaluation | str | Path | None = None) -> Card:
    """A model card (Mitchell et al. 2019) with TRIPOD+AI and PROBAST+AI, filled where the package knows the answer.

    Parameters
    ----------
    model : DropoutModel
        Fitted.
    evaluation : Evaluation or folder, optional
        Of this model, as `dropout.evaluate` gives or `dropout evaluate` writes it. Without one the card says what is then
        not known.

    Raises
    ------
    CallError
        If it is no fitted model, or the evaluation cannot be read or is of another model.

    Notes
    -----
    Counts below five are not shown, and no text, name or level of a category is in it. TRIPOD+AI: Collins et al. (2024);
    PROBAST+AI: Moons et al. (2025).
    """
    known = Known.of(model, None)  # the model first: an error about it comes before one about the evaluation
    if evaluation is not None:
        if isinstance(evaluation, (str, Path)):
            evaluation = read_evaluation(evaluation, model)
        elif not isinstance(evaluation, Evaluation):
            raise CallError(f"evaluation is a {type(evaluation).__name__}; give what dropout.evaluate returns, or the folder "
                            "that `dropout evaluate` wrote")
        if "trained_until" not in evaluation.settings:
            raise CallError("this evaluation is of predictions alone and not of a model; give what dropout.evaluate returns")
        check_same_model(evaluation, model, "the evaluation", "leave the evaluation out")
        known = Known.of(model, evaluation)
    notices = _notices(known)
    return Card(known, (
        Document("model-card", f"Model card: dropout from psychotherapy, model of {known.trained_until}", notices,
                 "What this model is, what it is for and not for, what it learnt from, how it did, and what it can't tell. "
                 "Written from the model and its evaluation alone; what they can't know is left to the authors.",
                 sections(known)),
        Document("tripod-ai", "TRIPOD+AI: reporting checklist", notices,
                 "What a report of a prediction model should tell (Collins et al. 2024), filled where the package knows the "
                 "answer. Nothing is made up: where it doesn't know, it says what to write and where to find it.",
                 tripod_ai(known)),
        Document("probast-ai", "PROBAST+AI: quality and risk of bias", notices,
                 "Questions by which a reader judges the development of a model and its evaluation (Moons et al. 2025), with "
                 "what this package does about each and what to check yourself.", probast_ai(known))))


def is_card(content: bytes) -> bool:
    """Whether this is a file that a card was written to before."""
    return MARK.encode() in content[:400]


def _notices(known: Known) -> tuple[str, ...]:
    notices = [UNKNOWN if known.evaluated is None else SYNTHETIC if known.evaluated.synthetic else ""]
    if known.version != known.written_by:
        notices.append(f"Fitted by version {known.version}, written down by version {known.written_by}: statements of method "
                       "are those of the version that writes, and may not hold for the model.")
    return tuple(notice for notice in notices if notice)
