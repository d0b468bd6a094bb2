"""Writes `docs/features.md` from what each feature says of itself and from its worked example.

`python docs/write.py` (or `make docs`) calls it; `python tests/features/write_docs.py` prints it.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from examples import EXAMPLES, Case, Example, frame_of  # noqa: E402
from worked import features_of, history_of  # noqa: E402

INTRODUCTION = """# Features

What is known about an episode at a moment, as numbers. Each is read at the moment asked for and sees only what was
known by then; training and scoring read it by the same function. What your tables cannot give is left out, and said.

Every feature has a worked example: under each group stands a tiny history, and the last column says what its client 7
shows at one moment and another. `.` is a missing value, and `unknown` is what a model is told where nothing is known.
The tests hold the code to these examples.

A *reason* is what a clinician may be told when the feature raises a probability; features without one are used and never
shown as a reason. *Scale* is how an additive model reads the value: as it is (linear), by its logarithm (log), or as
0 or 1 (flag).
"""

NOTES = {
    "chains": "A booking replaces the cancellation that the tables say it does; where they are silent, the latest one of the "
              "last 14 days that has no replacement yet.",
    "outcome tracking": "The same seven for each questionnaire in `measures`, named after it (here `phq9`); of the six "
                        "with the most scores.",
    "therapist": "A client counts as having left after a session when a closure with such a reason is written down, or once they "
                 "have been gone for 60 days, until they return. Expected are the rates of all after as many sessions (the 1st, "
                 "2nd, 3rd and 4th, 5th to 8th, 9th to 16th, later); drawn towards 1 is (observed + 12) / (expected + 12).",
    "baseline": "Every extra column of `clients` and `episodes`: numbers as they are, and 0 or 1 for each level that at least "
                "20 clients have. Which columns are read is learnt in training. They inform a probability, and are "
                "never a reason.",
    "open cancellation": "Read only while the client has cancelled, or written to, and has neither attended since nor a "
                         "session booked ahead.",
}


def features_markdown() -> str:
    """The documentation of the features, in Markdown."""
    lines = [INTRODUCTION]
    for group, (case, examples) in EXAMPLES.items():
        features = features_of(history_of(group), case, examples[-1].moment)[1]
        lines += [f"## {group.capitalize()}", ""]
        if group in NOTES:
            lines += [NOTES[group], ""]
        shown_under = next(name for name, (first, _) in EXAMPLES.items() if first is case)
        lines += _case_markdown(case) if shown_under == group else [f"The history is the one under {shown_under}.", ""]
        lines += ["| feature | what it is | unit | from | scale | reason | example |",
                  "|---|---|---|---|---|---|---|"]
        for name in dict.fromkeys(example.feature for example in examples):
            feature = features[name]
            reason = re.sub(r"\{value[^}]*\}", "N", feature.reason or "")
            shown = "; ".join(_example_markdown(example) for example in examples if example.feature == name)
            lines.append(f"| `{name}` | {feature.sentence} | {feature.unit} | {feature.table} | {feature.scale} | {reason} "
                         f"| {shown} |")
        lines.append("")
    return "\n".join(lines)


def _case_markdown(case: Case) -> list[str]:
    """The tables of a case, as code, each with its name above it."""
    lines = ["```"]
    for name, text in case.tables.items():
        frame = frame_of(text).fillna(".")
        rows = [list(frame.columns), *frame.to_numpy().tolist()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines.append(f"{name}:")
        lines += ["  " + "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
                  for row in rows]
    return [*lines, "```", ""]


def _example_markdown(example: Example) -> str:
    when = example.moment.replace("T", " ")
    if math.isnan(example.value):
        return f"{when}: unknown"
    if example.within > 0.1:
        low, high = example.value - example.within, example.value + example.within
        return f"{when}: {low:g} to {min(high, 1.0) if example.feature.startswith('says_') else high:g}"
    return f"{when}: {round(example.value, 4):g}"


if __name__ == "__main__":
    print(features_markdown(), end="")
