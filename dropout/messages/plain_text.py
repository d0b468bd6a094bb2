"""The words of a message itself: without markup, quoted replies, numbers or control characters."""

from __future__ import annotations

import html
import re

LONGEST = 2_000
"""Characters read of one message; what follows is a thread or an attachment."""

_TAG = re.compile(r"<(?:!--.*?--|style.*?</style|script.*?</script|[a-zA-Z/][^<>]{0,400})>", re.DOTALL | re.IGNORECASE)
_QUOTED = re.compile(
    r"(^\s*>.*$)|(\n[^\n]{0,20}\bOn .{5,100}wrote:.*)|(\n-{2,}\s*Original Message.*)|(\nFrom: .*)|(\n_{5,}.*)|(\n-- \n.*)|"
    r"(\nSent from my \w+.*)",
    re.MULTILINE | re.DOTALL,
)
_LINE_QUOTE = re.compile(r"^\s*>.*$", re.MULTILINE)
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|www\.\S+")
_CLOCK = re.compile(r"\b\d{1,2}[:.]\d{2}\s?(?:[ap]\.?m\b\.?)?|\b\d{1,2}\s?[ap]\.?m\b\.?|\b\d{1,2}\s?o'?clock\b", re.IGNORECASE)
_ORDINAL = re.compile(r"\b\d{1,2}(?:st|nd|rd|th)\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")


def plain_text(text: object) -> str:
    """The message in lower case, as its sender meant it to be read; empty where there is nothing to read.

    Quoted replies, signatures and markup go; clock times become `attime`, ordinals `nthday`, other numbers `num`, and
    addresses `addr`, so that no number or address can be learnt.
    """
    if not isinstance(text, str):
        return ""
    text = text[: LONGEST * 5].replace("\x00", " ").replace("\r\n", "\n")
    if "<" in text:
        text = html.unescape(_TAG.sub(" ", text))
    if "\n" in text or ">" in text:
        text = _LINE_QUOTE.sub("", text)
        text = _QUOTED.sub("", text)
    text = text[:LONGEST].replace("\u2019", "'").replace("\u2018", "'").lower()
    if "@" in text or "/" in text or "www" in text:
        text = _ADDRESS.sub(" addr ", text)
    if _DIGITS.search(text):
        text = _CLOCK.sub(" attime ", text)
        text = _ORDINAL.sub(" nthday ", text)
        text = _DIGITS.sub(" num ", text)
    return _SPACE.sub(" ", text).strip()
