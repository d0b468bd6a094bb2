"""The words of a message itself: without markup, quoted replies, numbers or control characters."""

from __future__ import annotations

import re
import unicodedata

from dropout.messages.quoted import own_words, without_markup

LONGEST = 2_000
"""Characters read of the sender's own words."""

LOOKED_AT = 150_000
"""Characters of a message looked at before quotes and markup go; what follows is a thread or an attachment."""

_ADDRESS = re.compile(r"\S{1,100}@\S+|https?://\S+|www\.\S+")
_CLOCK = re.compile(r"\b\d{1,2}[:.]\d{2}\s?(?:[ap]\.?m\b\.?)?|\b\d{1,2}\s?[ap]\.?m\b\.?|\b\d{1,2}\s?o'?clock\b", re.IGNORECASE)
_ORDINAL = re.compile(r"\b\d{1,2}(?:st|nd|rd|th)\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")
_HIGH = "\u0080-\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_GARBLED = re.compile(f"[Â-ßà-ïð-ô][{_HIGH}]{{1,3}}")
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_SIGNS = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "‛": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"',
                        "»": '"', "–": "-", "—": "-", "‑": "-", "\r": "\n", "\u2028": "\n", "\u2029": "\n", "\x85": "\n"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def plain_text(text: object) -> str:
    """The message in lower case, as its sender meant it to be read; empty where there is nothing to read.

    Quoted replies, signatures, legal notices and markup go; clock times become `attime`, ordinals `nthday`, other numbers
    `num`, and addresses `addr`, so that no number or address can be learnt. Bytes are taken as UTF-8, or as Windows-1252
    where they are not; text that was decoded wrongly on its way ("Iâ€™ll") is mended.
    """
    if isinstance(text, (bytes, bytearray)):
        text = decoded(bytes(text[: 4 * LOOKED_AT]))
    if not isinstance(text, str):
        return ""
    text = text[:LOOKED_AT].replace("\r\n", "\n")
    if "<" in text or "&" in text:
        text = without_markup(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _GARBLED.sub(_mended, text))
        text = _UNSEEN.sub("", text)
    text = _CONTROL.sub(" ", text.translate(_SIGNS))
    text = own_words(text)[:LONGEST].lower()
    if "@" in text or "/" in text or "www" in text:
        text = _ADDRESS.sub(" addr ", text)
    if _DIGITS.search(text):
        text = _CLOCK.sub(" attime ", text)
        text = _ORDINAL.sub(" nthday ", text)
        text = _DIGITS.sub(" num ", text)
    return _SPACE.sub(" ", text).strip()


def decoded(raw: bytes) -> str:
    """Text from bytes: UTF-16 where marked, else UTF-8, else Windows-1252."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 3:  # cut within its last letter
            return raw[: error.start].decode("utf-8-sig", "replace")
        return raw.decode("cp1252", "replace")


def _mended(found: re.Match[str]) -> str:
    """Characters of UTF-8 that were read as Windows-1252, as what they were; others as they are."""
    raw = bytearray()
    for letter in found.group():
        try:
            raw += letter.encode("cp1252")
        except UnicodeEncodeError:
            if ord(letter) > 255:
                return found.group()
            raw.append(ord(letter))
    for length in range(len(raw), 1, -1):
        try:
            return raw[:length].decode("utf-8") + found.group()[length:]
        except UnicodeDecodeError:
            continue
    return found.group()
