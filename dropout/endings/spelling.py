"""Definitions in a line of text, as they are typed on the command line, and back.

    closure else gap:60        gap:90 | missed-last        (gap:60 & no-change) with policy:3
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from dropout.endings.cadence import CadenceGap
from dropout.endings.change import NoReliableChange
from dropout.endings.combine import AllOf, AnyOf
from dropout.endings.definitions import DEFAULT, ClosureReason, Gap, UnlessRecorded
from dropout.endings.ending import Definition
from dropout.endings.judged import FewerThan, MissedLast, PlannedNotReached
from dropout.endings.policy import DischargePolicy
from dropout.errors import CallError
from dropout.sayable import sayable

_TOKEN = re.compile(r"\s*(?:([()|&])|([a-z0-9][a-z0-9_.,:-]*))", re.IGNORECASE)
_ENDED = (MissedLast, FewerThan, PlannedNotReached, NoReliableChange)


def parse(text: str) -> Any:
    """The definition that a line of text spells.

    Raises
    ------
    CallError
        Where it is not understood, with what may be said.
    """
    if not isinstance(text, str):
        raise CallError(f"a definition is spelt in a line of text, such as 'gap:60'; got a {type(text).__name__}")
    words, at = [], 0
    text = text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _unclear(text, f"'{text[at:].split()[0]}' means nothing here")
        words.append(token.group(1) or token.group(2).lower())
        at = token.end()
    reader = _Reader(text, words)
    try:
        definition = reader.whole()
    except RecursionError:
        raise _unclear(text[:40] + "...", "it has too many brackets") from None
    if reader.words:
        raise _unclear(text, f"'{reader.words[0]}' can't stand there")
    return definition


def spell(definition: Definition) -> str:
    """The definition as `parse` reads it; the sentence of one that isn't the package's own."""
    if isinstance(definition, AnyOf | AllOf):
        sign = " | " if isinstance(definition, AnyOf) else " & "
        return sign.join(_bracketed(part) for part in definition.parts)
    if isinstance(definition, ClosureReason):
        if definition.otherwise is None:
            return "closure"
        rest = definition.otherwise
        # Where a reason is recorded it stands anyway, so both say the same here.
        return "closure else " + _bracketed(UnlessRecorded(rest) if isinstance(rest, Gap | CadenceGap) else rest)
    if isinstance(definition, Gap):
        return f"silence:{definition.days}"
    if isinstance(definition, UnlessRecorded) and isinstance(definition.rule, Gap):
        return f"gap:{definition.rule.days}"
    if isinstance(definition, UnlessRecorded) and isinstance(definition.rule, CadenceGap):
        rule = definition.rule
        rest_of = "" if (rule.at_least, rule.at_most) == (30, 120) else f",{rule.at_least},{rule.at_most}"
        return f"cadence:{rule.times:g}{rest_of}"
    if isinstance(definition, _ENDED):
        after = "" if definition.ended == DEFAULT else f" after {_bracketed(definition.ended)}"
        return _rule(definition) + after
    if isinstance(definition, DischargePolicy):
        counting = "" if definition.counting == ("no_show", "late_cancel") else "," + ",".join(definition.counting)
        return f"{_bracketed(definition.definition)} with policy:{definition.missed}{counting}"
    return definition.name


def _rule(definition: Any) -> str:
    if isinstance(definition, FewerThan):
        return f"fewer-than:{definition.n}"
    if isinstance(definition, NoReliableChange):
        word = "no-recovery" if definition.clinical else "no-change"
        everything = definition.measures == NoReliableChange().measures
        return word if everything else f"{word}:{','.join(definition.measures)}"
    return "missed-last" if isinstance(definition, MissedLast) else "plan"


def _bracketed(definition: Definition) -> str:
    text = spell(definition)
    return f"({text})" if " " in text else text


class _Reader:
    """The words of a line, read from left to right: policies over unions over intersections over single rules."""

    def __init__(self, text: str, words: list[str]) -> None:
        self.text, self.words = text, words

    def whole(self) -> Any:
        found = self.joined("|", lambda: self.joined("&", self.one))
        while self.next_is("with"):
            word = self.take("a policy, as in 'gap:60 with policy:3'")
            name, _, value = word.partition(":")
            missed, *counting = value.split(",")
            if name != "policy":
                raise _unclear(self.text, f"'{word}' is no policy; write 'with policy:3'")
            settings = {"counting": tuple(counting)} if counting else {}
            found = DischargePolicy(found, self.number(missed, word), **settings)
        return found

    def joined(self, sign: str, part: Callable[[], Any]) -> Any:
        found = part()
        while self.next_is(sign):
            found = found | part() if sign == "|" else found & part()
        return found

    def one(self) -> Any:
        word = self.take("a definition")
        if word == "(":
            found = self.whole()
            if not self.next_is(")"):
                raise _unclear(self.text, "a bracket is not closed")
            return found
        found = self.named(word)
        if isinstance(found, ClosureReason) and found.otherwise is None and self.next_is("else"):
            rest = self.one()
            # Where a reason is recorded it stands anyway.
            return ClosureReason(rest.rule if isinstance(rest, UnlessRecorded) else rest)
        if isinstance(found, _ENDED) and self.next_is("after"):
            settings = {name: getattr(found, name) for name in found.__dataclass_fields__} | {"ended": self.one()}
            return type(found)(**settings)
        return found

    def named(self, word: str) -> Any:
        name, colon, value = word.partition(":")
        values = value.split(",") if value else []
        if name in ("gap", "silence") and len(values) == 1:
            gap = Gap(self.number(value, word))
            return gap if name == "silence" else UnlessRecorded(gap)
        if name == "cadence" and len(values) in (1, 3):
            return UnlessRecorded(CadenceGap(self.times(values[0], word), *(self.number(one, word) for one in values[1:])))
        if name == "fewer-than" and len(values) == 1:
            return FewerThan(self.number(value, word))
        if name in ("no-change", "no-recovery") and bool(colon) == bool(values):
            return NoReliableChange(tuple(values) if values else NoReliableChange().measures, name == "no-recovery")
        plain = {"default": DEFAULT, "closure": ClosureReason(), "missed-last": MissedLast(), "plan": PlannedNotReached()}
        if word not in plain:
            raise _unclear(self.text, f"'{word}' is no definition")
        return plain[word]

    def next_is(self, word: str) -> bool:
        if not self.words or self.words[0] != word:
            return False
        self.words.pop(0)
        return True

    def take(self, what: str) -> str:
        if not self.words:
            raise _unclear(self.text, f"{what} is missing at the end")
        return self.words.pop(0)

    def number(self, text: str, word: str) -> int:
        if not text.isdigit():
            raise _unclear(self.text, f"'{word}' wants a whole number")
        return int(text)

    def times(self, text: str, word: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise _unclear(self.text, f"'{word}' wants a number") from None


def _unclear(text: str, why: str) -> CallError:
    return CallError(f"the definition '{text}' is not understood: {why}. What may be said:\n{sayable()}")
